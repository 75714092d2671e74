"""Short spellings of facts for tests, and a stage on which one machine plays against a broker moved by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from engine.core.contracts import ComboLeg, Contract
from engine.core.facts import (
    AccountWorth,
    Details,
    ExecutionFact,
    PositionFact,
    PriceStep,
    Quote,
    QuoteKind,
    UnreadPosition,
    WorkingOrder,
)
from engine.core.kill import events as ev
from engine.core.kill.commands import (
    AskQuote,
    AskRule,
    CancelClose,
    Command,
    Connect,
    Finish,
    GlobalCancel,
    OrderType,
    Place,
    ReadCompleted,
    ReadExecutions,
    ReadOrders,
    ReadPositions,
    ReadWorth,
    Resolve,
    Say,
    Stop,
    WakeAt,
)
from engine.core.kill.machine import KillMachine
from engine.core.kill.report import LoginReport, ResidueItem, ResidueReason
from engine.core.kill.settings import MS, SECOND, KillSettings

C = TypeVar("C", bound=Command)
D = Decimal
ACCOUNT = "DU1"


def future(con_id: int = 1, symbol: str = "ES") -> Contract:
    """As `position` reports it: without an exchange."""
    return Contract(con_id=con_id, symbol=symbol, sec_type="FUT", currency="USD", local_symbol=f"{symbol}Z6")


def option(con_id: int = 11, symbol: str = "SPY", right: str = "C") -> Contract:
    return Contract(con_id=con_id, symbol=symbol, sec_type="OPT", right=right, currency="USD")


def stock(con_id: int = 21, symbol: str = "SPY", exchange: str = "ARCA") -> Contract:
    """As `position` reports it: with its listing exchange."""
    return Contract(con_id=con_id, symbol=symbol, sec_type="STK", exchange=exchange, currency="USD")


def combination(*legs: int, symbol: str = "SPY") -> Contract:
    return Contract(symbol=symbol, sec_type="BAG", combo_legs=tuple(ComboLeg(con_id=leg) for leg in legs))


ES = future()


def held(contract: Contract, quantity: int | str, account: str = ACCOUNT) -> PositionFact:
    return PositionFact(account, contract, D(quantity))


def order(contract: Contract, action: str, quantity: int | str, **more: Any) -> WorkingOrder:
    """Somebody else's working order."""
    fields: dict[str, Any] = {
        "account": ACCOUNT,
        "perm_id": 501,
        "client_id": 7,
        "order_id": 3,
        "filled": D(0),
        "order_type": "LMT",
        "status": "Submitted",
    }
    return WorkingOrder(contract=contract, action=action, quantity=D(quantity), **(fields | more))


def execution(contract: Contract, quantity: int | str, exec_id: str = "0001.01.01", **more: Any) -> ExecutionFact:
    """Signed: bought positive."""
    fields: dict[str, Any] = {"account": ACCOUNT, "price": D(10), "perm_id": 501, "client_id": 7, "order_id": 3}
    return ExecutionFact(
        exec_id=exec_id, con_id=contract.con_id, contract=contract, quantity=D(quantity), **(fields | more)
    )


def details(contract: Contract, exchange: str = "CME", **more: Any) -> Details:
    routed = Contract(con_id=contract.con_id, symbol=contract.symbol, sec_type=contract.sec_type, exchange=exchange)
    return Details(contract=routed, **({"min_tick": D("0.25")} | more))


def steps(*bands: tuple[str, str]) -> tuple[PriceStep, ...]:
    """A market rule: (low edge, increment), …"""
    return tuple(PriceStep(D(low_edge), D(increment)) for low_edge, increment in bands)


def quote(bid: str | None = "100", ask: str | None = "101", kind: QuoteKind = QuoteKind.LIVE, **more: Any) -> Quote:
    return Quote(None if bid is None else D(bid), None if ask is None else D(ask), kind, **more)


