"""Threads that append at once share a commit, and each gets its own records or its own error."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from engine.journal.chain import Draft, Sealed
from engine.journal.group import TOGETHER_MAX, Group
from engine.journal.memory_store import MemoryStore
from engine.journal.trouble import Code, JournalError, Trouble


def drafts(name: str, count: int = 1) -> list[Draft]:
    return [Draft(0, name, b"{}") for _ in range(count)]


class Held:
    """A store whose first append waits until the test lets it go on."""

    def __init__(self, fails: bool = False, interrupted: bool = False) -> None:
        self.store = MemoryStore()
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self.fails = fails
        self.interrupted = interrupted

    def append(self, drafts: Sequence[Draft]) -> tuple[Sealed, ...]:
        self.sizes.append(len(drafts))
        if len(self.sizes) == 1:
            self.entered.set()
            assert self.go_on.wait(10)
        elif self.interrupted:
            raise SystemExit  # which ends the thread that appends for the others, without a word
        elif self.fails:
            raise JournalError(Trouble(Code.FULL, "full"))
        return self.store.append(drafts)


def together(held: Held, sizes: Sequence[int]) -> tuple[dict[int, tuple[Sealed, ...]], dict[int, JournalError]]:
    """One append under way, then several that come meanwhile."""
    group = Group(held.append)
    results: dict[int, tuple[Sealed, ...]] = {}
    errors: dict[int, JournalError] = {}

    def submit(number: int, size: int) -> None:
        try:
            results[number] = group.submit(drafts(str(number), size))
        except JournalError as error:
            errors[number] = error
        except SystemExit:
            assert held.interrupted

    threads = [threading.Thread(target=submit, args=(0, 1))]
    threads[0].start()
    assert held.entered.wait(10)
    for number, size in enumerate(sizes, start=1):
        threads.append(threading.Thread(target=submit, args=(number, size)))
        threads[-1].start()
        while len(group._line) < number:
            pass
    held.go_on.set()
    for thread in threads:
        thread.join()
    return results, errors


def test_those_who_come_meanwhile_go_together() -> None:
    held = Held()
    results, _ = together(held, [2, 1, 3])
    assert held.sizes == [1, 6]
    for number, size in enumerate([1, 2, 1, 3]):
        assert [one.actor for one in results[number]] == [str(number)] * size


def test_a_commit_has_a_bound_unless_one_alone_exceeds_it() -> None:
    held = Held()
    together(held, [TOGETHER_MAX - 1, 1, 1, TOGETHER_MAX + 5])
    assert held.sizes == [1, TOGETHER_MAX, 1, TOGETHER_MAX + 5]


def test_everybody_in_a_commit_that_failed_is_told() -> None:
    held = Held(fails=True)
    results, errors = together(held, [1, 1])
    assert set(results) == {0}
    assert set(errors) == {1, 2}
    assert errors[1] is not errors[2]


def test_those_whose_append_was_interrupted_by_another_are_told() -> None:
    results, errors = together(Held(interrupted=True), [1, 1, 1])
    assert set(results) == {0}
    assert len(errors) == 2
    assert all("broken off" in str(error) for error in errors.values())


def test_one_who_is_interrupted_leaves_nobody_waiting() -> None:
    def interrupted(_: Sequence[Draft]) -> tuple[Sealed, ...]:
        raise KeyboardInterrupt

    group = Group(interrupted)
    with pytest.raises(KeyboardInterrupt):
        group.submit(drafts("a"))
    assert group._line == []
