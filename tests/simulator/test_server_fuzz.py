"""Nothing a client can say breaks the simulated TWS: it answers, refuses or hangs up, and stays up for the others."""

from __future__ import annotations

import asyncio
import typing
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.contracts import Contract
from engine.core.units import BLANK, UNSET, Absent
from engine.simulator.server import PacingRule, ServerOptions
from engine.simulator.virtual import VirtualLoop, run
from engine.wire import requests
from engine.wire.errors import LocalError
from engine.wire.order import Order
from engine.wire.replies import CurrentTime
from engine.wire.requests import CancelOrder, PlaceOrder, ReqCurrentTime, Request, StartApi, UnknownRequest
from simulator.wire_client import connect, small_world

UNLIMITED = ServerOptions(pacing=PacingRule(None))
TEXTS = st.sampled_from(
    ["", "DU1", "AAPL", "STK", "OPT", "FUT", "SMART", "USD", "BUY", "SELL", "MKT", "LMT", "x" * 40, "ü"]
)
NUMBERS = st.sampled_from(
    [Decimal(0), Decimal(1), Decimal("0.01"), Decimal(-5), Decimal("1E+20"), Decimal(230), BLANK, UNSET]
)
INTEGERS = st.sampled_from([0, 1, 2, 7, -1, 265598, 2147483647])


def strategy(kind: Any) -> st.SearchStrategy[Any] | None:
    """Values of a field's type, plausible and absurd; None for what only a codec writes there."""
    arguments = typing.get_args(kind)
    if Absent in arguments:
        return NUMBERS if Decimal in arguments else st.booleans() if bool in arguments else INTEGERS
    return {
        str: TEXTS,
        bool: st.booleans(),
        int: INTEGERS,
        bytes: st.binary(max_size=30),
        Contract: st.deferred(lambda: CONTRACTS),
        Order: st.deferred(lambda: ORDERS),
    }.get(kind)


CONTRACTS = st.builds(
    Contract,
    con_id=st.sampled_from([0, 0, 265598, 999]),
    symbol=st.sampled_from(["AAPL", "ES", "SPX", "EUR", "", "NOPE"]),
    sec_type=st.sampled_from(["STK", "FUT", "OPT", "FOP", "CASH", "IND", "BAG", "", "XXX"]),
    last_trade_date=st.sampled_from(["", "202603", "20260320", "garbage"]),
    strike=NUMBERS,
    right=st.sampled_from(["", "C", "PUT", "?"]),
    exchange=st.sampled_from(["SMART", "CME", "", "NASDAQ", "MOON"]),
    currency=st.sampled_from(["USD", "", "EUR"]),
)
ORDERS = st.builds(
    Order,
    action=st.sampled_from(["BUY", "SELL", "SSHORT", "", "HOLD"]),
    total_quantity=NUMBERS,
    order_type=st.sampled_from(["MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIDPRICE", "REL", ""]),
    lmt_price=NUMBERS,
    aux_price=NUMBERS,
    trailing_percent=NUMBERS,
    trail_stop_price=NUMBERS,
    tif=st.sampled_from(["DAY", "GTC", "IOC", "GTD", ""]),
    account=st.sampled_from(["", "DU1", "DU9"]),
    parent_id=INTEGERS,
    oca_group=st.sampled_from(["", "g"]),
    oca_type=st.sampled_from([0, 1, 2, 3]),
    transmit=st.booleans(),
    outside_rth=st.booleans(),
    what_if=st.booleans(),
    cash_qty=NUMBERS,
)
TYPES = [
    kind
    for kind in vars(requests).values()
    if isinstance(kind, type) and issubclass(kind, Request) and kind not in (Request, StartApi, UnknownRequest)
]


def of_type(kind: type[Request]) -> st.SearchStrategy[Request]:
    hints = typing.get_type_hints(kind)
    fields = {field.name: strategy(hints[field.name]) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **{name: values for name, values in fields.items() if values is not None})


LIKELY = st.builds(
    PlaceOrder,
    order_id=st.integers(1, 4),
    contract=st.just(Contract(con_id=265598, exchange="SMART")),
    order=st.builds(
        Order,
        action=st.sampled_from(["BUY", "SELL"]),
        total_quantity=st.sampled_from([Decimal(1), Decimal(7)]),
        order_type=st.sampled_from(["MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIDPRICE"]),
        lmt_price=st.sampled_from([Decimal(200), Decimal(231), BLANK]),
        aux_price=st.sampled_from([Decimal(200), Decimal(1), BLANK]),
        tif=st.sampled_from(["DAY", "GTC", "IOC"]),
        parent_id=st.sampled_from([0, 0, 1]),
        oca_group=st.sampled_from(["", "g"]),
        oca_type=st.sampled_from([0, 1, 2, 3]),
        transmit=st.sampled_from([True, True, False]),
        what_if=st.sampled_from([False, False, True]),
    ),
)
CANCELS = st.builds(CancelOrder, order_id=st.integers(1, 4))
ANY = st.one_of(*(of_type(kind) for kind in TYPES))
REQUESTS = st.sampled_from([LIKELY, LIKELY, CANCELS, ANY]).flatmap(lambda chosen: chosen)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=st.lists(REQUESTS, max_size=30), client_id=st.sampled_from([0, 1]), version=st.sampled_from([100, 145, 178])
)
def test_any_requests_at_any_version_leave_it_standing(said: list[Request], client_id: int, version: int) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with small_world(options=UNLIMITED, holdings={"AAPL": 5}) as world:
            port = world.login("paper").ports[0]
            client = await connect(port, client_id, min_version=100, max_version=version)
            for request in said:
                try:
                    client.send(request)
                except LocalError:
                    continue  # this version has no words for it
                await asyncio.sleep(0.3)
            await client.ask(ReqCurrentTime(), CurrentTime)

    run(main)


@settings(max_examples=60, deadline=None)
@given(chunks=st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_leave_it_standing_for_others(chunks: list[bytes]) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with small_world() as world:
            port = world.login("paper").ports[0]
            good, bad = await connect(port, 1), await connect(port, 2)
            for chunk in chunks:
                bad.transport.write(chunk)
                await asyncio.sleep(0.01)
            await good.ask(ReqCurrentTime(), CurrentTime)

    run(main)


def test_every_request_the_codec_knows_has_an_answer() -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with small_world() as world:
            handled = set(world.login("paper").server._handlers)
            assert set(TYPES) <= handled

    run(main)
