"""Placing and cancelling one order over a connected login. Every way it can end is an answer or a named error.

Must never send an order twice, nor one for a login whose kill switch has been pressed.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.broker.login import Login
from engine.broker.tickets import OrderTicket, Tickets
from engine.core.contracts import Contract
from engine.core.restrictions import Scope, State
from engine.trading import errors
from engine.trading.entries import Entry
from engine.trading.rules import Rules, described
from engine.wire.errors import LocalError
from engine.wire.order import Order


class Orders:
    """The order methods of a manager. `patience_s`: how long TWS may take to show an order, or its end."""

    def __init__(self, patience_s: float, rules: Callable[[], Rules]) -> None:
        self._patience_s = patience_s
        self._rules = rules

    async def place(self, entry: Entry, contract: Contract, order: Order) -> OrderTicket:
        """See `IBKRAccountManager.place_order`."""
        rules, scope = self._rules(), entry.scope
        state = rules.state(scope)
        if entry.kill_pressed or not state.may_reduce:
            raise _shut_down(entry, state)
        if not state.may_add_risk:
            raise _halted(entry, state)
        tickets = _live_tickets(entry)
        order = msgspec.structs.replace(order, account=_account_for(entry, order))
        try:
            ticket, answer = await tickets.place(contract, order, self._patience_s, _Passage(rules, scope))
        except LocalError as error:
            raise errors.OrderNotSent(
                f"The order cannot be written: {error}", "It was not sent", "Correct it"
            ) from error
        if answer.shown:
            return ticket
        if answer.shown is None:
            raise errors.OrderUnconfirmed(
                f"TWS has not confirmed the order {ticket.order_ref!r}: {answer.text}",
                "It may be live",
                "Look for it in TWS or in working_orders() before sending it again",
            )
        if not ticket.messages:
            if not rules.state(scope).may_add_risk:
                raise _halted(entry, rules.state(scope))
            raise errors.OrderNotSent(f"The order was not sent: {answer.text}", "TWS never saw it", "Connect again")
        raise errors.OrderRefused(f"TWS refused the order: {answer.text}", "It is not working", "Correct it")

    async def cancel(self, entry: Entry, ticket: OrderTicket) -> None:
        """See `IBKRAccountManager.cancel_order`."""
        tickets = _live_tickets(entry)
        if tickets.get(ticket.order_id) is not ticket:
            raise errors.CancelUnconfirmed(
                f"Order {ticket.order_id} was placed over another connection",
                "Nothing was sent: only the client that placed an order can cancel it",
                "Cancel it in TWS, or press the kill switch",
            )
        answer = await tickets.cancel(ticket, self._patience_s)
        if answer.shown is not False:
            raise errors.CancelUnconfirmed(
                f"The cancel of order {ticket.order_id} is not confirmed: {answer.text or ticket.status}",
                "The order may be live",
                "Look for it in TWS; cancel it there or press the kill switch",
            )


class _Passage:
    """An order that adds risk passes the gate as it leaves, however long it has waited for the pacing budget."""

    def __init__(self, rules: Rules, scope: Scope) -> None:
        self._rules = rules
        self._scope = scope

    def enter(self) -> str | None:
        return self._rules.enter(self._scope)

    def leave(self) -> None:
        self._rules.leave()


def _shut_down(entry: Entry, state: State) -> errors.KillPressed:
    name = entry.config.name
    why = described(state)
    return errors.KillPressed(
        f"The kill switch of {name!r} has been pressed" + (f": {why}" if why else ""),
        "The order was not sent",
        f"Verify the positions, close the incident, then reset {name!r} and resume it",
    )


def _halted(entry: Entry, state: State) -> errors.TradingHalted:
    name = entry.config.name
    return errors.TradingHalted(
        f"{name!r} is halted: {described(state)}",
        "The order was not sent; cancels and reducing orders go on",
        f"When the reason is gone: resume_trading({name!r}), or qe resume {name}",
    )


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


def _account_for(entry: Entry, order: Order) -> str:
    """The account an order is for: its own, the login's, or the only one there is."""
    accounts = live_login(entry).link.accounts
    account = order.account or entry.config.account or (accounts[0] if len(accounts) == 1 else "")
    if account not in accounts:
        what = f"There is no account {account!r} in this login" if account else "The order names no account"
        raise errors.OrderNotSent(what, f"It was not sent. The accounts are: {', '.join(accounts)}", "Name one")
    return account
