"""The same session of a client that nobody here wrote, directly and through the gateway: the same events, in the same
order, with the same values.

Each way has a simulated TWS of its own, from the same scenario, so that ids and prices are the same too. What tells the
time is left out of the comparison, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from conformance.environments import command_of
from conformance.names import IB_INSYNC, IBAPI_9, NAUTILUS, STOQEY, Client
from conformance.scripted import DRIVERS
from conformance.speech import call
from engine.config.gateway_table import GatewayTable
from engine.core.contracts import Contract
from engine.core.preflight.settings import DEFAULTS
from engine.gateway.gateway import Gateway
from engine.simulator.build import build_world
from engine.simulator.scenario import Scenario, load_scenario
from engine.simulator.server import Login
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_settings import OrderSettings
from engine.trading.rules import Rules, open_rules
from engine.wire import requests as r
from engine.wire.order import Order

pytestmark = pytest.mark.clients
PATIENCE_S = 60.0
CLIENT_ID = 21
STOCK = Contract(symbol="MSFT", sec_type="STK", exchange="SMART", currency="USD")
NOT_SAID = frozenset({"tcpDataArrived", "tcpDataProcessed"})  # how the bytes came, which nobody promises
Event = tuple[str, list[Any]]
_TIMES = re.compile(r"\d{8}[- ]\d\d:\d\d:\d\d( \S+)?|\d{4}-\d\d-\d\dT[\d:.+]+")


# --- the session -----------------------------------------------------------------------------------------------------
def session(client: Client) -> list[dict[str, Any]]:
    """A program's day in steps: what it asks, and what it waits for before it goes on."""
    version = min(client.version_max, 178)

    def step(*asked: r.Request, until: list[dict[str, Any]]) -> dict[str, Any]:
        return {"calls": [call(one, client, version) for one in asked], "until": until}

    return [
        step(until=[event("nextValidId"), event("managedAccounts")]),
        step(r.ReqPositions(), until=[event("positionEnd")]),
        step(r.CancelPositions(), r.ReqCurrentTime(), until=[event("currentTime")]),
        step(r.ReqContractDetails(1, STOCK), until=[event("contractDetailsEnd")]),
        step(order(1, "MKT", 20), until=[status(1, "Filled"), event("commissionReport", "commissionAndFeesReport")]),
        step(order(2, "LMT", 5, 400), until=[status(2, "Submitted")]),
        step(order(2, "LMT", 4, 401), until=[status(2, "Submitted")]),
        step(r.CancelOrder(2), until=[status(2, "Cancelled")]),
        step(
            order(3, "LMT", 10, 425, transmit=False),
            order(4, "LMT", 10, 480, action="SELL", parent_id=3, transmit=False),
            order(5, "STP", 10, action="SELL", aux_price=Decimal(390), parent_id=3),
            until=[status(3, "Submitted"), status(4, "Submitted", "PreSubmitted"), status(5, "PreSubmitted")],
        ),
        step(r.ReqAllOpenOrders(), until=[event("openOrderEnd")]),
        step(r.ReqExecutions(2), until=[event("execDetailsEnd")]),
        step(order(6, "MKT", 1, what_if=True), until=[event("openOrder")]),
        step(r.ReqContractDetails(3, Contract(symbol="NONE", sec_type="STK")), until=[event("error")]),
        step(r.ReqGlobalCancel(), until=[status(3, "Cancelled"), status(4, "Cancelled"), status(5, "Cancelled")]),
        step(r.ReqAllOpenOrders(), until=[event("openOrderEnd")]),
    ]


def order(order_id: int, kind: str, quantity: int, limit: int | None = None, **more: Any) -> r.PlaceOrder:
    if limit is not None:
        more["lmt_price"] = Decimal(limit)
    usual: dict[str, Any] = {"action": "BUY", "tif": "DAY", "order_ref": "mine"}
    return r.PlaceOrder(order_id, STOCK, Order(**usual | more, order_type=kind, total_quantity=Decimal(quantity)))


