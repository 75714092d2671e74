"""Looks ten times a second while a page is open, draws once for everybody, and hands it to every page that is open.

A page gets only what has changed, and a pulse each second: where the pulse stays away the page says that it is stale.
Must never let a slow page hold up another one, or grow with the number of pages; and where nothing can be read a page
comes up all the same, for the switch on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from engine.trading.daemons import Daemons
from engine.web.picture import Picture, unseen
from engine.web.runs import Run

LOOK_EVERY_S = 0.1
LOOK_ALONE_S = 1.0  # while no page is open
PULSE_EVERY_S = 1.0
LOOKS_MAX = 8  # at a time: what hangs is not asked without end
FRESH_S_MAX = 1.5
PAGES_MAX = 200
STREAM_S_MAX = 1800.0  # then the browser comes again, and its session is renewed
RETRY_MS = 500
ANEW_AFTER_S = 1.0


class Scene:
    """What the pages show at a moment: parts by name, each with the number of its last change."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[int, str]] = {}
        self.number = 0

    def put(self, name: str, text: str) -> bool:
        """True: it is another one than before."""
        if name in self.parts and self.parts[name][1] == text:
            return False
        self.number += 1
        self.parts[name] = (self.number, text)
        return True


class Live:
    """`look` reads on a thread; `draw` makes the parts of a page from what it has read."""

    def __init__(
        self,
        look: Callable[[], tuple[Picture, Run | None]],
        draw: Callable[[Picture, Run | None], dict[str, str]],
        *,
        log: Callable[[str], None],
    ) -> None:
        self._look = look
        self._draw = draw
        self._log = log
        self._daemons = Daemons()
        self._changed = asyncio.Condition()
        self._opened = asyncio.Event()
        self._scene = Scene()
        self._pages = 0
        self._begun = self._shown = self._looking = 0
        self._looks: set[asyncio.Task[Picture]] = set()
        self.picture: Picture | None = None
        self.run_seen: Run | None = None

    async def run(self) -> None:
        """Until it is cancelled. A fault of ours is told, and it is begun anew."""
        while True:
            task = asyncio.create_task(self._watch())
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
            self._log(f"the cockpit could not look: {None if task.cancelled() else task.exception()!r}")
            await asyncio.sleep(ANEW_AFTER_S)

    async def fresh(self) -> tuple[Picture, Run | None]:
        """As of now; or what was seen last, if a look takes too long or fails."""
        if self._looking < LOOKS_MAX:
            task = asyncio.create_task(self.look())
            self._looks.add(task)
            task.add_done_callback(self._looked)
            await asyncio.wait({task}, timeout=FRESH_S_MAX)
        return self.picture or unseen(), self.run_seen

    def _looked(self, task: asyncio.Task[Picture]) -> None:
        self._looks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._log(f"the cockpit could not look: {task.exception()!r}")

    async def look(self) -> Picture:
        """A picture that is begun now."""
        self._begun += 1
        number = self._begun
        self._looking += 1
        try:
            picture, run = await asyncio.get_running_loop().run_in_executor(self._daemons, self._look)
        finally:
            self._looking -= 1
        if number > self._shown:  # else a later look has overtaken this one
            self._shown = number
            await self._show(picture, run)
        return picture

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            self._opened.clear()
            await self.look()
            every_s = LOOK_EVERY_S if self._pages else LOOK_ALONE_S
            with contextlib.suppress(TimeoutError):  # each look begins in its turn, however long the last one took
                await asyncio.wait_for(self._opened.wait(), max(0.0, began + every_s - time.monotonic()))

    async def _show(self, picture: Picture, run: Run | None) -> None:
        self.picture, self.run_seen = picture, run
        changed = [self._scene.put(name, text) for name, text in self._draw(picture, run).items()]
        if any(changed):
            async with self._changed:
                self._changed.notify_all()

    async def events(self, alive: Callable[[], bool]) -> AsyncIterator[str]:
        """Server-sent events for one page, as long as whoever sees it may."""
        if self._pages >= PAGES_MAX:
            return
        self._pages += 1
        self._opened.set()
        seen, pulsed, told_ns = 0, 0.0, 0
        ends = time.monotonic() + STREAM_S_MAX
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while alive():
                if time.monotonic() >= ends:
                    return
                news = sorted((number, name) for name, (number, _) in self._scene.parts.items() if number > seen)
                for number, name in news:
                    seen = number
                    yield event(name, self._scene.parts[name][1])
                now = time.monotonic()
                picture = self.picture
                if picture is not None and picture.at_ns != told_ns and now - pulsed >= PULSE_EVERY_S:
                    pulsed, told_ns = now, picture.at_ns
                    yield event("pulse", time.strftime("%H:%M:%S", time.localtime(picture.at_ns // 1_000_000_000)))
                await self._news(seen)
            yield event("over", "logged out")
        finally:
            self._pages -= 1

    async def _news(self, seen: int) -> None:
        """Wait for something new, or for the next pulse."""
        try:
            async with asyncio.timeout(PULSE_EVERY_S), self._changed:
                await self._changed.wait_for(lambda: self._scene.number > seen)
        except TimeoutError:
            return


def event(name: str, text: str) -> str:
    """One event as the browser reads it."""
    lines = "\n".join(f"data: {line}" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n\n"
