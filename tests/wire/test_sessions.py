"""Two sessions joined in memory understand each other at every version; strangers are named for what they are."""

from __future__ import annotations

import pytest

from engine.core.units import BLANK
from engine.wire.errors import (
    FrameTooLarge,
    NotTws,
    OutOfOrder,
    ProtocolError,
    Redirected,
    UnsupportedVersion,
)
from engine.wire.events import ClientHello, Malformed, Ready, ServerHello, Started
from engine.wire.frames import frame
from engine.wire.replies import (
    CurrentTime,
    ErrorMessage,
    ManagedAccounts,
    NextValidId,
    OrderStatus,
    PositionEnd,
    UnknownReply,
)
from engine.wire.requests import ReqCurrentTime, ReqGlobalCancel, ReqPositions, StartApi, UnknownRequest
from engine.wire.sessions import HELLO_LIMIT, ClientSession, ServerSession

VERSIONS = range(100, 179)
TIME = "20260911 09:30:00 EST"


def joined(version: int = 178) -> tuple[ClientSession, ServerSession]:
    """A client and a server past the handshake."""
    client, server = ClientSession(7, max_version=version), ServerSession()
    server.receive(client.hello())
    client.receive(server.accept(TIME))
    server.receive(client.start_api())
    return client, server


@pytest.mark.parametrize("version", VERSIONS)
def test_the_handshake_settles_on_the_lower_maximum(version: int) -> None:
    for client, server in (
        (ClientSession(7, max_version=version), ServerSession()),
        (ClientSession(7), ServerSession(max_version=version)),
    ):
        (offer,) = server.receive(client.hello())
        assert isinstance(offer, ClientHello)
        assert client.receive(server.accept(TIME)) == [ServerHello(version, TIME)]
        assert client.version == server.version == version
        assert server.receive(client.start_api()) == [Started(7, "")]
        assert server.receive(client.send(ReqGlobalCancel())) == [ReqGlobalCancel()]
        assert client.receive(server.send(PositionEnd())) == [PositionEnd()]


@pytest.mark.parametrize(
    ("offer", "hello", "version"),
    [
        (b"v157..178", ClientHello(157, 178, ""), 178),
        (b"v157..176", ClientHello(157, 176, ""), 176),
        (b"v100..157", ClientHello(100, 157, ""), 157),
        (b"v100..225", ClientHello(100, 225, ""), 178),
        (b"v100..178 +PACEAPI", ClientHello(100, 178, "+PACEAPI"), 178),
        (b"v157", ClientHello(157, 157, ""), 157),
        (b"v157 +PACEAPI", ClientHello(157, 157, "+PACEAPI"), 157),
        (b"v100..178\0", ClientHello(100, 178, ""), 178),
        (b"v38..120", ClientHello(38, 120, ""), 120),
        (b"v38..100", ClientHello(38, 100, ""), 100),
        (b"v178..225", ClientHello(178, 225, ""), 178),
    ],
)
def test_every_known_form_of_the_clients_offer_is_read(offer: bytes, hello: ClientHello, version: int) -> None:
    server = ServerSession()
    assert server.receive(b"API\0" + frame(offer)) == [hello]
    assert server.version == version


@pytest.mark.parametrize("offer", [b"v213..225", b"v179", b"v20..99", b"v178..100"])
def test_a_client_that_shares_no_version_is_told_so(offer: bytes) -> None:
    low, _, high = offer[1:].decode().partition("..")
    with pytest.raises(UnsupportedVersion, match=f" {low} to {high or low} of the protocol.*update TWS"):
        ServerSession().receive(b"API\0" + frame(offer))


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"63\0",
        b"APX\0",
        b"API\0" + frame(b"hello"),
        b"API\0" + frame(b"v100.178"),
        b"API\0" + frame(b"v100..178\0x"),
        b"API\0" + frame(b"v" + b"9" * 20),
        b"API\0\xff\xff\xff\xff",
        b"API\0\x00\x00\x20\x00",
    ],
)
def test_a_socket_that_does_not_speak_tws_is_refused_however_it_arrives(garbage: bytes) -> None:
    with pytest.raises(NotTws):
        ServerSession().receive(garbage)
    server = ServerSession()
    with pytest.raises(NotTws):
        for byte in garbage:
            server.receive(bytes([byte]))
    with pytest.raises(NotTws):
        server.receive(b"API\0" + frame(b"v100..178"))


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400\r\n",
        frame(b"hello"),
        frame(b"178\0"),
        frame(b""),
        frame(b"178\0t\0x\0"),
        frame(b"178\0t\0x"),
        frame(b"x178\0t\0"),
        frame(b"0000000178\0t\0"),  # longer than any version
    ],
)
def test_a_server_that_does_not_speak_tws_is_refused(garbage: bytes) -> None:
    with pytest.raises(NotTws, match="check host and port"):
        ClientSession(1).receive(garbage)


