"""One closing order: every state × everything that can be heard of it. No error ends it; repeats change nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from core.kill.builders import ES, D, OrderType, Place, execution, order
from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.closes.attempt import ABSENT_READS_MIN, Attempt, Doubt, State
from engine.core.kill.looks.survey import Survey
from engine.core.kill.settings import SECOND

PLACE = Place(
    key=1, account="DU1", contract=ES, action="SELL", quantity=D(5), order_type=OrderType.MARKET, order_ref="QEKILL-k-1"
)
OWN_PERM_ID = 77


def survey(serial: int, *orders: WorkingOrder, begun_ns: int = 0) -> Survey:
    return Survey(serial=serial, begun_ns=begun_ns, orders=orders, positions=(), executions=())


def listed(**more: object) -> WorkingOrder:
    return order(ES, "SELL", 5, **({"order_ref": PLACE.order_ref} | more))


def fill(quantity: int, exec_id: str = "1.01") -> ExecutionFact:
    return execution(ES, -quantity, exec_id)


def sent() -> Attempt:
    attempt = Attempt(PLACE)
    attempt.sent(0, 1, 3 * SECOND)
    return attempt


def working() -> Attempt:
    attempt = sent()
    attempt.status("Submitted", D(0), OWN_PERM_ID, 1)
    return attempt


def queued() -> Attempt:
    attempt = working()
    attempt.state = State.QUEUED
    return attempt


def suspect(doubt: Doubt = Doubt.ERROR, surface_ns: int = 0) -> Attempt:
    attempt = working()
    attempt.suspect(doubt, 1, surface_ns)
    return attempt


def ended() -> Attempt:
    attempt = working()
    attempt.end()
    return attempt


STATES: dict[str, Callable[[], Attempt]] = {
    "sent": sent,
    "working": working,
    "queued": queued,
    "suspect": suspect,
    "ended": ended,
}
EVENTS: dict[str, Callable[[Attempt], object]] = {
    "Submitted": lambda a: a.status("Submitted", D(0), 0, 1),
    "PendingCancel": lambda a: a.status("PendingCancel", None, 0, 1),
    "Cancelled": lambda a: a.status("Cancelled", D(0), 0, 1),
    "ApiCancelled": lambda a: a.status("ApiCancelled", D(0), 0, 1),
    "Inactive": lambda a: a.status("Inactive", D(0), 0, 1),
    "Filled": lambda a: a.status("Filled", D(5), 0, 1),
    "Filled, not saying how much": lambda a: a.status("Filled", None, 0, 1),
    "Filled, but not wholly": lambda a: a.status("Filled", D(4), 0, 1),
    "Submitted with all of it filled": lambda a: a.status("Submitted", D(5), 0, 1),
    "execution of a part": lambda a: a.fill(fill(2)),
    "execution of all": lambda a: a.fill(fill(5)),
    "error": lambda a: a.suspect(Doubt.ERROR, 2),
    "orphaned": lambda a: a.orphaned(2, 0, adrift=True),
    "bytes not written": lambda a: a.not_sent(2, 0),
    "listed": lambda a: a.surveyed(survey(3, listed())),
    "listed by permId": lambda a: a.surveyed(survey(3, listed(order_ref="", perm_id=OWN_PERM_ID))),
    "not listed": lambda a: a.surveyed(survey(3)),
}
S, W, Q, U, E = State.SENT, State.WORKING, State.QUEUED, State.SUSPECT, State.ENDED
TABLE: dict[str, tuple[State, State, State, State, State]] = {
    # from:                            sent working queued suspect ended
    "Submitted": (W, W, Q, W, E),
    "PendingCancel": (W, W, Q, W, E),
    "Cancelled": (E, E, E, E, E),
    "ApiCancelled": (E, E, E, E, E),
    "Inactive": (U, U, U, U, E),
    "Filled": (E, E, E, E, E),
    "Filled, not saying how much": (E, E, E, E, E),
    "Filled, but not wholly": (S, W, Q, U, E),
    "Submitted with all of it filled": (E, E, E, E, E),
    "execution of a part": (W, W, Q, U, E),
    "execution of all": (E, E, E, E, E),
    "error": (U, U, U, U, E),
    "orphaned": (U, U, U, U, E),
    "bytes not written": (E, U, U, U, E),
    "listed": (W, W, Q, W, E),
    "listed by permId": (S, W, Q, W, E),  # a sent order has no permId yet
    "not listed": (S, U, U, E, E),
}


@pytest.mark.parametrize(("state", "column"), [(name, n) for n, name in enumerate(STATES)])
@pytest.mark.parametrize("event", EVENTS)
def test_every_state_and_event(state: str, column: int, event: str) -> None:
    attempt = STATES[state]()
    EVENTS[event](attempt)
    assert attempt.state is TABLE[event][column]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", [event for event in EVENTS if event != "not listed"])
def test_the_same_event_again_changes_nothing(state: str, event: str) -> None:
    attempt = STATES[state]()
    EVENTS[event](attempt)
    once = attempt.uncounted_fill(), attempt.state, attempt.filled, attempt.doubt
    EVENTS[event](attempt)
    assert (D(0), *once[1:]) == (attempt.uncounted_fill(), attempt.state, attempt.filled, attempt.doubt)


# being heard ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["Submitted", "Cancelled", "Inactive", "Filled", "execution of a part", "listed"])
def test_any_word_about_the_order_acknowledges_it(event: str) -> None:
    attempt = sent()
    assert not attempt.acknowledged
    EVENTS[event](attempt)
    assert attempt.acknowledged


@pytest.mark.parametrize("event", ["not listed", "orphaned"])
def test_absence_acknowledges_nothing(event: str) -> None:
    attempt = sent()
    EVENTS[event](attempt)
    assert not attempt.acknowledged


def test_a_held_order_that_is_listed_stays_suspect_and_is_known_as_held() -> None:
    attempt = suspect()
    attempt.surveyed(survey(3, listed(status="Inactive")))
    assert attempt.held and attempt.state is U
    attempt.surveyed(survey(4, listed(status="Submitted")))
    assert not attempt.held and attempt.state is W


# what a survey may say ------------------------------------------------------------------------------------------------


def test_a_survey_begun_before_the_order_went_out_says_nothing() -> None:
    attempt = working()
    attempt.surveyed(survey(1))
    assert attempt.state is W


def test_a_survey_begun_before_the_doubt_settles_nothing() -> None:
    attempt = working()
    attempt.suspect(Doubt.ERROR, 5)
    attempt.surveyed(survey(5))
    assert attempt.state is U
    attempt.surveyed(survey(5, listed()))
    assert attempt.state is U
    attempt.surveyed(survey(6))
    assert attempt.state is E


@pytest.mark.parametrize(("doubt", "reads"), [(Doubt.ERROR, 1), (Doubt.VANISHED, 2), (Doubt.ORPHANED, 2)])
def test_how_many_reads_without_it_end_it(doubt: Doubt, reads: int) -> None:
    attempt = suspect(doubt)
    for serial in range(2, 2 + reads):
        assert attempt.live
        attempt.surveyed(survey(serial))
    assert not attempt.live


@pytest.mark.parametrize("doubt", [Doubt.SILENT, Doubt.DENIED])
def test_an_order_that_may_lie_in_front_of_a_dialog_is_never_dead_by_absence_alone(doubt: Doubt) -> None:
    attempt = suspect(doubt)
    for serial in range(2, 50):
        attempt.surveyed(survey(serial, begun_ns=serial * SECOND))
    assert attempt.live and attempt.absent_reads == 48


def test_reads_without_it_must_follow_one_another() -> None:
    attempt = suspect(Doubt.ORPHANED)
    attempt.surveyed(survey(2))
    attempt.surveyed(survey(3, listed(status="Inactive")))
    attempt.surveyed(survey(4))
    assert attempt.live


def test_what_may_still_surface_is_not_dead_before_its_time() -> None:
    attempt = suspect(Doubt.ORPHANED, surface_ns=SECOND)
    attempt.surveyed(survey(2, begun_ns=SECOND - 2))
    attempt.surveyed(survey(3, begun_ns=SECOND - 1))
    assert attempt.live
    attempt.surveyed(survey(4, begun_ns=SECOND))
    assert not attempt.live


def test_an_acknowledged_order_that_is_gone_without_a_word_is_settled_by_two_more_reads() -> None:
    attempt = working()
    attempt.surveyed(survey(2))
    assert (attempt.state, attempt.doubt) == (U, Doubt.VANISHED)
    attempt.surveyed(survey(3))
    assert attempt.live
    attempt.surveyed(survey(4))
    assert not attempt.live
    assert attempt.untold


def test_what_was_refused_is_not_untold() -> None:
    refused = suspect(Doubt.ERROR)
    refused.surveyed(survey(2))
    assert not refused.live and not refused.untold


@pytest.mark.parametrize("told", [True, False])
def test_an_order_lost_before_its_acknowledgement_may_have_filled_unless_the_completed_orders_lack_it(
    told: bool,
) -> None:
    lost = sent()
    lost.orphaned(1, 0, adrift=True)
    for serial in (2, 3):
        lost.surveyed(replace(survey(serial), completed=() if told else None))
    assert not lost.live and lost.untold is not told


def completed_as(attempt: Attempt, status: str, filled: int) -> WorkingOrder:
    return order(ES, "SELL", 5, order_ref=attempt.place.order_ref, status=status, filled=D(filled))


@pytest.mark.parametrize(("status", "filled"), [("Filled", 5), ("Cancelled", 2), ("Cancelled", 0)])
def test_completed_orders_tell_what_has_become_of_an_order_whose_words_were_lost(status: str, filled: int) -> None:
    lost = sent()
    lost.orphaned(1, 0, adrift=True)
    lost.surveyed(replace(survey(2), completed=(completed_as(lost, status, filled),)))
    assert (lost.live, lost.filled, lost.untold) == (False, filled, False)


def test_an_order_that_is_still_listed_has_not_ended_whatever_the_completed_orders_say() -> None:
    attempt = sent()
    attempt.surveyed(replace(survey(2, listed()), completed=(completed_as(attempt, "Cancelled", 0),)))
    assert attempt.live


def test_of_an_order_sent_again_under_its_own_id_the_first_sending_may_be_what_has_ended() -> None:
    attempt = sent()
    attempt.sent(5, 1, 3)
    attempt.surveyed(replace(survey(2), completed=(completed_as(attempt, "Cancelled", 0),)))
    assert attempt.live


def test_but_what_that_one_has_filled_is_filled() -> None:
    """Else a stray word ends the order with nothing filled, and it is closed once more before the executions tell."""
    attempt = sent()
    attempt.sent(5, 1, 3)
    attempt.status("Inactive", None, 0, 1)
    attempt.suspect(Doubt.ERROR, 1)
    attempt.surveyed(replace(survey(2), completed=(completed_as(attempt, "Filled", 5),)))
    assert (attempt.live, attempt.filled, attempt.uncounted_fill()) == (False, 5, -5)


# doubts ---------------------------------------------------------------------------------------------------------------


def test_an_error_does_not_make_an_orphan_easier_to_call_dead() -> None:
    attempt = suspect(Doubt.ORPHANED, surface_ns=SECOND)
    attempt.suspect(Doubt.ERROR, 1)
    assert attempt.doubt is Doubt.ORPHANED


def test_the_same_error_again_does_not_put_the_end_off() -> None:
    attempt = suspect(Doubt.ERROR)
    attempt.suspect(Doubt.ERROR, 9)
    attempt.surveyed(survey(2))
    assert not attempt.live


def test_an_error_ends_the_silence() -> None:
    attempt = suspect(Doubt.SILENT)
    attempt.suspect(Doubt.ERROR, 1)
    assert attempt.doubt is Doubt.ERROR


def test_a_connection_that_breaks_again_puts_the_end_off() -> None:
    attempt = suspect(Doubt.ORPHANED)
    attempt.surveyed(survey(2))
    attempt.orphaned(2, SECOND, adrift=False)
    attempt.surveyed(survey(3))
    attempt.surveyed(survey(4))
    assert attempt.live


def test_a_first_sending_that_was_never_written_cannot_exist() -> None:
    attempt = sent()
    attempt.not_sent(1, 0)
    assert not attempt.live


def test_of_a_repeat_that_was_never_written_the_first_sending_may_exist() -> None:
    attempt = sent()
    attempt.sent(1, 1, 3 * SECOND)
    attempt.not_sent(1, 0)
    assert (attempt.state, attempt.doubt, attempt.adrift) == (U, Doubt.ORPHANED, True)


def test_an_order_whose_connection_is_gone_is_adrift_for_good() -> None:
    attempt = working()
    attempt.orphaned(1, 0, adrift=False)
    assert not attempt.adrift
    attempt.orphaned(1, 0, adrift=True)
    attempt.orphaned(1, 0, adrift=False)
    assert attempt.adrift


# fills ----------------------------------------------------------------------------------------------------------------


def test_what_is_filled_is_the_larger_of_statuses_and_executions() -> None:
    attempt = working()
    attempt.fill(fill(1, "1.01"))
    attempt.fill(fill(1, "2.01"))
    assert attempt.filled == 2
    attempt.status("Submitted", D(3), 0, 1)
    assert attempt.filled == 3
    attempt.status("Submitted", D(1), 0, 1)  # an old one
    assert (attempt.filled, attempt.remaining) == (3, 2)


def test_a_correction_replaces_what_it_corrects() -> None:
    attempt = working()
    attempt.fill(fill(3, "1.01"))
    attempt.fill(fill(2, "1.02"))
    assert attempt.filled == 2


def test_remaining_is_never_negative() -> None:
    attempt = working()
    attempt.status("Submitted", D(9), 0, 1)
    assert attempt.remaining == 0


def test_the_ledger_hears_of_each_fill_once_signed() -> None:
    attempt = working()
    attempt.fill(fill(2, "1.01"))
    assert attempt.uncounted_fill() == Decimal(-2)
    attempt.fill(fill(2, "1.01"))
    assert attempt.uncounted_fill() == 0
    attempt.status("Filled", D(5), 0, 1)
    assert attempt.uncounted_fill() == Decimal(-3)


def test_a_correction_is_told_to_the_ledger_as_a_difference() -> None:
    attempt = working()
    attempt.fill(fill(3, "1.01"))
    attempt.uncounted_fill()
    attempt.fill(fill(2, "1.02"))
    assert attempt.uncounted_fill() == 1


def test_an_ended_order_may_still_fill() -> None:
    attempt = ended()
    attempt.fill(fill(2))
    assert (attempt.live, attempt.uncounted_fill()) == (False, -2)
    attempt.status("Filled", D(5), 0, 1)
    assert attempt.uncounted_fill() == -3


def test_a_status_without_a_permid_keeps_the_one_that_is_known() -> None:
    attempt = working()
    attempt.status("Submitted", D(0), 0, 1)
    assert attempt.perm_id == OWN_PERM_ID


def test_orders_without_a_permid_are_not_taken_for_one_another() -> None:
    assert not sent().is_listed_as(order(ES, "SELL", 5, perm_id=0))
    assert not working().is_listed_as(order(ES, "SELL", 5, perm_id=OWN_PERM_ID + 1))


def test_an_order_with_another_ref_is_another_order_whatever_its_permid() -> None:
    assert working().is_listed_as(listed(order_ref="", perm_id=OWN_PERM_ID))
    assert not working().is_listed_as(listed(order_ref="QEKILL-j-1", perm_id=OWN_PERM_ID))


def test_sent_again_it_begins_anew_and_keeps_what_it_filled() -> None:
    attempt = suspect(Doubt.SILENT)
    attempt.fill(fill(1))
    attempt.absent_reads, attempt.cancel_ns = 4, 7
    attempt.sent(SECOND, 9, 6 * SECOND)
    assert (attempt.state, attempt.sent_ns, attempt.sent_serial) == (S, SECOND, 9)
    assert (attempt.acknowledge_ns, attempt.absent_reads, attempt.cancel_ns) == (6 * SECOND, 0, None)
    assert (attempt.sends, attempt.filled) == (2, 1)


def test_a_buy_adds_and_a_sell_takes() -> None:
    assert sent().sign == -1
    assert (
        Attempt(Place(key=2, account="DU1", contract=ES, action="BUY", quantity=D(1), order_type=OrderType.MARKET)).sign
        == 1
    )


# what a mutant would change -------------------------------------------------------------------------------------------


def test_a_late_filled_without_a_number_changes_no_quantity_of_an_order_that_has_ended() -> None:
    attempt = working()
    attempt.status("Cancelled", D(2), OWN_PERM_ID, 1)
    attempt.status("Filled", None, OWN_PERM_ID, 1)
    assert (attempt.state, attempt.filled) == (State.ENDED, 2)


def test_another_doubt_counts_the_looks_without_it_anew() -> None:
    attempt = suspect(Doubt.SILENT)
    attempt.surveyed(survey(2))
    assert attempt.absent_reads == 1
    attempt.suspect(Doubt.ERROR, 2)
    assert attempt.absent_reads == 0


def test_that_a_silent_order_is_held_in_the_window_leaves_its_doubt_as_it_was() -> None:
    attempt = suspect(Doubt.SILENT)
    attempt.status("Inactive", D(0), OWN_PERM_ID, 1)
    assert (attempt.state, attempt.doubt) == (State.SUSPECT, Doubt.SILENT)


@pytest.mark.parametrize("status", ["Cancelled", "Inactive", "Submitted"])
def test_what_is_listed_as_completed_has_ended_whatever_its_status(status: str) -> None:
    attempt = working()
    attempt.surveyed(replace(survey(2), completed=(listed(status=status),)))
    assert attempt.state is State.ENDED


def test_that_tws_ended_a_connection_puts_no_order_in_doubt_that_was_answered() -> None:
    attempt = working()
    attempt.carrier_ended(1, SECOND)
    assert attempt.state is State.WORKING


def stray() -> Attempt:
    """Sent over a connection that TWS holds; it may arrive until second 10."""
    attempt = sent()
    attempt.may_arrive(10 * SECOND)
    attempt.orphaned(1, SECOND, adrift=True)
    return attempt


def test_reads_are_counted_anew_from_the_end_of_what_carries_it() -> None:
    attempt = stray()
    attempt.carrier_ended(5, 6 * SECOND)
    for serial, begun_ns in ((5, 6 * SECOND), (6, 6 * SECOND - 1), (7, 6 * SECOND - 1)):
        attempt.surveyed(survey(serial, begun_ns=begun_ns))
    assert attempt.state is State.SUSPECT
    attempt.surveyed(survey(8, begun_ns=6 * SECOND))
    assert attempt.state is State.ENDED and not attempt.stray


def test_one_that_is_listed_as_completed_has_arrived() -> None:
    attempt = stray()
    attempt.surveyed(replace(survey(2), completed=(listed(status="Cancelled", perm_id=OWN_PERM_ID),)))
    assert attempt.state is State.ENDED and not attempt.stray
    assert attempt.perm_id == OWN_PERM_ID  # by which executions without our mark are known for its own


@pytest.mark.parametrize(
    ("state", "doubt", "reads", "missed"),
    [
        (State.SUSPECT, Doubt.DENIED, ABSENT_READS_MIN, True),
        (State.SUSPECT, Doubt.DENIED, ABSENT_READS_MIN + 1, True),
        (State.SUSPECT, Doubt.DENIED, ABSENT_READS_MIN - 1, False),
        (State.SUSPECT, Doubt.SILENT, ABSENT_READS_MIN, False),
        (State.SENT, Doubt.DENIED, ABSENT_READS_MIN, False),
    ],
)
def test_missed_is_what_tws_denies_and_lists_nowhere(state: State, doubt: Doubt, reads: int, missed: bool) -> None:
    attempt = Attempt(PLACE)
    attempt.state, attempt.doubt, attempt.absent_reads = state, doubt, reads
    assert attempt.missed is missed


def test_of_an_order_that_was_not_sent_nothing_is_known() -> None:
    new = Attempt(PLACE)
    assert (new.perm_id, new.progress_ns, new.pending, new.answered) == (0, 0, False, False)
