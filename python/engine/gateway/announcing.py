"""What is told and written down of an order before it leaves: a slip to every program, and the journal behind it.

Must never announce what the journal has not followed for too long: then an order waits for its own record, or stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from engine.core.restrictions import Scope
from engine.journal.events import AnyEvent, OrderEnded, OrderIntent
from engine.trading.order_records import OrderRecords, Outcome
from engine.trading.rules import Rules
from engine.trading.slips import POSSIBLE, Slips, Standing, body_of, left_behind

BEHIND_S_MAX = 1.0  # how far the journal may be behind the slips: longer, and it counts as one that cannot be written
DIED = "its program ended before it could write down what became of it"


class Announcing:
    """Of one login."""

    def __init__(self, records: OrderRecords) -> None:
        self._records = records

    def open(self, home: Path, scope: Scope) -> str:
        """Why there are no slips, so that every order waits for the journal; empty: there are."""
        if not POSSIBLE:
            return "this system has no place for them"
        try:
            self._records.slips = Slips(home, scope)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    @property
    def path(self) -> Path | None:
        return None if self._records.slips is None else self._records.slips.path

    def name(self, scope: Scope) -> None:
        """The accounts of the login have become known."""
        if self._records.slips is not None:
            with contextlib.suppress(OSError):
                self._records.slips.name(scope)

    def tell(self, body: bytes) -> int | None:
        """The slip's number. None: it could not be told, so the order has to wait for the journal."""
        slips = self._records.slips
        if slips is None or self._records.behind_s > BEHIND_S_MAX:
            return None
        return slips.write(body)

    def tell_of(self, intent: OrderIntent, at_ns: int) -> int | None:
        return self.tell(body_of(intent, at_ns))

    def take_back(self, number: int) -> None:
        """It did not leave, and the journal need not hear of it."""
        if self._records.slips is not None:
            self._records.slips.mark(number, Standing.DONE)

    def close(self) -> None:
        if self._records.slips is not None:
            self._records.slips.close()


def take_up(home: Path, rules: Rules, log: Callable[[str], None]) -> None:
    """What a dead program has announced and not written down: now it is, as unconfirmed. Readings show what is left of
    it. For a thread.
    """
    for path, slips in left_behind(home):
        events: list[AnyEvent] = []
        for slip in slips:
            intent = slip.intent
            if slip.standing is Standing.OPEN:
                events.append(intent)
            events.append(
                OrderEnded(
                    scope=intent.scope,
                    order_ref=intent.order_ref,
                    outcome=Outcome.UNCONFIRMED.value,
                    text=DIED,
                    client_id=intent.client_id,
                    order_id=intent.order_id,
                )
            )
            log(
                f"{intent.scope.login}: order {intent.order_id} of client {intent.client_id} ({intent.action} "
                f"{intent.quantity} {intent.symbol}) may have left when its program ended: look at it in TWS"
            )
        kept = rules.journal.keep(*events) if events else None
        if kept is None or kept.records is not None or kept.spooled is not None:
            with contextlib.suppress(OSError):
                path.unlink()
