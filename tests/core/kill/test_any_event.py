"""Any well-typed event, in any order, at any time: the machine never raises, never sends what it must not, always ends.

Nothing here behaves like a broker. What only a truthful broker can promise is the business of `test_machine_laws`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.kill.profile import examples
from engine.core.contracts import ComboLeg, Contract
from engine.core.facts import Details, ExecutionFact, PositionFact, PriceStep, Quote, QuoteKind, WorkingOrder
from engine.core.kill import events as ev
from engine.core.kill.closes.reactions import REACTIONS
from engine.core.kill.commands import (
    Command,
    Finish,
    OrderType,
    Place,
    ReadCompleted,
    ReadExecutions,
    ReadOrders,
    ReadPositions,
    Stop,
    WakeAt,
)
from engine.core.kill.machine import KillMachine
from engine.core.kill.report import LoginOutcome
from engine.core.kill.settings import MS, SECOND, KillSettings

READS = ReadOrders | ReadPositions | ReadExecutions | ReadCompleted
DEADLINE_NS = 20 * SECOND

accounts = st.sampled_from(["DU1", "DU2", ""])
con_ids = st.integers(0, 4)
numbers = st.decimals(-(10**12), 10**12, places=4) | st.sampled_from([Decimal(n) for n in (0, 1, -1, 5, -7)])
amounts = numbers.map(abs)
prices = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from([Decimal("1E-30"), Decimal(0)])
words = st.sampled_from(["", "DU1", "until", "Read-Only", "halt", "exchange closed", "too far"]) | st.text(max_size=8)
hours = st.sampled_from(["", "20260911:0930-20260911:1600;20260914:CLOSED", "00010101:0000-2400"]) | st.text(
    max_size=30
)
legs = st.lists(st.builds(ComboLeg, con_id=con_ids), max_size=2).map(tuple)
contracts = st.builds(
    Contract,
    con_id=con_ids,
    symbol=st.sampled_from(["ES", "SPY", ""]),
    sec_type=st.sampled_from(["FUT", "OPT", "FOP", "STK", "CASH", "BAG", "CRYPTO", "BOND", "???"]),
    exchange=st.sampled_from(["", "CME", "QBALGO", "SMART"]),
    combo_legs=legs,
)
statuses = st.sampled_from(
    ["Submitted", "PreSubmitted", "PendingCancel", "Cancelled", "ApiCancelled", "Filled", "Inactive", "", "???"]
)
refs = st.sampled_from(["", "QEKILL-k-1", "QEKILL-k-2", "QEKILL-other-1"])
ids = st.integers(-1, 5)
positions = st.builds(PositionFact, accounts, contracts, numbers)
orders = st.builds(
    WorkingOrder,
    account=accounts,
    contract=contracts,
    perm_id=ids,
    client_id=ids,
    order_id=ids,
    action=st.sampled_from(["BUY", "SELL", "SSHORT"]),
    quantity=amounts,
    filled=amounts,
    order_type=st.sampled_from(["LMT", "STP", "TRAIL"]),
    status=statuses,
    order_ref=refs,
)
executions = st.builds(
    ExecutionFact,
    exec_id=st.sampled_from(["", "1", "1.01", "1.02", "2.01", "3.01"]),
    account=accounts,
    con_id=con_ids,
    quantity=numbers,
    price=numbers,
    perm_id=ids,
    client_id=ids,
    order_id=ids,
    order_ref=refs,
    recent=st.booleans(),
    age_ns_min=st.sampled_from([0, 5 * SECOND, 12 * SECOND]),
)
details = st.builds(
    Details,
    contract=contracts,
    min_tick=st.none() | prices,
    valid_exchanges=st.lists(st.sampled_from(["", "CME", "QBALGO"]), max_size=2).map(tuple),
    market_rule_ids=st.lists(con_ids, max_size=2).map(tuple),
    trading_hours=hours,
    liquid_hours=hours,
    time_zone_id=st.sampled_from(["US/Eastern", "nowhere"]) | words,
)
rules = st.lists(st.builds(PriceStep, numbers, prices), max_size=3).map(tuple)
quotes = st.builds(Quote, st.none() | prices, st.none() | prices, st.sampled_from(QuoteKind), st.booleans())
keys = st.integers(1, 6)
codes = st.sampled_from([*REACTIONS, 2109, 2128, 9999]) | st.integers(-10, 20_000)

about_orders = st.one_of(
    st.builds(ev.CloseSent, keys),
    st.builds(ev.CloseNotSent, keys, words),
    st.builds(ev.CloseStatus, keys, statuses, st.none() | amounts, ids),
    st.builds(ev.CloseFill, keys, executions),
    st.builds(ev.CloseError, keys, codes, words),
    st.builds(ev.CloseOrphaned, keys, st.booleans()),
    st.builds(ev.CarrierEnded, keys),
)
about_contracts = st.one_of(
    st.builds(ev.PositionChanged, positions),
    st.builds(ev.OrderSeen, ids, statuses),
    st.builds(ev.Resolved, con_ids, details),
    st.builds(ev.Unresolved, con_ids, words),
    st.builds(ev.RuleHeard, con_ids, rules),
    st.builds(ev.ServerClock, st.integers(0, 2**33)),
    st.builds(ev.Quoted, con_ids, quotes),
    st.builds(ev.NoQuote, con_ids, words),
    st.builds(ev.Notice, codes, words),
)
about_the_login = st.one_of(
    st.builds(ev.Connected, st.lists(accounts, max_size=2).map(tuple), ids, st.booleans(), st.booleans()),
    st.builds(ev.Disconnected, st.sampled_from(ev.Trouble), words),
    st.builds(ev.Answering, ids),
    st.builds(ev.Greeted),
    st.builds(ev.StillWaiting, st.sampled_from(ev.Trouble), words),
    st.builds(ev.BrokerLink, st.booleans(), st.sampled_from([1100, 1101, 1102, 2110])),
    st.builds(ev.LockTaken, st.booleans(), words),
    st.just(ev.LockLost()),
    st.builds(ev.LockBusy, words, st.booleans()),
    st.just(ev.PressedAgain()),
    st.just(ev.Rest()),
    st.builds(ev.EarlierPress, words, st.integers(0, 600 * SECOND)),
)


class AnyEvent(RuleBasedStateMachine):
    """Keeps only what the machine was told, and judges what it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.wake_ns = 0
        self.finished = 0
        self.stopped = False
        self.connected = False
        self.link_up = True
        self.may_close = False
        self.reads: list[READS] = []

    @initialize(quarantine_s=st.sampled_from([0, 3]), wall_s=st.sampled_from([0, 1_790_000_000]))
    def press(self, quarantine_s: int, wall_s: int) -> None:
        self.settings = KillSettings(deadline_ns=DEADLINE_NS, quarantine_ns=quarantine_s * SECOND)
        self.machine = KillMachine(
            name="paper",
            mode="paper",
            host="h",
            port=7497,
            kill_id="k",
            settings=self.settings,
            wall_offset_ns=wall_s * SECOND,
        )
        self._do(self.machine.start(self.now_ns))

    # what may happen -------------------------------------------------------------------------------------------------

    @rule(told=about_orders | about_contracts | about_the_login, after_ms=st.sampled_from([0, 0, 1, 30, 700]))
    def anything(self, told: ev.Event, after_ms: int) -> None:
        self._pass(after_ms * MS)
        self._tell(told)

    @rule(cancel_sent=st.booleans())
    def connected_again(self, cancel_sent: bool) -> None:
        self._tell(ev.Connected(("DU1", "DU2"), 9000, cancel_sent))

    @rule()
    def may_close_now(self) -> None:
        self._tell(ev.LockTaken())

    @precondition(lambda self: self.reads)
    @rule(
        which=st.integers(0, 10),
        orders=st.lists(orders, max_size=2).map(tuple),
        held=st.lists(positions, max_size=3).map(tuple),
        done=st.lists(executions, max_size=3).map(tuple),
        fails=st.sampled_from([False, False, False, True]),
    )
    def a_read_is_answered(self, which: int, orders: Any, held: Any, done: Any, fails: bool) -> None:
        read = self.reads.pop(which % len(self.reads))
        self._pass(5 * MS)
        match read:
            case _ if fails:
                self._tell(ev.ReadFailed(read.read_id, "no answer"))
            case ReadOrders(read_id):
                self._tell(ev.OrdersRead(read_id, orders))
            case ReadPositions(read_id):
                self._tell(ev.PositionsRead(read_id, held))
            case ReadExecutions(read_id):
                self._tell(ev.ExecutionsRead(read_id, done))
            case ReadCompleted(read_id):
                self._tell(ev.CompletedRead(read_id, orders))

    @rule(read_id=st.integers(-1, 8), orders=st.lists(orders, max_size=1).map(tuple))
    def an_answer_to_nothing_in_particular(self, read_id: int, orders: Any) -> None:
        self._tell(ev.OrdersRead(read_id, orders))
        self._tell(ev.ReadFailed(read_id, "late"))

    @rule(steps=st.integers(1, 20))
    def time_passes(self, steps: int) -> None:
        for _ in range(steps):
            self._pass(max(self.wake_ns - self.now_ns, 0))
            self._tell(ev.Woke())

    def teardown(self) -> None:
        """Left alone, it ends in time, with a result that claims nothing false."""
        if not hasattr(self, "machine"):
            return
        end_ns = DEADLINE_NS + self.settings.quarantine_ns
        for _ in range(2 * end_ns // (50 * MS) + 100):
            if self.stopped:
                break
            self._pass(max(self.wake_ns - self.now_ns, 0))
            self._tell(ev.Woke())
        assert self.stopped and self.finished == 1
        report = self.machine.report()
        assert report.outcome is not LoginOutcome.FLAT or not report.residue
        assert report.outcome is not LoginOutcome.UNREACHABLE or not report.accounts

    # what it must not do ---------------------------------------------------------------------------------------------

    def _pass(self, ns: int) -> None:
        self.now_ns += ns
        while not self.stopped and self.wake_ns < self.now_ns:  # the alarm that was set has rung
            now_ns, self.now_ns = self.now_ns, self.wake_ns
            self._tell(ev.Woke())
            self.now_ns = now_ns

    def _tell(self, told: ev.Event) -> None:
        match told:
            case ev.Connected():
                self.connected, self.link_up = True, True
                self.reads.clear()
            case ev.Disconnected():
                self.connected = False
            case ev.BrokerLink(up):
                self.link_up = up
            case ev.LockTaken():
                self.may_close = True
            case ev.LockLost():
                self.may_close = False
        self._do(self.machine.handle(told, self.now_ns))

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            assert not self.stopped, f"{command} after Stop"
            match command:
                case WakeAt(at_ns):
                    assert at_ns >= self.now_ns
                    self.wake_ns = at_ns
                case ReadOrders() | ReadPositions() | ReadExecutions() | ReadCompleted():
                    assert self.connected
                    self.reads.append(command)
                case Place():
                    self._judge(command)
                case Finish():
                    self.finished += 1
                    assert self.now_ns <= DEADLINE_NS
                case Stop():
                    self.stopped = True

    def _judge(self, place: Place) -> None:
        assert self.connected and self.link_up and self.may_close
        assert place.account and place.contract.con_id > 0 and place.contract.exchange
        assert place.quantity > 0 and place.action in ("BUY", "SELL")
        assert (place.limit_price is None) == (place.order_type is OrderType.MARKET)
        assert place.limit_price is None or place.limit_price.is_finite()

    @invariant()
    def reports_at_any_time(self) -> None:
        if hasattr(self, "machine"):
            self.machine.report()


AnyEvent.TestCase.settings = examples(150, stateful_step_count=40)
TestAnyEvent = AnyEvent.TestCase
