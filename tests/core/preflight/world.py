"""A login as the tests see it: one account, its contracts, and helpers that name only what matters."""

from __future__ import annotations

from decimal import Decimal

from engine.core.book import PositionHeard
from engine.core.exposure import Side
from engine.core.preflight.desk import Preflight
from engine.core.preflight.intent import Intent, Reference, Special
from engine.core.preflight.listing import Listing
from engine.core.preflight.settings import DEFAULTS, SECOND_NS, Settings
from engine.core.restrictions import UNRESTRICTED, Cause, Kind, Restriction, Scope, State
from engine.core.units import BLANK, Number

D = Decimal
NOW = 1_780_000_000 * SECOND_NS  # 28 May 2026, 20:26:40 UTC
ES, MES, SPY, CALL, PUT, CL, NOK = 1, 2, 3, 4, 5, 6, 7

LISTINGS = (
    Listing(con_id=ES, sec_type="FUT", symbol="ES", currency="USD", multiplier=D(50), min_tick=D("0.25")),
    Listing(con_id=MES, sec_type="FUT", symbol="MES", currency="USD", multiplier=D(5), min_tick=D("0.25")),
    Listing(con_id=SPY, sec_type="STK", symbol="SPY", currency="USD", min_tick=D("0.01")),
    Listing(
        con_id=CALL,
        sec_type="OPT",
        symbol="SPY",
        currency="USD",
        multiplier=D(100),
        strike=D(600),
        min_tick=D("0.01"),
        last_trade_date="20260619",
    ),
    Listing(con_id=PUT, sec_type="OPT", symbol="SPY", currency="USD", multiplier=D(100), strike=D(500)),
    Listing(con_id=CL, sec_type="FUT", symbol="CL", currency="USD", multiplier=D(1000), min_tick=D("0.01")),
    Listing(con_id=NOK, sec_type="FUT", symbol="OMX", currency="NOK", multiplier=D(100), min_tick=D("0.25")),
)
BY_ID = {listing.con_id: listing for listing in LISTINGS}


def desk(settings: Settings = DEFAULTS, *, positions: dict[int, int] | None = None, listed: bool = True) -> Preflight:
    """A login that has read everything: these positions, no working orders."""
    made = Preflight(settings)
    made.accounts = ("DU1",)
    heard = [PositionHeard("DU1", con, D(n), BY_ID[con].product) for con, n in (positions or {}).items()]
    made.book.read_positions(heard, made.book.mark(), NOW)
    made.book.read_orders((), made.book.mark(), NOW)
    if listed:
        for listing in LISTINGS:
            made.list_contract(listing)
    return made


def order(
    con_id: int = ES,
    quantity: Number | int = 1,
    *,
    side: Side = Side.BUY,
    limit: Number | str | int = BLANK,
    aux: Number | str | int = BLANK,
    order_type: str = "",
    account: str = "DU1",
    special: Special | None = None,
    outside_rth: bool = False,
) -> Intent:
    listing = BY_ID[con_id]
    price = D(limit) if isinstance(limit, str | int) else limit
    return Intent(
        account=account,
        con_id=con_id,
        sec_type=listing.sec_type,
        symbol=listing.symbol,
        side=side,
        quantity=D(quantity) if isinstance(quantity, int) else quantity,
        order_type=order_type or ("MKT" if price is BLANK else "LMT"),
        limit=price,
        aux=D(aux) if isinstance(aux, str | int) else aux,
        outside_rth=outside_rth,
        special=special,
    )


def sell(con_id: int = ES, quantity: Number | int = 1, **more: object) -> Intent:
    return order(con_id, quantity, side=Side.SELL, **more)


def restricted(kind: Kind, factor: str = "1", cause: Cause = Cause.MANUAL) -> State:
    one = Restriction(
        id="r1",
        scope=Scope("paper"),
        kind=kind,
        cause=cause,
        since_ns=0,
        actor="tests",
        reason="because",
        size_factor=D(factor),
    )
    return State(kind, D(factor), (one,))


HALTED = restricted(Kind.HALT)
SHUT_DOWN = restricted(Kind.SHUTDOWN)
FREE = UNRESTRICTED


def price(made: Preflight, con_id: int, value: str, at_ns: int = NOW) -> None:
    made.refer(con_id, Reference(D(value), at_ns))
