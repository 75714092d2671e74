"""The live view of `qe status --watch`: every login at a glance, drawn from what the guard says, or from the journal.

Draws, and decides nothing. What is old looks old.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.box import HEAVY, ROUNDED
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from engine.cli.limits_command import NEARLY, bar
from engine.cli.status_words import WORDS
from engine.core.amounts import money_text
from engine.core.restrictions import Kind, State

WIDTH = 58
ROWS_OF_A_LOGIN, ROWS_BUT_LOGINS = 15, 10
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

    A terminal cuts off what is below its last row: what is wrong stands above the logins, and where there is little
    room single positions and orders are left out.
    """
    beside = max(1, columns // (WIDTH + 1))
    roomy = rows >= ROWS_BUT_LOGINS + ROWS_OF_A_LOGIN * -(-len(logins) // beside)
    panels = [
        _login(name, mode, states[name], None if told is None else told["logins"].get(name), roomy=roomy)
        for name, mode in logins.items()
    ]
    now = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
    head = Text.assemble((f"quant-engine  {now}", "bold"), ("   last drill: ", "dim"), drill or "none on record")
    foot = Text("Ctrl-C ends this view, and nothing else", style="dim")
    return Group(head, _banner(states), guard, *_engines(told), *_alerts(told), Columns(panels, padding=(0, 1)), foot)


def _banner(states: Mapping[str, State]) -> Text:
    """What cannot be overlooked."""
    stopped = [name for name, state in states.items() if state.kind in (Kind.HALT, Kind.SHUTDOWN, Kind.REDUCE_ONLY)]
    if not stopped:
        return Text("")
    return Text(f" NOT NORMAL: {', '.join(stopped)} ", style="bold white on red")


def _login(name: str, mode: str, state: State, told: Mapping[str, Any] | None, *, roomy: bool) -> Panel:
    word, style = WORDS[state.kind]
    text = Text()
    text.append(word, style=style)
    if state.size_factor != 1:
        text.append(f"  size × {state.size_factor}")
    for one in state.standing[:3]:
        text.append(
            f"\n{one.cause.value}: {one.reason}"[: 3 * WIDTH],
            style="red" if one.kind is not Kind.SIZE_FACTOR else "yellow",
        )
    if told is None:
        text.append("\nnobody watches: no equity, no positions are known", style="dim")
    else:
        _add_facts(text, told, roomy=roomy)
    return Panel(text, title=f"{name} ({mode})", box=HEAVY if state.kind else ROUNDED, width=WIDTH, border_style=style)


def _add_facts(text: Text, told: Mapping[str, Any], *, roomy: bool) -> None:
    limits = told["limits"]
    if limits["equity"] is None or limits["stale"]:
        text.append("\nequity is not known now", style="yellow")
    else:
        text.append(f"\nequity {money_text(Decimal(limits['equity']), limits['currency'])}")
    for one in limits["limits"]:
        text.append_text(_limit(one, limits["currency"]))
    held = "?" if told["positions"] is None else told["positions"]
    orders = "?" if told["orders"] is None else told["orders"]
    text.append(f"\n{held} positions, {orders} working orders")
    text.append(f"   records: {VERIFIED.get(told['verified'], told['verified'])}", style="dim")
    if roomy:
        _add_things(text, [f"{Decimal(one['quantity']):+f} {one['name']}" for one in told.get("position_list") or ()])
        _add_things(text, list(map(_order, told.get("order_list") or ())))
    if roomy and told.get("connected_s") is not None:
        text.append(f"\nconnected for {_span(told['connected_s'])}", style="dim")
    if told["killing"]:
        text.append("\nA KILL IS UNDER WAY", style="bold white on red")
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


def _limit(one: Mapping[str, Any], currency: str) -> Text:
    text = Text(f"\n{LIMITS.get(one['limit'], one['limit']):<8}")
    if one["used"] is None:
        return text.append("not known", style="dim")
    used = Decimal(one["used"])
    style = "bold red" if used >= 1 else "yellow" if used >= NEARLY else "green"
    text.append(bar(used), style=style)
    text.append(f" {money_text(Decimal(one['left']), currency)} left")
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


def _alerts(told: Mapping[str, Any] | None) -> list[Text]:
    if told is None:
        return []
    alerts = told["alerts"]
    open_ = [one for one in alerts["standing"] if not one["acknowledged"]]
    lines = [Text(f"! {one['title']}", style="bold red") for one in open_[:6]]
    if open_:
        lines.append(Text(f"  {len(open_)} not acknowledged: qe ack", style="dim"))
    if alerts["failing"]:
        lines.append(Text(f"alerts cannot be sent: {alerts['failing']}", style="bold red"))
    return lines
