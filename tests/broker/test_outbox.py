"""What waits to be sent: order, lanes, limits, and that everybody learns what became of a message."""

from __future__ import annotations

import asyncio

from engine.broker.outbox import NOT_TAKING, WAITING_MAX, Outbox
from engine.broker.pacing import RATE_MAX, RESERVE, Pacer
from engine.simulator.virtual import run


class Wire:
    """Takes bytes, or does not any more."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, bytes]] = []
        self.works = True

    def __call__(self, data: bytes) -> bool:
        if self.works:
            self.taken.append((asyncio.get_running_loop().time(), data))
        return self.works

    @property
    def data(self) -> list[bytes]:
        return [data for _, data in self.taken]


def make() -> tuple[Outbox, Wire]:
    wire = Wire()
    return Outbox(asyncio.get_running_loop(), Pacer(), wire), wire


def test_nothing_leaves_before_tws_is_ready() -> None:
    async def main() -> None:
        outbox, wire = make()
        outbox.post(b"a", urgent=False)
        assert not wire.taken
        assert outbox.free == 0
        outbox.open()
        assert wire.data == [b"a"]

    run(main())


def test_a_cancel_overtakes_everything_that_waits() -> None:
    async def main() -> None:
        outbox, wire = make()
        outbox.open()
        for index in range(200):
            outbox.post(b"%d" % index, urgent=False)
        outbox.post(b"cancel", urgent=True)
        assert wire.data[-1] == b"cancel"
        assert len(wire.taken) == RATE_MAX - RESERVE + 1
        assert asyncio.get_running_loop().time() == 0

    run(main())


def test_all_of_it_leaves_in_order_and_inside_the_budget() -> None:
    async def main() -> None:
        outbox, wire = make()
        outbox.open()
        for index in range(200):
            outbox.post(b"%d" % index, urgent=False)
        await asyncio.sleep(10)
        assert wire.data == [b"%d" % index for index in range(200)]
        for start, _ in wire.taken:
            assert sum(start <= at < start + 1 for at, _ in wire.taken) <= RATE_MAX

    run(main())


def test_whoever_posts_learns_whether_the_bytes_left() -> None:
    async def main() -> None:
        outbox, wire = make()
        told: list[str | None] = []
        outbox.post(b"a", urgent=False, told=told.append)
        outbox.open()
        assert told == [None]
        wire.works = False
        outbox.post(b"b", urgent=False, told=told.append)
        assert told == [None, "the connection is closed"]
        outbox.post(b"c", urgent=True, told=told.append)
        assert len(told) == 3
        assert told[2] is not None
        assert wire.data == [b"a"]

    run(main())


def test_closing_tells_everybody_who_still_waits_why() -> None:
    async def main() -> None:
        outbox, _ = make()
        told: list[str | None] = []
        for _ in range(3):
            outbox.post(b"a", urgent=False, told=told.append)
        outbox.close("TWS is gone")
        outbox.close("said once only")
        assert told == ["TWS is gone"] * 3

    run(main())


def test_a_message_can_be_taken_back_until_it_has_left() -> None:
    async def main() -> None:
        outbox, wire = make()
        told: list[str | None] = []
        parcel = outbox.post(b"a", urgent=False, told=told.append)
        assert outbox.withdraw(parcel, "not wanted")
        assert not outbox.withdraw(parcel, "not wanted")
        outbox.open()
        assert not wire.taken
        assert told == ["not wanted"]
        sent = outbox.post(b"b", urgent=True)
        assert not outbox.withdraw(sent, "too late")

    run(main())


def test_the_queue_is_bounded_and_a_cancel_still_finds_a_place() -> None:
    async def main() -> None:
        outbox, _ = make()
        told: list[str | None] = []
        for _ in range(WAITING_MAX + 1):
            outbox.post(b"a", urgent=False, told=told.append)
        assert len(told) == 1
        assert told[0] is not None
        outbox.post(b"cancel", urgent=True, told=told.append)
        assert len(told) == 1
        assert outbox.waiting == WAITING_MAX + 1

    run(main())


def test_a_full_socket_holds_ordinary_messages_back_but_no_cancel() -> None:
    async def main() -> None:
        outbox, wire = make()
        outbox.open()
        outbox.pause()
        outbox.post(b"a", urgent=False)
        outbox.post(b"cancel", urgent=True)
        assert wire.data == [b"cancel"]
        outbox.resume()
        assert wire.data == [b"cancel", b"a"]

    run(main())


def test_what_is_dropped_for_something_urgent_is_told_so() -> None:
    async def main() -> None:
        outbox, wire = make()
        told: list[str | None] = []
        outbox.post(b"order", urgent=False, told=told.append)
        outbox.post(b"cancel", urgent=True)
        assert outbox.drop_normal("a kill takes over") == 1
        outbox.open()
        assert told == ["a kill takes over"]
        assert wire.data == [b"cancel"]

    run(main())


def test_a_message_posted_from_within_an_answer_is_sent_in_its_turn() -> None:
    async def main() -> None:
        outbox, wire = make()
        outbox.open()
        outbox.post(b"first", urgent=False, told=lambda _why: outbox.post(b"second", urgent=False) and None)
        assert wire.data == [b"first", b"second"]

    run(main())


class Turnstile:
    """A permit that can be taken away, and that knows what was written while it was held."""

    def __init__(self, wire: Wire) -> None:
        self.why: str | None = None
        self.calls: list[str] = []
        self._wire = wire

    def enter(self) -> str | None:
        self.calls.append("enter" if self.why is None else "refuse")
        return self.why

    def leave(self) -> None:
        self.calls.append(f"leave after {len(self._wire.taken)}")


def test_a_permit_is_asked_when_the_message_leaves_and_held_while_it_is_written() -> None:
    async def main() -> None:
        outbox, wire = make()
        permit = Turnstile(wire)
        told: list[str | None] = []
        outbox.post(b"order", urgent=False, told=told.append, permit=permit)
        assert permit.calls == []
        outbox.open()
        assert permit.calls == ["enter", "leave after 1"]
        assert told == [None]

    run(main())


def test_a_message_that_waited_is_stopped_by_a_halt_that_came_meanwhile() -> None:
    async def main() -> None:
        outbox, wire = make()
        outbox.open()
        for index in range(RATE_MAX - RESERVE):
            outbox.post(b"%d" % index, urgent=False)
        permit = Turnstile(wire)
        told: list[str | None] = []
        outbox.post(b"order", urgent=False, told=told.append, permit=permit)
        outbox.post(b"behind it", urgent=False)
        permit.why = "halted"
        await asyncio.sleep(2)
        assert permit.calls == ["refuse"]
        assert told == ["halted"]
        assert b"order" not in wire.data
        assert wire.data[-1] == b"behind it"

    run(main())


def test_a_permitted_message_never_waits_in_the_socket_where_nobody_can_stop_it() -> None:
    async def main() -> None:
        wire, held = Wire(), [1]
        outbox = Outbox(asyncio.get_running_loop(), Pacer(), wire, lambda: held[0])
        outbox.open()
        permit = Turnstile(wire)
        told: list[str | None] = []
        outbox.post(b"order", urgent=False, told=told.append, permit=permit)
        assert told == [NOT_TAKING]
        outbox.post(b"cancel", urgent=True)
        held[0] = 0
        outbox.post(b"order", urgent=False, permit=permit)
        assert wire.data == [b"cancel", b"order"]
        assert permit.calls == ["enter", "leave after 2"]

    run(main())


def test_the_permit_is_given_back_when_the_connection_is_gone() -> None:
    async def main() -> None:
        outbox, wire = make()
        outbox.open()
        wire.works = False
        permit = Turnstile(wire)
        told: list[str | None] = []
        outbox.post(b"order", urgent=False, told=told.append, permit=permit)
        assert permit.calls == ["enter", "leave after 0"]
        assert told == ["the connection is closed"]

    run(main())
