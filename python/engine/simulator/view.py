"""How a simulated world looks on a terminal: rich renderables made from its state. Reads, never changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from engine.simulator.exchange import OrderView, PositionView
from engine.simulator.server import Entry, Kind, Login, World
from engine.simulator.server.naming import label
from engine.simulator.server.times import local

SPOKEN = (Kind.CONNECTED, Kind.REQUEST, Kind.MALFORMED, Kind.FILL, Kind.FAULT, Kind.LOST)
LINES_MAX = 12
LINES_MIN = 4
TALL_ROWS = 60


def owner(view: OrderView) -> str:
    """Whose order it is."""
    request = view.request
    return "TWS" if request.client_id == 0 and request.order_id <= 0 else f"client {request.client_id}"


def money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def signed(amount: Decimal) -> Text:
    """An amount with its sign, coloured by it."""
    return Text(f"{amount:+,.2f}", style="green" if amount > 0 else "red" if amount < 0 else "")


def _positions(held: Iterable[PositionView]) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim")
    table.add_column("account", style="dim")
    table.add_column("position")
    for name in ("quantity", "average", "last", "unrealized"):
        table.add_column(name, justify="right")
    for view in held:
        average = view.avg_cost / view.instrument.multiplier
        table.add_row(
            view.account,
            label(view.instrument),
            f"{view.quantity:+}",
            f"{average:,.2f}",
            f"{view.market_price:f}",
            signed(view.unrealized_pnl),
        )
    if not table.row_count:
        table.add_row("", Text("no position", style="bold green"))
    return table


def _price(view: OrderView) -> str:
    request = view.request
    prices = [f"{price:f}" for price in (request.lmt_price, view.trail_stop_price or request.aux_price) if price]
    return " / ".join(prices)


def _orders(login: Login, working: Iterable[OrderView]) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim")
    for name in ("owner", "id", "working order", "price", "filled", "status"):
        table.add_column(name, justify="right" if name in ("price", "filled") else "left")
    for view in working:
        request = view.request
        name = label(login.server.exchange.catalogue[request.con_id])
        number = "" if owner(view) == "TWS" else str(request.order_id)
        table.add_row(
            owner(view),
            number,
            f"{request.action} {request.quantity:f} {name} {request.order_type}",
            _price(view),
            f"{view.filled:f}",
            str(view.status),
        )
    if not table.row_count:
        table.add_row("", "", Text("no working order", style="bold green"))
    return table


def _accounts(login: Login) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1))
    for name in ("account", "net liquidation", "day", "unrealized", "realized", "margin"):
        table.add_column(name, justify="left" if name == "account" else "right", header_style="dim")
    for account in login.server.exchange.accounts:
        values = login.server.exchange.account_values(account)
        table.add_row(
            account,
            Text(money(values.net_liquidation), style="bold"),
            signed(values.daily_pnl),
            signed(values.unrealized_pnl),
            signed(values.realized_pnl),
            money(values.maint_margin),
        )
    return table


def _links(login: Login) -> Text:
    server = login.server
    clients = ", ".join(str(number) for number in sorted(server.clients)) or "none"
    text = Text(f"clients connected: {clients}")
    if not server.link_up:
        text.append("   no link to IBKR (1100)", style="bold red")
    faults = [fault.kind for fault in server.trouble.in_force()]
    if faults:
        text.append(f"   faults: {', '.join(faults)}", style="yellow")
    return text


def login_panel(login: Login) -> Panel:
    """Everything about one login."""
    exchange = login.exchange
    ports = ", ".join(str(port) for port in login.ports)
    flat = "  [bold green]FLAT[/]" if login.is_flat() else ""
    body = Group(
        _accounts(login),
        Rule(style="dim"),
        _positions(exchange.positions()),
        Rule(style="dim"),
        _orders(login, exchange.open_orders()),
        Rule(style="dim"),
        _links(login),
    )
    colour = "red" if login.mode == "live" else "blue"
    return Panel(body, title=f"[bold]{login.name}[/] ({login.mode})  port {ports}{flat}", border_style=colour)


def world_view(world: World, recent: deque[Entry], *, wide: bool, tall: bool) -> RenderableType:
    """The whole picture: logins side by side where there is room, with the last messages below."""
    rows = LINES_MAX if tall else LINES_MIN
    now = local(world.clock.now_ns())
    speed = "" if world.clock.speed == 1 else f"  {world.clock.speed:g}x"
    head = Text(f"{world.title}   {now:%A %d %B %Y %H:%M:%S} New York{speed}", style="bold")
    panels = [login_panel(login) for login in world.logins.values()]
    if wide:
        grid = Table.grid(expand=True, padding=(0, 1))
        for _ in panels:
            grid.add_column(ratio=1)
        grid.add_row(*panels)
        logins: RenderableType = grid
    else:
        logins = Group(*panels)
    lines = Text("\n".join(line(entry) for entry in list(recent)[-rows:]), no_wrap=True, overflow="ellipsis")
    return Group(head, logins, Panel(lines, title="messages", border_style="dim", height=rows + 2))


def line(entry: Entry) -> str:
    """One message as a line with its simulated time."""
    return f"{local(entry.at_ns):%H:%M:%S}.{entry.at_ns // 1_000_000 % 1000:03d}  {entry.line()}"
