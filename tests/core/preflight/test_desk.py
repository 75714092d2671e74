"""What the desk of the pre-flight is told changes its very next answer, in whatever order it is told."""

from __future__ import annotations

import msgspec
import pytest

from core.preflight.world import (
    BY_ID,
    CALL,
    ES,
    FREE,
    HALTED,
    MES,
    NOK,
    NOW,
    SHUT_DOWN,
    SPY,
    D,
    desk,
    order,
    price,
    restricted,
    sell,
)
from engine.core.exposure import Resting, Side
from engine.core.preflight.facts import Pace
from engine.core.preflight.intent import Intent, Special
from engine.core.preflight.settings import Settings
from engine.core.preflight.verdict import PASS, Code
from engine.core.products import Product
from engine.core.restrictions import Kind, State


def test_a_contract_that_is_listed_after_its_price_is_counted_in_money_at_once() -> None:
    made = desk(Settings(account_notional=D(50_000)), positions={SPY: 400}, listed=False)
    price(made, SPY, "100")
    assert Code.NOTIONAL_UNKNOWN in made.judge(order(SPY, 100), FREE, NOW).codes
    made.list_contract(BY_ID[SPY])
    assert made.judge(order(SPY, 100), FREE, NOW) == PASS
    assert made.judge(order(SPY, 101), FREE, NOW).codes == (Code.ACCOUNT_NOTIONAL,)


def test_another_rate_changes_what_every_position_in_its_currency_is_worth() -> None:
    made = desk(Settings(account_notional=D(40_000)), positions={NOK: 1})
    price(made, NOK, "1000")
    made.rate("NOK", D("0.2"))
    assert made.judge(order(NOK, 1), FREE, NOW) == PASS
    made.rate("NOK", D("0.21"))
    assert made.judge(order(MES, 1), FREE, NOW).codes == (Code.NOTIONAL_UNKNOWN,)  # it has no price itself
    assert made.judge(order(NOK, 1), FREE, NOW).codes == (Code.ACCOUNT_NOTIONAL,)
    made.rate("NOK", D("0.2"))
    assert made.judge(order(NOK, 1), FREE, NOW) == PASS


def test_an_order_that_is_looked_at_again_is_not_held_against_its_own_message() -> None:
    made, sent = desk(), order(ES, 1, limit="6000")
    made.passed(sent, (1, 7), NOW)
    assert made.facts(sent, FREE, NOW).pace.in_second == 1
    again = made.facts(sent, FREE, NOW, paced=False)
    assert again.pace == Pace() and again.touched == made.facts(sent, FREE, NOW).touched


def test_a_modify_may_look_like_an_order_that_nobody_has_answered() -> None:
    made = desk()
    lost = order(ES, 3, limit="6000")
    made.passed(lost, (1, 7), NOW)
    made.unconfirmed(lost, (1, 7))
    works = Resting(
        key=(1, 8), account="DU1", con_id=ES, side=Side.BUY, remaining=D(1), product=Product.FUTURES, order_type="LMT"
    )
    made.book.working(works)
    later_ns = NOW + 2 * 10**9
    assert made.judge(lost, FREE, later_ns).codes == (Code.UNCONFIRMED,)
    modify = msgspec.structs.replace(lost, special=Special(modifies=(1, 8)))
    assert made.judge(modify, FREE, later_ns) == PASS


@pytest.mark.parametrize(
    ("intent", "state", "code"),
    [
        (order(ES, 11, limit="100.1"), HALTED, Code.HALTED),
        (order(SPY, 1, limit="100.001"), restricted(Kind.REDUCE_ONLY), Code.HALTED),
        (sell(ES, 1, limit="100.1"), SHUT_DOWN, Code.SHUT_DOWN),
        (order(ES, 1, limit="100.1"), SHUT_DOWN, Code.SHUT_DOWN),
    ],
)
def test_what_a_restriction_refuses_anyhow_is_told_nothing_else(intent: Intent, state: State, code: Code) -> None:
    assert desk(positions={ES: 3}).judge(intent, state, NOW).codes == (code,)


@pytest.mark.parametrize("intent", [order(ES, 1, limit="100.1"), sell(ES, 1, limit="100.1")])
def test_a_position_that_was_closed_is_opened_by_either_side(intent: Intent) -> None:
    made = desk()
    made.book.working(
        Resting(
            key=(1, 8), account="DU1", con_id=ES, side=Side.BUY, remaining=D(1), product=Product.FUTURES,
            order_type="LMT",
        )
    )  # fmt: skip
    assert made.book.spots["DU1", ES].position == 0
    assert made.judge(intent, HALTED, NOW).codes == (Code.HALTED,)


@pytest.mark.parametrize(("position", "intent"), [(1, sell(ES, 1)), (-1, order(ES, 1))])
def test_the_last_contract_of_a_position_can_be_closed_under_a_halt(position: int, intent: Intent) -> None:
    assert desk(positions={ES: position}).judge(intent, HALTED, NOW) == PASS


@pytest.mark.parametrize(("con_id", "limit"), [(ES, 10), (CALL, 50)])
def test_an_order_that_was_pledged_counts_at_once_for_the_quick_way_and_is_free_again_if_it_never_left(
    con_id: int, limit: int
) -> None:
    made, one = desk(), order(con_id, 1, limit="100")
    price(made, con_id, "100")
    assert made.clears(one, FREE, NOW)
    pledged = order(con_id, limit, limit="100")
    total = made.pledge(pledged, NOW)
    assert not made.clears(one, FREE, NOW)
    made.redeem(pledged, None, total, NOW)
    assert made.clears(one, FREE, NOW)
    assert not made.book.holds((1, 7))


def test_an_order_that_was_redeemed_has_its_place_in_the_book_and_counts_once() -> None:
    made, sent = desk(), order(ES, 6, limit="6000")
    price(made, ES, "6000")
    total = made.pledge(sent, NOW)
    made.redeem(sent, (1, 7), total, NOW)
    assert made.book.holds((1, 7))
    assert made.judge(order(ES, 4, limit="6000"), FREE, NOW) == PASS
    assert made.judge(order(ES, 5, limit="6000"), FREE, NOW).codes == (Code.MAX_CONTRACTS,)


def test_a_pledge_is_counted_as_one_message() -> None:
    made, sent = desk(), order(ES, 1, limit="6000")
    made.redeem(sent, (1, 7), made.pledge(sent, NOW), NOW)
    assert made.facts(sent, FREE, NOW).pace.in_second == 1


def test_a_pledge_of_a_contract_that_is_not_listed_counts_by_its_kind() -> None:
    made, sent = desk(listed=False), order(ES, 10, limit="6000")
    made.pledge(sent, NOW)
    made.list_contract(BY_ID[ES])
    price(made, ES, "6000")
    assert not made.clears(order(ES, 1, limit="6000"), FREE, NOW)


@pytest.mark.parametrize("state", [HALTED, SHUT_DOWN, restricted(Kind.REDUCE_ONLY)])
def test_the_quick_way_is_closed_by_every_restriction(state: State) -> None:
    made = desk(positions={ES: 3})
    price(made, ES, "6000")
    assert made.clears(sell(ES, 1, limit="6000"), FREE, NOW)
    assert not made.clears(sell(ES, 1, limit="6000"), state, NOW)
