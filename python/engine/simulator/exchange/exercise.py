"""Exercise, lapse and assignment of options: what may be asked for, and what an option turns into. Pure.

Options on stocks and futures are settled by delivery at the strike, options on an index in cash. A delivery has no
price risk of its own: the option is closed at nothing and its underlying traded at the strike, so the books add up.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.simulator.exchange import options, refusals
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.refusals import Refusal

ZERO = Decimal(0)
LEAST_IN_MONEY = Decimal("0.01")  # from here on an expiring option is exercised unasked


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants of its long options: exercise at the end of the session, or let them lapse at expiry."""

    client_id: int
    req_id: int
    account: str
    con_id: int
    quantity: Decimal
    lapse: bool
    override: bool = False  # exercise although it is not worth it


class Move(msgspec.Struct, frozen=True):
    """A signed quantity that changes hands at a price, without a trade."""

    instrument: Instrument
    quantity: Decimal
    price: Decimal


def refused(
    asked: Instruction,
    option: Instrument,
    *,
    held: Decimal,
    instructed: Decimal,
    underlying_price: Decimal,
    now_ns: int,
) -> Refusal | None:
    """Why the instruction cannot stand; None: it can. `instructed` is what earlier ones have already taken."""
    if asked.quantity <= 0 or asked.quantity != asked.quantity.to_integral_value():
        return refusals.EXERCISE_QUANTITY
    if option.expiry_ns is not None and now_ns >= option.expiry_ns:
        return refusals.EXPIRED
    if asked.quantity > held - instructed:
        return refusals.no_position_to_exercise(asked.account)
    if asked.lapse:
        return None
    if option.cash_settled:
        return refusals.EXERCISE_EUROPEAN
    if options.intrinsic(option, underlying_price) < LEAST_IN_MONEY and not asked.override:
        return refusals.EXERCISE_WORTHLESS
    return None


def deliver(option: Instrument, underlying: Instrument, quantity: Decimal) -> tuple[Move, Move]:
    """Turn a signed quantity of options (long exercised, short assigned) into their underlying at the strike."""
    strike = option.contract.strike
    if not isinstance(strike, Decimal):
        raise ValueError(f"an option needs a strike: {option.contract.local_symbol}")
    units = quantity * option.multiplier / underlying.multiplier
    return (
        Move(option, -quantity, ZERO),
        Move(underlying, units if option.contract.right == "C" else -units, strike),
    )


def at_expiry(
    option: Instrument, underlying: Instrument, *, held: Decimal, lapsed: Decimal, underlying_price: Decimal
) -> list[Move]:
    """What becomes of a position when its option ends: delivered or paid when in the money, else gone."""
    worth = options.intrinsic(option, underlying_price)
    if option.cash_settled:
        return [Move(option, -held, worth)]
    if worth < LEAST_IN_MONEY:
        return [Move(option, -held, ZERO)]
    kept_back = min(lapsed, held) if held > 0 else ZERO
    moves: list[Move] = []
    if kept_back:
        moves.append(Move(option, -kept_back, ZERO))
    if held != kept_back:
        moves += deliver(option, underlying, held - kept_back)
    return moves
