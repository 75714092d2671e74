"""Behind the trades that closed everything, account values that show what was held prove nothing for three minutes."""

from __future__ import annotations

import pytest

from core.kill.builders import ACCOUNT, ES, SECOND, D, Stage, execution, future
from engine.core.facts import AccountWorth, ExecutionFact
from engine.core.kill.looks.old_values import that_may_have_opened, with_old_values
from engine.core.kill.looks.witness import Says, Witness
from engine.core.kill.report import LoginOutcome

EMPTY = {"NetLiquidation": D(1000), "GrossPositionValue": D(0), "MaintMarginReq": D(0)}
OLD = AccountWorth(ACCOUNT, {**EMPTY, "MaintMarginReq": D(500)})
NOTHING = AccountWorth(ACCOUNT, EMPTY)
AGE = 180 * SECOND
PATIENCE = {"nothing_seen_ns": 2 * SECOND, "unwitnessed_ns": 20 * SECOND}
NQ = future(2, "NQ")


def traded(
    quantity: int,
    number: int = 1,
    age_s: int = 60,
    contract: object = ES,
    account: str = ACCOUNT,
    ref: str = "",
    perm: int = 0,
) -> ExecutionFact:
    assert contract in (ES, NQ)
    return execution(
        ES if contract is ES else NQ,
        quantity,
        f"e.{number}.01",
        recent=False,
        age_ns_min=age_s * SECOND,
        account=account,
        order_ref=ref,
        perm_id=perm or 500 + number,
    )


BOUGHT_AND_SOLD = [traded(3, 1, 900), traded(-3, 2, 60)]


@pytest.mark.parametrize(
    ("listed", "accounts"),
    [
        ([], set()),
        (BOUGHT_AND_SOLD, {ACCOUNT}),
        ([traded(3, 1, 900), traded(-3, 2, 180)], set()),  # the values are of after it
        ([traded(3, 1, 900), traded(-3, 2, 179)], {ACCOUNT}),
        ([traded(-3)], set()),  # held since yesterday and closed, or opened
        ([traded(3, 1), traded(-2, 2)], set()),
        ([*BOUGHT_AND_SOLD, traded(1, 3, 5000, NQ)], set()),  # another contract is not accounted for
        ([*BOUGHT_AND_SOLD, traded(1, 3, 5000, NQ), traded(-1, 4, 4000, NQ)], {ACCOUNT}),
        ([*BOUGHT_AND_SOLD, traded(1, 3, 60, account="DU2")], {ACCOUNT}),
        ([traded(3, 1, 900), traded(-3, 2, 60, account="DU2")], set()),
        ([traded(-3, ref="QEKILL-a-1of3")], {ACCOUNT}),
        ([traded(-3, age_s=180, ref="QEKILL-a-1of3")], set()),
        ([traded(-2, ref="QEKILL-a-1of3")], set()),  # one is left
        ([traded(-2, 1, ref="QEKILL-a-1of3", perm=9), traded(-1, 2, ref="QEKILL-a-1of3", perm=9)], {ACCOUNT}),
        ([traded(-2, 1, ref="QEKILL-a-1of3"), traded(-1, 2, ref="QEKILL-a-2of1")], {ACCOUNT}),
        ([traded(-3, ref="QEKILL-a-1")], set()),  # it does not say how much was there
        ([traded(3, 1, ref="QEKILL-a-1of3"), traded(2, 2, 59)], set()),  # opened again, or before: nobody knows
        ([traded(3, 1, ref="QEKILL-a-1of3"), traded(2, 2, 61)], set()),
        ([traded(3, 1, ref="QEKILL-a-1of3"), traded(2, 2, 62)], {ACCOUNT}),
    ],
)
def test_old_are_values_behind_young_trades_that_left_nothing(listed: list[ExecutionFact], accounts: set[str]) -> None:
    assert with_old_values(listed, AGE) == accounts


@pytest.mark.parametrize(
    ("listed", "accounts"),
    [
        ([], set()),
        (BOUGHT_AND_SOLD, set()),
        ([traded(3, age_s=179)], {ACCOUNT}),
        ([traded(-3, age_s=179)], {ACCOUNT}),  # or held since yesterday and closed
        ([traded(3, age_s=180)], set()),  # the values are of after it
        ([traded(3, 1, 900), traded(-2, 2)], {ACCOUNT}),
        ([*BOUGHT_AND_SOLD, traded(1, 3, 5000, NQ)], set()),  # that one is in every value
        ([*BOUGHT_AND_SOLD, traded(1, 3, 60, NQ)], {ACCOUNT}),
        ([*BOUGHT_AND_SOLD, traded(1, 3, 60, account="DU2")], {"DU2"}),
        ([traded(-3, ref="QEKILL-a-1of3")], set()),  # a kill's order has closed all that was there
        ([traded(-2, ref="QEKILL-a-1of3")], {ACCOUNT}),
        ([traded(3, 1, ref="QEKILL-a-1of3"), traded(2, 2, 59)], {ACCOUNT}),  # opened again, or before: nobody knows
    ],
)
def test_something_may_have_been_opened_by_young_trades_that_left_something(
    listed: list[ExecutionFact], accounts: set[str]
) -> None:
    assert that_may_have_opened(listed, AGE) == accounts


def test_a_correction_replaces_what_it_corrects() -> None:
    corrected = execution(ES, -3, "e.2.02", recent=False, age_ns_min=60 * SECOND)
    assert with_old_values([traded(3, 1), traded(-2, 2), corrected], AGE) == {ACCOUNT}
    assert that_may_have_opened([traded(3, 1), traded(-2, 2), corrected], AGE) == set()


def test_trades_of_contracts_without_an_id_may_be_of_several() -> None:
    nameless = [execution(future(0), 3, "e.1.01"), execution(future(0), -3, "e.2.01")]
    assert with_old_values(nameless, AGE) == set()


