"""The journal in memory keeps what a disk keeps: one writer at a time, whoever appends."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from engine.journal import chain, memory_store
from engine.journal.chain import START, Draft, Sealed, Tip, tip_of
from engine.journal.events import Repaired
from engine.journal.memory_store import Memory, MemoryStore


def test_of_two_threads_that_append_at_once_one_waits_and_the_chain_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, honest, others = Memory(), memory_store.seal_all, list[threading.Thread]()

    def append() -> None:
        MemoryStore(memory).append([chain.draft(Repaired(what="x"), actor="test", at_ns=1)])

    def seal_all(tip: Tip, drafts: Sequence[Draft]) -> tuple[Sealed, ...]:
        if not others:  # between the look at the tip and the record another thread comes along
            others.append(threading.Thread(target=append, daemon=True))
            others[0].start()
            others[0].join(0.1)
        return honest(tip, drafts)

    monkeypatch.setattr(memory_store, "seal_all", seal_all)
    append()
    others[0].join(10)
    first, second = memory.records
    assert chain.fault(START, first) is None
    assert chain.fault(tip_of(first), second) is None
