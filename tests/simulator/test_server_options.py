"""Greeks over the wire: beside the quotes of options, and on request."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise

from engine.simulator.server import Login, ServerOptions
from engine.wire.replies import TickSnapshotEnd
from engine.wire.requests import ReqMktData
from simulator.test_server_ticks import fields_of, heard, raw
from simulator.wire_client import WireClient, in_world, instrument

PUT = "OPT SPY 20260417 580 P"


def test_quotes_of_options_carry_greeks_and_others_none() -> None:
    async def test(login: Login, client: WireClient) -> None:
        put, stock = instrument(login, PUT), instrument(login, "SPY")
        client.send(ReqMktData(1, put.contract), ReqMktData(2, stock.contract))
        await client.until(lambda: len(heard(client, 21)) > 3, limit_s=60)
        assert {row[0] for row in heard(client, 21)} == {"1"}
        (_, tick_type, _, volatility, delta, *_, underlying) = heard(client, 21)[0]
        assert tick_type == "13" and -1 < float(delta) < 0 and 0 < float(volatility) < 2
        assert abs(float(underlying) / float(stock.reference_price) - 1) < 0.1
        first = [row[-1] for row in heard(client, 21)]
        assert all(one != other for one, other in pairwise(first))  # only when something moved

    in_world(test)


def test_a_snapshot_of_an_option_has_its_greeks_and_an_old_client_its_layout() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await client.ask(ReqMktData(1, instrument(login, PUT).contract, snapshot=True), TickSnapshotEnd)
        (row,) = heard(client, 21)
        assert row[:3] == ["6", "1", "13"] and len(row) == 11

    in_world(test, options=ServerOptions(version_max=155))


def test_a_price_gives_a_volatility_and_the_volatility_the_price() -> None:
    async def test(login: Login, client: WireClient) -> None:
        contract = fields_of(instrument(login, PUT).contract)
        client.send(raw(54, 3, 1, *contract, "14.1", "590", 0, ""))
        await client.until(lambda: heard(client, 21))
        volatility = heard(client, 21)[0][3]
        client.send(raw(55, 3, 2, *contract, volatility, "590", 0, ""), raw(56, 1, 1), raw(57, 1, 2))
        await client.until(lambda: len(heard(client, 21)) == 2)
        assert abs(Decimal(heard(client, 21)[1][5]) - Decimal("14.1")) < Decimal("0.001")

    in_world(test)


def test_what_cannot_be_computed_is_told_as_tws_does() -> None:
    async def test(login: Login, client: WireClient) -> None:
        option, stock = (fields_of(instrument(login, text).contract) for text in (PUT, "SPY"))
        client.send(raw(54, 3, 1, *option, "0.5", "500", 0, ""))
        await client.until(lambda: heard(client, 21))
        assert [float(text) for text in heard(client, 21)[0][3:5]] == [-1, -2]
        client.send(raw(54, 3, 2, *stock, "5", "500", 0, ""), raw(55, 3, 3, *option, "-1", "500", 0, ""))
        client.send(raw(55, 3, 4, *option, "0.2", "0", 0, ""))
        await client.until(lambda: len(client.errors(321)) == 3)
        assert [error.req_id for error in client.errors(321)] == [2, 3, 4]
        await asyncio.sleep(1)
        assert len(heard(client, 21)) == 1

    in_world(test)
