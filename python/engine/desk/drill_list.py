"""What can be practised: every ready-made scenario by its name, with what happens in it."""

from __future__ import annotations

from functools import cache

from engine.simulator.scenario import list_scenarios, title_of


@cache
def drills() -> dict[str, str]:
    """The default first. Read once: they are part of the program."""
    return {name: title_of(name) for name in list_scenarios()}
