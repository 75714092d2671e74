"""Equity of a TWS without a stream of profit and loss: two numbers have to tell the same, or nothing is known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.books import Jump
from engine.core.equity import Equity, EquitySettings, EquityTracker, Reading, Report
from engine.core.known import Known, Unknown

D = Decimal
SECOND = 10**9
START = 1_000 * SECOND
A, B = "DU1", "DU2"
SETTINGS = EquitySettings()
WAIT_S = (SETTINGS.refresh_ns + SETTINGS.patience_ns) // SECOND


def number(value: object) -> Decimal | None:
    return None if value is None else D(str(value))


class Told:
    """A tracker that is told whole answers, at times in seconds from the start."""

    def __init__(self, *accounts: str) -> None:
        self.tracker = EquityTracker(accounts or (A,), by_reports=True)

    def answer(
        self,
        at_s: float,
        net: object,
        unrealized: object,
        realized: object = 0,
        account: str = A,
        currency: str = "USD",
    ) -> Told:
        report = Report(
            net_liquidation=number(net),
            currency=currency,
            unrealized=number(unrealized),
            realized=number(realized),
        )
        self.tracker.answered(account, report, START + int(at_s * SECOND))
        return self

    def read(self, at_s: float) -> Reading:
        return self.tracker.read(START + int(at_s * SECOND))

    def known(self, at_s: float) -> Equity:
        fact = self.read(at_s).equity
        assert isinstance(fact, Known), fact
        return fact.value

    def why(self, at_s: float) -> str:
        fact = self.read(at_s).equity
        assert isinstance(fact, Unknown), fact
        return fact.why


def running(net: object = 100_000, unrealized: object = 0, realized: object = 0) -> Told:
    """Known since second 5."""
    return Told().answer(0, net, unrealized, realized).answer(5, net, unrealized, realized)


def test_nothing_is_known_before_two_answers_in_a_row_tell_the_same() -> None:
    told = Told()
    assert told.why(0) == "DU1: nothing was read yet"
    why = "DU1: no two reports of its worth and its profit and loss agree yet"
    assert told.answer(0, 100_000, 0).why(0) == why
    assert not told.tracker.tells_jumps
    assert told.answer(5, 99_000, -1_000).known(5) == Equity(D(99_000), "USD", True)
    assert told.tracker.tells_jumps


def test_an_incomplete_beginning_is_never_taken_for_a_loss() -> None:
    told = Told().answer(0, 100_000, 57).answer(5, 100_000, "-1127.09")
    assert "no two reports" in told.why(5)
    assert told.answer(10, "99999.50", "-1127.59").known(10).amount == D("99999.50")


def test_first_answers_agree_up_to_a_thousandth_of_equity_and_not_a_cent_more() -> None:
    assert Told().answer(0, 100_000, 0).answer(5, 100_000, -100).known(5).amount == 100_000
    assert "no two" in Told().answer(0, 100_000, 0).answer(5, 100_000, "-100.01").why(5)
    assert "no two" in Told().answer(0, 100_000, 0).answer(5, 100_000, "100.01").why(5)


def test_a_loss_that_both_numbers_tell_is_known_at_once() -> None:
    assert running().answer(10, 85_000, -15_000).known(10) == Equity(D(85_000), "USD", True)
    assert running().answer(10, 85_000, 0, -15_000).known(10).amount == 85_000


@pytest.mark.parametrize(("net", "unrealized"), [(85_000, 0), (100_000, -15_000), (115_000, 0), (100_000, 15_000)])
def test_one_number_alone_is_no_ones_loss_and_no_ones_gain(net: int, unrealized: int) -> None:
    told = running().answer(10, net, unrealized)
    assert told.why(10) == (
        f"DU1: net liquidation moved by {net - 100_000 - unrealized:,.2f} USD more than profit and loss, which this "
        "TWS tells every three minutes: one of them is late, or money moved"
    )
    assert told.read(10).jumps == ()


def test_the_one_that_was_late_makes_it_known_again_and_no_money_has_moved() -> None:
    told = running().answer(10, 100_000, -15_000).answer(180, 85_000, -15_000)
    assert told.read(180) == Reading(Known(Equity(D(85_000), "USD", True), START + 180 * SECOND))


def test_less_than_a_jump_is_known_but_not_fit_to_measure_from() -> None:
    told = running().answer(10, 99_503, 0)
    assert told.known(10) == Equity(D(99_503), "USD", False)
    told.answer(9 + WAIT_S, 99_503, 0)
    assert not told.known(9 + WAIT_S).settled
    told.answer(10 + WAIT_S, 99_503, 0)
    assert told.read(10 + WAIT_S) == Reading(Known(Equity(D(99_503), "USD", True), START + (10 + WAIT_S) * SECOND))


@pytest.mark.parametrize("amount", [20_000, -20_000, -500, 500])
def test_a_difference_that_stays_for_longer_than_a_number_can_be_late_is_money_that_moved(amount: int) -> None:
    net = 100_000 + amount
    told = running().answer(10, net, 0).answer(9 + WAIT_S, net, 0)
    assert told.read(9 + WAIT_S).jumps == ()
    told.answer(10 + WAIT_S, net, 0)
    reading = told.read(10 + WAIT_S)
    much = abs(amount) * 200 > net
    now_ns = START + (10 + WAIT_S) * SECOND
    assert reading.jumps == ((Jump(amount=D(amount), currency="USD", at_ns=now_ns),) if much else ())
    assert reading.equity == Known(Equity(D(net), "USD", True), now_ns)
    assert told.read(10 + WAIT_S).jumps == ()


def test_a_difference_that_changes_is_waited_for_anew() -> None:
    told = running().answer(10, 80_000, 0)
    told.answer(100, 80_000, -5_000)  # the one that is late catches up: more may be to come
    told.answer(10 + WAIT_S, 80_000, -5_000)
    assert told.read(10 + WAIT_S).jumps == ()
    assert "net liquidation moved by -15,000.00 USD more" in told.why(10 + WAIT_S)
    told.answer(100 + WAIT_S, 80_000, -5_000)
    assert [one.amount for one in told.read(100 + WAIT_S).jumps] == [-15_000]


def test_money_moves_while_the_market_does() -> None:
    told = running().answer(10, 119_000, -1_000).answer(100, 118_000, -2_000).answer(10 + WAIT_S, 117_000, -3_000)
    assert [one.amount for one in told.read(10 + WAIT_S).jumps] == [20_000]
    assert told.known(10 + WAIT_S).amount == 117_000


def test_what_was_realized_begins_anew_and_nothing_is_lost_or_won() -> None:
    assert running(100_000, 300, 5_000).answer(10, 100_000, 300, 0).known(10).settled
    assert running(100_000, 300, -5_000).answer(10, 100_000, 300, 0).known(10).settled
    assert running(100_000, 300, -5_000).answer(10, 99_900, 300, -100).known(10).settled


def test_a_fill_pays_the_one_from_the_other() -> None:
    assert running(100_000, 5_000, 0).answer(10, 100_000, 0, 5_000).known(10).settled
    assert running(100_000, 0, 5_000).answer(10, 95_000, 0, 0).known(10) == Equity(D(95_000), "USD", True)


def test_a_deposit_of_what_was_realized_is_no_new_beginning() -> None:
    assert "money moved" in running(100_000, 0, 5_000).answer(10, 105_000, 0, 5_000).why(10)


@pytest.mark.parametrize(
    "numbers",
    [
        (None, 0, 0),
        (100_000, None, 0),
        (100_000, 0, None),
        ("1e15", 0, 0),
        (100_000, "1e15", 0),
        (100_000, 0, "1e15"),
        ("NaN", 0, 0),
    ],
)
def test_an_answer_in_which_something_is_missing_makes_it_begin_from_nothing(numbers: tuple[object, ...]) -> None:
    told = running().answer(10, *numbers)
    assert told.why(10) == "DU1: the broker reports no net liquidation, or no profit and loss"
    assert "no two" in told.answer(15, 100_000, 0).why(15)


def test_an_answer_without_a_currency_is_none_and_another_currency_begins_from_nothing() -> None:
    assert "reports no net liquidation" in running().answer(10, 100_000, 0, currency="").why(10)
    told = running().answer(10, 100_000, 0, currency="EUR")
    assert "no two" in told.why(10)
    assert told.answer(15, 100_000, 0, currency="EUR").known(15).currency == "EUR"


def test_silence_is_not_known_for_long() -> None:
    told = running()
    last_s = 5 + SETTINGS.news_age_ns_max // SECOND
    assert told.known(last_s).amount == 100_000
    assert told.why(last_s + 1) == "DU1: nothing was heard for 61 s"
    told.tracker.use(EquitySettings(news_age_ns_max=SECOND))
    assert told.why(7) == "DU1: nothing was heard for 2 s"


def test_an_account_that_is_not_ready_says_nothing() -> None:
    told = running()
    told.tracker.account_ready(A, True)
    assert told.known(6).amount == 100_000, "that it is ready is no news"
    told.tracker.account_ready(A, False)
    assert told.answer(10, 0, 0).why(10) == "DU1: TWS says that the account is not ready"
    told.tracker.account_ready(A, True)
    assert told.why(11) == "DU1: nothing was read since the account is ready"
    told.tracker.account_ready(A, True)
    assert told.answer(12, 90_000, 0).answer(15, 90_000, 0).known(15).amount == 90_000
    assert told.read(15).jumps == ()


def test_a_lost_link_makes_it_begin_from_nothing() -> None:
    told = running()
    told.tracker.link_down("the link to IBKR is lost")
    assert told.answer(10, 50_000, 0).why(10) == "the link to IBKR is lost"
    told.tracker.link_up()
    assert "nothing was read since" in told.why(11)
    assert told.answer(12, 50_000, 0).answer(15, 50_000, 0).known(15).amount == 50_000


def test_what_only_a_stream_tells_is_not_used_here_and_answers_are_not_used_there() -> None:
    told = running()
    told.tracker.net_liquidation(A, D(50_000), "USD", START + 6 * SECOND)
    told.tracker.profit_and_loss(A, D(-50_000), D(0), START + 6 * SECOND)
    assert told.known(6).amount == 100_000
    streamed = EquityTracker((A,))
    report = Report(net_liquidation=D(1), currency="USD", unrealized=D(0), realized=D(0))
    for second in (0, 5):
        streamed.answered(A, report, START + second * SECOND)
    assert streamed.read(START + 5 * SECOND).equity == Unknown("DU1: nothing was read yet")


def test_accounts_are_added_and_one_that_is_not_known_keeps_all_from_being_known() -> None:
    told = Told(A, B)
    for second in (0, 5):
        told.answer(second, 100_000, 0)
    assert told.why(5) == "DU2: nothing was read yet"
    for second in (6, 7):
        told.answer(second, 50_000, 0, account=B).answer(second, 1, 0, account="All")
    assert told.known(7).amount == 150_000


def test_an_account_that_is_worth_nothing_has_no_part_that_does_not_matter() -> None:
    assert running(0).answer(10, 0, 0).known(10).amount == 0
    assert "money moved" in running(0).answer(10, 0, 1).why(10)


MONEY = st.integers(-20_000, 20_000)


@given(st.lists(st.tuples(MONEY, MONEY, st.integers(1, 200)), min_size=3, max_size=12))
def test_a_known_equity_is_a_net_liquidation_that_profit_and_loss_explain_or_a_jump_does(
    moves: list[tuple[int, int, int]],
) -> None:
    """Whatever comes: from one known equity to another, what net liquidation moved by is profit, loss, told as a jump,
    or not enough to be told."""
    told, now_s, net, profit = Told(), 0, 100_000, 0
    last: tuple[Decimal, int] | None = None
    for moved, explained, wait_s in moves:
        now_s, net, profit = now_s + wait_s, net + moved, profit + explained
        told.answer(now_s, net, profit)
        reading = told.read(now_s)
        jumps = sum((one.amount for one in reading.jumps), D(0))
        if not isinstance(reading.equity, Known):
            assert not jumps
            continue
        assert reading.equity.value.amount == net
        if last is not None:
            unexplained = net - last[0] - (profit - last[1]) - jumps
            larger = max(abs(net), abs(last[0]))
            assert abs(unexplained) * 100 <= larger * D("1.2")  # two differences that are less than a jump
        last = (D(net), profit)
