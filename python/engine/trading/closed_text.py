"""A line for each position that a kill has closed: what was there, and who has traded what. Words only.

Short where nothing is strange: the position and the price. Where others traded along, or less or more was traded than
was there, each says for itself what it did, so that the line agrees with the statement.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.kill.report import ClosedPosition, PartlyClosed, Trade, Trader
from engine.trading.naming import amount_of, name_of, number

ZERO = Decimal(0)
KILLS = (Trader.THIS_KILL, Trader.ANOTHER_KILL)
NOT_BY_US = ", not by this kill's orders"


def closed_row(item: ClosedPosition, *, several: bool, beside: str = "") -> str:
    """`several`: the login has more than one account. `beside`: the login of the same press that has closed it."""
    what = f"{amount_of(item.quantity)} {name_of(item.contract)}"
    account = f" in {item.account}" if several else ""
    price = _price(item.avg_price)
    if item.by_other_kill:
        along = [_did(trade) for trade in item.trades if trade.by not in KILLS]
        both = f", {number(item.filled or ZERO)} by this kill, {number(item.filled_by_other or ZERO)} by another"
        other = f", told at {beside}" if beside else ", by another kill"
        return "; ".join([f"{what}{price}{account}{both if item.filled else other}", *along])
    if not _as_expected(item, -item.quantity):
        return f"{what}{account}{_opened(item)}: {'; '.join(_who(item, ZERO))}"
    return f"{what}{price}{account}{'' if item.orders_sent else NOT_BY_US}"


def partly_row(item: PartlyClosed, left: Decimal | None, *, several: bool) -> str:
    """`left`: what is there still, signed; None: not known."""
    account = f" in {item.account}" if several else ""
    what = f"{amount_of(item.quantity)} {name_of(item.contract)}"
    if item.filled and _as_expected(item, item.filled.copy_sign(-item.quantity)):
        return f"{number(item.filled)} of {what}{_price(item.avg_price)}{account}"
    return f"in part: {what}{account}{_opened(item)}: {'; '.join(_who(item, left))}"


def _as_expected(item: ClosedPosition | PartlyClosed, ours: Decimal) -> bool:
    """Is there no more to say than what was closed? True of a record that does not tell who has traded."""
    traders = {trade.by for trade in item.trades}
    if item.at_press is None and not traders:
        return True
    if item.at_press == ZERO or not traders <= {Trader.THIS_KILL}:
        return False
    return item.traded == ours or (not traders and item.traded == ZERO)


def _opened(item: ClosedPosition | PartlyClosed) -> str:
    return ", opened after the press" if item.at_press == ZERO else ""


def _who(item: ClosedPosition | PartlyClosed, left: Decimal | None) -> list[str]:
    """Each party with what it did, and what the numbers leave open."""
    said = [_did(trade) for trade in item.trades]
    if item.traded == ZERO:
        said.insert(0, "nothing by this kill's orders")
    if item.traded is None:
        return [*said, "whether more of it was by this kill's orders, TWS has not said"]
    if item.traded_by_others is None:
        return [*said, "what others traded could not be read"]
    if left is None or item.at_press is None:
        return said
    rest = left - item.at_press - item.traded - item.traded_by_others
    return said if rest == ZERO else [*said, f"{number(abs(rest))} more {_verb(rest)}, and TWS names no trade for it"]


def _did(trade: Trade) -> str:
    who = {
        Trader.THIS_KILL: "this kill",
        Trader.ANOTHER_KILL: "another kill",
        Trader.CLIENT: f"client {trade.client_id}",
        Trader.TWS: "somebody in TWS",
        Trader.LIQUIDATION: "IBKR's liquidation",
    }[trade.by]
    return f"{who} {_verb(trade.quantity)} {number(abs(trade.quantity))}{_price(trade.avg_price)}"


def _verb(quantity: Decimal) -> str:
    return "bought" if quantity > 0 else "sold"


def _price(price: Decimal | None) -> str:
    return "" if price is None else f" at {number(price)}"
