"""Random messages for the tests: any type, any attribute, only values the wire can carry."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from engine.core import units
from engine.core.contracts import Contract
from engine.wire import order, replies, requests
from engine.wire.spelling import Spelling

VERSIONS = range(100, 179)

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6)
WORDS = st.text("ABCxyz019", min_size=1, max_size=4)
NUMBERS = st.one_of(
    st.just(units.BLANK),
    st.just(units.UNSET),
    st.decimals(-(10**9), 10**9, places=4),
    st.integers(-(10**6), 10**6).map(Decimal),
)
IDS = st.integers(-(2**31) + 1, 2**53)
WHOLES = st.one_of(st.just(units.BLANK), st.just(units.UNSET), st.integers(-1000, 1000))
FLAGS = st.one_of(st.just(units.BLANK), st.booleans())

# Only some attributes of a contract travel in each message; the others stay at their defaults.
POSITION = ("con_id", "symbol", "sec_type", "last_trade_date", "strike", "right", "multiplier", "exchange", "currency")
POSITION += ("local_symbol", "trading_class")
CLIENT = (*POSITION, "primary_exchange")
CARRIED: dict[type, tuple[str, ...]] = {
    replies.PortfolioValue: tuple(name for name in CLIENT if name != "exchange"),
    replies.ContractDetails: CLIENT,
    replies.BondDetails: ("symbol", "sec_type", "exchange", "currency", "trading_class", "con_id"),
    replies.OpenOrder: (*POSITION, "combo_legs_description", "combo_legs", "delta_neutral"),
    replies.CompletedOrder: (*POSITION, "combo_legs_description", "combo_legs", "delta_neutral"),
    requests.ReqMktData: (*CLIENT, "delta_neutral"),
    requests.ReqContractDetails: (*CLIENT, "include_expired", "sec_id_type", "sec_id", "issuer_id"),
    requests.ReqHistoricalData: (*CLIENT, "include_expired"),
    requests.ReqHeadTimestamp: (*CLIENT, "include_expired"),
    requests.PlaceOrder: (*CLIENT, "sec_id_type", "sec_id", "combo_legs", "delta_neutral"),
}

REPLY_TYPES = [  # what is salvaged from a damaged one is no message
    kind
    for kind in replies.Reply.__subclasses__()
    if kind.__module__ == replies.__name__ and kind is not replies.UnknownReply
]
REQUEST_TYPES = [kind for kind in requests.Request.__subclasses__() if kind is not requests.UnknownRequest]


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values for an attribute of this type."""
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        int: IDS,
        bool: st.booleans(),
        units.Number: NUMBERS,
        units.Whole: WHOLES,
        units.Flag: FLAGS,
    }
    if annotation in by_type:
        return by_type[annotation]
    if get_origin(annotation) is tuple:
        element = WORDS if get_args(annotation)[0] is str else values(get_args(annotation)[0])
        return st.lists(element, max_size=2).map(tuple)
    members = [member for member in get_args(annotation) if member is not type(None)]
    if members:
        options = [values(member) for member in members]
        return st.one_of(*options, *([st.none()] if type(None) in get_args(annotation) else []))
    return structs(annotation)


@cache
def structs(kind: type[msgspec.Struct], only: tuple[str, ...] | None = None) -> st.SearchStrategy[Any]:
    """Instances of a structure; attributes with a default are sometimes left at it."""
    hints = get_type_hints(kind)
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for info in msgspec.structs.fields(kind):
        if (only is not None and info.name not in only) or hints[info.name] == Spelling | None:
            continue
        strategy = values(hints[info.name])
        if hints[info.name] is Contract:
            strategy = structs(Contract, CARRIED.get(kind, POSITION))
        if kind in (replies.ContractDetails, replies.BondDetails) and info.name == "last_trade_time":
            strategy = st.sampled_from(["", "08:30 US/Central", "16:30:00", "08:30:00-Etc/GMT+5"])
        if kind is Contract and info.name == "last_trade_date":
            strategy = st.sampled_from(["", "20260918", "202609"])
        if kind is Contract and info.name == "sec_type":
            strategy = st.sampled_from(["", "STK", "FUT", "BAG"])
        if kind is order.Order and info.name == "order_type":
            strategy = st.sampled_from(["LMT", "MKT", "PEG BENCH", "PEG BEST", "PEGMID", "VOL"])
        (required if info.required else optional)[info.name] = strategy
    # A handful of attributes at a time: orders have more than a hundred, and most stay as they are.
    return st.builds(
        lambda given, chosen: kind(**given, **chosen),
        st.fixed_dictionaries(required),
        _some_of(optional),
    )


def _some_of(optional: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    if not optional:
        return st.just({})
    names = st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=8)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: optional[name] for name in chosen}))


REPLIES = st.sampled_from(REPLY_TYPES).flatmap(structs)
REQUESTS = st.sampled_from(REQUEST_TYPES).flatmap(structs)
