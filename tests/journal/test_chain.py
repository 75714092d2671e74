"""The chain: whatever is changed, removed, inserted or moved is found at its first place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.journal.chain import START, Break, Draft, Sealed, draft, opened, seal_all, verify
from engine.journal.events import JournalOpened, NotUnderstood

DRAFTS = [Draft(number * 10, f"actor {number}", f'{{"n":{number}}}'.encode()) for number in range(6)]
SEALED = seal_all(START, DRAFTS)


def test_what_was_sealed_is_sound() -> None:
    tip, bad = verify(SEALED)
    assert bad is None
    assert tip.seq == 6


@given(st.integers(0, 5), st.sampled_from(["seq", "at_ns", "actor", "body", "digest"]))
def test_any_change_is_found_at_its_place(place: int, field: str) -> None:
    one = SEALED[place]
    parts = {name: getattr(one, name) for name in ("seq", "at_ns", "actor", "body", "digest")}
    value = parts[field]
    parts[field] = value + 1 if isinstance(value, int) else value + value[:1]
    changed = [*SEALED[:place], Sealed(**parts), *SEALED[place + 1 :]]
    tip, bad = verify(changed)
    assert bad is not None
    assert tip.seq == place


@given(st.permutations(range(6)))
def test_any_other_order_is_found(order: list[int]) -> None:
    assert (verify(SEALED[place] for place in order)[1] is None) == (order == sorted(order))


@given(st.sets(st.integers(0, 5), max_size=5))
def test_anything_missing_is_found_unless_it_is_the_end(missing: set[int]) -> None:
    left = [one for place, one in enumerate(SEALED) if place not in missing]
    only_the_end = missing == set(range(len(left), 6))
    assert (verify(left)[1] is None) == only_the_end


@pytest.mark.parametrize(
    ("places", "seq", "words"),
    [
        ((0, 1, 3), 3, "record 3 is missing"),
        ((0, 3), 2, "records 2 to 3 are missing"),
        ((0, 4), 2, "records 2 to 4 are missing"),
        ((0, 1, 1), 3, "record 2 is twice"),
    ],
)
def test_the_first_bad_place_is_named(places: tuple[int, ...], seq: int, words: str) -> None:
    assert verify(SEALED[place] for place in places)[1] == Break(seq, words)


def test_a_record_that_was_changed_is_named() -> None:
    one = SEALED[2]
    changed = Sealed(one.seq, one.at_ns, one.actor, one.body + b" ", one.digest)
    words = "record 3 is not what was written, or does not follow record 2"
    assert verify([*SEALED[:2], changed])[1] == Break(3, words)


def test_the_border_between_actor_and_event_is_sealed_too() -> None:
    one = seal_all(START, [Draft(0, "ab", b"c")])[0]
    assert verify([Sealed(1, 0, "a", b"bc", one.digest)])[1] is not None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"event":"unheard"}', "unheard"),
        (b'{"other":1}', ""),
        (b"[]", ""),
        (b"not json", ""),
        (b'{"event":3}', "3"),
        (b"\xff", ""),
    ],
)
def test_what_is_not_known_is_read_as_not_understood_and_keeps_its_name(body: bytes, kind: str) -> None:
    event = opened(seal_all(START, [Draft(0, "a", body)])[0]).event
    assert isinstance(event, NotUnderstood)
    assert event.kind == kind and event.why


def test_what_was_not_understood_is_never_written() -> None:
    with pytest.raises(ValueError, match="never written"):
        draft(NotUnderstood(kind="x", why="y"), actor="a", at_ns=0)


def test_a_name_that_is_no_text_is_written_down_in_one_that_is() -> None:
    one = draft(JournalOpened(format=1), actor="j\udcfcrgen (qe halt)", at_ns=1)
    assert one.actor == "j?rgen (qe halt)"
    assert draft(JournalOpened(format=1), actor="jürgen", at_ns=1).actor == "jürgen"
