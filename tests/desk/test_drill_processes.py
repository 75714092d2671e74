"""The question that a drill asks its simulated TWS: every answer is of the moment that was asked about."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from engine.desk import drill_processes
from engine.desk.drill_processes import DrillFailed, SimulatedTws
from engine.desk.exchange_truth import Truth
from engine.simulator.virtual import run, settle


class Process:
    """Answers the questions it has read when a test lets it: `{"moment": n}` for the n-th."""

    def __init__(self) -> None:
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self.stdin = SimpleNamespace(write=lambda _: self.asked.append(len(self.asked)))
        self.asked: list[int] = []
        self.tws = SimulatedTws(cast(Any, self))

    def answer(self) -> None:
        self.stdout.feed_data(msgspec.json.encode({"logins": {}, "moment": self.asked.pop(0)}) + b"\n")

    async def started(self) -> SimulatedTws:
        self.stdout.feed_data(b'{"logins": {}, "moment": -1}\n')
        await self.tws.opened()
        return self.tws


class Dated(Truth, frozen=True, kw_only=True):
    moment: int = -2


@pytest.fixture(autouse=True)
def _answers_have_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill_processes, "Truth", Dated)


def test_the_answer_to_a_question_that_nobody_waited_for_is_not_taken_for_that_of_the_next() -> None:
    async def main() -> None:
        process = Process()
        tws = await process.started()
        given_up = asyncio.ensure_future(tws.truth())
        await settle()
        given_up.cancel()
        await settle()
        process.asked = [7]
        process.answer()
        asked = asyncio.ensure_future(tws.truth())
        await settle()
        process.asked = [8]
        process.answer()
        assert cast(Dated, await asked).moment == 8

    run(main())


def test_one_that_was_answered_too_late_is_skipped_too() -> None:
    async def main() -> None:
        process = Process()
        tws = await process.started()
        with pytest.raises(DrillFailed, match="does not answer"):
            await tws.truth()
        process.asked = [1]
        process.answer()
        asked = asyncio.ensure_future(tws.truth())
        await settle()
        process.asked = [2]
        process.answer()
        assert cast(Dated, await asked).moment == 2

    run(main())


def test_a_simulator_that_ended_is_told_with_its_last_word() -> None:
    async def main() -> None:
        process = Process()
        process.stdout.feed_eof()
        process.stderr.feed_data(b"Traceback\nOSError: no port\n")
        process.stderr.feed_eof()
        with pytest.raises(DrillFailed, match="OSError: no port"):
            await process.tws.opened()

    run(main())
