"""Random requests of every kind but placeOrder, which has order_samples.py."""

from __future__ import annotations

from typing import Any

from conformance.names import NAUTILUS, STOQEY, Client, Family
from conformance.samples import Dice, fields_of
from engine.core.contracts import ComboLeg, Contract, DeltaNeutral
from engine.wire import requests as r
from engine.wire.requests import Request

_PLAIN = (
    "con_id",
    "symbol",
    "sec_type",
    "last_trade_date",
    "strike",
    "right",
    "multiplier",
    "exchange",
    "currency",
    "local_symbol",
    "trading_class",
)
_CONTRACT_FIELDS = {
    r.ReqMktData: [*_PLAIN, "primary_exchange"],
    r.ReqContractDetails: [*_PLAIN, "primary_exchange", "include_expired", "sec_id_type", "sec_id", "issuer_id"],
    r.ExerciseOptions: _PLAIN,
    r.ReqHistoricalData: [*_PLAIN, "primary_exchange", "include_expired"],
    r.ReqHeadTimestamp: [*_PLAIN, "primary_exchange", "include_expired"],
}
_FIRST_VERSION = {"manual_cancel_time": 169, "regulatory_snapshot": 114, "issuer_id": 176, "keep_up_to_date": 124}


def request(dice: Dice, kind: type[Request], client: Client, version: int) -> Request:
    """A request of this kind that this client can express at this version."""
    values: dict[str, Any] = dice.fill(kind, skip=frozenset(n for n, v in _FIRST_VERSION.items() if version < v))
    if kind in _CONTRACT_FIELDS:
        values["contract"] = _contract(dice, kind, version)
    for info in fields_of(kind):
        if values.get(info.name, 0) is None:
            del values[info.name]
    match kind:
        case r.ReqMktData:
            values["options"] = _options(dice, client)
        case r.ReqHistoricalData:
            values["chart_options"] = ""
        case r.ExerciseOptions:  # plain whole numbers in every client
            values.update(quantity=dice.randint(1, 99), override=dice.randint(0, 1))
        case r.CancelOrder if client.family is Family.IBAPI and client is not NAUTILUS:
            values.pop("manual_cancel_time", None)
    return kind(**values)


def _options(dice: Dice, client: Client) -> str:
    if client.family is Family.IBAPI or client is STOQEY:
        return ""  # "for internal use": IBKR's clients refuse them, @stoqey/ib leaves them out
    return "".join(f"{dice.word()}={dice.word()};" for _ in range(dice.randint(0, 2)))


def _contract(dice: Dice, kind: type[Request], version: int) -> Contract:
    names = [name for name in _CONTRACT_FIELDS[kind] if version >= _FIRST_VERSION.get(name, 0)]
    values = {name: value for name, value in dice.fill(Contract).items() if name in names}
    values.update(strike=dice.known_number(), sec_type=dice.choice(("STK", "BAG", "OPT", "FUT")))
    if kind in (r.ReqMktData, r.ReqHistoricalData) and values["sec_type"] == "BAG":
        count = dice.randint(0, 4)
        values["combo_legs"] = tuple(
            ComboLeg(dice.randint(1, 10**9), dice.randint(1, 9), dice.choice(("BUY", "SELL")), dice.word())
            for _ in range(count)
        )
    if kind is r.ReqMktData and dice.chance(30):
        values["delta_neutral"] = DeltaNeutral(dice.randint(1, 10**9), dice.known_number(), dice.known_number())
    return Contract(**values)
