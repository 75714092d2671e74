"""What the cockpit shows, as one value: made of what the guard tells and what the journal says. Pure.

What nobody knows is None here, never zero. What is old is marked, whatever it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from engine.core.amounts import money_text
from engine.core.restrictions import Kind, State
from engine.core.resume import Obstacle
from engine.journal.telling import moment

NEARLY = Decimal("0.75")  # of a limit that is used: from here on it is a warning
SECOND_NS = 1_000_000_000
LIMIT_NAMES = {
    "daily_loss": "Daily loss",
    "weekly_loss": "Weekly loss",
    "monthly_loss": "Monthly loss",
    "circuit_breaker": "Circuit breaker",
}
_WORDS = {
    None: ("MAY TRADE", "ok"),
    Kind.SIZE_FACTOR: ("SMALLER", "warn"),
    Kind.REDUCE_ONLY: ("REDUCE ONLY", "warn"),
    Kind.HALT: ("HALTED", "stop"),
    Kind.SHUTDOWN: ("SHUT DOWN", "stop"),
}


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. `used_pct` None: not known, and `unknown` says why. `level`: today's P&L at which it is crossed.
    `overridden`: it was crossed, and a person has set that aside.
    """

    name: str
    limit_pct: str
    used_pct: int | None
    left: str
    tone: str
    action: str
    crossed: bool
    unknown: str
    overridden: str = ""  # by whom, when and why
    level: float | None = None


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a login may do less."""

    kind: str
    cause: str
    reason: str
    actor: str
    since_ns: int
    until_ns: int | None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A login. Positions and orders None: not known; `link`: in words. `stale`: nobody sees the login now;
    `money_stale`: nor what it is worth.
    """

    name: str
    mode: str
    word: str
    tone: str
    why: tuple[Why, ...]
    equity: str | None
    equity_why: str
    pnl: float | None
    pnl_text: str | None
    bars: tuple[Bar, ...]
    equity_at_ns: int | None  # when it was so; None: not known
    pnl_at_ns: int | None
    positions: tuple[dict[str, Any], ...] | None
    orders: tuple[dict[str, Any], ...] | None
    link: str
    link_tone: str
    stale: bool
    money_stale: bool
    notes: tuple[str, ...]
    incidents: tuple[str, ...]
    obstacles: tuple[Obstacle, ...] | None  # in the way of going on; None: not known
    may_reset: bool
    killing: bool
    day_ns: int | None = None  # when the trading day began; None: not known
    records: str = ""  # what the guard found when it held our records against the broker's


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `guard`: live, silent, none. `banner`: what is not normal, the worst first; empty: all is."""

    at_ns: int
    guard: str
    guard_text: str
    cards: tuple[Card, ...]
    banner: tuple[str, ...]
    engines: tuple[str, ...]
    alerts: tuple[dict[str, Any], ...]
    last_drill: str
    faults: tuple[str, ...]

    @property
    def word(self) -> str:
        """Over the banner: what is the matter, in a word or two."""
        if any(card.tone == "stop" for card in self.cards):
            return "STOPPED"
        return "NOT WATCHED" if self.guard == "silent" else "NOT NORMAL"

    @property
    def tone(self) -> str:
        """Of the whole: the worst of its cards, and of what stands in the banner."""
        tones = [card.tone for card in self.cards]
        if "stop" in tones or self.guard == "silent":
            return "stop"
        return "warn" if self.banner else "ok"


def unseen() -> Picture:
    """Nothing could be read yet."""
    text = "The cockpit could not read anything yet: nothing is known here. The switch works all the same"
    return Picture(
        at_ns=0,
        guard="none",
        guard_text=text,
        cards=(),
        banner=(text,),
        engines=(),
        alerts=(),
        last_drill="",
        faults=(),
    )


class LoginRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says of one login: there is always something to show, guard or no guard."""

    name: str
    mode: str
    state: State
    limits: dict[str, Any]  # as engine.guard.telling.limits_data has them, marked as stale
    notes: tuple[str, ...]
    incidents: tuple[str, ...]
    obstacles: tuple[Obstacle, ...] | None
    day_ns: int | None = None
    last_pnl: tuple[int, float] | None = None  # the last of today's that the guard has kept: in Unix seconds, how much


