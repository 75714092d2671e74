"""A closing order on a connection that fell silent: it may arrive as long as TWS holds that connection."""

from __future__ import annotations

import pytest

from core.kill.builders import ACCOUNT, D, Place, Stage, ev, execution, held, option
from engine.core.kill.closes.attempt import Attempt
from engine.core.kill.commands import OrderType
from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.core.kill.settings import SECOND

CALL = option(11)
PLACE = Place(key=1, account=ACCOUNT, contract=CALL, action="SELL", quantity=D(3), order_type=OrderType.MARKET)


def silent(**settings: int) -> Stage:
    """It went out, and nobody has heard of it or of the connection since."""
    stage = Stage(held(CALL, 3), **settings).begin()
    stage.tell(ev.CloseOrphaned(1, may_arrive=True))
    return stage


def test_it_is_not_sent_again_for_half_a_minute_and_then_it_is() -> None:
    stage = silent(stray_ns=30 * SECOND)
    assert "stray" in stage.said
    stage.run(29_000)
    assert len(stage.placed) == 1
    stage.run(6000)
    assert [place.key for place in stage.placed] == [1, 2]


def test_a_lost_connection_that_tws_has_ended_is_not_waited_for_so_long() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.tell(ev.CloseOrphaned(1))
    stage.run(6000)
    assert len(stage.placed) == 2 and "stray" not in stage.said


def test_nothing_is_flat_while_it_may_arrive_and_the_report_names_it() -> None:
    stage = silent(deadline_ns=20 * SECOND)
    stage.positions = []
    stage.executions = [execution(CALL, -3)]  # closed by hand
    stage.run(20_000)
    assert stage.report.outcome is LoginOutcome.RESIDUE
    [left] = stage.residue
    assert (left.account, left.contract, left.quantity) == (ACCOUNT, stage.place.contract, -3)
    assert (left.reason, left.order) == (ResidueReason.STRAY_CLOSE, "SELL 3 MKT")


def test_nor_is_it_over_with_what_only_a_person_can_close() -> None:
    """The second is missing for so long that it counts as ended, and is closed by hand; and yet it may arrive."""
    stage = Stage(held(CALL, 3), held(option(12, "QQQ"), 1), stray_ns=2 * SECOND, retry_first_ns=60 * SECOND).begin()
    stage.acknowledge_first()
    first, second = stage.placed
    stage.orders = [stage.listed(first)]
    stage.tell(ev.CloseOrphaned(second.key, may_arrive=True))
    stage.positions = [held(CALL, 3)]
    stage.executions = [execution(second.contract, -1)]
    stage.run(10_000)
    stage.orders = []
    stage.reject(first, 392, "expired")
    stage.run(3000)
    assert not stage.finished
    stage.tell(ev.CarrierEnded(second.key))
    stage.run(3000)
    assert stage.finished and stage.reasons == [ResidueReason.EXPIRED]


def test_a_word_about_it_says_that_it_has_arrived() -> None:
    stage = silent()
    stage.acknowledge(stage.place)
    assert stage.said[-1] == "stray_over" and stage.said.count("stray") == 1
    assert stage.machine._closing.strays == []


def test_so_does_the_end_of_what_carried_it() -> None:
    stage = silent()
    stage.tell(ev.CarrierEnded(1))
    assert stage.said[-1] == "stray_over"
    stage.run(6000)
    assert len(stage.placed) == 2


def test_what_had_arrived_before_that_end_gets_time_to_surface() -> None:
    stage = silent(unacknowledged_lost_ns=SECOND)
    stage.run(10_000)
    stage.tell(ev.CarrierEnded(1))
    stage.run(950)
    assert len(stage.placed) == 1
    stage.run(2000)
    assert [place.key for place in stage.placed] == [1, 2]


def attempt() -> Attempt:
    made = Attempt(PLACE)
    made.sent(0, 1, SECOND)
    return made


def test_one_that_was_answered_has_arrived_already() -> None:
    answered = attempt()
    answered.status("Submitted", D(0), 901, 1)
    answered.may_arrive(5)
    assert not answered.stray


@pytest.mark.parametrize("before", [True, False])
def test_sent_again_it_may_be_the_second_one_that_has_not_arrived(before: bool) -> None:
    again = attempt()
    if before:
        again.status("Submitted", D(0), 901, 1)
    again.sent(1, 2, SECOND)
    again.may_arrive(5)
    assert again.stray
    again.arrived()
    assert not again.stray
