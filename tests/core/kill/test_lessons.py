"""What each objection of the broker changes in the next order, and when a contract is left to a person."""

from __future__ import annotations

import msgspec
import pytest

from core.kill.builders import ES, D, OrderType, Place, stock
from engine.core.contracts import Contract
from engine.core.kill.closes.lessons import Lessons
from engine.core.kill.closes.reactions import Effect, Reaction, Remedy
from engine.core.kill.closes.routing import LEVEL_MAX, LEVEL_MIN
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


def priced() -> Place:
    return msgspec.structs.replace(sent(), order_type=OrderType.LIMIT, limit_price=D("99.5"))


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


def test_a_market_order_that_is_refused_twice_for_no_known_reason_becomes_a_limit_where_a_quote_gives_one() -> None:
    lessons = learn(Lessons(SETTINGS), Remedy.OTHERWISE)
    assert not lessons.wants_limit
    learn(lessons, Remedy.OTHERWISE)
    assert lessons.wants_limit and not lessons.market_refused  # without a quote: a market order again


@pytest.mark.parametrize(
    ("remedy", "place"), [(Remedy.LATER, sent()), (Remedy.OTHERWISE, priced())], ids=["later", "priced"]
)
def test_what_a_price_would_not_mend_makes_no_limit(remedy: Remedy, place: Place) -> None:
    lessons = Lessons(SETTINGS)
    for _ in range(3):
        learn(lessons, remedy, place=place)
    assert not lessons.wants_limit


def test_a_refusal_that_nobody_has_a_remedy_for_may_pass_and_is_tried_on() -> None:
    lessons = Lessons(SETTINGS)
    for _ in range(20):
        learn(lessons, Remedy.OTHERWISE)
    assert not lessons.given_up


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


@pytest.mark.parametrize("remedy", [Remedy.LIMIT, Remedy.NEARER])
def test_a_refused_market_order_becomes_a_limit(remedy: Remedy) -> None:
    lessons = taught(remedy)
    assert (lessons.market_refused, lessons.level, lessons.level_max) == (True, 0, LEVEL_MAX)


def test_a_market_order_that_finds_a_thin_market_becomes_a_limit_where_it_can_be_priced_and_is_never_given_up() -> None:
    lessons = taught(Remedy.THIN)
    assert lessons.wants_limit and not lessons.market_refused
    for _ in range(20):
        learn(lessons, Remedy.THIN)
    assert not lessons.given_up


def test_a_limit_that_finds_a_thin_market_comes_nearer_and_is_given_up_as_any() -> None:
    lessons = Lessons(SETTINGS, level=2)
    for _ in range(8):
        learn(lessons, Remedy.THIN, place=priced())
    assert (lessons.level, lessons.given_up) == (LEVEL_MIN, True)


def test_a_limit_too_far_through_the_market_comes_nearer_each_time_and_never_goes_so_far_again() -> None:
    """Going further, as for a limit that nobody takes, would be refused for ever."""
    lessons = Lessons(SETTINGS, level=2)
    levels = []
    for _ in range(8):
        learn(lessons, Remedy.NEARER, place=priced())
        levels.append((lessons.level, lessons.further()))
    assert levels[:4] == [(1, 1), (0, 0), (-1, -1), (-2, -2)]
    assert levels[-1] == (LEVEL_MIN, LEVEL_MIN) and lessons.given_up


def test_a_limit_that_nobody_takes_goes_further_up_to_the_last_level() -> None:
    lessons = Lessons(SETTINGS)
    assert lessons.further() == 1
    lessons.level = LEVEL_MAX
    assert lessons.further() == LEVEL_MAX


def test_a_capped_price_is_as_far_as_it_goes() -> None:
    lessons = Lessons(SETTINGS, level=1)
    lessons.no_further()
    assert (lessons.further(), lessons.level_max) == (1, 1)
    lessons.level = 2
    lessons.no_further()
    assert lessons.level_max == 1


def test_a_size_that_does_not_conform_is_cut_to_size_steps_first_and_halved_then() -> None:
    lessons = taught(Remedy.LOT)
    assert (lessons.lot, lessons.size_max, lessons.given_up) == (True, None, False)
    learn(lessons, Remedy.LOT)
    assert lessons.size_max == 4


@pytest.mark.parametrize(("refused", "idle"), [(True, False), (False, True), (True, True), (False, False)])
def test_a_limit_is_wanted_after_a_refused_or_an_idle_market_order(refused: bool, idle: bool) -> None:
    assert Lessons(SETTINGS, market_refused=refused, market_idle=idle).wants_limit is (refused or idle)


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
    assert taught(Remedy.NEARER, ResidueReason.MARKET_CLOSED).given_up


def test_a_stock_gets_a_limit_order_outside_regular_hours_before_it_is_given_up() -> None:
    lessons = taught(Remedy.NEARER, ResidueReason.MARKET_CLOSED, sent(stock()))
    assert not lessons.given_up and lessons.market_refused
    learn(lessons, Remedy.NEARER, ResidueReason.MARKET_CLOSED, sent(stock(), outside_rth=True))
    assert lessons.given_up


def test_success_forgets_the_objection_but_not_the_lesson() -> None:
    lessons = taught(Remedy.NEARER)
    lessons.succeeded()
    assert (lessons.reason, lessons.detail, lessons.tries, lessons.market_refused) == (None, "", 0, True)


def test_left_to_a_person() -> None:
    lessons = Lessons(SETTINGS)
    lessons.leave(ResidueReason.NO_BID, "no bid")
    assert (lessons.given_up, lessons.reason, lessons.detail) == (True, ResidueReason.NO_BID, "no bid")


def test_when_something_else_has_filled_a_refused_order_may_go_at_once() -> None:
    lessons = taught(Remedy.LATER)
    lessons.others_filled(100 * MS)
    assert (lessons.not_before_ns, lessons.tries) == (100 * MS, 1)  # and keeps the tries it has left
    lessons.others_filled(200 * MS)
    assert lessons.not_before_ns == 100 * MS


def test_a_contract_given_up_for_refusals_gets_one_more_try_when_something_else_has_filled() -> None:
    lessons = Lessons(SETTINGS)
    for _ in range(6):
        learn(lessons, Remedy.LATER)
    lessons.others_filled(0)
    assert not lessons.given_up
    assert lessons.tries == 5
    learn(lessons, Remedy.LATER)
    assert lessons.given_up


def test_other_reasons_have_nothing_to_do_with_what_else_fills() -> None:
    lessons = taught(Remedy.GIVE_UP, ResidueReason.EXPIRED)
    lessons.others_filled(0)
    assert lessons.given_up and lessons.not_before_ns > 0


def test_after_progress_no_try_is_used_up() -> None:
    lessons = taught(Remedy.LATER)
    lessons.progress()
    assert lessons.tries == 0


def test_before_anybody_has_said_so_no_hours_are_over() -> None:
    assert Lessons(SETTINGS).hours_over is False
