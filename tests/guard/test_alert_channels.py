"""Each kind of channel against a server of its own on this machine: what is taken arrives, and what is not says why.

The servers speak the real protocols: HTTP for webhooks, ntfy and Telegram, SMTP for mail, with TLS or without.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.core.alerting import AlertSettings, Message, Severity
from engine.guard.alert_channels import AppriseChannel, why_not_taken
from engine.guard.alert_desk import AlertDesk
from engine.guard.alert_stamps import taken_s

GATEWAY = Path(__file__).parents[1] / "gateway"
ALERT = Message(Severity.CRITICAL, "KILL of paper", "the daily limit")
SECRET = "s3cr3t"


class Post:
    """What one server got."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.port = 0


@contextmanager
def serving(speak: Callable[[socket.socket, Post], None], *, tls: bool = False) -> Iterator[Post]:
    post = Post()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(GATEWAY / "fence_certificate.pem", GATEWAY / "fence_key.pem")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(30)
            with contextlib.suppress(OSError):  # who called has gone
                speak(context.wrap_socket(self.request, server_side=True) if tls else self.request, post)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        post.port = server.server_address[1]
        running = threading.Thread(target=server.serve_forever, args=(0.02,))
        running.start()
        try:
            yield post
        finally:
            server.shutdown()
            running.join()


def http(status: str) -> Callable[[socket.socket, Post], None]:
    def speak(caller: socket.socket, post: Post) -> None:
        stream = caller.makefile("rb")
        lines = list(iter(stream.readline, b"\r\n"))
        sizes = [line.split(b":")[1] for line in lines if line.lower().startswith(b"content-length")]
        body = stream.read(int(sizes[0])) if sizes else b""
        post.got.append(lines[0].decode() + body.decode())
        told = b'{"ok": true, "result": {}}'
        caller.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(told)}\r\nConnection: close\r\n\r\n".encode() + told)

    return speak


def smtp(*, password_taken: bool = True) -> Callable[[socket.socket, Post], None]:
    def speak(caller: socket.socket, post: Post) -> None:
        stream = caller.makefile("rb")
        caller.sendall(b"220 here\r\n")
        while line := stream.readline():
            match line.split(b" ")[0].strip().upper():
                case b"EHLO":
                    caller.sendall(b"250-here\r\n250 AUTH PLAIN LOGIN\r\n")
                case b"AUTH":
                    caller.sendall(b"235 welcome\r\n" if password_taken else b"535 authentication failed\r\n")
                case b"DATA":
                    caller.sendall(b"354 go on\r\n")
                    post.got.append(b"".join(iter(stream.readline, b".\r\n")).decode())
                    caller.sendall(b"250 kept\r\n")
                case b"QUIT":
                    caller.sendall(b"221 bye\r\n")
                    return
                case _:
                    caller.sendall(b"250 well\r\n")

    return speak


def hangs_up(caller: socket.socket, post: Post) -> None:
    caller.close()


def silent(caller: socket.socket, post: Post) -> None:
    caller.recv(65_536)
    while caller.recv(65_536):
        pass


def mail(port: int, scheme: str = "mailto") -> str:
    mode = "&mode=ssl" if scheme == "mailtos" else ""
    return f"{scheme}://ann:{SECRET}@127.0.0.1:{port}?from=ann@example.com&to=bob@example.com{mode}"


def web(port: int, scheme: str) -> str:
    return f"{scheme}://127.0.0.1:{port}/{SECRET}"


def sent(url: str, home: Path) -> str | None:
    channel = AppriseChannel(1, url, home)
    told = channel.send(ALERT)
    assert SECRET not in f"{channel.name} {told}"
    assert (taken_s(url, home) is not None) == (told is None), "only what was taken counts as tried"
    return told


