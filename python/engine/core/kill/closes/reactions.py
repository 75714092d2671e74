"""What an error code about a closing order means for the kill. A closed table; no error proves an order dead.

Sources: IBKR's message code list and the field notes of the project. Text is consulted only where one code has
several meanings (201, 202, 321, 399, 10148).
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from engine.core.kill.report import ResidueReason

CANCELLED = 202
UNKNOWN_ORDER = 10147  # "OrderId … that needs to be cancelled is not found"


class Effect(Enum):
    """What to do about the order that the error names."""

    ALIVE = "alive"  # a notice; the order goes on
    QUEUED = "queued"  # held until a session opens: it does not close anything now
    ENDED = "ended"  # the broker says it is cancelled or was never there; the next read confirms
    SUSPECT = "suspect"  # probably dead; the next reads decide


class Remedy(Enum):
    """What to change before another try."""

    NONE = "none"
    LATER = "later"  # the same again, when others have filled or a little later
    OTHERWISE = "otherwise"  # the same again, and after that a limit order instead of a market order
    LIMIT = "limit"  # a limit order instead of a market order
    NEARER = "nearer"  # a limit price nearer to the market
    THIN = "thin"  # the same where the market is thin: without a live quote a market order again, it may come back
    RESEND = "resend"  # the order lives as it was: the same change once more
    REPLACE = "replace"  # the order lives as it was and cannot be changed: cancel it, and send another
    NO_FURTHER = "no_further"  # the order lives, but a price further through the market will not be taken
    COARSER = "coarser"  # a price on a coarser grid
    SMALLER = "smaller"  # half the quantity
    LOT = "lot"  # a multiple of the contract's own size step
    WHOLE = "whole"  # whole units only
    REROUTE = "reroute"  # ask the broker again where it trades
    GIVE_UP = "give_up"  # a person has to do it


class Reaction(msgspec.Struct, frozen=True):
    effect: Effect
    remedy: Remedy = Remedy.NONE
    reason: ResidueReason = ResidueReason.REJECTED

    @property
    def bare(self) -> bool:
        """The news that an order is cancelled, and nothing to mend."""
        return self.effect is Effect.ENDED and self.remedy is Remedy.NONE


JUST_ENDED = Reaction(Effect.ENDED, reason=ResidueReason.CLOSE_CANCELLED)
"""Cancelled, and nothing said of why. That is no refusal: a cancel of somebody, maybe our own, has reached it."""

_ALIVE = Reaction(Effect.ALIVE)
_LATER = Reaction(Effect.SUSPECT, Remedy.LATER)
_REFUSED = Reaction(Effect.SUSPECT, Remedy.OTHERWISE)
_TOO_FAR = Reaction(Effect.SUSPECT, Remedy.NEARER)
_CAPPED = Reaction(Effect.ALIVE, Remedy.NO_FURTHER)
_SMALLER = Reaction(Effect.SUSPECT, Remedy.SMALLER)
_REROUTE = Reaction(Effect.SUSPECT, Remedy.REROUTE, ResidueReason.UNRESOLVED)
_HALTED = Reaction(Effect.SUSPECT, Remedy.LATER, ResidueReason.HALTED)
_FORBIDDEN = Reaction(Effect.SUSPECT, Remedy.GIVE_UP, ResidueReason.NO_PERMISSION)

_NO_MARKET_ORDERS = re.compile(r"\border[ -]?types?\b|\bmarket orders?\b|\blimit orders? only\b|\bonly limit orders?\b")
"""201 for what the order is, and not for what it would bring: the words of exchanges, brokers and tests differ."""

REACTIONS: dict[int, Reaction] = {
    103: _LATER,  # duplicate order id
    104: _ALIVE,  # cannot modify a filled order
    105: Reaction(Effect.ALIVE, Remedy.REPLACE),  # a change that TWS does not take for one
    109: _TOO_FAR,  # out of the range that the precautions set
    110: Reaction(Effect.SUSPECT, Remedy.COARSER),
    154: _HALTED,
    161: _ALIVE,  # cancel tried on an order that is not in a cancellable state
    163: _TOO_FAR,  # further from the market than the precautions' percentage
    200: _REROUTE,
    201: _REFUSED,  # where its text says no more than that (see below)
    CANCELLED: JUST_ENDED,  # cancelled: by a global cancel, or for its price (see below)
    203: _FORBIDDEN,
    312: _REROUTE,
    321: _REROUTE,
    355: Reaction(Effect.SUSPECT, Remedy.LOT),  # the size does not conform to the market rule
    382: _TOO_FAR,  # more ticks from the market than the precautions allow
    383: _SMALLER,
    387: Reaction(Effect.SUSPECT, Remedy.LIMIT),  # order type not supported on this exchange
    388: Reaction(Effect.SUSPECT, Remedy.WHOLE),
    391: _LATER,
    392: Reaction(Effect.SUSPECT, Remedy.GIVE_UP, ResidueReason.EXPIRED),
    399: _ALIVE,
    434: Reaction(Effect.SUSPECT, Remedy.GIVE_UP),  # order size cannot be zero
    435: _LATER,  # account must be named
    436: _LATER,
    441: _LATER,
    460: _FORBIDDEN,
    461: _SMALLER,
    478: _REROUTE,
    UNKNOWN_ORDER: _LATER,
    10148: _ALIVE,  # cannot be cancelled in its state: filled, or about to be, or cancelled already (see below)
    2102: Reaction(Effect.ALIVE, Remedy.RESEND),  # it is still being processed: no change was made
    2161: _CAPPED,
    10153: _CAPPED,
    10243: Reaction(Effect.SUSPECT, Remedy.WHOLE, ResidueReason.FRACTIONAL),
    10349: _ALIVE,  # time in force set by preset
}


def react(code: int, text: str) -> Reaction:
    """What to do about error `code` with `text` for one closing order."""
    lowered = text.lower()
    if code == 399 and ("will not be placed" in lowered or "until" in lowered):
        return Reaction(Effect.QUEUED, Remedy.LIMIT, ResidueReason.MARKET_CLOSED)
    if code == 321 and "read-only" in lowered:
        return Reaction(Effect.SUSPECT, Remedy.GIVE_UP, ResidueReason.READ_ONLY)
    if code == 321 and "account" in lowered:
        return _LATER  # it is the account that is not known to this login: where the contract trades helps nothing
    if code == 201:
        return _refused(lowered)
    if code == 10148 and lowered.partition("state")[2].strip(" :.") in ("cancelled", "canceled", "apicancelled"):
        return JUST_ENDED
    if code == CANCELLED and "too far" in lowered:
        return Reaction(Effect.ENDED, Remedy.THIN)
    if code == CANCELLED and lowered.partition("reason:")[2].strip():
        return Reaction(Effect.ENDED)
    found = REACTIONS.get(code)
    if found is not None:
        return found
    if 2100 <= code < 2200:
        return _HALTED if code == 2128 else _ALIVE  # warnings
    return _REFUSED


def _refused(lowered: str) -> Reaction:
    """201 says that an order is refused; only its text says why."""
    if "closed" in lowered and ("exchange" in lowered or "market" in lowered):
        return Reaction(Effect.SUSPECT, Remedy.LIMIT, ResidueReason.MARKET_CLOSED)
    if "halt" in lowered:
        return _HALTED
    if _NO_MARKET_ORDERS.search(lowered):
        return Reaction(Effect.SUSPECT, Remedy.LIMIT)
    if "margin" in lowered:
        return _LATER
    return _SMALLER if "size exceeds" in lowered else REACTIONS[201]
