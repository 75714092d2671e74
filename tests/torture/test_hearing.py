"""I11: what is said of engines that fall silent is held against when they really lived."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.simulator.exchange import Movement
from engine.torture.evidence import Evidence
from engine.torture.generator import story_of
from engine.torture.hearing import silence_is_heard
from engine.torture.one import run_story
from engine.torture.story import Die, DiskSlow, Freeze, Story
from torture.test_invariants import KEY, D, found, halted_for_silence  # noqa: F401

WATCHED_S = 120.0


@pytest.fixture
def watched(found: Evidence) -> Evidence:  # noqa: F811
    """Two minutes under a guard, nothing sold; engine1 beat for ten seconds and died, engine2 lived."""
    found.presses.clear()
    found.acknowledged.clear()
    found.movements["paper"] = []
    found.at_first["paper"] = {KEY: D(3)}
    found.watched, found.story_ended_s = True, WATCHED_S
    found.lives = {"engine1": [(0.0, True), (10.0, False)], "engine2": [(0.0, True)]}
    found.beats = {"engine1": [*map(float, range(1, 11))], "engine2": [*map(float, range(1, 120))]}
    return found


def said(found: Evidence) -> list[str]:  # noqa: F811
    return list(silence_is_heard(found))


def test_a_silence_that_nobody_halts_for_is_told(watched: Evidence) -> None:
    assert ["nobody halted paper" in one for one in said(watched)] == [True]
    halted_for_silence(watched, 40.5)
    assert not said(watched)


def test_one_that_is_to_be_pressed_for_is_told_where_it_is_only_halted_for(watched: Evidence) -> None:
    halted_for_silence(watched, 40.5)
    watched.story = replace(watched.story, silence_kills_s=45.0)
    assert ["nobody pressed for paper" in one for one in said(watched)] == [True]


EXCUSES = ("flat", "sold meanwhile", "said good-bye", "guard froze", "guard died", "slow disk", "unwatched")


@pytest.mark.parametrize("who", EXCUSES)
def test_nobody_owes_a_halt(watched: Evidence, who: str) -> None:
    match who:
        case "flat":
            watched.at_first["paper"] = {}
        case "sold meanwhile":
            watched.movements["paper"] = [Movement(watched.start_ns + 30 * 10**9, *KEY, D(-3), "FOREIGN")]
        case "said good-bye":
            watched.byes["engine1"] = 10.2
        case "guard froze":
            watched.story = replace(watched.story, acts=(Freeze(who="guard1", for_s=40.0, at_s=20.0),))
        case "guard died":
            watched.story = replace(watched.story, acts=(Die(who="guard1", steps=5, at_s=20.0),))
        case "slow disk":
            watched.story = replace(watched.story, acts=(DiskSlow(seconds=10.0, for_s=20.0, at_s=20.0),))
        case "unwatched":
            watched.watched = False
    assert not said(watched)


@pytest.mark.parametrize("lived", [False, True])
def test_a_halt_for_the_silence_of_one_that_lived_is_told(watched: Evidence, lived: bool) -> None:
    if lived:
        watched.lives["engine1"] = [(0.0, True)]
    halted_for_silence(watched, 45.0)
    assert any("which lived" in one for one in said(watched)) is lived


@pytest.mark.parametrize(("died_s", "told"), [(60.0, False), (None, True)])
def test_on_a_slow_disk_a_sign_of_life_may_die_with_who_writes_it(
    watched: Evidence, died_s: float | None, told: bool
) -> None:
    """It died twenty seconds before the halt, and its last sign was older than that; or it never died at all."""
    watched.story = replace(watched.story, acts=(DiskSlow(seconds=10.0, for_s=20.0, at_s=15.0),))
    watched.lives["engine1"] = [(0.0, True)] if died_s is None else [(0.0, True), (died_s, False)]
    watched.beats["engine1"] = [1.0, 2.0, 3.0]
    halted_for_silence(watched, 80.0)
    assert any("which lived" in one for one in said(watched)) is told


def test_worlds_have_engines_that_die_under_a_guard_and_nothing_breaks(tmp_path: Path) -> None:
    died = next(story for story in map(story_of, range(1, 3000)) if story.lasts_s > 60 and has_died(story))
    assert not run_story(died, tmp_path).violations


def has_died(story: Story) -> bool:
    return any(isinstance(act, Die) and act.who == "engine1" for act in story.acts)
