"""A record in one line for people. Pure; programs read the JSON lines of an export."""

from __future__ import annotations

from datetime import datetime, tzinfo
from enum import Enum

import msgspec

from engine.core.amounts import money_text, percent_text
from engine.core.restrictions import Kind, Scope
from engine.journal.events import (
    AnyEvent,
    BaselineSet,
    CashFlow,
    Filled,
    JumpSettled,
    JumpSuspected,
    KillEnded,
    KillPressed,
    Lifted,
    LimitBreached,
    LimitChanged,
    LimitsTaken,
    NotUnderstood,
    OrderIntent,
    OrderRefused,
    OrdersSwept,
    Record,
    Repaired,
    Reset,
    Restricted,
    Snapshot,
    Verified,
)

TEXT_MAX = 200
WHAT_WIDTH = 15  # of the longest name of an event, or nearly
MINUTE_NS = 60_000_000_000
PEAK = "peak"
_PERIODS = {
    "day": "losses of the day",
    "week": "losses of the week",
    "month": "losses of the month",
    PEAK: "losses since the highest equity",
}


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
    return Told(
        record.seq, moment(record.at_ns, zone), _plain(record.actor), what, _plain(_about(event, zone)), _tone(event)
    )


def moment(at_ns: int, zone: tzinfo | None) -> str:
    """A time to the millisecond. One that no calendar has is given as it is."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    try:
        return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S") + f".{rest // 1_000_000:03}"
    except (ValueError, OverflowError, OSError):
        return f"{at_ns} ns"


def minute(at_ns: int, zone: tzinfo | None) -> str:
    """A time to the minute, where more would only be in the way."""
    text = moment(at_ns, zone)
    return text if text.endswith("ns") else text[:16]


def _about(event: AnyEvent, zone: tzinfo | None) -> str:
    match event:
        case Restricted():
            one = event.restriction
            until = "" if one.until_ns is None else f" until {minute(one.until_ns, zone)}"
            factor = f" {one.size_factor}" if one.kind is Kind.SIZE_FACTOR else ""
            return f"{one.scope.login}: {one.kind.value}{factor} by {one.cause.value}{until}: {one.reason}"
        case Lifted():
            aside = " (a limit was overridden)" if event.override else ""
            return f"{event.scope.login}: {event.restriction_id}{aside}: {event.reason}"
        case KillEnded():
            flat = "flat" if event.flat else "NOT flat"
            return f"{_logins(event.scopes)}: {flat} (kill {event.kill_id})"
        case OrderIntent() | OrderRefused():
            return f"{event.scope.login}: {event.action} {event.quantity} {event.symbol}{_how(event)}"
        case OrdersSwept() | Filled():
            return _of_orders(event)
        case Verified():
            return f"{event.scope.login}: {_compared(event)}, {len(event.positions)} positions, {event.orders} orders"
        case BaselineSet() | LimitBreached() | CashFlow() | JumpSuspected() | JumpSettled():
            return f"{event.scope.login}: {_money(event, zone)}"
        case LimitChanged():
            since = "" if not event.effective_ns else f" from {minute(event.effective_ns, zone)}"
            return f"{event.scope.login}: {event.limit} {event.old or '(none)'} → {event.new}{since}: {event.reason}"
        case LimitsTaken():
            values = ", ".join(f"{key} {value}" for key, value in event.values)
            return f"{event.scope.login}: first used with {values}"
        case Snapshot():
            return "what everything before comes to, in one record"
        case Repaired():
            return f"{event.what}{'; every login was halted' if event.alarm else ''}"
        case _:
            return ", ".join(_fields(event, zone))


def _of_orders(event: OrdersSwept | Filled) -> str:
    """What became of orders. Of a sweep: what one program says; what it left may be others' to cancel."""
    if isinstance(event, Filled):
        return f"{event.account}: {event.quantity:+} of contract {event.con_id} at {event.price}"
    parts = [f"{event.scope.login}: client {event.client_id} cancelled {', '.join(event.cancelled) or 'nothing'}"]
    parts += [f"left {', '.join(text for _, text in event.left)}"] if event.left else []
    parts += [f"gone since: {', '.join(text for _, text in event.gone)}"] if event.gone else []
    parts += [f"not known what still works: {event.why}"] if event.why else []
    return "; ".join(parts)


