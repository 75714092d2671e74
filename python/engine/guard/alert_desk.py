"""Where the guard's alerts go out: at once, repeated until somebody has seen them, over channels that may hang or fail.

Every message is a thread's business with a time of its own, and every channel has its own, so that none holds up the
guard, another message or another channel. What a channel could not take is sent to it again a few times, and that it
could not is told by the guard's own log and status. Must never raise into whoever tells something.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from engine.core.alerting import Alert, Alerting, AlertSettings, Message, Severity
from engine.trading.daemons import Daemons

SECOND_NS = 1_000_000_000
LOOK_EVERY_S = 0.25
SEND_S_MAX = 20.0
TRIES_MAX = 3
AGAIN_AFTER_S = 15.0
UNDER_WAY_MAX = 8  # messages of one channel; others wait for it
WAITING_MAX = 200
THREADS_MAX = 16  # that wait for one channel: while none comes back it is asked no more


class Channel(Protocol):
    """Takes a message to people. Called on a thread. Its name tells nothing that is secret."""

    @property
    def name(self) -> str: ...

    def send(self, message: Message) -> str | None:
        """None: it is gone out; else why not."""


class Line:
    """One channel, and what is on its way over it."""

    def __init__(self, channel: Channel, log: Callable[[str], None]) -> None:
        self._channel = channel
        self._log = log
        self._daemons = Daemons()
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: deque[Message] = deque()
        self._threads: set[asyncio.Future[str | None]] = set()
        self.failing: str | None = None  # why the channel took nothing the last time

    def send(self, message: Message) -> None:
        """As soon as there is room. Of too many that wait the oldest is given up; it is told again if it stands."""
        if len(self._waiting) >= WAITING_MAX:
            self._fail(f"{WAITING_MAX} messages wait already", self._waiting.popleft())
        self._waiting.append(message)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and len(self._under_way) < UNDER_WAY_MAX:
            self._begin(self._waiting.popleft())

    def _begin(self, message: Message) -> None:
        task = asyncio.get_running_loop().create_task(self._send(message), name=f"alert by {self._channel.name}")
        self._under_way.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._go_on()

    async def try_once(self, message: Message) -> tuple[str, str | None]:
        """Now, beside whatever waits, and not again. The channel's name, and why it was not taken."""
        why = await self._try(message)
        if why is None:
            self.failing = None
        else:
            self._fail(why, message)
        return self._channel.name, why

    async def settled(self) -> None:
        """Nothing is on its way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _send(self, message: Message) -> None:
        for attempt in range(TRIES_MAX):
            if attempt:
                await asyncio.sleep(AGAIN_AFTER_S)
            why = await self._try(message)
            if why is None:
                self.failing = None
                return
            self._fail(why, message)

    async def _try(self, message: Message) -> str | None:
        if len(self._threads) >= THREADS_MAX:
            return f"{THREADS_MAX} earlier messages have had no answer"
        work = asyncio.get_running_loop().run_in_executor(self._daemons, self._channel.send, message)
        self._threads.add(work)
        work.add_done_callback(self._threads.discard)
        await asyncio.wait({work}, timeout=SEND_S_MAX)
        return work.result() if work.done() else f"no answer in {SEND_S_MAX:g} s"

    def _fail(self, why: str, message: Message) -> None:
        self.failing = f"{self._channel.name}: {why}"
        self._log(f"an alert could not be sent ({self.failing}): {message.title}")


class AlertDesk:
    """All alerts of a guard. `log` gets every message too, and what the channels could not take."""

    def __init__(
        self,
        channels: tuple[Channel, ...],
        settings: AlertSettings,
        *,
        log: Callable[[str], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._lines = tuple(Line(channel, log) for channel in channels)
        self._settings = settings
        self._log = log
        self._now_ns = now_ns
        self._state = Alerting()

    # --- telling ------------------------------------------------------------------------------------
    def tell(
        self,
        key: str,
        severity: Severity,
        title: str,
        text: str,
        *,
        lasting: bool = True,
        about: frozenset[str] = frozenset(),
    ) -> None:
        """Something is the matter; under the same key it is the same matter, and told anew if it is `about` more."""
        alert = Alert(key=key, severity=severity, title=title, text=text, lasting=lasting, about=about)
        self._state = self._state.told(alert, self._now_ns())

    def clear(self, key: str, text: str) -> None:
        """It is over."""
        self._state = self._state.cleared(key, text, self._now_ns())

    def acknowledge(self, key: str | None, who: str) -> tuple[str, ...]:
        """Somebody has seen it (None: everything); it is not repeated."""
        self._state, keys = self._state.acknowledged(key, who)
        return keys

    def title(self, key: str) -> str:
        """Of what stands under that key."""
        found = self._state.standing.get(key)
        return key if found is None else found.alert.title

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
        self._state, messages = self._state.due(self._settings, self._now_ns())
        for message in messages:
            self._log(f"{message.severity.name}: {message.title}: {message.text}")
            for line in self._lines:
                line.send(message)

    async def try_all(self, message: Message) -> dict[str, str | None]:
        """Send it over every channel now, once, and wait: by channel, why it was not taken (None: it was)."""
        self._log(f"{message.severity.name}: {message.title}: {message.text}")
        return dict(await asyncio.gather(*(line.try_once(message) for line in self._lines)))

    @property
    def failing(self) -> str | None:
        """Why a channel took nothing the last time; None: all did."""
        return "; ".join(line.failing for line in self._lines if line.failing is not None) or None

    async def settled(self) -> None:
        """Nothing is on its way."""
        await asyncio.gather(*(line.settled() for line in self._lines))

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
