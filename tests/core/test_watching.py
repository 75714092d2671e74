"""What a watcher decides beside the judgement: are positions seen, whose turn is it to be blind, what is to sweep."""

from __future__ import annotations

from core.limit_worlds import NOON, SECOND, SETTINGS, books, judged
from engine.core.facts import PositionFact
from engine.core.judgements import Judgement
from engine.core.known import Known, Unknown
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.core.watching import PATIENCE_MAX, Sight, to_sweep, unseen

AGE_MAX = 60 * SECOND
NONE: tuple[PositionFact, ...] = ()
GRACE = SETTINGS.blind_grace_ns
DARK = Unknown("the link is lost")


def test_positions_read_lately_are_seen_and_empty_is_one_of_them() -> None:
    assert unseen(Known(NONE, NOON), NOON, AGE_MAX) == ()
    assert unseen(Known(NONE, NOON), NOON + AGE_MAX, AGE_MAX) == ()


def test_unknown_old_and_future_positions_are_not_seen_and_say_why() -> None:
    assert unseen(DARK, NOON, AGE_MAX) == ("positions: the link is lost",)
    assert unseen(Known(NONE, NOON), NOON + AGE_MAX + 1, AGE_MAX) == ("positions are 60 s old",)
    assert unseen(Known(NONE, NOON + 1), NOON, AGE_MAX) == ("positions are dated in the future: the clock went back",)


# whose turn it is to be blind -----------------------------------------------------------------------------------------


class Watcher:
    """One program that looks at the records, judges, and remembers."""

    def __init__(self) -> None:
        self.sight = Sight()

    def look(self, seconds: int, *, dark: bool, blind: bool) -> Judgement:
        now_ns = NOON + seconds * SECOND
        self.sight = self.sight.looked(blind, now_ns)
        known = self.sight.put_into(books())
        known = type(known)(baselines=known.baselines, unknown_since_ns=known.unknown_since_ns, blind=blind)
        judgement = judged(known, DARK if dark else "100000", now_ns, self.sight.grace(SETTINGS))
        self.sight = self.sight.judged(judgement.books)
        return judgement


def halts(judgement: Judgement) -> bool:
    return any(one.cause is Cause.BLIND for one in judgement.impositions)


def test_who_does_not_see_for_the_grace_calls_the_login_blind_once() -> None:
    one = Watcher()
    assert not halts(one.look(0, dark=True, blind=False))
    assert not halts(one.look(29, dark=True, blind=False))
    assert halts(one.look(30, dark=True, blind=False))
    assert not halts(one.look(31, dark=True, blind=True))


def test_after_another_program_has_seen_it_waits_anew_and_twice_as_long_each_time() -> None:
    one = Watcher()
    one.look(0, dark=True, blind=False)
    assert halts(one.look(30, dark=True, blind=False))
    assert not halts(one.look(31, dark=True, blind=False))  # the other one has lifted it
    assert not halts(one.look(90, dark=True, blind=False))
    assert halts(one.look(91, dark=True, blind=False))
    assert not halts(one.look(92, dark=True, blind=False))
    assert not halts(one.look(92 + 119, dark=True, blind=False))
    assert halts(one.look(92 + 120, dark=True, blind=False))


def test_what_somebody_else_sees_is_not_blindness_and_costs_patience() -> None:
    assert Sight(NOON, True, 1).looked(False, NOON + 1) == Sight(NOON + 1, False, 2)


def test_the_patience_has_an_end() -> None:
    tired = Sight(NOON, True, PATIENCE_MAX)
    assert tired.looked(False, NOON).patience == PATIENCE_MAX


def test_who_sees_again_begins_with_the_plain_grace() -> None:
    one = Watcher()
    one.look(0, dark=True, blind=False)
    one.look(30, dark=True, blind=False)
    one.look(31, dark=True, blind=False)
    assert one.look(40, dark=False, blind=True).sees_again
    assert one.sight == Sight()
    one.look(50, dark=True, blind=False)
    assert halts(one.look(80, dark=True, blind=False))


def test_blindness_that_ends_by_ones_own_seeing_costs_no_patience() -> None:
    seeing = Sight(None, True, 4)
    assert seeing.looked(False, NOON) == Sight(None, False, 4)


def test_who_has_rested_on_purpose_begins_with_a_whole_grace() -> None:
    one = Watcher()
    one.look(0, dark=True, blind=False)
    one.sight = one.sight.rested()
    assert not halts(one.look(600, dark=True, blind=False))
    assert halts(one.look(630, dark=True, blind=False))


# what to sweep ------------------------------------------------------------------------------------------------------


def restriction(id_: str, *, cancel: bool = True, kind: Kind = Kind.HALT) -> Restriction:
    return Restriction(
        id=id_,
        scope=Scope("paper"),
        kind=kind,
        cause=Cause.DAILY_LOSS,
        since_ns=NOON,
        actor="test",
        reason="a test",
        cancel=cancel,
    )


def test_what_asks_for_cancels_is_swept_once_and_what_does_not_never() -> None:
    asks, does_not = restriction("a"), restriction("b", cancel=False)
    assert to_sweep((asks, does_not), frozenset()) == (asks,)
    assert to_sweep((asks, does_not), frozenset("a")) == ()


def test_under_a_shutdown_nothing_is_swept_because_the_kill_cancels_everything() -> None:
    assert to_sweep((restriction("a"), restriction("k", cancel=False, kind=Kind.SHUTDOWN)), frozenset()) == ()
