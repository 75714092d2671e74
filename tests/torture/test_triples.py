"""Every ordered triple of troubles about a kill: none is left out, and a sample of them breaks nothing."""

from __future__ import annotations

from pathlib import Path

from engine.simulator import faults as f
from engine.torture.generator import story_of
from engine.torture.one import run_story
from engine.torture.story import Press
from engine.torture.triples import COUNT, FIRST_TRIPLE, TROUBLES, kinds_of, triple

EACH = 3571  # a prime: the sample has every kind in every place sooner or later


def test_every_ordered_triple_has_one_number() -> None:
    assert len({kinds_of(number) for number in range(COUNT)}) == COUNT == len(TROUBLES) ** 3
    assert {kind for number in range(COUNT) for kind in kinds_of(number)} == set(range(len(TROUBLES)))


def test_a_triple_is_a_seed_like_any_other_and_always_a_kill() -> None:
    for number in range(0, COUNT, 97):
        story = story_of(FIRST_TRIPLE + number)
        assert story == triple(number) and story.seed == FIRST_TRIPLE + number
        assert any(isinstance(act, Press) for act in story.acts)


def test_an_old_picture_is_one_of_the_three() -> None:
    """In every place of them, at least once in as many triples as there are kinds."""
    stories = [triple(number) for number in range(0, COUNT, EACH // 100)]
    assert any(isinstance(fault, f.StandingFeed) for story in stories for fault in story.scenario.faults)


def test_nothing_breaks_in_a_sample_of_the_triples(tmp_path: Path) -> None:
    outcomes = [run_story(triple(number), tmp_path) for number in range(0, COUNT, EACH)]
    assert not [(one.seed, one.violations) for one in outcomes if one.violations]
    assert sum(one.kills for one in outcomes) >= len(outcomes) / 2
