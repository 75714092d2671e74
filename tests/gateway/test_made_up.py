"""What a client can make up without end, message numbers and accounts, leaves nothing without end behind."""

from __future__ import annotations

from pathlib import Path

from engine.wire.frames import frame
from engine.wire.replies import CurrentTime
from engine.wire.requests import ReqCurrentTime
from gateway.post import SPY, Post, order, post


def test_messages_of_made_up_numbers_are_counted_together(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        before = dict(it.desk.tally.refused)
        for number in (b"200", b"203", *(b"%d" % n for n in range(1_000, 1_100)), b"\xff", b""):
            client.transport.write(frame(number + b"\x001\0"))
        await client.ask(ReqCurrentTime(), CurrentTime)
        assert not before
        assert it.desk.tally.refused == {"message 200": 1, "message 203": 1, "a message of no known kind": 102}
        assert len(client.errors(321)) == 104

    post(tmp_path, test)


def test_orders_for_made_up_accounts_leave_no_account_behind(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, desk = await it.client(), it.desk.checks.desk
        places = set(desk.book.spots)
        for n in range(1, 101):
            client.send(order(n, SPY, "BUY", 1, 400, account=f"DU{n}", oca_group="g" * (n % 2)))
        await client.until(lambda: len(client.errors(201)) == 100)
        assert set(desk.book.spots) == places and len(desk.book._totals) == len(desk.book._worths) == 1

    post(tmp_path, test)
