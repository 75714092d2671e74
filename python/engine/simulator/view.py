"""How a simulated world looks on a terminal: rich renderables made from its state. Reads, never changes.

Every login is always in the picture: where the terminal is short its lists are cut, and say by how much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
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
LINES = ((60, LINES_MAX), (30, 4), (0, 2))  # from so many rows of the terminal on, so many messages
WIDE_COLUMNS = 160  # from here on logins stand side by side
TITLED_ROWS = 11  # a login with fewer rows has no headings


def owner(view: OrderView) -> str:
    """Whose order it is."""
    request = view.request
    return "TWS" if request.client_id == 0 and request.order_id <= 0 else f"client {request.client_id}"


def money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def signed(amount: Decimal) -> Text:
    """An amount with its sign, coloured by it."""
    return Text(f"{amount:+,.2f}", style="green" if amount > 0 else "red" if amount < 0 else "")


def _table(columns: Sequence[str], right: Sequence[str], *, titled: bool) -> Table:
    """A table whose rows are one line each, however narrow it gets."""
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", show_header=titled)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True, overflow="ellipsis")
    return table


def _more(table: Table, count: int, shown: int) -> None:
    """The row that stands for those that are cut."""
    if shown < count:
        table.add_row("", Text(f"… {count - shown} more", style="dim"))


def _fitting(count: int, rows: int) -> int:
    """How many of a list are shown in so many rows; one row then says how many are not."""
    return count if count <= rows else max(rows - 1, 0)


def _positions(held: Sequence[PositionView], rows: int, *, titled: bool) -> Table:
    columns = ("account", "position", "quantity", "average", "last", "unrealized")
    table = _table(columns, columns[2:], titled=titled)
    shown = _fitting(len(held), rows)
    for view in held[:shown]:
        average = view.avg_cost / view.instrument.multiplier
        table.add_row(
            Text(view.account, style="dim"),
            label(view.instrument),
            f"{view.quantity:+}",
            f"{average:,.2f}",
            f"{view.market_price:f}",
            signed(view.unrealized_pnl),
        )
    if not held:
        table.add_row("", Text("no position", style="bold green"))
    _more(table, len(held), shown)
    return table


def _price(view: OrderView) -> str:
    request = view.request
    prices = [f"{price:f}" for price in (request.lmt_price, view.trail_stop_price or request.aux_price) if price]
    return " / ".join(prices)


def _orders(login: Login, working: Sequence[OrderView], rows: int, *, titled: bool) -> Table:
    table = _table(("owner", "working order", "id", "price", "filled", "status"), ("price", "filled"), titled=titled)
    shown = _fitting(len(working), rows)
    for view in working[:shown]:
        request = view.request
        name = label(login.server.exchange.catalogue[request.con_id])
        number = "" if owner(view) == "TWS" else str(request.order_id)
        table.add_row(
            owner(view),
            f"{request.action} {request.quantity:f} {name} {request.order_type}",
            number,
            _price(view),
            f"{view.filled:f}",
            str(view.status),
        )
    if not working:
        table.add_row("", Text("no working order", style="bold green"))
    _more(table, len(working), shown)
    return table


def _accounts(login: Login, rows: int, *, titled: bool) -> Table:
    columns = ("account", "net liquidation", "day", "unrealized", "realized", "margin")
    table = _table(columns, columns[1:], titled=titled)
    accounts = login.server.exchange.accounts
    shown = _fitting(len(accounts), rows)
    for account in accounts[:shown]:
        values = login.server.exchange.account_values(account)
        table.add_row(
            account,
            Text(money(values.net_liquidation), style="bold"),
            signed(values.daily_pnl),
            signed(values.unrealized_pnl),
            signed(values.realized_pnl),
            money(values.maint_margin),
        )
    _more(table, len(accounts), shown)
    return table


def _links(login: Login) -> Text:
    server = login.server
    clients = ", ".join(str(number) for number in sorted(server.clients)) or "none"
    text = Text(f"clients connected: {clients}", no_wrap=True, overflow="ellipsis")
    if not server.link_up:
        text.append("   no link to IBKR (1100)", style="bold red")
    faults = [fault.kind for fault in server.trouble.in_force()]
    if faults:
        text.append(f"   faults: {', '.join(faults)}", style="yellow")
    return text


def shares(rows: int, wanted: Sequence[int]) -> list[int]:
    """Rows for lists that want so many each: nobody gets more than that, and what is short is shared evenly."""
    given = [0] * len(wanted)
    for _ in range(min(rows, sum(wanted))):
        hungry = [index for index, want in enumerate(wanted) if given[index] < want]
        given[min(hungry, key=given.__getitem__)] += 1
    return given


def login_panel(login: Login, rows: int) -> Panel:
    """Everything about one login, in so many rows of the terminal."""
    exchange = login.exchange
    held, working = list(exchange.positions()), list(exchange.open_orders())
    wanted = [max(len(each), 1) for each in (held, working, exchange.accounts)]
    inside = rows - 2 - 1  # the frame, and the line of the links
    titled = inside >= TITLED_ROWS
    ruled = inside >= sum(wanted) + 6
    for_positions, for_orders, for_accounts = shares(inside - 3 * titled - 3 * ruled, wanted)
    parts: list[RenderableType] = [
        _accounts(login, for_accounts, titled=titled),
        _positions(held, for_positions, titled=titled),
        _orders(login, working, for_orders, titled=titled),
        _links(login),
    ]
    if ruled:
        parts = [part for each in parts for part in (Rule(style="dim"), each)][1:]
    ports = ", ".join(str(port) for port in login.ports)
    flat = "  [bold green]FLAT[/]" if login.is_flat() else ""
    colour = "red" if login.mode == "live" else "blue"
    title = f"[bold]{login.name}[/] ({login.mode})  port {ports}{flat}"
    return Panel(Group(*parts), title=title, border_style=colour, height=None if ruled else rows)


def world_view(world: World, recent: deque[Entry], *, columns: int, rows: int) -> RenderableType:
    """The whole picture: logins side by side where there is room, with the last messages below."""
    messages = next(lines for least, lines in LINES if rows >= least)
    now = local(world.clock.now_ns())
    speed = "" if world.clock.speed == 1 else f"  {world.clock.speed:g}x"
    head = Text(f"{world.title}   {now:%A %d %B %Y %H:%M:%S} New York{speed}", style="bold", no_wrap=True)
    logins = list(world.logins.values())
    left = rows - 1 - (messages + 2)
    picture: RenderableType
    if columns >= WIDE_COLUMNS:
        grid = Table.grid(expand=True, padding=(0, 1))
        for _ in logins:
            grid.add_column(ratio=1)
        grid.add_row(*(login_panel(login, left) for login in logins))
        picture = grid
    else:
        picture = Group(*(login_panel(login, left // len(logins)) for login in logins))
    lines = Text("\n".join(line(entry) for entry in list(recent)[-messages:]), no_wrap=True, overflow="ellipsis")
    return Group(head, picture, Panel(lines, title="messages", border_style="dim", height=messages + 2))


def line(entry: Entry) -> str:
    """One message as a line with its simulated time."""
    return f"{local(entry.at_ns):%H:%M:%S}.{entry.at_ns // 1_000_000 % 1000:03d}  {entry.line()}"
