"""What orders leave behind when nothing can be written: it is not marked as written down, bounded, and told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.restrictions import Scope
from engine.journal import chain
from engine.journal.events import OrderEnded, OrderIntent, OrderRefused, Repaired
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.spool import Spool
from engine.journal.trouble import Code
from engine.trading import order_records, slips
from engine.trading.order_records import OrderRecords, Outcome
from engine.trading.rules import Rules
from engine.trading.slips import Slips, Standing, body_of

SCOPE = Scope("paper", "127.0.0.1:7497", ("DU1",))
KEY = (21, 5)
INTENT = OrderIntent(
    scope=SCOPE,
    account="DU1",
    order_ref="mine",
    con_id=7,
    symbol="ES",
    action="BUY",
    quantity=Decimal(2),
    order_type="LMT",
    limit_price=Decimal(1),
    sec_type="FUT",
    client_id=KEY[0],
    order_id=KEY[1],
    announced=True,
)


@pytest.mark.skipif(not slips.POSSIBLE, reason="this system has no place for slips")
@pytest.mark.parametrize("full", [False, True])
def test_a_slip_counts_as_written_down_only_if_its_record_outlives_the_program(
    tmp_path: Path, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[Standing] = []
    monkeypatch.setattr(Slips, "mark", lambda _self, _number, standing: marks.append(standing))

    async def test() -> None:
        memory = Memory()
        memory.fails = Code.FULL
        spool = Spool(tmp_path / "journal", elsewhere=tmp_path / "elsewhere")
        if full:
            for place in spool.places:
                place.parent.write_text("in the way")
        journal = Journal(MemoryStore(memory), actor="test", clock=lambda: 1, spool=spool)
        rules = Rules(journal, LocalGate(), wall_ns=lambda: 1, actor="test")
        records = OrderRecords(lambda: rules, lambda: SCOPE, lambda: 1, behind_s=0)
        records.slips = Slips(tmp_path, SCOPE)
        number = records.slips.write(body_of(INTENT, 1))
        assert number is not None
        records.announced(KEY, number, lambda: INTENT)
        await records.settled()

    asyncio.run(test())
    assert marks == ([] if full else [Standing.WRITTEN])


def test_what_waits_too_long_for_a_disk_stops_entries_and_then_is_counted_and_never_dropped_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_records, "CROWDED", 2)
    monkeypatch.setattr(order_records, "LATER_MAX", 3)
    memory = Memory()

    async def test() -> list[str]:
        journal = Journal(MemoryStore(memory), actor="test", clock=lambda: 1)
        rules = Rules(journal, LocalGate(), wall_ns=lambda: 1, actor="test")
        records = OrderRecords(lambda: rules, lambda: SCOPE, lambda: 1, behind_s=0)
        said = [records.crowded]
        for number in range(5):  # all of them before the loop comes to write the first
            records.not_judged(f"S{number}", "BUY", "busy")  # has less room than an end
            records.ended("mine", (21, number), Outcome.REFUSED)
            said.append(records.crowded)
        while records.crowded:
            await records.settled()
        return said

    said = asyncio.run(test())
    assert said[:2] == ["", "2 records of orders wait for the journal's disk"]
    assert said[-1] == "3 records of orders wait for the journal's disk, and 7 more found no room"
    events = [chain.opened(one).event for one in memory.records]
    assert [type(one) for one in events] == [OrderRefused, OrderEnded, OrderEnded, Repaired]
    assert isinstance(events[-1], Repaired) and events[-1].what.startswith("7 records of orders, fills and refusals")


@pytest.mark.parametrize("turns", [0, 1])
def test_a_program_that_ends_behind_a_refused_order_has_written_down_how_it_ended(turns: int) -> None:
    journal = Journal(MemoryStore(Memory()), actor="test")
    rules = Rules(journal, LocalGate(), wall_ns=lambda: 1, actor="test")

    async def work() -> None:
        records = OrderRecords(lambda: rules, lambda: SCOPE, lambda: 1, behind_s=60.0)
        records.ended("mine", KEY, Outcome.REFUSED, "321")
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        raise ValueError("the program does not know what to do about it")

    followed: list[object] = []
    journal.follow(lambda one: followed.append(one.event))
    with pytest.raises(ValueError, match="does not know"):
        asyncio.run(work())
    journal.state()
    assert [type(one) for one in followed] == [OrderEnded]
