"""The connections of one kill: a main one for reads and cancels, and more when there is much to send.

TWS counts messages per connection, so up to four share the work: each message goes where there is room first. The
main connection's loss is the caller's business; a lost extra one only makes the rest slower. Must never open more
than `EXTRA_MAX` more, nor keep what its caller has given up.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

import msgspec

from engine.broker import failures
from engine.broker.failures import LinkFailure
from engine.broker.handover import Handover
from engine.broker.inquiry import Then
from engine.broker.link import Link, LinkSettings
from engine.broker.reads import Reads
from engine.core.facts import WorkingOrder
from engine.core.kill.events import Trouble

EXTRA_MAX = 3
PER_LINK = 40  # messages that make one more connection worth while
MAIN_KEEPS = 15  # room on the main connection that is left for reads: three or four surveys
EMERGENCY_IDS = range(9000, 9032)  # as many as TWS takes clients
IDS_PER_ATTEMPT = 8
HANG_UPS_PER_ATTEMPT = 3  # so many ids treated alike: it is hardly the id
FIRST_LOOK_S = 1.0  # for an answer that was asked for before the rest of the program was loaded
_LOOK_AGAIN_S = 0.02
_GROW_AGAIN_S = 5.0


class Way(msgspec.Struct, frozen=True, eq=False):
    """A connection with its reads."""

    link: Link
    reads: Reads


class Job(msgspec.Struct, frozen=True, eq=False):
    """One message for whichever connection has room; `drop` is told why if it never goes."""

    run: Callable[[Way], None]
    drop: Callable[[str], None]


class FanOut:
    """`listen` is called with every link before it connects."""

    def __init__(self, host: str, port: int, settings: LinkSettings, listen: Callable[[Link], None]) -> None:
        self.main: Way | None = None
        self.extras: list[Way] = []
        self._host = host
        self._port = port
        self._settings = settings
        self._listen = listen
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[Job] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._growing: set[asyncio.Task[None]] = set()
        self._grow_after = 0.0
        self._connecting_ids: set[int] = set()
        self._in_vain: dict[int, int] = {}  # how often TWS has not let a client id in
        self._closed = False

    # --- connections -----------------------------------------------------------------------------
    def prepare(self, link: Link) -> Way:
        """Before it connects: its owner listens first, then its reads do."""
        self._listen(link)
        return Way(link, Reads(link))

    async def open(
        self,
        preferred_id: int | None,
        settings: LinkSettings | None = None,
        begun: Callable[[Link], None] = lambda _link: None,
    ) -> Way:
        """Connect under the preferred client id, or under an emergency id where that is taken. Raises LinkFailure.
        `begun` is called with every link that is tried.

        Some TWS versions answer an id that is in use by hanging up, others hang up on everybody: a few in a row end
        the attempt, and the next one goes on with ids that have not been tried.
        """
        hung_up = 0
        for client_id in self._candidates(preferred_id):
            try:
                way = await self._open_as(client_id, settings, begun)
            except LinkFailure as failure:
                if not failure.other_id_may_help:
                    raise
                self._in_vain[client_id] = self._in_vain.get(client_id, 0) + 1
                hung_up += failure.trouble is Trouble.CLOSED
                if hung_up >= HANG_UPS_PER_ATTEMPT:
                    raise failures.closed_for_every_id(self._host, self._port) from failure
            else:
                self._in_vain.pop(client_id, None)
                return way
        raise failures.ids_in_use(self._host, self._port, sorted(self._in_vain))

    async def claim(self, client_id: int) -> None:
        """Connect under this very id, which makes room for messages, too. Raises LinkFailure where TWS refuses it."""
        if client_id in self._ids_in_use():
            return
        way = await self._open_as(client_id)
        if self._closed or len(self.extras) >= EXTRA_MAX:
            way.link.close("not needed")
        else:
            self.extras.append(way)

    def _candidates(self, preferred_id: int | None) -> list[int]:
        """The ids for one attempt: those tried least in vain, and of these the preferred one first."""
        ids = dict.fromkeys([*([] if preferred_id is None else [preferred_id]), *EMERGENCY_IDS])
        free = [client_id for client_id in ids if client_id not in self._ids_in_use()]
        return sorted(free, key=lambda client_id: self._in_vain.get(client_id, 0))[:IDS_PER_ATTEMPT]

    async def _open_as(
        self,
        client_id: int,
        settings: LinkSettings | None = None,
        begun: Callable[[Link], None] = lambda _link: None,
    ) -> Way:
        link = Link(self._host, self._port, client_id, settings or self._settings)
        way = self.prepare(link)
        self._connecting_ids.add(client_id)
        begun(link)
        try:
            await link.connect()
        finally:
            self._connecting_ids.discard(client_id)
        return way

    async def adopt(
        self,
        handover: Handover,
        settings: LinkSettings,
        begun: Callable[[Link], None],
        first_look: Then[tuple[WorkingOrder, ...]],
    ) -> Way:
        """Go on with a connection that somebody else has begun. Raises LinkFailure. `first_look` gets the open orders
        that were asked for on it, if they were."""
        link = Link(self._host, self._port, handover.session.client_id, settings)
        way = self.prepare(link)
        self._connecting_ids.add(link.client_id)
        if handover.struck_ns is not None:
            link.clock.asked(handover.struck_ns / 1e9)
            way.reads.expect_open_orders(first_look, FIRST_LOOK_S)
        try:
            await link.adopt(handover.sock, handover.session, lambda: begun(link))
        finally:
            self._connecting_ids.discard(link.client_id)
        return way

    def _ids_in_use(self) -> set[int]:
        """Client ids of our own, which would only refuse each other."""
        return self._connecting_ids | {way.link.client_id for way in self._ways()}

    def lost(self, link: Link) -> None:
        """A connection is gone."""
        if self.main is not None and self.main.link is link:
            self.main = None
        self.extras = [way for way in self.extras if way.link is not link]

    def close(self, why: str, *, keep: Link | None = None) -> None:
        """Close everything but `keep`; what was not sent never will be."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._growing:
            task.cancel()
        self.drop_all(why)
        for way in (*self.extras, *([self.main] if self.main else [])):
            if way.link is not keep:
                way.link.close(why)

    # --- messages --------------------------------------------------------------------------------
    def submit(self, job: Job) -> None:
        """Send as soon as there is room, in order."""
        self._jobs.append(job)
        self._pump()

    def drop(self, job: Job, why: str) -> bool:
        """Take back a message that has not been given to a connection. False: too late."""
        if job not in self._jobs:
            return False
        self._jobs.remove(job)
        job.drop(why)
        return True

    def drop_all(self, why: str) -> None:
        while self._jobs:
            self._jobs.popleft().drop(why)

    def _pump(self) -> None:
        while self._jobs:
            way = max(self._ways(), key=self._room, default=None)
            if way is None or self._room(way) <= 0:
                break
            self._jobs.popleft().run(way)
        if self._jobs and not self._closed:
            self._grow(len(self._jobs))
            self._look_again()

    def _ways(self) -> list[Way]:
        ways = [*([self.main] if self.main else []), *self.extras]
        return [way for way in ways if way.link.up]

    def _room(self, way: Way) -> int:
        return way.link.free - (MAIN_KEEPS if way is self.main else 0)

    def _look_again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        soon = self._loop.time() + _LOOK_AGAIN_S
        due = min((way.link.free_at for way in self._ways()), default=soon)
        self._timer = self._loop.call_at(max(due, soon), self._pump)

    # --- more connections --------------------------------------------------------------------------
    def expect(self, messages: int) -> None:
        """So many are about to come. Connecting takes a while: begin before the main connection has no room left."""
        if self.main is not None:
            self._grow(messages - self._room(self.main))

    def _grow(self, waiting: int) -> None:
        wanted = min(math.ceil(waiting / PER_LINK), EXTRA_MAX) - len(self.extras) - len(self._growing)
        if self._loop.time() < self._grow_after or self.main is None:
            return
        for _ in range(min(wanted, EXTRA_MAX - len(self.extras) - len(self._growing))):
            task = self._loop.create_task(self._open_extra(), name="kill: one more connection")
            self._growing.add(task)
            task.add_done_callback(self._grown)

    async def _open_extra(self) -> None:
        try:
            way = await self.open(None)
        except LinkFailure:
            self._grow_after = self._loop.time() + _GROW_AGAIN_S  # the work goes on with what there is
            return
        if self._closed:
            way.link.close("the kill is over")
        else:
            self.extras.append(way)

    def _grown(self, task: asyncio.Task[None]) -> None:
        self._growing.discard(task)
        self._pump()
