"""What the records come to: what still matters is kept, what is over is gone, and a snapshot holds all of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from engine.core.restrictions import Cause, Kind, Override, Restriction, Scope
from engine.journal.books import Books
from engine.journal.chain import START, draft, opened, seal_all
from engine.journal.events import (
    Adopted,
    AnyEvent,
    Filled,
    IncidentClosed,
    IncidentOpened,
    JournalOpened,
    KillEnded,
    KillPressed,
    Lifted,
    NotUnderstood,
    OrderEnded,
    OrderIntent,
    OrdersSwept,
    Record,
    Repaired,
    Reset,
    Restricted,
    Snapshot,
    TakenIn,
    Verified,
)
from engine.journal.fold import NOT_UNDERSTOOD_MAX, RULES, TAKEN_IN_MAX, apply, apply_all, snapshot
from engine.journal.fold_orders import FILLS_MAX, REFS_MAX
from engine.journal.fold_stops import SWEPT_MAX
from engine.journal.state import JournalState, view
from engine.journal.store import Alarm

PAPER, LIVE = Scope("paper", "", ("DU1",)), Scope("live", "", ("U1",))
EMPTY = msgspec.Raw(b"{}")


def records(events: Sequence[AnyEvent]) -> list[Record]:
    drafts = [draft(event, actor="a", at_ns=number) for number, event in enumerate(events)]
    return [opened(one) for one in seal_all(START, drafts)]


def state(*events: AnyEvent) -> JournalState:
    return view(apply_all(Books(), records(events)))


def restricted(id: str, until_ns: int | None = None, scope: Scope = PAPER) -> Restricted:
    return Restricted(
        restriction=Restriction(
            id=id, scope=scope, kind=Kind.HALT, cause=Cause.MANUAL, since_ns=0, until_ns=until_ns, actor="a", reason="r"
        )
    )


def intent(ref: str) -> OrderIntent:
    return OrderIntent(
        scope=PAPER,
        account="DU1",
        order_ref=ref,
        con_id=7,
        symbol="ES",
        action="BUY",
        quantity=Decimal(1),
        order_type="MKT",
    )


def filled(identity: str, quantity: int, account: str = "DU1") -> Filled:
    return Filled(
        scope=PAPER,
        account=account,
        identity=identity,
        exec_id=identity,
        con_id=7,
        quantity=Decimal(quantity),
        price=Decimal(1),
    )


def adopted(quantity: int) -> Adopted:
    held = (("DU1", 7, Decimal(quantity)),) if quantity else ()
    return Adopted(scope=PAPER, positions=held, reason="r")


def verified(matches: bool, scope: Scope = PAPER) -> Verified:
    return Verified(scope=scope, matches=matches, positions=(), orders=0)


def test_what_was_cancelled_for_a_restriction_is_remembered_as_long_as_it_stands() -> None:
    def swept(client_id: int, *restrictions: str) -> OrdersSwept:
        return OrdersSwept(scope=PAPER, restrictions=restrictions, client_id=client_id, cancelled=("BUY 1 ES",))

    both = state(restricted("a"), restricted("b"), swept(1, "a"), swept(2, "a"), swept(1, "b"))
    assert [one.client_id for one in both.swept_for("a")] == [1, 2]
    assert [one.client_id for one in both.swept_for("b")] == [1]
    lifted = Lifted(restriction_id="a", scope=PAPER, reason="r")
    after = state(restricted("a"), restricted("b"), swept(1, "a"), swept(2, "a"), swept(1, "b"), lifted)
    assert (after.swept_for("a"), len(after.swept_for("b"))) == ((), 1)
    many = state(*(swept(number, "a") for number in range(SWEPT_MAX + 2)))
    assert [one.client_id for one in many.swept_for("a")] == list(range(2, SWEPT_MAX + 2))


def test_restrictions_stand_until_they_are_lifted_and_no_clock_ends_them_here() -> None:
    found = state(restricted("a"), restricted("b", until_ns=1), Lifted(restriction_id="a", scope=PAPER, reason="r"))
    assert [one.id for one in found.restrictions] == ["b"]
    assert found.effective(PAPER, 0).kind is Kind.HALT
    assert found.effective(PAPER, 1).kind is None


def test_lifting_what_does_not_stand_is_nothing() -> None:
    assert state(Lifted(restriction_id="a", scope=PAPER, reason="r")).restrictions == ()


def test_what_a_limit_had_imposed_and_a_person_set_aside_is_kept_with_who_did() -> None:
    by_limit = msgspec.structs.replace(restricted("d").restriction, cause=Cause.DAILY_LOSS)
    events = (
        Restricted(restriction=by_limit),
        restricted("manual"),
        Restricted(restriction=msgspec.structs.replace(by_limit, id="w", cause=Cause.WEEKLY_LOSS)),
        Lifted(restriction_id="d", scope=PAPER, reason="a hedge", override=True),
        Lifted(restriction_id="manual", scope=PAPER, reason="a hedge", override=True),
        Lifted(restriction_id="w", scope=PAPER, reason="reset"),
        Lifted(restriction_id="nothing", scope=PAPER, reason="a hedge", override=True),
    )
    found = state(*events)
    assert found.overridden(PAPER) == (Override(restriction=by_limit, at_ns=3, actor="a", reason="a hedge"),)
    assert found.overridden(LIVE) == ()
    again = records([*events, snapshot(apply_all(Books(), records(events)))])[-1]
    assert view(apply(Books(), again)).overrides == found.overrides, "a snapshot knows it"


@pytest.mark.parametrize(("now", "expected"), [(0, (None, 5)), (5, (5, 9)), (8, (5, 9)), (9, (9, None))])
def test_when_the_clock_alone_changes_something(now: int, expected: tuple[int | None, int | None]) -> None:
    found = state(restricted("a", 5), restricted("b", 9), restricted("c"))
    assert found.next_change_ns(now) == expected


def test_a_kill_is_open_until_it_has_ended() -> None:
    pressed = KillPressed(kill_id="k", scopes=(PAPER,), reason="r")
    ended = KillEnded(kill_id="k", scopes=(PAPER, LIVE), flat=True, report=EMPTY)
    assert set(state(pressed).kills_open) == {"k"}
    after = state(pressed, ended, Reset(scope=PAPER, reason="r"))
    assert after.kills_open == {}
    assert set(after.kills_ended) == {"paper", "live"}
    assert set(after.resets) == {"paper"}


def pressed(name: str, *scopes: Scope) -> KillPressed:
    return KillPressed(kill_id=name, scopes=scopes, reason="r")


def ended(name: str, *scopes: Scope, flat: bool = True) -> KillEnded:
    return KillEnded(kill_id=name, scopes=scopes, flat=flat, report=EMPTY)


def open_scopes(*events: AnyEvent) -> dict[str, tuple[Scope, ...]]:
    return {name: record.event.scopes for name, record in state(*events).kills_open.items()}


def test_a_kill_that_died_is_answered_for_by_a_later_one_that_ended_flat() -> None:
    dead = pressed("dead", PAPER, LIVE)
    both = (pressed("k", PAPER, LIVE), ended("k", PAPER, LIVE))
    assert open_scopes(dead, *both) == {}
    assert open_scopes(dead, pressed("k", PAPER), ended("k", PAPER)) == {"dead": (LIVE,)}
    assert open_scopes(dead, pressed("k", PAPER, LIVE), ended("k", PAPER, LIVE, flat=False)).keys() == {"dead"}


def test_a_kill_that_was_pressed_while_the_flat_one_ran_is_not_answered_for() -> None:
    assert open_scopes(pressed("k", PAPER), pressed("later", PAPER), ended("k", PAPER)) == {"later": (PAPER,)}
    assert open_scopes(pressed("dead", PAPER), ended("whose press is not known", PAPER)) == {"dead": (PAPER,)}


@pytest.mark.parametrize(
    ("dead", "flat", "answered"),
    [
        (Scope("a", "h-1"), Scope("b", "h-1"), True),  # the same TWS by another name
        (Scope("a", "h-1"), Scope("a", "h-2"), False),  # the name has moved to another TWS
        (Scope("a", ""), Scope("a", "h-2"), True),
        (Scope("a", ""), Scope("b", "h-2"), False),
        (Scope("a", "h-1", ("DU1",)), Scope("a", "h-2", ("DU1", "DU2")), True),
        (Scope("a", "h-1", ("DU1", "DU2")), Scope("a", "h-2", ("DU1",)), False),
        (Scope("a", "h-1", ("DU1",)), Scope("b", "h-2", ("DU1",)), True),
    ],
)
def test_a_kill_is_answered_for_where_it_was_the_same_tws_or_all_of_its_accounts(
    dead: Scope, flat: Scope, answered: bool
) -> None:
    found = open_scopes(pressed("dead", dead), pressed("k", flat), ended("k", flat))
    assert (found == {}) is answered


def test_what_a_person_has_verified_and_reset_owes_no_kill_any_more() -> None:
    assert open_scopes(pressed("dead", PAPER, LIVE), Reset(scope=PAPER, reason="r")) == {"dead": (LIVE,)}
    assert open_scopes(Reset(scope=PAPER, reason="r"), pressed("k", PAPER)) == {"k": (PAPER,)}


def test_an_incident_that_is_opened_once_more_is_about_all_that_either_record_names() -> None:
    """Parcels that waited in several places are not taken in in the order in which they were decided on."""
    other = Scope("other")
    narrow = IncidentOpened(incident_id="i", scope=PAPER, trigger="t", what="w")
    wide = msgspec.structs.replace(narrow, scope=LIVE, also=(PAPER, other))
    for events in ((narrow, wide), (wide, narrow), (wide, narrow, narrow)):
        (found,) = (one.event for one in state(*events).incidents_open.values())
        assert {one.login for one in (found.scope, *found.also)} == {"paper", "live", "other"}
        assert len(found.also) == 2 and found.scope == events[-1].scope
    assert state(narrow, IncidentClosed(incident_id="i", cause="c", action="a")).incidents(PAPER) == ()


def test_orders_and_incidents_are_open_until_they_are_closed() -> None:
    opening = [
        IncidentOpened(incident_id=name, scope=scope, trigger="t", what="w")
        for name, scope in (("i", PAPER), ("j", LIVE))
    ]
    found = state(intent("1"), intent("2"), *opening)
    assert {one.event.order_ref for one in found.orders_open.values()} == {"1", "2"}
    assert found.incidents(PAPER) == ("i",)
    found = state(
        intent("1"),
        *opening,
        OrderEnded(scope=PAPER, order_ref="1", outcome="acknowledged"),
        IncidentClosed(incident_id="i", cause="c", action="a"),
    )
    assert found.orders_open == {}
    assert found.incidents(PAPER) == ()
    assert found.incidents(LIVE) == ("j",)


def test_the_last_verification_of_a_login_counts() -> None:
    found = state(verified(False), verified(True), verified(False, LIVE))
    last = found.last_verified(PAPER)
    assert last is not None
    assert last.seq == 2
    assert state().last_verified(PAPER) is None


# positions ------------------------------------------------------------------------------------------------------------


def test_positions_are_unknown_until_they_were_adopted_once() -> None:
    assert state(filled("x", 3)).positions == {}
    assert state(adopted(0)).positions == {"DU1": {}}


def test_fills_move_what_was_adopted() -> None:
    found = state(adopted(5), filled("x", 3), filled("y", -2), filled("z", 9, account="DU2"))
    assert found.positions == {"DU1": {7: Decimal(6)}}
    assert state(adopted(5), filled("x", -5)).positions == {"DU1": {}}


def test_an_execution_counts_once_and_a_correction_replaces_it() -> None:
    assert state(adopted(5), filled("x", 3), filled("x", 3)).positions == {"DU1": {7: Decimal(8)}}
    assert state(adopted(5), filled("x", 3), filled("x", 1)).positions == {"DU1": {7: Decimal(6)}}


def test_adopting_begins_anew_and_still_knows_what_was_counted() -> None:
    assert state(adopted(5), filled("x", 3), adopted(2), filled("x", 3)).positions == {"DU1": {7: Decimal(2)}}


@pytest.mark.parametrize("last", [1, 4])
def test_an_execution_that_a_match_or_an_adoption_contains_is_not_counted_again(last: int) -> None:
    """A correction of it still counts, by what it changes."""
    contained = (("x", Decimal(last)),)
    match = Verified(scope=PAPER, matches=True, positions=(), orders=0, counted=contained)
    begun = Adopted(scope=PAPER, positions=(("DU1", 7, Decimal(5)),), reason="r", counted=contained)
    for events in ((adopted(5), match), (begun,)):
        assert state(*events, filled("x", last)).positions == {"DU1": {7: Decimal(5)}}
        assert state(*events, filled("x", 6)).positions == {"DU1": {7: Decimal(11 - last)}}


def test_our_orders_stay_known_when_they_have_ended_and_are_bounded() -> None:
    books = apply_all(Books(), records([intent("1"), OrderEnded(scope=PAPER, order_ref="1", outcome="acknowledged")]))
    assert set(books.our_refs) == {"1"}
    books.our_refs |= {f"x{number}": 1 for number in range(REFS_MAX - 1)}
    apply(books, records([intent("last")])[0])
    assert len(books.our_refs) == REFS_MAX
    assert "1" not in books.our_refs
    assert "last" in books.our_refs


def test_executions_that_are_remembered_are_bounded() -> None:
    books = Books()
    for one in records([filled(str(number), 1) for number in range(3)]):
        books = apply(books, one)
    books.fills |= {f"x{number}": Decimal(1) for number in range(FILLS_MAX - 3)}
    apply(books, records([filled("last", 1)])[0])
    assert len(books.fills) == FILLS_MAX
    assert "0" not in books.fills
    assert "last" in books.fills


def test_of_what_is_bounded_the_oldest_goes_and_only_when_there_is_one_too_many() -> None:
    books = apply_all(Books(), records([intent("old"), intent("middle"), filled("old", 1), filled("middle", 1)]))
    books.our_refs |= {f"x{number}": 1 for number in range(REFS_MAX - 3)}
    books.fills |= {f"x{number}": Decimal(1) for number in range(FILLS_MAX - 3)}
    books = apply_all(books, records([intent("last"), filled("last", 1)]))
    assert (len(books.our_refs), len(books.fills)) == (REFS_MAX, FILLS_MAX)
    assert "old" in books.our_refs and "old" in books.fills
    books = apply_all(books, records([intent("old"), filled("old", 2), intent("new"), filled("new", 1)]))
    assert "old" in books.our_refs and "old" in books.fills, "what comes again is new again"
    assert "middle" not in books.our_refs and "middle" not in books.fills


def test_what_was_adopted_last_is_kept_without_what_it_counted() -> None:
    event = Adopted(scope=PAPER, positions=(), reason="r", counted=(("x", Decimal(1)),))
    (kept,) = apply_all(Books(), records([event])).adopted.values()
    assert isinstance(kept.event, Adopted)
    assert (kept.event.reason, kept.event.counted) == ("r", ())


# the journal itself ---------------------------------------------------------------------------------------------------


def test_files_that_were_taken_in_are_known_and_bounded() -> None:
    events = [TakenIn(spool=str(number), records=1) for number in range(TAKEN_IN_MAX + 2)]
    known = state(*events).taken_in
    assert len(known) == TAKEN_IN_MAX
    assert "1" not in known
    assert str(TAKEN_IN_MAX + 1) in known


def test_the_halt_of_a_repair_is_in_the_chain_and_needs_no_bell() -> None:
    """A bell that is lost takes no halt with it; what was lifted of it stays lifted; a newer alarm goes before it."""
    repaired = Repaired(what="begun anew", alarm=7)
    found = state(repaired)
    assert found.effective(LIVE, 0).kind is Kind.HALT
    id_ = found.alarms(PAPER)[0].id
    lifted = state(repaired, Lifted(restriction_id=id_, scope=PAPER, reason="r"))
    assert lifted.effective(PAPER, 0).kind is None
    assert lifted.effective(LIVE, 0).kind is Kind.HALT
    newer = view(apply_all(Books(), records([repaired])), Alarm(8, 0, "newer"))
    assert newer.alarms(PAPER)[0].id != id_
    assert state(Repaired(what="it can be written again")).effective(LIVE, 0).kind is None


def test_a_later_format_is_not_understood() -> None:
    assert state(JournalOpened()).not_understood == ()
    assert state(JournalOpened(format=2)).not_understood == ("record 1: a journal of format 2",)


def test_what_is_not_understood_is_named_up_to_a_bound() -> None:
    books = Books()
    for seq in range(1, NOT_UNDERSTOOD_MAX + 5):
        apply(books, Record(seq=seq, at_ns=0, actor="a", event=NotUnderstood(kind="k", why="w"), digest=b""))
    assert len(books.not_understood) == NOT_UNDERSTOOD_MAX
    assert books.not_understood[1] == "record 2: k (w)"


def test_what_has_not_even_a_name_is_told_as_no_event() -> None:
    books = apply(Books(), Record(seq=7, at_ns=0, actor="a", event=NotUnderstood(kind="", why="w"), digest=b""))
    assert books.not_understood == ["record 7: no event (w)"]


def test_a_snapshot_stands_for_all_before_it_only_where_nothing_of_it_is_known() -> None:
    """The first record of a journal, and one behind records that were read, replace nothing."""
    event = Snapshot(fold=RULES, books=msgspec.Raw(msgspec.json.encode(Books(our_refs={"x": 1}))))
    assert apply(Books(), Record(seq=1, at_ns=0, actor="a", event=event, digest=b"")).our_refs == {}
    assert apply(Books(), Record(seq=2, at_ns=0, actor="a", event=event, digest=b"")).our_refs == {"x": 1}
    begun = apply(Books(), records([intent("mine")])[0])
    assert set(apply(begun, Record(seq=2, at_ns=0, actor="a", event=event, digest=b"")).our_refs) == {"mine"}


def test_the_latest_time_stays_when_the_clock_goes_back() -> None:
    books = Books()
    for seq, at_ns in enumerate((5, 9, 2), start=1):
        apply(books, Record(seq=seq, at_ns=at_ns, actor="a", event=JournalOpened(), digest=b""))
    assert (books.at_ns, books.at_ns_max) == (2, 9)


EVERYTHING = [
    restricted("a", 5),
    KillPressed(kill_id="k", scopes=(PAPER,), reason="r"),
    KillEnded(kill_id="l", scopes=(LIVE,), flat=False, report=EMPTY),
    intent("1"),
    adopted(5),
    filled("x", 3),
    verified(True),
    IncidentOpened(incident_id="i", scope=PAPER, trigger="t", what="w"),
    Lifted(restriction_id=Alarm(7, 0, "").id, scope=PAPER, reason="r"),
    TakenIn(spool="s", records=1),
]


def test_who_begins_with_a_snapshot_knows_what_everybody_knows() -> None:
    books = apply_all(Books(), records(EVERYTHING))
    before = msgspec.json.encode(books)
    taken = Record(seq=books.seq + 1, at_ns=50, actor="a", event=snapshot(books), digest=b"d" * 32)
    late = apply(Books(), taken)
    went_on = apply(books, taken)
    assert late == went_on
    assert late.snapshot_seq == late.seq == len(EVERYTHING) + 1
    assert msgspec.json.decode(before, type=Books).restrictions == late.restrictions
    assert view(late, Alarm(7, 0, "t")).alarms(PAPER) == ()
    assert view(late, Alarm(7, 0, "t")).alarms(LIVE) != ()


@pytest.mark.parametrize(
    "event", [Snapshot(fold=RULES + 1, books=EMPTY), Snapshot(fold=RULES, books=msgspec.Raw(b'{"a_new_part":1}'))]
)
def test_a_snapshot_by_later_rules_is_not_understood(event: Snapshot) -> None:
    late = apply(Books(), Record(seq=9, at_ns=0, actor="a", event=event, digest=b""))
    (why,) = late.not_understood
    assert why.startswith("record 9: snapshot (") and why.endswith(")")
    if event.fold > RULES:
        assert why == f"record 9: snapshot (made by the rules of version {RULES + 1})"


def test_a_view_does_not_change_when_the_books_go_on() -> None:
    books = apply_all(Books(), records(EVERYTHING))
    before = view(books)
    copy = msgspec.json.encode(view(books).restrictions), dict(before.positions["DU1"])
    apply(books, Record(seq=99, at_ns=0, actor="a", event=filled("new", 50), digest=b""))
    apply(books, Record(seq=100, at_ns=0, actor="a", event=restricted("new"), digest=b""))
    assert (msgspec.json.encode(before.restrictions), dict(before.positions["DU1"])) == copy
