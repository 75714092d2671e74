"""The live view of `qe status --watch`: every login at a glance, drawn from what the guard says, or from the journal.

Draws, and decides nothing. What is old looks old.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from rich.box import HEAVY, ROUNDED
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from engine.cli.limits_command import BAR_WIDTH, NEARLY, bar
from engine.cli.status_words import WORDS
from engine.core.amounts import money_text
from engine.core.restrictions import Kind, State

WIDTH = 58
ROWS_OF_A_LOGIN, ROWS_BUT_LOGINS = 15, 10  # with single positions and orders
ROWS_OF_A_LOGIN_MIN = 12  # with every limit on a line of its own
ALERTS_MAX, ALERTS_MAX_TIGHT = 6, 3
VERIFIED = {
    None: "not verified yet",
    "match": "match",
    "different": "DIFFERENT",
    "unbegun": "not begun yet",
    "not_read": "could not be read",
}
LIMITS = {"daily_loss": "day", "weekly_loss": "week", "monthly_loss": "month", "circuit_breaker": "breaker"}


def view(
    logins: Mapping[str, str],
    states: Mapping[str, State],
    told: Mapping[str, Any] | None,
    guard: Text,
    *,
    drill: str,
    columns: int = 120,
    rows: int = 60,
) -> RenderableType:
    """`logins`: the mode of each by name; `told`: what a guard says now, None: none does; `guard`: a line about it.

    A terminal cuts off what is below its last row: what is wrong stands above the logins, where there is little room
    single positions and orders are left out, and where there is hardly any each login has three lines.
    """
    below = -(-len(logins) // max(1, columns // (WIDTH + 1)))
    engines, width = _engines(told), min(WIDTH, columns)
    alerts = _alerts(told, ALERTS_MAX)
    roomy = rows >= ROWS_BUT_LOGINS + ROWS_OF_A_LOGIN * below
    tight = rows < 4 + len(engines) + len(alerts) + ROWS_OF_A_LOGIN_MIN * below
    if tight:
        alerts = _alerts(told, ALERTS_MAX_TIGHT)
    drawn = _login_in_short if tight else partial(_login, roomy=roomy)
    panels = [
        drawn(name, mode, states[name], None if told is None else told["logins"].get(name), width=width)
        for name, mode in logins.items()
    ]
    now = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
    head = Text.assemble((f"quant-engine  {now}", "bold"), ("   last drill: ", "dim"), drill or "none on record")
    foot = Text("Ctrl-C ends this view, and nothing else", style="dim")
    lines = [head, _banner(states, told), guard.copy(), *engines, *alerts]
    for line in (head, *lines[2:]):  # a row each: they were counted so
        line.truncate(columns, overflow="ellipsis")
    return Group(*lines, Columns(panels, padding=(0, 1)), foot)


def _banner(states: Mapping[str, State], told: Mapping[str, Any] | None) -> Text:
    """What cannot be overlooked."""
    killed = [name for name in states if told is not None and told["logins"].get(name, {}).get("killing")]
    stopped = [name for name, state in states.items() if state.kind in (Kind.HALT, Kind.SHUTDOWN, Kind.REDUCE_ONLY)]
    words = [f"A KILL IS UNDER WAY: {', '.join(killed)}"] * bool(killed) + [
        f"NOT NORMAL: {', '.join(f'{name} {WORDS[states[name].kind][0]}' for name in stopped)}"
    ] * bool(stopped)
    return Text(f" {'  '.join(words)} ", style="bold white on red") if words else Text("")


def _state(state: State, told: Mapping[str, Any] | None) -> Text:
    word, style = WORDS[state.kind]
    text = Text()
    text.append(word, style=style)
    if state.size_factor != 1:
        text.append(f"  size × {state.size_factor}")
    if told is not None and told["killing"]:
        text.append("  ")
        text.append("A KILL IS UNDER WAY", style="bold white on red")
    return text


def _login_in_short(name: str, mode: str, state: State, told: Mapping[str, Any] | None, *, width: int) -> Panel:
    """Three lines: its state and the severest reason; its equity and the limit that is nearest; what it holds."""
    room = width - 4
    text = _state(state, told)
    if state.standing:
        reason = state.standing[0]
        text.append(f"  {reason.cause.value}: {reason.reason}", style="red")
    text.truncate(room, overflow="ellipsis")
    if told is None:
        text.append("\nno guard runs: equity and positions are not known here"[: room + 1], style="dim")
        return _panel(text, name, mode, state, width)
    limits = told["limits"]
    known = limits["equity"] is not None and not limits["stale"]
    near = max((one for one in limits["limits"] if one["used"] is not None), key=_used, default=None)
    if not known:
        text.append("\nequity is not known now", style="yellow")
    else:
        text.append(f"\nequity {money_text(Decimal(limits['equity']), limits['currency'])}")
    if near is not None:
        text.append_text(_limit(near, limits["currency"], room))
    last = Text(f"waiting for {told['waiting_for']}" if told["waiting_for"] else _held(told))
    last.truncate(room, overflow="ellipsis")
    return _panel(text.append("\n").append_text(last), name, mode, state, width)


def _used(one: Mapping[str, Any]) -> Decimal:
    return Decimal(one["used"])


def _panel(text: Text, name: str, mode: str, state: State, width: int) -> Panel:
    style = WORDS[state.kind][1]
    return Panel(text, title=f"{name} ({mode})", box=HEAVY if state.kind else ROUNDED, width=width, border_style=style)


def _login(name: str, mode: str, state: State, told: Mapping[str, Any] | None, *, width: int, roomy: bool) -> Panel:
    text = _state(state, told)
    for one in state.standing[:3]:
        text.append(
            f"\n{one.cause.value}: {one.reason}"[: 3 * WIDTH],
            style="red" if one.kind is not Kind.SIZE_FACTOR else "yellow",
        )
    if told is None:
        text.append("\nno guard runs: equity and positions are not known here", style="dim")
    else:
        _add_facts(text, told, width - 4, roomy=roomy)
    return _panel(text, name, mode, state, width)


def _held(told: Mapping[str, Any]) -> str:
    held = "?" if told["positions"] is None else told["positions"]
    orders = "?" if told["orders"] is None else told["orders"]
    return f"{held} positions, {orders} working orders"


def _add_facts(text: Text, told: Mapping[str, Any], room: int, *, roomy: bool) -> None:
    limits = told["limits"]
    if limits["equity"] is None or limits["stale"]:
        text.append("\nequity is not known now", style="yellow")
    else:
        text.append(f"\nequity {money_text(Decimal(limits['equity']), limits['currency'])}")
    for one in limits["limits"]:
        text.append_text(_limit(one, limits["currency"], room))
    text.append(f"\n{_held(told)}")
    text.append(f"   records: {VERIFIED.get(told['verified'], told['verified'])}", style="dim")
    if roomy:
        _add_things(text, [f"{Decimal(one['quantity']):+f} {one['name']}" for one in told.get("position_list") or ()])
        _add_things(text, list(map(_order, told.get("order_list") or ())))
    if roomy and told.get("connected_s") is not None:
        text.append(f"\nconnected for {_span(told['connected_s'])}", style="dim")
    if told["waiting_for"]:
        text.append(f"\nwaiting for {told['waiting_for']}", style="bold yellow")


def _add_things(text: Text, things: list[str]) -> None:
    """As many as two lines have room for, and how many are not shown."""
    shown, room = 0, 2 * (WIDTH - 4) - len(" and 000 more")
    while shown < len(things) and room >= len(things[shown]) + 2:
        room -= len(things[shown]) + 2
        shown += 1
    if things:
        more = f" and {len(things) - shown} more" if shown < len(things) else ""
        text.append(f"\n{', '.join(things[:shown])}{more}", style="dim")


def _order(one: Mapping[str, Any]) -> str:
    return f"{one['action']} {one['remaining']} {one['name']} {one['order_type']}"


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _limit(one: Mapping[str, Any], currency: str, room: int) -> Text:
    text = Text(f"\n{LIMITS.get(one['limit'], one['limit']):<8}")
    if one["used"] is None:
        return text.append("not known", style="dim")
    used = Decimal(one["used"])
    style = "bold red" if used >= 1 else "yellow" if used >= NEARLY else "green"
    left = f" {money_text(Decimal(one['left']), currency)} left"
    text.append(bar(used, min(BAR_WIDTH, room - len(text) - len(left) + 1)), style=style)
    text.append(left)
    if one.get("override"):
        text.append(f"  OVERRIDDEN by {one['override']['actor']}", style="bold yellow")
    return text


def _engines(told: Mapping[str, Any] | None) -> list[Text]:
    if told is None:
        return []
    lines = []
    for one in told["engines"]:
        silent = one["silent_s"] > 3
        text = f"engine {one['name']}: {'SILENT for' if silent else 'alive,'} {one['silent_s']:.0f} s"
        lines.append(Text(text, style="bold red" if silent else "green"))
    return lines


def _alerts(told: Mapping[str, Any] | None, at_most: int) -> list[Text]:
    """The newest first."""
    if told is None:
        return []
    alerts = told["alerts"]
    open_ = [one for one in alerts["standing"] if not one["acknowledged"]]
    lines = [Text(f"! {one['title']}", style="bold red") for one in open_[::-1][:at_most]]
    if open_:
        lines.append(Text(f"  {len(open_)} not acknowledged: qe ack", style="dim"))
    if alerts["failing"]:
        lines.append(Text(f"alerts cannot be sent: {alerts['failing']}", style="bold red"))
    return lines
