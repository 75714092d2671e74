"""A name is looked up without holding anybody up, and what the resolver cannot tell is said in words."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from engine.broker import names
from engine.broker.names import NameUnknown, look_up


def resolver(monkeypatch: pytest.MonkeyPatch, answer: object) -> list[str]:
    """The system's resolver, which says this."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> Any:
        asked.append(host)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer()
            return []
        return answer

    monkeypatch.setattr(names.socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(("host", "address"), [("localhost", "127.0.0.1"), ("10.0.0.7", "10.0.0.7"), ("::1", "::1")])
def test_an_address_and_this_machine_are_asked_of_nobody(
    monkeypatch: pytest.MonkeyPatch, host: str, address: str
) -> None:
    asked = resolver(monkeypatch, AssertionError("nobody is to be asked"))
    assert asyncio.run(look_up(host, 7497)) == (address,) and not asked


def test_a_name_has_each_of_its_addresses_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(0, 0, 0, "", (address, 7497)) for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1")]
    asked = resolver(monkeypatch, rows)
    assert asyncio.run(look_up("tws.example", 7497)) == ("10.0.0.1", "10.0.0.2")
    assert asked == ["tws.example"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("no words"), "no words"),
        (UnicodeError("label too long"), "it is not a host name"),
        ([], "it has no address"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(monkeypatch: pytest.MonkeyPatch, answer: object, why: str) -> None:
    resolver(monkeypatch, answer)
    with pytest.raises(NameUnknown, match=why):
        asyncio.run(look_up("nowhere.example", 7497))


def test_nobody_waits_for_a_resolver_that_hangs_nor_hears_of_it_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, said = threading.Event(), []
    resolver(monkeypatch, lambda: hangs.wait(20))

    async def impatient() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await look_up("hangs.example", 7497)
        [thread] = [one for one in threading.enumerate() if one.name == "look up hangs.example"]
        assert thread.daemon
        hangs.set()
        await asyncio.to_thread(thread.join, 20)
        await asyncio.sleep(0)  # what the thread has left for the loop

    asyncio.run(impatient())
    assert not said
