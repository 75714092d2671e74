"""What TWS says of orders between two readings: not one fill less than was heard, and none counted twice."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from broker.scripted import ACCOUNT, ES, execution, open_order, order_status
from engine.core.exposure import Exposure, Resting, Side
from engine.core.facts import ExecutionFact, PositionFact
from engine.core.known import Known, Unknown
from engine.core.preflight.desk import Preflight
from engine.core.preflight.settings import DEFAULTS
from engine.core.units import BLANK
from engine.trading.login_book import REMEMBERED_MAX, LoginBook
from engine.wire.order import Order, OrderState
from engine.wire.replies import OpenOrder

D = Decimal
KEY = (1, 5)
OTHER = 99


def resting(con_id: int = 0, quantity: int = 6, key: tuple[int, int] = KEY, **fields: object) -> Resting:
    made = Resting(key=key, account=ACCOUNT, con_id=con_id or ES.con_id, side=Side.BUY, remaining=D(quantity))
    return msgspec.structs.replace(made, **fields)


class Login:
    """A book of our client 1, told of `fills`."""

    def __init__(self, *orders: Resting) -> None:
        self.desk = Preflight(DEFAULTS)
        self.fills: list[ExecutionFact] = []
        self.marks = 0
        self.book = LoginBook(self.desk, self.fills.append, self._before)
        self.book.client_ids.add(1)
        self.book.positions_read(Known((), 1), self.book.mark())
        self.book.orders_read(Known((), 1), self.book.mark())
        self.desk.book.sent(*orders)

    def _before(self) -> None:
        self.marks += 1

    def buys(self, con_id: int = 0) -> Decimal:
        """What may still come to the position, filled and unshown or working."""
        return self.desk.book.exposures.get((ACCOUNT, con_id or ES.con_id), Exposure()).buys

    def left(self, key: tuple[int, int] = KEY) -> list[tuple[Decimal, Decimal]]:
        return [(one.remaining, one.filled) for one in self.desk.book.order(key)]


def fill(shares: int, cum: int, exec_id: str = "1.01", **fields: object) -> object:
    return execution(exec_id=exec_id, shares=D(shares), cum_qty=D(cum), **fields)


def test_a_fill_counts_until_a_position_shows_it_and_once_however_often_it_is_told() -> None:
    login = Login(resting())
    for _ in range(2):
        login.book.heard(fill(2, 2))
    login.book.heard(order_status(filled=2, remaining=4))
    assert login.left() == [(D(4), D(2))] and login.buys() == 6
    assert [one.exec_id for one in login.fills] == ["1.01"]
    login.book.heard(order_status("Filled", filled=6, remaining=0))
    assert login.left() == [] and login.buys() == 6, "no position shows it yet"
    held = PositionFact(account=ACCOUNT, contract=ES, quantity=D(6))
    login.book.positions_read(Known((held,), 2), login.book.mark())
    assert login.buys() == 0 and login.marks == 3


def test_a_fill_that_is_told_behind_the_end_counts_by_what_it_is_more_than_was_counted() -> None:
    login = Login(resting())
    login.book.heard(order_status(filled=1, remaining=5))
    login.book.heard(order_status("Cancelled", filled=1, remaining=5))
    assert login.buys() == 1
    login.book.heard(fill(1, 1, "1.01"))
    assert login.buys() == 1, "that one was counted"
    login.book.heard(fill(2, 3, "2.01"))
    login.book.heard(fill(1, 4, "3.01"))
    assert login.buys() == 4


def test_behind_an_end_that_counted_everything_no_fill_counts_again() -> None:
    login = Login(resting())
    login.book.unlisted(KEY)
    assert login.buys() == 6
    login.book.heard(fill(6, 6))
    assert login.buys() == 6


def test_a_fill_of_an_order_of_which_nothing_is_known_counts() -> None:
    login = Login()
    login.book.heard(fill(2, 5))
    assert login.buys() == 2


def test_an_order_of_ours_that_was_taken_for_gone_counts_as_soon_as_tws_shows_it() -> None:
    login = Login(resting())
    login.book.gone(KEY)
    assert login.buys() == 0
    login.book.heard(open_order(quantity=6))
    assert login.left() == [(D(6), D(0))]
    login.book.heard(order_status("Filled", filled=6, remaining=0))
    assert login.left() == [] and login.buys() == 6
    login.book.heard(open_order(quantity=6))
    assert login.left() == [], "how it was before its end"


@pytest.mark.parametrize(
    "shown",
    [
        open_order(quantity=6, client_id=7),
        open_order(quantity=6, what_if=True),
        msgspec.structs.replace(open_order(quantity=6), state=OrderState(status="PendingCancel")),
        msgspec.structs.replace(open_order(), order=Order(action="BUY", total_quantity=BLANK, client_id=1)),
    ],
)
def test_of_others_of_previews_and_of_what_does_not_say_how_much_the_readings_tell(shown: OpenOrder) -> None:
    login = Login()
    login.book.heard(shown)
    assert login.buys() == 0 and not login.desk.book.order_keys


def test_what_others_trade_is_not_counted_here_the_readings_have_it() -> None:
    login = Login()
    login.book.heard(fill(2, 2, client_id=7))
    assert login.buys() == 0 and login.fills == []


def test_the_answers_to_a_question_and_summaries_of_combinations_are_no_news() -> None:
    login = Login(resting())
    login.book.heard(msgspec.structs.replace(fill(2, 2), req_id=9))
    login.book.heard(fill(2, 2, contract=msgspec.structs.replace(ES, sec_type="BAG")))
    assert login.left() == [(D(6), D(0))] and login.fills == []


def test_an_execution_that_makes_no_sense_is_left_to_the_status_and_the_next_reading() -> None:
    login = Login(resting())
    login.book.heard(fill(2, 2, side="???"))
    assert login.left() == [(D(6), D(0))] and login.fills == []


def test_of_a_combination_each_leg_counts_its_own_executions_and_its_status_counts_none() -> None:
    login = Login(resting(), resting(OTHER))
    login.book.heard(order_status(filled=2, remaining=4))
    assert login.left() == [(D(6), D(0)), (D(6), D(0))]
    login.book.heard(fill(2, 2, contract=msgspec.structs.replace(ES, con_id=OTHER)))
    assert sorted(login.left()) == [(D(4), D(2)), (D(6), D(0))]
    assert (login.buys(), login.buys(OTHER)) == (6, 6)


@pytest.mark.parametrize(("filled", "counts"), [(1, 6), (0, 0)])
def test_a_combination_that_ends_filled_in_part_counts_as_filled_whole_in_every_leg(filled: int, counts: int) -> None:
    login = Login(resting(), resting(OTHER))
    login.book.heard(order_status("Cancelled", filled=filled, remaining=5))
    assert (login.buys(), login.buys(OTHER)) == (counts, counts)


def test_what_tws_was_asked_to_hold_is_not_shown_until_it_is_transmitted() -> None:
    login = Login(resting(untransmitted=True))
    login.book.heard(order_status("Inactive"))
    login.book.heard(open_order(quantity=6))
    assert login.desk.book.order(KEY)[0].untransmitted is False, "a list shows it as submitted"
    login = Login(resting(untransmitted=True))
    login.book.heard(order_status("PendingSubmit"))
    assert login.desk.book.order(KEY)[0].untransmitted is True


def test_the_total_that_tws_shows_is_what_the_order_is_for_unless_a_modify_of_it_is_under_way() -> None:
    login = Login(resting())
    login.book.heard(open_order(quantity=4))
    assert login.left() == [(D(4), D(0))]
    login.book.changing.add(KEY)
    login.book.heard(open_order(quantity=3))
    assert login.left() == [(D(4), D(0))], "TWS may still tell the original"
    login.book.changing.clear()
    login.book.heard(open_order(quantity=3))
    assert login.left() == [(D(3), D(0))]


def test_what_a_modify_wanted_to_be_bound_to_is_what_tws_says() -> None:
    login = Login(resting(rebound=True, parent=(1, 4), oca_group="mine", former=(1, 3)))
    login.book.heard(open_order(quantity=6, parent_id=2))
    (shown,) = login.desk.book.order(KEY)
    assert (shown.parent, shown.oca_group, shown.rebound, shown.former) == ((1, 2), "", False, None)


def test_a_modify_that_never_left_leaves_the_original_with_what_was_filled_meanwhile() -> None:
    login = Login(resting(quantity=6))
    before = login.desk.book.order(KEY)
    login.desk.book.sent(resting(quantity=9))
    login.book.heard(fill(2, 2))
    login.book.not_changed(KEY, before)
    assert login.left() == [(D(4), D(2))]
    login.book.gone(KEY)
    login.book.not_changed(KEY, before)
    assert login.left() == [], "it has ended"


def test_readings_that_failed_and_lost_connections_leave_nothing_known() -> None:
    for lose in (
        lambda login: login.book.positions_read(Unknown("asked in vain"), login.book.mark()),
        lambda login: login.book.orders_read(Unknown("asked in vain"), login.book.mark()),
        lambda login: login.book.doubt("asked in vain"),
    ):
        login = Login(resting())
        lose(login)
        assert login.desk.book.positions == login.desk.book.orders == Unknown("asked in vain")
        assert login.buys() == 6, "what was sent counts all the same"


def test_of_ended_orders_and_executions_no_more_is_remembered_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.trading.login_book.REMEMBERED_MAX", 2)
    login = Login()
    for number in range(1, 5):
        login.desk.book.sent(resting(key=(1, number)))
        login.book.heard(fill(1, 1, f"{number}.01", order_id=number))
        login.book.gone((1, number))
    assert len(login.book._counted) == len(login.book._executions) == 2
    assert REMEMBERED_MAX > 2
