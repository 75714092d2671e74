"""Positions before and after, as the pages and the commands read them from the reports of kills."""

from __future__ import annotations

import json

import msgspec

from engine.desk.kill_positions import Row, position_rows
from engine.journal.events import KillEnded, Record

LIVE = ("live",)


def held(symbol: str, quantity: int, **more: object) -> dict[str, object]:
    return {"account": "U1", "quantity": str(quantity), "contract": {"symbol": symbol, "sec_type": "STK"}, **more}


def ended(*, closed: list[object] | None = None, residue: list[object] | None = None, joined: bool = False) -> Record:
    login = {"closed": closed or [], "residue": residue or [], "joined": joined}
    report = msgspec.Raw(json.dumps({"logins": {"live": login, "paper": login}}).encode())
    event = KillEnded(kill_id="K", scopes=(), flat=not residue, report=report)
    return Record(seq=1, at_ns=1, actor="a", event=event, digest=b"")


def row(symbol: str, quantity: str, left: str = "") -> Row:
    return Row("live", symbol, "U1", quantity, left)


def test_what_was_closed_and_what_is_left_of_the_logins_that_are_asked_about() -> None:
    record = ended(closed=[held("SPY", 3)], residue=[held("IBM", -2, reason="no_bid")])
    assert position_rows([record], LIVE) == [row("SPY", "long 3"), row("IBM", "short 2", "no_bid")]


def test_an_order_that_is_left_is_not_a_position() -> None:
    assert position_rows([ended(residue=[held("IBM", 2, order="client 7: BUY 2 LMT 41")])], LIVE) == []


def test_what_a_joined_kill_saw_going_is_told_once_whichever_report_came_first() -> None:
    joined, closing = ended(closed=[held("SPY", 2)], joined=True), ended(closed=[held("SPY", 3)])
    assert position_rows([joined, closing], LIVE) == [row("SPY", "long 3")]
    assert position_rows([closing, joined], LIVE) == [row("SPY", "long 3")]


def test_what_only_the_joined_kill_saw_is_told() -> None:
    joined, closing = ended(closed=[held("IBM", 2)], joined=True), ended(closed=[held("SPY", 3)])
    assert position_rows([joined, closing], LIVE) == [row("SPY", "long 3"), row("IBM", "long 2")]


def test_two_kills_that_closed_the_same_contract_are_two_rows() -> None:
    first, second = ended(closed=[held("SPY", 3)]), ended(closed=[held("SPY", 1)])
    assert position_rows([first, second], LIVE) == [row("SPY", "long 3"), row("SPY", "long 1")]


def test_what_an_earlier_kill_left_is_left_only_if_the_last_one_left_it() -> None:
    first = ended(residue=[held("SPY", 3, reason="market_closed")])
    assert position_rows([first, ended(closed=[held("SPY", 3)])], LIVE) == [row("SPY", "long 3")]


def test_what_another_kill_closed_is_told_once_by_that_one_if_it_tells() -> None:
    """A kill that nobody joined tells what one before it had closed that had not ended."""
    after, own = ended(closed=[held("SPY", 3, by_other_kill=True, filled="0")]), ended(closed=[held("SPY", 3)])
    assert position_rows([after], LIVE) == [row("SPY", "long 3")]
    assert position_rows([after, own], LIVE) == [row("SPY", "long 3")]
    both = ended(closed=[held("SPY", 2, by_other_kill=True, filled="2")])
    assert position_rows([own, both], LIVE) == [row("SPY", "long 3"), row("SPY", "long 2")]
