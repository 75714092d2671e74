"""Where the guard's alerts go out: at once, repeated until somebody has seen them, over channels that may hang or fail.

Every message is a thread's business with a time of its own, so no channel holds up the guard or another message. What a
channel could not take is sent again a few times, and that it could not is told by the guard's own log and status. Must
never raise into whoever tells something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from engine.core.alerting import Alert, Alerting, AlertSettings, Message, Severity
from engine.trading.daemons import Daemons

LOOK_EVERY_S = 0.25
SECOND_NS = 1_000_000_000
SEND_S_MAX = 20.0
TRIES_MAX = 3
AGAIN_AFTER_S = 15.0
UNDER_WAY_MAX = 8


class Channel(Protocol):
    """Takes a message to people. Called on a thread."""

    def send(self, message: Message) -> str | None:
        """None: it is gone out; else why not."""


class AlertDesk:
    """All alerts of a guard. `log` gets every message too, and what the channels could not take."""

    def __init__(
        self, channel: Channel | None, settings: AlertSettings, *, log: Callable[[str], None], now_ns: Callable[[], int]
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._log = log
        self._now_ns = now_ns
        self._state = Alerting()
        self._daemons = Daemons()
        self._under_way: set[asyncio.Task[None]] = set()
        self.failing: str | None = None  # why the channel took nothing the last time

    # --- telling ------------------------------------------------------------------------------------
    def tell(self, key: str, severity: Severity, title: str, text: str, *, lasting: bool = True) -> None:
        """Something is the matter; under the same key it is the same matter."""
        alert = Alert(key=key, severity=severity, title=title, text=text, lasting=lasting)
        self._state = self._state.told(alert, self._now_ns())

    def clear(self, key: str, text: str) -> None:
        """It is over."""
        self._state = self._state.cleared(key, text, self._now_ns())

    def acknowledge(self, key: str | None, who: str) -> tuple[str, ...]:
        """Somebody has seen it (None: everything); it is not repeated."""
        self._state, keys = self._state.acknowledged(key, who)
        return keys

    @property
    def standing(self) -> tuple[Alert, ...]:
        """What nobody has acknowledged yet."""
        return tuple(one.alert for one in self._state.standing.values() if not one.acknowledged)

    def unseen_ns(self) -> int:
        """For how long something critical has stood without anybody having acknowledged it."""
        since_ns = self._state.unacknowledged_since(Severity.CRITICAL)
        return 0 if since_ns is None else self._now_ns() - since_ns

    # --- sending ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Send what is due now."""
        if len(self._under_way) >= UNDER_WAY_MAX:
            return  # what is due waits in the state, the gravest first
        self._state, messages = self._state.due(self._settings, self._now_ns())
        for message in messages:
            self._log(f"{message.severity.name}: {message.title}: {message.text}")
            if self._channel is not None:
                task = asyncio.get_running_loop().create_task(self._send(self._channel, message), name="alert")
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def _send(self, channel: Channel, message: Message) -> None:
        for attempt in range(TRIES_MAX):
            if attempt:
                await asyncio.sleep(AGAIN_AFTER_S)
            self.failing = await self._try(channel, message)
            if self.failing is None:
                return
            self._log(f"an alert could not be sent ({self.failing}): {message.title}")

    async def _try(self, channel: Channel, message: Message) -> str | None:
        work = asyncio.get_running_loop().run_in_executor(self._daemons, channel.send, message)
        await asyncio.wait({work}, timeout=SEND_S_MAX)
        return work.result() if work.done() else f"no answer in {SEND_S_MAX:g} s"

    def told(self) -> dict[str, object]:
        """For the guard's status."""
        standing = (
            {
                "key": one.alert.key,
                "severity": one.alert.severity.name.lower(),
                "title": one.alert.title,
                "text": one.alert.text,
                "standing_s": round((self._now_ns() - one.since_ns) / SECOND_NS, 1),
                "acknowledged": one.acknowledged,
            }
            for one in self._state.standing.values()
            if one.alert.lasting
        )
        return {
            "standing": list(standing),
            "waiting": self._state.waiting,
            "failing": self.failing,
        }
