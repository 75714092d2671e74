"""The kill of one login, step by step. Pure: `handle(event, now_ns)` returns commands; nothing is read or sent here."""

from __future__ import annotations

import msgspec

from engine.core.kill.commands import Command
from engine.core.kill.events import Event
from engine.core.kill.report import LoginReport


class KillSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a kill is. Durations in nanoseconds."""

    deadline_ns: int = 120_000_000_000
    connect_patience_ns: int = 10_000_000_000
    quarantine_ns: int = 0


class KillMachine:
    """One login's kill. Feed `start`, then every event; do every command in order."""

    def __init__(self, *, name: str, mode: str, host: str, port: int, kill_id: str, settings: KillSettings) -> None:
        raise NotImplementedError

    def start(self, now_ns: int) -> list[Command]:
        """The button was pressed at `now_ns`."""
        raise NotImplementedError

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event; return what to do about it, in order."""
        raise NotImplementedError

    def report(self) -> LoginReport:
        """What is known now. Final after `Finish`."""
        raise NotImplementedError
