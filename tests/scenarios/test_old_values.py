"""A press on an account that somebody has just closed by hand, where the account values still show what was held; and
one that has just been opened, where neither they nor the positions show it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.core.kill.report import LoginOutcome
from engine.simulator import faults
from engine.simulator.scenario import Scenario, load_scenario
from engine.simulator.server import World
from scenarios.rehearsal import Judged, rehearse

OLD = load_scenario("old-account-values")


def lists_no_zeros(world: World) -> None:
    """As a TWS does that was started after the last trade."""
    for login in world.logins.values():
        login.server.options = msgspec.structs.replace(login.server.options, position_zeros=False)


def played(scenario: Scenario, folder: Path) -> Judged:
    return rehearse(scenario, folder, begin=lists_no_zeros)


def test_where_no_row_of_zero_tells_it_the_list_has_to_stay_empty_for_a_minute_and_a_half(tmp_path: Path) -> None:
    judged = played(OLD, tmp_path)
    assert judged.report.flat and judged.flat == {"paper": True, "live": True}
    assert 90 <= judged.seconds <= 91
    assert "values_old" in [step.kind for step in judged.report.logins["paper"].timeline]


@pytest.mark.parametrize("quantity", [50, 150])
def test_where_the_trades_do_not_come_to_zero_the_values_count(tmp_path: Path, quantity: int) -> None:
    """What is left is there, and TWS does not show it, or it is not: nobody can tell."""
    *first, sale = OLD.faults
    assert isinstance(sale, faults.Intruder)
    other = msgspec.structs.replace(sale.orders[0], quantity=quantity)
    scenario = msgspec.structs.replace(OLD, faults=(*first, msgspec.structs.replace(sale, orders=(other,))))
    silent = faults.DropReplies(login="paper", replies=("Position",))
    judged = played(msgspec.structs.replace(scenario, faults=(*scenario.faults, silent)), tmp_path)
    assert judged.report.logins["paper"].outcome is LoginOutcome.UNKNOWN and judged.report.logins["live"].flat


def just_traded(*, silent: bool) -> Scenario:
    """Somebody buys four seconds before the press, and the list of positions may not be loaded yet."""
    *_, sale = OLD.faults
    assert isinstance(sale, faults.Intruder)
    buy = msgspec.structs.replace(sale.orders[0], action="BUY")
    trade = msgspec.structs.replace(sale, after_s=20.0, orders=(buy,))
    not_loaded = (faults.DropReplies(login="paper", replies=("Position",)),) if silent else ()
    return msgspec.structs.replace(OLD, faults=(trade, *not_loaded))


def test_an_empty_list_beside_a_trade_of_the_last_seconds_is_asked_about_like_any_other(tmp_path: Path) -> None:
    """The trade tells of its own contract alone, and was taken for a sign that the list is loaded."""
    judged = played(just_traded(silent=True), tmp_path)
    report = judged.report.logins["paper"]
    assert report.outcome is LoginOutcome.UNKNOWN and "GrossPositionValue" in report.trouble
    assert judged.report.logins["live"].flat


def test_what_was_opened_in_the_last_seconds_is_closed(tmp_path: Path) -> None:
    judged = played(just_traded(silent=False), tmp_path)
    assert judged.report.flat and judged.flat == {"paper": True, "live": True} and judged.seconds < 10


def test_values_of_before_a_trade_that_opened_something_confirm_nothing(tmp_path: Path) -> None:
    """The list is loaded after ten seconds: that it was empty until then is not believed."""
    opened = just_traded(silent=False)
    (trade,) = opened.faults
    assert isinstance(trade, faults.Intruder)
    early = msgspec.structs.replace(trade, after_s=3.0)
    old = faults.OldAccountValues(login="paper", after_s=2.0, for_s=150.0)
    not_loaded = faults.DropReplies(login="paper", replies=("Position",), for_s=34.0)
    judged = played(msgspec.structs.replace(opened, faults=(early, old, not_loaded)), tmp_path)
    assert judged.report.flat and judged.flat == {"paper": True, "live": True}
    assert 10 <= judged.seconds < 20
