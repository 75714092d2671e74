"""When the next global cancel is due: patience with what stays, none with what has just come."""

from __future__ import annotations

from core.kill.builders import ES, MS, Say, order
from engine.core.facts import WorkingOrder
from engine.core.kill.cancels.repeating import Repeating
from engine.core.kill.commands import GlobalCancel
from engine.core.kill.settings import KillSettings

STAYS = order(ES, "BUY", 1, perm_id=1)


def repeating() -> Repeating:
    made = Repeating(KillSettings())
    made.sent(0)
    return made


def new(number: int) -> WorkingOrder:
    return order(ES, "BUY", 1, perm_id=1000 + number)


def cancelled_at(made: Repeating, *orders: WorkingOrder, begin_ms: int, end_ms: int, closes: bool = False) -> list[int]:
    """With a look every 10 ms that shows these orders."""
    return [
        ms
        for ms in range(begin_ms, end_ms, 10)
        if GlobalCancel() in made.looked(list(orders), ms * MS, spare=False, closes=closes)
    ]


def test_orders_that_stay_are_cancelled_again_ever_more_patiently() -> None:
    assert cancelled_at(repeating(), STAYS, begin_ms=10, end_ms=40_000) == [
        1000,
        3000,
        7000,
        15_000,
        23_000,
        31_000,
        39_000,
    ]


def test_an_order_that_has_come_since_is_cancelled_at_once_however_often_that_happens() -> None:
    made = repeating()
    cancelled_at(made, STAYS, begin_ms=10, end_ms=8000)  # has become patient
    for number in range(50):
        begin_ms = 8000 + number * 200
        assert cancelled_at(made, STAYS, new(number), begin_ms=begin_ms, end_ms=begin_ms + 200) == [begin_ms]


def test_two_cancels_have_a_little_time_between_them() -> None:
    made = repeating()
    cancelled_at(made, begin_ms=10, end_ms=20)
    at = [ms for ms in range(20, 1000, 10) if cancelled_at(made, new(ms), begin_ms=ms, end_ms=ms + 10)]
    assert at == list(range(100, 1000, 100))


def test_what_the_first_look_behind_a_cancel_shows_was_there_already() -> None:
    made = repeating()
    assert cancelled_at(made, STAYS, new(1), begin_ms=200, end_ms=1000) == []
    made.sent(1000 * MS)  # connected again
    assert cancelled_at(made, new(2), begin_ms=1200, end_ms=2000) == []


def test_when_what_stayed_is_gone_its_patience_is_forgotten() -> None:
    made = repeating()
    cancelled_at(made, STAYS, begin_ms=10, end_ms=8000)
    cancelled_at(made, begin_ms=8000, end_ms=8010)
    assert cancelled_at(made, new(1), begin_ms=8010, end_ms=10_000) == [8010, 9010]


def test_while_closing_orders_of_our_own_are_at_work_new_orders_wait_a_little_and_ever_longer() -> None:
    made = repeating()
    cancelled_at(made, begin_ms=10, end_ms=20)
    at = [ms for ms in range(20, 20_000, 10) if cancelled_at(made, new(ms), begin_ms=ms, end_ms=ms + 10, closes=True)]
    assert at == [1000, 3000, 7000, 15_000]
    assert cancelled_at(made, new(1), begin_ms=20_000, end_ms=20_010) == [20_000]
    assert cancelled_at(made, new(2), begin_ms=20_010, end_ms=22_000, closes=True) == [21_000]


def test_where_another_kill_repeats_the_cancel_itself_new_orders_are_its_business_first() -> None:
    made = repeating()
    made.looked([], 10 * MS, spare=True, closes=True)
    at = [ms for ms in range(100, 6000, 100) if made.looked([new(1)], ms * MS, spare=True, closes=True)]
    assert at == [5000]


def test_what_is_being_cancelled_already_is_not_cancelled_at_once() -> None:
    made = repeating()
    cancelled_at(made, begin_ms=10, end_ms=20)
    going = order(ES, "BUY", 1, perm_id=1001, status="PendingCancel")
    assert cancelled_at(made, going, begin_ms=200, end_ms=2000) == [1000]


def test_it_is_told_how_many_have_come_but_not_each_time() -> None:
    made = repeating()
    cancelled_at(made, begin_ms=10, end_ms=20)
    said = [
        (number, command.text)
        for number in range(1, 100)
        for command in made.looked([STAYS, new(number)], number * 200 * MS, spare=False, closes=False)
        if isinstance(command, Say)
    ]
    assert [number for number, _ in said] == [1, 26, 51, 76]
    assert said[0][1] == "2 orders came behind the global cancel: another one, whenever some come"
    assert said[1][1].startswith("1 order came")


def test_while_orders_keep_coming_it_is_told_now_and_then_that_all_are_gone() -> None:
    made = repeating()
    assert [ms for ms in range(0, 11_000, 500) if made.gone_is_news(ms * MS)] == [0, 5000, 10_000]


def test_what_came_behind_a_cancel_is_told_with_its_number() -> None:
    made = repeating()
    made.looked([], 10 * MS, spare=False, closes=False)
    said = made.looked([new(1), new(2)], 200 * MS, spare=False, closes=False)
    assert said == [
        Say("cancel_new", "2 orders came behind the global cancel: another one, whenever some come"),
        GlobalCancel(),
    ]
