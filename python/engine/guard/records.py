"""What the journal says, as the guard knows it: read on a thread, because a disk may hang and the loop must not wait.

The loop sees the last picture that came back. Who is about to act on it asks for a fresh one first (`fresh`), begun
after the facts that it is held against; where none comes in time nothing is known. Must never touch the journal on the
loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from engine.core.known import Unknown
from engine.core.limit_views import LimitsView
from engine.core.restrictions import State
from engine.journal.events import KillPressed, Record, Verified
from engine.journal.state import JournalState
from engine.trading import IBKRAccountManager
from engine.trading.daemons import Daemons

LOOK_EVERY_S = 0.25
DISK_S_MAX = 2.0  # without an answer for so long the records are not known
SECOND_NS = 1_000_000_000


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the journal. `limits`: of the logins that nobody has judged yet, whose losses only it knows.
    `matched`: the number of the record of each one's last verification, if that was a match.
    """

    states: Mapping[str, State]
    limits: Mapping[str, LimitsView]
    kills_open: tuple[Record, ...]
    trouble: str
    matched: Mapping[str, int]


class Records:
    """Of all logins of a guard."""

    def __init__(self, manager: IBKRAccountManager, *, monotonic_ns: Callable[[], int]) -> None:
        self._manager = manager
        self._monotonic_ns = monotonic_ns
        self._daemons = Daemons()
        self._reading: asyncio.Future[Picture] | None = None
        self._asked_ns = 0
        self.last: Picture | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.fresh()
            await asyncio.sleep(LOOK_EVERY_S)

    async def fresh(self) -> Picture | None:
        """What the journal says from now on; None: it does not answer. One thread at most hangs for it."""
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=DISK_S_MAX)  # it began before we asked
            if not self._reading.done():
                return None
        self._asked_ns = self._monotonic_ns()
        mine = self._reading = asyncio.get_running_loop().run_in_executor(self._daemons, self._read)
        await asyncio.wait({mine}, timeout=DISK_S_MAX)
        if not mine.done():
            return None
        self.last = mine.result()
        return self.last

    def state(self, name: str) -> State | None:
        """What a login may do by the last picture; None: nobody has read it yet."""
        return None if self.last is None else self.last.states.get(name)

    def limits(self, name: str) -> LimitsView | None:
        """The limits of a login that was not judged over the present connection."""
        return None if self.last is None else self.last.limits.get(name)

    def matched(self, name: str) -> int | None:
        """The number of the record of its last verification, whoever has made it; None: that was no match."""
        return None if self.last is None else self.last.matched.get(name)

    @property
    def unanswered_s(self) -> float:
        """For how long the disk has not answered; 0: it answers."""
        if self._reading is None or self._reading.done():
            return 0.0
        since = (self._monotonic_ns() - self._asked_ns) / SECOND_NS
        return since if since >= DISK_S_MAX else 0.0

    # --- on the thread ------------------------------------------------------------------------------
    def _read(self) -> Picture:
        manager, names = self._manager, self._manager.logins
        states = {name: manager.state(name) for name in names}
        journal = manager.rules.journal
        state, trouble = journal.state(), journal.trouble()
        return Picture(
            states=states,
            limits={name: manager.limits(name) for name in names if manager.limits_now(name) is None},
            kills_open=() if isinstance(state, Unknown) else tuple(state.kills_open.values()),
            trouble="" if trouble is None else str(trouble),
            matched={} if isinstance(state, Unknown) else self._matched(state),
        )

    def _matched(self, state: JournalState) -> dict[str, int]:
        last = {name: state.last_verified(self._manager.scope(name)) for name in self._manager.logins}
        return {
            name: record.seq
            for name, record in last.items()
            if record is not None and isinstance(record.event, Verified) and record.event.matches
        }


def pressed_kills(records: tuple[Record, ...]) -> tuple[tuple[KillPressed, int], ...]:
    """The kills that have not ended, with the moment at which each was pressed."""
    return tuple((one.event, one.at_ns) for one in records if isinstance(one.event, KillPressed))
