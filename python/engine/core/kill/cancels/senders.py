"""Who goes on sending orders while a kill is at work? Pure; times are arguments.

A runaway program is what the button is for, and no kill can end it: its orders are cancelled and what it opens is
closed again, for as long as it runs. So it is named, in the timeline and in the report. It must never be accused of
what was sent before the press: orders and executions that the first looks show are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.commands import Command, Say
from engine.core.kill.held.close_marks import by_a_kill
from engine.core.kill.held.traces import Key, Name, name_of
from engine.core.kill.report import Sender
from engine.core.kill.settings import SECOND

STILL_NS = 5 * SECOND
"""How long after its last order a program counts as one that goes on."""

SAY_AGAIN_NS = 20 * SECOND

TWS = 0
"""Client id of what is typed into TWS, with an order id of zero or below: a person who helps is no program."""


@dataclass(slots=True)
class _Sender:
    client_id: int
    orders: int = 0
    looks: int = 0  # that showed new ones: one burst is not yet "goes on"
    last_ns: int = 0
    last_in: dict[Key, int] = field(default_factory=dict)
    said_ns: int | None = None

    @property
    def keeps_sending(self) -> bool:
        return self.looks > 1

    def still(self, now_ns: int) -> bool:
        return self.keeps_sending and now_ns - self.last_ns < STILL_NS


@dataclass(slots=True)
class Senders:
    """`settle_ns`: how long after the first look something from before it may still come to light."""

    settle_ns: int
    _first_ns: int | None = None
    _executions_known: bool = False
    _seen: set[Name] = field(default_factory=set)
    _ours: set[int] = field(default_factory=set)  # client ids of this kill
    _by_client: dict[int, _Sender] = field(default_factory=dict)

    def connected(self, client_id: int) -> None:
        self._ours.add(client_id)

    def looked(
        self, others: Iterable[WorkingOrder], executions: tuple[ExecutionFact, ...] | None, now_ns: int
    ) -> list[Command]:
        """A complete look, and what to say of it. `others`: listed orders but for this kill's living closes."""
        if self._first_ns is None:
            self._first_ns = now_ns
        new: dict[Name, tuple[int, list[Key]]] = {}
        for order in others:
            if self._is_news(order):
                con_ids = (order.contract.con_id, *(leg.con_id for leg in order.contract.combo_legs))
                new[name_of(order)] = (order.client_id, [(order.account, con_id) for con_id in con_ids])
        for execution in executions or ():
            if not self._executions_known:  # the first list is of the whole day
                self._seen.add(name_of(execution))
            elif self._is_news(execution) and not execution.liquidation:
                _, keys = new.setdefault(name_of(execution), (execution.client_id, []))
                keys.append((execution.account, execution.con_id))
        self._executions_known = self._executions_known or executions is not None
        if now_ns - self._first_ns >= self.settle_ns:
            self._count(new, now_ns)
        self._seen |= new.keys()
        return self._say(now_ns)

    def _is_news(self, one: WorkingOrder | ExecutionFact) -> bool:
        typed = one.client_id <= TWS and one.order_id <= 0
        kills = by_a_kill(one.order_ref) or one.client_id in self._ours
        return not typed and not kills and name_of(one) not in self._seen

    def _count(self, new: dict[Name, tuple[int, list[Key]]], now_ns: int) -> None:
        for client_id, keys in new.values():
            sender = self._by_client.setdefault(client_id, _Sender(client_id))
            sender.looks += sender.last_ns != now_ns
            sender.orders += 1
            sender.last_ns = now_ns
            sender.last_in.update(dict.fromkeys(keys, now_ns))

    def _say(self, now_ns: int) -> list[Command]:
        said: list[Command] = []
        for sender in self._by_client.values():
            due = sender.said_ns is None or now_ns - sender.said_ns >= SAY_AGAIN_NS
            if sender.still(now_ns) and due:
                sender.said_ns = now_ns
                sent = f"at least {sender.orders} since the kill was pressed"
                said.append(Say("still_sending", f"{stop(sender.client_id)}. It keeps sending orders ({sent})"))
        return said

    def any_still(self, now_ns: int) -> bool:
        return any(sender.still(now_ns) for sender in self._by_client.values())

    def quiet_ns(self, now_ns: int) -> int:
        """How long everything has to stay flat before it is called so: while a program goes on sending, its next order
        is on the way."""
        return STILL_NS if self.any_still(now_ns) else 0

    def besieged(self, now_ns: int) -> frozenset[Key]:
        """Contracts in which somebody keeps sending orders; an order may name no account."""
        return frozenset(
            key
            for sender in self._by_client.values()
            if sender.still(now_ns)
            for key, last_ns in sender.last_in.items()
            if now_ns - last_ns < STILL_NS
        )

    def still_in(self, key: Key, now_ns: int) -> tuple[int, ...]:
        """Whose orders keep coming in this contract: client ids."""
        return tuple(
            sender.client_id
            for sender in self._by_client.values()
            if sender.still(now_ns)
            and any(now_ns - sender.last_in.get(where, -STILL_NS) < STILL_NS for where in (key, ("", key[1])))
        )

    def told(self, now_ns: int, pressed_ns: int) -> tuple[Sender, ...]:
        """For the report."""
        return tuple(
            Sender(
                client_id=sender.client_id,
                orders=sender.orders,
                last_ms=(sender.last_ns - pressed_ns) / 1e6,
                still=sender.still(now_ns),
            )
            for sender in self._by_client.values()
            if sender.keeps_sending
        )


def stop(*client_ids: int) -> str:
    """What a person has to do."""
    if len(client_ids) == 1:
        return f"stop the program with client id {client_ids[0]}"
    return f"stop the programs with the client ids {', '.join(map(str, client_ids))}"