def test_one_account_with_old_values_excuses_no_other() -> None:
    witness = Witness((ACCOUNT, "DU2"), age_ns_max=AGE)
    witness.traded(BOUGHT_AND_SOLD)
    witness.ask()
    (said,) = witness.heard(-1, (OLD, AccountWorth("DU2", {"FullMaintMarginReq": D(7)})))
    assert witness.says() is Says.SOMETHING_HELD
    assert "DU2 FullMaintMarginReq 7" in said.text and ACCOUNT not in said.text  # type: ignore[attr-defined]


def test_values_that_are_not_old_need_no_excuse() -> None:
    witness = Witness((ACCOUNT,), age_ns_max=AGE)
    witness.traded(BOUGHT_AND_SOLD)
    witness.ask()
    assert witness.heard(-1, (AccountWorth(ACCOUNT, {**OLD.values, "MaintMarginReq": D(0)}),)) == []
    assert witness.says() is Says.NOTHING_HELD


# the kill -------------------------------------------------------------------------------------------------------------


def pressed(executions: list[ExecutionFact] | None, worth: AccountWorth = OLD, **settings: int) -> Stage:
    stage = Stage(**PATIENCE, **settings)
    stage.worth, stage.executions = [worth], executions
    return stage.begin()


def test_a_press_behind_trades_that_closed_everything_is_flat_when_the_list_has_stayed_empty() -> None:
    stage = pressed(BOUGHT_AND_SOLD)
    stage.run(100_000)
    report = stage.report
    assert report.flat and 90_000 <= (report.timings.flat_ms or 0) <= 90_600
    assert [one.text for one in report.timeline if one.kind == "values_old"] == [
        "account values may be those of before the last trades (DU1 MaintMarginReq 500): "
        "the list of positions has to stay empty for a minute and a half"
    ]
    assert "positions_missing" not in stage.said


@pytest.mark.parametrize("executions", [None, [], [traded(-3)]])
def test_without_trades_that_explain_them_the_values_say_that_something_is_held(
    executions: list[ExecutionFact] | None,
) -> None:
    stage = pressed(executions, deadline_ns=40 * SECOND)
    stage.run(41_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN and "DU1 MaintMarginReq 500" in stage.report.trouble
    assert "values_old" not in stage.said


def test_a_deadline_that_is_shorter_than_that_ends_as_unknown() -> None:
    stage = pressed(BOUGHT_AND_SOLD, deadline_ns=60 * SECOND)
    stage.run(61_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN


def test_values_that_turn_too_old_to_be_of_before_the_trades_contradict_again() -> None:
    stage = pressed(BOUGHT_AND_SOLD, deadline_ns=40 * SECOND)
    stage.run(10_000)
    stage.executions = [traded(3, 1, 900), traded(-3, 2, 181)]
    stage.run(31_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN and "DU1 MaintMarginReq 500" in stage.report.trouble


def test_values_are_asked_for_and_excused_only_while_nothing_was_seen() -> None:
    stage = pressed(BOUGHT_AND_SOLD)
    stage.run(1000)
    stage.worth = [AccountWorth(ACCOUNT, {**OLD.values, "MaintMarginReq": D(0)})]
    stage.run(5000)
    assert stage.report.flat and 2000 <= (stage.report.timings.flat_ms or 0) <= 3500


@pytest.mark.parametrize(
    "executions",
    [
        [],
        BOUGHT_AND_SOLD,
        [traded(-3, age_s=180)],
        [traded(-3, ref="QEKILL-a-1of3")],
        [*BOUGHT_AND_SOLD, traded(1, 3, 5000, NQ)],
    ],
)
def test_values_that_show_nothing_confirm_an_empty_list_where_no_young_trade_may_have_opened_something(
    executions: list[ExecutionFact],
) -> None:
    stage = pressed(executions, NOTHING)
    stage.run(5000)
    assert stage.report.flat and 2000 <= (stage.report.timings.flat_ms or 0) <= 2500
    assert "values_old" not in stage.said


@pytest.mark.parametrize("quantity", [3, -3])
def test_values_of_before_a_trade_that_may_have_opened_something_are_no_answer(quantity: int) -> None:
    stage = pressed([traded(quantity)], NOTHING)
    stage.run(30_000)
    assert stage.report.flat and 20_000 <= (stage.report.timings.flat_ms or 0) <= 20_600
    assert [one.text for one in stage.report.timeline if one.kind == "values_old"] == [
        "account values may be those of before the last trades (DU1 may have opened something since): "
        "the list of positions has to stay empty for twenty seconds"
    ]


def test_as_soon_as_the_values_have_to_be_of_after_that_trade_they_count() -> None:
    stage = pressed([traded(3, age_s=170)], NOTHING)
    stage.run(10_000)
    assert not stage.report.flat
    stage.executions = [traded(3, age_s=180)]
    stage.run(1000)
    assert stage.report.flat


def test_an_account_that_may_have_opened_something_is_not_vouched_for_by_another() -> None:
    witness = Witness((ACCOUNT, "DU2"), age_ns_max=AGE)
    witness.traded([traded(3)])
    witness.ask()
    (said,) = witness.heard(-1, (NOTHING, AccountWorth("DU2", EMPTY)))
    assert witness.says() is Says.NOTHING_TOLD
    assert "DU1 may have opened" in said.text and "DU2" not in said.text  # type: ignore[attr-defined]


def test_where_the_trades_cannot_be_read_nobody_knows_how_old_the_values_are() -> None:
    stage = pressed(None, NOTHING)
    stage.run(30_000)
    assert stage.report.flat and 20_000 <= (stage.report.timings.flat_ms or 0) <= 20_600
