"""What can still be told of an openOrder or a contract's details whose tail does not fit its layout, and of a position
with a damaged field.

The codec refuses such a message whole, and rightly so. But for an emergency stop, "an order is open in this contract"
must not be lost because of a field far behind it: the first 25 fields have stood in the same places in every version.
And of a position that cannot be read it is enough to know whose it is: the others can be closed. Of a contract it is
enough to know where it trades.
Never used to judge or forward an order; what is not certain here is left empty.
"""

from __future__ import annotations

import re

from engine.core.contracts import Contract
from engine.core.units import Absent
from engine.wire.fields import parse_number
from engine.wire.order import Order, OrderState
from engine.wire.replies import ContractDetails, OpenOrder, Reply

OPEN_ORDER = b"5"
HEAD_FIELDS = 25  # from the order id up to the permId
VERSION_FIELD_BELOW = 145

POSITION = b"61"
POSITION_FIELDS = 16  # with the message's id and version; the same at every version of the text protocol

CONTRACT_DATA = b"10"
UNVERSIONED_CONTRACTS = 164  # from there on without a version field, and without the size multiplier behind min_tick
SIZE_MULTIPLIER = 110  # from there on with one
MULTIPLIER_PLACE = 13
CONTRACT_FIELDS = 16  # from the request's number up to the exchanges, without that multiplier
DATE_LENGTH = 8
_ID = re.compile(rb"[1-9]\d{0,9}")


class DamagedPosition(Reply, frozen=True, gc=False):
    """A position that could not be read whole. `con_id`: 0 where that is not certain."""

    account: str
    con_id: int
    symbol: str
    why: str


def salvage_position(payload: bytes, why: str) -> DamagedPosition | None:
    """Whose position it is, as far as that can be read; None where fields are missing or too many, so that nothing
    stands where it should."""
    parts = payload.split(b"\0")
    if parts[0] != POSITION or len(parts) != POSITION_FIELDS + 1 or parts[-1]:
        return None
    account, con_id, symbol = parts[2:5]
    number = int(con_id) if _ID.fullmatch(con_id) else 0
    return DamagedPosition(_text(account), number, _text(symbol), why)


def _text(field: bytes) -> str:
    """Nothing where it is none."""
    try:
        return field.decode("utf-8").strip()
    except UnicodeDecodeError:
        return ""


def salvage_open_order(payload: bytes, version: int) -> OpenOrder | None:
    """The head of an openOrder, with an empty state and no legs; None when even the head is not certain."""
    parts = payload.split(b"\0")
    if parts[0] != OPEN_ORDER:
        return None
    head = parts[2 if version < VERSION_FIELD_BELOW else 1 :][:HEAD_FIELDS]
    if len(head) < HEAD_FIELDS:
        return None
    try:
        return _read(*(field.decode("utf-8") for field in head))
    except ValueError:  # not a number where one must be, or not text
        return None


def _read(*f: str) -> OpenOrder | None:
    order_id, con_id, symbol, sec_type, expiry, strike, right, multiplier = f[:8]
    exchange, currency, local_symbol, trading_class = f[8:12]
    action, quantity, order_type, _limit, _aux, tif, oca_group, account = f[12:20]
    _open_close, _origin, order_ref, client_id, perm_id = f[20:]
    total = parse_number(quantity)
    if isinstance(total, Absent) or action not in ("BUY", "SELL", "SSHORT", "SLONG"):
        return None
    contract = Contract(
        con_id=int(con_id),
        symbol=symbol,
        sec_type=sec_type,
        last_trade_date=expiry,
        strike=parse_number(strike),
        right=right,
        multiplier=multiplier,
        exchange=exchange,
        currency=currency,
        local_symbol=local_symbol,
        trading_class=trading_class,
    )
    order = Order(
        action=action,
        total_quantity=total,
        order_type=order_type,
        tif=tif,
        oca_group=oca_group,
        account=account,
        order_ref=order_ref,
        client_id=int(client_id),
        perm_id=int(perm_id),
    )
    return OpenOrder(int(order_id), contract, order, OrderState())


def salvage_contract(payload: bytes, version: int) -> ContractDetails | None:
    """Which contract it is and where it trades; None when not even that is certain. Hours and rules are left out: they
    stand behind fields that may not be where they should."""
    parts = payload.split(b"\0")
    if parts[0] != CONTRACT_DATA:
        return None
    versioned = version < UNVERSIONED_CONTRACTS
    head = [_text(part) for part in parts[2 if versioned else 1 : -1]]
    if versioned and version >= SIZE_MULTIPLIER:
        del head[MULTIPLIER_PLACE : MULTIPLIER_PLACE + 1]
    if len(head) < CONTRACT_FIELDS or not head[0].isdecimal() or not head[11].isdecimal():
        return None
    symbol, sec_type, expiry, strike, right, exchange, currency, local_symbol = head[1:9]
    try:
        return ContractDetails(
            int(head[0]),
            Contract(
                con_id=int(head[11]),
                symbol=symbol,
                sec_type=sec_type,
                last_trade_date=expiry[:DATE_LENGTH],
                strike=parse_number(strike),
                right=right,
                multiplier=head[13],
                exchange=exchange,
                currency=currency,
                local_symbol=local_symbol,
                trading_class=head[10],
            ),
            min_tick=parse_number(head[12]),
            valid_exchanges=head[15],
        )
    except ValueError:
        return None