def _how(event: OrderIntent | OrderRefused) -> str:
    if isinstance(event, OrderRefused):
        return f": {', '.join(event.codes)}"
    price = "" if event.limit_price is None else f" {event.limit_price}"
    return f" {event.order_type}{price} ({event.order_ref})"


def _money(event: BaselineSet | LimitBreached | CashFlow | JumpSuspected | JumpSettled, zone: tzinfo | None) -> str:
    match event:
        case BaselineSet():
            counted = _PERIODS.get(event.period, event.period)
            name = "" if event.period == PEAK else f" {event.period_id}"
            as_of = "" if event.as_of_ns is None else f", equity of {minute(event.as_of_ns, zone)}"
            late = "" if event.late_ns < MINUTE_NS else f", {_span(event.late_ns)} after it began"
            return f"{counted}{name} count from {money_text(event.equity, event.currency)}{as_of}{late}"
        case LimitBreached():
            loss = "" if event.loss is None else f" ({money_text(event.loss, event.currency)})"
            lost = f"{percent_text(event.loss_pct)} lost{loss} of {money_text(event.baseline, event.currency)}"
            return f"{event.limit}: {lost}, limit {percent_text(event.limit_pct)}"
        case CashFlow():
            came = "out" if event.amount < 0 else "in"
            shows = ", announced" if event.announced else ""
            amount = money_text(abs(event.amount), event.currency)
            return f"{amount} {came}, {minute(event.effective_ns, zone)}{shows}: {event.note}"
        case JumpSuspected():
            seen = "" if event.seen_ns is None else f", seen {minute(event.seen_ns, zone)}"
            before, after = (money_text(one, event.currency) for one in (event.before, event.after))
            return f"equity went from {before} to {after} and nothing explains it{seen}"
        case JumpSettled():
            return f"the jump of {minute(event.seen_ns, zone)} was profit or loss: {event.reason}"


def _compared(event: Verified) -> str:
    if event.matches:
        return "matches"
    if event.unbegun:
        return f"no records of {', '.join(event.unbegun)} yet"
    count = len(event.differences)
    return f"{count} difference{'' if count == 1 else 's'}"


def _fields(event: AnyEvent, zone: tzinfo | None) -> list[str]:
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
            case int() if field.name.endswith("_ns"):
                parts.append(f"{field.name.removesuffix('_ns')} {minute(value, zone)}")
            case _:
                named = field.name not in ("reason", "text", "what", "note", "why")
                parts.append(f"{field.name} {value}" if named else str(value))
    return parts


def _span(ns: int) -> str:
    """How long, in the largest unit of which there are two."""
    for unit_ns, unit in ((1440 * MINUTE_NS, "days"), (60 * MINUTE_NS, "h")):
        if ns >= 2 * unit_ns:
            return f"{ns // unit_ns} {unit}"
    return f"{ns // MINUTE_NS} min"


def _logins(scopes: tuple[Scope, ...]) -> str:
    return ", ".join(scope.login for scope in scopes)


def _tone(event: AnyEvent) -> Tone:
    match event:
        case Restricted() | KillPressed() | LimitBreached() | NotUnderstood() | KillEnded(flat=False):
            return Tone.STOPS
        case Verified():
            return Tone.PLAIN if event.matches or event.unbegun else Tone.STOPS
        case Lifted() | Reset() | KillEnded(flat=True):
            return Tone.FREES
        case _:
            return Tone.PLAIN


def _plain(text: str) -> str:
    """One line without control characters: what was typed as a reason must not command the terminal."""
    clean = "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))
    return clean if len(clean) <= TEXT_MAX else clean[: TEXT_MAX - 1] + "…"
