"""The express way passes only what the careful way would pass, counts at once, and is told to every program before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from engine.config.gateway_table import GatewayTable
from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.core.products import Product
from engine.core.restrictions import Scope
from engine.gateway.express import Express
from engine.journal import chain
from engine.journal.events import OrderEnded, OrderIntent
from engine.simulator.faults import DropRequests, SlowAck
from engine.trading import contract_terms
from engine.trading.slips import Reading, Slips, body_of
from engine.wire.codec import encode_request
from engine.wire.frames import frame
from engine.wire.replies import OrderStatus
from engine.wire.requests import CancelOrder, PlaceOrder
from gateway.post import AAPL, SPY, Post, listed, order, post, statuses, told
from gateway.test_last_look import Moment, counted, written
from simulator.wire_client import WireClient

MANY = 10_000
LOOSE = replace(
    DEFAULTS,
    futures=ProductLimits(Decimal(16), None),  # the account holds ten, its own exits working
    duplicates_max=MANY,
    repeats_max=MANY,
    orders_per_second_max=MANY,
    orders_per_minute_max=MANY,
)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether each order that came was passed by the express way."""
    found: list[bool] = []
    place = Express.place

    def watched(self: Express, *about: Any) -> bool:
        found.append(place(self, *about))
        return found[-1]

    monkeypatch.setattr(Express, "place", watched)
    yield found


async def known(it: Post, client_id: int = 21, **fields: Any) -> WireClient:
    """A client whose orders in ES, at the market or not, are of a known form."""
    client, es = await it.client(client_id), listed(it.login, "FUT ES")
    client.send(order(900, es, "BUY", 1, 1, **fields))
    await client.until(lambda: statuses(client, 900))
    client.send(CancelOrder(900))
    await client.until(lambda: "Cancelled" in statuses(client, 900))
    await asyncio.sleep(1)
    return client


def at_once(client: WireClient, *orders: PlaceOrder) -> None:
    """In one write, so that they come together."""
    client.transport.write(b"".join(frame(encode_request(one, client.session.version)) for one in orders))


def passed(it: Post) -> Decimal:
    """What of ES TWS has of the clients' buys, and has not ended."""
    working = it.login.exchange.open_orders()
    return sum((one.remaining for one in working if one.request.client_id in (21, 22)), Decimal(0))


def test_the_second_order_of_a_form_goes_by_the_express_way(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client = await known(it)
        client.send(order(1, listed(it.login, "FUT ES"), "BUY", 2, "3.25"))
        await client.until(lambda: statuses(client, 1))
        assert taken == [False, True]
        assert it.login.exchange.find_order(21, 1).remaining == 2
        assert counted(it, (21, 1)) == [2]

    post(tmp_path, test, settings=LOOSE)


def test_behind_a_reading_everything_is_ready_for_the_next_order(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 2, "3.25"))
        before = it.desk.checks.desk.book.epoch
        await asyncio.sleep(1)
        assert it.desk.checks.desk.book.epoch > before, "it was read again"
        with patch("engine.core.preflight.desk.make_lane", side_effect=AssertionError):
            client.send(order(2, es, "BUY", 1, "3.25"))
            await client.until(lambda: statuses(client, 2))
        assert taken == [False, True, True]

    post(tmp_path, test, settings=LOOSE)


