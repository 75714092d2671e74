"""Lines that a large book brings forth by the hundred: the first few are told, the rest is counted. Pure.

Only what says the same of contract after contract; what was sent and what was filled is told of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.core.kill.commands import Command, Say
from engine.core.kill.settings import SECOND

TALKATIVE = frozenset({"close_silent", "close_repeated", "close_ended"})
LINES_MAX = 10
WINDOW_NS = 2 * SECOND


@dataclass(slots=True)
class _Kind:
    begun_ns: int
    told: int = 0
    held: int = 0


@dataclass(slots=True)
class Chatter:
    _kinds: dict[str, _Kind] = field(default_factory=dict)

    def brief(self, commands: list[Command], now_ns: int) -> list[Command]:
        """The same commands without the lines that are too many, and with their number when it is time for it."""
        counts: list[Command] = []
        for kind, lines in list(self._kinds.items()):
            if now_ns - lines.begun_ns >= WINDOW_NS:
                del self._kinds[kind]
                if lines.held:
                    counts.append(Say(kind, f"the same of {lines.held} more contracts"))
        return [*counts, *(command for command in commands if self._is_told(command, now_ns))]

    def _is_told(self, command: Command, now_ns: int) -> bool:
        if not isinstance(command, Say) or command.kind not in TALKATIVE:
            return True
        lines = self._kinds.setdefault(command.kind, _Kind(now_ns))
        if lines.told >= LINES_MAX:
            lines.held += 1
            return False
        lines.told += 1
        return True
