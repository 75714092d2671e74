"""One connection: how it is made, how it fails in each phase, how it is watched, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from broker.scripted import HOST, PORT, ScriptedTws, execution, open_order, scripted
from engine.broker.failures import LinkFailure
from engine.broker.link import Link, LinkSettings, Listener
from engine.broker.pacing import RATE_MAX
from engine.core.kill.events import Trouble
from engine.simulator.net import Way
from engine.simulator.virtual import current_loop, run, settle, until
from engine.wire import replies, requests
from engine.wire.events import Malformed, Ready
from engine.wire.frames import frame
from engine.wire.sessions import ClientSession, ServerSession
from ports import free_port

QUICK = LinkSettings(tcp_s=1, handshake_s=1, ready_s=1)


async def failing(client_id: int = 1, port: int = PORT) -> LinkFailure:
    link = Link(HOST, port, client_id, QUICK)
    with pytest.raises(LinkFailure) as caught:
        await link.connect()
    assert link.failure is caught.value
    assert not link.up
    return caught.value


async def connected(client_id: int = 1, settings: LinkSettings = QUICK) -> tuple[Link, list[Any], list[LinkFailure]]:
    link = Link(HOST, PORT, client_id, settings)
    heard: list[Any] = []
    lost: list[LinkFailure] = []
    link.listen(Listener(heard.append, lost.append))
    await link.connect()
    return link, heard, lost


def test_ready_means_next_valid_id_and_managed_accounts() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected(7)
        assert link.up
        assert link.accounts == ("DU1",)
        assert (link.take_id(), link.take_id()) == (40, 41)
        assert tws.peer.client_id == 7

    scripted(test, next_id=40)


def test_accounts_alone_are_not_ready() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.silent_on = "start"
        attempt = asyncio.ensure_future(failing())
        await asyncio.sleep(0.5)
        tws.peers[0].send(replies.ManagedAccounts(("DU1",)))
        failure = await attempt
        assert failure.trouble is Trouble.SILENT
        assert "not ready" in failure.text

    scripted(test)


async def asking(tws: ScriptedTws, *, accounts: bool = True, times: int = 4) -> tuple[Link, list[Any], Any]:
    """A TWS that lets somebody in without an order number, and is asked for it again."""
    tws.silent_on = "start"
    link = Link(HOST, PORT, 1, LinkSettings(ready_s=60))
    heard: list[Any] = []
    link.listen(Listener(heard.append, lambda _failure: None))
    task = asyncio.ensure_future(link.connect())
    await settle()
    if accounts:
        tws.peer.send(replies.ManagedAccounts(("DU1",)))
        await settle()
    for _ in range(times):
        assert not link.up
        link.ask_again()
        await settle()
    return link, heard, task


def test_a_lost_order_number_comes_when_it_is_asked_for_again() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqIds] = lambda _peer, _request: [replies.NextValidId(77)]
        tws.answers[requests.ReqManagedAccounts] = lambda _peer, _request: [replies.ManagedAccounts(("DU1",))]
        link, _, task = await asking(tws, accounts=False, times=1)
        await task
        assert link.up and link.accounts == ("DU1",) and link.take_id() == 77
        assert not link.own_numbers

    scripted(test)


def test_a_tws_that_tells_the_time_and_no_order_number_is_ready_with_numbers_from_its_clock() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, heard, task = await asking(tws)
        await task
        assert link.up and link.own_numbers
        assert [one.accounts for one in heard if isinstance(one, Ready)] == [("DU1",)]
        first = link.take_id()
        assert 2**29 <= first < 2**30
        assert not tws.requests(requests.ReqManagedAccounts)  # they are known
        tws.peer.send(replies.NextValidId(5))
        await settle()
        assert link.take_id() == first + 1  # never back

    scripted(test)


def test_numbers_from_the_clock_are_above_those_of_a_kill_before_it() -> None:
    async def first_number(tws: ScriptedTws, time_s: int) -> int:
        tws.answers[requests.ReqCurrentTime] = lambda _peer, _request: [replies.CurrentTime(time_s)]
        link, _, task = await asking(tws)
        await task
        link.close("the next one comes")
        return link.take_id()

    async def test(tws: ScriptedTws) -> None:
        assert await first_number(tws, 1_773_239_460) == await first_number(tws, 1_773_239_400) + 60 * 4

    scripted(test)


@pytest.mark.parametrize("named", [-3, 0, 2**31 - 2**20, 2**31 - 1, 2**31, 2**40])
def test_what_cannot_be_an_order_number_is_as_good_as_none(named: int) -> None:
    async def test(tws: ScriptedTws) -> None:
        link, heard, task = await asking(tws, times=0)
        tws.peer.send(replies.NextValidId(named))
        await settle()
        assert link.unnumbered and not link.up
        assert f"no order number that can be one, but {named}" in link.awaits.text
        link.ask_again()  # TWS tells the time behind it: it hears, and does not name another one
        await settle()
        await task
        assert link.up and link.own_numbers and 2**29 <= link.take_id() < 2**30
        assert [one.accounts for one in heard if isinstance(one, Ready)] == [("DU1",)]

    scripted(test)


def test_a_time_that_nobody_has_asked_for_brings_no_numbers() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, task = await asking(tws, times=0)
        tws.peer.send(replies.NextValidId(-3), replies.CurrentTime(1_773_239_400))
        await settle()
        assert not link.up
        task.cancel()

    scripted(test)


def test_the_largest_number_that_leaves_room_is_one() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, task = await asking(tws, times=0)
        tws.peer.send(replies.NextValidId(2**31 - 1 - 2**20))
        await task
        assert link.up and not link.own_numbers and link.take_id() == 2**31 - 1 - 2**20

    scripted(test)


def test_a_number_that_can_be_one_behind_one_that_cannot_makes_it_ready_once() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, heard, task = await asking(tws, times=0)
        tws.peer.send(replies.NextValidId(0))
        await settle()
        tws.peer.send(replies.NextValidId(77))
        await task
        assert link.up and not link.own_numbers and not link.unnumbered and link.take_id() == 77
        assert [(one.accounts, one.next_order_id) for one in heard if isinstance(one, Ready)] == [(("DU1",), 77)]

    scripted(test)


def test_a_number_that_cannot_be_one_changes_nothing_once_it_is_ready() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, heard, task = await asking(tws, times=0)
        tws.peer.send(replies.NextValidId(5))
        await task
        tws.peer.send(replies.NextValidId(2**31 - 1), replies.NextValidId(-3))
        await settle()
        assert link.take_id() == 5
        assert sum(isinstance(one, Ready) for one in heard) == 1

    scripted(test)


@pytest.mark.parametrize("hears", [False, True], ids=["deaf", "no accounts"])
def test_a_tws_that_is_deaf_or_names_no_accounts_is_never_taken_for_ready(hears: bool) -> None:
    async def test(tws: ScriptedTws) -> None:
        if not hears:
            del tws.answers[requests.ReqCurrentTime]
        link, _, task = await asking(tws, accounts=not hears, times=20)
        assert not link.up
        text = link.awaits.text
        assert ("no account names and no order number, though asked again" in text) is hears
        assert ("(no order number, though asked again)" in text) is not hears
        task.cancel()

    scripted(test)


def test_nothing_listening_says_how_to_start_tws() -> None:
    async def main() -> None:
        failure = await failing()
        assert failure.trouble is Trouble.REFUSED
        assert "start TWS" in failure.text

    run(main())


def test_a_host_that_swallows_the_connection_is_silent_in_good_time() -> None:
    async def main() -> None:
        current_loop().network.never_answer(HOST, PORT)
        failure = await failing()
        assert failure.trouble is Trouble.SILENT
        assert "firewall" in failure.text
        assert asyncio.get_running_loop().time() == pytest.approx(1)

    run(main())


def test_an_accept_dialog_is_a_silent_handshake() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.silent_on = "hello"
        failure = await failing()
        assert failure.trouble is Trouble.SILENT
        assert "Accept incoming connection" in failure.text
        await settle()
        assert tws.peers[0].gone  # nothing is left hanging

    scripted(test)


def test_a_connection_closed_before_the_handshake_points_at_the_api_settings() -> None:
    async def test(tws: ScriptedTws) -> None:
        for step in ("connect", "hello"):
            tws.close_on = step
            failure = await failing()
            assert failure.trouble is Trouble.CLOSED
            assert "API is switched off" in failure.text
            assert not failure.other_id_may_help

    scripted(test)


def test_a_client_id_in_use_is_named_and_another_may_help() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.busy_ids = {1}
        failure = await failing(1)
        assert failure.trouble is Trouble.CLIENT_IDS_BUSY
        assert "client id 1 is in use" in failure.text
        assert failure.other_id_may_help

    scripted(test)


def test_an_end_of_stream_right_after_the_client_id_may_mean_that_it_is_in_use() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.close_on = "start"
        failure = await failing(1)
        assert failure.trouble is Trouble.CLOSED
        assert failure.other_id_may_help

    scripted(test)


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Trouble.NOT_TWS),
        (b"\x00\x00\x00\x0c-1\x00elsewhere\x00", Trouble.NOT_TWS),
        (b"\x00\x00\x00\x08999\x00now\x00", Trouble.UNSUPPORTED),
        (b"\x00\x00\x00\x0738\x00now\x00", Trouble.UNSUPPORTED),
        (b"\xff\xff\xff\xff", Trouble.NOT_TWS),
    ],
)
def test_what_is_not_tws_is_refused_by_name(said: bytes, trouble: Trouble) -> None:
    class Stranger(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(said)

    async def main() -> None:
        await asyncio.get_running_loop().create_server(Stranger, HOST, PORT)
        assert (await failing()).trouble is trouble

    run(main())


def test_an_oversized_frame_ends_the_session_and_what_came_before_it_counts() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, heard, lost = await connected()
        fill = tws.peer.session.send(replies.CurrentTime(5))
        tws.peer.transport.write(fill + b"\x7f\xff\xff\xff")
        await settle()
        assert heard[-1] == replies.CurrentTime(5)
        assert [failure.trouble for failure in lost] == [Trouble.NOT_TWS]
        assert not link.up

    scripted(test)


def test_a_message_that_does_not_fit_its_layout_reaches_every_listener() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, heard, lost = await connected()
        tws.peer.send_raw("61", "3", "DU1")
        await settle()
        assert isinstance(heard[-1], Malformed)
        assert link.up
        assert not lost

    scripted(test)


def test_the_end_is_told_once_and_to_everybody_who_waits() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, lost = await connected()
        told: list[str | None] = []
        for _ in range(100):
            link.post(requests.ReqIds(), told=told.append)
        tws.peer.transport.abort()
        await settle()
        assert len(lost) == 1
        assert lost[0].trouble is Trouble.CLOSED
        assert len(told) == 100
        assert told.count(None) == 40
        link.post(requests.ReqIds(), told=told.append)
        assert "lost" in (told[-1] or "")
        link.close("again")
        assert len(lost) == 1

    scripted(test)


def test_a_silent_tws_is_asked_for_the_time_and_then_given_up() -> None:
    async def test(tws: ScriptedTws) -> None:
        _, _, lost = await connected(settings=LinkSettings(probe_after_s=3, dead_after_s=8))
        await asyncio.sleep(60)
        assert not lost
        current_loop().network.links_to(PORT)[0].half_open(Way.TO_CLIENT)
        await asyncio.sleep(20)
        assert [failure.trouble for failure in lost] == [Trouble.SILENT]
        assert tws.requests(requests.ReqCurrentTime)

    scripted(test)


@pytest.mark.parametrize(("sent", "said"), [(3, "3 bytes are there"), (12, "12 of 41 bytes are there")])
@pytest.mark.parametrize("trickles", [False, True], ids=["stuck", "trickling"])
def test_a_message_that_never_completes_is_named_and_its_connection_given_up(
    sent: int, said: str, trickles: bool
) -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, lost = await connected(settings=LinkSettings(probe_after_s=3, dead_after_s=8))
        await asyncio.sleep(10)
        del tws.answers[requests.ReqCurrentTime]  # whatever is answered would come behind it
        begun_at = asyncio.get_running_loop().time()
        message = frame(b"49\x001\x00" + b"1" * 32)
        if trickles:
            for byte in message[:sent]:
                tws.peer.transport.write(bytes([byte]))
                await asyncio.sleep(0.5)
        else:
            tws.peer.transport.write(message[:sent])
        await until(lambda: bool(lost))
        assert [failure.trouble for failure in lost] == [Trouble.SILENT]
        assert said in lost[0].text
        assert f"began a message {asyncio.get_running_loop().time() - begun_at:.0f} s ago" in lost[0].text
        assert asyncio.get_running_loop().time() - begun_at <= 10.5
        assert not link.up

    scripted(test)


def test_a_large_message_that_comes_slowly_between_others_is_no_silence() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, heard, lost = await connected(settings=LinkSettings(probe_after_s=3, dead_after_s=8))
        await asyncio.sleep(1)
        del tws.answers[requests.ReqCurrentTime]  # what is answered would come into the middle of it
        for _ in range(10):
            message = frame(b"49\x001\x00" + b"1773239400\x00")
            tws.peer.transport.write(message[:5])
            await asyncio.sleep(4)
            tws.peer.transport.write(message[5:])
        await settle()
        assert link.up and not lost
        assert len([one for one in heard if isinstance(one, replies.CurrentTime)]) >= 10

    scripted(test)


@pytest.mark.parametrize(("pace", "lost_at"), [(60, None), (15, 8.5), (1, 8.5)])
def test_a_long_message_over_a_slow_link_is_awaited_if_at_its_pace_it_comes_before_long(
    pace: int, lost_at: float | None
) -> None:
    """Twelve hundred bytes, some each half second: thirty seconds at most."""

    async def test(tws: ScriptedTws) -> None:
        link, heard, lost = await connected(settings=LinkSettings(probe_after_s=3, dead_after_s=8))
        await asyncio.sleep(1)
        del tws.answers[requests.ReqCurrentTime]  # what is answered would come into the middle of it
        began = asyncio.get_running_loop().time()
        message = frame(b"49\x001\x00" + b"1773239400\x00".rjust(1_200, b"0"))
        for start in range(0, len(message), pace):
            tws.peer.transport.write(message[start : start + pace])
            await asyncio.sleep(0.5)
            if lost:
                break
        await settle()
        if lost_at is None:
            assert link.up and [one for one in heard if isinstance(one, replies.CurrentTime)]
        else:
            assert lost and asyncio.get_running_loop().time() - began <= lost_at + 2

    scripted(test)


def test_a_long_message_that_stops_coming_is_silence() -> None:
    async def test(tws: ScriptedTws) -> None:
        _, _, lost = await connected(settings=LinkSettings(probe_after_s=3, dead_after_s=8))
        await asyncio.sleep(1)
        del tws.answers[requests.ReqCurrentTime]
        began = asyncio.get_running_loop().time()
        message = frame(b"49\x001\x00" + b"1773239400\x00".rjust(1_200, b"0"))
        for start in range(0, 600, 60):
            tws.peer.transport.write(message[start : start + 60])
            await asyncio.sleep(0.5)
        await asyncio.sleep(began + 11 - asyncio.get_running_loop().time())
        assert lost

    scripted(test)


def test_a_tws_that_does_not_tell_the_time_but_talks_is_alive() -> None:
    async def test(tws: ScriptedTws) -> None:
        del tws.answers[requests.ReqCurrentTime]
        link, _, lost = await connected(settings=LinkSettings(probe_after_s=3, dead_after_s=8))
        for _ in range(30):
            await asyncio.sleep(2)
            tws.peer.send(replies.TickSize(1, 0, replies.BLANK))
        assert link.up
        assert not lost

    scripted(test)


def test_a_loop_that_was_blocked_does_not_blame_tws() -> None:
    async def test(_tws: ScriptedTws) -> None:
        link, _, lost = await connected(settings=LinkSettings(probe_after_s=3, dead_after_s=8))
        await asyncio.sleep(1)
        link._heard_at -= 100  # as after a suspended laptop: long silence, and nothing was asked yet
        await asyncio.sleep(5)
        assert link.up
        assert not lost

    scripted(test)


def test_the_links_own_link_to_ibkr_is_remembered() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected()
        assert link.broker_up
        for code, up in ((1100, False), (1102, True), (2110, False), (1101, True)):
            tws.peer.send(replies.ErrorMessage(-1, code, "Connectivity"))
            await settle()
            assert (link.broker_up, link.broker_code) == (up, code)

    scripted(test)


def test_error_100_slows_the_session_down() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected()
        tws.peer.send(replies.ErrorMessage(-1, 100, "Max rate of messages per second has been exceeded"))
        await settle()
        assert link.free == 15

    scripted(test)


def test_ids_never_go_back_and_never_below_what_an_earlier_connection_used() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected()
        assert link.take_id() == 10
        tws.peer.send(replies.NextValidId(3))
        await settle()
        assert link.take_id() == 11
        link.take_ids_from(50)
        link.take_ids_from(20)
        assert link.take_id() == 50

    scripted(test, next_id=10)


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize(
    ("number", "client_id", "taken"),
    [(57, 7, 58), (40, 7, 41), (39, 7, 40), (57, 8, 40), (2**31 - 2**20 - 2, 7, 2**31 - 2**20 - 1)]
    + [(number, 7, 40) for number in (-5, 0, 2**31 - 2**20 - 1, 2**31 - 1, 2**40)],
)
def test_what_an_order_of_our_own_id_shows_is_not_used_again(
    number: int, client_id: int, taken: int, executed: bool
) -> None:
    """TWS may name a number that is too small, and refuse it as a duplicate. One that cannot be one says nothing."""

    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected(7)
        tell = execution if executed else open_order
        tws.peer.send(tell(order_id=number, client_id=client_id))
        await settle()
        assert link.take_id() == taken

    scripted(test, next_id=40)


def test_nor_is_what_was_shown_before_tws_named_a_number() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, task = await asking(tws, times=0)
        tws.peer.send(open_order(order_id=57))
        await settle()
        assert not link.up
        tws.peer.send(replies.NextValidId(5))
        await task
        assert link.take_id() == 58

    scripted(test)


def test_tws_sees_no_more_than_the_budget_in_any_second() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected()
        for _ in range(150):
            link.post(requests.ReqIds())
        await asyncio.sleep(10)
        times = [at for at, _, _ in tws.asked]
        assert len(tws.requests(requests.ReqIds)) == 150
        assert max(sum(start <= at < start + 1 for at in times) for start in times) <= RATE_MAX

    scripted(test)


def test_what_tws_may_have_got_only_when_it_spoke_counts_from_then_on() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqCurrentTime] = lambda peer, request: ()
        link, _, _ = await connected()
        before = link.free
        for _ in range(before):
            link.post(requests.ReqAllOpenOrders())
        await asyncio.sleep(0.9)
        tws.peer.send(replies.CurrentTime(1_700_000_000))
        await asyncio.sleep(0.3)
        assert link.free == 0
        await asyncio.sleep(0.9)
        assert link.free >= before - 1  # the time may have been asked for

    scripted(test)


def test_giving_up_in_the_middle_of_connecting_leaves_nothing_open() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.silent_on = "start"
        link = Link(HOST, PORT, 1, QUICK)
        attempt = asyncio.ensure_future(link.connect())
        await asyncio.sleep(0.5)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await settle()
        assert tws.peers[0].gone
        assert link.failure is not None

    scripted(test)


def test_a_number_that_was_used_in_another_life_of_tws_is_leapt_over_ever_further() -> None:
    """Refusals of numbers that were taken before the last leap lead to no other one: they were sent together."""

    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected()
        taken = [link.take_id() for _ in range(3)]
        assert taken == [1, 2, 3]

        async def refuse(*numbers: int) -> int:
            tws.peer.send(*(replies.ErrorMessage(number, 103, "Duplicate order id") for number in numbers))
            await settle()
            return link.take_id()

        assert await refuse(*taken) == 1_001
        assert await refuse(1_001) == 101_001
        assert await refuse(101_001) == 10_101_001
        assert await refuse(10_101_001) == 2**29 + 10_101_001
        assert len(tws.requests(requests.ReqIds)) == 4
        tws.peer.send(replies.NextValidId(2**30 + 5))
        await settle()
        assert link.take_id() == 2**30 + 5
        for _ in range(4):  # never beyond what an order number can be
            last = await refuse(link.take_id())
        assert last < 2**31 - 1

    scripted(test)


def test_an_order_that_is_sent_again_and_known_already_spends_no_numbers() -> None:
    async def test(tws: ScriptedTws) -> None:
        link, _, _ = await connected()
        number = link.take_id()
        tws.peer.send(open_order(perm_id=7, client_id=1, order_id=number))
        tws.peer.send(replies.ErrorMessage(number, 103, "Duplicate order id"))
        await settle()
        assert link.take_id() == number + 1
        assert tws.requests(requests.ReqIds) == []

    scripted(test)


def test_a_connected_socket_is_taken_over_with_what_it_has_received() -> None:
    server = ServerSession()
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)

    def serve_opening() -> ClientSession:
        """What the first strike does: hello, startApi, and then it hands over."""
        session = ClientSession(9000)
        server.receive(session.hello())
        session.receive(server.accept("now"))
        server.receive(session.start_api())
        received = server.send(replies.ManagedAccounts(("DU1",))) + server.send(replies.NextValidId(77))
        received += server.send(replies.ErrorMessage(-1, 1100, "Connectivity has been lost"))
        return ClientSession.resume(
            client_id=9000, version=server.version, server_time="now", accounts=("DU1",), next_order_id=77,
            buffered=received,
        )  # fmt: skip

    async def main() -> None:
        link = Link(HOST, PORT, 1)
        await link.adopt(ours, serve_opening())
        assert link.up
        assert link.client_id == 9000
        assert link.accounts == ("DU1",)
        assert link.take_id() == 77
        assert not link.broker_up
        link.post(requests.ReqGlobalCancel())
        link.close("done")
        await asyncio.sleep(0)

    asyncio.run(main())
    [cancel] = server.receive(theirs.recv(4096))
    assert cancel == requests.ReqGlobalCancel()
    theirs.close()


def test_a_connected_socket_that_has_not_been_answered_is_taken_over_and_answered_later() -> None:
    """TWS may be showing its dialog for this very connection."""
    server = ServerSession()
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    server.receive(ClientSession(9000).hello())

    async def main() -> None:
        link = Link(HOST, PORT, 1, QUICK)
        adopting = asyncio.ensure_future(link.adopt(ours, ClientSession.greeting(client_id=9000)))
        await asyncio.sleep(0.01)
        assert not link.greeted and link.stands
        theirs.sendall(server.accept("now"))
        server.receive(await asyncio.to_thread(theirs.recv, 4096))
        assert server.client_id == 9000
        theirs.sendall(server.send(replies.ManagedAccounts(("DU1",))) + server.send(replies.NextValidId(77)))
        await adopting
        assert link.up and link.client_id == 9000 and link.take_id() == 77
        link.close("done")
        await asyncio.sleep(0)

    asyncio.run(main())
    theirs.close()


def test_a_connected_socket_that_is_never_answered_is_given_up_in_its_time() -> None:
    ours, theirs = socket.socketpair()

    async def main() -> None:
        link = Link(HOST, PORT, 1, LinkSettings(handshake_s=0.05))
        with pytest.raises(LinkFailure) as failed:
            await link.adopt(ours, ClientSession.greeting(client_id=9000))
        assert failed.value.trouble is Trouble.SILENT

    asyncio.run(main())
    theirs.close()


def test_a_socket_that_died_before_it_was_taken_over_is_a_failure_not_a_hang() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    session = ClientSession.resume(client_id=9000, version=176, server_time="now")

    async def main() -> None:
        link = Link(HOST, PORT, 1, QUICK)
        with pytest.raises(LinkFailure):
            await link.adopt(ours, session)

    asyncio.run(main())


# --- over the operating system's own sockets --------------------------------------------------------


@pytest.mark.parametrize("given_up", [False, True])
def test_a_connection_that_is_given_up_is_reset_so_that_nothing_the_kernel_holds_is_sent_later(given_up: bool) -> None:
    """The kernel would go on delivering an order for minutes after everybody has taken it for lost."""

    async def main() -> None:
        port = free_port()
        async with ScriptedTws(port=port) as tws:
            link = Link(HOST, port, 1)
            await link.connect()
            if given_up:
                link.abort("it says nothing")
            else:
                link.close("all is done")
            assert isinstance(await tws.peer.end, ConnectionResetError) is given_up

    asyncio.run(asyncio.wait_for(main(), 10))


def test_half_an_answer_is_named_as_such() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.silent_on = "hello"
        attempt = asyncio.ensure_future(failing())
        await asyncio.sleep(0.5)
        tws.peers[0].transport.write(tws.peers[0].session.accept("20260311 10:30:00 US/Eastern")[:9])
        failure = await attempt
        assert failure.trouble is Trouble.SILENT
        assert "the beginning of an answer (9 bytes)" in failure.text

    scripted(test)


def test_a_name_server_that_does_not_answer_is_named_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        asked.set()
        answered.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)

    async def main() -> None:
        link = Link("tws.example.org", PORT, 1, LinkSettings(tcp_s=0.05))
        with pytest.raises(LinkFailure, match=r"tws\.example\.org .* could not be looked up, no name server answers"):
            await link.connect()

    began = time.monotonic()
    try:
        asyncio.run(main())  # its end would wait for a look-up in the loop's own threads
        assert asked.is_set() and time.monotonic() - began < 10
    finally:
        answered.set()


def test_a_name_that_does_not_exist_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    async def main() -> None:
        with pytest.raises(LinkFailure, match=r"could not be looked up \(Name or service not known\)") as caught:
            await Link("tws.exmaple.org", PORT, 1, LinkSettings(tcp_s=5)).connect()
        assert caught.value.trouble is Trouble.FAILED

    asyncio.run(main())


def test_of_several_addresses_the_one_that_takes_the_connection_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(0, 0, 0, "", (address, PORT)) for address in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(LinkFailure, match="says nothing"):  # connected, that is
            await Link("tws.example.org", port, 1, LinkSettings(tcp_s=5, handshake_s=0.05)).connect()
        server.close()

    asyncio.run(main())
