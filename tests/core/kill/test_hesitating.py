"""A position of which nothing may be sent yet: whoever has pressed the button is told why nothing happens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from core.kill.builders import Say, Stage, ev, execution, held, option, order
from engine.core.kill.closes.hesitating import MAY_HAVE_FILLED, NOT_AGREED, Hesitating
from engine.core.kill.closes.item import Item
from engine.core.kill.held.ledger import Ledger
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


BEGAN_NS = 1_000 * SECOND


def told(names: list[str], *, after_ns: int) -> list[str]:
    """What is said of these behind two looks."""
    items = [
        cast(Item, SimpleNamespace(key=name, name=name, live=False, lessons=SimpleNamespace(given_up=False)))
        for name in names
    ]
    ledger = cast(Ledger, SimpleNamespace(hesitates=lambda _: True, may_have_filled=lambda key: key == "A"))
    hesitating = Hesitating()
    assert hesitating.looked(items, ledger, BEGAN_NS) == []
    return [said.text for said in hesitating.looked(items, ledger, BEGAN_NS + after_ns) if isinstance(said, Say)]


def test_each_reason_is_told_in_a_line_of_its_own() -> None:
    assert told(["A", "B", "C"], after_ns=2 * SECOND) == [
        "A: not closed yet: an order that is gone may have filled, and TWS has not said what became of it",
        "B, C: not closed yet: TWS's positions and executions do not agree yet",
    ]


def test_before_two_seconds_are_over_nothing_is_told() -> None:
    assert told(["A"], after_ns=2 * SECOND - 1) == []


@pytest.mark.parametrize(("names", "in_short"), [("BCD", "B, C, D"), ("BCDE", "B, C, D and 1 more")])
def test_three_are_named_and_the_rest_counted(names: str, in_short: str) -> None:
    assert told(list(names), after_ns=2 * SECOND) == [f"{in_short}: not closed yet: {NOT_AGREED}"]
