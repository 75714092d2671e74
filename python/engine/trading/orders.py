"""Placing and cancelling one order over a connected login. Every way it can end is an answer or a named error.

Every order passes the login's checks (`order_checks`) and the last look as it leaves. Must never send an order that did
not pass, nor one twice, nor one for a login whose kill switch has been pressed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from engine.broker.login import Login
from engine.broker.tickets import Answer, OrderTicket, Tickets
from engine.core.contracts import Contract
from engine.core.preflight.checks_state import refusal_of
from engine.core.preflight.settings import Settings
from engine.core.preflight.texts import sentences
from engine.core.preflight.verdict import Code, Verdict
from engine.core.restrictions import Cause, State
from engine.trading import errors
from engine.trading.arguments import wrong_kind
from engine.trading.entries import Entry
from engine.trading.last_look import LastLook
from engine.trading.order_checks import Asked, OrderChecks
from engine.trading.order_records import OrderRecords, Outcome
from engine.trading.order_settings import OrderSettings, find_settings
from engine.trading.rules import Rules, described
from engine.wire.errors import LocalError
from engine.wire.order import Order

HALT_CODES = frozenset({Code.HALTED, Code.WOULD_CROSS_ZERO})


class Orders:
    """The order methods of a manager. `patience_s`: how long TWS may take to show an order, or its end.

    `settings`: what orders are held against; None: what the configuration says, read when it is first needed.
    """

    def __init__(
        self,
        patience_s: float,
        rules: Callable[[], Rules],
        wall_ns: Callable[[], int],
        settings: Settings | None,
        home: Path,
    ) -> None:
        self._home = home
        self._patience_s = patience_s
        self._rules = rules
        self._wall_ns = wall_ns
        self._settings = None if settings is None else OrderSettings(settings)
        self._checks: dict[str, OrderChecks] = {}

    def attach(self, entry: Entry, login: Login) -> None:
        """The login has a fresh connection: follow what it reads and hears."""
        checks = self._checks_of(entry)
        checks.book.attach(login)
        checks.follow_others()

    def with_own(self, entry: Entry, state: State) -> State:
        """The login's state by the records, and what holds its orders in this program alone."""
        return self._checks_of(entry).with_own(state)

    async def place(self, entry: Entry, contract: Contract, order: Order) -> OrderTicket:
        """See `IBKRAccountManager.place_order`."""
        _check_kinds(contract, order)
        checks = self._checks_of(entry)
        await checks.tended()
        state = checks.state()
        if not state.may_reduce:
            raise _denied(entry, refusal_of(state), state, "")
        asked = await checks.ready(live_login(entry), contract, order)
        return await self._send(entry, checks, asked)

    async def preflight(self, entry: Entry, contract: Contract, order: Order, *, margin: bool) -> Verdict:
        """See `IBKRAccountManager.preflight`."""
        _check_kinds(contract, order)
        checks = self._checks_of(entry)
        await checks.tended()
        asked = await checks.ready(live_login(entry), contract, order)
        preview = await checks.preview(live_login(entry), asked) if margin else None
        return checks.explain(asked, checks.state(), preview)

    async def cancel(self, entry: Entry, ticket: OrderTicket) -> None:
        """See `IBKRAccountManager.cancel_order`."""
        if not isinstance(ticket, OrderTicket):
            raise errors.CancelUnconfirmed(
                f"{ticket!r} is no ticket of an order",
                "Nothing was sent",
                "Give what place_order has returned; an order without one is cancelled in TWS, or by cancel_all_orders",
            )
        tickets = _live_tickets(entry)
        if tickets.get(ticket.order_id) is not ticket:
            await live_login(entry).refresh()  # over a fresh connection TWS has perhaps not shown it yet
        if tickets.get(ticket.order_id) is not ticket:
            raise errors.CancelUnconfirmed(
                f"Order {ticket.order_id} was placed over another connection, and TWS has not shown it over this one",
                f"Nothing was sent: it has ended, or is another client's than client {tickets.client_id}",
                "Look for it in TWS: cancel it there, or press the kill switch",
            )
        answer = await tickets.cancel(ticket, self._patience_s)
        if answer.shown is not False:
            raise errors.CancelUnconfirmed(
                f"The cancel of order {ticket.order_id} is not confirmed: {answer.text or ticket.status}",
                "The order may be live",
                "Look for it in TWS; cancel it there or press the kill switch",
            )
        self._checks_of(entry).book.unlisted((ticket.client_id, ticket.order_id))

    async def settled(self) -> None:
        """Let the records of all logins be written, within bounds."""
        await asyncio.gather(*(checks.records.settled() for checks in self._checks.values()))

    # --- sending ------------------------------------------------------------------------------------
    async def _send(self, entry: Entry, checks: OrderChecks, asked: Asked) -> OrderTicket:
        """Judge, count, write down, send; and look again as it leaves. Between verdict and counting nothing is waited
        for.
        """
        tickets = _live_tickets(entry)
        state = checks.state()
        verdict = checks.judge(asked, state)
        if not verdict.passed:
            halts = await checks.deny(asked.intent, verdict)
            raise _denied(entry, verdict, state, halts)
        ticket = tickets.open(asked.order)
        key = (ticket.client_id, ticket.order_id)
        checks.passed(asked, key)
        last_look = LastLook(self._rules(), checks, entry, asked, key)
        outcome, text = Outcome.NOT_SENT, "whoever placed it stopped waiting"
        try:
            last_look.recorded = await checks.records.intent(asked.intent, ticket.order_ref, key)
            _, answer = await tickets.place(asked.contract, asked.order, self._patience_s, last_look, ticket)
            outcome, text = _outcome(ticket, answer), answer.text
        except LocalError as error:
            text = str(error)
            raise errors.OrderNotSent(
                f"The order cannot be written: {error}", "It was not sent", "Correct it"
            ) from error
        finally:
            if ticket.left and outcome is Outcome.NOT_SENT:
                outcome = Outcome.UNCONFIRMED
            if outcome in (Outcome.NOT_SENT, Outcome.REFUSED):
                checks.book.gone(key)
            checks.records.ended(ticket.order_ref, key, outcome, text)
        if outcome is Outcome.ACKNOWLEDGED:
            return ticket
        raise await self._error(entry, checks, asked, ticket, last_look, outcome, text)

    async def _error(
        self,
        entry: Entry,
        checks: OrderChecks,
        asked: Asked,
        ticket: OrderTicket,
        last_look: LastLook,
        outcome: Outcome,
        text: str,
    ) -> errors.OrderError:
        """What to tell of an order that was not acknowledged."""
        if outcome is Outcome.UNCONFIRMED:
            unconfirmed = errors.OrderUnconfirmed(
                f"TWS has not confirmed the order {ticket.order_ref!r}: {text}",
                "It may be live, and counts as if it were; no other like it is sent",
                "Look for it in TWS or in working_orders(), or have it gone: cancel_order(…, error.ticket)",
            )
            unconfirmed.ticket = ticket
            return unconfirmed
        if outcome is Outcome.REFUSED:
            return errors.OrderRefused(f"TWS refused the order: {text}", "It is not working", "Correct it")
        if not last_look.verdict.passed:
            halts = await checks.deny(asked.intent, last_look.verdict)
            return _denied(entry, last_look.verdict, checks.state(), halts)
        return errors.OrderNotSent(f"The order was not sent: {text}", "TWS never saw it", "Connect again")

    def _checks_of(self, entry: Entry) -> OrderChecks:
        name = entry.config.name
        found = self._checks.get(name)
        if found is None:
            if self._settings is None:
                self._settings = find_settings()
            records = OrderRecords(self._rules, lambda: entry.scope, self._wall_ns)
            found = self._checks[name] = OrderChecks(
                entry,
                self._settings,
                records,
                self._rules,
                home=self._home,
                patience_s=self._patience_s,
                wall_ns=self._wall_ns,
            )
        return found


