"""An order that nobody has answered may be live: no other like it is sent until somebody says what became of it."""

from __future__ import annotations

import pytest

from core.preflight.world import CALL, ES, FREE, MES, NOW, PUT, D, desk, order, sell
from engine.core.exposure import Resting, Side
from engine.core.preflight.desk import Preflight
from engine.core.preflight.intent import Intent, Leg, Special
from engine.core.preflight.settings import SECOND_NS, Settings
from engine.core.preflight.verdict import PASS, Code, Failure
from engine.core.restrictions import Cause

KEY = (1, 7)
LATER = NOW + 60 * SECOND_NS
SENT = Resting(key=KEY, account="DU1", con_id=ES, side=Side.BUY, remaining=D(2))


def doubting(intent: Intent, positions: dict[int, int] | None = None) -> Preflight:
    """It was sent, and has not been answered for a while."""
    made = desk(Settings(), positions=positions)
    assert made.judge(intent, FREE, NOW).passed
    made.passed(intent, KEY, NOW)
    made.unconfirmed(intent, KEY)
    return made


def test_another_like_it_is_refused_at_whatever_price_by_both_ways() -> None:
    made = doubting(order(ES, 2, limit=100))
    for again in (order(ES, 2, limit=100), order(ES, 2, limit=99), order(ES, 2)):
        for _ in range(2):  # the second time its lane is there
            assert made.judge(again, FREE, LATER).failures == (Failure(Code.UNCONFIRMED, 7, None),)
        assert made.explain(again, FREE, LATER).codes == (Code.UNCONFIRMED,)


@pytest.mark.parametrize(
    "other", [order(ES, 1), sell(ES, 2), order(MES, 2)], ids=["of another size", "on the other side", "in another"]
)
def test_what_is_not_like_it_passes(other: Intent) -> None:
    assert doubting(order(ES, 2)).judge(other, FREE, LATER) == PASS


def test_of_another_account_it_is_another_order() -> None:
    made = doubting(order(ES, 2))
    made.accounts = ("DU1", "DU2")
    assert made.judge(order(ES, 2, account="DU2"), FREE, LATER) == PASS


def test_a_combination_is_like_another_by_its_legs() -> None:
    one, two = (
        Intent("DU1", 9, "BAG", "SPY", Side.BUY, D(1), "LMT", D(1), special=Special(legs=(Leg(leg, 1, Side.BUY),)))
        for leg in (CALL, PUT)
    )
    made = doubting(one)
    assert made.judge(one, FREE, LATER).codes == (Code.UNCONFIRMED,)
    assert made.judge(two, FREE, LATER) == PASS


def test_what_only_reduces_is_held_back_by_the_position_alone() -> None:
    made = doubting(sell(ES, 2), positions={ES: 5})
    assert made.judge(sell(ES, 2), FREE, LATER) == PASS


def test_a_preview_and_a_modify_are_no_second_order() -> None:
    made = doubting(order(ES, 2, limit=100))
    assert made.judge(order(ES, 2, special=Special(what_if=True)), FREE, LATER) == PASS
    modify, modified = order(ES, 2, limit=99, special=Special(modifies=KEY)), desk()
    modified.book.working(SENT)
    modified.passed(modify, KEY, LATER)
    modified.unconfirmed(modify, KEY)
    assert modified.judge(order(ES, 2, limit=98), FREE, LATER + 2 * SECOND_NS) == PASS


def test_it_is_over_when_the_broker_shows_it_or_its_end() -> None:
    shown, gone, filled = (doubting(order(ES, 2)) for _ in range(3))
    shown.book.working(SENT)
    gone.book.ended(KEY, filled=False)
    filled.book.ended(KEY, filled=True)
    for made in (shown, gone, filled):
        assert made.judge(order(ES, 2), FREE, LATER) == PASS


def test_a_reading_without_it_and_a_lost_link_settle_nothing() -> None:
    made = doubting(order(ES, 2))
    made.book.lost("the link")
    made.book.read_positions((), made.book.mark(), LATER)
    made.book.read_orders((), made.book.mark(), LATER)
    assert made.judge(order(ES, 2), FREE, LATER).codes == (Code.UNCONFIRMED,)


def test_one_that_was_answered_in_time_holds_up_nothing() -> None:
    made = desk()
    made.passed(order(ES, 2), KEY, NOW)
    made.book.working(SENT)
    made.unconfirmed(order(ES, 2), KEY)
    made.unconfirmed(order(ES, 2), (1, 8))  # never heard of
    assert made.judge(order(ES, 2), FREE, LATER) == PASS


def test_of_two_that_nobody_answers_either_holds_back_its_like() -> None:
    made = doubting(order(ES, 2))
    made.passed(order(ES, 1), (1, 8), NOW)
    made.unconfirmed(order(ES, 1), (1, 8))
    assert made.judge(order(ES, 1), FREE, LATER).failures == (Failure(Code.UNCONFIRMED, 8, None),)
    made.book.working(SENT)
    assert made.judge(order(ES, 1), FREE, LATER).failures == (Failure(Code.UNCONFIRMED, 8, None),)


def test_a_program_that_insists_is_halted() -> None:
    made, causes = doubting(order(ES, 2)), []
    for n in range(3):
        at_ns = LATER + n * SECOND_NS
        causes.append(made.refused(made.judge(order(ES, 2), FREE, at_ns), at_ns))
    assert causes == [None, None, Cause.ORDER_RATE]
