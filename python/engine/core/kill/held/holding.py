"""One contract in one account: the position as read, the one that is believed, and what stands between them. Data."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from engine.core.contracts import Contract
from engine.core.kill.held.traces import NOTHING, Flow

ZERO = Decimal(0)


class Missed(Enum):
    """Trades that a position believed in the beginning contains or not."""

    RECENT = "recent"  # executions shortly before the kill
    LATE = "late"  # told by an order then, and by no execution: of the last seconds, or of another day
    UNSURE = "unsure"  # before executions could be read again


@dataclass(slots=True)
class Holding:
    """One contract in one account."""

    contract: Contract
    base: Decimal  # a position that was believed …
    settled: bool  # False: a trade may not show in the reads yet, and the law does not know of it …
    patience_ns: int  # … for this long
    recent_only: bool  # if not settled, then for nothing else than trades shortly before the kill
    base_foreign: Flow = NOTHING  # … and the executions it already contains
    base_own: Flow = NOTHING  # … and the fills of our own
    position: Decimal = ZERO  # as last read
    first_seen: Decimal = ZERO  # the first position that was not zero
    at_first: Decimal | None = None  # by the first complete list; None: a row of it could not be read, and may be this
    shows: set[Missed] = field(default_factory=set)  # the base is known to contain these
    blind: bool = False  # believed while executions were unknown: the next ones may be contained in it …
    unsure: Flow = NOTHING  # … these
    echo: Flow = NOTHING  # traded lately, and believed: a late feed may still go through it …
    echo_ns: int = 0  # … since then
    unsettled_ns: int | None = None  # if not settled, the first read since then
    own_seen_ns: int | None = None  # the first read behind the last of our own fills
    doubted_since_ns: int | None = None  # first of the agreeing reads that are not yet believed
    agreeing_reads: int = 0

    @property
    def doubted(self) -> bool:
        return not self.settled or self.doubted_since_ns is not None

    def unsettle(self, patience_ns: int) -> None:
        """Something may have traded here that the law does not know of: let a late feed catch up."""
        self.patience_ns = patience_ns if self.settled else max(patience_ns, self.patience_ns)
        self.settled = self.recent_only = False
        self.doubted_since_ns = self.unsettled_ns = None

    def doubt_recent(self, patience_ns: int) -> None:
        """One more trade has come to light that was made just before the kill."""
        recent_only = self.settled or self.recent_only
        self.shows.discard(Missed.RECENT)
        self.unsettle(patience_ns)
        self.recent_only = recent_only