def _check_kinds(contract: object, order: object) -> None:
    wrong = wrong_kind(contract, order)
    if wrong:
        raise errors.OrderNotSent(f"The order cannot be judged: {wrong}", "It was not sent", "Correct the call")


def _outcome(ticket: OrderTicket, answer: Answer) -> Outcome:
    if not ticket.left:
        return Outcome.NOT_SENT
    if answer.shown is None:
        return Outcome.UNCONFIRMED
    return Outcome.ACKNOWLEDGED if answer.shown else Outcome.REFUSED


def _denied(entry: Entry, verdict: Verdict, state: State, halts: str) -> errors.OrderDenied:
    """The refusal in words, with its verdict. `halts`: why it has halted the login; empty: it has not."""
    name, codes, why = entry.config.name, frozenset(verdict.codes), described(state)
    error: errors.OrderDenied
    if Code.SHUT_DOWN in codes:
        error = errors.KillPressed(
            f"The kill switch of {name!r} has been pressed" + (f": {why}" if why else ""),
            "The order was not sent",
            f"Verify the positions, close the incident, then reset {name!r} and resume it",
        )
    elif codes & HALT_CODES:
        error = errors.TradingHalted(
            f"{name!r} is halted{f': {why}' if why else ''}: {sentences(verdict)}",
            "The order was not sent; cancels and reducing orders go on",
            "Put the configuration right, and start the program anew: no resume mends it"
            if any(one.cause is Cause.CONFIGURATION for one in state.standing)
            else f"When the reason is gone: resume_trading({name!r}), or qe resume {name}",
        )
    else:
        error = errors.OrderDenied(
            f"The order was refused by the checks of {name!r}:\n{sentences(verdict)}",
            f"It was not sent, and {name!r} is halted now: {halts}" if halts else "It was not sent",
            "What to do about each stands beside it"
            + (f"; then resume_trading({name!r}), or qe resume {name}" if halts else ""),
        )
    error.verdict = verdict
    return error


def live_login(entry: Entry) -> Login:
    """The login's working connection. Raises NotConnected."""
    if entry.login is None or not entry.connected:
        why = entry.login.link.failure if entry.login is not None else None
        raise errors.NotConnected(
            f"Login {entry.config.name!r} is not connected" + (f": {why.text}" if why else ""),
            "Nothing was sent",
            f"Call connect({entry.config.name!r}) first",
        )
    return entry.login


def _live_tickets(entry: Entry) -> Tickets:
    live_login(entry)
    assert entry.tickets is not None  # made together with the login
    return entry.tickets
