"""What an order leaves behind when nothing can be written: it is not marked as written down."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.restrictions import Scope
from engine.journal.events import OrderIntent
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.spool import Spool
from engine.journal.trouble import Code
from engine.trading import slips
from engine.trading.order_records import OrderRecords
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
