"""A simulated world has a day of its own, so its clock differs by design: nobody is to look for the wrong one."""

from __future__ import annotations

import os

import msgspec

from engine.broker.closing_right import SIMULATED_WORLD
from engine.core.kill.settings import KillSettings

CLOCKS_OF_A_DRILL_NS = 10**18  # thirty years


def in_this_world(settings: KillSettings) -> KillSettings:
    """The settings of a kill, as they hold where the environment says that the world is simulated."""
    if not os.environ.get(SIMULATED_WORLD):
        return settings
    return msgspec.structs.replace(settings, clock_apart_ns=max(settings.clock_apart_ns, CLOCKS_OF_A_DRILL_NS))
