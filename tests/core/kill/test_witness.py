"""Where no list has ever shown a position: what the accounts are worth says whether that is so."""

from __future__ import annotations

import pytest

from core.kill.builders import ACCOUNT, ES, SECOND, D, ReadWorth, Stage, details, ev, execution, held
from engine.core.facts import AccountWorth
from engine.core.kill.commands import Command, Say
from engine.core.kill.looks.witness import TRIES_MAX, Says, Witness
from engine.core.kill.report import LoginOutcome

EMPTY = {"NetLiquidation": D(1000), "GrossPositionValue": D(0), "MaintMarginReq": D(0), "FullMaintMarginReq": D(0)}
PATIENCE = {"nothing_seen_ns": 2 * SECOND, "unwitnessed_ns": 20 * SECOND}


def worth(account: str = ACCOUNT, *, cash: str | None = None, **values: int | None) -> AccountWorth:
    told = {**EMPTY, **{tag: None if value is None else D(value) for tag, value in values.items()}}
    known = {tag: value for tag, value in told.items() if value is not None}
    return AccountWorth(account, known, None if cash is None else D(cash))


def asking(*accounts: str) -> Witness:
    return Witness(accounts or (ACCOUNT,), age_ns_max=180 * SECOND)


def heard(*told: AccountWorth, accounts: tuple[str, ...] = (ACCOUNT,)) -> Witness:
    witness = asking(*accounts)
    witness.traded(())
    assert witness.ask() == [ReadWorth(-1)]
    witness.heard(-1, told)
    return witness


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ([worth()], Says.NOTHING_HELD),
        ([worth(), worth("DU9", NetLiquidation=0)], Says.NOTHING_HELD),  # not one of ours
        ([worth(FullMaintMarginReq=None)], Says.NOTHING_HELD),
        ([worth(MaintMarginReq=None)], Says.NOTHING_HELD),
        ([worth(NetLiquidation=-5)], Says.NOTHING_HELD),
        ([], Says.NOTHING_TOLD),
        ([worth("DU9")], Says.NOTHING_TOLD),
        ([worth(NetLiquidation=0)], Says.NOTHING_TOLD),
        ([worth(NetLiquidation=None)], Says.NOTHING_TOLD),
        ([worth(GrossPositionValue=None)], Says.NOTHING_TOLD),
        ([worth(MaintMarginReq=None, FullMaintMarginReq=None)], Says.NOTHING_TOLD),
        ([worth(GrossPositionValue=1)], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=1)], Says.SOMETHING_HELD),
        ([worth(FullMaintMarginReq=1, NetLiquidation=None)], Says.SOMETHING_HELD),
        ([worth(), worth("DU9", GrossPositionValue=-1)], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=250, UnrealizedPnL=0, cash="1000")], Says.MAY_BE_NOTHING),
        ([worth(FullMaintMarginReq=-250, UnrealizedPnL=0, cash="1000")], Says.MAY_BE_NOTHING),
        ([worth(MaintMarginReq=250, UnrealizedPnL=0, cash="999.99")], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=1, FullMaintMarginReq=251, UnrealizedPnL=0, cash="1000")], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=250, UnrealizedPnL=0, cash="0")], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=250, UnrealizedPnL=0)], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=250, UnrealizedPnL=7, cash="1000")], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=250, cash="1000")], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=250, UnrealizedPnL=0, GrossPositionValue=1, cash="1000")], Says.SOMETHING_HELD),
        ([worth(MaintMarginReq=250, UnrealizedPnL=0, GrossPositionValue=None, cash="1000")], Says.SOMETHING_HELD),
        (
            [worth(MaintMarginReq=250, UnrealizedPnL=0, cash="1000"), worth("DU9", MaintMarginReq=1)],
            Says.SOMETHING_HELD,
        ),
    ],
)
def test_what_the_values_of_one_account_say(told: list[AccountWorth], says: Says) -> None:
    assert heard(*told).says() is says