def test_a_hello_is_as_long_as_it_may_be_and_no_longer() -> None:
    longest = b"v100..178 " + b"x" * (HELLO_LIMIT - 10)
    assert HELLO_LIMIT == 4096
    assert ServerSession().receive(b"API\0" + frame(longest)) == [ClientHello(100, 178, longest[10:].decode())]
    with pytest.raises(NotTws):  # before its bytes are waited for
        ServerSession().receive(b"API\0" + (HELLO_LIMIT + 1).to_bytes(4, "big"))


def test_a_redirect_is_named_and_never_followed() -> None:
    with pytest.raises(Redirected, match=r"10\.0\.0\.1:4001"):
        ClientSession(1).receive(frame(b"-1\x0010.0.0.1:4001\x00"))


def test_a_redirect_that_names_no_address_is_one_all_the_same() -> None:
    with pytest.raises(Redirected) as caught:
        ClientSession(1).receive(frame(b"-1"))
    assert caught.value.target == ""
    with pytest.raises(Redirected) as caught:
        ClientSession(1).receive(frame(b"-1\x00127.0.0.1"))
    assert caught.value.target == "127.0.0.1"


@pytest.mark.parametrize("version", [99, 179, 200, 0, 999_999_999])
def test_a_server_version_outside_the_range_is_refused(version: int) -> None:
    with pytest.raises(UnsupportedVersion):
        ClientSession(1).receive(frame(b"%d\0time\0" % version))


def test_a_server_that_takes_a_version_that_was_not_offered_is_refused() -> None:
    for bounds, version in (((100, 150), 151), ((160, 178), 159)):
        client = ClientSession(1, min_version=bounds[0], max_version=bounds[1])
        with pytest.raises(UnsupportedVersion):
            client.receive(frame(b"%d\0time\0" % version))


@pytest.mark.parametrize("bounds", [(99, 178), (100, 179), (150, 140)])
def test_a_session_cannot_be_made_for_versions_the_codec_does_not_know(bounds: tuple[int, int]) -> None:
    with pytest.raises(UnsupportedVersion, match=f" {bounds[0]} to {bounds[1]} of the protocol"):
        ClientSession(1, min_version=bounds[0], max_version=bounds[1])
    with pytest.raises(UnsupportedVersion):
        ServerSession(min_version=bounds[0], max_version=bounds[1])


def test_ready_comes_once_when_both_halves_are_there_in_either_order() -> None:
    for first, second in (
        (ManagedAccounts(("DU1",)), NextValidId(5)),
        (NextValidId(5), ManagedAccounts(("DU1",))),
    ):
        client, server = joined()
        assert client.receive(server.send(first)) == [first]
        assert not client.ready
        assert client.receive(server.send(second)) == [second, Ready(("DU1",), 5)]
        assert client.receive(server.send(first) + server.send(second)) == [first, second]


def test_accounts_that_are_empty_do_not_make_it_ready() -> None:
    client, server = joined()
    client.receive(server.send(NextValidId(5)) + server.send(ManagedAccounts(())))
    assert not client.ready


def test_events_do_not_depend_on_how_the_stream_is_cut() -> None:
    _, server = joined()
    said = [ManagedAccounts(("DU1", "DU2")), NextValidId(5), ErrorMessage(-1, 2104, "ok"), CurrentTime(1)]
    stream = frame(b"178\0" + TIME.encode() + b"\0") + b"".join(server.send(reply) for reply in said)
    whole = ClientSession(7).receive(stream)
    for cut in range(len(stream) + 1):
        client = ClientSession(7)
        assert client.receive(stream[:cut]) + client.receive(stream[cut:]) == whole


def test_the_servers_events_do_not_depend_on_how_the_stream_is_cut() -> None:
    client, _ = joined()
    stream = (
        client.hello() + frame(b"71\x002\x007\x00\x00") + client.send(ReqPositions()) + client.send(ReqCurrentTime())
    )
    whole = ServerSession().receive(stream)
    assert len(whole) == 4
    for cut in range(len(stream) + 1):
        server = ServerSession()
        assert server.receive(stream[:cut]) + server.receive(stream[cut:]) == whole


def test_a_message_that_does_not_fit_is_an_event_and_the_session_goes_on() -> None:
    client, server = joined()
    client.receive(server.send(ManagedAccounts(("DU1",))) + server.send(NextValidId(5)))
    bad = b"61\x003\x00DU1\x00"
    events = client.receive(frame(bad) + server.send(PositionEnd()))
    assert isinstance(events[0], Malformed)
    assert events[0].payload == bad
    assert (events[0].error.message_id, events[0].error.offset) == (61, 3)
    assert events[1:] == [PositionEnd()]
    assert isinstance(server.receive(frame(b"3\x00x\x00"))[0], Malformed)
    assert server.receive(client.send(ReqPositions())) == [ReqPositions()]


