"""The configuration as of now, read again only when its file has changed: pages are drawn several times a second."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.config.places import config_file
from engine.config.plan import KillPlan
from engine.config.problems import ConfigError
from engine.config.reader import load, plan_for_kill
from engine.trading.limit_source import LimitSource

Stamp = tuple[str, int, int] | None


class Found(msgspec.Struct, frozen=True):
    """What a kill would go by, with its faults; and the limits, or why they cannot be read."""

    plan: KillPlan
    limits: LimitSource | ConfigError


class Settings:
    """`config` None: looked for where every command looks."""

    def __init__(self, config: str | None) -> None:
        self.named = config
        self._last: tuple[Stamp, Found] | None = None

    def found(self) -> Found:
        path = config_file(self.named)
        stamp = _stamp(path)
        if self._last is None or self._last[0] != stamp or stamp is None:
            self._last = (stamp, _read(path))
        return self._last[1]


def _stamp(path: str | None) -> Stamp:
    """None: there is nothing to tell a change by, so it is read each time."""
    try:
        stat = None if path is None else Path(path).stat()
    except OSError:
        return None
    return ("", 0, 0) if stat is None else (str(path), stat.st_mtime_ns, stat.st_size)


def _read(path: str | None) -> Found:
    try:
        limits: LimitSource | ConfigError = LimitSource(load(path).limits)
    except ConfigError as error:
        limits = error
    return Found(plan_for_kill(path), limits)