@pytest.mark.parametrize("scheme", ["json", "ntfy"])
def test_a_webhook_and_ntfy_get_the_alert_and_say_what_they_answered(scheme: str, tmp_path: Path) -> None:
    with serving(http("200 OK")) as post:
        assert sent(web(post.port, scheme), tmp_path) is None
        assert "KILL of paper" in post.got[0] and "the daily limit" in post.got[0]
    for status in ("401 Unauthorized", "404 Not Found", "500 Broken"):
        with serving(http(status)) as post:
            told = sent(web(post.port, scheme), tmp_path / "other")
            assert told == f"it was not taken: answered {status[:3]}"


def test_telegram_gets_the_alert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.telegram import NotifyTelegram

    url = f"tgram://123456789:{SECRET}abcdefghijklmnopqrstuvwxyz012/987654/"
    with serving(http("200 OK")) as post:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{post.port}/bot")
        assert sent(url, tmp_path) is None
        assert "/sendMessage" in post.got[0] and "KILL of paper" in post.got[0] and "987654" in post.got[0]
    with serving(http("401 Unauthorized")) as post:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{post.port}/bot")
        assert "401" in str(sent(url, tmp_path / "other"))


def test_a_mail_arrives_and_one_whose_password_is_not_taken_says_so(tmp_path: Path) -> None:
    with serving(smtp()) as post:
        assert sent(mail(post.port), tmp_path) is None
        assert "KILL of paper" in post.got[0] and "the daily limit" in post.got[0] and "bob@example.com" in post.got[0]
    with serving(smtp(password_taken=False)) as post:
        told = sent(mail(post.port), tmp_path / "other")
        assert told == "it was not taken: it does not take the name and password"
        assert post.got == []


@pytest.mark.parametrize("scheme", ["jsons", "ntfys", "mailtos"])
def test_a_certificate_that_nobody_trusts_is_told(scheme: str, tmp_path: Path) -> None:
    with serving(smtp() if scheme == "mailtos" else http("200 OK"), tls=True) as post:
        url = mail(post.port, scheme) if scheme == "mailtos" else web(post.port, scheme)
        assert sent(url, tmp_path) == "it was not taken: its certificate is not trusted"
        assert post.got == []


@pytest.mark.parametrize("scheme", ["json", "ntfy", "mailto"])
def test_one_that_refuses_hangs_up_or_does_not_answer_says_which(scheme: str, tmp_path: Path) -> None:
    def address(port: int) -> str:
        slow = "cto=0.3&rto=0.3"
        return f"{mail(port)}&{slow}" if scheme == "mailto" else f"{web(port, scheme)}?{slow}"

    assert sent(address(1), tmp_path) == "it was not taken: nothing listens there"
    with serving(hangs_up) as post:
        assert sent(address(post.port), tmp_path) == "it was not taken: it hung up"
    with serving(silent) as post:
        assert sent(address(post.port), tmp_path) == "it was not taken: it did not answer in time"


def test_of_what_was_logged_nothing_is_passed_on() -> None:
    assert why_not_taken([]) == "it was not taken"
    assert why_not_taken([f"{SECRET} went wrong in a new way"]) == "it was not taken"
    assert SECRET not in why_not_taken([f"/{SECRET}: Connection refused"])


def test_a_test_alert_is_told_by_channel_and_one_that_fails_hides_no_other(tmp_path: Path) -> None:
    async def main(port: int) -> dict[str, str | None]:
        channels = tuple(
            AppriseChannel(number, url, tmp_path) for number, url in enumerate((web(1, "json"), web(port, "ntfy")), 1)
        )
        desk = AlertDesk(channels, AlertSettings(), log=lambda _: None, now_ns=lambda: 0)
        told = await desk.try_all(ALERT)
        assert desk.failing == "1. json: it was not taken: nothing listens there"
        return told

    with serving(http("200 OK")) as post:
        told = asyncio.run(main(post.port))
        assert told == {"1. json": "it was not taken: nothing listens there", "2. ntfy": None}
        assert json.loads(post.got[0].partition("\n")[2])["title"] == "quant-engine: KILL of paper"
