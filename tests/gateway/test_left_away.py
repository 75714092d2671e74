"""What JavaScript programs leave away stands in their orders as a blank: it is read as no, and the order is judged."""

from __future__ import annotations

from pathlib import Path

from engine.core.units import Absent
from gateway.post import SPY, Post, order, post, statuses, told
from gateway.test_last_look import counted

BLANK = Absent.BLANK


def test_an_order_that_leaves_what_if_away_is_an_order(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1, what_if=BLANK))
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert not told(client, 1) and counted(it, (21, 1)) == [10]
        it.halt()
        client.send(order(2, SPY, "BUY", 10, 2, what_if=BLANK))
        await client.until(lambda: told(client, 2))
        assert "halted" in told(client, 2)[0].text, "a preview would pass"
        assert not it.login.exchange.find_order(21, 2)

    post(tmp_path, test)


def test_one_that_says_neither_is_not_judged(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1, what_if=Absent.UNSET))
        await client.until(lambda: told(client, 1))
        assert not it.login.exchange.find_order(21, 1)

    post(tmp_path, test)


def test_one_that_leaves_transmit_away_counts_as_one_that_tws_holds(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1, transmit=BLANK))
        await client.until(lambda: it.login.exchange.find_order(21, 1) or told(client, 1))
        [resting] = it.desk.checks.desk.book.order((21, 1))
        assert resting.untransmitted and resting.remaining == 10

    post(tmp_path, test)
