"""Rows of a list of positions that cannot be read: what else is there is closed, and nothing is called flat."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ACCOUNT,
    ES,
    SECOND,
    D,
    ReadPositions,
    Stage,
    details,
    ev,
    execution,
    future,
    held,
    option,
    order,
)
from engine.core.facts import UnreadPosition
from engine.core.kill.held.ledger import Ledger
from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.core.kill.settings import KillSettings

NQ = future(2, "NQ")
ROW = UnreadPosition(ACCOUNT, NQ.con_id, "NQ", "no number")
NAMELESS = UnreadPosition(ACCOUNT, 0, "NQ", "no contract id")


@pytest.mark.parametrize(
    ("row", "account", "con_id", "symbol", "may_be"),
    [
        (ROW, ACCOUNT, 2, "NQ", True),
        (ROW, ACCOUNT, 2, "other", True),  # the id decides where there is one
        (ROW, ACCOUNT, 3, "NQ", False),
        (ROW, "DU2", 2, "NQ", False),
        (NAMELESS, ACCOUNT, 3, "NQ", True),
        (NAMELESS, ACCOUNT, 3, "ES", False),
        (UnreadPosition("", 2, "", ""), "DU2", 2, "NQ", True),
        (UnreadPosition(ACCOUNT, 0, "", ""), ACCOUNT, 9, "ES", True),
        (UnreadPosition(ACCOUNT, 0, "", ""), "DU2", 9, "ES", False),
    ],
)
def test_which_contracts_a_row_may_be_about(
    row: UnreadPosition, account: str, con_id: int, symbol: str, may_be: bool
) -> None:
    assert row.may_be(account, con_id, symbol) is may_be


@pytest.mark.parametrize("row", [ROW, NAMELESS])
def test_what_can_be_read_is_closed_and_the_row_is_named_and_keeps_the_login_from_flat(row: UnreadPosition) -> None:
    stage = Stage(held(ES, 3), deadline_ns=20 * SECOND)
    stage.unread = [row]
    stage.begin(details_for=(ES,))
    stage.fill(stage.place)
    stage.run(30_000)
    report = stage.report
    assert [place.contract.con_id for place in stage.placed] == [ES.con_id]
    assert report.outcome is LoginOutcome.UNKNOWN and [one.contract for one in report.closed] == [ES]
    assert report.trouble == f"a position could not be read, and is not closed by this kill: NQ in DU1 ({row.why})"
    assert [text for text in (entry.text for entry in report.timeline) if text == report.trouble] == [report.trouble]


def test_a_row_that_can_be_read_later_is_closed_then() -> None:
    stage = Stage(held(ES, 3))
    stage.unread = [ROW]
    stage.begin(details_for=(ES, NQ))
    stage.fill(stage.place)
    stage.run(1000)
    assert stage.positions is not None
    stage.unread, stage.positions = [], [held(NQ, -2)]
    stage.fill(stage.next_place())
    assert (stage.place.contract.con_id, stage.place.action, stage.place.quantity) == (NQ.con_id, "BUY", 2)
    stage.run(3000)
    assert stage.report.flat and stage.report.trouble == ""


def test_an_empty_list_with_a_row_that_cannot_be_read_is_not_flat() -> None:
    stage = Stage(deadline_ns=10 * SECOND)
    stage.unread = [ROW]
    stage.begin()
    stage.run(11_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN


def test_a_row_that_cannot_be_read_breaks_what_was_proven() -> None:
    stage = Stage(quarantine_ns=20 * SECOND).begin()
    stage.run(1000)
    assert stage.report.flat
    stage.unread = [ROW]
    stage.run(3000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN


def test_a_contract_that_was_read_before_stays_as_it_was_and_is_not_closed_while_its_row_cannot_be_read() -> None:
    """It is not taken to be gone because nothing that can be read names it, not even an option."""
    call = option(11)
    stage = Stage(held(ES, 3), held(call, 5), deadline_ns=20 * SECOND).press()
    stage.tell(ev.Connected((ACCOUNT,), 9000))
    stage.positions, stage.unread = [held(ES, 3)], [UnreadPosition(ACCOUNT, call.con_id, "SPY", "no number")]
    stage.run(1000)
    stage.tell(ev.LockTaken(), ev.Resolved(ES.con_id, details(ES)), ev.Resolved(call.con_id, details(call, "SMART")))
    stage.run(20_000)
    assert {place.contract.con_id for place in stage.placed} == {ES.con_id}
    [left] = [item for item in stage.residue if item.contract == call]
    assert (left.quantity, left.reason) == (5, ResidueReason.POSITION_UNCONFIRMED)
    assert stage.report.outcome is LoginOutcome.UNKNOWN


def test_what_only_a_person_can_close_ends_no_kill_early_while_a_row_cannot_be_read() -> None:
    stage = Stage(held(ES, 3), deadline_ns=60 * SECOND)
    stage.unread = [ROW]
    stage.begin(details_for=(ES,))
    stage.reject(stage.place, 10243, "a fraction")
    stage.run(20_000)
    assert not stage.finished
    stage.unread = []
    stage.run(5_000)
    assert stage.finished


def test_of_a_stop_in_a_contract_whose_row_cannot_be_read_nobody_knows_what_it_protected() -> None:
    stops = [order(c, "SELL", 3, order_type="STP", perm_id=500 + c.con_id) for c in (ES, NQ, future(3, "CL"))]
    stage = Stage(held(ES, 3), orders=stops)
    stage.unread = [ROW]
    stage.begin(details_for=(ES,))
    stage.orders = []
    stage.run(3000)
    assert [(one.perm_id, one.protective) for one in stage.report.cancelled] == [(501, True), (502, None), (503, False)]


def test_what_executions_tell_of_a_contract_whose_row_cannot_be_read_is_not_its_position() -> None:
    book = Ledger(KillSettings())
    book.executions((), 0)
    book.positions((), 0, (ROW,))
    book.executions((execution(NQ, -2),), SECOND)
    book.positions((), SECOND, (ROW,))
    assert book.seen() == ()
    book.positions((held(NQ, 1),), 2 * SECOND)
    assert book.seen() == ((ACCOUNT, NQ.con_id),)


def test_a_doubted_position_has_to_stand_anew_behind_a_read_that_did_not_show_it() -> None:
    book, key = Ledger(KillSettings()), (ACCOUNT, NQ.con_id)
    book.executions((), 0)
    book.positions((held(NQ, 5),), 0)
    for at_s in (1, 2, 3):
        book.positions((held(NQ, 7),), at_s * SECOND)
    book.positions((), 4 * SECOND, (ROW,))
    assert book.position(key) == 7 and book.closable(key) == 0 and book.doubtful(key) and not book.all_zero()
    for at_s in (5, 6, 7, 8):
        book.positions((held(NQ, 7),), at_s * SECOND)
        assert book.doubtful(key) and book.closable(key) == D(5)
    book.positions((held(NQ, 7),), 9 * SECOND)
    assert book.closable(key) == D(7)


def test_reads_that_fail_are_repeated_ever_more_patiently() -> None:
    """Not twenty times a second until the deadline."""
    stage = Stage(deadline_ns=60 * SECOND)
    stage.positions = None
    stage.begin()
    stage.run(10_000)
    assert len(stage.all(ReadPositions)) < 30


def test_what_the_first_list_could_not_read_was_not_at_zero_then_and_later_lists_change_nothing_about_it() -> None:
    ledger = Ledger(KillSettings())
    ledger.executions((), SECOND)
    ledger.positions((), SECOND, (ROW,))
    ledger.positions((held(NQ, 2), held(ES, 1)), 2 * SECOND)
    assert ledger.at_first((ACCOUNT, NQ.con_id)) is None
    assert ledger.at_first((ACCOUNT, ES.con_id)) == 0
