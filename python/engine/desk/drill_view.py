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

from engine.desk.exchange_truth import LoginTruth, Truth
from engine.simulator.scenario import Scenario

TIMELINE_LINES = 20  # for each login
TIMELINE_HEAD = 4  # of them for how it began
REMARKS_MAX = 6
HOLDINGS_MAX = 12
PANEL_COLUMNS_MIN, PANEL_COLUMNS_MAX = 39, 60
TIME_COLUMNS = 7
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
        self._at_first: Truth | None = None
        self._phase = Text()
        self._remarks: deque[str] = deque(maxlen=REMARKS_MAX)
        self._lines: dict[str, list[str]] = {}

    def __enter__(self) -> MovingView:
        self._live.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._live.stop()

    def opened(self, scenario: Scenario, truth: Truth) -> None:
        self._scenario = scenario
        self._at_first = truth
        self._lines = {name: [] for name in truth.logins}
        self.look(truth)

    def market(self, truth: Truth, left_s: float) -> None:
        self._phase = Text(f"The market moves. The switch is pulled in {left_s:.1f} s.")
        self.look(truth)

    def pressed(self) -> None:
        self._phase = Text.assemble((f" {PULLED} ", "bold white on red"), "  qe kill, every login at once")
        self._draw()

    def said(self, line: str) -> None:
        time_s, _, rest = line.partition(" s ")
        name, *words = rest.split() or [""]
        if name in self._lines:
            self._lines[name].append(f"{time_s.strip():>{TIME_COLUMNS}} {' '.join(words)}")
        else:
            self._remarks.append(line)
        self._draw()

    def look(self, truth: Truth) -> None:
        self._truth = truth
        self._draw()

    def picture(self) -> RenderableType:
        """All of it as it stands."""
        if self._scenario is None or self._truth is None or self._at_first is None:
            return Text("starting a simulated TWS …")
        head = Text.assemble((f"Drill: {self._scenario.title}", "bold"), "   simulated, not real money")
        columns = min(max(self._live.console.width // 2 - 1, PANEL_COLUMNS_MIN), PANEL_COLUMNS_MAX)
        panels = [
            login_panel(login, self._at_first.logins[name], columns) for name, login in self._truth.logins.items()
        ]
        said = self._lines if any(self._lines.values()) else {}
        timelines = [timeline_panel(name, lines, columns) for name, lines in said.items()]
        remarks = [Text(remark, style="yellow") for remark in self._remarks]
        return Group(head, Columns(panels), self._phase, *remarks, Columns(timelines))

    def _draw(self) -> None:
        self._live.update(self.picture(), refresh=True)


def login_panel(login: LoginTruth, at_first: LoginTruth, columns: int) -> Panel:
    """What one login really holds, on the exchange, beside what it held at first. Of one height: nothing jumps."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify="right", width=6)
    table.add_column(no_wrap=True, ratio=1)
    table.add_column(justify="right", width=12)
    now = {(holding.account, holding.name): holding for holding in login.holdings}
    first = at_first.holdings
    for was in first if len(first) <= HOLDINGS_MAX else first[: HOLDINGS_MAX - 1]:
        holding = now.get((was.account, was.name))
        if holding is not None:
            table.add_row(f"{holding.quantity:+f}", holding.name, _money(holding.unrealized))
        else:
            table.add_row(Text(f"{was.quantity:+f}", "dim"), Text(was.name, "dim"), Text("closed", "green"))
    if len(first) > HOLDINGS_MAX:
        table.add_row("", f"and {len(first) - HOLDINGS_MAX + 1} more", f"{len(login.holdings)} open")
    owners = "  ".join(f"{owner}: {count}" for owner, count in _owners(login))
    gone = f"no working order is left of {len(at_first.resting)}"
    orders = [Text(f"{len(login.resting)} working orders"), Text(owners, "dim", no_wrap=True, overflow="ellipsis")]
    verdict = Text.assemble((" FLAT on the exchange ", "bold white on green")) if login.flat else Text("")
    title = f"[bold]{login.name}[/]  {login.mode}, port {login.port}"
    style = "green" if login.flat else "red" if login.mode == "live" else "blue"
    lines = orders if login.resting else [Text(gone), Text("")]
    foot = Table.grid(expand=True)
    foot.add_column()
    foot.add_column(justify="right")
    foot.add_row(verdict, Text.assemble("today ", _money(login.day)))
    return Panel(Group(table, Text(""), *lines, foot), title=title, width=columns, border_style=style)


def _owners(login: LoginTruth) -> list[tuple[str, int]]:
    return sorted(Counter(order.owner for order in login.resting).items())


def _money(amount: Decimal) -> Text:
    return Text(f"{amount:+,.2f}", style="green" if amount > 0 else "red" if amount < 0 else "dim")


def timeline_panel(name: str, lines: list[str], columns: int) -> Panel:
    """What the kill said of one login: how it began, and what came last."""
    shown = lines
    if len(lines) > TIMELINE_LINES:
        shown = [*lines[:TIMELINE_HEAD], " " * TIME_COLUMNS + " …", *lines[TIMELINE_HEAD + 1 - TIMELINE_LINES :]]
    text = Text("\n", no_wrap=True, overflow="ellipsis").join(map(_said, shown))
    return Panel(text, title=f"qe kill: {name}", width=columns, border_style="dim", height=TIMELINE_LINES + 2)


def _said(line: str) -> Text:
    """A line of the timeline with its time held back."""
    return Text.assemble((line[:TIME_COLUMNS], "dim"), line[TIME_COLUMNS:])
