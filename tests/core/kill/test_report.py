"""The result as data: flat only if every login is proven flat, and the exit code that scripts rely on."""

from __future__ import annotations

import msgspec
import pytest

from core.kill.builders import ES, D, ev
from engine.core.kill.report import (
    CancelledOrder,
    ClosedPosition,
    KillReport,
    LoginOutcome,
    LoginReport,
    ResidueItem,
    ResidueReason,
)

FLAT, RESIDUE, UNKNOWN, UNREACHABLE = LoginOutcome


def login(name: str, outcome: LoginOutcome, *residue: ResidueItem) -> LoginReport:
    return LoginReport(name=name, mode="paper", host="h", port=7497, outcome=outcome, residue=residue)


def report(*outcomes: LoginOutcome) -> KillReport:
    logins = {str(n): login(str(n), outcome) for n, outcome in enumerate(outcomes)}
    return KillReport(kill_id="k", reason="EMERGENCY", started_at="2026-11-22T10:00:00Z", logins=logins)


@pytest.mark.parametrize(
    ("outcomes", "flat", "exit_code"),
    [
        ((FLAT,), True, 0),
        ((FLAT, FLAT), True, 0),
        ((RESIDUE,), False, 1),
        ((FLAT, RESIDUE), False, 1),
        ((UNKNOWN,), False, 2),
        ((UNREACHABLE,), False, 2),
        ((FLAT, UNKNOWN), False, 2),
        ((FLAT, UNREACHABLE), False, 2),
        ((RESIDUE, UNKNOWN), False, 2),
        ((RESIDUE, UNREACHABLE), False, 2),
    ],
)
def test_flat_and_exit_code(outcomes: tuple[LoginOutcome, ...], flat: bool, exit_code: int) -> None:
    assert (report(*outcomes).flat, report(*outcomes).exit_code) == (flat, exit_code)


def test_a_kill_of_no_login_proves_nothing() -> None:
    assert (report().flat, report().exit_code) == (False, 2)


@pytest.mark.parametrize("outcome", [RESIDUE, UNKNOWN, UNREACHABLE])
def test_no_other_outcome_is_flat(outcome: LoginOutcome) -> None:
    assert not login("paper", outcome).flat


def test_the_residue_of_all_logins() -> None:
    item = ResidueItem(account="DU1", contract=ES, quantity=D(3), reason=ResidueReason.NO_BID)
    logins = {"paper": login("paper", RESIDUE, item), "live": login("live", RESIDUE, item)}
    assert KillReport(kill_id="k", reason="", started_at="", logins=logins).residue == (item, item)


def test_the_report_is_data_that_json_can_carry() -> None:
    item = ResidueItem(account="DU1", contract=ES, quantity=D("0.5"), reason=ResidueReason.FRACTIONAL)
    whole = KillReport(kill_id="k", reason="r", started_at="", logins={"paper": login("paper", RESIDUE, item)})
    data = msgspec.json.decode(msgspec.json.encode(whole))
    assert data["logins"]["paper"]["outcome"] == "residue"
    assert data["logins"]["paper"]["residue"][0]["quantity"] == "0.5"
    assert data["logins"]["paper"]["residue"][0]["reason"] == "fractional"


def test_of_a_login_of_which_nothing_is_told_the_report_claims_nothing() -> None:
    silent = login("paper", UNKNOWN)
    nothing = [silent.accounts, silent.cancelled, silent.closed, silent.residue, silent.notes, silent.timeline]
    assert nothing == [()] * 6
    assert (silent.trouble, silent.joined) == ("", False)
    assert set(msgspec.structs.astuple(silent.timings)) == {None}


def test_of_a_residue_of_which_no_more_is_known_no_order_and_no_words_are_told() -> None:
    item = ResidueItem(account="DU1", contract=ES, quantity=D(3), reason=ResidueReason.NO_BID)
    assert (item.first_seen, item.detail, item.order) == (None, "", "")


def test_a_cancelled_order_protected_something_only_where_that_is_known() -> None:
    order = CancelledOrder(
        account="DU1", contract=ES, client_id=7, order_id=1, perm_id=5, action="SELL", quantity=D(1), order_type="STP"
    )
    assert not order.protective


def test_what_is_left_out_of_a_report_is_what_it_was_before_it_was_told() -> None:
    """Records of earlier versions do not have these."""
    closed = ClosedPosition(account="DU1", contract=ES, quantity=D(3), orders_sent=1)
    assert closed.by_other_kill is False
    gone = CancelledOrder(
        account="DU1", contract=ES, client_id=7, order_id=3, perm_id=0, action="BUY", quantity=D(1), order_type="LMT"
    )
    assert gone.confirmed is True
    assert ev.BrokerLink(True).code == ev.CloseStatus(1, "Submitted", None).perm_id == 0
