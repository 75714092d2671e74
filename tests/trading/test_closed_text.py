"""One line for each closed position: short where nothing is strange, and never less than the statement has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.core.contracts import Contract
from engine.core.kill.report import ClosedPosition, PartlyClosed, Trade, Trader
from engine.trading.closed_text import closed_row, partly_row

D = Decimal
ZN = Contract(con_id=3, symbol="ZN", sec_type="FUT", local_symbol="ZNH7")


def trade(by: Trader, quantity: int, price: str | None = "110.5", client_id: int | None = None) -> Trade:
    return Trade(by=by, quantity=D(quantity), avg_price=None if price is None else D(price), client_id=client_id)


OURS = trade(Trader.THIS_KILL, 2)


def closed(**fields: Any) -> ClosedPosition:
    """Short 2 by both: bought 2, and nobody else did anything."""
    told: dict[str, Any] = {
        "orders_sent": 1,
        "avg_price": D("110.5"),
        "filled": D(2),
        "at_press": D(-2),
        "traded": D(2),
        "traded_by_others": D(0),
        "trades": (OURS,),
    }
    return ClosedPosition(account="DU1", contract=ZN, quantity=D(-2), **(told | fields))


def line(**fields: Any) -> str:
    return closed_row(closed(**fields), several=False)


NOTHING = {"filled": D(0), "traded": D(0), "trades": (), "avg_price": None, "orders_sent": 0}


def test_what_this_kill_alone_has_closed_is_told_with_its_price() -> None:
    assert line() == "short 2 ZNH7 at 110.5"
    assert line(traded_by_others=None) == "short 2 ZNH7 at 110.5"  # it adds up without
    assert closed_row(closed(), several=True) == "short 2 ZNH7 at 110.5 in DU1"


def test_a_record_that_does_not_tell_who_traded_is_told_as_ever() -> None:
    old: dict[str, Any] = {"at_press": None, "traded": None, "traded_by_others": None, "trades": (), "filled": None}
    assert line(**old) == "short 2 ZNH7 at 110.5"
    assert line(**old | {"orders_sent": 0, "avg_price": None}) == "short 2 ZNH7, not by this kill's orders"
    assert line(**old | {"by_other_kill": True}) == "short 2 ZNH7 at 110.5, by another kill"


def test_where_others_traded_along_the_line_has_both() -> None:
    program = trade(Trader.CLIENT, -3, "110.25", client_id=42)
    more = {"filled": D(5), "traded": D(5), "traded_by_others": D(-3), "trades": (trade(Trader.THIS_KILL, 5), program)}
    assert line(**more) == "short 2 ZNH7: this kill bought 5 at 110.5; client 42 sold 3 at 110.25"
    assert line(**more | {"at_press": D(0)}).startswith("short 2 ZNH7, opened after the press: this kill bought 5")


@pytest.mark.parametrize(
    ("by", "who"),
    [
        (Trader.TWS, "somebody in TWS"),
        (Trader.LIQUIDATION, "IBKR's liquidation"),
        (Trader.ANOTHER_KILL, "another kill"),
    ],
)
def test_what_others_closed_alone_is_told_as_theirs(by: Trader, who: str) -> None:
    theirs = NOTHING | {"traded_by_others": D(2), "trades": (trade(by, 2, None),)}
    assert line(**theirs) == f"short 2 ZNH7: nothing by this kill's orders; {who} bought 2"


def test_what_went_without_any_trade_was_not_by_this_kill() -> None:
    assert line(**NOTHING) == "short 2 ZNH7, not by this kill's orders"


def test_more_than_was_there_and_nobody_to_name_is_said_so() -> None:
    five = {"filled": D(5), "traded": D(5), "trades": (trade(Trader.THIS_KILL, 5),)}
    assert line(**five) == "short 2 ZNH7: this kill bought 5 at 110.5; 3 more sold, and TWS names no trade for it"
    assert line(**five, traded_by_others=None) == (
        "short 2 ZNH7: this kill bought 5 at 110.5; what others traded could not be read"
    )


def test_an_order_that_may_have_filled_is_not_called_nothing() -> None:
    unknown = NOTHING | {"orders_sent": 1, "traded": None, "filled": None}
    assert line(**unknown) == "short 2 ZNH7: whether more of it was by this kill's orders, TWS has not said"


def test_another_kill_that_closed_it_is_named_alone_or_beside_this_one() -> None:
    other: dict[str, Any] = {"by_other_kill": True, "filled_by_other": D(2)}
    assert line(**NOTHING, **other) == "short 2 ZNH7, by another kill"
    kills = (OURS, trade(Trader.ANOTHER_KILL, 2))
    both = other | {"trades": kills, "traded_by_others": D(2)}
    assert line(**both) == "short 2 ZNH7 at 110.5, 2 by this kill, 2 by another"
    along = both | {"trades": (*kills, trade(Trader.TWS, -2))}
    assert line(**along) == ("short 2 ZNH7 at 110.5, 2 by this kill, 2 by another; somebody in TWS sold 2 at 110.5")
    assert line(**NOTHING | other | {"at_press": D(0)}) == "short 2 ZNH7, by another kill"  # it was there before


def part(**fields: Any) -> str:
    """Of long 10, 7 sold; nobody else did anything, and 3 are left."""
    told: dict[str, Any] = {
        "filled": D(7),
        "avg_price": D("5.5"),
        "at_press": D(10),
        "traded": D(-7),
        "traded_by_others": D(0),
        "trades": (trade(Trader.THIS_KILL, -7, "5.5"),),
    }
    left = fields.pop("left", D(3))
    item = PartlyClosed(account="DU1", contract=ZN, quantity=D(10), **(told | fields))
    return partly_row(item, left, several=fields.pop("several", False))


def test_a_part_that_this_kill_alone_has_closed_is_told_with_its_price() -> None:
    assert part() == "7 of long 10 ZNH7 at 5.5"
    old: dict[str, Any] = {"at_press": None, "traded": None, "traded_by_others": None, "trades": ()}
    assert part(**old, left=None) == "7 of long 10 ZNH7 at 5.5"


def test_a_part_beside_which_others_traded_has_both() -> None:
    trades = (trade(Trader.THIS_KILL, -7, "5.5"), trade(Trader.CLIENT, 4, "6", client_id=42))
    along: dict[str, Any] = {"trades": trades, "traded_by_others": D(4)}
    assert part(**along, left=D(7)) == "in part: long 10 ZNH7: this kill sold 7 at 5.5; client 42 bought 4 at 6"
    assert part(**along, left=D(8)).endswith("; 1 more bought, and TWS names no trade for it")
    assert part(**along, left=None).endswith("client 42 bought 4 at 6")


def test_a_part_that_only_another_kill_has_closed_is_its_own() -> None:
    theirs: dict[str, Any] = {"filled": D(0), "avg_price": None, "traded": D(0), "traded_by_others": D(-7)}
    theirs["trades"] = (trade(Trader.ANOTHER_KILL, -7, "5.5"),)
    assert part(**theirs) == ("in part: long 10 ZNH7: nothing by this kill's orders; another kill sold 7 at 5.5")
