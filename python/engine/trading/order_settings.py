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


def find_settings() -> OrderSettings:
    """From the file in force, if there is one."""
    from engine.config.preflight_settings import preflight_settings
    from engine.config.problems import ConfigError
    from engine.config.reader import load

    try:
        return OrderSettings(preflight_settings(load(config_file()).preflight))
    except ConfigError as error:
        return OrderSettings(DEFAULTS, f"the configuration has faults: {error}")
