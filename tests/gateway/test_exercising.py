"""Exercising options is judged by what it brings, counts from before it leaves, and is never for more than is held."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.config.gateway_table import GatewayTable
from engine.core.exposure import Side
from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.core.restrictions import Cause, Kind
from engine.gateway.exercising import COUNTS_NS_MAX, exercise_key
from engine.wire.codec import encode_request
from engine.wire.frames import frame
from engine.wire.replies import CurrentTime, ErrorMessage
from engine.wire.requests import ExerciseOptions, ReqCurrentTime
from gateway.post import ACCOUNT, Post, listed, order, post, statuses, told
from gateway.test_last_look import Moment
from simulator.wire_client import WireClient

PUT = "OPT SPY 20260417 580 P"  # ten are held
SPY_ID = 756733


def exercise(it: Post, quantity: int = 2, *, req_id: int = 5, action: int = 1, account: str = "") -> ExerciseOptions:
    return ExerciseOptions(req_id, listed(it.login, PUT), action, quantity, account, 1)


async def settled(client: WireClient) -> list[ErrorMessage]:
    """What it was told, once everything before has been dealt with."""
    await asyncio.sleep(3)
    await client.ask(ReqCurrentTime(), CurrentTime)
    return [one for one in client.of(ErrorMessage) if 0 <= one.req_id < 100]


def taken(it: Post) -> Decimal:
    """By the exchange."""
    instructed: Decimal = it.login.exchange._endings.instructed(ACCOUNT, listed(it.login, PUT).con_id)
    return instructed


def counted(it: Post, req_id: int = 5) -> list[tuple[int, Side, Decimal]]:
    found = it.desk.checks.desk.book.order(exercise_key(21, req_id))
    return [(one.con_id, one.side, one.remaining) for one in found]


def test_it_passes_and_counts_with_what_it_brings(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, PUT)
        client.send(exercise(it))
        assert not await settled(client)
        assert taken(it) == 2
        assert set(counted(it)) == {(put.con_id, Side.SELL, 2), (SPY_ID, Side.SELL, 200)}
        assert it.desk.tally.counts["exercises passed"] == 1

    post(tmp_path, test)


@pytest.mark.parametrize("before", ["nothing", "an exercise", "an order"])
def test_more_than_is_held_and_free_is_refused(tmp_path: Path, before: str) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, PUT)
        if before == "an exercise":
            client.send(exercise(it, 6, req_id=4))
        elif before == "an order":
            client.send(order(4, put, "SELL", 6, 999))
            await client.until(lambda: statuses(client, 4))
        client.send(exercise(it, 11 if before == "nothing" else 5))
        [error] = await settled(client)
        free = 10 if before == "nothing" else 4
        assert (error.req_id, error.code) == (5, 321) and f"not_held: {11 if free == 10 else 5}" in error.text
        assert f"{free} are held" in error.text
        assert taken(it) == (6 if before == "an exercise" else 0) and not counted(it)

    post(tmp_path, test)


def test_a_limit_holds_what_it_brings(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(exercise(it, 9))
        [error] = await settled(client)
        assert "max_contracts" in error.text and not taken(it)

    shares = replace(DEFAULTS, shares=ProductLimits(Decimal(1000), None))
    post(tmp_path, test, settings=shares)


def test_while_halted_what_opens_is_refused_and_lapsing_passes(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        it.halt("lunch")
        client.send(exercise(it), exercise(it, 1, req_id=6, action=2))
        [error] = await settled(client)
        assert error.req_id == 5 and "lunch" in error.text and not counted(it)
        assert taken(it) == 1

    post(tmp_path, test)


def test_after_a_kill_not_even_lapsing_passes(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        it.rules.halt(it.desk.entry.scope, "killed", cause=Cause.KILL_SWITCH, kind=Kind.SHUTDOWN)
        client.send(exercise(it), exercise(it, 1, req_id=6, action=2))
        assert [one.req_id for one in await settled(client)] == [5, 6]
        assert taken(it) == 0

    post(tmp_path, test)


def test_a_halt_at_the_last_moment_binds(tmp_path: Path) -> None:
    gate = Moment()

    async def test(it: Post) -> None:
        client = await it.client()
        gate.then = lambda: it.halt("at the last moment")
        client.send(exercise(it))
        [error] = await settled(client)
        assert "at the last moment" in error.text and taken(it) == 0 and not gate.inside

    post(tmp_path, test, gate=gate)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"quantity": 0}, "not_judgeable"),
        ({"action": 3}, "not_judgeable"),
        ({"account": "DU9"}, "account_not_in_login"),
    ],
)
def test_what_cannot_be_judged_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(exercise(it, **change))
        [error] = await settled(client)
        assert why in error.text and taken(it) == 0

    post(tmp_path, test)


def test_what_is_no_option_is_refused(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(replace(exercise(it), contract=listed(it.login, "FUT ES")))
        [error] = await settled(client)
        assert "not_judgeable" in error.text

    post(tmp_path, test)


def test_what_would_not_be_written_again_as_it_came_is_refused(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        payload = encode_request(exercise(it), client.session.version)
        client.transport.write(frame(payload + b"more\0"))
        await asyncio.sleep(1)
        [error] = [one for one in client.of(ErrorMessage) if one.code == 321]
        assert "not_understood" in error.text and taken(it) == 0

    post(tmp_path, test)


def test_it_waits_behind_orders_that_were_sent_before(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, unknown = await it.client(), replace(listed(it.login, PUT), con_id=0, symbol="QQQ", sec_type="STK")
        client.send(order(1, unknown, "BUY", 1, 1), exercise(it))
        await asyncio.sleep(0)
        assert not taken(it)
        assert not await settled(client)
        assert taken(it) == 2

    post(tmp_path, test)


def test_it_counts_until_the_positions_show_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(exercise(it))
        await settled(client)
        it.desk.exercises.tidy()
        assert counted(it)
        exchange = it.login.exchange  # seven hours later its agenda does this
        exchange._endings.exercise(listed(it.login, PUT).con_id)
        assert exchange.held(ACCOUNT, SPY_ID) == -200
        await asyncio.sleep(65)  # as long as positions are good for
        it.desk.exercises.tidy()
        assert not counted(it)
        assert it.desk.checks.desk.book.spots[ACCOUNT, SPY_ID].worst == 200

    post(tmp_path, test)


def test_options_that_were_sold_do_not_end_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, PUT)
        client.send(exercise(it))
        await settled(client)
        client.send(order(9, put, "SELL", 3))
        await client.until(lambda: "Filled" in statuses(client, 9))
        await asyncio.sleep(10)
        it.desk.exercises.tidy()
        assert counted(it)

    post(tmp_path, test)


def test_one_that_nobody_has_seen_the_end_of_counts_no_longer_than_it_can_last(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(exercise(it))
        await settled(client)
        it.desk.detach("gone")
        key, one = next(iter(it.desk.exercises._standing.items()))
        it.desk.exercises._standing[key] = replace(one, at_ns=one.at_ns - COUNTS_NS_MAX)
        it.desk.exercises.tidy()
        assert not counted(it)

    post(tmp_path, test)


def test_one_that_tws_has_refused_counts_no_longer(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(exercise(it))
        await settled(client)
        it.desk.heard(21, ErrorMessage(5, 399, "a notice"))
        assert counted(it)
        it.desk.heard(22, ErrorMessage(5, 322, "another client's"))
        assert counted(it)
        it.desk.heard(21, ErrorMessage(5, 322, "Error processing request"))
        assert not counted(it)

    post(tmp_path, test)


def test_shadow_mode_passes_it_and_tells(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(exercise(it, 11))
        assert "not_held" not in "".join(one.text for one in await settled(client))
        assert [line for line in it.lines if "exercise 5 of 21 would be refused (shadow): not_held" in line]

    post(tmp_path, test, table=GatewayTable(shadow=True))


@pytest.mark.parametrize("req_id", [-10, 8, -2147483647])
def test_its_number_is_never_that_of_an_order(tmp_path: Path, req_id: int) -> None:
    async def test(it: Post) -> None:
        client, book = await it.client(), it.desk.checks.desk.book
        client.send(order(8, listed(it.login, "FUT ES"), "BUY", 2, 1000))
        await client.until(lambda: statuses(client, 8))
        client.send(exercise(it, req_id=req_id))
        assert not await settled(client)
        assert [one.remaining for one in book.order((21, 8))] == [2]
        assert len(counted(it, req_id)) == 2 and not told(client, 8)

    post(tmp_path, test, settings=replace(DEFAULTS, futures=ProductLimits(Decimal(30), None)))


def test_a_number_of_more_than_four_bytes_is_refused(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(exercise(it, req_id=1 << 31))
        await settled(client)
        assert "its number is beyond" in told(client, 1 << 31)[0].text and not taken(it)

    post(tmp_path, test)


def test_a_number_that_is_used_again_lets_nothing_be_forgotten(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, PUT)
        client.send(exercise(it, 6), exercise(it, 3), exercise(it, 3))
        [error] = await settled(client)
        assert "not_held: 3" in error.text and "1 are held" in error.text
        assert taken(it) == 9
        book = it.desk.checks.desk.book
        assert book.spot((ACCOUNT, put.con_id)).exposure.sells == 9
        assert book.spot((ACCOUNT, SPY_ID)).exposure.sells == 900
        client.send(exercise(it, 1))
        assert await settled(client) == [error] and taken(it) == 10

    post(tmp_path, test)


def test_of_several_with_one_number_nobody_knows_which_tws_has_refused(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, PUT)
        client.send(exercise(it, 2), exercise(it, 2), exercise(it, 1, req_id=6))
        await settled(client)
        spot = it.desk.checks.desk.book.spot((ACCOUNT, put.con_id))
        it.desk.heard(21, ErrorMessage(5, 322, "Error processing request"))
        assert spot.exposure.sells == 5
        it.desk.heard(21, ErrorMessage(6, 322, "Error processing request"))
        assert spot.exposure.sells == 4

    post(tmp_path, test)
