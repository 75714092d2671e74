"""A short run of the torture: nothing breaks, and the same seed is the same run. A long one: QE_TORTURE=20000."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.simulator import faults as f
from engine.torture.alone import FIRST_ALONE
from engine.torture.generator import FIRST_OLD_PICTURE, kind_of, story_of
from engine.torture.one import Outcome, run_story
from engine.torture.story import AnyAct, Deed, Die, Freeze, Press, Story, from_json, to_json, told

RUNS = int(os.environ.get("QE_TORTURE", "60"))
FIRST = 1_000_001  # not those that everybody plays with


def test_nothing_breaks_in_a_few_worlds(tmp_path: Path) -> None:
    outcomes = [run_story(story_of(seed), tmp_path) for seed in range(FIRST, FIRST + RUNS)]
    assert not [(one.seed, one.violations) for one in outcomes if one.violations]
    assert sum(one.kills for one in outcomes) >= RUNS


def test_who_is_flat_and_loses_its_connection_just_before_the_report_is_looked_at_again(tmp_path: Path) -> None:
    """Its connections end after so many messages each, the last time just before another login is flat."""
    assert not run_story(story_of(95_000_962), tmp_path).violations


def marks(seeds: range, place: Path) -> list[int]:
    return [run_story(story_of(seed), place).mark for seed in seeds]


def test_the_same_seed_is_the_same_run_in_another_process_too(tmp_path: Path) -> None:
    seeds = range(FIRST, FIRST + 12)
    here = marks(seeds, tmp_path)
    script = (
        "import sys; from pathlib import Path; from engine.torture.generator import story_of; "
        "from engine.torture.one import run_story; "
        f"print([run_story(story_of(seed), Path(sys.argv[1])).mark for seed in range({seeds.start}, {seeds.stop})])"
    )
    there = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert there.stdout.strip() == str(here)
    assert len(set(here)) == len(here)


def test_a_story_is_the_same_after_it_was_kept() -> None:
    for seed in range(FIRST, FIRST + 200):
        story = story_of(seed)
        assert from_json(to_json(story)) == story
        assert told(story).startswith(f"seed {seed},")


def shows_an_old_picture(story: Story) -> bool:
    return any(
        isinstance(one, f.StandingFeed) or (isinstance(one, f.StalePositions) and one.lag_s > 20)
        for one in story.scenario.faults
    )


def test_from_a_thousand_millions_on_every_world_has_an_old_picture() -> None:
    assert all(shows_an_old_picture(story_of(FIRST_OLD_PICTURE + number)) for number in range(100))


def test_an_old_picture_is_among_the_ordinary_troubles() -> None:
    shown = sum(shows_an_old_picture(story_of(FIRST + number)) for number in range(1000))
    assert 20 <= shown <= 100  # of a thousand worlds, in most of which two or three things go wrong


def test_where_the_kill_is_alone_only_commands_press_and_others_trade() -> None:
    stories = [story_of(FIRST_ALONE + number) for number in range(300)]
    deeds = [act for story in stories for act in story.acts if isinstance(act, Deed)]
    assert {type(act) for act in deeds} == {Press, Die, Freeze}
    assert {act.who for act in deeds} == {"cli1", "cli2"}
    assert not any(story.file for story in stories) and {len(story.scenario.logins) for story in stories} == {1}
    assert sum(shows_an_old_picture(story) for story in stories) >= 5
    assert {kind_of(story.seed) for story in stories} == {"kill"} and kind_of(FIRST_ALONE - 1) == "all"


def test_nothing_breaks_in_a_few_worlds_of_the_kill_alone(tmp_path: Path) -> None:
    outcomes = [run_story(story_of(FIRST_ALONE + number), tmp_path) for number in range(RUNS)]
    assert not [(one.seed, one.violations) for one in outcomes if one.violations]
    assert sum(one.kills for one in outcomes) >= RUNS / 2


def test_seeds_differ_in_who_does_what() -> None:
    stories = [story_of(seed) for seed in range(1000)]
    kinds = {type(act).__name__ for story in stories for act in story.acts}
    assert kinds == {one.__name__ for one in AnyAct.__args__}
    faults = {type(fault).__name__ for story in stories for fault in story.scenario.faults}
    assert len(faults) >= 20


def test_an_outcome_says_what_is_broken() -> None:
    assert not Outcome(seed=1, violations=(), kills=0, messages=0, seconds=0).names
