"""Equity from reports and profit and loss: never a number out of nothing, never a reset taken for a loss."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.equity import Equity, EquitySettings, EquityTracker, Reading
from engine.core.known import Known, Unknown

D = Decimal
SECOND = 10**9
A, B = "DU1", "DU2"
SETTINGS = EquitySettings()
START = 1_000 * SECOND


class Told:
    """A tracker, told things one after the other at times in seconds from the start."""

    def __init__(self, *accounts: str) -> None:
        self.tracker = EquityTracker(accounts or (A,))

    def worth(self, at_s: float, amount: object, account: str = A, currency: str = "USD") -> Told:
        number = None if amount is None else D(str(amount))
        self.tracker.net_liquidation(account, number, currency, START + int(at_s * SECOND))
        return self

    def profit(self, at_s: float, unrealized: object, realized: object = 0, account: str = A) -> Told:
        numbers = (None if each is None else D(str(each)) for each in (unrealized, realized))
        self.tracker.profit_and_loss(account, *numbers, START + int(at_s * SECOND))
        return self

    def read(self, at_s: float) -> Reading:
        return self.tracker.read(START + int(at_s * SECOND))

    def known(self, at_s: float) -> Equity:
        fact = self.read(at_s).equity
        assert isinstance(fact, Known), fact
        return fact.value

    def amount(self, at_s: float) -> Decimal:
        return self.known(at_s).amount

    def why(self, at_s: float) -> str:
        fact = self.read(at_s).equity
        assert isinstance(fact, Unknown), fact
        return fact.why


def running(unrealized: object = 0, realized: object = 0, worth: object = 100_000) -> Told:
    """Known since second 2."""
    return Told().worth(0, worth).profit(1, unrealized, realized).profit(2, unrealized, realized)


# nothing is known until everything is ---------------------------------------------------------------------------------


def test_without_a_word_nothing_is_known() -> None:
    assert Told().why(0) == "DU1: nothing was read yet"
    assert EquityTracker(()).read(0).equity == Unknown("no account of this login is known")


def test_a_report_alone_is_not_enough_nor_is_one_reading_of_profit_and_loss() -> None:
    assert Told().worth(0, 100_000).why(1) == "DU1: no two readings of profit and loss agree yet, of 0"
    assert Told().worth(0, 100_000).profit(1, 5).why(1) == "DU1: no two readings of profit and loss agree yet, of 1"


def test_two_agreeing_readings_and_a_report_are_enough_in_any_order() -> None:
    assert running(5).known(2) == Equity(D(100_000), "USD", True)
    assert Told().profit(0, 5).profit(1, 5).worth(2, 100_000).amount(2) == 100_000
    assert Told().profit(0, 5).worth(1, 100_000).profit(2, 5).amount(2) == 100_000


def test_an_incomplete_beginning_is_never_taken_for_a_loss() -> None:
    told = Told().worth(0, 100_000).profit(1, 57).profit(2, "-1127.09")
    assert "of 2" in told.why(2)
    assert told.profit(3, "-1127.50").amount(3) == 100_000
    assert told.profit(4, "-1128.50").amount(4) == 99_999


def test_readings_agree_up_to_a_thousandth_of_equity_and_not_a_cent_more() -> None:
    assert Told().worth(0, 100_000).profit(1, 0).profit(2, -100).amount(2) == 100_000
    assert "no two" in Told().worth(0, 100_000).profit(1, 0).profit(2, "-100.01").why(2)
    assert "no two" in Told().worth(0, 100_000).profit(1, 0).profit(2, "100.01").why(2)
    assert Told().worth(0, -100_000).profit(1, 0).profit(2, -100).amount(2) == -100_000
    assert Told().worth(0, 0).profit(1, 7).profit(2, 7).amount(2) == 0


def test_agreement_counts_what_is_realized_too() -> None:
    assert Told().worth(0, 100_000).profit(1, 500, 0).profit(2, 0, 500).amount(2) == 100_000
    assert "no two" in Told().worth(0, 100_000).profit(1, 0, 0).profit(2, 0, 500).why(2)


def test_a_market_that_never_rests_is_no_reason_to_stay_blind() -> None:
    told = Told().worth(0, 100_000)
    for second in range(1, SETTINGS.readings_max):
        told.profit(second, -500 * second)
        assert isinstance(told.read(second).equity, Unknown)
    last = SETTINGS.readings_max
    assert told.profit(last, -500 * last).amount(last) == 100_000
    assert told.profit(last + 1, -500 * last - 200).amount(last + 1) == 99_800


# … and what comes right behind it is counted once ---------------------------------------------------------------------


def begun_by_the_report(realized: object = 0) -> Told:
    """The report came behind the profit and loss."""
    return Told().profit(0, 0, realized).profit(1, 0, realized).worth(2, 90_000)


def test_a_crash_that_the_first_report_shows_before_profit_and_loss_does_is_counted_once() -> None:
    told = begun_by_the_report().profit(3, -10_000)
    assert told.known(3) == Equity(D(90_000), "USD", False)
    assert told.profit(4, -10_500).amount(4) == 89_500


def test_a_crash_right_behind_the_first_report_is_late_by_one_report_and_never_doubled() -> None:
    told = begun_by_the_report().profit(3, -10_000).worth(30, 80_000)
    assert told.amount(34) == 90_000
    assert told.known(35) == Equity(D(80_000), "USD", True)
    assert not told.read(35).jumps


def test_a_gain_that_the_first_report_shows_already_is_counted_once_too() -> None:
    assert begun_by_the_report().profit(3, 10_000).amount(3) == 90_000
    assert begun_by_the_report().profit(3, 10_000).worth(30, 100_000).amount(35) == 100_000


def test_only_the_first_step_may_be_in_the_first_report() -> None:
    assert begun_by_the_report().profit(3, 0).profit(4, -10_000).known(4) == Equity(D(80_000), "USD", True)


def test_what_two_agreeing_readings_may_differ_by_moves_it_right_behind_the_first_report() -> None:
    assert begun_by_the_report().profit(3, -90).known(3) == Equity(D(89_910), "USD", True)
    assert begun_by_the_report().profit(3, "-90.01").known(3) == Equity(D(90_000), "USD", False)


def test_a_reset_right_behind_the_first_report_is_in_doubt_beside_it() -> None:
    told = begun_by_the_report(realized=-500).profit(3, -10_000, 0)
    assert told.amount(3) == 90_000


def test_a_first_report_before_the_profit_and_loss_that_agrees_is_moved_at_once() -> None:
    assert running(0, worth=90_000).profit(3, -10_000).amount(3) == 80_000


# what moves it --------------------------------------------------------------------------------------------------------


def test_no_peak_is_taken_from_a_rise_before_a_report_was_held_against_it() -> None:
    """A crash between the first report and the first profit and loss, and what comes back of it: 109,520 was a peak
    that never was, and the circuit breaker fired at 17.8 % of a fall of 10 %."""
    told = Told().worth(0, 100_000).profit(1, -10_020).profit(2, -10_020)
    assert told.profit(3, -500).known(3) == Equity(D(109_520), "USD", False)
    told.worth(4, 99_500)
    assert not told.known(4).settled and not told.known(10).settled  # it fits nothing: one report is not enough
    told.profit(11, -10_020).worth(190, 89_980)
    assert told.known(196) == Equity(D(89_980), "USD", True)


def test_a_rise_that_the_first_report_fits_is_one() -> None:
    told = running().profit(3, 500)
    assert not told.known(3).settled
    assert told.worth(4, 100_500).known(4) == Equity(D(100_500), "USD", True)


def test_profit_and_loss_moves_equity_at_once_and_exactly() -> None:
    told = running(-1000, 250)
    assert told.profit(3, "-1000.005", 250).amount(3) == D("99999.995")
    assert told.profit(4, "-900.005", 249).amount(4) == D("100098.995")


def test_sums_are_exact_however_long_the_numbers_are() -> None:
    told = running("0.1")
    told.profit(3, "0.1000000000000000000000000000000000001")
    assert told.amount(3) == D("100000.0000000000000000000000000000000000001")


def test_all_accounts_count_and_the_oldest_word_dates_them() -> None:
    told = Told(A, B).worth(0, 60_000).worth(0, 40_000, B)
    assert told.why(1).startswith("DU1: no two readings")
    assert "; DU2: no two" in told.why(1)
    told.profit(1, 0).profit(2, 0).profit(3, 0, account=B).profit(4, 0, account=B).profit(9, -100)
    assert told.read(9).equity == Known(Equity(D(99_900), "USD", True), START + 4 * SECOND)


def test_one_unknown_account_makes_all_of_it_unknown() -> None:
    told = Told(A, B).worth(0, 60_000).profit(1, 0).profit(2, 0)
    assert told.why(2) == "DU2: nothing was read yet"


def test_accounts_in_different_currencies_cannot_be_added() -> None:
    told = Told(A, B).worth(0, 60_000).worth(0, 40_000, B, currency="EUR")
    for account in (A, B):
        told.profit(1, 0, account=account).profit(2, 0, account=account)
    assert told.why(2) == "the accounts have different base currencies (EUR, USD): they cannot be added"


@pytest.mark.parametrize("unsettled", [A, B])
def test_a_sum_is_settled_when_each_account_is(unsettled: str) -> None:
    told = Told(A, B)
    for account in (A, B):
        told.worth(0, 100_000, account).profit(1, 0, 0, account).profit(2, 0, 0, account)
    assert told.worth(9, 98_000, unsettled).known(10) == Equity(D(200_000), "USD", False)


def test_a_row_over_all_accounts_is_no_account() -> None:
    told = running().worth(3, 999_999, "All").profit(3, -5, account="All")
    told.tracker.account_ready("All", False)
    assert told.amount(3) == 100_000


# what takes it away ---------------------------------------------------------------------------------------------------

BREAKS: list[tuple[str, Callable[[Told], object], str]] = [
    ("blank worth", lambda told: told.worth(3, None), "the broker reports no net liquidation"),
    ("NaN worth", lambda told: told.worth(3, "NaN"), "the broker reports no net liquidation"),
    ("unset worth", lambda told: told.worth(3, "1.7976931348623157E308"), "the broker reports no net liquidation"),
    ("no currency", lambda told: told.worth(3, 100_000, currency=""), "the broker reports no net liquidation"),
    ("unset unrealized", lambda told: told.profit(3, None, 0), "the broker's profit and loss is unset"),
    ("unset realized", lambda told: told.profit(3, 0, None), "the broker's profit and loss is unset"),
    ("NaN profit", lambda told: told.profit(3, "NaN", 0), "the broker's profit and loss is unset"),
    ("infinite profit", lambda told: told.profit(3, 0, "-Infinity"), "the broker's profit and loss is unset"),
    ("not ready", lambda told: told.tracker.account_ready(A, False), "TWS says that the account is not ready"),
    (
        "another currency",
        lambda told: told.worth(3, 90_000, currency="EUR"),
        "no two readings of profit and loss agree yet, of 0",
    ),
]


@pytest.mark.parametrize("what", BREAKS, ids=lambda what: what[0])
def test_after_any_break_equity_begins_from_nothing(what: tuple[str, Callable[[Told], object], str]) -> None:
    _, happens, why = what
    told = running(-50, 20)
    happens(told)
    assert told.why(3) == f"DU1: {why}"
    told.tracker.account_ready(A, True)
    told.worth(4, 70_000, currency="EUR").profit(5, -900, 1)
    assert isinstance(told.read(5).equity, Unknown)
    assert told.profit(6, -900, 1).known(6) == Equity(D(70_000), "EUR", True)
    assert told.read(6).jumps == ()


def test_while_an_account_is_not_ready_its_values_are_not_taken() -> None:
    told = running()
    told.tracker.account_ready(A, False)
    told.worth(3, 5).profit(4, -99_000).profit(5, -99_000)
    assert told.why(5) == "DU1: TWS says that the account is not ready"
    assert told.profit(5, None).why(5) == "DU1: TWS says that the account is not ready"
    told.tracker.account_ready(A, True)
    assert told.why(6) == "DU1: nothing was read since the account is ready"
    told.tracker.account_ready(A, True)
    assert told.worth(7, 100_000).profit(8, 0).profit(9, 0).amount(9) == 100_000


def test_that_an_account_is_ready_disturbs_nothing() -> None:
    told = running()
    told.tracker.account_ready(A, True)
    assert told.amount(3) == 100_000


def test_during_a_lost_link_nothing_that_tws_says_counts() -> None:
    told = running()
    told.tracker.link_down("TWS lost IBKR (1100)")
    told.worth(3, 100_000).profit(4, 0).profit(5, 0)
    assert told.why(5) == "TWS lost IBKR (1100)"
    told.tracker.link_up()
    assert told.why(6) == "DU1: nothing was read since TWS lost IBKR (1100)"
    told.profit(7, -40).worth(7, 99_960)
    assert "no two" in told.why(7)
    assert told.profit(8, -40).amount(8) == 99_960


def test_a_new_link_does_not_wait_for_an_account_to_be_ready_that_nobody_speaks_of() -> None:
    told = running()
    told.tracker.account_ready(A, False)
    told.tracker.link_down("closed")
    told.tracker.link_up()
    assert told.worth(3, 100_000).profit(4, 0).profit(5, 0).amount(5) == 100_000


def test_what_was_not_heard_for_too_long_is_stale() -> None:
    told = running()
    assert told.amount(62) == 100_000
    assert told.why(62.1) == "DU1: nothing was heard for 60 s"
    assert told.profit(63, 0).amount(63) == 100_000


def test_profit_and_loss_alone_does_not_keep_equity_alive() -> None:
    told = running()
    for second in range(3, 245):
        told.profit(second, 0)
    assert told.amount(240) == 100_000
    assert told.why(241) == "DU1: no net liquidation was heard for 241 s"
    assert told.worth(245, 100_000).amount(245) == 100_000


def test_reports_alone_keep_equity_alive_while_nothing_is_traded() -> None:
    told = running()
    for minute in range(1, 60 * 24):
        told.worth(minute * 60, 100_000)
        assert told.known(minute * 60).settled
    assert told.read(minute * 60).jumps == ()


# reports against profit and loss --------------------------------------------------------------------------------------


def reviewed(realized: object = 0) -> Told:
    """Worth 100 000 since second 30, and reports have been held against profit and loss before."""
    told = running(realized=realized).worth(20, 100_001).worth(30, 100_000)
    assert (told.amount(35), told.read(35).jumps) == (100_000, ())
    return told


def test_a_report_that_is_three_minutes_old_does_not_undo_what_came_since() -> None:
    told = reviewed().profit(60, -1500).profit(120, -1500).worth(170, "99999.99")
    assert told.known(170) == Equity(D(98_500), "USD", True)


def test_a_report_that_fits_no_moment_since_the_last_one_moves_equity() -> None:
    told = reviewed().profit(60, -1500).worth(61, 98_500).profit(120, -1500).worth(170, "98500.01")
    assert told.known(171) == Equity(D(98_500), "USD", False)
    assert told.known(175) == Equity(D("98500.01"), "USD", True)


def test_a_report_may_come_before_the_profit_and_loss_that_explains_it() -> None:
    told = reviewed().worth(60, 98_000)
    assert told.known(60) == Equity(D(100_000), "USD", False)
    told.profit(61, -2000)
    assert told.known(61) == Equity(D(98_000), "USD", True)
    assert told.read(70).jumps == ()


def test_what_came_while_a_report_was_open_still_explains_the_next_one() -> None:
    told = reviewed().worth(60, 98_000).profit(61, -500).profit(62, -2000).worth(65, "98000.50").profit(69, -1999)
    assert told.known(70) == Equity(D(98_001), "USD", True)
    assert told.worth(72, 100_000).known(72) == Equity(D(98_001), "USD", False)


def test_a_report_counts_from_when_it_came_and_not_from_the_next_word() -> None:
    told = reviewed().profit(59, 1).worth(60, 100_001).profit(70, -2999)
    told.worth(240, 100_001).worth(420, 100_001)  # three minutes old each time: made anew
    assert [jump.amount for jump in told.read(425).jumps] == [3000]


def test_profit_and_loss_settles_a_report_at_once_and_what_moves_then_explains_the_next() -> None:
    told = reviewed().worth(60, 98_000).profit(61, -2000).profit(62, -2500).profit(63, -2000).worth(70, 97_500)
    assert told.known(70) == Equity(D(98_000), "USD", True)
    assert told.read(75).jumps == ()


def test_a_report_that_nothing_explains_is_believed_after_a_while_and_told() -> None:
    told = reviewed().worth(60, 95_000)
    assert told.amount(64.9) == 100_000
    reading = told.read(65)
    assert reading.equity == Known(Equity(D(95_000), "USD", True), START + 60 * SECOND)
    [jump] = reading.jumps
    assert (jump.amount, jump.currency, jump.at_ns) == (D(-5_000), "USD", START + 65 * SECOND)
    assert told.read(65).jumps == ()


def test_a_deposit_is_a_jump_upwards() -> None:
    told = reviewed().profit(50, 300).worth(60, 110_300)
    assert told.amount(64) == 100_300
    reading = told.read(65)
    assert [jump.amount for jump in reading.jumps] == [10_000]
    assert told.amount(65) == 110_300


def test_the_smallest_move_that_explains_a_report_is_the_jump() -> None:
    fallen = reviewed().profit(50, 300).profit(55, -200).worth(60, 90_000).profit(61, 0)
    assert [jump.amount for jump in fallen.read(65).jumps] == [D(90_200) - 100_000]
    assert fallen.amount(65) == 90_200
    risen = reviewed().profit(50, 300).profit(55, -200).worth(60, 110_000).profit(61, 0)
    assert [jump.amount for jump in risen.read(65).jumps] == [D(109_700) - 100_000]
    assert risen.amount(65) == 109_700


def test_fees_and_interest_are_followed_without_a_word() -> None:
    told = reviewed().worth(60, "99502.50")
    assert told.read(65).jumps == ()
    assert told.amount(65) == D("99502.50")
    more = reviewed().worth(60, "99502.48")
    assert [jump.amount for jump in more.read(65).jumps] == [D("-497.52")]


def test_half_a_percent_of_the_report_is_much() -> None:
    assert reviewed().worth(60, "99502.488").read(65).jumps == ()
    assert [jump.amount for jump in reviewed().worth(60, 99_500).read(65).jumps] == [-500]
    assert [jump.amount for jump in _worth_99_500().worth(60, 100_000).read(65).jumps] == [500]
    assert _worth_99_500().worth(60, "99999.99").read(65).jumps == ()
    debt = Told().worth(0, -100_000).profit(1, 0).profit(2, 0).worth(20, -100_001).worth(30, -100_000)
    assert debt.amount(35) == -100_000
    assert debt.worth(60, -100_100).read(65).jumps == ()
    assert [jump.amount for jump in debt.worth(70, -101_000).read(75).jumps] == [-900]


def _worth_99_500() -> Told:
    told = running(worth=99_500).worth(20, "99500.01").worth(30, 99_500)
    assert told.amount(35) == 99_500
    return told


def test_the_first_report_may_have_been_older_than_all_we_know() -> None:
    told = running().worth(60, 97_000)
    assert told.read(65).jumps == ()
    assert told.amount(65) == 97_000


def test_a_report_that_stays_the_same_counts_again_when_it_must_have_been_made_anew() -> None:
    told = running()
    for second in range(15, 390, 15):
        told.worth(second, 100_000).profit(second, -3000)
        if second < 380:
            assert told.amount(second) == 97_000  # until 195 it may be an old report
    reading = told.read(380)
    assert [jump.amount for jump in reading.jumps] == [3_000]
    assert told.amount(380) == 100_000


def test_a_report_that_comes_while_another_is_open_waits_for_its_turn() -> None:
    told = reviewed().worth(60, 99_990).worth(62, 99_980)
    assert told.amount(65) == 99_990
    assert told.worth(77, 99_980).amount(82) == 99_980


# the day's reset ------------------------------------------------------------------------------------------------------


RESETS = st.tuples(st.sampled_from([-3000, -40, 40, 3000]), st.sampled_from([-700, 0, 700]))


@given(RESETS)
def test_a_reset_is_neither_a_loss_nor_a_gain(case: tuple[int, int]) -> None:
    realized, unrealized = case
    told = Told().worth(0, 100_000).profit(1, unrealized, realized).profit(2, unrealized, realized)
    told.worth(20, 100_001).worth(30, 100_000)
    assert told.amount(35) == 100_000
    told.profit(60, unrealized, 0)
    assert told.known(60) == Equity(D(100_000), "USD", False)
    assert told.profit(61, unrealized - 20, 0).known(61) == Equity(D(99_980), "USD", False)


def test_a_reset_is_found_though_something_was_traded_in_the_same_second() -> None:
    assert reviewed(realized=3000).profit(60, 10, -20).amount(60) == 99_990
    assert reviewed(realized=-3000).profit(60, 10, -20).amount(60) == 99_990


def test_a_fill_pays_what_is_realized_from_what_is_not() -> None:
    told = Told().worth(0, 100_000).profit(1, -2900, 3000).profit(2, -2900, 3000)
    assert told.profit(3, 0, 98).known(3) == Equity(D(99_998), "USD", True)
    flat = Told().worth(0, 100_000).profit(1, -500, 500).profit(2, -500, 500)
    assert flat.profit(3, 0, 0).known(3) == Equity(D(100_000), "USD", True)


def test_losses_realized_between_two_updates_are_losses() -> None:
    told = reviewed(realized=3000)
    for second in range(1, 50):
        told.profit(40 + second, 0, 3000 - 20 * second)
        assert told.known(40 + second) == Equity(D(100_000 - 20 * second), "USD", True)


def test_a_reset_needs_something_that_was_realized_and_has_changed() -> None:
    assert reviewed().profit(60, 0, -9000).known(60) == Equity(D(91_000), "USD", True)
    assert reviewed(realized=900).profit(60, -900, 900).known(60) == Equity(D(99_100), "USD", True)


def test_of_two_explanations_a_reset_must_be_clearly_better() -> None:
    as_reset = reviewed(realized=500).profit(60, 0, -100 * 1)
    assert as_reset.known(60) == Equity(D(99_900), "USD", False)  # 100 is not more than a quarter of 600
    assert reviewed(realized=500).profit(60, 0, 100).known(60) == Equity(D(100_100), "USD", False)
    as_fill = reviewed(realized=500).profit(60, 0, "100.01")
    assert as_fill.known(60) == Equity(D("99600.01"), "USD", True)


def test_a_report_made_after_the_reset_settles_it() -> None:
    told = reviewed(realized=3000).profit(60, 0, 0).worth(70, "100000.01").profit(71, "0.01", 0)
    assert not told.known(71).settled  # it may have been made before
    assert told.worth(90, "100000.02").profit(91, "0.02", 0).known(91) == Equity(D("100000.02"), "USD", True)


def test_a_report_in_the_same_instant_as_a_reset_does_not_settle_it() -> None:
    told = reviewed(realized=3000).profit(59, "0.5", 3000).worth(60, "100000.5").profit(60, "0.5", 0)
    assert not told.profit(65, 1, 0).worth(70, 100_001).known(70).settled
    assert told.profit(75, 2, 0).worth(80, 100_002).known(80) == Equity(D(100_002), "USD", True)


@pytest.mark.parametrize("report", [97_000, 97_050, 97_100])
def test_that_a_reset_was_none_explains_every_report_in_the_range_of_profit_and_loss(report: int) -> None:
    told = reviewed(realized=3000).profit(50, 100, 3000).profit(55, 0, 3000).profit(60, 0, 0).worth(100, report)
    assert (told.read(105).jumps, told.amount(105)) == ((), 97_000)


def test_a_loss_that_looked_like_a_reset_is_late_by_one_report() -> None:
    told = reviewed(realized=3000).profit(60, 0, 500)  # 2500 lost in one second
    assert told.known(60) == Equity(D(100_500), "USD", False)
    told.worth(100, 97_500)
    assert told.amount(104) == 100_500
    reading = told.read(105)
    assert (reading.jumps, told.known(105)) == ((), Equity(D(97_500), "USD", True))


def test_of_several_resets_in_doubt_the_sum_is_in_doubt() -> None:
    told = reviewed(realized=3000).profit(60, 0, 100).profit(61, 0, 0)
    assert told.known(61) == Equity(D(100_100), "USD", False)
    told.worth(100, 97_000)
    assert (told.read(105).jumps, told.known(105)) == ((), Equity(D(97_000), "USD", True))


def test_a_withdrawal_at_the_time_of_a_reset_is_told_all_the_same() -> None:
    told = reviewed(realized=3000).profit(60, 0, 0).worth(100, 90_000)
    assert [jump.amount for jump in told.read(105).jumps] == [-10_000]
    assert told.known(105) == Equity(D(90_000), "USD", True)


# laws -----------------------------------------------------------------------------------------------------------------

NUMBERS = st.none() | st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from([D("1E+14"), D("-1E-5000")])
EVENTS = st.lists(
    st.tuples(
        st.integers(-100, 400).map(lambda tenths: tenths * SECOND // 10),
        st.sampled_from(["worth", "profit", "ready", "down", "up"]),
        st.sampled_from([A, B, "All"]),
        NUMBERS,
        NUMBERS,
    ),
    max_size=40,
)


@given(EVENTS)
def test_whatever_is_told_there_is_a_plausible_amount_or_a_reason(events: list[tuple[object, ...]]) -> None:
    tracker, now = EquityTracker((A, B)), START
    for step, what, account, one, other in events:
        now += step
        match what:
            case "worth":
                tracker.net_liquidation(account, one, "USD", now)
            case "profit":
                tracker.profit_and_loss(account, one, other, now)
            case "ready":
                tracker.account_ready(account, one is not None)
            case "down":
                tracker.link_down("cut")
            case _:
                tracker.link_up()
        fact = tracker.read(now).equity
        assert fact.why if isinstance(fact, Unknown) else fact.value.amount.is_finite()


@pytest.mark.parametrize("seed", range(20))
def test_in_any_trading_day_equity_is_right_to_what_the_market_moves_between_reports(seed: int) -> None:
    """A broker that trades, resets its day, reports late and every three minutes; nothing is ever told as a jump."""
    random = Random(seed)
    unrealized, realized, cash = D(random.randrange(-3000, 3000)), D(random.randrange(-3000, 3000)), D(100_000)
    step = random.choice([1, 5, 30])
    told = Told()
    totals: list[Decimal] = []
    profits: list[tuple[Decimal, Decimal]] = []
    report = cash + unrealized + realized
    reset_at = random.randrange(300, 1500)
    for second in range(1800):
        unrealized += random.randrange(-step, step + 1)
        if random.random() < 0.05:  # a fill: part of one becomes the other, for a fee
            part = unrealized * random.randrange(0, 101) / 100
            unrealized, realized = unrealized - part, realized + part - 2
        if second == reset_at:
            cash, realized = cash + realized, D(0)
        totals.append(cash + unrealized + realized)
        profits.append((unrealized, realized))
        if second % 180 == 0:
            report = totals[-1]
        if second % 15 == 0:
            told.worth(second, report)
        told.profit(second, *profits[max(0, second - random.randrange(0, 2))])
        reading = told.read(second)
        assert reading.jumps == ()
        if second > 200:
            lately = totals[max(0, second - 365) :]
            assert isinstance(reading.equity, Known)
            assert abs(reading.equity.value.amount - totals[-1]) <= max(lately) - min(lately) + 2 * step


def test_a_jump_would_be_told_only_after_a_report_was_held_against_profit_and_loss() -> None:
    told = running()
    assert not told.tracker.tells_jumps  # the first report may be older than all that is known
    assert told.worth(10, 100_001).profit(11, 1).tracker.tells_jumps
    told.tracker.link_down("the link is lost")
    assert not told.tracker.tells_jumps


def test_a_jump_would_be_told_only_if_every_account_would_tell_it() -> None:
    told = Told(A, B)
    for account in (A, B):
        told.worth(0, 1_000, account).profit(1, 0, 0, account).profit(2, 0, 0, account)
    told.worth(10, 1_001, A).profit(11, 1, 0, A)
    assert not told.tracker.tells_jumps
    told.worth(10, 1_001, B).profit(11, 1, 0, B)
    assert told.tracker.tells_jumps
    assert not EquityTracker(()).tells_jumps


def test_other_settings_hold_from_the_next_reading_on() -> None:
    told = running()
    told.tracker.use(EquitySettings(news_age_ns_max=5 * SECOND))
    assert told.why(8).endswith("nothing was heard for 6 s")
    told.tracker.use(SETTINGS)
    assert told.amount(8) == 100_000
