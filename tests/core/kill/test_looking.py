"""When a kill looks, and which looks are void."""

from __future__ import annotations

from core.kill.builders import ACCOUNT, ReadOrders, Stage, ev, held, option
from engine.core.facts import UnreadPosition
from engine.core.kill.commands import Command
from engine.core.kill.looks.looking import Looking
from engine.core.kill.looks.survey import Survey
from engine.core.kill.settings import MS, SECOND, KillSettings

CALL = option(11)


def looks(commands: list[Command]) -> int:
    return sum(isinstance(command, ReadOrders) for command in commands)


def test_who_presses_again_sees_the_next_looks_come_quickly() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(5000)
    assert looks(stage.run(1000)) == 2
    assert looks(stage.tell(ev.PressedAgain())) == 1
    assert looks(stage.run(300)) >= 3


def test_news_that_keep_coming_do_not_put_the_next_look_off() -> None:
    stage = Stage(held(CALL, 3)).begin()
    told = [command for _ in range(10) for command in (*stage.tell(ev.OrderSeen(77, "Submitted")), *stage.run(30))]
    assert looks(told) >= 3


def test_what_was_asked_before_the_link_was_lost_is_answered_from_memory_and_void() -> None:
    stage = Stage().press()
    stage.answers = False
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    asked = list(stage.commands)
    stage.tell(ev.BrokerLink(False, 1100))
    stage.answers = True
    for command in asked:
        stage._answer(command)
    assert "orders_gone" not in stage.said


def test_a_link_that_is_back_is_looked_through_at_once_or_very_soon() -> None:
    stage = Stage().begin()
    stage.run(300)
    stage.tell(ev.BrokerLink(False, 1100))
    assert looks(stage.run(5000)) == 0
    assert looks([*stage.tell(ev.BrokerLink(True, 1102)), *stage.run(60)]) == 1


def test_a_look_is_fresh_for_as_long_as_a_read_may_be_old() -> None:
    looking = Looking(KillSettings(read_age_max_ns=10))
    assert not looking.fresh(0)
    looking.done(Survey(serial=1, begun_ns=3, positions=(), orders=(), executions=()), 5)
    assert looking.fresh(15) and not looking.fresh(16)


def test_before_the_first_look_nothing_is_listed_and_everything_is_unread() -> None:
    looking = Looking(KillSettings())
    assert looking.orders == ()
    assert looking.unread == (UnreadPosition("", 0, "", "no position has been read"),)
    assert looking.next_ns() == 0


def test_looks_that_fail_come_after_twice_the_time_each() -> None:
    looking = Looking(KillSettings(survey_gap_first_ns=10, survey_gap_max_ns=35))
    due = []
    for _ in range(4):
        looking.failed("silence", 0)
        due.append(looking.next_ns())
    assert due == [10, 20, 35, 35]


def test_what_may_not_size_does_not_prove_either_unless_that_is_said() -> None:
    looking, look = Looking(KillSettings()), Survey(serial=1, begun_ns=3, positions=(), orders=(), executions=())
    looking.done(look, 3)
    looking.not_before(4, proof=False)
    assert not looking.sizes(3, alive=False) and looking.counts(look)
    looking.not_before(4)
    assert not looking.counts(look)


def test_while_a_program_keeps_sending_only_a_look_of_this_moment_sizes_an_order() -> None:
    """What it shows may have been closed since, by that program itself."""
    looking, look = Looking(KillSettings()), Survey(serial=1, begun_ns=3, positions=(), orders=(), executions=())
    assert not looking.sizes(3, alive=False)
    looking.done(look, 3)
    assert looking.sizes(3 + 20 * MS, alive=True)
    assert not looking.sizes(4 + 20 * MS, alive=True) and looking.sizes(4 + 20 * MS, alive=False)
    assert not looking.sizes(4 + 10 * SECOND, alive=False)


def test_a_look_took_as_long_as_from_its_first_question_to_its_last_answer() -> None:
    looking = Looking(KillSettings())
    assert looking.took_ns == 0
    looking.done(Survey(serial=1, begun_ns=3, positions=(), orders=(), executions=()), 5)
    assert looking.took_ns == 2
