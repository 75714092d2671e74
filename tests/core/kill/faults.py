"""What goes wrong in the model broker. Everything is off by default; times are milliseconds since the press."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from engine.core.facts import QuoteKind

Key = tuple[str, int]
"""(account, conId)."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Fate:
    """What becomes of one closing order as it arrives: an error, or silence, and whether the order lives on."""

    code: int = 0  # 0: no word at all
    text: str = ""
    after_ms: int = 0
    lives: bool = False
    repeats: int = 1  # the same error again, some time later


SILENCE = Fate()


@dataclass(frozen=True)
class Trade:
    """Another program's market order, filled at once. Nobody can know of it beforehand."""

    at_ms: int
    key: Key
    quantity: Decimal


@dataclass(frozen=True)
class Newcomer:
    """Another program's order that arrives in the middle of the kill."""

    at_ms: int
    key: Key
    action: str
    quantity: Decimal
    order_ref: str = ""
    fills_after_ms: int | None = None  # None: rests
    knowable: bool = False  # the kill is meant to wait for it: the last order of a kill that died


@dataclass(frozen=True)
class Earlier:
    """An order that filled whole before the press, so long ago."""

    age_ms: int
    key: Key
    quantity: Decimal  # signed
    order_ref: str = ""


@dataclass(repr=False)
class Faults:
    # time
    latency_ms: Span = (1, 1)
    acknowledge_ms: Span = (1, 1)
    cancel_ms: Span = (1, 30)
    fill_ms: Span = (1, 20)
    batched_pct: int = 0  # events with more behind them
    # what is read
    position_lag_ms: int = 0
    position_frozen_ms: Span | None = None
    lost_reads_pct: int = 0
    lost_reads_until_ms: int = 30_000
    executions_unread: bool = False
    execution_lag_ms: int = 0  # executions follow fills this late, in lists and as words
    completed_unread: bool = False
    unresolved: bool = False
    position_hints: bool = True
    # what is said of our orders
    fates: tuple[Fate, ...] = ()  # of the first closing orders, in order of arrival
    lost_words_pct: int = 0
    repeated_words_pct: int = 0
    reordered: bool = False
    lists_apart_ms: int = 0  # TWS takes up to so long over each list, one beside the other: they come in any order
    stray_words_pct: int = 0  # an old status or error about an order that has ended
    corrected_pct: int = 0  # executions that are corrected later (the price only)
    unsent_pct: int = 0  # bytes that never reach the socket
    # how orders fill
    partial: bool = False
    fills_on_cancel_pct: int = 0  # of our own closes
    late_fill_pct: int = 0  # Cancelled was said, and then it fills all the same
    never_fills: frozenset[int] = frozenset()
    queued: frozenset[int] = frozenset()  # conIds whose market orders wait for the next session (399)
    no_bid: frozenset[int] = frozenset()
    quote_kind: QuoteKind = QuoteKind.LIVE
    # connections
    disconnect_at_ms: tuple[int, ...] = ()
    extra_line: bool = False  # some closing orders go over a second connection …
    extra_lost_at_ms: int | None = None  # … which breaks
    surfaces_ms: int | None = None  # what was on its way when its connection broke arrives this much later
    stall_ms: Span | None = None  # when the main connection falls silent, and how long TWS holds what is sent on it
    link_down_ms: tuple[Span, ...] = ()
    resubmits_ms: int | None = None  # what arrived while TWS's link was down goes out this much after it is back
    refuse_until_ms: int = 0
    # others
    lock: str = "taken"  # taken, busy, none, late, lost
    lock_spare: bool = False  # who has it moves, and has cancelled
    lock_lost_at_ms: int = 0
    lock_free_at_ms: int = 0
    presses_ms: tuple[int, ...] = ()
    trades: tuple[Trade, ...] = ()
    newcomers: tuple[Newcomer, ...] = ()
    earlier: tuple[Earlier, ...] = ()  # the oldest first

    def __repr__(self) -> str:
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return f"Faults({', '.join(f'{name}={value!r}' for name, value in named.items() if value != DEFAULTS[name])})"


DEFAULTS = {f.name: f.default for f in fields(Faults)}
