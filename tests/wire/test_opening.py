"""The emergency opening says what the codec says, needs nothing to say it, and hands everything it heard on."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from engine.wire import opening
from engine.wire.codec import encode_reply, encode_request
from engine.wire.frames import frame
from engine.wire.opening import Opening
from engine.wire.replies import ErrorMessage, ManagedAccounts, NextValidId, OpenOrderEnd, Reply
from engine.wire.requests import ReqAllOpenOrders, ReqCurrentTime, ReqGlobalCancel, StartApi
from engine.wire.sessions import ClientSession, Ready

VERSIONS = range(100, 179)
HELLO = frame(b"178\x0020260911 09:30:00 EST\x00")


def replies(*messages: Reply) -> bytes:
    return b"".join(frame(encode_reply(message, 178)) for message in messages)


@pytest.mark.parametrize("version", VERSIONS)
def test_its_bytes_are_the_codecs_bytes(version: int) -> None:
    assert opening.start_api(version, 9000) == frame(encode_request(StartApi(9000), version))
    assert opening.global_cancel(version) == frame(encode_request(ReqGlobalCancel(), version))
    assert opening.req_all_open_orders(version) == frame(encode_request(ReqAllOpenOrders(), version))
    assert opening.req_current_time(version) == frame(encode_request(ReqCurrentTime(), version))


def test_the_opening_imports_nothing() -> None:
    tree = ast.parse(Path(opening.__file__).read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_it_says_hello_as_a_session_does() -> None:
    assert opening.hello() == ClientSession(1).hello() == b"API\0\0\0\0\x09v100..178"
    assert (
        opening.hello(157, 157) == ClientSession(1, min_version=157, max_version=157).hello() == b"API\0\0\0\0\x04v157"
    )


def test_it_is_ready_when_id_and_accounts_are_there_however_the_stream_is_cut() -> None:
    stream = HELLO + replies(ManagedAccounts(("DU1", "DU2")), ErrorMessage(-1, 2104, "farm ok"), NextValidId(41))
    for cut in range(len(stream) + 1):
        reader = Opening()
        reader.feed(stream[:cut])
        assert reader.ready == (cut == len(stream))
        reader.feed(stream[cut:])
        assert (reader.version, reader.server_time) == (178, "20260911 09:30:00 EST")
        assert (reader.accounts, reader.next_order_id, reader.ready) == (("DU1", "DU2"), 41, True)
        assert reader.received == stream[len(HELLO) :]


@pytest.mark.parametrize("named", [-3, 0, 2**31, 2**40])
def test_whatever_number_is_named_tws_takes_requests(named: int) -> None:
    reader = Opening()
    reader.feed(HELLO + replies(ManagedAccounts(("DU1",)), NextValidId(named)))
    assert reader.ready and reader.next_order_id == named


@pytest.mark.parametrize("named", [b"", b"-", b"--3", b"3-", b"abc", b"9" * 20])
def test_what_is_no_number_makes_nothing_ready(named: bytes) -> None:
    reader = Opening()
    reader.feed(HELLO + replies(ManagedAccounts(("DU1",))) + frame(b"9\x001\0" + named + b"\0"))
    assert not reader.ready and not reader.fault


def test_it_notices_that_the_client_id_is_in_use() -> None:
    reader = Opening()
    reader.feed(HELLO + replies(ErrorMessage(-1, 326, "client id is already in use")))
    assert reader.client_id_in_use
    assert not reader.ready


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        frame(b"-1\x0010.0.0.1:4001\x00"),
        frame(b"hello"),
        frame(b"178\x00time\x00extra\x00"),
        frame(b""),
        HELLO + b"\xff\xff\xff\xff",
    ],
)
def test_it_calls_what_is_not_a_tws_opening_a_fault_and_never_raises(stream: bytes) -> None:
    reader = Opening()
    for byte in stream:
        reader.feed(bytes([byte]))
    assert reader.fault
    assert not reader.ready


def test_a_full_session_resumes_with_every_message_the_opening_heard() -> None:
    said = [ManagedAccounts(("DU1",)), NextValidId(41), OpenOrderEnd()]
    stream = replies(*said)
    for cut in range(len(stream) + 1):
        reader = Opening()
        reader.feed(HELLO + stream[:cut])
        session = ClientSession.resume(
            client_id=9000,
            version=reader.version or 0,
            server_time=reader.server_time,
            accounts=reader.accounts,
            next_order_id=reader.next_order_id,
            buffered=reader.received,
        )
        was_ready = session.ready
        events = session.receive(b"") + session.receive(stream[cut:])
        assert [event for event in events if isinstance(event, Reply)] == said
        assert [event for event in events if isinstance(event, Ready)] == ([] if was_ready else [Ready(("DU1",), 41)])
        assert session.send(ReqGlobalCancel()) == opening.global_cancel(178)


def test_a_full_session_takes_over_before_the_servers_hello_is_whole() -> None:
    for cut in range(len(HELLO)):
        reader = Opening()
        reader.feed(HELLO[:cut])
        session = ClientSession.greeting(client_id=9000, buffered=reader.half_hello)
        assert session.hello() == b"", "the server has had it"
        events = [*session.receive(b""), *session.receive(HELLO[cut:])]
        assert [type(event).__name__ for event in events] == ["ServerHello"]
        assert session.start_api() == opening.start_api(session.version, 9000)
    whole = Opening()
    whole.feed(HELLO)
    assert whole.half_hello == b""


def test_it_keeps_no_more_than_its_limit() -> None:
    reader = Opening()
    reader.feed(HELLO)
    chunk = frame(bytes(1 << 20))
    for _ in range(40):
        reader.feed(chunk)
    assert reader.fault
    assert len(reader.received) <= opening.RECEIVED_LIMIT + len(chunk)


def heard(*messages: bytes, hello: bytes = HELLO) -> Opening:
    reader = Opening()
    reader.feed(hello + b"".join(map(frame, messages)))
    return reader


def test_before_anything_is_heard_nothing_is_known() -> None:
    reader = Opening()
    assert (reader.version, reader.server_time, reader.next_order_id, reader.accounts) == (None, "", None, ())
    assert reader.client_id_in_use is False
    reader.feed(HELLO[:-1])
    assert (reader.received, reader.fault) == (b"", "")


@pytest.mark.parametrize(
    ("stream", "fault"),
    [
        (frame(b"-1\x00127.0.0.1:4000\x00"), "the server redirects elsewhere, which is never followed"),
        (frame(b"178\x00"), "the answer is not a TWS handshake: check host and port"),
        (frame(b"1234567890\x00now\x00"), "the answer is not a TWS handshake: check host and port"),
        (b"HTTP/1.1 400 Bad Request", "a frame larger than TWS sends: check host and port"),
        (b"\x01\x00\x00\x00", "a frame larger than TWS sends: check host and port"),
        (b"\x00\xff\xff\xff", ""),
        (frame(b"123456789\x00now\x00"), ""),
    ],
)
def test_what_is_no_opening_is_told_and_what_may_be_one_is_waited_for(stream: bytes, fault: str) -> None:
    assert heard(hello=stream).fault == fault


def test_more_than_an_opening_can_hold_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opening.RECEIVED_LIMIT == 2 * opening.FRAME_LIMIT
    monkeypatch.setattr(opening, "RECEIVED_LIMIT", len(HELLO))
    reader = heard()
    reader.feed(b"x")
    assert not reader.fault
    reader.feed(b"y")
    assert reader.fault == "more data than a TWS opening can hold"
    assert reader.received == b"x"


@pytest.mark.parametrize(("text", "number"), [(b"9" * 19, int("9" * 19)), (b"9" * 20, None)])
def test_a_number_beyond_what_a_message_can_hold_is_none(text: bytes, number: int | None) -> None:
    assert heard(b"9\x001\x00" + text + b"\x00").next_order_id == number


@pytest.mark.parametrize("message", [b"49\x001\x001773239400\x00", b"15\x001\x00"])
def test_accounts_are_told_by_their_own_message_alone(message: bytes) -> None:
    assert heard(message).accounts == ()


def test_what_is_longer_than_it_was_is_read_as_far_as_it_is_known() -> None:
    assert heard(b"15\x001\x00DU1\x00more\x00").accounts == ("DU1",)
    assert heard(b"9\x001\x005\x00more\x00").next_order_id == 5


@pytest.mark.parametrize(
    ("message", "in_use"),
    [
        (b"4\x002\x00-1\x00326\x00in use\x00", True),
        (b"4\x002\x00-1\x00326\x00", True),
        (b"4\x002\x00-1\x00326", False),
        (b"4\x002\x00-1\x002104\x00farm ok\x00", False),
        (b"49\x001\x00-1\x00326\x00\x00", False),
    ],
)
def test_a_client_id_is_in_use_where_error_326_says_so(message: bytes, in_use: bool) -> None:
    assert heard(message).client_id_in_use is in_use
