"""Who follows a journal hears each record once it is folded, and of the orders that were under way before."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from engine.journal.archive import archive
from engine.journal.events import OrderEnded, OrderIntent, Record
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.sqlite_store import SqliteStore
from journal.worlds import PAPER, note, on


def intent(ref: str, order_id: int) -> OrderIntent:
    return OrderIntent(
        scope=PAPER, account="DU1", order_ref=ref, con_id=1, symbol="ES", action="BUY", quantity=Decimal(1),
        order_type="MKT", client_id=7, order_id=order_id,
    )  # fmt: skip


def ended(ref: str, order_id: int) -> OrderEnded:
    return OrderEnded(scope=PAPER, order_ref=ref, outcome="refused", client_id=7, order_id=order_id)


def test_a_follower_hears_every_record_in_order_whoever_wrote_it() -> None:
    memory, heard = Memory(), list[Record]()
    one, other = (Journal(MemoryStore(memory), actor="test") for _ in range(2))
    one.follow(heard.append)
    for journal, text in ((one, "1"), (other, "2"), (one, "3"), (one, "4")):
        journal.append(note(text))
        one.state()
    assert [record.seq for record in heard] == [1, 2, 3, 4]


def test_a_follower_hears_at_once_of_the_orders_whose_end_is_not_written_down() -> None:
    journal, heard = Journal(MemoryStore(Memory()), actor="test"), list[Record]()
    journal.append(intent("a", 1), intent("b", 2), ended("b", 2))
    journal.state()
    journal.follow(heard.append)
    assert [record.event for record in heard] == [intent("a", 1)]


def test_a_label_that_many_orders_carry_ends_only_the_one_that_ended() -> None:
    journal, heard = Journal(MemoryStore(Memory()), actor="test"), list[Record]()
    journal.append(intent("breakout", 1), intent("breakout", 2), ended("breakout", 1))
    journal.state()
    journal.follow(heard.append)
    assert [record.event for record in heard] == [intent("breakout", 2)]


def test_a_follower_of_a_journal_that_begins_with_a_snapshot_hears_of_the_orders_in_it(tmp_path: Path) -> None:
    store, heard = SqliteStore(tmp_path), list[Record]()
    journal = Journal(store, actor="test", clock=lambda: 1000)
    journal.append(intent("a", 1), intent("b", 2), ended("b", 2), at_ns=1)
    assert archive(tmp_path, store, journal, before_ns=1000).records == 3
    late = on(tmp_path)
    late.follow(heard.append)
    late.state()
    assert [record.event for record in heard if isinstance(record.event, OrderIntent)] == [intent("a", 1)]
