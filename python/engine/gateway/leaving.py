"""An order that has passed its checks leaves: counted, announced or written down, looked at once more, handed over.

It counts before anything is waited for, and the last look is taken in the moment in which its bytes are handed over.
Must never hand over what the last look objects to, nor leave an order counted that has stayed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.broker.outbox import NOT_TAKING
from engine.core.exposure import Resting
from engine.core.preflight.verdict import Code, Failure, Verdict
from engine.gateway.announcing import Announcing
from engine.gateway.wishes import End, Ruling, Wish
from engine.trading.entries import Entry
from engine.trading.last_look import LastLook
from engine.trading.order_checks import Asked, OrderChecks
from engine.trading.order_records import INTENT_S_MAX
from engine.trading.order_records import Outcome as Fate
from engine.trading.rules import Rules

REDUCING_S = 0.3  # a reducing order waits no longer for its record
GONE = "the connection to TWS is gone"


class Leaving:
    """Of one login. `has_left` is told of each order that has, and whether it changes one that works."""

    def __init__(
        self,
        entry: Entry,
        checks: OrderChecks,
        rules: Rules,
        announcing: Announcing,
        has_left: Callable[[Wish, Asked, bool], None],
        wall_ns: Callable[[], int],
    ) -> None:
        self._entry = entry
        self._checks = checks
        self._rules = rules
        self._records = checks.records
        self._announcing = announcing
        self._has_left = has_left
        self._wall_ns = wall_ns
        self._recording: set[asyncio.Task[int | None]] = set()

    async def send(self, wish: Wish, asked: Asked, modifies: bool) -> Ruling | Verdict:
        """It has passed, at this very moment. The verdict: it is refused after all."""
        key = wish.key
        before = self._checks.desk.book.order(key)
        self._checks.passed(asked, key)
        last_look = LastLook(self._rules, self._checks, self._entry, asked, key, before)
        left, why = False, "the client has gone"
        try:
            last_look.announced = self._announce(wish, asked)
            if not last_look.announced:
                last_look.recorded = await self._record(wish, asked, before)
            withdrawn = wish.withdrawn()
            why = withdrawn or self._enter(wish, asked, last_look, before)
            if not why:
                try:
                    left = wish.write()
                finally:
                    last_look.leave()
                why = "" if left else GONE
        finally:
            if left:
                self._has_left(wish, asked, modifies)
            else:
                self._stays(wish, before, why)
        if left:
            return Ruling(End.LEFT)
        if withdrawn:
            return Ruling(End.WITHDRAWN, withdrawn, modifies)
        if why == GONE:
            return Ruling(End.LOST, why, modifies)
        return last_look.verdict if not last_look.verdict.passed else Verdict((Failure(Code.HALTED, why, None),))

    def _announce(self, wish: Wish, asked: Asked) -> bool:
        """Tell every program of it; the journal follows."""
        event = self._records.event(asked.intent, wish.order_ref, wish.key, announced=True)
        number = self._announcing.tell_of(event, self._wall_ns())
        if number is None:
            return False
        self._records.announced(wish.key, number, lambda: event)
        return True

    async def _record(self, wish: Wish, asked: Asked, before: tuple[Resting, ...]) -> int | None:
        """Have it in the journal before it leaves. What only reduces does not wait long for that."""
        work = asyncio.get_running_loop().create_task(
            self._records.intent(asked.intent, wish.order_ref, wish.key), name="record of an order"
        )
        self._recording.add(work)
        work.add_done_callback(self._recording.discard)
        await asyncio.wait({work}, timeout=REDUCING_S)
        if not work.done() and not self._checks.reduces(asked, wish.key, self._checks.state(), before):
            await asyncio.wait({work}, timeout=2 * INTENT_S_MAX)
        return work.result() if work.done() else None

    def _enter(self, wish: Wish, asked: Asked, last_look: LastLook, before: tuple[Resting, ...]) -> str:
        """The last look. Empty: it is ours to send, and `last_look.leave` must follow."""
        if wish.backlog() and not self._checks.reduces(asked, wish.key, self._checks.state(), before):
            return NOT_TAKING
        return last_look.enter() or ""

    def _stays(self, wish: Wish, before: tuple[Resting, ...], why: str) -> None:
        """It was counted, and never left."""
        if before:
            self._checks.book.not_changed(wish.key, before)
        else:
            self._checks.book.gone(wish.key)
        self._records.ended(wish.order_ref, wish.key, Fate.NOT_SENT, why)
