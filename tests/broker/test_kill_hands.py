"""What the kill's hands do on the wire, command by command: connecting, and orders."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from broker.kill_hands_stage import Kill, acknowledge, place_command, run_kill
from broker.scripted import (
    ACCOUNT,
    ES,
    HOST,
    PORT,
    ScriptedTws,
    position,
    scripted,
)
from engine.broker.fan_out import MAIN_KEEPS, Way
from engine.broker.link import Link
from engine.broker.pacing import RATE_MAX
from engine.broker.reads import Reads
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.events import Trouble
from engine.simulator.virtual import settle
from engine.wire import replies, requests


def test_connecting_tells_accounts_and_client_id() -> None:
    async def test(_tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        assert kill.news == [ev.Connected((ACCOUNT,), 1, cancel_sent=False)]

    run_kill(test)


@pytest.mark.parametrize(("busy", "used"), [({1}, 9000), ({1, 9000, 9001}, 9002)])
def test_a_client_id_in_use_falls_back_to_an_emergency_id(busy: set[int], used: int) -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = busy
        await kill.connect()
        assert kill.news == [ev.Connected((ACCOUNT,), used, cancel_sent=False)]

    run_kill(test)


def test_ids_in_use_are_said_after_a_bounded_number_of_tries() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = {1, *range(9000, 9100)}
        kill.do(cmd.Connect())
        await settle(200)
        [lost] = kill.heard(ev.Disconnected)
        assert lost.trouble is Trouble.CLIENT_IDS_BUSY
        assert "client ids 1, 9000-9006 are in use" in lost.text
        assert len(tws.peers) == 8

    run_kill(test)


def test_the_next_attempts_go_on_with_ids_not_tried_yet_and_then_begin_anew() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = {1, *range(9000, 9032)}
        for _ in range(5):
            kill.do(cmd.Connect())
            await settle(200)
        ids = [peer.client_id for peer in tws.peers]
        assert ids[:33] == [1, *range(9000, 9032)]
        assert ids[33:36] == [1, 9000, 9001]
        tws.busy_ids = {1, *range(9000, 9011)}
        await settle(200)
        kill.do(cmd.Connect())
        await settle(200)
        kill.do(cmd.Connect())
        await settle(200)
        assert kill.heard(ev.Connected)[0].client_id == 9011

    run_kill(test)


def test_hanging_up_on_everybody_ends_the_attempt_and_is_not_blamed_on_one_id() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.close_on = "start"
        kill.do(cmd.Connect())
        await settle(60)
        [lost] = kill.heard(ev.Disconnected)
        assert lost.trouble is Trouble.CLOSED
        assert "whichever client id" in lost.text
        assert len(tws.peers) == 3

    run_kill(test)


def test_hanging_up_on_the_ids_in_use_does_not_keep_a_free_one_from_being_found() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.close_on_ids = {1, *range(9000, 9005)}
        for _ in range(3):
            kill.do(cmd.Connect())
            await settle(60)
        assert [peer.client_id for peer in tws.peers] == [1, *range(9000, 9006)]
        assert kill.heard(ev.Connected)[0].client_id == 9005

    run_kill(test)


def test_a_link_to_ibkr_that_is_down_when_we_connect_is_told_behind_connected() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        start = tws._start

        def start_down(peer: Any, client_id: int) -> None:
            peer.send(replies.ErrorMessage(-1, 1100, "lost"))
            start(peer, client_id)

        tws._start = start_down  # type: ignore[method-assign]
        await kill.connect()
        assert kill.news == [
            ev.Connected((ACCOUNT,), 1, cancel_sent=False),
            ev.BrokerLink(up=False, code=1100),
        ]

    run_kill(test)


def test_a_borrowed_connection_is_used_at_once_and_given_back_open() -> None:
    async def test(tws: ScriptedTws) -> None:
        link = Link(HOST, PORT, 5)
        reads = Reads(link)
        await link.connect()
        kill = Kill(borrowed=Way(link, reads))
        kill.do(cmd.Connect(), cmd.GlobalCancel())
        assert kill.told == [ev.Connected((ACCOUNT,), 5, cancel_sent=False)]
        await settle()
        assert len(tws.requests(requests.ReqGlobalCancel)) == 1
        kill.hands.let_go("over")
        tws.peer.send(replies.ErrorMessage(-1, 1100, "lost"))
        await settle()
        assert link.up
        assert len(kill.told) == 1  # nothing is heard any more

    scripted(test)


def test_an_interrupted_attempt_is_told_and_can_be_repeated() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "hello"
        kill.do(cmd.Connect())
        await asyncio.sleep(0.1)
        for task in asyncio.all_tasks():
            if task.get_name().startswith("kill"):
                task.cancel()  # as a program does that ends all its tasks
        await settle()
        assert [event.trouble for event in kill.heard(ev.Disconnected)] == [Trouble.FAILED]
        tws.silent_on = ""
        kill.told.clear()
        await kill.connect()

    run_kill(test)


def test_without_the_right_no_closing_order_leaves_neither_new_nor_changed_and_cancels_do() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        kill.right.why = "another kill has taken over"
        kill.told.clear()
        kill.do(place_command(1, quantity=Decimal(2)), place_command(2), cmd.CancelClose(1), cmd.GlobalCancel())
        await settle()
        assert kill.heard(ev.CloseNotSent) == [ev.CloseNotSent(key, kill.right.why) for key in (1, 2)]
        assert len(tws.requests(requests.PlaceOrder)) == 1
        assert len(tws.requests(requests.CancelOrder)) == len(tws.requests(requests.ReqGlobalCancel)) == 1

    run_kill(test)


def test_the_same_key_again_is_the_same_order_id_on_the_same_connection() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        for _ in range(2):
            kill.do(place_command(1))
        kill.do(place_command(2))
        await settle()
        ids = [request.order_id for request in tws.requests(requests.PlaceOrder)]
        assert ids[0] == ids[1] != ids[2]

    run_kill(test)


def test_a_cancel_goes_to_the_connection_that_placed_the_order_ahead_of_everything() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        kill.do(*(place_command(key) for key in range(2, 200)), cmd.CancelClose(1))
        await settle()
        cancels = [(peer, request) for _, peer, request in tws.asked if isinstance(request, requests.CancelOrder)]
        [(peer, cancel)] = cancels
        assert peer.client_id == 1
        assert cancel.order_id == tws.requests(requests.PlaceOrder)[0].order_id
        assert asyncio.get_running_loop().time() == 0

    run_kill(test)


def test_both_kinds_of_cancel_leave_at_once_though_much_waits_on_their_connection() -> None:
    """As where the kill was lent the connection of a program that asks for a lot."""

    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        assert kill.hands._ways.main is not None
        for _ in range(200):
            kill.hands._ways.main.link.post(requests.ReqCurrentTime())
        kill.do(cmd.CancelClose(1), cmd.GlobalCancel())
        await asyncio.sleep(10)
        assert tws.times(requests.CancelOrder) == tws.times(requests.ReqGlobalCancel) == [0]

    run_kill(test)


def test_an_order_withdrawn_before_it_was_sent_is_never_sent() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = set(range(9000, 9100))  # no more connections than one
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 101)))
        kill.do(cmd.CancelClose(100))
        await asyncio.sleep(10)
        assert ev.CloseNotSent(100, "withdrawn before it was sent") in kill.told
        assert len(tws.requests(requests.PlaceOrder)) == 99
        assert not tws.requests(requests.CancelOrder)

    run_kill(test)


def test_a_repeat_on_a_lost_connection_is_not_sent_elsewhere() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        tws.peer.transport.abort()
        await settle()
        await kill.connect()
        kill.told.clear()
        kill.do(place_command(1))
        assert [type(event) for event in kill.told] == [ev.CloseNotSent]
        kill.do(cmd.CancelClose(1))  # the same client id is back: it may cancel
        kill.do(place_command(2))
        await settle()
        first, second = tws.requests(requests.PlaceOrder)
        assert tws.requests(requests.CancelOrder)[0].order_id == first.order_id
        assert second.order_id > first.order_id  # although TWS began again at the same number

    run_kill(test)


def test_an_order_that_cannot_be_written_is_told_not_sent() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1, account="DU\0"))
        await settle()
        assert [type(event) for event in kill.heard(ev.CloseNotSent)] == [ev.CloseNotSent]
        assert not tws.requests(requests.PlaceOrder)

    run_kill(test)


def test_much_to_send_is_spread_over_four_connections_inside_the_budget_of_each() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        acknowledge(tws)
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 281)))
        await asyncio.sleep(5)
        assert len(kill.heard(ev.CloseSent)) == 280
        assert len({event.key for event in kill.heard(ev.CloseStatus)}) == 280
        by_client: dict[int | None, list[float]] = {}
        for at, peer, request in tws.asked:
            if isinstance(request, requests.PlaceOrder):
                by_client.setdefault(peer.client_id, []).append(at)
        assert sorted(by_client, key=str) == [1, 9000, 9001, 9002]
        for times in by_client.values():
            assert max(sum(start <= at < start + 1 for at in times) for start in times) <= RATE_MAX
        assert max(max(times) for times in by_client.values()) < 1.3
        first_second = [at for at in by_client[1] if at < 1]
        assert len(first_second) <= RATE_MAX - MAIN_KEEPS  # the rest of the main one's budget is for reads
        refs = [request.order.order_ref for request in tws.requests(requests.PlaceOrder)]
        assert len(refs) == len(set(refs)) == 280

    run_kill(test)


def test_connections_for_a_large_book_are_opened_with_its_first_order() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        contracts = [msgspec.structs.replace(ES, con_id=con_id) for con_id in range(1, 101)]
        tws.answers[requests.ReqPositions] = lambda _peer, _request: [*map(position, contracts), replies.PositionEnd()]
        kill.do(cmd.ReadPositions(1))
        await settle(100)
        assert [peer.client_id for peer in tws.peers] == [1]  # another kill may be the one that closes
        kill.do(place_command(1))
        await settle(100)
        assert [peer.client_id for peer in tws.peers] == [1, 9000, 9001]
        assert len(tws.requests(requests.PlaceOrder)) == 1

    run_kill(test)


def test_without_further_connections_the_work_goes_on_over_one() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = set(range(9000, 9100))
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 101)))
        await asyncio.sleep(10)
        assert len(tws.requests(requests.PlaceOrder)) == 100
        times = tws.times(requests.PlaceOrder)
        assert max(sum(start <= at < start + 1 for at in times) for start in times) <= RATE_MAX

    run_kill(test)


def test_a_lost_extra_connection_orphans_its_orders_and_no_others() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 151)))
        await asyncio.sleep(3)
        [extra] = [peer for peer in tws.peers if peer.client_id == 9001]
        placed = [
            request for _, peer, request in tws.asked if peer is extra and isinstance(request, requests.PlaceOrder)
        ]
        kill.told.clear()
        extra.transport.abort()
        await settle()
        orphans = {event.key for event in kill.heard(ev.CloseOrphaned)}
        assert orphans == {int(request.order.order_ref.rpartition("-")[2]) for request in placed}
        assert orphans
        assert not kill.heard(ev.Disconnected)

    run_kill(test)
