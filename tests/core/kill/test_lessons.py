"""What each objection of the broker changes in the next order, and when a contract is left to a person."""

from __future__ import annotations

import pytest

from core.kill.builders import ES, D, OrderType, Place, stock
from engine.core.contracts import Contract
from engine.core.kill.lessons import Lessons
from engine.core.kill.reactions import Effect, Reaction, Remedy
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import MS, SECOND, KillSettings

SETTINGS = KillSettings(retry_first_ns=500 * MS, tries_max=6)


def sent(contract: Contract = ES, quantity: str = "8", *, outside_rth: bool = False) -> Place:
    return Place(
        key=1,
        account="DU1",
        contract=contract,
        action="SELL",
        quantity=D(quantity),
        order_type=OrderType.MARKET,
        outside_rth=outside_rth,
    )


def taught(remedy: Remedy, reason: ResidueReason = ResidueReason.REJECTED, place: Place | None = None) -> Lessons:
    return learn(Lessons(SETTINGS), remedy, reason, place)


def learn(
    lessons: Lessons,
    remedy: Remedy,
    reason: ResidueReason = ResidueReason.REJECTED,
    place: Place | None = None,
    now_ns: int = 0,
) -> Lessons:
    reaction = Reaction(Effect.SUSPECT, remedy, reason)
    lessons.objection(reaction, 201, "Order rejected")
    lessons.learn(reaction, place or sent(), now_ns)
    return lessons


def test_the_brokers_words_are_kept() -> None:
    lessons = taught(Remedy.LATER)
    assert (lessons.reason, lessons.detail) == (ResidueReason.REJECTED, "201: Order rejected")


def test_without_a_remedy_only_a_pause() -> None:
    lessons = taught(Remedy.NONE)
    assert (lessons.tries, lessons.not_before_ns, lessons.given_up) == (0, 500 * MS, False)


def test_later_means_the_same_again_after_ever_longer_pauses() -> None:
    lessons, waits = Lessons(SETTINGS), []
    for _ in range(6):
        learn(lessons, Remedy.LATER, now_ns=SECOND)
        waits.append((lessons.not_before_ns - SECOND) // MS)
    assert waits == [500, 1000, 2000, 4000, 8000, 8000]
    assert not lessons.market_refused


def test_so_many_refusals_without_progress_and_it_is_left_to_a_person() -> None:
    lessons = Lessons(SETTINGS)
    for tried in range(1, 7):
        learn(lessons, Remedy.LATER)
        assert lessons.given_up is (tried == 6)


def test_progress_gives_new_tries() -> None:
    lessons = Lessons(SETTINGS)
    for _ in range(20):
        learn(lessons, Remedy.LATER)
        lessons.progress()
    assert not lessons.given_up


@pytest.mark.parametrize("reason", [ResidueReason.HALTED, ResidueReason.READ_ONLY])
@pytest.mark.parametrize("remedy", [Remedy.LATER, Remedy.GIVE_UP])
def test_what_may_pass_is_tried_until_the_deadline(reason: ResidueReason, remedy: Remedy) -> None:
    lessons = Lessons(SETTINGS)
    for _ in range(20):
        learn(lessons, remedy, reason)
    assert not lessons.given_up


def test_what_only_a_person_can_do_is_given_up_at_once() -> None:
    assert taught(Remedy.GIVE_UP, ResidueReason.EXPIRED).given_up


def test_a_refused_fraction_is_cut_to_whole_units_and_a_refused_whole_is_given_up() -> None:
    lessons = taught(Remedy.WHOLE, ResidueReason.FRACTIONAL, sent(quantity="2.5"))
    assert lessons.whole and not lessons.given_up
    learn(lessons, Remedy.WHOLE, ResidueReason.FRACTIONAL, sent(quantity="2"))
    assert lessons.given_up


def test_a_refused_market_order_becomes_a_limit_and_a_refused_limit_goes_further() -> None:
    lessons = taught(Remedy.REPRICE)
    assert (lessons.market_refused, lessons.level) == (True, 0)
    learn(lessons, Remedy.REPRICE)
    assert (lessons.market_refused, lessons.level) == (True, 1)


def test_a_refused_price_needs_a_coarser_grid() -> None:
    lessons = taught(Remedy.COARSER)
    assert (lessons.coarser, lessons.market_refused) == (1, False)


def test_a_refused_size_is_halved_and_costs_no_try_while_it_shrinks() -> None:
    lessons = Lessons(SETTINGS)
    sizes = []
    for quantity in ("9", "5", "3", "2", "1"):
        learn(lessons, Remedy.SMALLER, place=sent(quantity=quantity))
        sizes.append((lessons.size_max, lessons.tries))
    assert sizes == [(5, 0), (3, 0), (2, 0), (1, 0), (1, 1)]


def test_a_contract_that_is_not_found_is_asked_for_alone() -> None:
    lessons = taught(Remedy.REROUTE, ResidueReason.UNRESOLVED)
    assert lessons.alone and lessons.ask_alone


def test_a_closed_market_is_final_for_what_has_no_extended_hours() -> None:
    assert taught(Remedy.REPRICE, ResidueReason.MARKET_CLOSED).given_up


def test_a_stock_gets_a_limit_order_outside_regular_hours_before_it_is_given_up() -> None:
    lessons = taught(Remedy.REPRICE, ResidueReason.MARKET_CLOSED, sent(stock()))
    assert not lessons.given_up and lessons.market_refused
    learn(lessons, Remedy.REPRICE, ResidueReason.MARKET_CLOSED, sent(stock(), outside_rth=True))
    assert lessons.given_up


def test_success_forgets_the_objection_but_not_the_lesson() -> None:
    lessons = taught(Remedy.REPRICE)
    lessons.succeeded()
    assert (lessons.reason, lessons.detail, lessons.tries, lessons.market_refused) == (None, "", 0, True)


def test_left_to_a_person() -> None:
    lessons = Lessons(SETTINGS)
    lessons.leave(ResidueReason.NO_BID, "no bid")
    assert (lessons.given_up, lessons.reason, lessons.detail) == (True, ResidueReason.NO_BID, "no bid")


def test_when_something_else_has_filled_a_refused_order_may_go_at_once() -> None:
    lessons = taught(Remedy.LATER)
    lessons.others_filled(100 * MS)
    assert lessons.not_before_ns == 100 * MS
    lessons.others_filled(200 * MS)
    assert lessons.not_before_ns == 100 * MS


def test_a_contract_given_up_for_refusals_gets_one_more_try_when_something_else_has_filled() -> None:
    lessons = Lessons(SETTINGS)
    for _ in range(6):
        learn(lessons, Remedy.LATER)
    lessons.others_filled(0)
    assert not lessons.given_up
    learn(lessons, Remedy.LATER)
    assert lessons.given_up


def test_other_reasons_have_nothing_to_do_with_what_else_fills() -> None:
    lessons = taught(Remedy.GIVE_UP, ResidueReason.EXPIRED)
    lessons.others_filled(0)
    assert lessons.given_up and lessons.not_before_ns > 0
