"""A drill as it happens: a picture that moves on a terminal, lines anywhere else. Shows, and decides nothing."""

from __future__ import annotations

import time
from collections import Counter, deque
from decimal import Decimal

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from engine.desk.exchange_truth import Holding, LoginTruth, Truth
from engine.simulator.scenario import Scenario

TIMELINE_LINES = 16
HOLDINGS_MAX = 12
PANEL_COLUMNS = 46
PULLED = "THE SWITCH IS PULLED"


class PlainView:
    """Lines, for logs, pipes and dumb terminals."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_market = 0.0

    def opened(self, scenario: Scenario, truth: Truth) -> None:
        self._say(f"drill: {scenario.title} (simulated; not real money)")
        for login in truth.logins.values():
            orders = ", ".join(f"{count} of {owner}" for owner, count in _owners(login))
            self._say(
                f"{login.name}: {len(login.holdings)} positions, {len(login.resting)} orders ({orders or 'none'})"
            )
            for holding in login.holdings:
                self._say(f"  {holding.quantity:>+7f} {holding.name}")

    def market(self, truth: Truth, left_s: float) -> None:
        if time.monotonic() >= self._next_market:
            self._next_market = time.monotonic() + 1
            days = ", ".join(f"{login.name} {login.day:+,.2f}" for login in truth.logins.values())
            self._say(f"the market moves: {days}; the switch in {left_s:.0f} s")

    def pressed(self) -> None:
        self._say(f"{PULLED}: qe kill")

    def said(self, line: str) -> None:
        self._say(line)

    def look(self, truth: Truth) -> None: ...

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class MovingView:
    """A picture that is drawn anew: what each login really holds, and what the kill says."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._scenario: Scenario | None = None
        self._truth: Truth | None = None
        self._rows: dict[str, int] = {}
        self._phase = Text()
        self._lines: deque[str] = deque(maxlen=TIMELINE_LINES)

    def __enter__(self) -> MovingView:
        self._live.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._live.stop()

    def opened(self, scenario: Scenario, truth: Truth) -> None:
        self._scenario = scenario
        self._rows = {name: min(len(login.holdings), HOLDINGS_MAX) for name, login in truth.logins.items()}
        self.look(truth)

    def market(self, truth: Truth, left_s: float) -> None:
        self._phase = Text(f"The market moves. The switch is pulled in {left_s:.1f} s.")
        self.look(truth)

    def pressed(self) -> None:
        self._phase = Text(f" {PULLED} ", style="bold white on red") + Text("  qe kill, every login at once")
        self._draw()

    def said(self, line: str) -> None:
        self._lines.append(line)
        self._draw()

    def look(self, truth: Truth) -> None:
        self._truth = truth
        self._draw()

    def picture(self) -> RenderableType:
        """All of it as it stands."""
        if self._scenario is None or self._truth is None:
            return Text("starting a simulated TWS …")
        head = Text.assemble((f"Drill: {self._scenario.title}", "bold"), "   simulated, not real money")
        panels = [login_panel(login, self._rows[name]) for name, login in self._truth.logins.items()]
        lines = Text("\n".join(self._lines), no_wrap=True, overflow="ellipsis")
        height = TIMELINE_LINES + 2 if self._lines else None
        timeline = [Panel(lines, title="what the kill says", border_style="dim", height=height)] if self._lines else []
        return Group(head, Columns(panels), self._phase, *timeline)

    def _draw(self) -> None:
        self._live.update(self.picture(), refresh=True)


def login_panel(login: LoginTruth, rows: int) -> Panel:
    """What one login really holds, on the exchange. Always of one height, so that nothing jumps."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify="right", width=6)
    table.add_column(no_wrap=True, ratio=1)
    table.add_column(justify="right", width=12)
    shown = login.holdings if len(login.holdings) <= rows else login.holdings[: rows - 1]
    for holding in shown:
        table.add_row(f"{holding.quantity:+f}", holding.name, _gain(holding))
    if len(shown) < len(login.holdings):
        table.add_row("", f"and {len(login.holdings) - len(shown)} more", "")
    for _ in range(rows - table.row_count):
        table.add_row("", "", "")
    owners = ", ".join(f"{owner}: {count}" for owner, count in _owners(login))
    orders = Text(f"{len(login.resting)} orders  {owners}" if login.resting else "no working orders", style="dim")
    verdict = Text(" FLAT on the exchange ", style="bold white on green") if login.flat else Text("")
    title = f"[bold]{login.name}[/]  {login.mode}, port {login.port}"
    style = "green" if login.flat else "red" if login.mode == "live" else "blue"
    day = Text.assemble("today ", _money(login.day))
    return Panel(Group(table, orders, day, verdict), title=title, width=PANEL_COLUMNS, border_style=style)


def _owners(login: LoginTruth) -> list[tuple[str, int]]:
    return sorted(Counter(order.owner for order in login.resting).items())


def _gain(holding: Holding) -> Text:
    return _money(holding.unrealized)


def _money(amount: Decimal) -> Text:
    return Text(f"{amount:+,.2f}", style="green" if amount > 0 else "red" if amount < 0 else "dim")
