"""Why a login is reported as unknown: what is really wrong comes first, and what a kill can do without last."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from core.kill.builders import ES, SECOND, D, Stage, execution, future, held, order
from engine.core.contracts import Contract, short_name
from engine.core.kill.held.ledger import Ledger
from engine.core.kill.outcome.reporting import why_unknown
from engine.core.kill.report import LoginOutcome
from engine.core.kill.settings import KillSettings
from engine.core.units import BLANK

DOUBT = (
    " is not confirmed yet: the position and what has traded do not agree, or an order is gone and nobody has told "
    "whether it filled"
)
UNREAD = "completed orders could not be read: too old"


def ledger(*names: str) -> Ledger:
    """With a doubted position in each."""
    book = Ledger(KillSettings())
    contracts = [future(number, name) for number, name in enumerate(names, 1)]
    book.executions((), 0)
    book.positions(tuple(held(contract, 1) for contract in contracts), 0)
    book.positions(tuple(held(contract, 2) for contract in contracts), SECOND)
    return book


def test_a_doubted_position_is_the_reason_and_not_a_read_that_can_be_done_without() -> None:
    assert why_unknown(ledger("ES"), {"completed orders": "too old"}, ()) == f"what is held in ESZ6{DOUBT}; {UNREAD}"


def test_reads_that_a_look_needs_come_before_that_and_other_troubles_first() -> None:
    failures = {"completed orders": "too old", "open orders": "gone", "positions": "late"}
    said = why_unknown(ledger("ES"), failures, ("", "a row"))
    needed = "open orders could not be read: gone; positions could not be read: late"
    assert said == f"a row; {needed}; what is held in ESZ6{DOUBT}; {UNREAD}"


def test_what_could_not_be_read_is_named_once() -> None:
    failures = {"positions": "positions: no complete answer within 6 s"}
    assert why_unknown(ledger(), failures, ()) == "positions could not be read: no complete answer within 6 s"


def test_several_contracts_are_named_and_more_are_counted() -> None:
    assert why_unknown(ledger("ES", "NQ", "CL"), {}, ()) == f"what is held in ESZ6, NQZ6, CLZ6{DOUBT}"
    assert why_unknown(ledger("ES", "NQ", "CL", "GC"), {}, ()) == f"what is held in ESZ6, NQZ6, CLZ6 and 1 more{DOUBT}"


def test_where_nothing_is_known_to_be_wrong_the_looks_are_not_complete() -> None:
    assert why_unknown(ledger(), {}, ()) == "the last reads are not complete, or do not agree with each other"
    assert why_unknown(ledger(), {"completed orders": "too old"}, ("",)) == UNREAD


def test_a_contract_has_a_name_whatever_is_told_of_it() -> None:
    assert short_name(ES) == "ESZ6"
    assert short_name(Contract(con_id=7, symbol="SPY", last_trade_date="20260417", right="P")) == "SPY 20260417 P"
    assert short_name(Contract(con_id=7)) == "7"
    put = Contract(con_id=7, symbol="SPY", last_trade_date="20260417", strike=Decimal("580.50"), right="P")
    assert short_name(put) == "SPY 20260417 580.5 P"
    assert short_name(msgspec.structs.replace(put, strike=Decimal("NaN"))) == "SPY 20260417 P"
    assert short_name(msgspec.structs.replace(put, strike=BLANK)) == "SPY 20260417 P"


def test_an_order_of_which_nobody_tells_whether_it_filled_is_named_as_the_reason() -> None:
    """Below server version 150 TWS tells no completed orders."""
    stage = Stage(held(ES, 2), orders=[order(ES, "SELL", 2)], deadline_ns=3 * SECOND)
    stage.ended = []
    stage.begin()
    stage.orders, stage.positions = [], []
    stage.executions = [execution(ES, D(-1))]
    stage.run(4000)
    report = stage.report
    assert report.outcome is LoginOutcome.UNKNOWN and report.trouble.startswith(f"what is held in ESZ6{DOUBT}")
