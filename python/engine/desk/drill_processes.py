"""The processes of a drill: how they are started and ended, and the one question that the simulated TWS answers.

An answer belongs to one question. Whoever stops waiting for one leaves it unread, and it must never pass for the answer
to the next: the truth that a drill judges by would be one of an earlier moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

import msgspec

from engine.desk.exchange_truth import Truth
from engine.own_program import module

START_PATIENCE_S = 30.0
ANSWER_PATIENCE_S = 10.0
END_PATIENCE_S = 3.0
LINE_BYTES_MAX = 1 << 24


class DrillFailed(Exception):
    """The drill itself could not be held; it says nothing about the kill."""


class SimulatedTws:
    """The process of `engine.desk.drill_world`: it tells the truth once by itself, and then for every line it reads."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()
        self._unread = 1  # answers on their way

    async def truth(self) -> Truth:
        """What is true on the exchange at a moment behind the call. Raises DrillFailed."""
        assert self._process.stdin is not None
        async with self._asking:
            self._unread += 1
            with contextlib.suppress(ConnectionError):
                self._process.stdin.write(b"?\n")
            return await self._newest(ANSWER_PATIENCE_S)

    async def opened(self) -> None:
        """It has told where it listens. Raises DrillFailed."""
        await self._newest(START_PATIENCE_S)

    async def _newest(self, patience_s: float) -> Truth:
        line = b""
        while self._unread:
            line = await self._line(patience_s)
            self._unread -= 1
        return msgspec.json.decode(line, type=Truth)

    async def _line(self, patience_s: float) -> bytes:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(patience_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise DrillFailed("the simulator does not answer") from None
        if not line:
            assert self._process.stderr is not None
            last = (await self._process.stderr.read()).decode(errors="replace").strip().splitlines()[-1:]
            raise DrillFailed(f"the simulator ended: {last[0] if last else 'without a word'}")
        return line


@contextlib.asynccontextmanager
async def simulated_tws(scenario: str) -> AsyncIterator[SimulatedTws]:
    """A simulated TWS on ports of its own, for as long as the block lasts. Raises DrillFailed."""
    process = await start(module("engine.desk.drill_world", scenario), clean_environment())
    try:
        world = SimulatedTws(process)
        await world.opened()
        yield world
    finally:
        await end(process)


def clean_environment() -> dict[str, str]:
    """Ours without anything that could name a TWS."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QE_")}


async def start(command: tuple[str, ...], environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        limit=LINE_BYTES_MAX,
        start_new_session=True,  # a Ctrl-C in the terminal ends the drill, which then ends these
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask the process to end by closing its input; insist after a moment."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_PATIENCE_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