def test_every_account_has_to_be_told() -> None:
    both = (ACCOUNT, "DU2")
    assert heard(worth(), accounts=both).says() is Says.NOTHING_TOLD
    assert heard(worth(), worth("DU2"), accounts=both).says() is Says.NOTHING_HELD
    nobody = Witness(age_ns_max=180 * SECOND)
    nobody.traded(())
    nobody.ask()
    assert nobody.heard(-1, (worth(),)) == [] and nobody.says() is Says.NOTHING_TOLD


def test_one_question_at_a_time_and_only_its_own_answer_counts() -> None:
    witness = asking()
    witness.traded(())
    assert witness.ask() == [ReadWorth(-1)]
    assert witness.ask() == []
    witness.failed(1)
    assert witness.heard(1, (worth(),)) == [] and witness.says() is Says.NOTHING_TOLD
    witness.heard(-1, (worth(),))
    assert witness.says() is Says.NOTHING_HELD and witness.ask() == [ReadWorth(-2)]
    witness.failed(-2)
    assert witness.says() is Says.NOTHING_TOLD, "what was told is older than a question that was not answered"


@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_tws_that_does_not_tell_or_hangs_up_instead_is_not_asked_for_ever(hangs_up: bool) -> None:
    witness = asking()
    for number in range(1, TRIES_MAX + 1):
        assert witness.ask() == [ReadWorth(-number)]
        witness.forget() if hangs_up else witness.failed(-number)
    assert witness.ask() == []
    witness.forget()
    assert witness.ask() == []


def test_what_was_asked_or_told_on_a_lost_connection_is_nothing_on_the_next_one() -> None:
    witness = asking()
    witness.traded(())
    witness.ask()
    witness.forget()
    witness.heard(-1, (worth(),))
    assert witness.says() is Says.NOTHING_TOLD and witness.ask() == [ReadWorth(-2)]
    witness.heard(-2, (worth(),))
    assert witness.says() is Says.NOTHING_HELD
    witness.forget()
    assert witness.says() is Says.NOTHING_TOLD
    for number in range(3, 3 + TRIES_MAX):
        assert witness.ask() == [ReadWorth(-number)], "answers and quiet connections leave no failures behind"
        witness.heard(-number, ())
        witness.forget()


def test_before_the_trades_are_known_values_confirm_nothing() -> None:
    witness = asking()
    witness.ask()
    witness.heard(-1, (worth(),))
    assert witness.says() is Says.NOTHING_TOLD
    witness.traded(())
    assert witness.says() is Says.NOTHING_HELD


def test_an_answer_forgives_the_failures_before_it_and_three_are_allowed_again() -> None:
    witness = asking()
    for number, fails in enumerate((True, True, False, True, True, True), start=1):
        assert witness.ask() == [ReadWorth(-number)]
        if fails:
            witness.failed(-number)
        else:
            witness.heard(-number, (worth(),))
    assert witness.ask() == []


def test_why_empty_lists_are_not_believed_is_said_word_for_word() -> None:
    several = ("DU1", "DU2", "DU3")
    nothing = heard(accounts=several)
    assert nothing.words() == (
        "no list has shown a position, and TWS has told nothing of what its accounts hold that confirms it"
    )
    signs = heard(
        worth("DU1", GrossPositionValue=1, MaintMarginReq=2), worth("DU2", MaintMarginReq=3), accounts=several
    )
    assert signs.words() == (
        "no list has shown a position, and the account values say that something is held "
        "(DU1 GrossPositionValue 1, DU2 MaintMarginReq 3): "
        "TWS may not have loaded its positions; look at the portfolio in its window"
    ), "of each account what shows it first"
    signs.shown.add("DU1")
    assert signs.words().startswith("no list has shown a position of DU2, DU3, and the account values say that")


def test_that_values_may_be_old_is_said_with_every_account_of_which_it_is_so() -> None:
    def said(*trades: tuple[str, int], **values: int) -> list[Command]:
        witness = asking("DU1", "DU2")
        witness.traded([execution(ES, signed, account=who, exec_id=f"{n}.1") for n, (who, signed) in enumerate(trades)])
        witness.ask()
        return witness.heard(-1, (worth("DU1", **values), worth("DU2", **values)))

    closed = (("DU1", 1), ("DU1", -1), ("DU2", 1), ("DU2", -1))
    assert said(*closed, GrossPositionValue=5) == [
        Say(
            "values_old",
            "account values may be those of before the last trades "
            "(DU1 GrossPositionValue 5, DU2 GrossPositionValue 5): "
            "the list of positions has to stay empty for a minute and a half",
        )
    ]
    assert said(("DU1", 1), ("DU2", 1)) == [
        Say(
            "values_old",
            "account values may be those of before the last trades (DU1, DU2 may have opened something since): "
            "the list of positions has to stay empty for twenty seconds",
        )
    ]


