"""A story that shows a mistake is made as short as it gets."""

from __future__ import annotations

from engine.simulator.faults import Fault
from engine.torture.generator import story_of
from engine.torture.shrink import shrink
from engine.torture.story import Act, Press, Story


def a_long_one() -> Story:
    stories = (story_of(seed) for seed in range(1000))
    return next(one for one in stories if len(one.acts) >= 5 and one.scenario.faults and len(one.scenario.logins) == 2)


def test_only_what_the_mistake_needs_is_left() -> None:
    story = a_long_one()
    needed: Act = next(act for act in story.acts if isinstance(act, Press))
    fault: Fault = story.scenario.faults[0]

    def fails(it: Story) -> bool:
        return any(isinstance(act, Press) for act in it.acts) and fault in it.scenario.faults

    short = shrink(story, fails)
    assert len(short.acts) == 1 and isinstance(short.acts[0], type(needed))
    assert short.scenario.faults == (fault,)
    assert len(short.scenario.logins) == 1
    assert not short.scenario.logins[0].orders and not short.scenario.logins[0].accounts[0].positions
    assert not short.scenario.moves


def test_it_does_not_try_for_ever() -> None:
    tried = []

    def fails(it: Story) -> bool:
        tried.append(it)
        return False

    story = a_long_one()
    assert shrink(story, fails, tries_max=3) is story
    assert len(tried) == 3
