"""Several programs on one login count each other's orders, from before they leave: their limits are one limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.contracts import Contract
from engine.core.preflight.settings import Settings
from engine.core.preflight.verdict import Code
from engine.simulator.faults import Latency, Reject
from engine.simulator.virtual import until
from engine.trading import IBKRAccountManager, errors
from engine.trading.other_programs import OtherPrograms
from engine.wire.order import Order
from scenarios.accidents import Scene, accident, limit, market, plan

D = Decimal
MANY = Settings(duplicates_max=100, repeats_max=100)
Story = Callable[[Scene, list[IBKRAccountManager], Contract], Awaitable[None]]


async def attempt(program: IBKRAccountManager, contract: Contract, order: Order) -> str:
    try:
        await program.place_order("paper", contract, order)
    except errors.OrderDenied as denied:
        return ",".join(code.value for code in denied.verdict.codes)
    except errors.OrderRefused:
        return "refused"
    return "sent"


def beside_each_other(story: Story, tmp_path: Path, *faults: object, programs: int = 2, **more: object) -> None:
    """Programs with one journal, each connected to the same TWS by a client id of its own. The limit: ten contracts."""

    async def act(scene: Scene, first: IBKRAccountManager) -> None:
        all_of_them = [first, *(scene.manager(client_id=2 + n) for n in range(programs - 1))]
        for one in all_of_them[1:]:
            assert (await one.connect_all()).all_connected
        await asyncio.sleep(1)
        await story(scene, all_of_them, scene.contract("FUT ES"))
        for one in all_of_them[1:]:
            await one.disconnect_all()

    accident(act, tmp_path, plan(faults=tuple(faults), **more), MANY)


def test_what_another_program_has_just_sent_counts_before_tws_is_asked_again(tmp_path: Path) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        one, other = programs
        assert await attempt(one, es, limit("BUY", 6, "100.00")) == "sent"
        assert await attempt(other, es, limit("BUY", 5, "100.00")) == Code.MAX_CONTRACTS.value
        assert await attempt(other, es, limit("BUY", 4, "100.00")) == "sent"
        assert await attempt(one, es, limit("BUY", 1, "99.00")) == Code.MAX_CONTRACTS.value
        assert scene.exposure(es.con_id) == 10

    beside_each_other(story, tmp_path)


@pytest.mark.parametrize("slow_s", [0.0, 0.3])
def test_of_programs_that_ask_at_the_same_moment_as_many_get_through_as_fit(tmp_path: Path, slow_s: float) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        for one in programs:  # so that all of them know the contract, and meet at the journal
            assert (await one.preflight("paper", es, limit("BUY", 1, "100.00"))).passed
        answers = await asyncio.gather(*(attempt(one, es, limit("BUY", 3, "100.00")) for one in programs))
        assert sorted(answers) == [Code.MAX_CONTRACTS.value] * 2 + ["sent"] * 3
        assert scene.exposure(es.con_id) == 9

    beside_each_other(story, tmp_path, Latency(seconds=slow_s), programs=5)


def test_of_bursts_of_several_programs_no_more_get_through_than_fit(tmp_path: Path) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        asks = [attempt(one, es, limit("BUY", 1, f"{100 + n}.00")) for n in range(9) for one in programs]
        answers = await asyncio.gather(*asks)
        assert 5 <= answers.count("sent") == scene.arrived() == scene.exposure(es.con_id) <= 10

    beside_each_other(story, tmp_path, programs=3)


def test_without_hearing_of_each_other_they_exceed_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OtherPrograms, "take_in", lambda _: None)

    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        await asyncio.gather(*(attempt(one, es, limit("BUY", 6, "100.00")) for one in programs))
        assert scene.exposure(es.con_id) > 10

    beside_each_other(story, tmp_path)


def test_without_giving_way_both_are_refused_though_one_would_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OtherPrograms, "later_than", lambda *_: ())

    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        for one in programs:
            await one.preflight("paper", es, limit("BUY", 1, "100.00"))
        await asyncio.gather(*(attempt(one, es, limit("BUY", 6, "100.00")) for one in programs))
        assert scene.exposure(es.con_id) == 0

    beside_each_other(story, tmp_path)


def test_what_tws_refused_the_other_program_counts_no_longer(tmp_path: Path) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        one, other = programs
        assert await attempt(one, es, limit("BUY", 10, "100.00")) == "refused"
        await asyncio.sleep(0.2)  # the outcome is written behind the wire
        assert await attempt(other, es, limit("BUY", 10, "100.00")) == "sent"

    beside_each_other(story, tmp_path, Reject(first=1))


def test_what_it_has_cancelled_or_traded_is_known_with_the_next_reading(tmp_path: Path) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        one, other = programs
        ticket = await one.place_order("paper", es, limit("BUY", 6, "100.00"))
        assert await attempt(one, es, market("BUY", 4)) == "sent"
        assert await attempt(other, es, limit("BUY", 1, "99.00")) == Code.MAX_CONTRACTS.value
        await one.cancel_order("paper", ticket)
        await asyncio.sleep(16)  # three readings: what is not listed any more may have filled behind the positions
        assert scene.held(es.con_id) == 4
        assert await attempt(other, es, limit("BUY", 7, "99.00")) == Code.MAX_CONTRACTS.value
        assert await attempt(other, es, limit("BUY", 6, "99.00")) == "sent"

    beside_each_other(story, tmp_path)


def test_a_program_that_asks_after_a_pause_does_not_count_again_what_is_long_in_its_readings(tmp_path: Path) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        one, other = programs
        for n in range(4):
            assert await attempt(one, es, market("BUY" if n % 2 == 0 else "SELL", 8)) == "sent"
            await asyncio.sleep(6)
        await asyncio.sleep(16)
        assert scene.held(es.con_id) == 0
        assert await attempt(other, es, limit("BUY", 10, "99.00")) == "sent"

    beside_each_other(story, tmp_path)


def test_reducing_orders_of_two_programs_do_not_cross_zero_together_under_a_halt(tmp_path: Path) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        assert await attempt(programs[0], es, market("BUY", 5)) == "sent"
        await asyncio.sleep(12)
        programs[0].halt_trading("paper", "Manual halt")
        answers = await asyncio.gather(*(attempt(one, es, market("SELL", 5)) for one in programs))
        assert sorted(answers) == ["sent", Code.WOULD_CROSS_ZERO.value] or "halted" in answers, answers
        assert scene.held(es.con_id) == 0

    beside_each_other(story, tmp_path)


def test_the_order_of_a_program_that_died_stops_counting_when_the_readings_do_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene, programs: list[IBKRAccountManager], es: Contract) -> None:
        one, other = programs
        dies_in = asyncio.ensure_future(attempt(one, es, limit("BUY", 10, "100.00")))
        await until(lambda: "order_intent" in str(scene.disk.records[-1:]), step_s=0)
        monkeypatch.setattr(one._orders._checks["paper"].records, "ended", lambda *_: None)
        dies_in.cancel()
        await asyncio.sleep(1)
        assert scene.arrived() == 0
        assert await attempt(other, es, limit("BUY", 1, "100.00")) == Code.MAX_CONTRACTS.value
        await asyncio.sleep(140)
        assert await attempt(other, es, limit("BUY", 10, "100.00")) == "sent"

    beside_each_other(story, tmp_path)
