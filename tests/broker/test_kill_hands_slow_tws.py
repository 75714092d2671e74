"""The kill's hands on connections that fall silent, and before a TWS that is slow to let anybody in."""

from __future__ import annotations

import asyncio
from typing import Any

from broker.kill_hands_stage import Kill, place_command, run_kill
from broker.scripted import (
    ACCOUNT,
    HOST,
    PORT,
    ScriptedTws,
)
from engine.broker.link import LinkSettings
from engine.broker.reaching import BESIDE_ANSWERED_MAX, BESIDE_MAX
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.events import Trouble
from engine.simulator.virtual import current_loop, settle
from engine.wire import replies, requests


async def fall_silent(tws: ScriptedTws, kill: Kill) -> None:
    """Two orders are sent on client id 1, then nothing comes any more, and TWS holds the connection."""
    await kill.connect()
    kill.do(place_command(1), place_command(2))
    await settle()
    answer = tws.answers.pop(requests.ReqCurrentTime)
    tws.busy_ids = {1}
    await asyncio.sleep(LinkSettings().dead_after_s + 4)
    tws.answers[requests.ReqCurrentTime] = answer
    kill.do(cmd.Connect())
    await asyncio.sleep(5)


def test_orders_on_a_connection_that_fell_silent_may_arrive_until_tws_lets_somebody_in_under_its_id() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await fall_silent(tws, kill)
        assert kill.heard(ev.CloseOrphaned) == [ev.CloseOrphaned(key, may_arrive=True) for key in (1, 2)]
        assert [event.client_id for event in kill.heard(ev.Connected)] == [1, 9000]
        assert not kill.heard(ev.CarrierEnded)
        tws.busy_ids = set()
        await asyncio.sleep(2)
        assert kill.heard(ev.CarrierEnded) == [ev.CarrierEnded(1), ev.CarrierEnded(2)]
        asked = len(tws.peers)
        await asyncio.sleep(5)
        assert len(tws.peers) == asked  # and then it is not asked any more
        assert not kill.heard(ev.Disconnected)[1:]

    run_kill(test)


def test_when_the_kill_is_over_nobody_asks_for_the_id_any_more() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await fall_silent(tws, kill)
        kill.hands.let_go("over")
        await settle()
        asked = len(tws.peers)
        await asyncio.sleep(5)
        assert len(tws.peers) == asked

    run_kill(test)


def test_a_connection_that_tws_ended_delivers_nothing_more() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        tws.peer.transport.abort()
        await settle()
        assert kill.heard(ev.CloseOrphaned) == [ev.CloseOrphaned(1, may_arrive=False)]

    run_kill(test)


def confirm(tws: ScriptedTws, peer: Any) -> None:
    """Somebody presses Accept."""
    tws.silent_on = ""
    peer.transport.write(peer.session.accept("20260311 10:30:00 US/Eastern"))


def test_a_dialog_that_is_confirmed_late_finds_the_connection_it_was_shown_for() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "hello"
        kill.do(cmd.Connect())
        await asyncio.sleep(10.5)
        assert not any(peer.gone for peer in tws.peers)
        assert 1 < len(tws.peers) <= BESIDE_MAX
        confirm(tws, tws.peers[0])
        await settle(100)
        assert [event.client_id for event in kill.heard(ev.Connected)] == [1]
        assert [peer.gone for peer in tws.peers] == [False, True, True]  # what was beside it is over
        assert not kill.heard(ev.Disconnected)

    run_kill(test)


def test_where_nobody_answers_it_is_said_what_is_waited_for_and_the_connections_are_bounded() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "hello"
        kill.do(cmd.Connect())
        await asyncio.sleep(1.1)
        [waits] = kill.heard(ev.StillWaiting)
        assert waits.trouble is Trouble.SILENT and "Accept incoming connection" in waits.text
        for _ in range(60):
            await asyncio.sleep(1)
            assert sum(not peer.gone for peer in tws.peers) <= BESIDE_MAX
        assert not tws.peers[0].gone  # the dialog was shown for this one
        confirm(tws, tws.peers[0])
        await settle(100)
        assert [event.client_id for event in kill.heard(ev.Connected)] == [1]