def test_unknown_messages_are_named_and_carried() -> None:
    client, server = joined()
    assert client.receive(frame(b"99\x001\x00")) == [UnknownReply(99, b"99\x001\x00")]
    assert server.receive(frame(b"10\x001\x00")) == [UnknownRequest(10, b"10\x001\x00")]
    assert client.receive(frame(b"what\x00")) == [UnknownReply(None, b"what\x00")]


def test_what_came_whole_before_a_broken_frame_is_not_lost() -> None:
    client, server = joined()
    fill = OrderStatus(1, "Filled", BLANK, BLANK)
    with pytest.raises(FrameTooLarge) as caught:
        client.receive(server.send(fill) + b"\xff\xff\xff\xff")
    assert caught.value.events == (fill,)
    with pytest.raises(FrameTooLarge) as caught:
        server.receive(client.send(ReqPositions()) + b"\xff\xff\xff\xff")
    assert caught.value.events == (ReqPositions(),)


def test_a_session_that_has_failed_delivers_nothing_any_more() -> None:
    client, server = joined()
    more = server.send(PositionEnd())
    with pytest.raises(FrameTooLarge) as caught:
        client.receive(b"\xff\xff\xff\xff")
    with pytest.raises(FrameTooLarge) as again:
        client.receive(more)
    assert again.value is caught.value
    refused = ClientSession(1, max_version=150)
    for data in (frame(b"151\0time\0"), frame(b"150\0time\0")):
        with pytest.raises(UnsupportedVersion):
            refused.receive(data)


def test_calls_out_of_order_are_our_own_error() -> None:
    client, server = ClientSession(1), ServerSession()
    for call in (client.start_api, lambda: client.send(ReqPositions()), lambda: server.accept(TIME)):
        with pytest.raises(OutOfOrder):
            call()
    server.receive(client.hello())
    with pytest.raises(OutOfOrder):
        server.send(PositionEnd())
    client.receive(server.accept(TIME))
    with pytest.raises(OutOfOrder):
        server.accept(TIME)
    with pytest.raises(OutOfOrder):
        client.send(ReqPositions())
    client.start_api()
    with pytest.raises(OutOfOrder):
        client.start_api()


def test_options_and_capabilities_reach_the_other_end() -> None:
    client, server = ClientSession(3, connect_options="+PACEAPI", optional_capabilities="cap"), ServerSession()
    assert server.receive(client.hello()) == [ClientHello(100, 178, "+PACEAPI")]
    assert (server.client_id, server.optional_capabilities, client.server_time) == (None, "", "")
    client.receive(server.accept(TIME))
    assert server.receive(client.start_api()) == [Started(3, "cap")]
    assert (server.client_id, server.optional_capabilities, client.server_time) == (3, "cap", TIME)
    assert server.receive(frame(b"71\x002\x003\x00cap\x00")) == [StartApi(3, "cap")]  # a second one is only a request


def test_options_follow_the_one_version_of_a_client_that_knows_no_other() -> None:
    client = ClientSession(3, connect_options="+PACEAPI", min_version=157, max_version=157)
    assert client.hello() == b"API\0" + frame(b"v157 +PACEAPI")
    assert ClientSession(3, connect_options="+PACEAPI").hello() == b"API\0" + frame(b"v100..178 +PACEAPI")


@pytest.mark.parametrize(
    ("accounts", "next_order_id", "ready"),
    [(("DU1",), 5, True), (("DU1",), None, False), ((), 5, False), ((), None, False)],
)
def test_a_connection_that_is_gone_on_with_is_ready_if_both_halves_had_come(
    accounts: tuple[str, ...], next_order_id: int | None, ready: bool
) -> None:
    _, server = joined()
    end = server.send(PositionEnd())
    client = ClientSession.resume(
        client_id=7,
        version=178,
        server_time=TIME,
        accounts=accounts,
        next_order_id=next_order_id,
        buffered=end[:5],
    )
    assert (client.ready, client.accounts, client.next_order_id) == (ready, accounts, next_order_id)
    assert client.receive(end[5:]) == [PositionEnd()]
    assert client.receive(b"") == []  # once
    assert server.receive(client.send(ReqPositions())) == [ReqPositions()]
    with pytest.raises(OutOfOrder):
        client.start_api()
    assert client.hello() == b""  # it is behind it


@pytest.mark.parametrize(
    ("received", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", 'IB Gateway (it says "HTTP/1.1 400 Bad Request"): check'),
        (b"\x16\x03\x01\x02\x00", "IB Gateway: check"),
        (b"", "IB Gateway: check"),
    ],
)
def test_an_operator_is_shown_words_and_no_bytes(received: bytes, said: str) -> None:
    assert said in str(NotTws(received)) and "\\x" not in str(NotTws(received))


def test_every_protocol_error_says_what_to_do() -> None:
    for error in (NotTws(b"x"), Redirected("x"), UnsupportedVersion("9", 100, 178), FrameTooLarge(9, 8)):
        assert isinstance(error, ProtocolError)
        assert any(word in str(error) for word in ("check", "connect", "update", "close"))
