"""The report's lists: what is closed is no residue, what is left is not closed, and each names its own account."""

from __future__ import annotations

from core.kill.builders import ES, SECOND, D, Stage, ev, execution, held, option, order
from engine.core.facts import WorkingOrder
from engine.core.kill.report import LoginOutcome, ResidueReason

CALL = option(11)


def test_one_of_two_positions_is_closed_and_the_other_is_left() -> None:
    stage = Stage(held(CALL, 3), held(ES, 2, "DU2"), deadline_ns=20 * SECOND).begin()
    stage.fill(next(place for place in stage.placed if place.contract.con_id == CALL.con_id))
    stage.tell(ev.Unresolved(ES.con_id, "nobody knows"))
    stage.run(21_000)
    report = stage.report
    assert report.outcome is LoginOutcome.RESIDUE
    assert [(one.account, one.contract, one.quantity, one.orders_sent) for one in report.closed] == [
        ("DU1", CALL, 3, 1)
    ]
    assert [(one.account, one.contract.con_id, one.quantity) for one in report.residue] == [("DU2", ES.con_id, 2)]


def test_a_working_order_that_is_left_has_the_sign_of_its_side() -> None:
    def left(side: str, perm_id: int) -> WorkingOrder:
        return order(ES, side, 3, perm_id=perm_id, filled=D(1))

    stage = Stage(orders=[left("BUY", 501), left("SELL", 502)], deadline_ns=5 * SECOND).begin()
    stage.run(6000)
    assert [one.quantity for one in stage.residue] == [2, -2]
    assert {one.reason for one in stage.residue} == {ResidueReason.WORKING_ORDER}


def test_a_position_that_only_executions_tell_of_has_no_words_of_the_broker() -> None:
    stage = Stage(deadline_ns=5 * SECOND).begin()
    assert stage.executions is not None
    stage.executions.append(execution(ES, 2, "late.01"))
    stage.run(1000)
    unconfirmed = [one for one in stage.residue if not one.order]
    assert [(one.quantity, one.reason, one.detail) for one in unconfirmed] == [
        (2, ResidueReason.POSITION_UNCONFIRMED, "")
    ]
