"""Saying exactly where two messages differ, or where a client heard something else than we said.

Absent numbers: our blank and our unset must never arrive as a number, except that in many places a client reads a
blank as zero. Those places are known per client; everywhere else a blank must arrive as the client's own "no value",
and a zero must never do so.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import ib_async

from conformance.hearing import Callback, Expected, Value
from conformance.names import IBAPI_9, NAUTILUS, STOQEY, Client, Family, name_of
from engine.core.units import BLANK, Absent

Heard = tuple[str, list[Any]]

_NO_VALUE = (2147483647, 9223372036854775807, 1.7976931348623157e308, float(2**127 - 1), None)


def difference(ours: bytes, theirs: bytes) -> str:
    """Every field in which two payloads differ, or "" when they are equal."""
    if ours == theirs:
        return ""
    left, right = ours.split(b"\0"), theirs.split(b"\0")
    lines = [f"{len(left) - 1} fields, theirs has {len(right) - 1}"] if len(left) != len(right) else []
    pairs = enumerate(zip(left, right, strict=False))
    lines += [f"field {index}: ours {a!r}, theirs {b!r}" for index, (a, b) in pairs if a != b]
    return "\n".join([*lines[:12], f"ours   {ours!r}", f"theirs {theirs!r}"])


def misheard(expected: Sequence[Callback], heard: Sequence[Heard], client: Client) -> list[str]:
    """Every place where the client was told something else than what we said."""
    names, told = [name for name, _ in expected], [name for name, _ in heard]
    if names != told:
        return [f"{client.name} calls {told}, expected {names}: {list(heard)!r}"]
    wrong: list[str] = []
    for (name, arguments), (_, values) in zip(expected, heard, strict=True):
        if len(arguments) != len(values):
            wrong.append(f"{name} with {len(values)} arguments, expected {len(arguments)}: {values!r}")
            continue
        for index, (argument, value) in enumerate(zip(arguments, values, strict=True)):
            wrong += _compare(argument, value, f"{name}[{index}]", client)
    return wrong


def _compare(expected: Expected, theirs: Any, where: str, client: Client) -> list[str]:
    wrong: list[str] = []
    match expected:
        case Value():
            return (
                []
                if _same(expected, theirs, client)
                else [f"{where} ({expected.place}): {expected.ours!r} became {theirs!r}"]
            )
        case dict():
            if not isinstance(theirs, dict):
                return [f"{where}: {theirs!r} is not an object"]
            missing = object()
            for name, item in expected.items():
                value = theirs.get(name, None if client is STOQEY else missing)
                wrong += _compare(item, value, f"{where}.{name}", client)
            return wrong
        case list():
            items = theirs or []  # an empty list is None in some clients and undefined in others
            if len(items) != len(expected):
                return [f"{where}: {len(items)} items, expected {len(expected)}: {theirs!r}"]
            pairs = enumerate(zip(expected, items, strict=True))
            return [
                line for index, (item, value) in pairs for line in _compare(item, value, f"{where}[{index}]", client)
            ]
    raise TypeError(expected)


def _same(expected: Value, theirs: Any, client: Client) -> bool:
    ours = expected.ours
    match ours:
        case Absent():
            return _same_absence(expected, theirs, client)
        case bool():
            return isinstance(theirs, bool | int) and bool(theirs) is ours
        case int() | Decimal():
            if isinstance(theirs, str):  # margins stay text in the Python clients
                return bool(theirs) and Decimal(theirs) == Decimal(ours)
            return theirs not in _NO_VALUE and isinstance(theirs, int | float) and float(theirs) == float(ours)
        case str():
            return _same_text(ours, theirs)
        case datetime.datetime():
            return isinstance(theirs, str) and datetime.datetime.fromisoformat(theirs) == ours
    return bool(ours == theirs)


def _same_text(ours: str, theirs: Any) -> bool:
    if isinstance(theirs, str):
        return theirs == ours
    if theirs is None:  # @stoqey/ib: a right that is neither P nor C
        return ours == ""
    return float(ours or 0) == float(theirs)  # a multiplier that the client keeps as a number


def _same_absence(expected: Value, theirs: Any, client: Client) -> bool:
    if theirs in ("", "1.7976931348623157E308"):
        return True
    if expected.ours is BLANK and not keeps_blank_apart(expected.place, client):
        return bool(theirs == _instead_of_blank(expected.place, client))
    return theirs in _NO_VALUE


def keeps_blank_apart(place: str, client: Client) -> bool:
    """Does this client tell a blank from a zero here? `place` is one of ours, as "Order.lmt_price"."""
    owner, _, attribute = place.partition(".")
    if client.family is Family.INSYNC:
        return _insync_default(owner, name_of(attribute, client, of=owner)) in _NO_VALUE
    return place in _KEEPS_APART[client.name]


_INSYNC_OBJECTS = {
    "Order": ib_async.Order,
    "OrderState": ib_async.OrderState,
    "ContractDetails": ib_async.ContractDetails,
}


def _instead_of_blank(place: str, client: Client) -> Any:
    """Zero, nearly always. ib_async and ib_insync put the attribute's default there."""
    owner, _, attribute = place.partition(".")
    if client.family is Family.INSYNC and owner in _INSYNC_OBJECTS:
        return _insync_default(owner, name_of(attribute, client, of=owner))
    return 0


