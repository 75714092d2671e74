"""Programs that are ended or stopped between two steps of theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.broker.closer_lock import CloserLock, LockState
from engine.torture.programs import Program, ProgramLoop, run_and_bury


def test_a_dead_program_does_nothing_any_more(tmp_path: Path) -> None:
    done = []

    async def work(_: Program) -> None:
        try:
            for number in range(10):
                done.append(number)
                await asyncio.sleep(1)
        finally:
            done.append(99)

    async def main(loop: ProgramLoop) -> list[int]:
        program = Program(loop, tmp_path)
        program.start(work)
        program.count_from_here(4)
        assert await program.over
        await asyncio.sleep(60)
        return list(done)

    assert run_and_bury(main) == [0, 1]


def test_a_stopped_program_does_what_has_come_up_in_order_when_it_goes_on(tmp_path: Path) -> None:
    heard: list[tuple[float, str]] = []

    async def main(loop: ProgramLoop) -> None:
        program = Program(loop, tmp_path)

        async def work(_: Program) -> None:
            loop.call_at(2.0, lambda: heard.append((loop.time(), "first")))
            loop.call_at(3.0, lambda: heard.append((loop.time(), "second")))
            loop.call_at(9.0, lambda: heard.append((loop.time(), "third")))

        program.start(work)
        await asyncio.sleep(1)
        program.stop()
        await asyncio.sleep(4)
        assert not heard
        program.go_on()
        await asyncio.sleep(10)

    run_and_bury(main)
    assert [what for _, what in heard] == ["first", "second", "third"]
    assert [at for at, _ in heard] == pytest.approx([5, 5, 9])


def test_what_a_stopped_program_was_told_to_do_ends_unseen_when_it_dies_as_it_goes_on(tmp_path: Path) -> None:
    async def work(_: Program) -> None:
        await asyncio.sleep(2)

    async def main(loop: ProgramLoop) -> ProgramLoop:
        program = Program(loop, tmp_path)
        program.start(work)
        await asyncio.sleep(1)
        program.stop()
        program.start(work)
        program.start(work)  # only what is undone holds their tasks
        await asyncio.sleep(4)
        program.count_from_here(1)
        program.go_on()
        assert await program.over
        return loop

    assert not run_and_bury(main).unhandled


def test_the_locks_of_a_dead_program_are_free_and_those_of_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    for name in ("one", "two"):
        (tmp_path / name).symlink_to(tmp_path)

    async def main(loop: ProgramLoop) -> list[LockState]:
        programs = [Program(loop, tmp_path / name / "locks", name) for name in ("one", "two")]
        mine, theirs = (CloserLock(name, "test", program.locks) for name, program in zip("ab", programs, strict=True))
        assert mine.take().state is theirs.take().state is LockState.TAKEN
        programs[0].die()
        return [CloserLock(name, "test", tmp_path / "locks").take().state for name in "ab"]

    assert run_and_bury(main) == [LockState.TAKEN, LockState.BUSY]


class Hello(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


class Ear(asyncio.Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.ended = False

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True


def test_the_connections_and_listeners_of_a_dead_program_end(tmp_path: Path) -> None:
    async def main(loop: ProgramLoop) -> Ear:
        program = Program(loop, tmp_path)

        async def serve(_: Program) -> None:
            await loop.create_server(Hello, "127.0.0.1", 5000)
            await asyncio.sleep(100)

        program.start(serve)
        await asyncio.sleep(1)
        _, ear = await loop.create_connection(Ear, "127.0.0.1", 5000)
        await asyncio.sleep(1)
        assert isinstance(ear, Ear) and not ear.ended
        program.die()
        await asyncio.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Ear, "127.0.0.1", 5000)
        return ear

    ear = run_and_bury(main)
    assert ear.ended and ear.heard == b"hello"
