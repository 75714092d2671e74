"""When global cancels leave: a press that is held back for a look, and repeats."""

from __future__ import annotations

from core.kill.builders import ACCOUNT, ES, MS, SECOND, GlobalCancel, Stage, ev, held, option, order
from engine.core.kill.cancels.cancelling import Cancelling
from engine.core.kill.commands import Command
from engine.core.kill.settings import KillSettings

CALL = option(11)
FOREIGN = order(ES, "BUY", 1, perm_id=777)
OTHERS_CLOSE = order(CALL, "SELL", 3, order_ref="QEKILL-other-1", client_id=9001)


def cancels(commands: list[Command]) -> int:
    return sum(isinstance(command, GlobalCancel) for command in commands)


def closing() -> Stage:
    """The closer, with one closing order at the exchange."""
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(2000)
    return stage


def test_repeats_come_after_one_second_two_four_and_then_every_eight() -> None:
    stage = Stage(orders=[FOREIGN], cancel_again_ns=SECOND, survey_gap_first_ns=50 * MS, survey_gap_max_ns=50 * MS)
    stage.begin().run(500)
    seconds = [second for second in range(1, 34) for _ in range(cancels(stage.run(1000)))]
    assert seconds == [1, 3, 7, 15, 23, 31]


def test_a_read_that_fails_cancels_nothing_where_nobody_has_pressed_again() -> None:
    stage = closing()
    stage.positions = None
    assert cancels(stage.run(3000)) == 0 and "read_failed" in stage.said


def test_nor_does_a_link_that_is_lost() -> None:
    assert cancels(closing().tell(ev.BrokerLink(False, 1100))) == 0


def test_a_press_whose_look_fails_says_that_it_cancelled_unseen() -> None:
    stage = closing()
    stage.orders = None
    stage.tell(ev.PressedAgain())
    assert "press_cancel" in stage.said


def test_who_goes_on_pressing_is_not_held_back_longer() -> None:
    stage = closing()
    stage.answers = False
    for _ in range(3):
        stage.tell(ev.PressedAgain())
        assert cancels(stage.run(310)) == 0
    assert cancels(stage.run(130)) == 1


def test_a_press_may_look_for_a_second_and_then_cancels_unseen() -> None:
    held_back = Cancelling(KillSettings(press_look_ns=SECOND))
    assert held_back.press(5, look_first=True) == []
    assert held_back.overdue(5 + SECOND - 1) == []
    assert cancels(held_back.overdue(5 + SECOND)) == 1
    assert held_back.overdue(5 + 2 * SECOND) == []


def test_the_look_that_follows_the_one_under_way_answers_a_press() -> None:
    stage = closing()
    stage.answers = False
    under_way = stage.run(600)
    stage.run(10)
    stage.tell(ev.PressedAgain())
    stage.run(10)
    stage.answers = True
    for command in under_way:
        stage._answer(command)
    stage.run(100)
    assert stage.said[-1] == "press_spared" and stage.cancels == 1


def test_a_press_on_a_new_connection_has_its_whole_time_to_look() -> None:
    stage = Stage(held(CALL, 3), orders=[OTHERS_CLOSE]).press()
    stage.answers = False
    stage.tell(ev.LockBusy("pid 7", spare=True), ev.Connected((ACCOUNT,), 9000))
    stage.run(600)
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"), ev.Connected((ACCOUNT,), 9000))
    assert cancels(stage.run(900)) == 0
    assert cancels(stage.run(200)) == 1
