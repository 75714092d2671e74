"""What is heard of the closing orders, between looks: what makes the next look come soon, and whom the news concern."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.kill.builders import ES, D, ReadOrders, ReadPositions, Stage, ev, held, option, quote
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import SECOND

CALL, OTHER = option(11), option(12, "QQQ")


def waiting(**settings: int) -> Stage:
    """A closing order rests, nothing happens, and looks have become rare; the last one is just over."""
    stage = Stage(held(CALL, 3), **settings).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(2000)
    until_a_look(stage)
    return stage


def until_a_look(stage: Stage) -> None:
    before = len(stage.all(ReadOrders))
    while len(stage.all(ReadOrders)) == before:
        stage.run(10)


def looks(stage: Stage, ms: int) -> int:
    return sum(isinstance(command, ReadOrders) for command in stage.run(ms))


Happens = Callable[[Stage], object]


@pytest.mark.parametrize(
    "happens",
    [
        lambda stage: stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901)),
        lambda stage: stage.fill(stage.place),
        lambda stage: stage.reject(stage.place, 201, "margin"),
        lambda stage: stage.tell(ev.CloseOrphaned(1)),
    ],
    ids=["cancelled", "filled", "refused", "orphaned"],
)
def test_when_a_closing_order_is_over_or_in_doubt_the_next_look_comes_soon(happens: Happens) -> None:
    stage = waiting()
    happens(stage)
    assert looks(stage, 60) == 1


@pytest.mark.parametrize(
    "happens",
    [
        lambda stage: None,
        lambda stage: stage.fill(stage.place, 1),
        lambda stage: stage.tell(ev.CloseStatus(1, "Submitted", D(0), 901)),
        lambda stage: stage.tell(ev.CloseStatus(99, "Cancelled", D(0), 0)),
        lambda stage: stage.tell(ev.CloseSent(1)),
    ],
    ids=["nothing", "a part filled", "said again", "of no order of ours", "it has left"],
)
def test_what_leaves_it_working_has_no_look_come_sooner(happens: Happens) -> None:
    """A large order that fills in a hundred pieces would otherwise have the login read without a pause."""
    stage = waiting()
    happens(stage)
    assert looks(stage, 300) == 0


def test_an_objection_that_is_repeated_has_no_look_come_sooner() -> None:
    stage = waiting()
    stage.reject(stage.place, 201, "margin")
    stage.run(2000)
    until_a_look(stage)
    stage.reject(stage.place, 201, "margin")
    assert looks(stage, 300) == 0


def test_a_fill_of_an_order_that_was_thought_to_be_over_brings_a_look() -> None:
    stage = waiting(retry_first_ns=60 * SECOND)
    stage.orders = []
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.run(2000)
    until_a_look(stage)
    stage.fill(stage.place, 1)
    assert looks(stage, 60) == 1


def test_that_nothing_more_has_filled_does_not_begin_a_wait_anew() -> None:
    """A position that nothing explains has to stand for four seconds; TWS repeats its statuses meanwhile."""
    stage = waiting(doubt_ns=4 * SECOND)
    stage.positions = [held(CALL, 8)]
    for _ in range(10):
        stage.tell(ev.CloseStatus(1, "Submitted", D(0), 901))
        stage.run(500)
    assert not stage.machine._ledger.doubtful(("DU1", 11))


def test_a_late_fill_of_the_refused_order_itself_is_no_reason_to_try_again_sooner() -> None:
    """What was refused for margin may pass when *something else* has filled."""
    stage = Stage(held(CALL, 3), retry_first_ns=5 * SECOND).begin()
    stage.reject(stage.place, 201, "margin")
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.run(300)
    stage.fill(stage.place, 1)
    stage.run(4000)
    assert len(stage.placed) == 1
    stage.run(1500)
    assert len(stage.placed) == 2


def test_what_a_quote_says_is_said_of_its_own_contract() -> None:
    stage = Stage(held(CALL, 3), held(OTHER, 1)).begin()
    stage.acknowledge_first()
    stage.tell(ev.Quoted(11, quote(halted=True)))
    assert stage.reasons[:2] == [ResidueReason.HALTED, ResidueReason.CLOSE_NOT_SENT]


# the connection and the link ------------------------------------------------------------------------------------------


def test_an_order_sent_toward_a_lost_link_that_no_list_shows_has_not_arrived_and_another_follows() -> None:
    stage = Stage(held(CALL, 3), unacknowledged_lost_ns=SECOND).begin()
    stage.tell(ev.BrokerLink(False, 1100), ev.BrokerLink(True, 1102))
    stage.run(900)
    assert len(stage.placed) == 1  # it may still surface
    stage.run(1000)
    assert [place.key for place in stage.placed] == [1, 2] and stage.withdrawn == []


def test_after_a_lost_link_a_listed_close_is_still_ours_to_look_after() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.tell(ev.BrokerLink(False, 1100), ev.BrokerLink(True, 1102))
    stage.run(4000)
    assert "orders_gone" in stage.said and "cancel_again" not in stage.said


def test_after_a_lost_connection_only_a_global_cancel_reaches_it() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "lost"), ev.Connected(("DU1",), 9000))
    stage.run(4000)
    assert "cancel_again" in stage.said and stage.withdrawn == []


def test_a_position_in_another_contract_that_moves_outdates_nothing_here() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.tell(ev.PositionChanged(held(ES, 1)))
    assert len(stage.placed) == 1


# lists that are late --------------------------------------------------------------------------------------------------


def test_a_closing_order_that_tws_has_told_to_be_cancelled_is_not_cancelled_again_for_a_late_list() -> None:
    """Another global cancel would take the order that follows it, whose end the next lists miss in their turn."""
    stage = Stage(held(CALL, 3)).begin()
    first = stage.acknowledge_first()
    shown = stage.listed(first)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.orders = [shown]
    cancels = stage.cancels
    stage.run(15_000)
    assert stage.cancels == cancels
    stage.run(10_000)  # it is no late list
    assert stage.cancels > cancels


def test_what_a_running_look_has_heard_of_positions_makes_the_next_order_smaller() -> None:
    """Others have closed a part of it, and only the executions of that look are still to come."""
    stage = Stage(held(OTHER, 2), held(CALL, 7)).begin()
    first = stage.place  # the other one waits until it is acknowledged
    stage.answers = False
    until_a_look(stage)
    stage.tell(ev.OrdersRead(stage.all(ReadOrders)[-1].read_id, ()))
    stage.tell(ev.PositionsRead(stage.all(ReadPositions)[-1].read_id, (held(OTHER, 2), held(CALL, 4))))
    stage.acknowledge(first)
    assert [place.quantity for place in stage.placed] == [2, 4]


@pytest.mark.parametrize("side", [0, -2])
def test_what_it_shows_no_more_waits_for_the_end_of_the_look(side: int) -> None:
    stage = Stage(held(OTHER, 2), held(CALL, 7)).begin()
    stage.answers = False
    until_a_look(stage)
    stage.tell(ev.OrdersRead(stage.all(ReadOrders)[-1].read_id, ()))
    stage.tell(ev.PositionsRead(stage.all(ReadPositions)[-1].read_id, (held(OTHER, 2), held(CALL, side))))
    stage.acknowledge(stage.place)
    assert len(stage.placed) == 1
