"""What orders leave behind when nothing can be written: it is not marked as written down, bounded, and told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.restrictions import Scope
from engine.journal import chain
from engine.journal.events import OrderEnded, OrderIntent, OrderRefused, Repaired
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.parcels import parse
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


PROGRAM = """
import asyncio, sys, threading
from engine.core.restrictions import Scope
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.trading import order_records
from engine.trading.order_records import OrderRecords, Outcome
from engine.trading.rules import Rules

how, hanging = sys.argv[1:]
order_records.AT_THE_END_S_MAX = 0.2
may_write = threading.Event()

class Store(MemoryStore):
    def append(self, drafts, *, expected_seq=None):
        if hanging == "yes":
            may_write.wait()
        sealed = super().append(drafts, expected_seq=expected_seq)
        print("written", len(drafts), flush=True)
        return sealed

journal = Journal(Store(Memory()), actor="test")
rules = Rules(journal, LocalGate(), wall_ns=lambda: 1, actor="test")

async def work():
    records = OrderRecords(lambda: rules, lambda: Scope("paper", "h-1", ("DU1",)), lambda: 1, behind_s=0.0)
    records.ended("mine", (21, 5), Outcome.REFUSED, "321")
    await asyncio.sleep(0.05)
    records.ended("mine", (21, 6), Outcome.REFUSED, "321")

if how == "run":
    asyncio.run(work())
else:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(work())
"""


def ended(how: str, hanging: str) -> tuple[str, str]:
    """What a program that ends says: on its output, on its error stream."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how, hanging], capture_output=True, text=True, env=environ, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("how", ["run", "stop"])
def test_a_program_that_only_stops_its_loop_has_written_its_last_records_too(how: str) -> None:
    said, wrong = ended(how, "no")
    assert said == "written 1\nwritten 1\n"
    assert "NOWHERE" not in wrong


@pytest.mark.parametrize("how", ["run", "stop"])
def test_records_that_a_hanging_disk_keeps_are_printed_when_the_program_ends(how: str) -> None:
    """They were lost without a word: other programs counted the orders as live, and nobody knew why."""
    said, wrong = ended(how, "yes")
    assert said == ""
    assert "WRITTEN DOWN NOWHERE: 2 records" in wrong
    kept = [
        chain.opened(chain.seal(chain.START, one)).event for parcel in parse(wrong).parcels for one in parcel.drafts
    ]
    assert [(one.client_id, one.order_id) for one in kept if isinstance(one, OrderEnded)] == [(21, 5), (21, 6)]