# the kill -------------------------------------------------------------------------------------------------------------


def flat_after_ms(stage: Stage) -> float:
    """When it is called flat; -1: not within a minute."""
    stage.begin()
    stage.run(60_000)
    return (stage.report.timings.flat_ms or -1) if stage.report.flat else -1


def test_an_account_that_is_worth_something_and_holds_nothing_is_flat_as_soon_as_before() -> None:
    stage = Stage(**PATIENCE)
    stage.worth = [worth()]
    assert 2000 <= flat_after_ms(stage) <= 2500


@pytest.mark.parametrize("told", [None, [], [worth("DU9")]])
def test_where_nothing_is_told_an_empty_list_has_to_stand_for_longer(told: list[AccountWorth] | None) -> None:
    stage = Stage(**PATIENCE)
    stage.worth = told
    assert 20_000 <= flat_after_ms(stage) <= 20_600


def test_where_the_time_is_short_three_quarters_of_it_are_enough() -> None:
    assert 7500 <= flat_after_ms(Stage(deadline_ns=10 * SECOND, **PATIENCE)) <= 8100


def test_an_account_with_a_margin_and_no_positions_is_not_flat_and_it_is_said_why() -> None:
    stage = Stage(deadline_ns=40 * SECOND, **PATIENCE)
    stage.worth = [worth(FullMaintMarginReq=1234)]
    stage.begin()
    stage.run(41_000)
    report = stage.report
    assert report.outcome is LoginOutcome.UNKNOWN
    assert report.trouble == (
        "no list has shown a position, and the account values say that something is held "
        "(DU1 FullMaintMarginReq 1234): "
        "TWS may not have loaded its positions; look at the portfolio in its window"
    )
    assert [one.text for one in report.timeline if one.kind == "positions_missing"] == [report.trouble]


