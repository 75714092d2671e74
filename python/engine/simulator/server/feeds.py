"""What one client has subscribed to. Plain data: the subjects' own files read and write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from engine.simulator.exchange.bars import Asked, Bar


@dataclass(slots=True)
class PnLFeed:
    """One reqPnL or reqPnLSingle (`con_id` set). `sent` counts its updates: the first one can be incomplete."""

    account: str
    con_id: int | None = None
    sent: int = 0


@dataclass(slots=True)
class MarketFeed:
    """One reqMktData stream and the values last sent on it, by tick type."""

    con_id: int
    kind: int  # 1 live, 3 delayed
    last: dict[int, Decimal] = field(default_factory=dict)
    session: Bar | None = None  # how it stood when it was last told
    underlying: Decimal | None = None  # options: where it stood when the greeks were last told


@dataclass(slots=True)
class HistoryFeed:
    """One reqHistoricalData, and the newest bar it has told."""

    con_id: int
    asked: Asked
    format_date: int
    last: Bar


@dataclass(slots=True)
class BarFeed:
    """One reqRealTimeBars, and when the newest bar that it has told ended."""

    con_id: int
    asked: Asked
    told_ns: int

    def ending(self, end_ns: int) -> Asked:
        return msgspec.structs.replace(self.asked, end_ns=end_ns)


@dataclass(slots=True)
class TickFeed:
    """One reqTickByTickData, and the values last told."""

    con_id: int
    kind: str
    last: tuple[object, ...] = ()


@dataclass(slots=True)
class SummaryFeed:
    accounts: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(slots=True)
class Subscriptions:
    """Everything that one connection wants to hear of."""

    positions: bool = False
    positions_multi: dict[int, str] = field(default_factory=dict)
    account: str | None = None  # reqAccountUpdates: one at a time
    account_multi: dict[int, tuple[str, bool]] = field(default_factory=dict)  # account, ledger and net value only
    summaries: dict[int, SummaryFeed] = field(default_factory=dict)
    pnl: dict[int, PnLFeed] = field(default_factory=dict)
    market: dict[int, MarketFeed] = field(default_factory=dict)
    market_data_type: int = 1
    history: dict[int, HistoryFeed] = field(default_factory=dict)
    bars: dict[int, BarFeed] = field(default_factory=dict)
    ticks: dict[int, TickFeed] = field(default_factory=dict)
    auto_bind: bool = False

    def lose_data(self) -> None:
        """IBKR has forgotten the streams (1101); accounts and positions are TWS's own."""
        for feeds in (self.market, self.history, self.bars, self.ticks):
            feeds.clear()
