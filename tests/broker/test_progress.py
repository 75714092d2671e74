"""An answer that is still coming is not late; silence is; and nothing holds a read for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.scripted import AAPL, ES, HOST, PORT, ScriptedTws, execution, open_order, order_status, position, scripted
from engine.broker.link import Link
from engine.broker.progress import KEPT_MAX, SLOW_S_MAX, Progress
from engine.broker.reads import Complete, Failed, Outcome, Reads, answer
from engine.simulator.virtual import settle
from engine.wire import replies, requests

TIMEOUT_S = 3.0


def now() -> float:
    return asyncio.get_running_loop().time()


class Asked:
    """A read under way."""

    def __init__(self, ask: Callable[[Callable[[Outcome[Any]], None]], None]) -> None:
        self._task = asyncio.ensure_future(answer(ask))

    async def outcome(self) -> tuple[Outcome[Any], float]:
        return await self._task, now()

    @property
    def over(self) -> bool:
        return self._task.done()


async def reading(tws: ScriptedTws) -> Reads:
    link = Link(HOST, PORT, 1)
    reads = Reads(link)
    await link.connect()
    return reads


def orders(reads: Reads) -> Asked:
    return Asked(lambda then: reads.open_orders(then, TIMEOUT_S))


def positions(reads: Reads) -> Asked:
    return Asked(lambda then: reads.positions(then, TIMEOUT_S))


def executions(reads: Reads) -> Asked:
    return Asked(lambda then: reads.executions(then, TIMEOUT_S))


async def every(seconds: float, tws: ScriptedTws, *rows: replies.Reply) -> None:
    for row in rows:
        await asyncio.sleep(seconds)
        tws.peer.send(row)


def test_an_answer_whose_rows_keep_coming_is_waited_for() -> None:
    async def test(tws: ScriptedTws) -> None:
        read = orders(await reading(tws))
        await settle()
        await every(2.5, tws, *(open_order(perm_id=each) for each in (1, 2, 3)), replies.OpenOrderEnd())
        outcome, at = await read.outcome()
        assert isinstance(outcome, Complete) and len(outcome.value) == 3
        assert at == pytest.approx(10.0)

    scripted(test)


def test_one_whose_rows_stop_is_given_up_as_silence_is() -> None:
    async def test(tws: ScriptedTws) -> None:
        read = orders(await reading(tws))
        await settle()
        await every(1, tws, open_order(perm_id=1), open_order(perm_id=2))
        outcome, at = await read.outcome()
        assert isinstance(outcome, Failed) and "no complete answer within 5 s" in outcome.why
        assert at == pytest.approx(2.0 + TIMEOUT_S)

    scripted(test)


def test_the_same_rows_again_are_no_progress() -> None:
    """What orders do meanwhile arrives like a list."""

    async def test(tws: ScriptedTws) -> None:
        read = orders(await reading(tws))
        await settle()
        await every(1, tws, *[open_order(perm_id=1), order_status(perm_id=1)] * 2)
        await settle()
        assert (await read.outcome())[1] == pytest.approx(1.0 + TIMEOUT_S)

    scripted(test)


def test_rows_for_ever_are_no_answer() -> None:
    async def test(tws: ScriptedTws) -> None:
        read = orders(await reading(tws))
        await settle()
        streaming = asyncio.ensure_future(every(1, tws, *(open_order(perm_id=each) for each in range(1, 200))))
        outcome, at = await read.outcome()
        streaming.cancel()
        assert isinstance(outcome, Failed) and at == pytest.approx(SLOW_S_MAX)

    scripted(test)


def test_what_stands_behind_an_answer_that_is_coming_is_waited_for() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        read = [orders(reads), positions(reads), executions(reads)]
        await settle()
        await every(2, tws, *(open_order(perm_id=each) for each in (1, 2, 3)), replies.OpenOrderEnd())
        await every(2, tws, position(ES), position(AAPL), replies.PositionEnd())
        await every(2, tws, execution(req_id=1), replies.ExecutionsEnd(1))
        outcomes = [await each.outcome() for each in read]
        assert all(isinstance(outcome, Complete) for outcome, _ in outcomes)

    scripted(test)


def test_what_has_been_passed_over_is_given_up_in_time() -> None:
    """TWS answers in order: rows of a later answer are no sign of an earlier one."""

    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        first, second = orders(reads), positions(reads)
        await settle()
        await every(1, tws, position(ES), position(AAPL), replies.PositionEnd())
        outcome, at = await first.outcome()
        assert isinstance(outcome, Failed) and at == pytest.approx(TIMEOUT_S)
        assert isinstance((await second.outcome())[0], Complete)

    scripted(test)


def test_a_row_that_comes_byte_by_byte_is_awaited_as_long_as_bytes_come() -> None:
    async def quiet_reading(tws: ScriptedTws) -> Reads:
        reads = await reading(tws)
        del tws.answers[requests.ReqCurrentTime]  # what is answered would come into the middle of it
        return reads

    async def trickle(tws: ScriptedTws, *rows: replies.Reply, stop_at: float = 1e9) -> None:
        for row in rows:
            whole = tws.peer.session.send(row)
            for start in range(0, len(whole), 10):
                await asyncio.sleep(0.5)
                if now() < stop_at:
                    tws.peer.transport.write(whole[start : start + 10])

    async def whole(tws: ScriptedTws) -> None:
        read = positions(await quiet_reading(tws))
        await settle()
        await trickle(tws, position(ES), position(AAPL), replies.PositionEnd())
        outcome, at = await read.outcome()
        assert isinstance(outcome, Complete) and len(outcome.value) == 2 and at > TIMEOUT_S

    async def broken_off(tws: ScriptedTws) -> None:
        read = positions(await quiet_reading(tws))
        await settle()
        trickling = asyncio.ensure_future(trickle(tws, position(ES), stop_at=2.7))
        outcome, at = await read.outcome()
        assert isinstance(outcome, Failed) and at == pytest.approx(2.5 + TIMEOUT_S / 3)
        trickling.cancel()

    scripted(whole)
    scripted(broken_off)


def test_behind_an_owed_answer_a_slow_one_is_not_taken_for_lost() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        first = orders(reads)
        outcome, at = await first.outcome()
        assert isinstance(outcome, Failed) and at == pytest.approx(TIMEOUT_S)
        between = positions(reads)
        await settle()
        second = orders(reads)
        await settle()
        tws.peer.send(open_order(perm_id=1), replies.OpenOrderEnd())  # to the first
        await every(0.9, tws, position(ES), position(AAPL), replies.PositionEnd(), open_order(perm_id=2))
        tws.peer.send(replies.OpenOrderEnd())
        assert isinstance((await between.outcome())[0], Complete)
        outcome, _ = await second.outcome()
        assert isinstance(outcome, Complete) and [order.perm_id for order in outcome.value] == [2]

    scripted(test)


# --- the bookkeeping ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=40))
def test_the_last_move_of_a_read_or_of_one_before_it_is_known(moves: list[tuple[int, int]]) -> None:
    progress, at, told = Progress(), 0, []
    for number, later in moves:
        at += later
        progress.moved(number, at)
        told.append((number, at))
        for asked in range(11):
            expected = max((moved for each, moved in told if each <= asked), default=0)
            assert progress.moved_at(asked) == expected


def test_what_is_kept_is_bounded() -> None:
    progress = Progress()
    for number in range(1, 10 * KEPT_MAX):
        assert progress.sent() == number
        progress.moved(number, float(number))
    assert len(progress._moved) == KEPT_MAX
    assert progress.moved_at(10 * KEPT_MAX) == 10 * KEPT_MAX - 1
