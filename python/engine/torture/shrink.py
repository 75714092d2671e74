"""Makes a story that shows a mistake as short as it gets: whatever can be left out while it still does is left out.

Everything is tried one by one, and again until nothing more can go. Decides only by running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from engine.simulator.scenario import LoginPlan, Scenario
from engine.torture.story import Story

TRIES_MAX = 600


def shrink(story: Story, fails: Callable[[Story], bool], tries_max: int = TRIES_MAX) -> Story:
    """The shortest story found that still `fails`."""
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(story):
            tries += 1
            if tries > tries_max:
                return story
            if fails(candidate):
                story, smaller = candidate, True
                break
    return story


def _smaller(story: Story) -> Iterator[Story]:
    """The story with one thing less each, the largest things first."""
    scenario = story.scenario
    for name in [login.name for login in scenario.logins] if len(scenario.logins) > 1 else []:
        yield _without_login(story, name)
    for number in range(len(story.acts)):
        yield replace(story, acts=_without(story.acts, number))
    for number in range(len(scenario.faults)):
        yield _in(story, replace(scenario, faults=_without(scenario.faults, number)))
    for number, login in enumerate(scenario.logins):
        for smaller in _smaller_login(login):
            logins = (*scenario.logins[:number], smaller, *scenario.logins[number + 1 :])
            yield _in(story, replace(scenario, logins=logins))
    if story.file:
        yield replace(story, file=False)
    if scenario.moves:
        yield _in(story, replace(scenario, moves=False))


def _smaller_login(login: LoginPlan) -> Iterator[LoginPlan]:
    for number in range(len(login.orders)):
        yield replace(login, orders=_without(login.orders, number))
    for number, account in enumerate(login.accounts):
        for held in range(len(account.positions)):
            smaller = replace(account, positions=_without(account.positions, held))
            yield replace(login, accounts=(*login.accounts[:number], smaller, *login.accounts[number + 1 :]))


def _without_login(story: Story, name: str) -> Story:
    """Nobody speaks of it any more."""
    scenario = story.scenario
    left = tuple(login for login in scenario.logins if login.name != name)
    faults = tuple(fault for fault in scenario.faults if fault.login != name)
    acts = tuple(
        replace(act, logins=()) if getattr(act, "logins", ()) else act
        for act in story.acts
        if getattr(act, "login", "") != name and name not in getattr(act, "logins", ())
    )
    return replace(story, acts=acts, scenario=replace(scenario, logins=left, faults=faults))


def _in(story: Story, scenario: Scenario) -> Story:
    return replace(story, scenario=scenario)


def _without(of: tuple[object, ...], number: int) -> tuple[object, ...]:
    return (*of[:number], *of[number + 1 :])
