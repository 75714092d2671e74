"""Reaching a login whose TWS is slow: connections that have been made are stayed on, and others are tried beside them.

A TWS that is logging in, or that shows a dialog which somebody is about to confirm, goes on with the connection it has.
Whoever hangs up and begins anew begins its work anew. A connection that leads nowhere shows only in that another one is
faster, so a second one is tried beside it; the first that is ready is taken. The first connection is the one that a
dialog was shown for: it is stayed on to the end, while those beside it are made anew, since TWS may take new ones only.
Must never keep more than `BESIDE_MAX` connections waiting, nor one of them once it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from engine.broker.failures import LinkFailure
from engine.broker.fan_out import Way
from engine.broker.link import Link, LinkSettings
from engine.core.kill import events as ev
from engine.wire.events import ClientEvent, ServerHello
from engine.wire.replies import ManagedAccounts, NextValidId

BESIDE_MAX = 4  # where nobody has answered the handshake: each may be the one whose dialog is confirmed
BESIDE_ANSWERED_MAX = 2  # where somebody has: more would only make TWS's work longer


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds."""

    first_s: float = 120.0  # for each step of the first connection, its handshake and what follows: as long as a kill
    other_s: float = 15.0  # the same for those beside it: they are made anew, since TWS may let only new ones in
    beside_s: float = 5.0  # then another connection is tried
    ask_again_s: float = 2.0  # an answered connection is asked so often for what it says when it is ready
    early_s: float = 0.1  # an answered connection that is not ready by then is told of

    def of(self, settings: LinkSettings, *, first: bool) -> LinkSettings:
        patience_s = self.first_s if first else self.other_s
        return msgspec.structs.replace(settings, handshake_s=patience_s, ready_s=patience_s)


class Reaching:
    """`tell` hears of connections that are stayed on: that TWS answers, and what they wait for."""

    def __init__(self, patience: Patience, impatience: LinkSettings, tell: Callable[[ev.Event], None]) -> None:
        self._patience = patience
        self._impatience = impatience
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Link] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._over = True

    async def first_of(self, first: Coroutine[Any, Any, Way], another: Callable[[], Coroutine[Any, Any, Way]]) -> Way:
        """The connection that is ready first. Raises the last LinkFailure when none is left."""
        self._over = False
        tries = [self._loop.create_task(first, name="kill: a try to connect")]
        failure: BaseException | None = None
        another_at = self._loop.time() + self._patience.beside_s
        try:
            while tries:
                patience_s = max(another_at - self._loop.time(), 0) if len(tries) < self._room else None
                await asyncio.wait(tries, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                for one in [one for one in tries if one.done()]:
                    tries.remove(one)
                    failure = asyncio.CancelledError() if one.cancelled() else one.exception()
                    if failure is None:
                        return one.result()
                if tries and len(tries) < self._room and self._loop.time() >= another_at:
                    another_at = self._loop.time() + self._patience.beside_s
                    tries.append(self._loop.create_task(another(), name="kill: another try to connect"))
            assert failure is not None
            raise failure
        finally:
            self._end(tries)

    @property
    def _room(self) -> int:
        return BESIDE_ANSWERED_MAX if any(link.greeted for link in self._waiting) else BESIDE_MAX

    def _end(self, tries: list[asyncio.Task[Way]]) -> None:
        """Nothing is stayed on any more. One that became ready at the same moment is hung up on."""
        self._over = True
        self._waiting.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for one in tries:
            if not one.cancel() and not one.cancelled() and one.exception() is None:
                one.result().link.close("another connection was faster")

    # --- the connections that are waited for ---------------------------------------------------------
    def begun(self, link: Link) -> None:
        """A connection is being made."""
        self._waiting.append(link)
        self._later(self._impatience.handshake_s, link, self._still_waits)
        if link.greeted:
            self.answered(link)

    def answered(self, link: Link) -> None:
        """Its handshake is behind it."""
        self._tell(ev.Greeted())
        self._later(self._patience.early_s, link, self._answers)
        self._later(self._patience.ask_again_s, link, self._ask_again)
        self._later(self._impatience.ready_s, link, self._still_waits)

    def heard(self, link: Link, event: ClientEvent) -> None:
        if link in self._waiting:
            match event:
                case ServerHello():
                    self.answered(link)
                case ManagedAccounts():
                    self._later(0, link, self._answers)  # behind the words it came with: it may be ready
                case NextValidId() if link.unnumbered and not link.asked_again:
                    self._later(0, link, self._ask_again_at_once)
                case _:
                    pass

    def post_early(self, send: Callable[[Link], bool]) -> None:
        """Do something on every connection that TWS has answered and not let in yet."""
        for link in self._waiting:
            if link.greeted and not link.up:
                send(link)

    def _later(self, delay_s: float, link: Link, then: Callable[[Link], None]) -> None:
        self._timers.append(self._loop.call_later(delay_s, then, link))

    def _answers(self, link: Link) -> None:
        if not self._over and link.greeted and not link.up:
            self._tell(ev.Answering(link.client_id))

    def _ask_again(self, link: Link) -> None:
        if not self._over and link.greeted and not link.up:
            link.ask_again()
            self._later(self._patience.ask_again_s, link, self._ask_again)

    def _ask_again_at_once(self, link: Link) -> None:
        """It is ready, but for a number that can be one: no reason to be patient."""
        if not self._over and link.greeted and not link.up and not link.asked_again:
            link.ask_again()

    def _still_waits(self, link: Link) -> None:
        """What is said is what the best of them waits for."""
        if self._over or link.up or not link.stands:
            return
        awaits: LinkFailure = next((one.awaits for one in self._waiting if one.greeted), link.awaits)
        self._tell(ev.StillWaiting(awaits.trouble, awaits.text))