def test_a_connection_that_nobody_has_accepted_is_no_one_to_wait_for() -> None:
    async def test(_tws: ScriptedTws, kill: Kill) -> None:
        current_loop().network.never_answer(HOST, PORT)
        kill.do(cmd.Connect())
        await asyncio.sleep(2)
        assert not kill.heard(ev.StillWaiting)
        assert [event.trouble for event in kill.heard(ev.Disconnected)] == [Trouble.SILENT]

    run_kill(test)


def test_a_tws_that_answers_and_is_not_ready_is_stayed_with_and_cancelled_in_advance_twice() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        del tws.answers[requests.ReqCurrentTime]
        kill.do(cmd.Connect())
        await asyncio.sleep(0.2)
        assert kill.told == [ev.Greeted(), ev.Answering(1)]
        kill.do(cmd.GlobalCancel(early=True))
        await settle()
        assert len(tws.requests(requests.ReqGlobalCancel)) == 1
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)))
        await settle()
        assert kill.heard(ev.Answering) == [ev.Answering(1)] * 2  # told again: now it is more likely to listen
        for _ in range(60):
            await asyncio.sleep(1)
            assert sum(not peer.gone for peer in tws.peers) <= BESIDE_ANSWERED_MAX
        assert not tws.peers[0].gone
        tws.peers[0].send(replies.NextValidId(5))
        await settle(100)
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1, cancel_sent=False)]
        assert [peer.gone for peer in tws.peers] == [False] + [True] * (len(tws.peers) - 1)

    run_kill(test)


def test_a_tws_that_takes_long_is_asked_again_every_two_seconds_until_it_is_ready() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        del tws.answers[requests.ReqCurrentTime]
        kill.do(cmd.Connect())
        await asyncio.sleep(5)
        asked = [round(at) for at, peer, request in tws.asked if isinstance(request, requests.ReqIds)]
        assert asked == [2, 4]
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)), replies.NextValidId(5))
        await asyncio.sleep(5)
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1)]
        assert len(tws.requests(requests.ReqIds)) == 2

    run_kill(test)


def test_numbers_that_are_not_those_of_tws_are_told() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        kill.do(cmd.Connect())
        await settle()
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)))
        await asyncio.sleep(8.1)
        await settle()
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1, own_numbers=True)]

    run_kill(test)


def test_a_number_that_cannot_be_one_costs_no_time() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        kill.do(cmd.Connect())
        await settle()
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)), replies.NextValidId(2**31 - 1))
        await settle()
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1, own_numbers=True)]
        assert len(tws.requests(requests.ReqIds)) == 1

    run_kill(test)


def test_numbers_that_cannot_be_ones_are_asked_about_at_once_only_once() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        del tws.answers[requests.ReqCurrentTime]
        kill.do(cmd.Connect())
        await settle()
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)), *[replies.NextValidId(0)] * 50)
        await asyncio.sleep(1)
        assert len(tws.requests(requests.ReqIds)) == 1
        assert not kill.heard(ev.Connected)

    run_kill(test)


def test_a_second_connection_beside_a_slow_one_is_taken_where_it_is_ready_first() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        kill.do(cmd.Connect())
        await asyncio.sleep(4)
        tws.silent_on = ""
        await asyncio.sleep(1.1)
        await settle(100)
        assert [event.client_id for event in kill.heard(ev.Connected)] == [9000]
        assert tws.peers[0].gone

    run_kill(test)


def test_a_tws_that_is_quick_hears_of_no_cancel_in_advance() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        await asyncio.sleep(5)
        assert not kill.heard(ev.Answering) and not kill.heard(ev.StillWaiting)
        assert len(tws.peers) == 1

    run_kill(test)
