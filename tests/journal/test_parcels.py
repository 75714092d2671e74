"""Records as they are printed when nothing can take them, and read back: exactly, whole, and never by guessing."""

from __future__ import annotations

import pytest

from engine.core.restrictions import Scope
from engine.journal import chain
from engine.journal.chain import Draft
from engine.journal.events import Event, KillPressed, Snapshot, TakenIn
from engine.journal.parcels import Parcel, parse, printed
from journal.worlds import PAPER, halt, note

REASON = 'Zürich 熊 🐻 says \\u00fc \x1b[2J "stop"'


def drafts(*events: Event, actor: str = "ann") -> tuple[Draft, ...]:
    return tuple(chain.drafts(events, actor=actor, at_ns=7))


def parcel(*events: Event, name: str = "0007-1-ab.spool", actor: str = "ann") -> Parcel:
    return Parcel(name, drafts(*events, actor=actor))


def meant(one: Parcel) -> list[tuple[int, str, object]]:
    """What records say, in whatever form."""
    records = [chain.opened(sealed) for sealed in chain.seal_all(chain.START, one.drafts)]
    return [(record.at_ns, record.actor, record.event) for record in records]


PRESSED = KillPressed(kill_id="k1", scopes=(PAPER, Scope("live")), reason=REASON)
TWO = parcel(PRESSED, halt(), actor="Jürgen")


def test_what_was_printed_is_read_back_in_plain_ascii() -> None:
    lines = printed(TWO)
    assert all(line.isascii() and "\x1b" not in line for line in lines)
    found = parse("\n".join(lines))
    assert (found.wrong, found.other_lines) == ((), 0)
    assert [one.name for one in found.parcels] == [TWO.name]
    assert meant(found.parcels[0]) == meant(TWO)


def test_other_lines_may_stand_between_and_are_counted() -> None:
    one, two = printed(TWO)
    found = parse(f"WRITTEN DOWN NOWHERE: 2\n\n14:03 {two}  \r\nfor /x/INCIDENT_LOG.md:\n  {one}\n")
    assert meant(found.parcels[0]) == meant(TWO)
    assert (found.wrong, found.other_lines) == ((), 2)


def test_a_line_that_stands_there_twice_counts_once() -> None:
    found = parse("\n".join(printed(TWO) * 2))
    assert found.wrong == ()
    assert [meant(one) for one in found.parcels] == [meant(TWO)]


def test_a_parcel_that_is_not_whole_is_not_taken_and_the_others_are() -> None:
    other = parcel(note(), name="0008-1-cd.spool")
    found = parse("\n".join((printed(TWO)[1], *printed(other))))
    assert [one.name for one in found.parcels] == [other.name]
    assert found.wrong == (f"{TWO.name}: only 1 of its 2 records are there",)


@pytest.mark.parametrize("line", printed(parcel(PRESSED)))
def test_anything_changed_or_missing_in_a_line_is_found(line: str) -> None:
    for at in range(len(line)):
        for changed in (line[:at] + "~" + line[at + 1 :], line[:at] + line[at + 1 :], line[:at]):
            assert parse(changed).parcels == (), changed


def test_two_lines_that_contradict_each_other_are_both_left() -> None:
    one, two = printed(TWO)
    for other in (parcel(PRESSED, note(), name=TWO.name), parcel(PRESSED, halt(), note(), name=TWO.name)):
        found = parse("\n".join((one, two, printed(other)[1], two)))
        assert found.parcels == ()
        assert "contradicts" in found.wrong[0]


@pytest.mark.parametrize(
    "event", [Snapshot(fold=1, books=chain.msgspec.Raw(b"{}")), TakenIn(spool="x", records=1)], ids=["snapshot", "head"]
)
def test_what_stands_for_all_records_before_it_is_never_taken_from_outside(event: Event) -> None:
    found = parse(printed(parcel(event))[0])
    assert found.parcels == ()
    assert "a record of the journal about itself" in found.wrong[0]


@pytest.mark.parametrize("body", [b'{"event":"of tomorrow"}', b'{"event":"kill_pressed"}', b"1"])
def test_what_this_version_does_not_understand_is_left(body: bytes) -> None:
    found = parse(printed(Parcel("x", (Draft(1, "ann", body),)))[0])
    assert found.parcels == ()
    assert "does not understand" in found.wrong[0]


def test_a_line_says_which_record_of_which_parcel_it_is() -> None:
    assert "which record" in parse(printed(parcel(note(), name=""))[0]).wrong[0]
