"""A drill is passed only if the kill ended as expected and claimed nothing the exchange does not show."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.kill.report import LoginOutcome, ResidueReason, Timings
from engine.desk.drill_result import Finding, Told, ToldItem, ToldLogin, judge
from engine.desk.exchange_truth import Holding, LoginTruth, Resting, Truth
from engine.simulator.scenario import Expect

HELD = Holding(account="DU1", name="ESH6", quantity=Decimal(1), unrealized=Decimal(0))
ORDER = Resting(owner="client 3", text="SELL 1 ESH6 LMT")
FLAT, RESIDUE = LoginOutcome.FLAT, LoginOutcome.RESIDUE


def truth(
    *, holdings: tuple[Holding, ...] = (), resting: tuple[Resting, ...] = (), crossings: tuple[str, ...] = ()
) -> Truth:
    login = LoginTruth(
        name="paper",
        mode="paper",
        port=1,
        net_liquidation=Decimal(1),
        day=Decimal(0),
        holdings=holdings,
        resting=resting,
        kill_fills=0,
        crossings=crossings,
    )
    return Truth(logins={"paper": login})


def told(outcome: LoginOutcome, *reasons: ResidueReason, exit_code: int = 0) -> Told:
    residue = tuple(ToldItem(reason) for reason in reasons)
    login = ToldLogin(name="paper", outcome=outcome, flat=outcome is FLAT, residue=residue, timings=Timings())
    return Told(flat=outcome is FLAT, exit_code=exit_code, logins={"paper": login})


def findings(
    said: Told | None, true: Truth, expect: Expect | None = None, *, exit_code: int = 0, seconds: float = 1.0
) -> tuple[Finding, ...]:
    expect = expect or Expect(text="", paper="flat")
    return judge(expect=expect, told=said, truth=true, exit_code=exit_code, seconds=seconds, deadline_s=30.0)


def test_a_kill_that_ends_as_expected_passes() -> None:
    assert findings(told(FLAT), truth()) == ()


@pytest.mark.parametrize("left", [truth(holdings=(HELD,)), truth(resting=(ORDER,))])
def test_a_false_flat_is_grave(left: Truth) -> None:
    [finding] = findings(told(FLAT), left)
    assert finding.grave and "reported FLAT" in finding.text


def test_a_kill_order_that_did_not_only_reduce_is_grave() -> None:
    [finding] = findings(told(FLAT), truth(crossings=("DU1 contract 5: +1 became -1",)))
    assert finding.grave


def test_no_report_and_a_login_without_one_are_grave() -> None:
    assert [finding.grave for finding in findings(None, truth())] == [True]
    nobody = Told(flat=False, exit_code=0, logins={})
    assert [finding.grave for finding in findings(nobody, truth())] == [True]


def test_another_outcome_than_expected_fails() -> None:
    assert "expected flat" in findings(told(RESIDUE, exit_code=1), truth(holdings=(HELD,)), exit_code=1)[0].text
    anything = Expect(text="")
    assert findings(told(RESIDUE, exit_code=1), truth(holdings=(HELD,)), anything, exit_code=1) == ()


def test_a_residue_must_name_an_expected_reason() -> None:
    expect = Expect(text="", paper="residue", reasons=("no_bid",))
    left = truth(holdings=(HELD,))
    assert findings(told(RESIDUE, ResidueReason.NO_BID, exit_code=1), left, expect, exit_code=1) == ()
    assert findings(told(RESIDUE, ResidueReason.REJECTED, exit_code=1), left, expect, exit_code=1)


def test_a_wrong_exit_code_and_a_missed_deadline_fail() -> None:
    assert "exit code" in findings(told(FLAT), truth(), exit_code=1)[0].text
    assert "deadline" in findings(told(FLAT), truth(), seconds=40.0)[0].text