def event(*names: str, **arguments: Any) -> dict[str, Any]:
    """One of these names: clients have renamed some."""
    return {"names": names, "args": arguments}


def status(order_id: int, *words: str) -> dict[str, Any]:
    return {"names": ["orderStatus"], "args": {"0": [order_id], "1": list(words)}}


# --- playing it ------------------------------------------------------------------------------------------------------
async def play(client: Client, port: int, steps: list[dict[str, Any]]) -> list[Event]:
    """The client in a process of its own."""
    command, environment = command_of(client)
    driver = DRIVERS / {IB_INSYNC.name: "insync_driver.py", STOQEY.name: "stoqey_driver.js"}.get(
        client.name, "ibapi_driver.py"
    )
    job = json.dumps({"port": port, "client_id": CLIENT_ID, "steps": steps})
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        running = await asyncio.create_subprocess_exec(
            *command,
            str(driver),
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=errors,
            env=os.environ | environment,
        )
        await asyncio.wait_for(running.communicate(job.encode()), PATIENCE_S)
        out.seek(0)
        errors.seek(0)
        said = out.read().decode()
        assert running.returncode == 0, f"{client.name}: {errors.read().decode()}\n{said[-3000:]}"
    events = [(one["name"], one["args"]) for one in map(json.loads, said.splitlines())]
    return [one for one in events if one[0] not in NOT_SAID]


def quiet_day() -> Scenario:
    """Prices that stand still: what is seen then does not depend on the moment."""
    return replace(load_scenario("calm"), moves=False)


def directly(client: Client, steps: list[dict[str, Any]]) -> list[Event]:
    async def main() -> list[Event]:
        async with build_world(quiet_day(), ports={"paper": (0,), "live": (0,)}) as world:
            return await play(client, world.login("paper").ports[0], steps)

    return asyncio.run(main())


def through_the_gateway(
    client: Client, steps: list[dict[str, Any]], home: Path, before: Callable[[Rules, Gateway], None] | None = None
) -> tuple[list[Event], dict[str, int], Login]:
    """What was heard, what the gateway has counted, and the simulated TWS as it was left."""

    async def main() -> tuple[list[Event], dict[str, int], Login]:
        async with build_world(quiet_day(), ports={"paper": (0,), "live": (0,)}) as world:
            login, rules = world.login("paper"), open_rules(home)
            config = LoginConfig(
                name="paper", mode=TradingMode.PAPER, host="127.0.0.1", port=login.ports[0], client_id=95
            )
            gateway = Gateway(
                {config: 0},
                GatewayTable(),
                OrderSettings(replace(DEFAULTS, position_age_ns_max=None)),
                rules,
                home=home,
                wall_ns=time.time_ns,
                clock=time.perf_counter,
                log=lambda _: None,
            )
            await gateway.open()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while gateway.doors[0].desk.warming_up:  # noqa: ASYNC110 it reads in its own time
                        await asyncio.sleep(0.01)
                if before is not None:
                    before(rules, gateway)
                heard = await play(client, gateway.doors[0].address[1], steps)
                return heard, dict(gateway.doors[0].desk.tally.counts), login
            finally:
                await gateway.close()

    return asyncio.run(main())


def said(heard: list[Event]) -> list[Any]:
    """What TWS has said, without what tells the time."""
    return [timeless([name, args]) for name, args in heard if name not in ("step", "currentTime")]


def timeless(value: Any) -> Any:
    match value:
        case str():
            return _TIMES.sub("TIME", value)
        case list() | tuple():
            return [timeless(one) for one in value]
        case dict():
            return {name: timeless(one) for name, one in value.items()}
        case _:
            return value


# --- what is claimed -------------------------------------------------------------------------------------------------
every_client = pytest.mark.parametrize("client", [IB_INSYNC, IBAPI_9, NAUTILUS, STOQEY], ids=lambda one: one.name)