@pytest.mark.parametrize("age_s", [1, 5, 14])
@pytest.mark.parametrize("signed", [3, -3])
def test_a_trade_just_before_the_press_does_not_show_that_the_positions_are_loaded(age_s: int, signed: int) -> None:
    """A stop may have filled while TWS was being started: it tells of one contract, and of none beside it."""
    stage = Stage(deadline_ns=60 * SECOND, **PATIENCE)
    stage.worth = [worth(MaintMarginReq=500)]
    stage.executions = [execution(ES, signed, age_ns_min=age_s * SECOND)]
    stage.begin()
    stage.run(61_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN and "DU1 MaintMarginReq 500" in stage.report.trouble


def test_nor_does_a_trade_behind_the_press() -> None:
    stage = Stage(**PATIENCE)
    stage.worth = [worth(MaintMarginReq=500)]
    stage.begin()
    stage.run(500)
    stage.executions = [execution(ES, 3)]
    stage.run(120_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN and "DU1 MaintMarginReq 500" in stage.report.trouble


def test_a_list_that_names_a_contract_with_zero_is_loaded() -> None:
    stage = Stage(held(ES, 0), **PATIENCE)
    stage.worth = [worth(MaintMarginReq=500)]
    assert 0 <= flat_after_ms(stage) <= 500 and not stage.all(ReadWorth)


def test_once_the_values_agree_the_time_begins_anew() -> None:
    stage = Stage(**PATIENCE)
    stage.worth = [worth(GrossPositionValue=1)]
    stage.begin()
    stage.run(8000)
    stage.worth = [worth()]
    stage.run(5000)
    assert stage.report.flat and 10_000 <= (stage.report.timings.flat_ms or 0) <= 11_500


def test_positions_that_are_loaded_late_are_closed() -> None:
    stage = Stage(**PATIENCE)
    stage.worth = [worth(GrossPositionValue=1)]
    stage.begin()
    stage.run(8000)
    stage.positions, stage.worth = [held(ES, 3)], None
    stage.tell(ev.Resolved(ES.con_id, details(ES)))
    stage.fill(stage.next_place())
    stage.run(5000)
    assert stage.report.flat and stage.report.trouble == ""


def test_where_a_position_has_been_seen_nobody_is_asked_what_it_is_worth() -> None:
    stage = Stage(held(ES, 3), **PATIENCE).begin(details_for=(ES,))
    stage.worth = [worth(GrossPositionValue=1)]
    stage.fill(stage.place)
    stage.run(5000)
    assert stage.report.flat and not stage.all(ReadWorth)


def test_at_a_deadline_before_the_wait_is_over_it_is_said_that_nothing_confirms_the_empty_list() -> None:
    stage = Stage(deadline_ns=10 * SECOND, **PATIENCE)
    stage.begin()
    for _ in range(11):
        stage.tell(ev.OrderSeen(501, "Submitted"))  # no proof comes to its end
        stage.run(1000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN
    assert stage.report.trouble.startswith(
        "no list has shown a position, and TWS has told nothing of what its accounts"
    )


def test_a_tws_that_refuses_to_tell_is_asked_three_times() -> None:
    stage = Stage(**PATIENCE).begin()
    for _ in range(2 * TRIES_MAX):
        stage.run(1000)
        stage.tell(*(ev.ReadFailed(asked.read_id, "too many (322)") for asked in stage.all(ReadWorth)))
    assert len(stage.all(ReadWorth)) == TRIES_MAX == 3 and not stage.report.flat
    stage.run(20_000)
    assert stage.report.flat


def test_what_a_lost_connection_told_confirms_nothing_on_the_next_one() -> None:
    stage = Stage(**PATIENCE)
    stage.worth = [worth()]
    stage.begin()
    stage.run(1000)
    stage.worth = None
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"), ev.Connected((ACCOUNT,), 9000))
    stage.run(10_000)
    assert not stage.report.flat
    stage.run(15_000)
    assert stage.report.flat


# one account is shown, another is not ---------------------------------------------------------------------------------

OTHER = "DU2"


def two_accounts(**values: int | None) -> Stage:
    """The first holds ES, and no list has ever shown a contract of the second."""
    stage = Stage(held(ES, 2), **{**PATIENCE, "deadline_ns": 30 * SECOND}).press()
    stage.worth = [worth(GrossPositionValue=5000), worth(OTHER, **values)]
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT, OTHER), 9000), ev.Resolved(ES.con_id, details(ES)))
    return stage


def close_all(stage: Stage) -> None:
    place = stage.next_place()
    stage.acknowledge(place)
    stage.fill(place)


def test_an_account_that_no_list_has_shown_and_that_holds_something_by_its_values_is_waited_for() -> None:
    stage = two_accounts(MaintMarginReq=900)
    close_all(stage)
    stage.run(5000)
    assert not stage.finished and stage.said.count("positions_missing") == 1
    assert stage.positions is not None
    stage.positions.append(held(ES, 3, OTHER))
    close_all(stage)
    stage.run(5000)
    assert stage.report.flat


def test_if_it_is_never_shown_the_login_is_unknown_for_that_reason() -> None:
    stage = two_accounts(GrossPositionValue=900)
    close_all(stage)
    stage.run(30_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN
    assert stage.report.trouble.startswith(
        "no list has shown a position of DU2, and the account values say that something"
    )
    assert ACCOUNT not in stage.report.trouble, "its values are those of before the close"


@pytest.mark.parametrize("told", [True, False])
def test_an_account_in_which_nothing_is_done_costs_no_time(told: bool) -> None:
    stage = two_accounts()
    if not told:
        stage.worth = None
    close_all(stage)
    stage.run(1500)
    assert stage.report.flat


def test_of_accounts_that_lists_show_nobody_is_asked_what_they_are_worth() -> None:
    stage = Stage(held(ES, 2), held(ES, 1, OTHER), **PATIENCE).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT, OTHER), 9000), ev.Resolved(ES.con_id, details(ES)))
    close_all(stage)
    close_all(stage)
    stage.run(3000)
    assert stage.report.flat and stage.all(ReadWorth) == []


