"""A TWS that names for an order number (nextValidId) what cannot be one: the kill still closes, and says so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.core.kill.outcome.notices import OWN_NUMBERS_NOTE
from engine.simulator.exchange.orders import NewOrder
from engine.simulator.exchange.refusals import DUPLICATE_ORDER_ID, Refusal
from engine.simulator.scenario import OrderSetup, load_scenario
from engine.simulator.server.orders import OrderDesk
from engine.wire.requests import PlaceOrder
from scenarios.rehearsal import rehearse


@pytest.mark.parametrize("named", [-3, 0, 2**31 - 10, 2**31 - 1, 2**31, 2**40])
def test_a_kill_under_numbers_that_cannot_be_ones_ends_flat(
    named: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OrderDesk, "next_id", lambda _self, _client_id: named)
    judged = rehearse(load_scenario("calm"), tmp_path)
    assert judged.report.flat and all(judged.flat.values())
    assert not judged.crossings and not judged.grown
    assert all(OWN_NUMBERS_NOTE in login.notes for login in judged.report.logins.values())
    assert judged.seconds < 10


def test_a_kill_under_a_number_that_its_client_has_used_ends_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TWS names 1 to everybody. Fifteen orders of client 1 rest, and a number used twice is refused (103)."""
    resting = OrderSetup(contract="FUT ES", action="SELL", quantity=Decimal(1), limit_pct=Decimal(104), client_id=1)
    calm = load_scenario("calm")
    paper = msgspec.structs.replace(calm.logins[0], orders=(resting,) * 15)
    monkeypatch.setattr(OrderDesk, "next_id", lambda _self, _client_id: 1)
    judged = rehearse(msgspec.structs.replace(calm, logins=(paper, *calm.logins[1:])), tmp_path)
    told = judged.report.logins["paper"].timeline
    assert judged.report.flat and not [entry for entry in told if "uplicate" in entry.text]


@pytest.mark.parametrize("used", [50, 5_000, 2_000_000])
def test_a_kill_whose_numbers_were_used_in_another_life_of_tws_ends_flat(
    used: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TWS counts from 1 again, and its server still refuses what this client id had before: no list shows how much."""
    understand = OrderDesk._understand

    def refusing(desk: OrderDesk, client_id: int, request: PlaceOrder) -> NewOrder | Refusal:
        return understand(desk, client_id, request) if request.order_id > used else DUPLICATE_ORDER_ID

    monkeypatch.setattr(OrderDesk, "next_id", lambda _self, _client_id: 1)
    monkeypatch.setattr(OrderDesk, "_understand", refusing)
    judged = rehearse(load_scenario("calm"), tmp_path)
    assert judged.report.flat and all(judged.flat.values())
    assert not judged.crossings and not judged.grown
    assert judged.seconds < 10
