"""Nothing harmless is refused: reads, cancels and reducing orders pass in every state that a login can be in."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from conformance.names import IB_ASYNC
from conformance.request_samples import request as sample
from conformance.samples import Dice
from engine.config.gateway_table import GatewayTable
from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.core.restrictions import Cause, Kind
from engine.gateway.absences import held_against
from engine.gateway.police import KINDS
from engine.gateway.police import Kind as Message
from engine.journal.trouble import Code
from engine.trading.order_settings import OrderSettings
from engine.wire.codec import encode_request
from engine.wire.frames import frame
from engine.wire.replies import CurrentTime, ErrorMessage
from engine.wire.requests import CancelOrder, ReqCurrentTime, ReqGlobalCancel, Request
from gateway.post import ACCOUNT, Post, listed, order, post, statuses, told
from simulator.wire_client import WireClient

TIGHT = replace(
    DEFAULTS,
    futures=ProductLimits(Decimal(1), Decimal(1)),
    options=ProductLimits(Decimal(1), Decimal(1)),
    shares=ProductLimits(Decimal(1), Decimal(1_000_000)),
)


def nothing(it: Post) -> None:
    """Nothing stands against anything."""


def halt(it: Post) -> None:
    it.halt("lunch")


def reduce_only(it: Post) -> None:
    it.rules.halt(it.desk.entry.scope, "late", kind=Kind.REDUCE_ONLY)


def half_size(it: Post) -> None:
    it.rules.halt(it.desk.entry.scope, "weak", kind=Kind.SIZE_FACTOR, size_factor=Decimal("0.1"))


def unwritable(it: Post) -> None:
    it.memory.fails = Code.FULL


def unreadable(it: Post) -> None:
    it.memory.unreadable = Code.CORRUPT


def shutdown(it: Post) -> None:
    it.rules.halt(it.desk.entry.scope, "killed", kind=Kind.SHUTDOWN, cause=Cause.KILL_SWITCH)


State = Callable[[Post], None]
STATES: tuple[State, ...] = (nothing, halt, reduce_only, half_size, unwritable, unreadable)
in_each = pytest.mark.parametrize("state", STATES, ids=lambda one: one.__name__)
in_all = pytest.mark.parametrize("state", (*STATES, shutdown), ids=lambda one: one.__name__)
NO_GUARD = held_against(GatewayTable(), OrderSettings(TIGHT))


async def alone(it: Post) -> WireClient:
    """A client of an account in which nothing works."""
    client = await it.client()
    client.send(ReqGlobalCancel())
    await asyncio.sleep(65)  # until the account is read again
    return client


@in_each
def test_every_position_can_be_closed_in_every_state(tmp_path: Path, state: State) -> None:
    async def test(it: Post) -> None:
        client = await alone(it)
        state(it)
        for n, (con_id, held) in enumerate(sorted(holdings(it).items()), start=1):
            contract = it.login.exchange.catalogue[con_id].contract
            client.send(order(n, contract, "SELL" if held > 0 else "BUY", str(abs(held))))
            await asyncio.sleep(1)
            assert not told(client, n), (contract.symbol, contract.sec_type, told(client, n)[0].text)
            assert it.login.exchange.find_order(21, n)
        assert len(holdings(it)) < 10

    post(tmp_path, test, found=NO_GUARD)


def holdings(it: Post) -> dict[int, Decimal]:
    return {con_id: held for (account, con_id), held in it.login.positions().items() if account == ACCOUNT and held}


@in_all
def test_cancels_pass_in_every_state(tmp_path: Path, state: State) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        es = listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 1, 1000), order(2, es, "BUY", 1, 1001))
        await client.until(lambda: all("Submitted" in statuses(client, n) for n in (1, 2)))
        state(it)
        client.send(CancelOrder(1))
        await client.until(lambda: "Cancelled" in statuses(client, 1))
        client.send(ReqGlobalCancel())
        await client.until(lambda: "Cancelled" in statuses(client, 2))

    room = replace(DEFAULTS, futures=ProductLimits(Decimal(30), None))
    post(tmp_path, test, settings=room)


@in_all
def test_every_read_passes_in_every_state(tmp_path: Path, state: State) -> None:
    """None of them is answered by the gateway itself."""
    dice = Dice(7)

    async def test(it: Post) -> None:
        client = await it.client()
        state(it)
        version = client.session.version
        for kind in Request.__subclasses__():
            number = _number_of(kind)
            if number is not None and KINDS.get(number) is Message.READ:
                client.transport.write(frame(encode_request(sample(dice, kind, IB_ASYNC, version), version)))
        await asyncio.sleep(10)
        assert not [one for one in client.of(ErrorMessage) if "Not sent to TWS" in one.text]
        await client.ask(ReqCurrentTime(), CurrentTime)
        assert not it.desk.tally.refused

    post(tmp_path, test)


def _number_of(kind: type[Request]) -> bytes | None:
    if kind.__name__ in ("UnknownRequest", "StartApi"):
        return None
    made = sample(Dice(1), kind, IB_ASYNC, 178) if kind.__name__ != "PlaceOrder" else None
    return encode_request(made, 178).partition(b"\0")[0] if made is not None else None


@settings(max_examples=3, phases=(Phase.generate,))
@given(st.integers(0, 10**9), st.sampled_from(STATES))
def test_whatever_has_happened_a_part_of_what_is_held_can_be_closed(seed: int, state: State) -> None:
    """Orders and cancels at random; then, with nothing working, any part of any position may be closed."""

    async def test(it: Post) -> None:
        rng = random.Random(seed)
        client, es = await alone(it), listed(it.login, "FUT ES")
        for n in range(1, 12):
            client.send(order(n, es, rng.choice(["BUY", "SELL"]), rng.randint(1, 3), rng.choice([None, 1000, 9000])))
            await asyncio.sleep(rng.choice([0, 0.5, 2]))
        client.send(ReqGlobalCancel())
        await asyncio.sleep(70)
        state(it)
        con_id, held = rng.choice(sorted(holdings(it).items()))
        contract = it.login.exchange.catalogue[con_id].contract
        client.send(order(50, contract, "SELL" if held > 0 else "BUY", rng.randint(1, int(abs(held)))))
        await asyncio.sleep(2)
        assert not told(client, 50), (contract.symbol, held, told(client, 50)[0].text)

    with tempfile.TemporaryDirectory() as home:
        post(Path(home), test, found=NO_GUARD)
