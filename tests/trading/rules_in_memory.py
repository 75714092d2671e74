"""Rules over a journal in memory: for worlds that are made by the thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import MemoryStore
from engine.trading.rules import Rules


def rules_in_memory(wall_ns: Callable[[], int], store: MemoryStore | None = None) -> Rules:
    numbers: Iterator[int] = count(1)
    journal = Journal(store or MemoryStore(), actor="test", clock=wall_ns)
    return Rules(journal, LocalGate(), wall_ns=wall_ns, actor="test", new_id=lambda: f"r{next(numbers)}")
