"""What each client cannot read, with the reason: the sample is changed there, so that all the rest can be compared.

These are the clients' limits, found by this test and confirmed in their sources. None is about our bytes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from conformance.names import IB_INSYNC, IBAPI_9, STOQEY, Client, Family
from conformance.samples import Dice, fields_of
from engine.core.units import BLANK, UNSET, Absent
from engine.wire import replies as r
from engine.wire.replies import Reply

# IBKR's old client reads these sizes as int(); the newest reads them as Decimal.
_WHOLE_SIZES: dict[type[Reply], tuple[str, ...]] = {
    r.TickPrice: ("size",),
    r.TickSize: ("size",),
    r.PnLSingle: ("position",),
    r.HistoricalDataUpdate: ("volume",),
}
# Until 100 these were whole numbers for everybody: fractional positions came with 101.
_WHOLE_UNTIL_100: dict[type[Reply], tuple[str, ...]] = {
    r.OrderStatus: ("filled", "remaining"),
    r.PortfolioValue: ("position",),
    r.Position: ("position",),
    r.Execution: ("shares",),
}


def can_hear(kind: type[Reply], client: Client, version: int) -> bool:
    """False where a client loses its place in a message, so that nothing of it can be compared."""
    if client is STOQEY and kind is r.OpenOrder:
        # it compares the message's own version (34), not the server's, with the version that brought the model code
        return not 103 <= version < 145
    if client is STOQEY and kind is r.CompletedOrder:
        return version >= 177  # it does not expect the FA profile, which was in the message until 176
    if client.family is Family.INSYNC and kind is r.OpenOrder:
        return version != 158  # it expects the duration from 159 on, IBKR sends it from 158 on
    # @stoqey/ib hands bars on as loose arguments and the end as a bar: nothing here compares that
    return not (client is STOQEY and kind in (r.HistoricalData, r.HistoricalDataUpdate, r.OptionParameters))


def readable(reply: Reply, client: Client, version: int, dice: Dice) -> Reply:
    """The same reply with what this client chokes on replaced."""
    changes: dict[str, Any] = {}
    whole = Decimal(dice.randint(0, 10**6))
    if client is IBAPI_9:
        changes.update(dict.fromkeys(_WHOLE_SIZES.get(type(reply), ()), whole))
    if client is IBAPI_9 and version <= 100:
        changes.update(dict.fromkeys(_WHOLE_UNTIL_100.get(type(reply), ()), whole))
    match reply:
        case r.HistoricalData(bars=bars) if client is IBAPI_9:
            changes["bars"] = tuple(msgspec.structs.replace(bar, volume=whole) for bar in bars)
        case r.TickGeneric(value=Absent()) if client.family is Family.IBAPI:
            changes["value"] = whole  # float("") raises in its message loop
        case r.TickPrice(price=Absent()) if client.family is Family.INSYNC:
            changes["price"] = whole  # a tick without a price is dropped
        case r.PortfolioValue() if client.family is Family.INSYNC:
            blanks = (info.name for info in fields_of(type(reply)) if getattr(reply, info.name) is BLANK)
            changes.update(dict.fromkeys(blanks, whole))  # float("") raises and the message is dropped
        case r.BondDetails() if client.family is Family.INSYNC or client is IBAPI_9:
            changes["coupon"] = whole  # int("2.5") raises: the bond is dropped, or the old ibapi's message loop ends
        case r.ContractDetails() if version == 163 and client.family is not Family.INSYNC:
            changes["suggested_size_increment"] = BLANK  # read and thrown away
        case r.ContractDetails() if client is STOQEY:
            changes["last_trade_time"] = ""  # it splits the date field at the text "\\s+"
        case r.TickReqParams() if client is STOQEY:
            changes["min_tick"] = whole  # parseInt: 0.25 becomes 0
        case r.OpenOrder() | r.CompletedOrder():
            changes["order"] = _order(reply, client, version, dice)
    return msgspec.structs.replace(reply, **changes) if changes else reply


def _order(reply: r.OpenOrder | r.CompletedOrder, client: Client, version: int, dice: Dice) -> Any:
    order = reply.order
    changes: dict[str, Any] = {}
    if client.family is Family.INSYNC and order.scale_price_increment == 0:
        changes["scale_price_increment"] = BLANK  # a zero increment is taken for none
    if client in (IBAPI_9, IB_INSYNC) and order.order_type == "PEGBENCH":
        changes["order_type"] = "PEG BENCH"  # the spelling without a blank came later
    if client is IBAPI_9 and version <= 100:
        changes["total_quantity"] = (
            Decimal(int(order.total_quantity)) if order.total_quantity not in (BLANK, UNSET) else BLANK
        )
    return msgspec.structs.replace(order, **changes)