def test_orders_that_come_together_do_not_pass_a_limit_together(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        at_once(client, *(order(n, es, "BUY", 1, n) for n in range(1, 21)))
        await client.until(lambda: statuses(client, 1) and told(client, 20))
        await asyncio.sleep(1)
        assert passed(it) == 6  # ten are held, sixteen are allowed
        assert taken.count(True) >= 3

    post(tmp_path, test, settings=LOOSE)


def test_orders_of_two_clients_count_for_each_other_before_tws_answers(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        one, other, es = await known(it), await known(it, 22), listed(it.login, "FUT ES")
        at_once(one, order(1, es, "BUY", 4, 1))
        at_once(other, order(1, es, "BUY", 4, 1))
        await asyncio.sleep(2)
        assert passed(it) == 4 and taken[-2:] == [True, False]

    post(tmp_path, test, SlowAck(seconds=0.7), settings=LOOSE)


def test_what_is_counted_and_not_in_the_book_yet_counts_for_the_careful_way(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        at_once(client, order(1, es, "BUY", 4, 1), order(2, es, "BUY", 4, 1, order_ref="of no known form"))
        await client.until(lambda: told(client, 2))
        assert "max_contracts" in told(client, 2)[0].text and passed(it) == 4
        assert taken == [False, True, False]

    post(tmp_path, test, settings=LOOSE)


def test_a_halt_binds_an_order_of_a_known_form(tmp_path: Path, taken: list[bool]) -> None:
    gate = Moment()

    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        gate.then = lambda: it.halt("at the last moment")
        client.send(order(1, es, "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        assert "at the last moment" in told(client, 1)[0].text
        assert not it.login.exchange.find_order(21, 1) and not counted(it, (21, 1)) and not gate.inside
        assert taken == [False, False]

    post(tmp_path, test, gate=gate, settings=LOOSE)


def test_while_tws_takes_no_data_the_express_way_is_closed(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client = await known(it)
        through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        through._up._transport.get_write_buffer_size = lambda: 1
        client.send(order(1, listed(it.login, "FUT ES"), "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        assert "takes no data" in told(client, 1)[0].text and taken == [False, False]

    post(tmp_path, test, settings=LOOSE)


def test_an_order_whose_connection_is_gone_counts_no_longer(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, book = await known(it), it.desk.checks.desk.book
        before = {product: book.total("DU1234567", product).contracts for product in Product}
        through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        through._up.write = through._up.write_now = lambda _: False
        client.send(order(1, listed(it.login, "FUT ES"), "BUY", 1, 1))
        await asyncio.sleep(1)
        assert not counted(it, (21, 1))
        assert before == {product: book.total("DU1234567", product).contracts for product in Product}

    post(tmp_path, test, settings=LOOSE)


def test_an_order_of_a_known_form_waits_for_those_before_it(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        unknown = replace(SPY, con_id=0, symbol="QQQ")
        at_once(client, order(1, unknown, "BUY", 1, 1), order(2, es, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 2))
        placed = [one.order_id for one in client.of(OrderStatus) if one.order_id in (1, 2)]
        assert placed[0] == 1 and True not in taken[1:3]

    post(tmp_path, test, settings=LOOSE)


def test_a_change_of_a_live_order_is_no_second_order(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        at_once(client, order(1, es, "BUY", 2, 1), order(1, es, "BUY", 3, 1))
        await asyncio.sleep(2)
        assert taken == [False, True, False]
        assert counted(it, (21, 1)) == [3] == [it.login.exchange.find_order(21, 1).remaining]

    post(tmp_path, test, settings=LOOSE)


def test_one_that_was_refused_is_judged_the_careful_way_under_its_id(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 50, 1))
        await client.until(lambda: told(client, 1))
        client.send(order(1, es, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 1))
        assert taken == [False, False, False]

    post(tmp_path, test, settings=LOOSE)


def test_shadow_mode_and_a_lost_connection_of_our_own_close_the_express_way(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        await known(it)
        assert it.desk.express.login is None
        it.desk.detach("gone")
        assert it.desk.express.login is None

    post(tmp_path, test, settings=LOOSE, table=GatewayTable(shadow=True))

    async def other(it: Post) -> None:
        client = await known(it)
        assert it.desk.express.login is not None
        it.desk.detach("gone")
        client.send(order(1, listed(it.login, "FUT ES"), "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        assert "warming up" in told(client, 1)[0].text

    post(tmp_path, other, settings=LOOSE)


def test_one_like_an_order_that_nobody_answers_is_not_sent_by_any_way(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 1, 1))
        await asyncio.sleep(3)
        client.send(order(2, es, "BUY", 1, 1))
        await client.until(lambda: told(client, 2))
        assert "unconfirmed" in told(client, 2)[0].text
        assert taken == [False, True, False]
        assert counted(it, (21, 1)) == [1]

    post(tmp_path, test, DropRequests(requests=("PlaceOrder",), first=1, on="CancelOrder"), settings=LOOSE)


# --- slips -----------------------------------------------------------------------------------------------------------
def test_every_program_is_told_before_the_first_byte_leaves(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        reading = Reading(tmp_path)
        reading.look()
        seen: list[Any] = []
        through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        for one in ("write", "write_now"):
            write = getattr(through._up, one)
            setattr(through._up, one, lambda data, write=write: (seen.append(reading.look()), write(data))[1])
        client.send(order(1, es, "BUY", 2, "3.25"), order(2, es, "SELL", 1, 9000))
        await client.until(lambda: statuses(client, 1) and statuses(client, 2))
        [[first], [second]] = seen
        assert (first.intent.client_id, first.intent.order_id, first.intent.quantity) == (21, 1, 2)
        assert (first.intent.limit_price, first.intent.con_id) == (Decimal("3.25"), es.con_id)
        assert second.intent.action == "SELL" and taken == [False, True, False]

    post(tmp_path, test, settings=LOOSE)


def test_what_another_program_has_announced_counts(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        other = Slips(tmp_path, Scope("elsewhere", it.desk.entry.scope.place))
        intent = OrderIntent(
            scope=it.desk.entry.scope,
            account="DU1234567",
            order_ref="",
            con_id=es.con_id,
            symbol="ES",
            action="BUY",
            quantity=Decimal(4),
            order_type="MKT",
            sec_type="FUT",
            client_id=1,
            order_id=77,
        )
        other.write(body_of(intent, it.loop.wall_ns()))
        client.send(order(1, es, "BUY", 3, 1))
        await client.until(lambda: told(client, 1))
        assert "max_contracts" in told(client, 1)[0].text
        client.send(order(2, es, "BUY", 2, 1))
        await client.until(lambda: statuses(client, 2))
        other.close()

    post(tmp_path, test, settings=LOOSE)


def test_the_journal_follows_and_then_the_slips_are_done(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 2, 1))
        await client.until(lambda: statuses(client, 1))
        await asyncio.sleep(1)
        events = [chain.opened(one).event for one in it.memory.records]
        of_it = [one for one in events if isinstance(one, OrderIntent | OrderEnded) and one.order_id == 1]
        assert [type(one) for one in of_it] == [OrderIntent, OrderEnded]
        assert isinstance(of_it[0], OrderIntent) and of_it[0].announced and of_it[0].quantity == 2
        assert not any(it.desk.records.slips._live) and Reading(tmp_path).look() == []

    post(tmp_path, test, settings=LOOSE)


def test_an_order_that_was_announced_and_did_not_leave_is_taken_back(tmp_path: Path) -> None:
    gate = Moment()

    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        gate.then = lambda: it.halt("at the last moment")
        client.send(order(1, es, "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        await asyncio.sleep(1)
        assert Reading(tmp_path).look() == []
        assert not [one for one in written(it, OrderIntent) if one.order_id == 1]  # type: ignore[attr-defined]

    post(tmp_path, test, gate=gate, settings=LOOSE)


def test_behind_a_journal_that_does_not_answer_orders_wait_for_it(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        records = it.desk.records
        records._batch_since_s = it.loop.time() - 2  # a write that has not come back
        client.send(order(1, es, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 1))
        assert taken[-1] is False and not Reading(tmp_path).look()
        records._batch_since_s = None

    post(tmp_path, test, settings=LOOSE)


# --- what closes the express way --------------------------------------------------------------------------------------
def test_terms_that_have_grown_old_are_asked_for_again(
    tmp_path: Path, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_terms, "TERMS_AGE_NS_MAX", 60 * 10**9)

    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        await asyncio.sleep(70)
        client.send(order(1, es, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert taken[-1] is False

    post(tmp_path, test, settings=LOOSE)


def test_an_order_that_tws_has_shown_its_client_is_no_new_one(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        through._hearing._heard.alive = lambda order_id: order_id == 1
        client.send(order(1, es, "BUY", 1, 1), order(2, es, "BUY", 2, 1))
        await client.until(lambda: statuses(client, 2))
        assert taken[1] is False

    post(tmp_path, test, settings=LOOSE)


def test_what_only_this_program_knows_against_it_binds(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        it.desk.entry.kill_pressed = True
        client.send(order(1, es, "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        assert "pressed" in told(client, 1)[0].text and taken == [False, False]

    post(tmp_path, test, settings=LOOSE)


def test_a_client_that_tws_has_not_let_in_has_no_express_way(tmp_path: Path, taken: list[bool]) -> None:
    async def test(it: Post) -> None:
        await known(it)
        client, es = await it.client(22), listed(it.login, "FUT ES")
        through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 22)
        through.ready = False
        client.send(order(1, es, "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        assert "let this client in" in told(client, 1)[0].text
        through.ready = True

    post(tmp_path, test, settings=LOOSE)


@pytest.mark.parametrize("decides", ["state", "hear_others"])
def test_whoever_decides_by_the_book_finds_in_it_what_has_happened(
    tmp_path: Path, taken: list[bool], decides: str
) -> None:
    async def test(it: Post) -> None:
        client, es = await known(it), listed(it.login, "FUT ES")
        through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        through.data_received(frame(encode_request(order(1, es, "BUY", 2, 1), client.session.version)))
        book = it.desk.checks.desk.book
        assert taken[-1] and not book.order((21, 1)) and len(it.desk.tray) == 1
        getattr(it.desk.checks, decides)()
        assert book.order((21, 1)) and not it.desk.tray

    post(tmp_path, test, settings=LOOSE)


def test_the_last_look_of_the_careful_way_counts_what_has_left_since_its_verdict(
    tmp_path: Path, taken: list[bool]
) -> None:
    """A reducing order waits for its record; then the express way sells what it was to close, and a halt comes."""

    async def test(it: Post) -> None:
        client, other = await it.client(), await it.client(22)
        it.login.trader(7).cancel_all()  # the exits of the position, so that it may be sold
        other.send(order(1, AAPL, "SELL", 1, 9000))
        await other.until(lambda: statuses(other, 1))
        await asyncio.sleep(6)
        written_down = it.desk.records.intent

        async def slowly(*about: object) -> object:
            through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 22)
            through.data_received(frame(encode_request(order(2, AAPL, "SELL", 299, 9000), other.session.version)))
            it.halt("meanwhile")
            return await written_down(*about)

        it.desk.records.intent = slowly
        client.send(order(1, AAPL, "SELL", 299, 9000, order_ref="too long for a slip" * 40))
        await client.until(lambda: told(client, 1) or statuses(client, 1))
        assert taken[-1] is True and "trading is halted" in told(client, 1)[0].text

    post(tmp_path, test, settings=LOOSE)


def test_ones_own_slips_are_not_another_programs(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await known(it)
        client.transport.close()
        await asyncio.sleep(1)
        assert it.desk.checks.others.slips.look() == [] and not it.desk.checks.others.slips._files

    post(tmp_path, test, settings=LOOSE)
