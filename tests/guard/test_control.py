"""The socket of a guard, over real sockets: only its owner is heard, and nobody holds it up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.guard import control
from engine.guard.control import SILENT_MAX, Control, NoGuard, Request, ask, parse
from engine.trading import presence
from engine.trading.presence import Presence


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path fits into a socket's name."""
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        yield Path(folder)


async def echo(request: Request) -> dict[str, Any]:
    return {"do": request.do, "reason": request.reason, "logins": list(request.logins)}


def open_beside(home: Path, test: Callable[[Control], Awaitable[None]]) -> None:
    async def main() -> None:
        made = Control(home, echo)
        await made.open()
        assert made.trouble == ""
        try:
            await test(made)
        finally:
            await made.close()

    asyncio.run(main())


def test_a_request_is_answered_and_the_socket_is_its_owners_alone(short: Path) -> None:
    async def test(_made: Control) -> None:
        answer = await asyncio.to_thread(ask, short, Request("kill", reason="ü", logins=("paper",)))
        assert answer == {"do": "kill", "reason": "ü", "logins": ["paper"]}
        mode = (short / control.SOCKET).stat().st_mode
        assert stat.S_IMODE(mode) & 0o077 == 0

    open_beside(short, test)
    assert not (short / control.SOCKET).exists()


def test_a_kill_needs_no_library_to_be_spelled() -> None:
    line = b"kill " + "gone, ü".encode().hex().encode() + b" " + b"paper".hex().encode() + b"\n"
    assert parse(line) == Request("kill", reason="gone, ü", logins=("paper",))
    assert parse(b"kill " + b"x".hex().encode() + b"\n") == Request("kill", reason="x")


@pytest.mark.parametrize(
    "line", [b"\n", b"kill\n", b"kill zz\n", b"{}\n", b"\xff\xfe\n", b'{"do": 5}\n', b"GET / HTTP/1.1\n"]
)
def test_nonsense_is_answered_with_what_was_wrong(short: Path, line: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse(line)

    async def test(_made: Control) -> None:
        reader, writer = await asyncio.open_unix_connection(str(short / control.SOCKET))
        writer.write(line)
        assert b'"error"' in await reader.readline()
        writer.close()

    open_beside(short, test)


def test_callers_that_never_speak_make_room_for_whoever_does_and_are_hung_up_on_after_their_time(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "SILENT_S_MIN", 0.0)

    async def test(_made: Control) -> None:
        silent = [await asyncio.open_unix_connection(str(short / control.SOCKET)) for _ in range(SILENT_MAX)]
        for _ in range(3):
            assert (await asyncio.to_thread(ask, short, Request("kill"), timeout_s=2.0))["do"] == "kill"
        (first, _), *others = silent
        assert await first.read() == b""  # the longest silent has made room, and no other
        assert not any(reader.at_eof() for reader, _ in others)
        monkeypatch.setattr(control, "REQUEST_S_MAX", 0.2)
        last, writer = await asyncio.open_unix_connection(str(short / control.SOCKET))
        assert await last.read() == b""
        for one in (writer, *(writer for _, writer in silent)):
            one.close()

    open_beside(short, test)


def test_a_crowd_that_comes_at_once_and_speaks_is_heard_to_the_last(short: Path) -> None:
    async def test(_made: Control) -> None:
        callers = [socket.socket(socket.AF_UNIX) for _ in range(SILENT_MAX + 20)]
        for one in callers:  # all of them before the guard's loop has had a turn
            one.connect(str(short / control.SOCKET))
            one.sendall(b'{"do": "status"}\n')
        for one in callers:
            assert b"status" in await asyncio.to_thread(one.recv, 1000)
            one.close()

    open_beside(short, test)


def test_where_too_many_are_being_answered_only_a_kill_is_still_heard(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWERED_MAX", 2)

    async def test(made: Control) -> None:
        gate, begun = asyncio.Event(), asyncio.Semaphore(0)

        async def slow(request: Request) -> dict[str, Any]:
            if request.do == "status":
                begun.release()
                await gate.wait()
            return await echo(request)

        made._handle = slow
        waiting = [asyncio.create_task(asyncio.to_thread(ask, short, Request("status"))) for _ in range(2)]
        for _ in waiting:
            await begun.acquire()
        with pytest.raises(NoGuard, match="does not do it: 2 requests are being answered already: ask again"):
            await asyncio.to_thread(ask, short, Request("ack"))
        assert (await asyncio.to_thread(ask, short, Request("kill")))["do"] == "kill"
        gate.set()
        assert [one["do"] for one in await asyncio.gather(*waiting)] == ["status", "status"]

    open_beside(short, test)


def test_a_line_without_end_is_hung_up_on(short: Path) -> None:
    async def test(_made: Control) -> None:
        reader, writer = await asyncio.open_unix_connection(str(short / control.SOCKET))
        with contextlib.suppress(ConnectionError):
            writer.write(b"x" * (control.LINE_BYTES_MAX * 3))
            await writer.drain()
            assert await reader.read() == b""
        assert (await asyncio.to_thread(ask, short, Request("status")))["do"] == "status"
        writer.close()

    open_beside(short, test)


def test_without_a_guard_the_caller_is_told(short: Path) -> None:
    with pytest.raises(NoGuard, match=r"no guard answers in .*: none was started there, or it has ended"):
        ask(short, Request("status"))
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(short / control.SOCKET))  # what a guard that was killed leaves behind
    left.close()
    with pytest.raises(NoGuard, match="the one that was started there has died"):
        ask(short, Request("status"))

    async def test(_made: Control) -> None:
        assert (await asyncio.to_thread(ask, short, Request("status")))["do"] == "status"

    open_beside(short, test)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "it has said nothing for 0.05 s"),
        (b"", "it hung up"),
        (b"HTTP/1.1 400 Bad Request\n", "is no guard: it does not speak as one"),
    ],
)
def test_what_is_no_guard_or_says_nothing_is_told_in_words(short: Path, answer: bytes | None, told: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(short / control.SOCKET))
        listening.listen()

        def serve() -> None:
            caller, _ = listening.accept()
            with caller:
                if answer is None:
                    caller.recv(10_000)
                    caller.recv(1)  # until the other side has had enough
                else:
                    caller.recv(10_000)
                    caller.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(NoGuard, match=told) as caught:
            ask(short, Request("status"), timeout_s=0.05 if answer is None else 5)
        server.join()
    assert "Errno" not in str(caught.value)


def test_a_guard_whose_socket_cannot_be_opened_says_so_and_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        for home, why in ((tmp_path / ("x" * 120), "longer than"), (Path("/dev/null/x"), "cannot be opened")):
            made = Control(home, echo)
            await made.open()
            assert why in made.trouble
            await made.close()

    asyncio.run(main())


def test_where_there_are_no_unix_sockets_the_token_is_asked_for(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "HAS_UNIX", False)

    async def test(made: Control) -> None:
        found = Presence(os.getpid(), 0, (), made.port, made.token)
        sign = presence.Sign(short, found)
        await asyncio.to_thread(sign._touch)
        assert (await asyncio.to_thread(ask, short, Request("status")))["do"] == "status"
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        writer.write(b'wrong\n{"do": "kill"}\n')
        assert await reader.read() == b""
        writer.close()
        sign.end()
        with pytest.raises(NoGuard, match="no word"):
            await asyncio.to_thread(ask, short, Request("status"))

    open_beside(short, test)
