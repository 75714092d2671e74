"""The log of a world is bounded, and a bound that comes later keeps the newest."""

from __future__ import annotations

from engine.simulator.server.log import Entry, Kind, MessageLog


def entry(number: int) -> Entry:
    return Entry(at_ns=number, login="paper", connection=0, client_id=None, kind=Kind.FAULT)


def test_a_tighter_bound_keeps_the_newest_entries() -> None:
    log = MessageLog()
    for number in range(10):
        log.add(entry(number))
    log.keep(3)
    log.add(entry(10))
    assert [each.at_ns for each in log] == [8, 9, 10]
