"""What is really held? Position reads checked against executions, so that a late position feed cannot double a close.

The law: position now = position at the base read + executions since. Where a read obeys it, the read is believed.
Where it does not, either the feed is late, or something moved the position without an execution; until that is
settled only the quantity that is safe under *both* views may be closed, and nothing counts as flat. Pure; times are
arguments.

How long a position must stand, read after read, before it is believed:

| the read …                                              | believed …                                       |
| ------------------------------------------------------- | ------------------------------------------------ |
| obeys the law                                            | at once                                          |
| obeys it, but a trade may not show in it yet             | after the patience it was unsettled with; others |
|                                                          | trading on does not make it longer               |
| obeys it, with fills of our own which may as well be     | … and not before `reduced_lag_ns` since those    |
| what may not have shown yet                              | fills                                            |
| may miss an order that is gone without a word            | like any; closed is what is there in either case |
| is less than each of another kill's closes, which alone  |                                                  |
| traded before it                                         | at once                                          |
| shows our own fills, and no trades just before the kill  |                                                  |
| could be mistaken for a part of them                     | at once                                          |
| can only be what all trades, those just before the kill  |                                                  |
| included or excluded, come to                            | at once                                          |
| obeys it, but our own fills show `reduced_lag_ns` behind |                                                  |
| themselves, and may be trades to that side just before   |                                                  |
| the kill, which a later feed shows first                 | after `late_feed_ns`                             |
| breaks it, and no late feed explains that                | after `doubt_ns` and three reads                 |
| is zero without an execution, of everything at once or   |                                                  |
| of what is no option                                     | after `contradicted_ns` and three reads          |
| breaks it as a fill of ours would that nobody has told   | after `late_feed_ns` and three reads             |
| looks like a late view of others' executions             | after `late_feed_ns` and three reads             |
| is zero, and nothing but another kill's closes, filled   |                                                  |
| whole, is told behind it                                 | after `late_feed_ns` and three reads             |
| is zero, and executions say that something is there; or  |                                                  |
| has not moved by our fills, but trades before may be why | after `contradicted_ns` and three reads          |
| goes through trades that were believed lately            | not for `late_feed_ns` since then, zero neither  |
| shows nothing of what another kill has closed, and is    |                                                  |
| not what its orders have left (hidden_closes.py)         | after `standing_feed_ns` from the close          |
| looks like a late view that misses our own fills         | never: a second close could cross zero; but like  |
|                                                          | others' for exactly what may be included or       |
|                                                          | excluded, and for what no executions, each whole  |
|                                                          | or not at all, come to without all of ours        |

What was traded just before the kill (`trades_before`) may be in the first read or not, and what was traded while
executions could not be read (`unsure`) in the position that was believed meanwhile or not. What was traded just before
leaves a part that is safe to close under either view, at once; the rest waits until it shows which one is right, and no
longer than since the trade itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from itertools import combinations

from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, PositionFact, UnreadPosition
from engine.core.kill.close_marks import by_a_kill
from engine.core.kill.hidden_closes import HiddenCloses
from engine.core.kill.traces import NOTHING, Flow, Key, Name, Traces, name_of
from engine.core.kill.trades_before import TradesBefore

__all__ = ["Flow", "Key", "Ledger"]

ZERO = Decimal(0)
DOUBT_READS = 3
SUMS_MAX = 2_000
ENDS_UNTOLD = ("OPT", "FOP", "WAR", "IOPT")


class _Missed(Enum):
    """Trades that a position believed in the beginning contains or not."""

    RECENT = "recent"  # executions shortly before the kill
    LATE = "late"  # told by an order then, and by no execution: of the last seconds, or of another day
    UNSURE = "unsure"  # before executions could be read again


@dataclass(slots=True)
class _Account:
    """One contract in one account."""

    contract: Contract
    base: Decimal  # a position that was believed …
    settled: bool  # False: a trade may not show in the reads yet, and the law does not know of it …
    patience_ns: int  # … for this long
    recent_only: bool  # if not settled, then for nothing else than trades shortly before the kill
    base_foreign: Flow = NOTHING  # … and the executions it already contains
    base_own: Decimal = ZERO
    position: Decimal = ZERO  # as last read
    first_seen: Decimal = ZERO  # the first position that was not zero
    shows: set[_Missed] = field(default_factory=set)  # the base is known to contain these
    blind: bool = False  # believed while executions were unknown: the next ones may be contained in it …
    unsure: Flow = NOTHING  # … these
    echo: Flow = NOTHING  # traded lately, and believed: a late feed may still go through it …
    echo_ns: int = 0  # … since then
    unsettled_ns: int | None = None  # if not settled, the first read since then
    own_seen_ns: int | None = None  # the first read behind the last of our own fills
    doubted_since_ns: int | None = None  # first of the agreeing reads that are not yet believed
    agreeing_reads: int = 0
    traded_anew: bool = False  # by others, since the last read: the reads until now need not show it

    @property
    def doubted(self) -> bool:
        return not self.settled or self.doubted_since_ns is not None


@dataclass(slots=True)
class Ledger:
    """Positions of one login. Own fills are told by `own_fill`, others' executions come with the reads."""

    settle_ns: int
    doubt_ns: int
    reduced_lag_ns: int
    expected_lag_ns: int
    late_feed_ns: int
    contradicted_ns: int
    standing_feed_ns: int
    gone_order_ns: int
    traces: Traces = field(init=False)
    _closes: HiddenCloses = field(init=False)
    _recent: TradesBefore = field(init=False)
    _accounts: dict[Key, _Account] = field(default_factory=dict)
    _foreign: dict[str, tuple[Name, Key, Decimal]] = field(default_factory=dict)  # by execution identity
    _before: dict[Key, Flow] | None = None  # sums of the first list: trades of the day before the kill
    _since: dict[Key, Flow] = field(default_factory=dict)  # what others have traded since the first list
    _maybe: dict[Key, Flow] = field(default_factory=dict)  # what they may have traded beyond that
    _own: dict[Key, Decimal] = field(default_factory=dict)
    _own_executions: dict[str, tuple[Key, Decimal]] = field(default_factory=dict)
    _in_flight: dict[Key, tuple[Decimal, Decimal]] = field(default_factory=dict)  # they may have sold, and bought, more
    _mixed: set[Key] = field(
        default_factory=set
    )  # traded shortly before the kill or since by anything but another kill's closing orders
    _nameless: dict[Contract, int] = field(default_factory=dict)
    _unread: tuple[UnreadPosition, ...] = ()  # rows of the last list
    _read: bool = False
    _nothing_held: bool = False  # by the last read
    _executions_known: bool = False  # since the last read of positions

    def __post_init__(self) -> None:
        self.traces = Traces(self.gone_order_ns)
        self._closes = HiddenCloses(self.standing_feed_ns)
        self._recent = TradesBefore(
            self.settle_ns,
            self.reduced_lag_ns,
            self.expected_lag_ns,
            self.standing_feed_ns,
            self._closes,
            self.traces,
        )

    def own_fill(self, key: Key, signed: Decimal) -> None:
        """Our own closing orders filled `signed` more in this contract."""
        self._own[key] = self._own.get(key, ZERO) + signed
        if key in self._accounts:
            self._accounts[key].doubted_since_ns = None  # the reads until now need not show it
            self._accounts[key].own_seen_ns = None

    def in_flight(self, parts: Iterable[tuple[Key, Decimal]]) -> None:
        """What closing orders of ours may have filled without a word so far, signed: all that replace what was said."""
        flying: dict[Key, list[Decimal]] = {}
        for key, signed in parts:
            flying.setdefault(key, []).append(signed)
        self._in_flight = {key: _hull(signed) for key, signed in flying.items()}

    def orders_told(self) -> None:
        """Others' orders have said how much of them is filled, and executions are not read this time."""
        if self._before is not None:
            self._sum_up()

    def own_execution(self, execution: ExecutionFact) -> None:
        """This execution belongs to one of our closing orders: `own_fill` counts it."""
        identity = execution.identity
        self._own_executions[identity] = ((execution.account, execution.con_id), execution.quantity)
        if self._foreign.pop(identity, None) is not None:
            self._sum_up()

    def executions(self, listed: tuple[ExecutionFact, ...]) -> None:
        """A complete list of executions. Corrections replace what they correct."""
        theirs = [execution for execution in listed if execution.identity not in self._own_executions]
        self._closes.executions(theirs)
        for execution in theirs:
            identity = execution.identity
            key = (execution.account, execution.con_id)
            if self._before is not None and identity not in self._foreign:
                self._note_whose(key, execution.order_ref)
            elif self._before is None and (
                execution.recent or self._closes.knows(identity)
            ):  # the first read may miss it
                self._recent.note(key, execution.quantity, execution.order_ref, execution.age_ns_min)
                self._note_whose(key, execution.order_ref)
            self._foreign[identity] = (name_of(execution), key, execution.quantity)
        self.traces.executions(self._foreign.values())
        if self._before is None:
            for order, key, signed in self.traces.hidden():
                self._recent.note_late(key, signed, order.order_ref)
                self._note_whose(key, order.order_ref)
            for key, account in self._accounts.items():
                if key in self._recent.flows:  # read before the first list of executions: it may miss them
                    self.unsettle(key, self._recent.patience_ns(key, account.position))
                    account.recent_only = True
        self._sum_up()
        for key, account in self._accounts.items():
            if account.blind:
                self._see(key, account)
        self._executions_known = True

    def _see(self, key: Key, account: _Account) -> None:
        """Executions are known again. Those that are new may be older than the position that was believed."""
        account.blind = False
        new = self._since.get(key, NOTHING)
        if new != account.base_foreign:
            account.shows.discard(_Missed.UNSURE)
            account.unsure = unsure = new.since(account.base_foreign)
            account.base_foreign = new
            self.unsettle(key, self._recent.lag_ns(unsure, account.position))

    def _note_whose(self, key: Key, order_ref: str) -> None:
        if not by_a_kill(order_ref):
            self._mixed.add(key)

    def positions(self, listed: tuple[PositionFact, ...], now_ns: int, unread: tuple[UnreadPosition, ...] = ()) -> None:
        """A complete list of positions. A contract that is not in it is at zero. What may be an `unread` row of it is
        not judged by it, has nothing that is safe to close, and stays as it was."""
        self._unread = unread
        seen = {self._key(fact): fact for fact in listed}
        self._nothing_held = not unread and all(fact.quantity == ZERO for fact in listed)
        held = [*((key, fact.contract.symbol) for key, fact in seen.items())]
        self._maybe = self.traces.maybe(held, now_ns)
        for key, fact in seen.items():
            if key not in self._accounts:
                self._open(key, fact.contract, fact.quantity)
        for key in self._traded():
            untold = any(row.may_be(*key, "") for row in unread)
            if key not in self._accounts and not untold:  # a trade that no position shows: the feed may be late
                self._open(key, Contract(con_id=key[1]), ZERO)
        first, self._read = not self._read, True
        for key, account in self._accounts.items():
            quantity = seen[key].quantity if key in seen else ZERO
            if account.first_seen == ZERO and key in seen:
                account.contract, account.first_seen = seen[key].contract, quantity
            if self._is_unread(key):
                account.traded_anew = True  # whatever stands then has to stand anew
                continue
            self._judge(key, account, quantity, now_ns)
            if first and key in seen and seen[key].moved:
                account.blind = True  # it contains a trade that the executions may tell only next time
        self._executions_known = False

    def _key(self, fact: PositionFact) -> Key:
        """A contract without an id gets one of ours, below zero: several of them are several positions."""
        if fact.contract.con_id > 0:
            return fact.account, fact.contract.con_id
        return fact.account, self._nameless.setdefault(fact.contract, -1 - len(self._nameless))

    def _open(self, key: Key, contract: Contract, quantity: Decimal) -> None:
        """What the first complete list did not name was at zero then."""
        settled = key not in self._recent.flows and (self._read or self._executions_known)
        patience_ns = self._recent.patience_ns(key, quantity) if key in self._recent.flows else self.settle_ns
        base = ZERO if self._read else quantity
        self._accounts[key] = _Account(
            contract, base=base, settled=settled, patience_ns=patience_ns, recent_only=key in self._recent.flows
        )

    def _traded(self) -> Iterable[Key]:
        return (*self._recent.flows, *(key for key, flow in self._since.items() if flow != NOTHING), *self._maybe)

    def unsettle(self, key: Key, patience_ns: int) -> None:
        """Something may have traded here that neither executions nor statuses tell of: let a late feed catch up."""
        account = self._accounts.get(key)
        if account is not None:
            account.patience_ns = patience_ns if account.settled else max(patience_ns, account.patience_ns)
            account.settled = account.recent_only = False
            account.doubted_since_ns = account.unsettled_ns = None

    def _judge(self, key: Key, account: _Account, quantity: Decimal, now_ns: int) -> None:
        """Believe the read, or start (or go on) doubting it."""
        agreeing = quantity == account.position and not account.traded_anew and account.doubted_since_ns is not None
        account.traded_anew = False
        account.position = quantity
        if not account.settled and account.unsettled_ns is None:
            account.unsettled_ns = now_ns
        if account.own_seen_ns is None:
            account.own_seen_ns = now_ns
        expected = self.expected(key)
        lawful = quantity == expected
        shown = self._caught_up(key, account, expected)
        if lawful and account.recent_only and (self._left_behind(key, account) or self._only_closed(key, account)):
            shown = {_Missed.RECENT, _Missed.LATE}
        began_ns = account.doubted_since_ns if agreeing and account.doubted_since_ns is not None else now_ns
        late = lawful and not shown and self._shows_late(key, account, began_ns)
        if shown or (lawful and account.settled and not late):
            self._believe(key, account, now_ns)
            account.shows |= shown
            if shown and _Missed.LATE in self._maybe_missed(key, account):
                self.unsettle(key, self.expected_lag_ns)  # the rest may still come
                account.recent_only = True
            return
        if account.doubted_since_ns is None or not agreeing:
            account.doubted_since_ns = now_ns
            account.agreeing_reads = 0
        account.agreeing_reads += 1
        if late and now_ns - account.doubted_since_ns < self.late_feed_ns:
            return
        if lawful and self._may_miss_own(key, account, now_ns):
            return
        if lawful and self._traded_on(key, account, now_ns):
            self._believe(key, account, now_ns)
            return
        patience_ns = self._given_ns(key, account) if lawful else self._patience_ns(key, account, now_ns)
        if patience_ns is None or now_ns - account.doubted_since_ns < patience_ns:
            return
        if lawful or account.agreeing_reads >= DOUBT_READS:
            account.shows |= self._shown(key, account, expected)  # what explains it now explains nothing later
            self._believe(key, account, now_ns)

    def _given_ns(self, key: Key, account: _Account) -> int:
        """How long what obeys the law has to stand. The long time is for what looks as before another kill's closes:
        it is over when something else shows."""
        if self._closes.may_miss_one(key, account.position, self.traces):
            return account.patience_ns
        return min(account.patience_ns, max(self.expected_lag_ns, self.reduced_lag_ns))

    def _may_miss_own(self, key: Key, account: _Account, now_ns: int) -> bool:
        """What shows may be a trade just before ours, and ours still to come: as long as a feed may be late by them.
        Not where it began to show when that trade had had its time."""
        own, since_ns = self._own_since(key, account), account.doubted_since_ns
        missed = (part for flow in self._maybe_missed(key, account).values() for part in flow)
        if account.settled or not any(own * part > ZERO for part in missed):
            return False
        assert since_ns is not None and account.unsettled_ns is not None and account.own_seen_ns is not None
        in_time = since_ns - account.unsettled_ns < self._given_ns(key, account)
        return in_time and now_ns - account.own_seen_ns < self.reduced_lag_ns

    def _shows_late(self, key: Key, account: _Account, began_ns: int) -> bool:
        """Our own fills show at last, long behind themselves: the feed is later than the time after which trades just
        before the kill were taken to be in the first position. It may be those that show, and ours still to come."""
        own = self._own_since(key, account)
        missed = (part for flow in self._maybe_missed(key, account).values() for part in flow)
        assert account.own_seen_ns is not None
        return began_ns - account.own_seen_ns > self.reduced_lag_ns and any(own * part > ZERO for part in missed)

    def _traded_on(self, key: Key, account: _Account, now_ns: int) -> bool:
        """Others trade on, and no two reads are alike: none of them could ever stand for as long as it takes. One that
        obeys the law when what may have been missed has had its time is as good."""
        if self._foreign_since(key, account) == NOTHING or account.unsettled_ns is None:
            return False
        return now_ns - account.unsettled_ns >= self._given_ns(key, account)

    def _caught_up(self, key: Key, account: _Account, expected: Decimal) -> set[_Missed]:
        """The base missed what it may have missed; now exactly that shows, and nothing else looks like it: not a part
        of what was missed together with a part of what has been traded since. A base that has stood long enough is
        closed from: there it may as well be a fill of our own that nobody has told yet."""
        shown = set() if account.settled else self._shown(key, account, expected)
        missed = account.position - expected
        low, high = _hull(part for flow in self._maybe_missed(key, account).values() for part in flow)
        traded = expected - account.base
        traded_low, traded_high = _hull((self._own_since(key, account), *self._foreign_since(key, account)))
        unique = (missed == low or traded == traded_high) and (missed == high or traded == traded_low)
        return shown if unique and self._nothing_cancels_out(key, account) else set()

    def _nothing_cancels_out(self, key: Key, account: _Account) -> bool:
        """Of what may have been missed, only all comes to what all comes to: without some of it a part could look the
        same, and the rest would still come."""
        flows = self._maybe_missed(key, account)
        if ZERO in (sum(flow.bought for flow in flows.values()), sum(flow.sold for flow in flows.values())):
            return True
        sums = _sums(self._recent.sizes(key)) if flows.keys() == {_Missed.RECENT} else None
        return sums is not None and ZERO not in sums

    def _maybe_missed(self, key: Key, account: _Account) -> dict[_Missed, Flow]:
        """Trades that the base contains or not."""
        late = self._recent.late.get(key, NOTHING)
        flows = {
            _Missed.RECENT: self._recent.flows.get(key, NOTHING).since(late),
            _Missed.LATE: late,
            _Missed.UNSURE: account.unsure,
        }
        return {which: flow for which, flow in flows.items() if flow != NOTHING and which not in account.shows}

    def _shown(self, key: Key, account: _Account, expected: Decimal) -> set[_Missed]:
        """Which of them the position shows beside all that has been traded since; the fewest that explain it."""
        flows = self._maybe_missed(key, account)
        choices = (some for count in range(len(flows) + 1) for some in combinations(flows, count))
        unseen = account.position - expected
        return next((set(some) for some in choices if sum(flows[which].net for which in some) == unseen), set())

    def _left_behind(self, key: Key, account: _Account) -> bool:
        """The base contained what was traded just before it: without that, the position could not be what it is.

        A feed shows trades in their order, and each whole: what was traded before ours shows before ours. So our own
        fills could look like themselves, with a trade missing that was before them, only where some of them are as
        much as some of those.
        """
        if self._since.get(key, NOTHING) != account.base_foreign:
            return False
        own, recent = self._own_since(key, account), self._recent.flows.get(key, NOTHING)
        if not any(own * part > ZERO for part in recent):
            return own != ZERO  # they went the other way
        pieces = [signed for owner, signed in self._own_executions.values() if owner == key]
        if key in self._recent.late or sum(pieces, ZERO) != own:
            return False  # how they were executed is not known
        ours, theirs = _sums(pieces), _sums(self._recent.sizes(key))
        return ours is not None and theirs is not None and ours.isdisjoint(theirs)

    def _only_closed(self, key: Key, account: _Account) -> bool:
        """Nothing is left, and all that has traded is another kill's closes, to one side: they end at zero."""
        if account.position != ZERO or key in self._mixed or self._own_since(key, account) != ZERO:
            return False
        recent, since = self._recent.flows.get(key, NOTHING), self._since.get(key, NOTHING)
        return ZERO in (recent.bought + since.bought, recent.sold + since.sold)

    def _closed_by_others(self, key: Key, account: _Account) -> bool:
        """Zero, and executions of another kill's closes that are told behind it: it contained them, for a close opens
        nothing. Not where such an order has something left, which says that something is there."""
        told = key not in self._maybe and not self._closes.have_left(key, self.traces)
        return told and self._only_closed(key, account)

    def _patience_ns(self, key: Key, account: _Account, now_ns: int) -> int | None:
        """How long a position that executions do not explain must stand; None: it is not believed."""
        own = self._own_since(key, account)
        missed = [part for flow in self._maybe_missed(key, account).values() for part in flow]
        # any part of which a late feed may not show
        maybe = self._maybe.get(key, NOTHING)
        low, high = _hull((own, *self._foreign_since(key, account), *missed, *maybe))
        moved = account.position - account.base
        if not low <= moved <= high:
            echo = self._echo(account, now_ns)
            low, high = low - echo.bought, high - echo.sold
            if low <= moved <= high:
                return None
            sold, bought = self._in_flight.get(key, (ZERO, ZERO))
            if low + sold <= moved <= high + bought:  # a fill of ours that nobody has told yet?
                return self.late_feed_ns
            return self.contradicted_ns if self._vanished(account) else self.doubt_ns
        if self._closes.may_miss_one(key, account.position, self.traces):
            return self.standing_feed_ns
        if own == ZERO and account.position != ZERO:
            return self.late_feed_ns
        if self._shown(key, account, self.expected(key)):
            return self.late_feed_ns if moved != ZERO else self.contradicted_ns
        if account.position == ZERO:  # nothing would be sent, but it would be called flat
            return self.late_feed_ns if self._closed_by_others(key, account) else self.contradicted_ns
        if self._in_pieces(key, account, now_ns):
            return None  # a feed that misses some of our own fills would look like this
        return self.late_feed_ns

    def _vanished(self, account: _Account) -> bool:
        """Gone without an execution: an option can end so, by exercise, assignment or expiry. What else is held cannot,
        nor can everything at once: a TWS that has not loaded the account shows none of it."""
        return account.position == ZERO and (self._nothing_held or account.contract.sec_type not in ENDS_UNTOLD)

    def _in_pieces(self, key: Key, account: _Account, now_ns: int) -> bool:
        """A feed shows each execution whole or not at all: could some of them together, or none, have moved the
        position so, without all of our own among them? Where not all are known one by one, anything could."""
        moved = account.position - account.base
        if moved == ZERO:
            return True
        own = [signed for owner, signed in self._own_executions.values() if owner == key]
        vague = key in self._maybe or any(owner == key for _, owner, _ in self.traces.hidden())
        if vague or sum(own, ZERO) != self._own.get(key, ZERO) or self._echo(account, now_ns) != NOTHING:
            return True
        ours, theirs = _sums_of_some(own), _sums(signed for _, owner, signed in self._foreign.values() if owner == key)
        if ours is None or theirs is None or len(ours) * len(theirs) > SUMS_MAX:
            return True
        return any(moved - part in ours for part in {ZERO, *theirs})

    def _echo(self, account: _Account, now_ns: int) -> Flow:
        """What a late feed may still go through."""
        return account.echo if now_ns - account.echo_ns < self.late_feed_ns else NOTHING

    def _foreign_since(self, key: Key, account: _Account) -> Flow:
        return self._since.get(key, NOTHING).since(account.base_foreign)

    def _own_since(self, key: Key, account: _Account) -> Decimal:
        return self._own.get(key, ZERO) - account.base_own

    def _believe(self, key: Key, account: _Account, now_ns: int) -> None:
        sold, bought = _hull((self._own_since(key, account), *self._foreign_since(key, account)))
        if sold or bought:
            echo = self._echo(account, now_ns)
            account.echo, account.echo_ns = Flow(echo.bought + bought, echo.sold + sold), now_ns
        account.base = account.position
        account.base_foreign = self._since.get(key, NOTHING)
        account.base_own = self._own.get(key, ZERO)
        account.blind = not self._executions_known
        account.settled = True
        account.doubted_since_ns = None

    def _sum_up(self) -> None:
        sums: dict[Key, Flow] = {}
        for _, key, quantity in self._foreign.values():
            sums[key] = sums.get(key, NOTHING).plus(quantity)
        for order, key, signed in self.traces.hidden():
            self._note_whose(key, order.order_ref)
            sums[key] = sums.get(key, NOTHING).plus(signed)
        if self._before is None:
            self._before = sums
        before, known = self._before, self._since
        self._since = {key: flow.since(before.get(key, NOTHING)) for key, flow in sums.items()}
        for key, account in self._accounts.items():
            if self._since.get(key, NOTHING) != known.get(key, NOTHING):
                account.traded_anew = True

    def expected(self, key: Key) -> Decimal:
        """The position by the law."""
        account = self._accounts[key]
        return account.base + self._own_since(key, account) + self._foreign_since(key, account).net

    def seen(self) -> tuple[Key, ...]:
        """Every contract held or traded since the kill began, in the order first seen."""
        return tuple(self._accounts)

    def contract(self, key: Key) -> Contract:
        """Only its conId is known where no position list has named it yet."""
        return self._accounts[key].contract

    def position(self, key: Key) -> Decimal:
        """As last read, believed or not."""
        return self._accounts[key].position

    def first_seen(self, key: Key) -> Decimal:
        """As first read, for the report."""
        return self._accounts[key].first_seen

    def doubtful(self, key: Key) -> bool:
        """True while the last read of this contract is not believed, or may not show what has traded."""
        return self._accounts[key].doubted or key in self._maybe or self._is_unread(key)

    def _is_unread(self, key: Key) -> bool:
        """By the last list."""
        symbol = self._accounts[key].contract.symbol
        return any(row.may_be(key[0], key[1], symbol) for row in self._unread)

    def closable(self, key: Key) -> Decimal:
        """Signed position that may be closed now without crossing zero, whichever view is right."""
        account = self._accounts[key]
        if (not account.settled and not account.recent_only) or self._is_unread(key):
            return ZERO
        expected = self.expected(key)
        own = self._own_since(key, account)
        if not own and account.position == expected and account.unsure == NOTHING and self._undisputed(key):
            return expected  # every view is the same one: in a large book, of nearly every contract and every time
        # trades that no execution tells of, and a feed that does not show our own fills yet
        views = [account.position, expected, account.position + own]
        flows = self._maybe_missed(key, account).values()
        hidden = _hull(part for flow in (*flows, self._maybe.get(key, NOTHING)) for part in flow)
        safe = _nearest_to_zero([view + part for view in views for part in (ZERO, *hidden)])
        if safe == ZERO and not self.doubtful(key) and account.position == expected:
            return account.position  # it has been believed in time: the view without the recent trades was right
        return safe

    def _undisputed(self, key: Key) -> bool:
        """Nothing has traded that a read may show or not."""
        return key not in self._recent.flows and key not in self._maybe

    def all_zero(self) -> bool:
        """True when every contract read so far is at zero and none is in doubt."""
        return self._read and all(a.position == ZERO and not self.doubtful(key) for key, a in self._accounts.items())


def _hull(parts: Iterable[Decimal]) -> tuple[Decimal, Decimal]:
    """What any choice among `parts`, of none and all of them too, comes to at least and at most."""
    listed = tuple(parts)
    return sum((min(part, ZERO) for part in listed), ZERO), sum((max(part, ZERO) for part in listed), ZERO)


def _nearest_to_zero(views: list[Decimal]) -> Decimal:
    """What is there in every view; zero where they do not agree on the side."""
    return max(min(views), ZERO) + min(max(views), ZERO)


def _sums(pieces: Iterable[Decimal]) -> set[Decimal] | None:
    """What any of `pieces` come to together; None where that is too much to look at."""
    sums: set[Decimal] = set()
    for piece in pieces:
        sums |= {piece, *(piece + other for other in sums)}
        if len(sums) > SUMS_MAX:
            return None
    return sums


def _sums_of_some(pieces: list[Decimal]) -> set[Decimal] | None:
    """What any of `pieces` come to, but not all of them; zero for none. None where that is too much to look at."""
    sums = {ZERO}
    for one in set(pieces):
        rest = [*pieces]
        rest.remove(one)
        some = _sums(rest)
        if some is None:
            return None
        sums |= some
    return sums
