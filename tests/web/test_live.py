"""What an open page hears: what has changed, once, and a pulse only as long as somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from engine.web.live import PAGES_MAX, Live, event
from web.test_picture import guard, record, shown


class Stop(Exception):
    pass


def live(draw: Callable[[], dict[str, str]]) -> tuple[Live, list[int]]:
    looks = [0]

    def look() -> tuple[object, None]:
        looks[0] += 1
        return msgspec.structs.replace(shown(record(), guard()), at_ns=looks[0] * 10**9), None

    return Live(look, lambda _picture, _run: draw(), log=lambda _: None), looks


async def hear(events: AsyncIterator[str], kinds: tuple[str, ...]) -> str:
    async with asyncio.timeout(10):
        async for one in events:
            if one.startswith(tuple(f"event: {kind}" for kind in kinds)):
                return one
    raise AssertionError("it ended")


def test_a_page_gets_everything_first_and_then_what_has_changed() -> None:
    async def test() -> None:
        parts = {"banner": "all is well", "cards": "a"}
        here, _ = live(lambda: dict(parts))
        await here.look()
        events = here.events(lambda: True)
        first = {await hear(events, ("banner", "cards")) for _ in range(2)}
        assert first == {event("banner", "all is well"), event("cards", "a")}
        parts["cards"] = "b"
        waiting = asyncio.create_task(hear(events, ("banner", "cards")))
        await asyncio.sleep(0)
        await here.look()
        assert await waiting == event("cards", "b")

    asyncio.run(test())


def test_there_is_no_pulse_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.web.live.PULSE_EVERY_S", 0.02)

    async def test() -> None:
        here, _ = live(dict)
        await here.look()
        events = here.events(lambda: True)
        await hear(events, ("pulse",))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await hear(events, ("pulse",))

    asyncio.run(test())


def test_a_page_whose_session_is_over_is_told_and_hears_no_more() -> None:
    async def test() -> None:
        here, _ = live(lambda: {"cards": "a"})
        await here.look()
        good = [True]
        events = here.events(lambda: good[0])
        await hear(events, ("cards",))
        await hear(events, ("pulse",))
        good[0] = False
        assert await hear(events, ("over", "cards", "pulse")) == event("over", "logged out")
        assert [one async for one in events] == []

    asyncio.run(test())


def test_there_is_an_end_to_how_many_pages_may_be_open() -> None:
    async def test() -> None:
        here, _ = live(lambda: {"cards": "a"})
        pages = [here.events(lambda: True) for _ in range(PAGES_MAX + 1)]
        heard = [await anext(page, None) for page in pages]
        assert heard.count(None) == 1
        for page in pages:
            await page.aclose()
        assert await anext(here.events(lambda: True), None) is not None

    asyncio.run(test())


def test_what_stands_in_an_event_cannot_end_it() -> None:
    assert event("cards", "a\n\nevent: kill") == "event: cards\ndata: a\ndata: \ndata: event: kill\n\n"