class Stage:
    """Time passes when a test says so. Reads are answered at once with what the test put on the stage; None: the
    read fails. Orders, quotes and contract details are the test's to answer."""

    def __init__(self, *positions: PositionFact, orders: list[WorkingOrder] | None = None, **settings: int) -> None:
        self.positions: list[PositionFact] | None = list(positions)
        self.orders: list[WorkingOrder] | None = orders or []
        self.unread: list[UnreadPosition] = []  # rows of the list of positions
        self.executions: list[ExecutionFact] | None = []
        self.completed: list[WorkingOrder] = []
        self.worth: list[AccountWorth] | None = None  # None: no answer comes, nor a failure
        self.ended: list[WorkingOrder] | None = None  # None: what is open no more was cancelled
        self._once_open: dict[int, WorkingOrder] = {}
        self.answers = True  # does TWS answer reads at all?
        self.now_ns = 0
        self.commands: list[Command] = []
        self.told: list[Command] = []  # commands that the last call brought forth
        self._wake_ns = 0
        self.machine = KillMachine(
            name="paper",
            mode="paper",
            host="127.0.0.1",
            port=7497,
            kill_id="k",
            # a book that is empty is one that was read
            settings=KillSettings(**{"nothing_seen_ns": 0, "unwitnessed_ns": 0, **settings}),
        )

    # what happens ----------------------------------------------------------------------------------------------------

    def press(self) -> Stage:
        self._do(self.machine.start(self.now_ns))
        return self

    def begin(self, *, details_for: tuple[Contract, ...] = ()) -> Stage:
        """Pressed, connected, with the right to close, and with the first look behind it."""
        self.press()
        self.tell(ev.LockTaken())
        self.tell(ev.Connected((ACCOUNT,), 9000))
        for contract in details_for:
            self.tell(ev.Resolved(contract.con_id, details(contract)))
        return self

    def tell(self, *events: ev.Event) -> list[Command]:
        begun = len(self.commands)
        for event in events:
            self._do(self.machine.handle(event, self.now_ns))
        return self.commands[begun:]

    def run(self, ms: int) -> list[Command]:
        """Let time pass; the machine is woken when it asked to be."""
        begun = len(self.commands)
        end_ns = self.now_ns + ms * MS
        while not self.stopped and self._wake_ns <= end_ns:
            self.now_ns = max(self.now_ns, self._wake_ns)
            self._do(self.machine.handle(ev.Woke(), self.now_ns))
        self.now_ns = end_ns
        return self.commands[begun:]

    def next_place(self, within_ms: int = 10_000) -> Place:
        """Let time pass until another closing order goes out."""
        already = len(self.placed)
        for _ in range(within_ms // 10):
            if len(self.placed) > already:
                return self.place
            self.run(10)
        raise AssertionError(f"no closing order within {within_ms} ms: {self.said[-5:]}")

    def acknowledge(self, place: Place) -> list[Command]:
        return self.tell(ev.CloseStatus(place.key, "Submitted", D(0), 900 + place.key))

    def acknowledge_first(self) -> Place:
        """The first closing order is acknowledged, and a look shows it: now the rest may go."""
        place = self.place
        self.acknowledge(place)
        self.orders = [*(self.orders or ()), self.listed(place)]
        self.run(50)
        return place

    def price_rules(self, contract: Contract, *bands: tuple[str, str], tick: str = "0.01") -> list[Command]:
        """The broker tells the contract's own rules: its tick and, where there are `bands`, market rule 7 on SMART."""
        more: dict[str, Any] = {"valid_exchanges": ("CBOE", "SMART"), "market_rule_ids": (6, 7)} if bands else {}
        told = self.tell(ev.Resolved(contract.con_id, details(contract, "SMART", min_tick=D(tick), **more)))
        return told + self.tell(*[ev.RuleHeard(7, steps(*bands))] * bool(bands))

    def fill(self, place: Place, quantity: int | str | None = None) -> list[Command]:
        """A closing order fills and the position follows."""
        filled = place.quantity if quantity is None else D(quantity)
        signed = filled if place.action == "BUY" else -filled
        self.move(place.contract.con_id, signed, place.account)
        more = {"order_ref": place.order_ref, "perm_id": 900 + place.key, "account": place.account}
        done = execution(place.contract, str(signed), f"own.{place.key}.{len(self.executions or ())}.01", **more)
        if self.executions is not None:
            self.executions.append(done)
        return self.tell(ev.CloseFill(place.key, done))

    def move(self, con_id: int, signed: Decimal, account: str = ACCOUNT) -> None:
        assert self.positions is not None
        self.positions = [
            PositionFact(p.account, p.contract, p.quantity + signed)
            if (p.account, p.contract.con_id) == (account, con_id)
            else p
            for p in self.positions
        ]
        self.positions = [p for p in self.positions if p.quantity != 0]

    def reject(self, place: Place, code: int, text: str = "") -> list[Command]:
        return self.tell(ev.CloseError(place.key, code, text))

    def listed(self, place: Place, **more: Any) -> WorkingOrder:
        """The closing order as the broker lists it."""
        return order(
            place.contract,
            place.action,
            str(place.quantity),
            account=place.account,
            perm_id=900 + place.key,
            client_id=9000,
            order_id=place.key,
            order_type=place.order_type.value,
            order_ref=place.order_ref,
            **more,
        )

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            self.commands.append(command)
            if isinstance(command, WakeAt):
                self._wake_ns = command.at_ns
        for command in commands:
            self._answer(command)

    def _answer(self, command: Command) -> None:
        if not self.answers:
            return
        answer: ev.Event | None = None
        match command:
            case ReadOrders(read_id):
                self._once_open |= {order.perm_id: order for order in self.orders or ()}
                answer = self._read(read_id, self.orders, ev.OrdersRead)
            case ReadPositions(read_id):
                answer = self._read(read_id, self.positions, ev.PositionsRead)
                if isinstance(answer, ev.PositionsRead):
                    answer = replace(answer, unread=tuple(self.unread))
            case ReadExecutions(read_id):
                answer = self._read(read_id, self.executions, ev.ExecutionsRead)
            case ReadCompleted(read_id):
                answer = ev.CompletedRead(read_id, tuple(self.completed), self._ended())
            case ReadWorth(read_id) if self.worth is not None:
                answer = ev.WorthRead(read_id, tuple(self.worth))
        if answer is not None:
            self._do(self.machine.handle(answer, self.now_ns))

    def _ended(self) -> tuple[WorkingOrder, ...]:
        if self.ended is not None:
            return tuple(self.ended)
        open_now = {order.perm_id for order in self.orders or ()}
        return tuple(
            replace(order, status="Cancelled") for p, order in self._once_open.items() if p not in open_now and p < 900
        )

    @staticmethod
    def _read(read_id: int, facts: list[Any] | None, kind: Any) -> ev.Event:
        return ev.ReadFailed(read_id, "no answer within 3 s") if facts is None else kind(read_id, tuple(facts))

    # what came of it -------------------------------------------------------------------------------------------------

    def all(self, kind: type[C]) -> list[C]:
        return [command for command in self.commands if isinstance(command, kind)]

    @property
    def placed(self) -> list[Place]:
        return self.all(Place)

    @property
    def place(self) -> Place:
        """The newest closing order."""
        return self.placed[-1]

    @property
    def cancels(self) -> int:
        return len(self.all(GlobalCancel))

    @property
    def withdrawn(self) -> list[int]:
        return [command.key for command in self.all(CancelClose)]

    @property
    def said(self) -> list[str]:
        return [command.kind for command in self.all(Say)]

    @property
    def finished(self) -> bool:
        return bool(self.all(Finish))

    @property
    def stopped(self) -> bool:
        return bool(self.all(Stop))

    @property
    def report(self) -> LoginReport:
        return self.machine.report()

    @property
    def residue(self) -> list[ResidueItem]:
        return list(self.report.residue)

    @property
    def reasons(self) -> list[ResidueReason]:
        return [item.reason for item in self.report.residue]


__all__ = [
    "ACCOUNT",
    "ES",
    "MS",
    "SECOND",
    "AskQuote",
    "AskRule",
    "CancelClose",
    "Connect",
    "D",
    "Finish",
    "GlobalCancel",
    "OrderType",
    "Place",
    "ReadExecutions",
    "ReadOrders",
    "ReadPositions",
    "ReadWorth",
    "Resolve",
    "Say",
    "Stage",
    "Stop",
    "combination",
    "details",
    "ev",
    "execution",
    "future",
    "held",
    "option",
    "order",
    "quote",
    "steps",
    "stock",
]
