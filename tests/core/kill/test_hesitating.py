"""A position of which nothing may be sent yet: whoever has pressed the button is told why nothing happens."""

from __future__ import annotations

import pytest

from core.kill.builders import Say, Stage, ev, execution, held, option, order
from engine.core.kill.closes.hesitating import MAY_HAVE_FILLED, NOT_AGREED
from engine.core.kill.settings import SECOND

CALL = option(11)


def waits(stage: Stage) -> list[str]:
    return [said.text for said in stage.all(Say) if said.kind == "close_waits"]


def vanished(*con_ids: int, **settings: int) -> Stage:
    """An order for the whole of each went with the cancel, and TWS lists none that ended."""
    positions = [held(option(con_id), 3) for con_id in con_ids]
    orders = [order(fact.contract, "SELL", 3, perm_id=fact.contract.con_id) for fact in positions]
    stage = Stage(*positions, orders=orders, **{"gone_order_ns": 6 * SECOND, **settings}).begin()
    stage.orders, stage.ended = [], []
    return stage


def test_that_an_order_may_have_filled_is_told_after_two_seconds_and_once() -> None:
    stage = vanished(11)
    stage.run(1900)
    assert waits(stage) == []
    stage.run(3500)
    assert waits(stage) == [f"SPY C: not closed yet: {MAY_HAVE_FILLED}"]
    stage.run(4000)
    assert len(stage.placed) == 1 and len(waits(stage)) == 1


def test_many_are_told_in_one_line() -> None:
    stage = vanished(11, 12, 13, 14, 15)
    stage.run(5000)
    (told,) = waits(stage)
    assert " and 2 more: not closed yet" in told


def test_that_positions_and_executions_disagree_is_told() -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.tell(ev.Connected(("DU1",), 9000))
    stage.run(100)
    stage.executions = [execution(CALL, -3)]  # a person closes it, and TWS's positions are late
    stage.run(1000)
    stage.tell(ev.LockTaken())
    stage.run(3000)
    assert waits(stage) == [f"SPY C: not closed yet: {NOT_AGREED}"]
    assert stage.placed == []


@pytest.mark.parametrize("how", ["is over sooner", "another kill closes"])
def test_nothing_is_told_where(how: str) -> None:
    stage = vanished(11, gone_order_ns=SECOND if how == "is over sooner" else 6 * SECOND)
    if how == "another kill closes":
        stage.tell(ev.LockLost())
    stage.run(5000)
    assert waits(stage) == []


def test_what_is_held_and_agreed_upon_is_no_reason() -> None:
    stage = Stage(held(CALL, 3)).begin()  # its order is on its way
    stage.run(5000)
    assert waits(stage) == [] and stage.placed