@every_client
def test_a_client_hears_the_same_through_the_gateway_as_without_it(client: Client, tmp_path: Path) -> None:
    steps = session(client)
    heard, counts, _ = through_the_gateway(client, steps, tmp_path)
    for one, other in zip_longest(said(heard), said(directly(client, steps))):
        assert one == other
    assert [args for name, args in heard if name == "step"] == [[n] for n in range(len(steps))]
    assert counts["orders passed"] == 6 and counts["previews passed"] == 1
    assert (counts["cancels"], counts["global cancels"]) == (1, 1)


@every_client
def test_a_client_is_told_of_a_refusal_and_goes_on(client: Client, tmp_path: Path) -> None:
    version = min(client.version_max, 178)
    whole = session(client)
    refused = {
        "calls": [call(order(1, "LMT", 500, 400), client, version)],
        "until": [event("error")],
    }
    steps = [whole[0], refused, whole[1]]

    def halt(rules: Rules, gateway: Gateway) -> None:
        rules.halt(gateway.doors[0].desk.entry.scope, "lunch")

    heard, _, login = through_the_gateway(client, steps, tmp_path, halt)
    [error] = [args for name, args in heard if name == "error" and 201 in args]
    assert 1 in error and any("trading is halted" in json.dumps(one) for one in error)
    assert ("step", [2]) in heard and not login.exchange.find_order(CLIENT_ID, 1)


@every_client
def test_a_refused_change_leaves_the_order_alive_and_a_refused_leg_leaves_no_bracket(
    client: Client, tmp_path: Path
) -> None:
    version = min(client.version_max, 178)

    def step(*asked: r.Request, until: list[dict[str, Any]]) -> dict[str, Any]:
        return {"calls": [call(one, client, version) for one in asked], "until": until}

    steps = [
        session(client)[0],
        step(order(1, "LMT", 5, 400), until=[status(1, "Submitted")]),
        step(order(1, "LMT", 20_000, 400), until=[event("error"), event("openOrder"), status(1, "Submitted")]),
        step(order(1, "LMT", 4, 401), until=[status(1, "Submitted")]),
        step(r.CancelOrder(1), until=[status(1, "Cancelled")]),
        step(
            order(3, "LMT", 10, 425, transmit=False),
            order(4, "LMT", 10, 480, action="SELL", parent_id=3, transmit=False),
            order(5, "STP", 20_000, action="SELL", aux_price=Decimal(390), parent_id=3),
            until=[event("error")],
        ),
        step(
            order(6, "STP", 10, action="SELL", aux_price=Decimal(390), parent_id=3),
            until=[status(3, "Submitted"), status(4, "Submitted", "PreSubmitted"), status(6, "PreSubmitted")],
        ),
        step(r.ReqGlobalCancel(), until=[status(3, "Cancelled"), status(4, "Cancelled"), status(6, "Cancelled")]),
    ]
    heard, _, login = through_the_gateway(client, steps, tmp_path)
    assert [args for name, args in heard if name == "step"] == [[n] for n in range(len(steps))]
    errors = [args for name, args in heard if name == "error" and (399 in args or 201 in args)]
    assert len(errors) == 2
    for (order_id, code), args in zip(((1, 399), (5, 201)), errors, strict=True):
        assert order_id in args and code in args
    shown = [json.dumps(args) for name, args in heard if name == "openOrder"]
    assert shown and not [one for one in shown if "20000" in one]
    assert not login.exchange.find_order(CLIENT_ID, 5)


def test_a_session_that_differs_is_noticed() -> None:
    one: list[Event] = [("orderStatus", [1, "Filled", "20260311 10:30:00 EST"])]
    assert said(one) == said([("orderStatus", [1, "Filled", "20270311 11:30:00 UTC"])])
    assert said(one) != said([("orderStatus", [1, "Submitted", "20260311 10:30:00 EST"])])
    assert said(one) != said([*one, *one])
