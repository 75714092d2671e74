"""A record in one line for people. Pure; programs read the JSON lines of an export."""

from __future__ import annotations

from datetime import datetime, tzinfo
from enum import Enum

import msgspec

from engine.core.restrictions import Kind, Scope
from engine.journal.events import (
    AnyEvent,
    Filled,
    KillEnded,
    KillPressed,
    Lifted,
    LimitBreached,
    LimitsTaken,
    NotUnderstood,
    OrderIntent,
    Record,
    Reset,
    Restricted,
    Verified,
)

TEXT_MAX = 200
WHAT_WIDTH = 15  # of the longest name of an event, or nearly


class Tone(Enum):
    """How a line is shown."""

    STOPS = "stops"
    FREES = "frees"
    PLAIN = "plain"


class Told(msgspec.Struct, frozen=True):
    """The parts of a line."""

    seq: int
    when: str
    actor: str
    what: str
    about: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.seq:>6}  {self.when}  {self.what:<{WHAT_WIDTH}}  {self.about}  [{self.actor}]"


def told(record: Record, zone: tzinfo | None) -> Told:
    """A record as a line; times in `zone` (None: as the system is set)."""
    event = record.event
    what = str(event.__struct_config__.tag).replace("_", " ")
    if isinstance(event, NotUnderstood):
        what = event.kind.replace("_", " ") or what
    return Told(record.seq, moment(record.at_ns, zone), _plain(record.actor), what, _about(event), _tone(event))


def moment(at_ns: int, zone: tzinfo | None) -> str:
    """A time to the millisecond. One that no calendar has is given as it is."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    try:
        return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S") + f".{rest // 1_000_000:03}"
    except (ValueError, OverflowError, OSError):
        return f"{at_ns} ns"


def _about(event: AnyEvent) -> str:
    match event:
        case Restricted():
            one = event.restriction
            until = "" if one.until_ns is None else f" until {moment(one.until_ns, None)}"
            factor = f" {one.size_factor}" if one.kind is Kind.SIZE_FACTOR else ""
            return _plain(f"{one.scope.login}: {one.kind.value}{factor} by {one.cause.value}{until}: {one.reason}")
        case KillEnded():
            flat = "flat" if event.flat else "NOT flat"
            return _plain(f"{_logins(event.scopes)}: {flat} (kill {event.kill_id})")
        case OrderIntent():
            price = "" if event.limit_price is None else f" {event.limit_price}"
            order = f"{event.action} {event.quantity} {event.symbol} {event.order_type}{price}"
            return _plain(f"{event.scope.login}: {order} ({event.order_ref})")
        case Filled():
            return _plain(f"{event.account}: {event.quantity:+} of contract {event.con_id} at {event.price}")
        case LimitBreached():
            lost = f"{event.loss_pct} % lost of {event.baseline} {event.currency}"
            return _plain(f"{event.scope.login}: {event.limit}: {lost}, limit {event.limit_pct} %")
        case LimitsTaken():
            values = ", ".join(f"{key} {value}" for key, value in event.values)
            return _plain(f"{event.scope.login}: first used with {values}")
        case Verified():
            found = "matches" if event.matches else f"{len(event.differences)} differences"
            return _plain(f"{event.scope.login}: {found}, {len(event.positions)} positions, {event.orders} orders")
        case _:
            return _plain(", ".join(_fields(event)))


def _fields(event: AnyEvent) -> list[str]:
    """Every field that says something; what is data for programs is left out."""
    parts: list[str] = []
    for field in msgspec.structs.fields(event):
        value = getattr(event, field.name)
        if value == field.default:
            continue
        match value:
            case Scope():
                parts.insert(0, value.login)
            case msgspec.Raw():
                continue
            case tuple() if value and all(isinstance(one, Scope) for one in value):
                parts.insert(0, _logins(value))
            case tuple():
                parts.append(f"{field.name} {len(value)}")
            case _:
                named = field.name not in ("reason", "text", "what", "note", "why")
                parts.append(f"{field.name} {value}" if named else str(value))
    return parts


def _logins(scopes: tuple[Scope, ...]) -> str:
    return ", ".join(scope.login for scope in scopes)


def _tone(event: AnyEvent) -> Tone:
    match event:
        case Restricted() | KillPressed() | LimitBreached() | NotUnderstood() | KillEnded(flat=False):
            return Tone.STOPS
        case Verified():
            return Tone.PLAIN if event.matches else Tone.STOPS
        case Lifted() | Reset() | KillEnded(flat=True):
            return Tone.FREES
        case _:
            return Tone.PLAIN


def _plain(text: str) -> str:
    """One line without control characters: what was typed as a reason must not command the terminal."""
    clean = "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))
    return clean if len(clean) <= TEXT_MAX else clean[: TEXT_MAX - 1] + "…"
