"""The connections of one kill: whichever id TWS takes, no more of them than are needed, and every message once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from broker.scripted import HOST, PORT, ScriptedTws, scripted
from engine.broker.failures import LinkFailure
from engine.broker.fan_out import (
    EMERGENCY_IDS,
    EXTRA_MAX,
    HANG_UPS_PER_ATTEMPT,
    IDS_PER_ATTEMPT,
    PER_LINK,
    FanOut,
    Job,
    Way,
)
from engine.broker.link import Link, LinkSettings
from engine.core.kill.events import Trouble
from engine.wire.requests import ReqPositions

MANY = 2 * PER_LINK + 60


def fan_out(heard: list[Link] | None = None) -> FanOut:
    return FanOut(HOST, PORT, LinkSettings(), (heard if heard is not None else []).append)


def posting(then: Callable[[Way], None]) -> Job:
    def run(way: Way) -> None:
        way.link.post(ReqPositions())
        then(way)

    def dropped(why: str) -> None:
        raise AssertionError(why)

    return Job(run, dropped)


def started(tws: ScriptedTws) -> list[int | None]:
    return [peer.client_id for peer in tws.peers if not peer.gone]


def test_the_preferred_id_is_tried_first_and_behind_it_the_emergency_ids() -> None:
    async def test(tws: ScriptedTws) -> None:
        heard: list[Link] = []
        tws.busy_ids = {1, EMERGENCY_IDS[0]}
        way = await fan_out(heard).open(1)
        assert way.link.client_id == EMERGENCY_IDS[1]
        assert [link.client_id for link in heard] == [1, *EMERGENCY_IDS[:2]]
        another = await fan_out().open(None)
        assert another.link.client_id == EMERGENCY_IDS[1], "each has ids of its own alone"

    scripted(test)


def test_ids_tried_in_vain_come_last_in_the_next_attempt() -> None:
    async def test(tws: ScriptedTws) -> None:
        ways = fan_out()
        tws.busy_ids = {1, *EMERGENCY_IDS[: IDS_PER_ATTEMPT - 1]}
        with pytest.raises(LinkFailure, match="in use") as caught:
            await ways.open(1)
        assert not caught.value.other_id_may_help
        assert (await ways.open(1)).link.client_id == EMERGENCY_IDS[IDS_PER_ATTEMPT - 1]

    scripted(test)


def test_a_tws_that_hangs_up_on_one_id_after_the_other_ends_the_attempt() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.close_on = "start"
        with pytest.raises(LinkFailure) as caught:
            await fan_out().open(1)
        assert caught.value.trouble is Trouble.CLOSED and len(tws.peers) == HANG_UPS_PER_ATTEMPT

    scripted(test)


def test_where_no_other_id_would_help_no_other_is_tried() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.silent_on = "start"
        with pytest.raises(LinkFailure):
            await fan_out().open(1)
        assert len(tws.peers) == 1

    scripted(test)


def test_an_id_is_claimed_once_and_not_beyond_what_is_needed() -> None:
    async def test(tws: ScriptedTws) -> None:
        ways = fan_out()
        ways.main = await ways.open(1)
        await ways.claim(1)
        assert started(tws) == [1], "it is ours"
        for client_id in range(30, 30 + EXTRA_MAX):
            await ways.claim(client_id)
        assert [way.link.client_id for way in ways.extras] == [30, 31, 32]
        await ways.claim(40)
        await asyncio.sleep(1)
        assert started(tws) == [1, 30, 31, 32], "a fourth has nothing to do"
        ways.lost(ways.extras[0].link)
        ways.close("over", keep=ways.main.link)
        await ways.claim(41)
        await asyncio.sleep(1)
        assert started(tws) == [1, 30], "what was given up is another's, and the one that is kept stays"
        tws.busy_ids = {50}
        with pytest.raises(LinkFailure):
            await ways.claim(50)

    scripted(test)


def test_every_message_goes_once_over_no_more_connections_than_there_may_be() -> None:
    async def test(tws: ScriptedTws) -> None:
        ways, over = fan_out(), list[int | None]()
        ways.main = await ways.open(1)
        for _ in range(4 * MANY):
            ways.submit(posting(lambda way: over.append(way.link.client_id)))
        await asyncio.sleep(30)
        assert len(over) == len(tws.requests(ReqPositions)) == 4 * MANY
        assert set(over) == {1, *(way.link.client_id for way in ways.extras)} and len(ways.extras) == EXTRA_MAX

    scripted(test)


def test_a_message_is_taken_back_until_a_connection_has_it() -> None:
    async def test(tws: ScriptedTws) -> None:
        ways, dropped, ran = fan_out(), list[str](), list[int]()
        jobs = [Job(lambda _way, n=n: ran.append(n), dropped.append) for n in range(3)]
        for job in jobs:
            ways.submit(job)
        assert ways.drop(jobs[1], "not needed") and not ways.drop(jobs[1], "again")
        assert dropped == ["not needed"] and not ran
        ways.main = await ways.open(1)
        await asyncio.sleep(1)
        assert ran == [0, 2] and not ways.drop(jobs[0], "too late")
        ways.lost(ways.main.link)
        ways.submit(Job(lambda _way: ran.append(9), dropped.append))
        ways.close("the kill is over")
        await asyncio.sleep(1)
        assert dropped == ["not needed", "the kill is over"] and ran == [0, 2]

    scripted(test)


def test_where_no_more_connections_can_be_had_the_work_goes_on_with_what_there_is() -> None:
    async def test(tws: ScriptedTws) -> None:
        ways, ran = fan_out(), list[int]()
        ways.main = await ways.open(1)
        tws.busy_ids = set(EMERGENCY_IDS)
        ways.expect(MANY)
        for n in range(MANY):
            ways.submit(posting(lambda _way, n=n: ran.append(n)))
        await asyncio.sleep(30)
        assert ran == [*range(MANY)] and not ways.extras

    scripted(test)
