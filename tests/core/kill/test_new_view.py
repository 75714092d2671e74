"""A connection or a link to IBKR that is new: what was shown before it is history."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ACCOUNT,
    ES,
    SECOND,
    GlobalCancel,
    ReadExecutions,
    ReadOrders,
    Stage,
    ev,
    held,
    option,
    order,
)

CALL = option(11)
GONE = ev.Disconnected(ev.Trouble.CLOSED, "gone")
CONNECTED = ev.Connected((ACCOUNT,), 9000)
DOWN, UP = ev.BrokerLink(False, 1100), ev.BrokerLink(True, 1102)


@pytest.mark.parametrize(("breaks", "back"), [(GONE, CONNECTED), (DOWN, UP)], ids=["connection", "link"])
def test_nothing_is_sent_from_what_was_read_before(breaks: ev.Event, back: ev.Event) -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.tell(CONNECTED)  # everything is known but whether it may close
    stage.run(300)
    stage.answers = False
    stage.tell(breaks, ev.LockTaken(), back)
    stage.run(500)
    assert stage.placed == []


def test_a_look_that_was_under_way_when_the_connection_was_lost_is_no_second_half_of_a_proof() -> None:
    stage = Stage(settle_ns=0).begin()  # executions that do not come would be no reason to wait for another look
    stage.run(300)
    stage.answers = False
    stage.run(200)
    orders = stage.all(ReadOrders)[-1].read_id
    stage.tell(ev.OrdersRead(orders, ()), ev.PositionsRead(orders + 1, ()))
    assert stage.all(ReadExecutions)[-1].read_id == orders + 2  # still to come, and not waited for long
    stage.tell(GONE)
    stage.run(5000)
    assert not stage.report.flat


def test_half_a_proof_does_not_outlive_a_link_that_was_lost_for_a_moment() -> None:
    stage = Stage().begin()
    stage.run(390)  # the second look is due in 10 ms
    stage.tell(DOWN, UP)
    stage.run(100)
    assert not stage.report.flat
    stage.run(500)
    assert stage.report.flat


def test_a_cancel_that_was_sent_with_the_connection_gets_its_second() -> None:
    stage = Stage(orders=[order(ES, "BUY", 1, perm_id=777)])
    stage.now_ns = 10 * SECOND
    stage.press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000, cancel_sent=True))
    assert not [one for one in stage.run(900) if isinstance(one, GlobalCancel)]
    assert [one for one in stage.run(200) if isinstance(one, GlobalCancel)]


def test_a_link_that_was_lost_for_a_moment_is_looked_through_very_soon() -> None:
    stage = Stage(orders=[order(ES, "BUY", 1)]).begin()
    stage.run(5000)  # the looks are half a second apart by now
    while not any(isinstance(one, ReadOrders) for one in stage.run(10)):
        pass
    stage.tell(DOWN)
    asked = [*stage.tell(UP), *stage.run(60)]
    assert any(isinstance(one, ReadOrders) for one in asked)


def test_a_login_that_has_answered_is_waited_for_and_not_given_up() -> None:
    stage = Stage().press()
    stage.tell(ev.Disconnected(ev.Trouble.SILENT, "nobody yet"))
    stage.run(1000)
    stage.tell(ev.Answering(9000))
    stage.run(30_000)
    assert not stage.finished
