"""The incident log's section of a kill says what the report says, and not more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from engine.core.contracts import Contract
from engine.core.facts import PositionFact
from engine.core.kill.report import ClosedPosition, LoginOutcome, LoginReport, ResidueItem, ResidueReason, TimelineEntry
from engine.journal.incident_log import section
from engine.trading.reports import KillReport
from engine.trading.stories import kill_story, position_lines

ES = Contract(con_id=1, symbol="ES", sec_type="FUT", local_symbol="ESH6")
AAPL = Contract(con_id=3, symbol="AAPL", sec_type="STK")
PRESSED = 1_773_239_403_000_000_000


def login(name: str, outcome: LoginOutcome, **fields: Any) -> LoginReport:
    return LoginReport(name=name, mode="paper", host="127.0.0.1", port=7497, outcome=outcome, **fields)


def report(*logins: LoginReport) -> KillReport:
    return KillReport(kill_id="k1", reason="EMERGENCY", started_at="", logins={one.name: one for one in logins})


def left(quantity: int, **fields: Any) -> ResidueItem:
    return ResidueItem(
        account="DU1", contract=AAPL, quantity=Decimal(quantity), reason=ResidueReason.REJECTED, **fields
    )


CLOSED = ClosedPosition(account="DU1", contract=ES, quantity=Decimal(3), orders_sent=1)


def test_positions_before_and_after_come_from_what_was_read() -> None:
    partly = login("paper", LoginOutcome.RESIDUE, closed=(CLOSED,), residue=(left(-20, first_seen=Decimal(-120)),))
    story = kill_story(report(partly), incident_id="i", pressed_ns=PRESSED)
    assert story.before == ("paper DU1: long 3 ESH6", "paper DU1: short 120 AAPL")
    assert story.after == ("paper DU1: short 20 AAPL",)


def test_a_flat_kill_leaves_nothing_and_says_so() -> None:
    text = section(
        kill_story(report(login("paper", LoginOutcome.FLAT, closed=(CLOSED,))), incident_id="i", pressed_ns=PRESSED)
    )
    assert "Positions after: none" in text
    assert "The kill switch was pressed: EMERGENCY" in text
    assert " FLAT " in text


def test_one_login_that_nobody_could_read_makes_the_positions_unknown() -> None:
    for outcome in (LoginOutcome.UNKNOWN, LoginOutcome.UNREACHABLE):
        both = report(login("paper", LoginOutcome.FLAT, closed=(CLOSED,)), login("live", outcome, residue=(left(1),)))
        story = kill_story(both, incident_id="i", pressed_ns=PRESSED)
        assert (story.before, story.after) == (None, None)


def test_an_order_that_is_left_is_no_position() -> None:
    only_order = login("paper", LoginOutcome.RESIDUE, residue=(left(1, order="client 7: BUY 1 LMT"),))
    story = kill_story(report(only_order), incident_id="i", pressed_ns=PRESSED)
    assert (story.before, story.after) == ((), ())


def test_the_timeline_is_one_for_all_logins_and_names_the_orders_sent() -> None:
    paper = login(
        "paper",
        LoginOutcome.FLAT,
        timeline=(TimelineEntry(0.0, "pressed", "pressed"), TimelineEntry(30.5, "close_sent", "ESH6: SELL 3 MKT")),
    )
    live = login("live", LoginOutcome.FLAT, timeline=(TimelineEntry(10.0, "connected", "connected"),))
    story = kill_story(report(paper, live), incident_id="i", pressed_ns=PRESSED, joined=True)
    assert story.timeline == (
        (PRESSED, "paper: pressed"),
        (PRESSED + 10_000_000, "live: connected"),
        (PRESSED + 30_500_000, "paper: ESH6: SELL 3 MKT"),
    )
    assert story.orders == ("paper: ESH6: SELL 3 MKT",)
    assert story.joined


def test_closed_positions_are_not_listed() -> None:
    rows = [PositionFact("DU1", ES, Decimal(2)), PositionFact("DU1", AAPL, Decimal(0))]
    assert position_lines("paper", rows) == ("paper DU1: long 2 ESH6",)


def test_what_was_opened_since_the_press_was_not_there_before() -> None:
    """What another kill had closed before this one looked was."""
    since = msgspec.structs.replace(CLOSED, at_press=Decimal(0))
    theirs = msgspec.structs.replace(since, by_other_kill=True)
    for closed, before in ((CLOSED, 1), (since, 0), (theirs, 1)):
        one = report(login("paper", LoginOutcome.FLAT, closed=(closed,)))
        assert len(kill_story(one, incident_id="i", pressed_ns=PRESSED).before or ()) == before
