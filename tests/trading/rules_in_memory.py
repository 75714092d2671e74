"""Rules over a journal in memory: for worlds that are made by the thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.trading.rules import Passage, Rules


def rules_in_memory(
    wall_ns: Callable[[], int],
    memory: Memory | None = None,
    *,
    gate: Passage | None = None,
    prefix: str = "r",
    actor: str = "test",
) -> Rules:
    """`memory`: the disk, which several programs may share; each then needs a prefix of its own for its ids."""
    numbers: Iterator[int] = count(1)
    journal = Journal(MemoryStore(memory), actor=actor, clock=wall_ns)
    return Rules(journal, gate or LocalGate(), wall_ns=wall_ns, actor=actor, new_id=lambda: f"{prefix}{next(numbers)}")
