"""What is really held? Position reads checked against executions, so that a late position feed cannot double a close.

The law: position now = position at the base read + executions since. Where a read obeys it, the read is believed.
Where it does not, either the feed is late, or something moved the position without an execution; until that is
settled only the quantity that is safe under *both* views may be closed, and nothing counts as flat. How long a position
must stand before it is believed is judged in judging.py. Pure; times are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, PositionFact, UnreadPosition
from engine.core.kill.held.explaining import maybe_missed
from engine.core.kill.held.hidden_closes import HiddenCloses
from engine.core.kill.held.holding import Holding
from engine.core.kill.held.judging import Judge
from engine.core.kill.held.sums import hull, nearest_to_zero
from engine.core.kill.held.traces import NOTHING, Flow, Key, Traces
from engine.core.kill.held.traded import Traded
from engine.core.kill.held.trades_before import TradesBefore
from engine.core.kill.settings import KillSettings

__all__ = ["Flow", "Key", "Ledger"]

ZERO = Decimal(0)


@dataclass(slots=True)
class Ledger:
    """Positions of one login. Own fills are told by `own_fill`, others' executions come with the reads."""

    settings: KillSettings
    traces: Traces = field(init=False)
    _traded: Traded = field(init=False)
    _recent: TradesBefore = field(init=False)
    _judge: Judge = field(init=False)
    _holdings: dict[Key, Holding] = field(default_factory=dict)
    _nameless: dict[Contract, int] = field(default_factory=dict)
    _unread: tuple[UnreadPosition, ...] = ()  # rows of the last list …
    _first_unread: tuple[UnreadPosition, ...] = ()  # … and of the first
    named: set[str] = field(default_factory=set)  # accounts of which a list has shown a contract, be it with zero
    _untold: set[Key] = field(default_factory=set)  # of orders whose end TWS has still to tell
    _read: bool = False

    def __post_init__(self) -> None:
        self.traces = Traces(self.settings.gone_order_ns, self.settings.late_feed_ns)
        closes = HiddenCloses(self.settings.standing_feed_ns)
        self._recent = TradesBefore(self.settings, closes, self.traces)
        self._traded = Traded(self.traces, closes, self._recent)
        self._judge = Judge(self._traded, self.settings)

    def own_fill(self, key: Key, signed: Decimal) -> None:
        """Our own closing orders filled `signed` more in this contract."""
        self._traded.own_fill(key, signed)
        if key in self._holdings:
            self._holdings[key].doubted_since_ns = None  # the reads until now need not show it
            self._holdings[key].own_seen_ns = None

    def in_flight(self, parts: Iterable[tuple[Key, Decimal]]) -> None:
        """What closing orders of ours may have filled without a word so far, signed: all that replace what was said."""
        self._traded.may_be_filled(parts)

    def orders_told(self) -> None:
        """Others' orders have said how much of them is filled, and executions are not read this time."""
        self._traded.orders_told()

    def own_execution(self, execution: ExecutionFact) -> None:
        """This execution belongs to one of our closing orders: `own_fill` counts it."""
        self._traded.own_execution(execution)

    def executions(self, listed: tuple[ExecutionFact, ...], now_ns: int) -> None:
        """A complete list of executions. Corrections replace what they correct."""
        first = not self._traded.begun
        self._traded.executions(listed, now_ns)
        for key, holding in self._holdings.items():
            if first and key in self._recent.flows:  # read before the first list of executions: it may miss them
                holding.unsettle(self._recent.patience_ns(key, holding.position))
                holding.recent_only = True
            elif key in self._traded.told_late:
                holding.doubt_recent(self._recent.patience_ns(key, holding.position))
            if holding.blind:
                self._judge.see_executions(key, holding)

    def positions(self, listed: tuple[PositionFact, ...], now_ns: int, unread: tuple[UnreadPosition, ...] = ()) -> None:
        """A complete list of positions. A contract that is not in it is at zero. What may be an `unread` row of it is
        not judged by it, has nothing that is safe to close, and stays as it was."""
        self._unread = unread
        if self._traded.known and self.traces.settle_old(self._contained(), now_ns):
            self._traded.orders_told()
        if not self._read:
            self._first_unread = unread
        seen = {self.key_of(fact): fact for fact in listed}
        self.named |= {account for account, _ in seen}
        self._judge.nothing_held = not unread and all(fact.quantity == ZERO for fact in listed)
        held = [*((key, fact.contract.symbol) for key, fact in seen.items())]
        self._traded.maybe = self.traces.maybe(held, now_ns)
        self._untold = self.traces.untold(now_ns)
        for key, fact in seen.items():
            if key not in self._holdings:
                self._open(key, fact.contract, fact.quantity)
        for key in self._traded.contracts():
            untold = any(row.may_be(*key, "") for row in unread)
            if key not in self._holdings and not untold:  # a trade that no position shows: the feed may be late
                self._open(key, Contract(con_id=key[1]), ZERO)
        first, self._read = not self._read, True
        for key, holding in self._holdings.items():
            quantity = seen[key].quantity if key in seen else ZERO
            if holding.first_seen == ZERO and key in seen:
                holding.contract, holding.first_seen = seen[key].contract, quantity
            if self._is_unread(key):
                self._traded.anew.add(key)  # whatever stands then has to stand anew
                continue
            self._judge.judge(key, holding, quantity, now_ns)
            if first and key in seen and seen[key].moved:
                holding.blind = True  # it contains a trade that the executions may tell only next time
        self._traded.known = False

    def believe_nothing_held(self, now_ns: int) -> None:
        """Another kill has proven that nothing was held behind exactly the trades of the last list, and the last
        positions show nothing held. Not of a contract of which an order tells more than executions, or may."""
        traded = {key for _, key, _ in self._traded.foreign.values()}
        hidden = {key for _, key, _ in self.traces.hidden()}
        for key, holding in self._holdings.items():
            if key in traded and key not in hidden and key not in self._traded.maybe and holding.position == ZERO:
                self._judge.take_as_proven(key, holding, now_ns)

    def _contained(self) -> set[Key]:
        """Contracts whose believed position has all that others have traded since in it."""
        since = self._traded.since
        return {key for key, holding in self._holdings.items() if since.get(key, NOTHING) == holding.base_foreign}

    def key_of(self, fact: PositionFact) -> Key:
        """A contract without an id gets one of ours, below zero: several of them are several positions."""
        if fact.contract.con_id > 0:
            return fact.account, fact.contract.con_id
        return fact.account, self._nameless.setdefault(fact.contract, -1 - len(self._nameless))

    def _open(self, key: Key, contract: Contract, quantity: Decimal) -> None:
        """What the first complete list did not name was at zero then."""
        settled = key not in self._recent.flows and (self._read or self._traded.known)
        patience_ns = self._recent.patience_ns(key, quantity) if key in self._recent.flows else self.settings.settle_ns
        base = ZERO if self._read else quantity
        unread = any(row.may_be(*key, contract.symbol) for row in self._first_unread)
        self._holdings[key] = Holding(
            contract,
            base=base,
            settled=settled,
            patience_ns=patience_ns,
            recent_only=key in self._recent.flows,
            at_first=None if unread else base,
        )

    def unsettle(self, key: Key, patience_ns: int) -> None:
        """Something may have traded here that neither executions nor statuses tell of: let a late feed catch up."""
        if key in self._holdings:
            self._holdings[key].unsettle(patience_ns)

    def expected(self, key: Key) -> Decimal:
        """The position by the law."""
        return self._traded.expected(key, self._holdings[key])

    def seen(self) -> tuple[Key, ...]:
        """Every contract held or traded since the kill began, in the order first seen."""
        return tuple(self._holdings)

    def contract(self, key: Key) -> Contract:
        """Only its conId is known where no position list has named it yet."""
        return self._holdings[key].contract

    def position(self, key: Key) -> Decimal:
        """As last read, believed or not."""
        return self._holdings[key].position

    def first_seen(self, key: Key) -> Decimal:
        """As first read, for the report."""
        return self._holdings[key].first_seen

    def at_first(self, key: Key) -> Decimal | None:
        """By the first complete list, for the report. None: not known."""
        return self._holdings[key].at_first

    def doubtful(self, key: Key) -> bool:
        """True while the last read of this contract is not believed, or may not show what has traded."""
        return self._unsure(key) or key in self._untold

    def _unsure(self, key: Key) -> bool:
        """The same, as far as sizes are concerned: what only waits for a last word is closed meanwhile."""
        return self._holdings[key].doubted or key in self._traded.maybe or self._is_unread(key)

    def _is_unread(self, key: Key) -> bool:
        """By the last list."""
        symbol = self._holdings[key].contract.symbol
        return any(row.may_be(key[0], key[1], symbol) for row in self._unread)

    def closable(self, key: Key) -> Decimal:
        """Signed position that may be closed now without crossing zero, whichever view is right."""
        holding = self._holdings[key]
        if (not holding.settled and not holding.recent_only) or self._is_unread(key):
            return ZERO
        expected = self.expected(key)
        own = self._traded.own_since(key, holding)
        if own == NOTHING and holding.position == expected and holding.unsure == NOTHING and self._undisputed(key):
            return expected  # every view is the same one: in a large book, of nearly every contract and every time
        # trades that no execution tells of, and a feed that does not show our own fills yet
        views = [holding.position, expected, *(holding.position + part for part in (*own, own.net))]
        flows = maybe_missed(self._traded, key, holding).values()
        hidden = hull(part for flow in (*flows, self._traded.maybe.get(key, NOTHING)) for part in flow)
        safe = nearest_to_zero([view + part for view in views for part in (ZERO, *hidden)])
        if safe == ZERO and not self._unsure(key) and holding.position == expected:
            return holding.position  # it has been believed in time: the view without the recent trades was right
        return safe

    def hesitates(self, key: Key) -> bool:
        """Something is shown there, read whole, and none of it is safe to close."""
        shown = key in self._holdings and self._holdings[key].position != ZERO and not self._is_unread(key)
        return shown and self.closable(key) == ZERO

    def may_have_filled(self, key: Key) -> bool:
        """An order of this contract, of which nobody has told the end, may have filled."""
        return key in self._traded.maybe

    def _undisputed(self, key: Key) -> bool:
        """Nothing has traded that a read may show or not."""
        return key not in self._recent.flows and key not in self._traded.maybe

    def all_zero(self) -> bool:
        """True when every contract read so far is at zero and none is in doubt."""
        return self._read and all(a.position == ZERO and not self.doubtful(key) for key, a in self._holdings.items())
