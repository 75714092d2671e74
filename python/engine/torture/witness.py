"""Stands beside the exchange and the wire of a torture run, and notes what an invariant needs. Touches nothing."""

from __future__ import annotations

from decimal import Decimal
from zlib import crc32

from engine.core.kill.held.close_marks import by_a_kill
from engine.core.units import known
from engine.simulator.server import Entry, Kind, World
from engine.torture.evidence import Arrived, Evidence, Outside, Truth
from engine.torture.programs import ProgramLoop
from engine.wire.requests import PlaceOrder

ZERO = Decimal(0)


class Witness:
    """Of one run."""

    def __init__(self, evidence: Evidence, loop: ProgramLoop, world: World) -> None:
        self._evidence, self._loop, self._world = evidence, loop, world

    def begin(self) -> None:
        """What there is at first; and from now on whatever passes."""
        for name, login in self._world.logins.items():
            self._evidence.at_first[name] = dict(login.positions())
            self._evidence.worth_at_first[name] = self._worth_of(name)
            self.worth(name)
        self._world.log.keep(1)  # we see them all as they come
        self._world.log.watch(self._see)

    def end_of_story(self) -> None:
        """The last moment at which every program that lives still runs."""
        for name in self._world.logins:
            self.worth(name)

    def end(self) -> None:
        self._evidence.seconds = self._loop.time()
        for name, login in self._world.logins.items():
            self._evidence.movements[name] = login.exchange.movements()

    def truth(self, name: str) -> Truth:
        """A login as it is now."""
        self._world.login(name).server.catch_up()
        return self.as_it_stands(name)

    def as_it_stands(self, name: str) -> Truth:
        """A login as its exchange has it now; nothing is moved on."""
        exchange = self._world.login(name).server.exchange
        positions = {(held.account, held.con_id): held.quantity for held in exchange.positions()}
        working = {one.perm_id: (one.request.account, one.request.con_id) for one in exchange.open_orders()}
        return Truth(positions, working)

    def outside(self, name: str) -> None:
        """Somebody is about to trade whom nobody can know of."""
        self._evidence.outside.append(Outside(name, self._loop.time(), self.truth(name)))

    def worth(self, name: str) -> None:
        """What the login is worth from now on."""
        self._evidence.worth.append((name, self._loop.time(), self._worth_of(name)))

    # --- the wire -------------------------------------------------------------------------------------
    def _see(self, entry: Entry) -> None:
        evidence = self._evidence
        evidence.messages += 1
        what = f"{entry.at_ns} {entry.login} {entry.connection} {entry.kind} {type(entry.message).__name__}"
        evidence.mark = crc32(what.encode(), evidence.mark)
        if entry.kind is Kind.REQUEST and isinstance(entry.message, PlaceOrder):
            self._see_order(entry, entry.message)
        elif entry.kind is Kind.FAULT and entry.text.startswith("above the message limit"):
            evidence.too_fast.append(f"{self._loop.time():.3f} s {entry.line()}")

    def _see_order(self, entry: Entry, message: PlaceOrder) -> None:
        """From within TWS's own work: the exchange is looked at and not moved on."""
        exchange, order = self._world.login(entry.login).server.exchange, message.order
        quantity = known(order.total_quantity)
        account = order.account or exchange.accounts[0]
        if quantity is None or account not in exchange.accounts:
            return
        con_id, signed = message.contract.con_id, quantity if order.action == "BUY" else -quantity
        beside = [
            view
            for view in exchange.open_orders()
            if (view.request.account, view.request.con_id, view.request.action) == (account, con_id, order.action)
            and (view.request.client_id, view.request.order_id) != (entry.client_id, message.order_id)
        ]
        working = sum((view.remaining for view in beside), ZERO)
        if not by_a_kill(order.order_ref):
            now = self._loop.time()
            self._evidence.outside.append(Outside(entry.login, now, self.as_it_stands(entry.login)))
        self._evidence.arrived.append(
            Arrived(
                login=entry.login,
                at_s=self._loop.time(),
                client_id=entry.client_id if entry.client_id is not None else -1,
                order_ref=order.order_ref,
                key=(account, con_id),
                signed=signed,
                held=exchange.held(account, con_id),
                working=working if signed > 0 else -working,
            )
        )

    # --- the exchange -----------------------------------------------------------------------------------
    def _worth_of(self, name: str) -> Decimal:
        exchange = self._world.login(name).exchange
        return sum((exchange.account_values(account).net_liquidation for account in exchange.accounts), ZERO)
