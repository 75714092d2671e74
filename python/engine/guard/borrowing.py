"""Cancels single orders of a program that is gone, under its client id: nobody else can, and a global cancel takes all.

TWS lets only the client that placed an order cancel it (10147 for others). The id of a program that lives is in use
(326): then its orders are left to it and to people. Order ids are reused after a restart, so what is cancelled is
looked up by permId on the borrowed connection first. Must never keep an id longer than a few seconds, since its owner
may come back, and never borrow 0, which would bind the orders typed into TWS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from engine.broker.failures import LinkFailure
from engine.broker.inquiry import Complete, Outcome
from engine.broker.link import Link, LinkSettings
from engine.broker.reads import Reads, answer
from engine.core.facts import WorkingOrder
from engine.core.kill.events import Trouble
from engine.wire.requests import CancelOrder

READ_S = 3.0
ROUNDS_MAX = 5
BETWEEN_S = 0.5
SETTINGS = LinkSettings(tcp_s=2.0, handshake_s=2.5, ready_s=3.0)


class Borrowed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it for one client id. `alive`: its program holds it. `why`: nothing was done, or it is not known."""

    client_id: int
    gone: tuple[int, ...] = ()  # permIds
    left: tuple[int, ...] = ()
    alive: bool = False
    why: str = ""

    def __str__(self) -> str:
        who = f"client {self.client_id}"
        if self.alive:
            return f"{who} lives (its id is in use): only it, or a person in TWS, can cancel its orders one by one"
        if self.why:
            return f"{who} is gone, and under its id: {self.why}"
        parts = [f"{len(self.gone)} cancelled under the id of {who}, which is gone"]
        if self.left:
            parts.append(f"{len(self.left)} still there")
        return ", ".join(parts)


async def cancel_under_its_id(host: str, port: int, client_id: int, orders: Iterable[WorkingOrder]) -> Borrowed:
    """Cancel these orders of one client. Never raises for what the broker does."""
    wanted = frozenset(one.perm_id for one in orders)
    link = Link(host, port, client_id, SETTINGS)
    try:
        await link.connect()
    except LinkFailure as failure:
        in_use = failure.trouble is Trouble.CLIENT_IDS_BUSY
        return Borrowed(client_id=client_id, left=tuple(sorted(wanted)), alive=in_use, why=failure.text)
    try:
        return await _cancel(link, wanted)
    finally:
        link.close("given back")
        await asyncio.sleep(0)


async def _cancel(link: Link, wanted: frozenset[int]) -> Borrowed:
    reads, asked, client_id = Reads(link), set[int](), link.client_id
    left = wanted
    for round_ in range(ROUNDS_MAX):
        if round_:
            await asyncio.sleep(BETWEEN_S)
        outcome: Outcome[tuple[WorkingOrder, ...]] = await answer(lambda then: reads.open_orders(then, READ_S))
        if not isinstance(outcome, Complete):
            return Borrowed(client_id=client_id, left=tuple(sorted(left)), why=outcome.why)
        there = [one for one in outcome.value if one.perm_id in wanted]
        left = frozenset(one.perm_id for one in there)
        if not left:
            break
        for one in there:
            if one.client_id == client_id and one.order_id > 0 and one.perm_id not in asked and link.up:
                asked.add(one.perm_id)
                link.post(CancelOrder(one.order_id), urgent=True)
    return Borrowed(client_id=client_id, gone=tuple(sorted(wanted - left)), left=tuple(sorted(left)))
