"""Channels that hang or fail hold up neither the guard nor another message, and it is said that they do."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from engine.core.alerting import AlertSettings, Message, Severity
from engine.guard import alert_desk
from engine.guard.alert_channels import AppriseChannel, ping
from engine.guard.alert_desk import SEND_S_MAX, TRIES_MAX, AlertDesk
from engine.guard.alert_stamps import kind_of, stamp_of, taken_s
from engine.simulator.virtual import VirtualLoop, run


class Channel:
    name = "1. test"

    def __init__(self, *answers: str | None) -> None:
        self.answers, self.sent = list(answers), list[str]()

    def send(self, message: Message) -> str | None:
        self.sent.append(message.title)
        return self.answers.pop(0) if self.answers else None


def desk(loop: VirtualLoop, channel: alert_desk.Channel | None, lines: list[str]) -> AlertDesk:
    channels = () if channel is None else (channel,)
    return AlertDesk(channels, AlertSettings(), log=lines.append, now_ns=loop.wall_ns)


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
        assert here.failing == "1. test: dead"
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
        here = AlertDesk((channel,), AlertSettings(), log=lines.append, now_ns=lambda: 0)
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
        await here.settled()

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


def test_an_address_is_named_by_its_kind_and_never_by_what_is_secret_in_it(tmp_path: Path) -> None:
    assert kind_of("tgram://123456:secret/chat") == "tgram"
    message = Message(Severity.CRITICAL, "t", "x")
    unknown = AppriseChannel(1, "nosuch://secret", tmp_path)
    assert (unknown.name, unknown.send(message)) == ("1. nosuch", "not an address that Apprise knows")
    dead = AppriseChannel(2, "json://127.0.0.1:1/secret", tmp_path)
    assert (dead.name, dead.send(message)) == ("2. json", "it was not taken: nothing listens there")
    assert taken_s("json://127.0.0.1:1/secret", tmp_path) is None
    assert "secret" not in str(stamp_of("json://127.0.0.1:1/secret", tmp_path))


def test_a_channel_that_hangs_delays_no_other_channel_and_is_asked_no_more_than_so_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alert_desk, "SEND_S_MAX", 0.05)
    monkeypatch.setattr(alert_desk, "AGAIN_AFTER_S", 0.0)
    released, asked = threading.Event(), list[str]()

    class Hanging(Channel):
        name = "1. hangs"

        def send(self, message: Message) -> str | None:
            asked.append(message.title)
            released.wait(30)
            return None

    async def main() -> None:
        lines: list[str] = []
        well = Channel()
        here = AlertDesk((Hanging(), well), AlertSettings(messages_per_minute=100), log=lines.append, now_ns=lambda: 0)
        titles = [f"M{number}" for number in range(20)]
        for title in titles:
            here.tell(title, Severity.CRITICAL, title, "x", lasting=False)
        here.look()
        for _ in range(1_000):
            if len(well.sent) == 20:
                break
            await asyncio.sleep(0.01)
        assert sorted(well.sent) == sorted(titles)  # each once, whatever the other does
        await here.settled()
        assert len(asked) == alert_desk.THREADS_MAX
        assert here.failing is not None
        assert "1. hangs" in here.failing
        assert "2." not in here.failing
        released.set()

    asyncio.run(main())


def test_a_dead_channel_holds_nothing_back_and_what_waits_for_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_desk, "WAITING_MAX", 5)
    lines: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        dead, well = Channel(*["dead"] * 1_000), Channel()
        here = AlertDesk((dead, well), AlertSettings(messages_per_minute=100), log=lines.append, now_ns=loop.wall_ns)
        running = asyncio.create_task(here.run())
        for number in range(5):
            for again in range(4):
                here.tell(f"m{number}{again}", Severity.CRITICAL, f"M{number}{again}", "x", lasting=False)
            await asyncio.sleep(1)
        assert len(well.sent) == 20
        assert len(set(dead.sent)) == alert_desk.UNDER_WAY_MAX
        await asyncio.sleep(120)
        assert len(set(dead.sent)) == alert_desk.UNDER_WAY_MAX + 5
        assert len(well.sent) == 20
        running.cancel()

    run(main)
    assert sum("5 messages wait already" in line for line in lines) == 20 - alert_desk.UNDER_WAY_MAX - 5


def test_the_ping_says_why_it_could_not_be_told() -> None:
    assert ping("file:///etc/passwd") == "the ping's address is neither http nor https"
    assert ping("http://127.0.0.1:1/x") == "URLError"
