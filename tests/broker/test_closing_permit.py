"""Nobody becomes the closer while bytes of an order are still in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.broker.closer_lock import CloserLock, LockState
from engine.broker.closing_permit import LOOK_AGAIN_S, ClosingPermit
from engine.broker.closing_right import ClosingRight
from engine.broker.link import Link
from engine.simulator.virtual import run


class SlowLink(Link):
    """A connection whose socket takes nothing."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 7497, 9000)
        self.unsent = 100
        self.aborted = ""

    @property
    def backlog(self) -> int:
        return self.unsent

    def abort(self, why: str) -> None:
        self.unsent, self.aborted = 0, why


@pytest.fixture
def right(tmp_path: Path) -> Iterator[ClosingRight]:
    right = ClosingRight("127.0.0.1", 7497, "kill k1", tmp_path)
    right.take()
    yield right
    right.release()


def another(tmp_path: Path) -> ClosingRight:
    return ClosingRight("127.0.0.1", 7497, "kill k2", tmp_path)


def shut_out(tmp_path: Path) -> None:
    lock = CloserLock("loopback-7497", "kill k2", tmp_path)
    assert lock.take().state is LockState.BUSY
    assert lock.shut_out()


def test_an_order_that_the_socket_has_taken_is_out_of_our_hands_at_once(right: ClosingRight, tmp_path: Path) -> None:
    async def main() -> None:
        link = SlowLink()
        link.unsent = 0
        permit = ClosingPermit(right, link)
        assert permit.enter() is None
        permit.leave()
        shut_out(tmp_path)
        assert another(tmp_path).take().state is LockState.TAKEN

    run(main())


def test_while_the_socket_takes_nothing_nobody_else_may_close_and_then_the_bytes_are_thrown_away(
    right: ClosingRight, tmp_path: Path
) -> None:
    async def main() -> None:
        link, other = SlowLink(), another(tmp_path)
        permit = ClosingPermit(right, link)
        assert permit.enter() is None
        permit.leave()
        await asyncio.sleep(1)
        assert not link.aborted  # a slow socket is no reason to lose a connection
        shut_out(tmp_path)
        assert "in the middle of sending" in other.take().text
        await asyncio.sleep(LOOK_AGAIN_S)
        assert "taken over" in link.aborted
        assert other.take().state is LockState.TAKEN
        other.release()

    run(main())


def test_the_gate_stays_shut_behind_a_released_right_until_the_bytes_are_gone(
    right: ClosingRight, tmp_path: Path
) -> None:
    async def main() -> None:
        link, other = SlowLink(), another(tmp_path)
        permit = ClosingPermit(right, link)
        assert permit.enter() is None
        permit.leave()
        right.release()
        assert other.take().state is LockState.BUSY
        await asyncio.sleep(LOOK_AGAIN_S)
        assert other.take().state is LockState.TAKEN
        other.release()

    run(main())


def test_one_order_that_is_out_does_not_open_the_gate_for_another_that_is_not(
    right: ClosingRight, tmp_path: Path
) -> None:
    async def main() -> None:
        slow, quick = SlowLink(), SlowLink()
        quick.unsent = 0
        for link in (slow, quick):
            permit = ClosingPermit(right, link)
            assert permit.enter() is None
            permit.leave()
        shut_out(tmp_path)
        assert another(tmp_path).take().state is LockState.BUSY
        slow.unsent = 0
        await asyncio.sleep(LOOK_AGAIN_S)
        assert another(tmp_path).take().state is LockState.TAKEN

    run(main())


def test_a_refused_order_leaves_nothing_behind(right: ClosingRight, tmp_path: Path) -> None:
    async def main() -> None:
        shut_out(tmp_path)
        permit = ClosingPermit(right, SlowLink())
        assert permit.enter()
        assert another(tmp_path).take().state is LockState.TAKEN

    run(main())
