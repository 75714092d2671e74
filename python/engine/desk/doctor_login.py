"""What would make the switch fail on one login, asked of its TWS under a client id of the kill's. Places nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from typing import TypeVar

import msgspec

from engine.broker.closing_right import SIMULATED_WORLD
from engine.broker.collect import CompletedOrders
from engine.broker.failures import LinkFailure
from engine.broker.inquiry import Complete, Outcome, Then
from engine.broker.link import Link, LinkSettings
from engine.broker.login import PNL_IS_WHOLE_SINCE
from engine.broker.preview import preview_margin
from engine.broker.reads import Reads, answer
from engine.config.plan import Place
from engine.core.contracts import Contract
from engine.core.facts import Details, PositionFact, Quote, QuoteKind, WorkingOrder
from engine.core.hours import Session, session_at
from engine.core.known import Known
from engine.desk.findings import Finding, fault, warning, well
from engine.trading.modes import TradingMode, misplaced_accounts
from engine.trading.naming import name_of
from engine.wire.order import Order

T = TypeVar("T")

READ_S = 6.0
QUOTE_S = 12.0  # a snapshot may take TWS eleven seconds
CLOCK_S_MAX = 5.0
TOLD_TO_S = 1.5  # TWS tells its time in whole seconds, and an answer takes its time
IDS_MAX = 8
COMPLETED_S = 60.0
SESSIONS_MAX = 20  # positions that are looked at
PROBE = Contract(symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
FAR = Order(action="BUY", total_quantity=Decimal(1), order_type="LMT", lmt_price=Decimal("1.00"), tif="DAY")
PERMISSIONS = "look at the login's trading and market data permissions"
API = "TWS: File > Global Configuration > API > Settings"


async def examine_login(login: Place, first_id: int) -> list[Finding]:
    """Everything about one login. `first_id`: the first client id that a kill tries."""
    busy: list[int] = []
    for client_id in range(first_id, first_id + IDS_MAX):
        link = Link(login.host, login.port, client_id, LinkSettings())
        started = time.monotonic()
        try:
            await link.connect()
        except LinkFailure as failure:
            if not failure.other_id_may_help:
                return [fault(login.name, failure.text, "do what it says, then: qe doctor")]
            busy.append(client_id)
            continue
        try:
            found = [_reached(login, link, time.monotonic() - started, busy)]
            return [*found, *[one async for one in _examine(login, link)]]
        finally:
            link.close("examined")
            await asyncio.sleep(0)
    what = f"client ids {first_id} to {first_id + IDS_MAX - 1} are all in use: a kill would have to look further"
    return [fault(login.name, what, "close other API programs, or restart TWS")]


def _reached(login: Place, link: Link, seconds: float, busy: list[int]) -> Finding:
    accounts = ", ".join(link.accounts)
    what = (
        f"{login.host}:{login.port} answers in {seconds * 1000:.0f} ms as client {link.client_id}, accounts {accounts}"
    )
    if busy:
        mend = "a program uses the kill's ids: set kill.client_id to where nobody else is"
        return warning(login.name, f"{what}; in use: {busy}", mend)
    return well(login.name, what)


async def _examine(login: Place, link: Link) -> AsyncIterator[Finding]:
    reads = Reads(link)
    wrong = misplaced_accounts(TradingMode(login.mode), link.accounts) if login.mode_known else ()
    if wrong:
        what = f"shows {', '.join(wrong)}, which is no {login.mode} account: an engine would be refused, the kill not"
        yield fault(login.name, what, "log TWS in to the other account, or correct the port")
    positions = await _ask(reads.positions)
    orders = await _ask(reads.open_orders)
    yield _lists(login, positions, orders)
    yield _completed(login, await _ask(partial(reads.completed_orders, COMPLETED_S)))
    yield _clock(login, link)
    if link.version < PNL_IS_WHOLE_SINCE:
        yield _late_losses(login, link.version)
    details = await _find(reads)
    if not isinstance(details, Complete):
        yield warning(login.name, f"SPY is not found: {_why(details)}", PERMISSIONS)
        return
    yield await _orders_allowed(login, link, details.value.contract)
    yield await _market_data(login, reads, details.value.contract)
    if isinstance(positions, Complete):
        yield await _sessions(login, link, reads, positions.value)


def _lists(
    login: Place, positions: Outcome[tuple[PositionFact, ...]], orders: Outcome[tuple[WorkingOrder, ...]]
) -> Finding:
    for what, outcome in (("positions", positions), ("working orders", orders)):
        if not isinstance(outcome, Complete):
            mend = "restart TWS if this stays: the kill cannot prove anything without them"
            return fault(login.name, f"{what} cannot be read: {outcome.why}", mend)
        if outcome.broker_down:
            mend = "look at TWS's own connection; what it shows comes from its memory"
            return fault(login.name, "TWS has lost its link to IBKR", mend)
    assert isinstance(positions, Complete) and isinstance(orders, Complete)
    held = sum(1 for one in positions.value if one.quantity)
    return well(login.name, f"{held} positions and {len(orders.value)} working orders can be read")


def _completed(login: Place, outcome: Outcome[CompletedOrders]) -> Finding:
    """The kill asks for them when an order has vanished from the list of open ones: filled, or cancelled?"""
    if isinstance(outcome, Complete):
        return well(login.name, "completed orders can be read")
    what = f"completed orders cannot be read: {outcome.why}"
    mend = "update TWS; until then a kill takes longer to prove what became of an order"
    return warning(login.name, what, mend)


async def _sessions(login: Place, link: Link, reads: Reads, positions: tuple[PositionFact, ...]) -> Finding:
    """Where the markets of the positions stand now: what a kill could close at once."""
    held = [one.contract for one in positions if one.quantity][:SESSIONS_MAX]
    now_s = link.server_now_s()
    if not held or now_s is None:
        return well(login.name, "no position is held that a session could keep open")
    found = await asyncio.gather(*(_ask(partial(reads.contract_details, one.con_id)) for one in held))
    names: dict[Session, list[str]] = {}
    for contract, details in zip(held, found, strict=True):
        session = session_at(details.value, now_s) if isinstance(details, Complete) else Session.UNKNOWN
        names.setdefault(session, []).append(name_of(contract))
    if Session.UNKNOWN in names:
        what = f"the trading hours of {', '.join(names[Session.UNKNOWN])} are not known"
        return warning(login.name, what, "the kill sends their closing orders at once, and TWS may hold them")
    if Session.CLOSED in names:
        closed = ", ".join(names[Session.CLOSED])
        return well(login.name, f"closed now: the markets of {closed}; a kill closes these when they open")
    extended = names.get(Session.EXTENDED, [])
    outside = f", {len(extended)} of them outside regular hours" if extended else ""
    return well(login.name, f"the markets of {len(held)} positions are open{outside}")


def _clock(login: Place, link: Link) -> Finding:
    theirs = link.server_now_s()
    if theirs is None:
        return warning(login.name, "TWS does not tell the time", "restart TWS if this stays")
    apart = time.time() - theirs
    if apart > 0:
        apart = max(apart - link.clock.unsure_s, 0.0)  # so long what TWS told may have been on its way
    if abs(apart) > CLOCK_S_MAX and not os.environ.get(SIMULATED_WORLD):
        what = f"this machine's clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} TWS's"
        return warning(login.name, what, "set this machine's clock (NTP)")
    if abs(apart) < TOLD_TO_S:
        return well(login.name, "the clocks agree to the second")
    meant = f", as a simulated world's do: {SIMULATED_WORLD} is set" if abs(apart) > CLOCK_S_MAX else ""
    return well(login.name, f"the clocks differ by {abs(apart):.0f} s{meant}")


def _late_losses(login: Place, version: int) -> Finding:
    what = (
        f"its server version {version} has no stream of profit and loss: the loss limits hold by its account updates, "
        "and a loss may be seen up to three minutes late"
    )
    return warning(login.name, what, "update TWS; the kill does not need it")


async def _orders_allowed(login: Place, link: Link, contract: Contract) -> Finding:
    """A preview is an order that is not placed: read-only TWSs refuse that too."""
    order = msgspec.structs.replace(FAR, account=link.accounts[0] if link.accounts else "")
    found = await preview_margin(link, contract, order, patience_s=READ_S, wall_ns=time.time_ns)
    if isinstance(found, Known):
        return well(login.name, "orders are taken (a preview was)")
    if "read-only" in found.why.lower():
        what = "the API is read-only: neither a cancel nor a close would be taken"
        return fault(login.name, what, f"untick Read-Only API ({API})")
    return warning(login.name, f"a preview of an order was not answered well: {found.why}", PERMISSIONS)


async def _market_data(login: Place, reads: Reads, contract: Contract) -> Finding:
    def ask(then: Then[Quote]) -> None:
        reads.quote(contract, then, QUOTE_S)

    outcome: Outcome[Quote] = await answer(ask)
    without = "market orders will close; stocks outside regular hours wait for their market"
    if not isinstance(outcome, Complete):
        return warning(login.name, f"no price of SPY: {outcome.why}", without)
    if outcome.value.kind is not QuoteKind.LIVE:
        what = f"the price of SPY is {outcome.value.kind.name.lower()}, not live: the kill prices nothing by it"
        return warning(login.name, what, without)
    return well(login.name, "live prices are there")


async def _find(reads: Reads) -> Outcome[Details]:
    def ask(then: Then[Details]) -> None:
        reads.find_contract(PROBE, then, READ_S)

    return await answer(ask)


async def _ask(read: Callable[[Then[T], float], None]) -> Outcome[T]:
    def ask(then: Then[T]) -> None:
        read(then, READ_S)

    return await answer(ask)


def _why(outcome: Outcome[Details]) -> str:
    return "" if isinstance(outcome, Complete) else outcome.why
