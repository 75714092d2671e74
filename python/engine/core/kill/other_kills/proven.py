"""What another kill has proven: that nothing was held behind exactly these trades. Pure.

A kill that was proven flat leaves a mark of the executions that its last look listed. Whoever reads the same
executions knows that nothing has traded since; where its own look then shows nothing held either, that look need not
stand for as long as a late feed could be missing one of those trades: the one before it has waited for that.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.facts import ExecutionFact
from engine.core.kill.looks.survey import Survey

COUNT_BYTES = 4


def trades_mark(executions: Sequence[ExecutionFact]) -> bytes:
    """Eight bytes: how many there are, and a checksum of what was traded. Empty of none: a list that never shows
    anything looks the same."""
    if not executions:
        return b""
    told = sorted(f"{e.identity} {e.account} {e.con_id} {e.quantity}" for e in executions)
    checksum = zlib.crc32("\n".join(told).encode())
    return len(told).to_bytes(COUNT_BYTES, "big") + checksum.to_bytes(4, "big")


@dataclass(slots=True)
class ProvenFlat:
    """`covers_last`: the newest look is covered by another kill's proof."""

    covers_last: bool = False
    _mark: bytes = b""
    _serial: int = 0  # of the newest look begun when it was heard

    def heard(self, mark: bytes, serial: int) -> None:
        """Who had the right to close until now was flat behind trades with this mark; empty: it does not say."""
        self._mark, self._serial = mark, serial

    def look(self, survey: Survey) -> bool:
        """A complete look. Does it begin behind that proof, list the same trades, and show nothing open or held?"""
        self.covers_last = (
            self._mark != b""
            and survey.serial > self._serial
            and not survey.orders
            and not survey.unread
            and not any(position.quantity for position in survey.positions)
            and trades_mark(survey.executions or ()) == self._mark
        )
        return self.covers_last
