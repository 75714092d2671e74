"""Connecting a manager's logins, and letting go of them.

A login's accounts decide whether it is what it was said to be: one of the other mode is let go of before anything is
asked or sent. Must never raise for what a broker does, nor close a connection that a kill uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.broker.failures import LinkFailure
from engine.broker.login import Login, LoginSettings
from engine.broker.tickets import Tickets
from engine.core.kill.events import Trouble
from engine.trading.entries import Entries, Entry, LoginConfig
from engine.trading.heartbeats import Heart
from engine.trading.kill_switches import KillSwitches
from engine.trading.loss_watches import LossWatches
from engine.trading.modes import TradingMode, misplaced_accounts
from engine.trading.orders import Orders
from engine.trading.outcomes import ConnectOutcome


class Connecting:
    """Of one manager. `orders` None: it only watches. `heart` None: it gives no sign of life."""

    def __init__(
        self,
        entries: Entries,
        orders: Orders | None,
        watches: LossWatches,
        heart: Heart | None,
        kills: KillSwitches,
        *,
        settings: LoginSettings,
        wall_ns: Callable[[], int],
    ) -> None:
        self._entries = entries
        self._orders = orders
        self._watches = watches
        self._heart = heart
        self._kills = kills
        self._settings = settings
        self._wall_ns = wall_ns

    async def connect(self, entry: Entry) -> ConnectOutcome:
        """Two who ask at the same time share one attempt."""
        config = entry.config
        if entry.login is not None and entry.connected:
            link = entry.login.link
            return ConnectOutcome(name=config.name, connected=True, accounts=link.accounts, client_id=link.client_id)
        if entry.connecting is None:
            entry.loop = asyncio.get_running_loop()
            entry.connecting = entry.loop.create_task(self._open(entry), name=f"connect {config.name}")
        attempt = entry.connecting
        await asyncio.wait({attempt})
        if entry.connecting is attempt:
            entry.connecting = None
        if attempt.cancelled():
            return _not_connected(config.name, Trouble.FAILED, "the attempt was ended by a kill or a disconnect")
        return attempt.result()

    def disconnect(self, entry: Entry) -> None:
        """A kill that still runs keeps its connection until it is done."""
        self._watches.detach(entry)
        if entry.connecting is not None:
            entry.connecting.cancel()
        if self._kills.here().running(entry.config.name):
            entry.close_after_kill = True
        elif entry.login is not None:
            entry.login.close("disconnected")

    async def _open(self, entry: Entry) -> ConnectOutcome:
        config = entry.config
        try:
            login = await self._open_login(entry)
        except LinkFailure as failure:
            entry.view.forget(failure.text)
            return _not_connected(config.name, failure.trouble, failure.text)
        accounts = login.link.accounts
        wrong = misplaced_accounts(config.mode, accounts)
        if wrong:
            text = _mismatch(config, wrong)
            login.link.close(text)
            entry.view.forget(text)
            return ConnectOutcome(name=config.name, connected=False, accounts=accounts, mode_mismatch=True, text=text)
        entry.login = login
        entry.tickets = Tickets(config.name, login.link, login.reads, before=entry.tickets)
        entry.close_after_kill = False
        if self._orders is not None:
            self._orders.attach(entry, login)
        self._watches.attach(entry, login)
        login.keep_up_to_date()
        if self._heart is not None:
            self._heart.start(tuple(one.config.name for one in self._entries if one.login is not None))
        return ConnectOutcome(name=config.name, connected=True, accounts=accounts, client_id=login.link.client_id)

    async def _open_login(self, entry: Entry) -> Login:
        """Under the login's client id, or a spare one where that is in use. Raises the last LinkFailure."""
        config, ids = entry.config, [entry.config.client_id, *entry.config.spare_ids]
        for client_id in ids:
            try:
                return await Login.open(
                    config.host,
                    config.port,
                    client_id,
                    view=entry.view,
                    wall_ns=self._wall_ns,
                    settings=self._settings,
                )
            except LinkFailure as failure:
                if not failure.other_id_may_help or client_id == ids[-1]:
                    raise
        raise AssertionError("there is always one id")


def _not_connected(name: str, trouble: Trouble, text: str) -> ConnectOutcome:
    return ConnectOutcome(name=name, connected=False, trouble=trouble, text=text)


def _mismatch(config: LoginConfig, wrong: tuple[str, ...]) -> str:
    shown = ", ".join(wrong)
    is_what, other = ("live", "LIVE") if config.mode is TradingMode.PAPER else ("paper", "PAPER")
    return (
        f"{config.host}:{config.port} shows {shown}, which is no {config.mode.value} account (it looks {is_what}): the "
        f"connection was closed and nothing was sent. Log TWS in to the other account, correct the port, or add the "
        f"login as TradingMode.{other}. The kill switch works on it all the same"
    )
