"""Random orders of every family the protocol has a shape for.

A family is what makes placeOrder longer or shorter: legs, conditions, an algorithm, a hedge. Within a family every
other field is filled at random, because the wire does not know which combinations make sense to a trader.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from conformance.names import (
    FROM_BROKER_ONLY,
    IB_INSYNC,
    IBAPI_9,
    STOQEY,
    WHOLE_QUANTITY_UNTIL,
    Client,
    Family,
    carried,
)
from conformance.samples import Dice
from engine.core.contracts import ComboLeg, Contract, DeltaNeutral
from engine.core.units import BLANK
from engine.wire.order import (
    Condition,
    ExecutionCondition,
    MarginCondition,
    Order,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from engine.wire.requests import PlaceOrder

Fields = dict[str, Any]
Shape = Callable[[Dice, Fields, Fields], None]

# Set by the families alone, because they decide which fields follow.
_SHAPING = frozenset(
    {
        "conditions",
        "order_combo_leg_prices",
        "smart_combo_routing_params",
        "algo_strategy",
        "algo_params",
        "hedge_type",
        "delta_neutral_order_type",
        "scale_price_increment",
        "order_type",
        "misc_options",
        "total_quantity",
        "compete_against_best_offset",
    }
)


def _volatility(dice: Dice, order: Fields, contract: Fields) -> None:
    order["order_type"] = dice.choice(("VOL", "VOLAT"))
    order["volatility"] = dice.number()


def _delta_neutral_order(dice: Dice, order: Fields, contract: Fields) -> None:
    _volatility(dice, order, contract)
    order["delta_neutral_order_type"] = dice.choice(("MKT", "LMT", "None"))


def _scale(dice: Dice, order: Fields, contract: Fields) -> None:
    order["scale_price_increment"] = dice.choice((Decimal("0.01"), Decimal("2.5"), Decimal(1)))


def _scale_without_increment(dice: Dice, order: Fields, contract: Fields) -> None:
    """The further scale fields must not be sent."""
    order["scale_price_increment"] = dice.choice((Decimal(0), Decimal("0.0"), Decimal(-1), BLANK))


def _hedge(dice: Dice, order: Fields, contract: Fields) -> None:
    order["hedge_type"] = dice.choice("DBFP")


def _algorithm(dice: Dice, order: Fields, contract: Fields) -> None:
    order["algo_strategy"] = dice.choice(("Adaptive", "Vwap", "Twap", "ArrivalPx"))
    order["algo_params"] = dice.tag_values(5)


def _combo(dice: Dice, order: Fields, contract: Fields) -> None:
    contract["sec_type"] = "BAG"
    legs = tuple(
        ComboLeg(
            con_id=dice.randint(0, 10**9),
            ratio=dice.randint(1, 9),
            action=dice.choice(("BUY", "SELL", "SSHORT")),
            exchange=dice.choice(("SMART", "CBOE", "")),
            open_close=dice.randint(0, 3),
            short_sale_slot=dice.randint(0, 2),
            designated_location=dice.text(5),
            exempt_code=dice.choice((-1, 0, 7)),
        )
        for _ in range(dice.randint(0, 6))
    )
    contract["combo_legs"] = legs
    order["order_combo_leg_prices"] = tuple(dice.number() for _ in range(dice.choice((0, len(legs)))))
    order["smart_combo_routing_params"] = dice.tag_values()


def _delta_neutral_contract(dice: Dice, order: Fields, contract: Fields) -> None:
    contract["delta_neutral"] = DeltaNeutral(dice.randint(1, 10**9), dice.known_number(), dice.known_number())


def one_condition(dice: Dice) -> Condition:
    """A condition of any of the six types."""
    link, more = dice.choice("ao"), dice.chance(50)
    con_id, exchange = dice.randint(1, 10**9), dice.choice(("SMART", "NYSE", "CME"))
    return dice.choice(
        (
            PriceCondition(link, more, dice.known_number(), con_id, exchange, dice.choice((0, 1, 2, 3, 4, 7, 8))),
            TimeCondition(link, more, "20261122 15:30:00 US/Eastern"),
            MarginCondition(link, more, dice.randint(0, 100)),
            ExecutionCondition(link, "STK", exchange, dice.word()),
            VolumeCondition(link, more, dice.randint(0, 10**6), con_id, exchange),
            PercentChangeCondition(link, more, dice.known_number(), con_id, exchange),
        )
    )


def _conditions(dice: Dice, order: Fields, contract: Fields) -> None:
    order["conditions"] = tuple(one_condition(dice) for _ in range(dice.randint(1, 7)))


def _pegged_to_benchmark(dice: Dice, order: Fields, contract: Fields) -> None:
    order["order_type"] = dice.choice(("PEG BENCH", "PEGBENCH"))


def _pegged_to_best(dice: Dice, order: Fields, contract: Fields) -> None:
    order["order_type"] = dice.choice(("PEG BEST", "PEGBEST"))
    order["compete_against_best_offset"] = dice.number()


def _pegged_to_midpoint(dice: Dice, order: Fields, contract: Fields) -> None:
    order["order_type"] = dice.choice(("PEG MID", "PEGMID"))


def _ibkrats(dice: Dice, order: Fields, contract: Fields) -> None:
    contract["exchange"] = "IBKRATS"


def _misc_options(dice: Dice, order: Fields, contract: Fields) -> None:
    order["misc_options"] = "".join(f"{dice.word()}={dice.word()};" for _ in range(dice.randint(1, 3)))


def _everything(dice: Dice, order: Fields, contract: Fields) -> None:
    for shape in dice.sample(sorted(FAMILIES), k=6):
        if FAMILIES[shape] is not _everything:
            FAMILIES[shape](dice, order, contract)


FAMILIES: dict[str, Shape] = {
    "plain": lambda dice, order, contract: None,
    "volatility": _volatility,
    "delta neutral order": _delta_neutral_order,
    "scale": _scale,
    "scale without increment": _scale_without_increment,
    "hedge": _hedge,
    "algorithm": _algorithm,
    "combo": _combo,
    "delta neutral contract": _delta_neutral_contract,
    "conditions": _conditions,
    "pegged to benchmark": _pegged_to_benchmark,
    "pegged to best": _pegged_to_best,
    "pegged to midpoint": _pegged_to_midpoint,
    "IBKRATS": _ibkrats,
    "misc options": _misc_options,
    "several at once": _everything,
}


def place_order(dice: Dice, client: Client, version: int, family: str) -> PlaceOrder:
    """An order of this family that this client can express at this version."""
    density_pct = dice.choice((0, 10, 40, 100))
    skip = _SHAPING | FROM_BROKER_ONLY | client.never_sent
    order = dice.fill(Order, density_pct=density_pct, skip=skip)
    order.update(
        action=dice.choice(("BUY", "SELL", "SSHORT")),
        order_type=dice.choice(("MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIDPRICE", "REL")),
        total_quantity=abs(dice.known_number()),
    )
    contract = dice.fill(
        Contract, density_pct=density_pct, skip=frozenset({"combo_legs_description", "issuer_id", "description"})
    )
    contract.pop("include_expired", None)  # not part of placeOrder
    contract.update(sec_type=dice.choice(("STK", "FUT", "OPT", "CASH", "FOP")), strike=dice.known_number())
    FAMILIES[family](dice, order, contract)
    _as_the_client_can(dice, client, version, order, contract)
    return PlaceOrder(dice.randint(1, 2**31 - 1), Contract(**contract), Order(**order))


def _as_the_client_can(dice: Dice, client: Client, version: int, order: Fields, contract: Fields) -> None:
    """Take out what the version has no field for, and what the client turns into something else on its way out."""
    for name in [name for name in order if not carried(name, version) or name in client.never_sent]:
        del order[name]
    if version <= WHOLE_QUANTITY_UNTIL:
        order["total_quantity"] = Decimal(int(order["total_quantity"]) + 1)  # @stoqey/ib takes zero for nothing there
    if version < 102 and order["order_type"].replace(" ", "") == "PEGBENCH":
        order["order_type"] = "LMT"
    if client in (IBAPI_9, IB_INSYNC) and order["order_type"] in ("PEGBENCH", "PEGBEST", "PEGMID"):
        order["order_type"] = order["order_type"].replace("PEG", "PEG ")  # the only spelling they know
    if client is STOQEY and order.get("scale_price_increment", 1) in (0, -1):
        del order["scale_price_increment"]  # it writes the scale details for any increment
    if client.family is Family.INSYNC and not order["order_type"].startswith("VOL"):
        order.pop("volatility", None)  # ib_async clears it: TWS refuses a modify that repeats what TWS itself put there


def everyday_orders(dice: Dice, count: int) -> list[PlaceOrder]:
    """Orders as programs really send them: one instrument, a few fields set. For timing and for the head parse."""
    made = []
    for _ in range(count):
        sec_type = dice.choice(("STK", "FUT", "OPT", "CASH"))
        order_type = dice.choice(("MKT", "LMT", "LMT", "STP"))
        price = Decimal(f"{dice.uniform(1, 6000):.2f}")
        contract = Contract(
            con_id=dice.randint(1, 10**9),
            symbol=dice.word(),
            sec_type=sec_type,
            last_trade_date="20261218" if sec_type in ("FUT", "OPT") else "",
            strike=price if sec_type == "OPT" else Decimal("0.0"),
            right="C" if sec_type == "OPT" else "",
            multiplier="50" if sec_type == "FUT" else "",
            exchange=dice.choice(("SMART", "CME", "NYMEX")),
            currency="USD",
            local_symbol=dice.word(),
            trading_class=dice.word(),
        )
        order = Order(
            action=dice.choice(("BUY", "SELL")),
            total_quantity=Decimal(dice.randint(1, 2000)),
            order_type=order_type,
            lmt_price=price if order_type == "LMT" else BLANK,
            aux_price=price if order_type == "STP" else BLANK,
            tif=dice.choice(("DAY", "GTC", "IOC")),
            account=dice.choice(("DU1234567", "U7654321", "")),
            order_ref=dice.word(),
            transmit=dice.chance(90),
            outside_rth=dice.chance(30),
        )
        made.append(PlaceOrder(dice.randint(1, 10**6), contract, order))
    return made
