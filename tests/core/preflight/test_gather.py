"""What an order would be while it works: exactly what it says, leg by leg."""

from __future__ import annotations

import msgspec

from core.preflight.world import CALL, ES, FREE, NOW, PUT, SPY, D, desk, order, price, sell
from engine.core.exposure import OrderKey, Resting, Side
from engine.core.preflight.gather import NEW_ORDER, resting_orders
from engine.core.preflight.intent import Intent, Leg, Special
from engine.core.preflight.settings import DEFAULTS
from engine.core.products import Product

KEY: OrderKey = (1, 7)
PLAIN = Resting(
    key=KEY, account="DU1", con_id=ES, side=Side.SELL, remaining=D(3), product=Product.FUTURES, order_type="MKT"
)


def of(intent: Intent, *replaced: Resting, listed: bool = True) -> tuple[Resting, ...]:
    return resting_orders(intent, KEY, desk(listed=listed).terms, DEFAULTS, replaced, NOW)


def test_a_plain_order_is_one_order() -> None:
    assert of(sell(ES, 3)) == (PLAIN,)
    assert of(sell(ES, 3), listed=False) == (PLAIN,)
    assert of(sell(ES, 3, special=Special())) == (PLAIN,)


def test_its_bonds_to_others_are_kept() -> None:
    special = Special(parent=(1, 3), oca_group="g", oca_type=2)
    assert of(sell(ES, 3, special=special)) == (
        msgspec.structs.replace(PLAIN, parent=(1, 3), oca_group="g", oca_type=2),
    )


def test_one_that_tws_is_asked_to_hold_is_known_for_it() -> None:
    """Else a halt between the legs of a bracket would not see that an exit transmits its entry."""
    assert of(sell(ES, 3, special=Special(untransmitted=True))) == (msgspec.structs.replace(PLAIN, untransmitted=True),)


def test_of_a_modify_what_is_filled_no_longer_counts() -> None:
    assert of(sell(ES, 3), msgspec.structs.replace(PLAIN, filled=D(2)))[0].remaining == 1
    assert of(sell(ES, 3), msgspec.structs.replace(PLAIN, filled=D(5)))[0].remaining == 0


def test_a_combination_is_an_order_in_each_leg_and_a_sold_one_turns_them_round() -> None:
    special = Special(legs=(Leg(CALL, 1, Side.BUY), Leg(99, 2, Side.SELL)))
    bag = Intent("DU1", 9, "BAG", "SPY", Side.BUY, D(3), "LMT", D(1), special=special)
    long, unknown = of(bag)
    assert (long.con_id, long.side, long.remaining, long.product) == (CALL, Side.BUY, 3, Product.OPTIONS)
    assert (unknown.con_id, unknown.side, unknown.remaining, unknown.product) == (99, Side.SELL, 6, None)
    assert [one.side for one in of(msgspec.structs.replace(bag, side=Side.SELL))] == [Side.SELL, Side.BUY]
    assert of(bag, msgspec.structs.replace(long, filled=D(2)), unknown)[0].remaining == 3
    assert of(msgspec.structs.replace(bag, special=None)) == ()


def test_an_order_whose_size_makes_no_sense_is_none() -> None:
    assert of(sell(ES, 0)) == ()


def test_the_smallest_amount_of_money_is_one_unit() -> None:
    made = desk()
    price(made, SPY, "100")
    assert made.judge(order(SPY, 0, special=Special(cash_qty=D("0.5"))), FREE, NOW).passed
    assert [
        one.change.quantity for one in made.facts(order(SPY, 0, special=Special(cash_qty=D("0.5"))), FREE, NOW).touched
    ] == [1]


def test_no_order_has_the_key_that_stands_for_a_new_one() -> None:
    assert NEW_ORDER[0] < -1


def test_a_leg_is_held_against_the_terms_of_its_own() -> None:
    made = desk(positions={PUT: 1})
    special = Special(legs=(Leg(CALL, 1, Side.BUY), Leg(PUT, 1, Side.SELL)))
    facts = made.facts(Intent("DU1", 9, "BAG", "SPY", Side.BUY, D(3), "MKT", special=special), FREE, NOW)
    assert [(one.con_id, one.total, one.unit) for one in facts.touched] == [(CALL, 1, 60_000), (PUT, 1, 50_000)]
    assert facts.listing is None
