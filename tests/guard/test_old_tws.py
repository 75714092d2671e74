"""A guard over a TWS that is too old for a stream of profit and loss: it is not blind there, and acts on a loss."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.core.limit_rules import Limit
from engine.core.restrictions import Cause
from engine.guard.control import Request
from engine.journal.events import KillPressed, LimitBreached, Restricted
from guard.post import Exactly, exactly

ROWS = [(Limit.DAILY, 2_000), (Limit.WEEKLY, 5_000), (Limit.MONTHLY, 10_000), (Limit.BREAKER, 15_000)]


@pytest.mark.parametrize("version", [100, 110, 126, 127, 134])
@pytest.mark.parametrize(("limit", "dollars"), ROWS, ids=[limit.value for limit, _ in ROWS])
def test_a_breach_is_acted_on_within_seconds_and_once(version: int, limit: Limit, dollars: int, tmp_path: Path) -> None:
    async def test(here: Exactly) -> None:
        post, world = here.post, here.post.world
        told = await post.guard.answer(Request("status"))
        assert told["logins"]["paper"]["limits"]["equity"] is not None
        here.market.lose(dollars - 4)
        await asyncio.sleep(120)
        breached = [one.limit for one in post.events(LimitBreached) if isinstance(one, LimitBreached)]
        assert limit.value not in breached
        here.market.lose(dollars)
        await asyncio.sleep(8)
        standing = [one.cause for one in post.manager.state("paper").standing]
        assert standing.count(limit.cause) == 1
        await asyncio.sleep(300)
        breached = [one.limit for one in post.events(LimitBreached) if isinstance(one, LimitBreached)]
        assert breached.count(limit.value) == 1
        assert world.is_flat() is bool(post.events(KillPressed)) is (limit is Limit.BREAKER)
        imposed = [one.restriction.cause for one in post.events(Restricted) if isinstance(one, Restricted)]
        assert Cause.BLIND not in imposed

    exactly(tmp_path, test, version=version)


@pytest.mark.parametrize("version", [100, 126, 134])
def test_a_quiet_day_through_a_restart_of_tws_ends_as_it_began(version: int, tmp_path: Path) -> None:
    async def test(here: Exactly) -> None:
        login = here.post.world.login("paper")
        await asyncio.sleep(3_600)
        assert here.post.events(Restricted) == []
        ports = login.server.ports
        await login.server.stop()
        login.server.ports = ports
        await asyncio.sleep(120)
        assert [one.cause for one in here.post.manager.state("paper").standing] == [Cause.BLIND]
        await login.server.start()
        await asyncio.sleep(60)
        assert here.post.manager.state("paper").may_add_risk
        assert here.post.events(LimitBreached) == []

    exactly(tmp_path, test, version=version)
