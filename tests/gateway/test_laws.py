"""Random sessions of several clients: what passed obeys the rules, as judged afterwards from the exchange's side."""

from __future__ import annotations

import asyncio
import random
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.simulator.faults import AnyFault, DropReplies, Latency, Reject, SlowAck, SlowFill
from engine.wire.requests import CancelOrder, ReqGlobalCancel
from gateway.post import ACCOUNT, Post, listed, order, post
from simulator.wire_client import WireClient

LIMIT = 16  # the account holds ten, its own exits working
MANY = 10_000
LOOSE = replace(
    DEFAULTS,
    futures=ProductLimits(Decimal(LIMIT), None),
    duplicates_max=MANY,
    repeats_max=MANY,
    orders_per_second_max=MANY,
    orders_per_minute_max=MANY,
    rate_breaches_max=MANY,
)
FAULTS: tuple[tuple[AnyFault, ...], ...] = (
    (),
    (Latency(seconds=0.05),),
    (SlowAck(seconds=0.7),),
    (SlowFill(seconds=0.5),),
    (Reject(action="BUY", first=3),),
    (DropReplies(replies=("OrderStatus",), first=5, client_ids=(21, 22, 23)),),
)


def worst(it: Post) -> Decimal:
    """What the futures of the account could come to, by what the exchange has."""
    exchange, total = it.login.exchange, Decimal(0)
    for con_id in {listed(it.login, f"FUT {name}").con_id for name in ("ES", "MES", "CL")}:
        held = exchange.held(ACCOUNT, con_id)
        working = [one for one in exchange.open_orders() if one.request.con_id == con_id]
        buys = sum((one.remaining for one in working if one.request.action == "BUY"), Decimal(0))
        sells = sum((one.remaining for one in working), Decimal(0)) - buys
        total += max(held + buys, sells - held)
    return total


async def session(it: Post, rng: random.Random, clients: list[WireClient]) -> None:
    es, mes = listed(it.login, "FUT ES"), listed(it.login, "FUT MES")
    for _ in range(40):
        client, order_id = rng.choice(clients), rng.randint(1, 8)
        contract, side = rng.choice([(es, "BUY"), (mes, "SELL"), (es, "SELL"), (mes, "BUY")])
        price = None if rng.random() < 0.3 else rng.choice([1000, 5000, 9000])
        match rng.randrange(10):
            case 0:
                client.send(CancelOrder(order_id))
            case 1 if rng.random() < 0.3:
                client.send(ReqGlobalCancel())
            case 2:
                it.rules.halt(it.desk.entry.scope, "now and then")
            case 3:
                it.rules.resume(it.desk.entry.scope, reason="again")
            case _:
                client.send(order(order_id, contract, side, rng.randint(1, 6), price))
        await asyncio.sleep(rng.choice([0, 0, 0.01, 0.3, 2]))
        assert worst(it) <= LIMIT, f"{worst(it)} at {it.loop.time()}"


@settings(max_examples=25)
@given(st.integers(0, 10**9), st.sampled_from(FAULTS))
def test_no_session_of_several_clients_comes_beyond_the_limit(seed: int, faults: tuple[AnyFault, ...]) -> None:
    async def test(it: Post) -> None:
        assert worst(it) == 10
        clients = [await it.client(client_id) for client_id in (21, 22, 23)]
        clients[0].send(order(9, listed(it.login, "FUT ES"), "BUY", 1, 1000))  # so that no session is empty
        await asyncio.sleep(2)
        await session(it, random.Random(seed), clients)
        assert it.desk.tally.counts["orders passed"]

    with tempfile.TemporaryDirectory() as home:
        post(Path(home), test, *faults, settings=LOOSE)