@functools.cache
def _insync_default(owner: str, attribute: str) -> Any:
    if attribute == "orderComboLegPrices":
        return ib_async.OrderComboLeg().price
    made = _INSYNC_OBJECTS.get(owner)
    return getattr(made(), attribute) if made is not None else 0


def _places(owner: str, names: str) -> frozenset[str]:
    return frozenset(f"{owner}.{name}" for name in names.split())


_IBKR = _places(
    "Order",
    "lmt_price aux_price percent_offset starting_price stock_ref_price delta stock_range_lower stock_range_upper"
    " min_qty nbbo_price_cap volatility delta_neutral_aux_price trail_stop_price trailing_percent basis_points"
    " basis_points_type order_combo_leg_prices scale_init_level_size scale_subs_level_size scale_price_increment"
    " scale_price_adjust_value scale_price_adjust_interval scale_profit_offset scale_init_position"
    " scale_init_fill_qty duration post_to_ats min_trade_qty min_compete_size compete_against_best_offset"
    " mid_offset_at_whole mid_offset_at_half",
) | _places("OrderState", "commission min_commission max_commission")
# IBKR's newer client reads every size as a Decimal, which has a "no value".
_SIZES = (
    _places("Order", "total_quantity filled_quantity display_size")
    | _places("OrderStatus", "filled remaining")
    | _places("TickPrice", "size")
    | _places("TickSize", "size")
    | _places("PortfolioValue", "position")
    | _places("Position", "position")
    | _places("PositionMulti", "position")
    | _places("PnLSingle", "position")
    | _places("Execution", "shares cum_qty")
    | _places("ContractDetails", "min_size size_increment suggested_size_increment")
    | _places("BondDetails", "min_size size_increment suggested_size_increment")
)
_KEEPS_APART = {
    IBAPI_9.name: _IBKR,
    NAUTILUS.name: _IBKR | _SIZES,
    STOQEY.name: (_IBKR - _places("Order", "duration"))
    | _SIZES
    | _places(
        "Order",
        "cash_qty trigger_price lmt_price_offset adjusted_stop_price adjusted_stop_limit_price"
        " adjusted_trailing_amount",
    )
    | _places(
        "OrderState",
        "init_margin_before maint_margin_before equity_with_loan_before init_margin_change maint_margin_change"
        " equity_with_loan_change init_margin_after maint_margin_after equity_with_loan_after",
    ),
}