class GuardWord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the guard. `told` None: it does not answer; `age_s`: of its last sign of life."""

    told: Mapping[str, Any] | None
    age_s: float | None
    fresh: bool
    why: str = ""
    died: bool = False  # by its lock


def picture(
    records: Sequence[LoginRecord],
    guard: GuardWord,
    *,
    now_ns: int,
    journal_trouble: str | None,
    last_drill: str,
    faults: tuple[str, ...],
) -> Picture:
    """Put together what there is."""
    told = guard.told
    logins = {} if told is None else told.get("logins", {})
    word, text = _guard(guard)
    cards = tuple(_card(one, logins.get(one.name), guard=word) for one in records)
    alerts = () if told is None else tuple(_alert(one, now_ns) for one in told.get("alerts", {}).get("standing", ()))
    engines = () if told is None else tuple(_engine(one) for one in told.get("engines", ()))
    banner = _banner(cards, word, text, alerts, journal_trouble, faults)
    return Picture(
        at_ns=now_ns,
        guard=word,
        guard_text=text,
        cards=cards,
        banner=banner,
        engines=engines,
        alerts=alerts,
        last_drill=last_drill,
        faults=faults,
    )


def _guard(guard: GuardWord) -> tuple[str, str]:
    if guard.told is not None:
        return "live", f"The guard watches (process {guard.told.get('pid')})"
    if guard.age_s is None:
        return "none", "No guard runs: nobody watches the limits while no engine does"
    if guard.died:
        return "silent", "The guard HAS DIED: nobody watches. Start it anew: qe guard run"
    if guard.fresh:
        return "silent", f"The guard lives and does not answer: {guard.why}"
    return "silent", f"The guard has been SILENT for {guard.age_s:.0f} s: it hangs or has died"


def _banner(
    cards: Sequence[Card],
    guard: str,
    guard_text: str,
    alerts: Sequence[Mapping[str, Any]],
    journal_trouble: str | None,
    faults: tuple[str, ...],
) -> tuple[str, ...]:
    """The worst first: a page shows three, and the others where somebody asks for them."""
    lines = [f"{card.name}: a KILL is at work" for card in cards if card.killing]
    if guard == "silent":  # whatever stands below, nobody watches over it
        lines.append(guard_text)
    if journal_trouble:
        lines.append(f"The journal: {journal_trouble.removeprefix('the journal: ')}")
    for card in cards:
        if card.tone in ("stop", "warn") and card.why:
            first = card.why[0]
            lines.append(f"{card.name}: {card.word} ({first.cause.replace('_', ' ')}): {first.reason}")
        elif card.tone == "unknown" and guard == "live":  # else it is said of the guard
            lines.append(f"{card.name}: {card.link}")
    if guard == "none":
        lines.append(guard_text)
    lines += [f"{card.name}: incident {', '.join(card.incidents)} is open" for card in cards if card.incidents]
    lines += [f"Configuration: {fault}" for fault in faults]
    titles = [str(one.get("title", "")) for one in alerts if not one.get("acknowledged")]
    lines += [f"Alert: {title}" for title in titles if not any(title.split(":")[0] in line for line in lines)]
    return tuple(lines)


def _card(record: LoginRecord, live: Mapping[str, Any] | None, *, guard: str) -> Card:
    state = record.state
    word, tone = _WORDS[state.kind]
    limits = record.limits if live is None else live.get("limits", record.limits)
    stale = live is None or not live.get("connected")
    killing = bool(live and live.get("killing"))
    link, link_tone = _link(live)
    if tone == "ok" and (guard == "silent" or (live is not None and link_tone != "ok")):
        word, tone = "NOT SEEN", "unknown"
    if killing:
        word, tone = "KILLING", "stop"
    currency = str(limits.get("currency", ""))
    money_stale = stale or bool(limits.get("stale"))
    pnl, at_ns = _pnl(limits), limits.get("equity_at_ns")
    shown, shown_at_ns = _newest(pnl, at_ns, record.last_pnl if money_stale else None)
    return Card(
        name=record.name,
        mode=record.mode,
        word=word,
        tone=tone,
        why=_why(state),
        equity=None if limits.get("equity") is None else money_text(Decimal(limits["equity"]), currency),
        equity_why="; ".join(dict.fromkeys(filter(None, limits.get("unknown", ())))),
        pnl=None if shown is None else float(shown),
        pnl_text=None if shown is None else money_text(shown, currency),
        equity_at_ns=at_ns,
        pnl_at_ns=shown_at_ns,
        bars=tuple(_bar(one, currency, pnl) for one in limits.get("limits", ())),
        positions=_list(live, "position_list"),
        orders=_list(live, "order_list"),
        link=link,
        link_tone=link_tone,
        stale=stale,
        money_stale=money_stale,
        notes=record.notes,
        incidents=record.incidents,
        obstacles=record.obstacles,
        may_reset=state.kind is Kind.SHUTDOWN,
        killing=killing,
        day_ns=record.day_ns,
        records=str((live or {}).get("verified") or ""),
    )


def _why(state: State) -> tuple[Why, ...]:
    """The severest first. What two programs have said in the same words is said once."""
    found: dict[tuple[object, ...], Why] = {}
    for one in state.standing:
        why = Why(
            kind=one.kind.value,
            cause=one.cause.value,
            reason=one.reason,
            actor=one.actor,
            since_ns=one.since_ns,
            until_ns=one.until_ns,
        )
        found.setdefault((one.kind, one.cause, one.reason, one.until_ns), why)
    return tuple(found.values())


def _link(live: Mapping[str, Any] | None) -> tuple[str, str]:
    if live is None:
        return "not watched: no guard tells what this login holds", "unknown"
    if live.get("connected"):
        return "connected", "ok"
    waiting = live.get("waiting_for")
    return f"NOT CONNECTED: {waiting}" if waiting else "NOT CONNECTED", "stop"


def _list(live: Mapping[str, Any] | None, what: str) -> tuple[dict[str, Any], ...] | None:
    found = None if live is None else live.get(what)
    return None if found is None else tuple(found)


def _pnl(limits: Mapping[str, Any]) -> Decimal | None:
    """Today's profit or loss: the loss that the daily limit counts, with the other sign."""
    for one in limits.get("limits", ()):
        if one["limit"] == "daily_loss" and one["loss"] is not None:
            return -Decimal(one["loss"])
    return None


