"""The gateway's own connection to a login, kept for as long as the gateway runs: what orders are judged by.

Never stops trying. Between two connections nothing is known, and nothing that adds risk passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.broker.failures import LinkFailure
from engine.broker.link import Listener
from engine.broker.login import Login, LoginSettings
from engine.gateway.order_desk import OrderDesk
from engine.trading.modes import misplaced_accounts

FIRST_PAUSE_S, PAUSE_S_MAX = 0.5, 15.0
MORE_IDS = 4  # client ids that are tried when the first is in use
SETTINGS = LoginSettings(first_ask_s=0.0)


class Keeper:
    """Of one login."""

    def __init__(
        self, desk: OrderDesk, client_id: int, *, wall_ns: Callable[[], int], log: Callable[[str], None]
    ) -> None:
        self._desk = desk
        self._client_id = client_id
        self._wall_ns = wall_ns
        self._log = log

    async def run(self) -> None:
        """Until cancelled."""
        name, pause_s = self._desk.entry.config.name, FIRST_PAUSE_S
        while True:
            try:
                login = await self._open()
            except LinkFailure as failure:
                if self._desk.waiting_for != failure.text:
                    self._log(f"{name}: {failure.text}")
                self._desk.detach(failure.text)
            else:
                pause_s = FIRST_PAUSE_S
                await self._stay(login)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    async def _open(self) -> Login:
        """Under the gateway's client id, or the next that is free. Raises the last LinkFailure."""
        config = self._desk.entry.config
        last = self._client_id + MORE_IDS
        for client_id in range(self._client_id, last + 1):
            try:
                return await Login.open(
                    config.host,
                    config.port,
                    client_id,
                    view=self._desk.entry.view,
                    wall_ns=self._wall_ns,
                    settings=SETTINGS,
                )
            except LinkFailure as failure:
                if not failure.other_id_may_help or client_id == last:
                    raise
        raise AssertionError("there is always one id")

    async def _stay(self, login: Login) -> None:
        """Until the connection ends."""
        config = self._desk.entry.config
        wrong = misplaced_accounts(config.mode, login.link.accounts)
        if wrong:
            why = f"it shows {', '.join(wrong)}, which is no {config.mode.value} account"
            login.close(why)
            self._desk.detach(why)
            self._log(f"{config.name}: {why}; no order passes")
            return
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def ended(failure: LinkFailure) -> None:
            if not lost.done():
                lost.set_result(failure.text)

        login.link.listen(Listener(lambda _event: None, ended))
        self._desk.entry.login = login
        self._desk.attach(login)
        login.keep_up_to_date()
        self._log(f"{config.name}: reading as client {login.link.client_id}")
        try:
            why = await lost
            self._desk.detach(why)
            self._log(f"{config.name}: the gateway's own connection was lost: {why}")
        finally:
            login.close("the gateway has ended")
