"""Under a halt that asks for it who lives cancels its own orders: a person hears of it once, with what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.config.gateway_table import GatewayTable
from engine.core.alerting import Message, Severity
from engine.core.contracts import Contract
from engine.core.facts import WorkingOrder
from engine.core.foreign import Answer, Found
from engine.core.preflight.settings import DEFAULTS
from engine.gateway import sweeping
from engine.gateway.gateway import Gateway
from engine.guard import orders_of_others
from engine.guard.borrowing import Borrowed
from engine.guard.orders_of_others import OrdersOfOthers
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_settings import OrderSettings
from gateway.post import SPY as SPY_STOCK
from gateway.post import order, statuses
from guard.post import Post, post
from simulator.wire_client import WireClient, connect
from trading.rules_in_memory import rules_in_memory
from trading.stage import PAPER_PORT

DOOR = 7597


async def beside_a_gateway(
    here: Post, test: Callable[[WireClient], Awaitable[None]], table: GatewayTable | None = None
) -> None:
    """A client of a gateway of the paper login, with one order that adds risk; protective orders are there too."""
    gateway = Gateway(
        {LoginConfig(name="paper", mode=TradingMode.PAPER, host="127.0.0.1", port=PAPER_PORT, client_id=1): DOOR},
        table or GatewayTable(),
        OrderSettings(DEFAULTS),
        rules_in_memory(here.loop.wall_ns, here.memory, prefix="w"),
        home=here.home,
        wall_ns=here.loop.wall_ns,
        clock=here.loop.time,
        log=lambda _line: None,
    )
    await gateway.open()
    client = await connect(DOOR, 21)
    await asyncio.sleep(2)
    assert not gateway.doors[0].desk.warming_up
    client.send(order(1, SPY_STOCK, "BUY", 11, 1))
    await client.until(lambda: "Submitted" in statuses(client, 1))
    await asyncio.sleep(6.5)
    try:
        await test(client)
    finally:
        client.transport.close()
        await gateway.close()


def about(here: Post) -> list[Message]:
    """The messages that name an order of the client."""
    return [one for one in here.messages if "client 21" in one.text]


@pytest.mark.parametrize("after_s", [0.05, 0.5, 1.0, 2.0])
def test_what_the_gateway_cancels_itself_is_told_once_with_what_was_done_and_calls_nobody(
    after_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "LOOK_EVERY_S", after_s)

    async def test(here: Post) -> None:
        async def halt(client: WireClient) -> None:
            here.manager.halt_trading("paper", "a loss", cancel="risk_adding")
            await asyncio.sleep(20)
            assert statuses(client, 1)[-1] == "Cancelled"
            told = about(here)
            assert len(told) == 1 or (not told and after_s < 1)  # the guard may have had nothing to see
            for one in told:
                assert (one.severity, one.title) == (Severity.WARNING, "paper: orders that add risk were cancelled")
                assert "BUY 11 SPY" in one.text and "cancelled by whoever placed them, as the halt asks" in one.text
            await asyncio.sleep(60)
            assert not [title for title in here.titles() if "somebody else" in title]
            assert about(here) == told

        await beside_a_gateway(here, halt)

    post(tmp_path, test)


def test_where_the_gateway_does_not_a_person_is_called_within_five_seconds(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        async def halt(client: WireClient) -> None:
            here.manager.halt_trading("paper", "a test", cancel="risk_adding")
            await asyncio.sleep(5)
            assert "client 21 lives" in about(here)[0].text
            await asyncio.sleep(60)
            assert statuses(client, 1)[-1] == "Submitted"
            assert {one.title for one in about(here)} == {"paper: somebody else trades where nobody may"}
            assert all("client 21 lives" in one.text for one in about(here))

        await beside_a_gateway(here, halt, GatewayTable(shadow=True))

    post(tmp_path, test)


def test_what_an_engine_cancels_itself_calls_nobody_either(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        engine = here.engine()
        await engine.connect("paper")
        await asyncio.sleep(2)
        await engine.place_order("paper", SPY_STOCK, order(1, SPY_STOCK, "BUY", 9, 1).order)
        await asyncio.sleep(6)
        engine.halt_trading("paper", "a test", cancel="risk_adding")
        await asyncio.sleep(20)
        assert not [one for one in here.messages if "client 1," in one.text and one.severity is Severity.CRITICAL]
        await engine.disconnect_all()

    post(tmp_path, test)


def test_the_orders_of_a_program_that_was_alive_a_moment_ago_go_soon_after_it(tmp_path: Path) -> None:
    """Whoever hears of a halt ends the engine next, by force if it hangs: its entries are not to rest for a minute."""

    async def test(here: Post) -> None:
        paper, engine = here.world.login("paper"), await connect(PAPER_PORT, 21)
        before = len(paper.working())
        here.manager.halt_trading("paper", "a test")
        engine.send(order(1, SPY_STOCK, "BUY", 11, 1))
        await asyncio.sleep(12)
        assert "client 21 lives" in about(here)[0].text
        assert len(paper.working()) == before + 1
        engine.transport.close()
        await asyncio.sleep(14)
        assert len(paper.working()) == before

    post(tmp_path, test)


# … by itself ----------------------------------------------------------------------------------------------------------


def working(number: int, client_id: int = 7) -> WorkingOrder:
    contract = Contract(con_id=1, symbol="SPY", sec_type="STK", currency="USD")
    return WorkingOrder(
        order_id=number,
        client_id=client_id,
        perm_id=number,
        account="DU1",
        contract=contract,
        action="BUY",
        quantity=Decimal(1),
        filled=Decimal(0),
        order_type="LMT",
        status="Submitted",
    )


class Desk:
    """Where alerts end."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, bool]] = []

    def tell(
        self, key: str, severity: Severity, title: str, text: str, *, lasting: bool = True, about: object = None
    ) -> None:
        self.told.append((severity.name, text, lasting))

    def clear(self, key: str, text: str) -> None: ...