def _newest(
    pnl: Decimal | None, at_ns: int | None, kept: tuple[int, float] | None
) -> tuple[Decimal | None, int | None]:
    """What is on record is from the day's first minute, perhaps; the guard has kept a line of the day since."""
    if kept is not None and (pnl is None or at_ns is None or kept[0] * SECOND_NS > at_ns):
        return Decimal(str(kept[1])), kept[0] * SECOND_NS
    return pnl, at_ns


def _bar(one: Mapping[str, Any], currency: str, pnl: Decimal | None) -> Bar:
    used, left = one.get("used"), one.get("left")
    name = LIMIT_NAMES.get(one["limit"], str(one["limit"]).replace("_", " "))
    if used is None or left is None:
        pct, text, tone, level = None, "not known", "unknown", None
    else:
        share = Decimal(used)
        pct = max(0, min(999, int(share * 100)))
        text = f"{money_text(Decimal(left), currency)} left"
        tone = "stop" if share >= 1 else "warn" if share >= NEARLY else "ok"
        level = None if pnl is None else float(pnl - Decimal(left))
    return Bar(
        name=name,
        limit_pct=one["limit_pct"],
        used_pct=pct,
        left=text,
        tone="warn" if one.get("override") else "stop" if one.get("acted") else tone,
        action=str(one["action"]).replace("_", " "),
        crossed=bool(one.get("acted")),
        overridden=_overridden(one.get("override")),
        unknown=one.get("unknown") or "",
        level=level,
    )


def _overridden(one: Mapping[str, Any] | None) -> str:
    return "" if one is None else f"by {one['actor']}, {moment(one['at_ns'], None)[:16]}: {one['reason']}"


def _alert(one: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
    """With the moment since which it stands, and its first line: some are whole reports."""
    first = str(one.get("text", "")).strip().partition("\n")[0].strip()
    return {**one, "since_ns": now_ns - round(one.get("standing_s", 0)) * SECOND_NS, "first": first}


def _engine(one: Mapping[str, Any]) -> str:
    text = f"{one['name']}: last sign of life {one['silent_s']:.0f} s ago"
    return text if one.get("reached") is None else f"{text}, {one['reached']}"
