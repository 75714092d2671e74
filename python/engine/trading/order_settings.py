"""What the orders of a program are held against: `[preflight]` of quant-engine.toml, the defaults, or the caller's own.

A file with faults hinders nobody who connects, cancels or kills: the defaults then hold, and the faults are told, upon
which nothing that adds risk is sent.
"""

from __future__ import annotations

import msgspec

from engine.config.places import config_file
from engine.core.preflight.settings import DEFAULTS, Settings


class OrderSettings(msgspec.Struct, frozen=True):
    """The settings. `faults`: why they are not what somebody wrote; empty: they are."""

    settings: Settings
    faults: str = ""
    guard_required: bool = False  # nothing that adds risk without a guard that lives
    tolerated: frozenset[str] = frozenset()  # ids of restrictions that do not hold this program's orders


def find_settings() -> OrderSettings:
    """From the file in force, if there is one."""
    from engine.config.preflight_settings import preflight_settings
    from engine.config.problems import ConfigError
    from engine.config.reader import load

    try:
        config = load(config_file())
        return OrderSettings(preflight_settings(config.preflight), guard_required=config.guard.required)
    except ConfigError as error:
        return OrderSettings(DEFAULTS, f"the configuration has faults: {error}")
