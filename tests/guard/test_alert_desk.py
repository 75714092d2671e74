"""Channels that hang or fail hold up neither the guard nor another message, and it is said that they do."""

from __future__ import annotations

import asyncio
import threading

from engine.core.alerting import AlertSettings, Message, Severity
from engine.guard import alert_desk
from engine.guard.alert_channels import AppriseChannel, kind_of, ping
from engine.guard.alert_desk import SEND_S_MAX, TRIES_MAX, AlertDesk
from engine.simulator.virtual import VirtualLoop, run


class Channel:
    def __init__(self, *answers: str | None) -> None:
        self.answers, self.sent = list(answers), list[str]()

    def send(self, message: Message) -> str | None:
        self.sent.append(message.title)
        return self.answers.pop(0) if self.answers else None


def desk(loop: VirtualLoop, channel: alert_desk.Channel | None, lines: list[str]) -> AlertDesk:
    return AlertDesk(channel, AlertSettings(), log=lines.append, now_ns=loop.wall_ns)


def test_a_message_that_was_not_taken_is_sent_again_a_few_times() -> None:
    lines: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        channel = Channel("busy", "busy", None, *["dead"] * TRIES_MAX)
        here = desk(loop, channel, lines)
        running = asyncio.create_task(here.run())
        here.tell("a", Severity.WARNING, "A", "x", lasting=False)
        await asyncio.sleep(60)
        assert channel.sent == ["A"] * 3
        assert here.failing is None
        here.tell("b", Severity.WARNING, "B", "x", lasting=False)
        await asyncio.sleep(60)
        assert channel.sent == ["A"] * 3 + ["B"] * TRIES_MAX
        assert here.failing == "dead"
        running.cancel()

    run(main)
    assert sum("could not be sent" in line for line in lines) == 5


def test_a_channel_that_hangs_delays_no_other_message() -> None:
    released = threading.Event()

    class Hanging(Channel):
        def send(self, message: Message) -> str | None:
            super().send(message)
            if message.title == "A":
                released.wait(30)
            return None

    async def main() -> None:
        lines: list[str] = []
        channel = Hanging()
        here = AlertDesk(channel, AlertSettings(), log=lines.append, now_ns=lambda: 0)
        here.tell("a", Severity.WARNING, "A", "x", lasting=False)
        here.look()
        here.tell("b", Severity.WARNING, "B", "x", lasting=False)
        here.look()
        for _ in range(500):
            if channel.sent == ["A", "B"]:
                break
            await asyncio.sleep(0.01)
        assert channel.sent == ["A", "B"]
        released.set()
        await asyncio.gather(*here._under_way)

    asyncio.run(main())
    assert SEND_S_MAX < 60


def test_without_a_channel_the_log_has_it() -> None:
    lines: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        here = desk(loop, None, lines)
        here.tell("a", Severity.CRITICAL, "A", "text")
        here.look()

    run(main)
    assert lines == ["CRITICAL: A: text"]


def test_an_address_is_named_by_its_kind_and_never_by_what_is_secret_in_it() -> None:
    assert kind_of("tgram://123456:secret/chat") == "tgram"
    channel = AppriseChannel(("nosuch://secret", "json://127.0.0.1:1/secret"))
    why = channel.send(Message(Severity.CRITICAL, "t", "x"))
    assert why is not None
    assert "1. nosuch: not an address that Apprise knows" in why
    assert "2. json: it was not taken" in why
    assert "secret" not in why


def test_the_ping_says_why_it_could_not_be_told() -> None:
    assert ping("file:///etc/passwd") == "the ping's address is neither http nor https"
    assert ping("http://127.0.0.1:1/x") == "URLError"
