"""A large book's lines: the first few are told, the rest is counted, and no other command is touched."""

from __future__ import annotations

from core.kill.builders import MS, SECOND, CancelClose, Say
from engine.core.kill.closes.chatter import LINES_MAX, TALKATIVE, WINDOW_NS, Chatter
from engine.core.kill.commands import Command


def silent(number: int) -> list[Command]:
    return [Say("close_silent", f"contract {number}: no acknowledgement"), CancelClose(number)]


def test_the_first_lines_are_told_and_the_rest_is_counted_when_its_time_is_over() -> None:
    chatter = Chatter()
    told = [c for n in range(600) for c in chatter.brief(silent(n), n * MS)]
    assert [c.key for c in told if isinstance(c, CancelClose)] == list(range(600))
    assert len([c for c in told if isinstance(c, Say)]) == LINES_MAX
    assert chatter.brief([], WINDOW_NS - 1) == []
    assert chatter.brief([], WINDOW_NS) == [Say("close_silent", f"the same of {600 - LINES_MAX} more contracts")]
    assert chatter.brief([], 60 * SECOND) == []


def test_the_lines_of_a_late_hour_are_counted_from_their_own_beginning() -> None:
    chatter, begin_ns = Chatter(), 60 * SECOND
    told = [c for n in range(600) for c in chatter.brief(silent(n), begin_ns + n * MS)]
    assert len([c for c in told if isinstance(c, Say)]) == LINES_MAX
    assert len(chatter.brief([], begin_ns + WINDOW_NS)) == 1


def test_few_lines_are_all_told_and_so_are_those_of_a_later_time() -> None:
    chatter = Chatter()
    for second in range(100):
        assert chatter.brief(silent(second), second * SECOND) == silent(second)


def test_kinds_are_counted_each_for_itself_and_what_was_sent_or_filled_is_always_told() -> None:
    chatter = Chatter()
    for kind in TALKATIVE:
        lines: list[Command] = [Say(kind, str(n)) for n in range(LINES_MAX)]
        assert chatter.brief(lines, 0) == lines
    for kind in ("close_sent", "close_filled", "given_up"):
        lines = [Say(kind, str(n)) for n in range(600)]
        assert chatter.brief(lines, 0) == lines