def test_values_that_may_be_old_are_no_line_beside_an_account_that_is_shown() -> None:
    stage = two_accounts(GrossPositionValue=900)
    stage.executions = [
        execution(ES, 1, account=OTHER, exec_id="7.01.01"),
        execution(ES, -1, account=OTHER, exec_id="7.02.01"),
    ]
    close_all(stage)
    stage.run(5000)
    assert "values_old" not in stage.said


def test_what_is_unknown_for_another_reason_is_not_blamed_on_an_account_in_which_nothing_is_done() -> None:
    stage = two_accounts()
    stage.worth = None
    stage.run(500)
    stage.orders = None
    stage.run(30_000)
    assert "DU2" not in stage.report.trouble


def with_margin(**values: int | None) -> Witness:
    """It has been told of a margin, and asks for the second time."""
    witness = heard(worth(MaintMarginReq=250, **values))
    witness.ask()
    return witness


def test_cash_is_asked_for_where_a_margin_is_all_that_says_something_is_held() -> None:
    assert heard(worth(MaintMarginReq=250)).ask() == [ReadWorth(-2, cash=True)]
    assert heard(worth(FullMaintMarginReq=250)).ask() == [ReadWorth(-2, cash=True)]
    for told in (
        worth(),
        worth(GrossPositionValue=1),
        worth(GrossPositionValue=1, MaintMarginReq=250),
        worth(GrossPositionValue=None, MaintMarginReq=250),
    ):
        assert heard(told).ask() == [ReadWorth(-2)]


def test_a_question_for_cash_that_comes_to_nothing_leaves_what_was_told_and_is_not_asked_again() -> None:
    witness = with_margin()
    witness.failed(-2)
    assert witness.says() is Says.SOMETHING_HELD and witness.ask() == [ReadWorth(-3)]
    for number in range(3, 3 + TRIES_MAX):
        assert witness.says() is (Says.SOMETHING_HELD if number == 3 else Says.NOTHING_TOLD)
        witness.failed(-number)
        witness.ask()
    assert witness.ask() == [], "it counts as none of the three that fail"


def test_the_cash_of_each_account_is_named() -> None:
    witness = heard(worth("A", MaintMarginReq=250), worth("B", MaintMarginReq=5))
    witness.ask()
    told = [worth(name, MaintMarginReq=n, UnrealizedPnL=0, cash="1000") for name, n in (("A", 250), ("B", 5))]
    (said,) = witness.heard(-2, tuple(told))
    assert isinstance(said, Say)
    assert (
        "(A MaintMarginReq 250, and 1000 of cash in other currencies, B MaintMarginReq 5, and 1000 of cash in other "
        "currencies)"
    ) in said.text


def test_that_a_margin_may_be_that_of_cash_is_said_once_with_both() -> None:
    witness = with_margin()
    cash = worth(MaintMarginReq=250, UnrealizedPnL=0, cash="1000.4")
    assert witness.heard(-2, (cash,)) == [
        Say(
            "margin_of_cash",
            "the margin may be that of cash (DU1 MaintMarginReq 250, and 1000 of cash in other currencies): "
            "the list of positions has to stay empty for a minute and a half",
        )
    ]
    assert witness.ask() == [ReadWorth(-3, cash=True)]
    assert witness.heard(-3, (cash,)) == []


def test_an_account_with_cash_in_other_currencies_and_no_position_is_flat_after_a_minute_and_a_half() -> None:
    stage = Stage(**PATIENCE, contradicted_ns=90 * SECOND)
    stage.worth = [worth(MaintMarginReq=250, UnrealizedPnL=0, cash="1000")]
    stage.begin()
    stage.run(100_000)
    assert stage.report.flat and 90_000 <= (stage.report.timings.flat_ms or 0) <= 92_000
    short = Stage(**PATIENCE, contradicted_ns=90 * SECOND, deadline_ns=40 * SECOND)
    short.worth = stage.worth
    short.begin()
    short.run(41_000)
    assert short.report.outcome is LoginOutcome.UNKNOWN
    assert "(DU1 MaintMarginReq 250, and 1000 of cash in other currencies): TWS may not" in short.report.trouble