def meet(
    found: Found, left: Found | None, monkeypatch: pytest.MonkeyPatch, came: Callable[[int], Awaitable[Borrowed]]
) -> list[tuple[str, str, bool]]:
    async def borrow(_host: str, _port: int, client_id: int, _orders: object) -> Borrowed:
        return await came(client_id)

    async def look() -> Found | None:
        return left

    monkeypatch.setattr(orders_of_others, "cancel_under_its_id", borrow)
    desk, log = Desk(), list[str]()
    others = OrdersOfOthers(desk, {"paper": ("", 0)}, log.append)
    asyncio.run(others.meet("paper", found, look, swept=False, again=False))
    return desk.told


def test_what_nobody_can_read_any_more_is_taken_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(client_id: int) -> Borrowed:
        return Borrowed(client_id=client_id, left=(1,), why="the connection was lost")

    found = Found(Answer.CANCEL_EACH, orders=(working(1),), protected=(working(2),))
    [(severity, text, lasting)] = meet(found, None, monkeypatch, gone)
    assert (severity, lasting) == ("CRITICAL", True)
    assert "the connection was lost" in text and "take 1 protective order with it" in text


@pytest.mark.parametrize(
    ("protected", "staying", "said"),
    [
        (0, 0, ""),
        (2, 0, " (a global cancel would take 2 protective orders with it)"),
        (0, 1, " (a global cancel would take 1 older order with it)"),
        (1, 2, " (a global cancel would take 1 protective order and 2 older orders with it)"),
    ],
)
def test_an_entry_that_may_stay_is_not_called_protective(protected: int, staying: int, said: str) -> None:
    """As where a disk is full: nothing that worked before is taken back (decision 92)."""
    found = Found(
        Answer.CANCEL_EACH,
        orders=(working(1),),
        protected=tuple(map(working, range(10, 10 + protected))),
        staying=tuple(map(working, range(20, 20 + staying))),
    )
    assert orders_of_others.beside(found) == said


def test_what_was_cancelled_for_a_program_that_is_gone_is_told_once_and_gravely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def gone(client_id: int) -> Borrowed:
        return Borrowed(client_id=client_id, gone=(1,))

    found = Found(Answer.CANCEL_EACH, orders=(working(1), working(2, 8)))
    left = Found(Answer.NOTHING)
    [(severity, text, lasting)] = meet(found, left, monkeypatch, gone)
    assert (severity, lasting) == ("CRITICAL", False)
    assert "1 cancelled under the id of client 7" in text and "permId 2): cancelled by whoever placed them" in text


def test_who_takes_long_to_cancel_keeps_nobody_from_being_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_of_others, "TOLD_S_MAX", 0.01)

    async def slow(client_id: int) -> Borrowed:
        await asyncio.sleep(0.2)
        return Borrowed(client_id=client_id, gone=(1,))

    found = Found(Answer.CANCEL_EACH, orders=(working(1),))
    first, second = meet(found, Found(Answer.NOTHING), monkeypatch, slow)
    assert first[0] == second[0] == "CRITICAL"
    assert (first[2], second[2]) == (True, False)
