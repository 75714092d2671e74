"""The log of a program that runs on: lines on standard output with their time, for who reads them may stand still.

Must never hold up who logs, nor keep the program from ending. What is lost meanwhile is counted in the log itself.
"""

from __future__ import annotations

from datetime import UTC, datetime

from engine.voice import OUT, Voice

LINES_MAX = 1_000
END_S_MAX = 1.0


class LogLines:
    """On a descriptor."""

    def __init__(self, fd: int = OUT) -> None:
        self._fd = fd
        self._voice = Voice(LINES_MAX)
        self._told = 0  # of the lines that were dropped

    def log(self, text: str) -> None:
        """Have it written, with the time of now."""
        stamp = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        dropped = self._voice.dropped
        lost = dropped - self._told
        words = f" ({lost} lines before this one are lost: the log was not taken)" if lost else ""
        self._voice.say(f"{stamp}  {text}{words}", self._fd)
        if self._voice.dropped == dropped:
            self._told = dropped

    def end(self) -> None:
        """Write what is left, but do not wait long for it."""
        self._voice.finish(END_S_MAX)
