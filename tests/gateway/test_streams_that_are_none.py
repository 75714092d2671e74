"""What is no protocol ends its connection, in either direction and at any moment; what stood before was passed on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.gateway.client import AT_ONCE
from engine.wire.codec import encode_reply, encode_request
from engine.wire.frames import frame
from engine.wire.opening import start_api
from engine.wire.replies import CurrentTime, NextValidId
from engine.wire.requests import ReqCurrentTime
from gateway.post import Post, post
from gateway.test_door import Raw, before, raw

HELLO = b"API\0" + frame(b"v100..178")
TOO_LARGE = b"\xff\xff\xff\xff"
READ = frame(encode_request(ReqCurrentTime(), 178))


class Tws(asyncio.Protocol):
    """Answers as TWS does, then says something else. `silent`: does not answer."""

    said = b""
    silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if self.silent:
            return
        if data.startswith(b"API\0"):
            self.transport.write(frame(b"178\x0020260311 10:30:00 EST\0"))
        elif b"71\0" in data[:10]:
            self.transport.write(frame(encode_reply(NextValidId(1), 178)) + self.said)


def tws(said: bytes = b"", *, silent: bool = False) -> type[Tws]:
    return type("Speaking", (Tws,), {"said": said, "silent": silent})


async def named(client_id: int = 21) -> Raw:
    client = await raw(HELLO)
    await asyncio.sleep(0.5)
    client.transport.write(start_api(178, client_id))
    await asyncio.sleep(0.5)
    return client


@pytest.mark.parametrize("behind", [b"x", READ])
def test_who_speaks_before_he_was_answered_is_sent_away(tmp_path: Path, behind: bytes) -> None:
    async def test(it: Post) -> None:
        at_once = await raw(HELLO + behind)
        await asyncio.wait_for(at_once.lost.wait(), 1)
        later = await raw(HELLO)
        await asyncio.sleep(1)
        assert not later.lost.is_set()
        later.transport.write(behind)
        await asyncio.wait_for(later.lost.wait(), 1)
        assert [line for line in it.lines if "before it was answered" in line]

    before(tws(silent=True), test, tmp_path)


def test_a_client_that_leaves_while_tws_is_called_leaves_nothing_behind(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await raw(HELLO)
        client.transport.close()
        await asyncio.sleep(1)
        assert not it.gateway.status().logins[0].clients

    before(tws(silent=True), test, tmp_path)


@pytest.mark.parametrize("many", [1, AT_ONCE + 5, 3 * AT_ONCE])
def test_what_stands_before_a_message_that_is_none_is_passed_on(tmp_path: Path, many: int) -> None:
    async def test(it: Post) -> None:
        client = await raw(HELLO)
        await asyncio.sleep(1)
        client.transport.write(start_api(client_version(client), 21))
        await asyncio.sleep(1)
        client.heard = b""
        client.transport.write(READ * many + TOO_LARGE)
        await asyncio.wait_for(client.lost.wait(), 5)
        assert [line for line in it.lines if "client 21" in line and "ended" in line]

    post(tmp_path, test)


def client_version(client: Raw) -> int:
    return int(client.heard[4:].split(b"\0")[0])


def test_who_is_sent_away_in_the_midst_of_a_flood_takes_the_rest_with_him(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await raw(HELLO)
        await asyncio.sleep(1)
        again = start_api(client_version(client), 22)
        client.transport.write(start_api(client_version(client), 21) + READ * AT_ONCE + again + READ * 3 * AT_ONCE)
        await asyncio.wait_for(client.lost.wait(), 5)
        assert [line for line in it.lines if "names itself a second time" in line]

    post(tmp_path, test)


@pytest.mark.parametrize("number", [-1, -2, 2**31, 2**32 + 21])
def test_a_number_that_is_no_client_id_is_nobodys_name(tmp_path: Path, number: int) -> None:
    """Below 0 are the orders typed into TWS, by their permId: an order of such a client would be taken for one."""

    async def test(it: Post) -> None:
        client = await raw(HELLO)
        await asyncio.sleep(1)
        client.transport.write(start_api(client_version(client), number))
        await asyncio.wait_for(client.lost.wait(), 5)
        assert [line for line in it.lines if f"{number} is no client id" in line]
        assert not [one for one in it.login.server.log if one.client_id == number]

    post(tmp_path, test)


@pytest.mark.parametrize("more", [TOO_LARGE, frame(encode_reply(CurrentTime(1), 178)) + TOO_LARGE])
def test_what_tws_says_and_is_no_protocol_ends_the_client_behind_what_stood_before(tmp_path: Path, more: bytes) -> None:
    async def test(it: Post) -> None:
        client = await named()
        await asyncio.wait_for(client.lost.wait(), 1)
        assert frame(encode_reply(NextValidId(1), 178)) in client.heard
        assert client.heard.endswith(more[: -len(TOO_LARGE)])
        assert [line for line in it.lines if "what TWS says is not its protocol" in line]

    before(tws(more), test, tmp_path)


@pytest.mark.parametrize(
    "answer", [b"-1\x0010.0.0.1:7496\0", b"177\0", b"179\x00then\0", b"99\x00then\0", b"what\x00then\0"]
)
def test_a_first_word_of_tws_that_must_not_be_followed_ends_the_client(tmp_path: Path, answer: bytes) -> None:
    class Redirecting(Tws):
        def data_received(self, data: bytes) -> None:
            self.transport.write(frame(answer))

    async def test(it: Post) -> None:
        client = await raw(HELLO)
        await asyncio.wait_for(client.lost.wait(), 5)
        assert answer not in client.heard and b"before it answered" in client.heard

    before(Redirecting, test, tmp_path)


def test_a_message_without_a_field_or_an_end_is_no_order(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await raw(HELLO)
        await asyncio.sleep(1)
        client.transport.write(start_api(client_version(client), 21))
        await asyncio.sleep(1)
        orders = len(it.login.exchange.open_orders())
        for payload in (b"", b"\0", b"3", b"3\0", b"03\x001\0", b" 3\x001\0", b"3.0\x001\0", b"\x003\0", b"3\x001"):
            client.transport.write(frame(payload))
            await asyncio.sleep(0.1)
        assert not client.lost.is_set() and len(it.login.exchange.open_orders()) == orders
        assert client.heard.count(b"Not sent to TWS") + client.heard.count(b"not_understood") == 9

    post(tmp_path, test)
