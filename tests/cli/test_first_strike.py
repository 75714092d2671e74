"""The first strike: a global cancel on every login, with nothing loaded, and nobody waiting for anybody."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from cli.opening_server import OpeningServer, running
from engine.cli import first_strike
from engine.cli.first_strike import GREETED, HELD_BACK, STARTED, STRUCK, FirstStrike, Target
from engine.wire.sessions import ClientSession

PATIENCE_S = 5.0


def strike(*servers: OpeningServer, patience_s: float = PATIENCE_S, grace_s: float = PATIENCE_S) -> FirstStrike:
    """Run one in the foreground against servers that are running."""
    made = FirstStrike([Target(f"login{i}", "127.0.0.1", server.port, 9000) for i, server in enumerate(servers)])
    made.run(patience_s, grace_s)
    return made


def wait_for(server: OpeningServer, cancels: int = 1) -> None:
    until = time.monotonic() + PATIENCE_S
    while len(server.cancels) < cancels and time.monotonic() < until:
        time.sleep(0.001)
    assert len(server.cancels) == cancels


def closed(made: FirstStrike) -> None:
    for attempt in made.finish():
        socket.socket(fileno=attempt.detach()).close()


@pytest.mark.parametrize("by_bytes", [False, True])
def test_every_login_gets_its_global_cancel(by_bytes: bool) -> None:
    with running(OpeningServer(by_bytes=by_bytes)) as one, running(OpeningServer(by_bytes=by_bytes)) as two:
        made = strike(one, two)
        wait_for(one)
        wait_for(two)
        assert [attempt.state for attempt in made.finish()] == [STRUCK, STRUCK]
        closed(made)


def test_what_is_open_is_asked_for_right_behind_the_cancel() -> None:
    with running(OpeningServer()) as server:
        made = strike(server)
        wait_for(server)
        until = time.monotonic() + PATIENCE_S
        while len(server.after_cancel) < 2 and time.monotonic() < until:
            time.sleep(0.001)
        assert server.after_cancel == [b"49\x001\0", b"16\x001\0"]
        closed(made)


def test_two_logins_are_struck_within_five_milliseconds() -> None:
    gaps_ms = []
    for _ in range(5):
        with running(OpeningServer()) as one, running(OpeningServer()) as two:
            made = strike(one, two)
            first, second = (attempt.struck_ns for attempt in made.attempts)
            assert first is not None and second is not None
            gaps_ms.append(abs(first - second) / 1e6)
            closed(made)
    assert min(gaps_ms) < 5


def test_what_is_handed_over_goes_on_as_a_full_session() -> None:
    with running(OpeningServer()) as server:
        made = strike(server)
        [attempt] = made.finish()
        opening = attempt.opening
        assert opening.version is not None
        session = ClientSession.resume(
            client_id=attempt.client_id,
            version=opening.version,
            server_time=opening.server_time,
            accounts=opening.accounts,
            next_order_id=opening.next_order_id,
            buffered=opening.received,
        )
        assert (session.ready, session.accounts, session.next_order_id) == (True, ("DU1", "DU2"), 41)
        with socket.socket(fileno=attempt.detach()) as sock:
            assert sock.getpeername() == ("127.0.0.1", server.port)


def test_a_login_where_another_kill_is_at_work_is_left_to_the_kill_behind() -> None:
    with running(OpeningServer()) as busy, running(OpeningServer()) as free:
        places = [Target("busy", "127.0.0.1", busy.port, 9000), Target("free", "127.0.0.1", free.port, 9000)]
        made = FirstStrike(places, {("127.0.0.1", busy.port)})
        made.run(PATIENCE_S, PATIENCE_S)
        wait_for(free)
        assert [attempt.state for attempt in made.finish()] == [HELD_BACK, STRUCK]
        assert busy.cancels == [] and made.attempts[0].struck_ns is None and made.attempts[0].opening.ready
        closed(made)


def test_who_is_held_back_keeps_nobody_waiting() -> None:
    with running(OpeningServer()) as busy, running(OpeningServer(silent=True)) as dumb:
        places = [Target("busy", "127.0.0.1", busy.port, 9000), Target("dumb", "127.0.0.1", dumb.port, 9000)]
        started = time.monotonic()
        made = FirstStrike(places, {("127.0.0.1", busy.port)})
        made.run(PATIENCE_S, 0.01)
        assert time.monotonic() - started < PATIENCE_S / 2
        closed(made)


def test_what_was_held_back_leaves_if_there_is_no_kill_behind() -> None:
    with running(OpeningServer()) as busy, running(OpeningServer()) as free:
        places = [Target("busy", "127.0.0.1", busy.port, 9000), Target("free", "127.0.0.1", free.port, 9000)]
        made = FirstStrike(places, {("127.0.0.1", busy.port)})
        made.run(PATIENCE_S, PATIENCE_S)
        for attempt in made.finish():
            attempt.strike_all_the_same()
        wait_for(busy)
        wait_for(free)
        assert [attempt.state for attempt in made.attempts] == [STRUCK, STRUCK]
        closed(made)


@pytest.mark.parametrize("ends_without_a_word", [False, True])
def test_a_client_id_in_use_falls_back_to_the_next(ends_without_a_word: bool) -> None:
    with running(OpeningServer(busy={9000, 9001}, ends_without_a_word=ends_without_a_word)) as server:
        made = strike(server)
        wait_for(server)
        assert server.client_ids == [9000, 9001, 9002]
        assert server.cancels[0][0] == made.attempts[0].client_id == 9002
        closed(made)


def test_it_gives_up_when_every_id_it_may_try_is_in_use() -> None:
    with running(OpeningServer(busy=set(range(9000, 9100)))) as server:
        made = strike(server)
        assert len(server.client_ids) == first_strike.TRIES_MAX
        assert made.finish() == []


def test_a_silent_login_delays_nobody() -> None:
    with running(OpeningServer(silent=True)) as dumb, running(OpeningServer()) as sound:
        started = time.monotonic()
        made = strike(dumb, sound, grace_s=0.01)
        assert time.monotonic() - started < PATIENCE_S / 2
        wait_for(sound)
        assert [attempt.state for attempt in made.finish()] == [GREETED, STRUCK]
        closed(made)


def test_a_login_still_starting_is_handed_over_as_it_is() -> None:
    with running(OpeningServer(ready_after_s=PATIENCE_S)) as slow, running(OpeningServer()) as quick:
        made = strike(slow, quick, grace_s=0.05)
        assert [attempt.state for attempt in made.finish()] == [STARTED, STRUCK]
        assert slow.cancels == []
        closed(made)


def test_a_connection_that_tws_has_not_answered_is_handed_over_too() -> None:
    """Its dialog may stand open for this very connection, and for none that is made later."""
    with running(OpeningServer(silent=True)) as dumb:
        made = strike(dumb, patience_s=0.2)
        [attempt] = made.finish()
        assert attempt.state == GREETED and attempt.opening.half_hello == b""
        with socket.socket(fileno=attempt.detach()) as sock:
            assert sock.getpeername() == ("127.0.0.1", dumb.port)


def test_a_slow_login_is_struck_in_the_background() -> None:
    with running(OpeningServer(ready_after_s=0.1)) as slow, running(OpeningServer()) as quick:
        made = strike(slow, quick, grace_s=0.0)
        made.go_on()
        wait_for(slow)
        assert [attempt.state for attempt in made.finish()] == [STRUCK, STRUCK]
        closed(made)


@pytest.mark.parametrize(
    "hello",
    [b"HTTP/1.1 400 Bad Request", b"-1\x00example.com:7497\0", b"300\x0020260911\0", b"99\x0020260911\0", b"\0\0"],
)
def test_what_is_not_a_tws_we_speak_gets_nothing(hello: bytes) -> None:
    with running(OpeningServer(hello=hello)) as server:
        made = strike(server)
        assert made.finish() == []
        assert made.attempts[0].why
        assert server.client_ids == []


def test_nothing_listening_is_settled_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    made = FirstStrike([Target("gone", "127.0.0.1", port, 9000)])
    made.run(PATIENCE_S, 0.0)
    assert not made.pending and made.finish() == []


def test_a_host_name_is_never_looked_up() -> None:
    made = FirstStrike([Target("far", "tws.example.invalid", 7497, 9000)])
    assert not made.pending
    assert "host name" in made.attempts[0].why


def test_many_logins_at_once() -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(running(OpeningServer())) for _ in range(12)]
        made = strike(*servers)
        for server in servers:
            wait_for(server)
        assert len(made.finish()) == 12
        closed(made)
