"""When to try again, what is news, and when a login is unreachable."""

from __future__ import annotations

from engine.core.kill import events as ev
from engine.core.kill.commands import Say
from engine.core.kill.events import Trouble
from engine.core.kill.machine import KillMachine
from engine.core.kill.reach import Reach
from engine.core.kill.settings import MS, SECOND, KillSettings

SETTINGS = KillSettings()


def test_a_new_login_is_neither_healthy_nor_given_up() -> None:
    reach = Reach()
    assert not reach.healthy
    assert not reach.trouble
    assert reach.link_up  # until TWS tells otherwise
    assert not reach.retry_due(0)
    assert not reach.given_up(10**15, 0, SETTINGS)


def test_healthy_means_connected_and_linked() -> None:
    reach = Reach()
    reach.came(0)
    assert reach.healthy
    assert reach.linked(False, 1100)
    assert not reach.healthy
    assert reach.trouble == "TWS has lost its link to IBKR (1100): what it shows now proves nothing"
    assert not reach.linked(False, 1100)
    assert reach.linked(True, 1102)
    assert reach.healthy
    assert reach.trouble == ""


def test_a_new_connection_starts_with_a_clean_slate() -> None:
    reach = Reach()
    reach.went(Trouble.SILENT, "silence", 0)
    reach.linked(False, 1100)
    reach.came(0)
    assert reach.healthy
    assert reach.trouble == ""
    assert not reach.retry_due(10**15)


def test_retries_double_up_to_a_second_and_each_is_due_once() -> None:
    reach, now, gaps = Reach(), 0, []
    for _ in range(7):
        reach.went(Trouble.REFUSED, "nobody", now)
        due = next(at for at in range(now, now + 2 * SECOND, 50 * MS) if reach.retry_due(at))
        assert not reach.retry_due(due + SECOND)
        gaps.append((due - now) // MS)
        now = due
    assert gaps == [100, 200, 400, 800, 1000, 1000, 1000]


def test_the_first_retry_after_a_connection_is_quick_again() -> None:
    reach = Reach()
    for _ in range(4):
        reach.went(Trouble.FAILED, "", 0)
    reach.came(SECOND)
    reach.went(Trouble.FAILED, "", 2 * SECOND)
    assert not reach.retry_due(2 * SECOND + 100 * MS - 1)
    assert reach.retry_due(2 * SECOND + 100 * MS)


def test_connections_that_end_at_once_are_tried_less_and_less_and_told_once() -> None:
    reach, now = Reach(), 0
    told = [reach.went(Trouble.FAILED, "reset", now)]
    told_came = []
    for _ in range(4):
        now += SECOND
        told_came.append(reach.came(now))
        now += SECOND - 1
        told.append(reach.went(Trouble.FAILED, "reset", now))
    assert told == [True, False, False, False, False]
    assert told_came == [True, True, True, False]
    assert not reach.retry_due(now + SECOND - 1)
    assert reach.retry_due(now + SECOND)


def test_a_connection_behind_ever_so_many_that_were_refused_is_news() -> None:
    reach = Reach()
    for at_s in range(5):
        reach.went(Trouble.REFUSED, "nobody", at_s * SECOND)
    assert reach.came(6 * SECOND)


def test_one_that_stood_makes_the_next_one_news_again() -> None:
    reach, now = Reach(), 0
    for _ in range(3):
        reach.came(now)
        reach.went(Trouble.FAILED, "reset", now)
    assert not reach.came(now)
    reach.went(Trouble.FAILED, "reset", now + SECOND)
    told_came = []
    for at_s in (2, 3, 4, 5):  # and so are as many as at first
        told_came.append(reach.came(now + at_s * SECOND))
        reach.went(Trouble.FAILED, "reset", now + at_s * SECOND)
    assert told_came == [True, True, True, False]


def test_the_same_failure_over_and_over_is_news_once() -> None:
    reach = Reach()
    assert reach.went(Trouble.REFUSED, "nobody", 0)
    assert not reach.went(Trouble.REFUSED, "nobody", 1)
    assert reach.went(Trouble.SILENT, "silence", 2)
    reach.came(3)
    assert reach.went(Trouble.SILENT, "silence", 3 + SECOND)


def test_a_failure_without_words_takes_those_of_its_kind() -> None:
    reach = Reach()
    reach.went(Trouble.REFUSED, "", 0)
    assert reach.trouble == Trouble.REFUSED.value


def test_a_refused_port_is_given_up_sooner_than_a_silent_one_and_neither_before_its_time() -> None:
    for trouble, patience_ns in (
        (Trouble.REFUSED, SETTINGS.refused_patience_ns),
        (Trouble.SILENT, SETTINGS.connect_patience_ns),
    ):
        for pressed_ns in (0, 7):
            reach = Reach()
            reach.went(trouble, "", 4 * SECOND)  # a silent port is known to be one only after seconds …
            assert not reach.given_up(pressed_ns + patience_ns - 1, pressed_ns, SETTINGS)
            assert reach.given_up(pressed_ns + patience_ns, pressed_ns, SETTINGS)  # … but it counts from the press


def test_a_tws_that_answers_that_every_client_id_is_in_use_is_not_given_up() -> None:
    reach = Reach()
    reach.went(Trouble.CLIENT_IDS_BUSY, "client ids 1, 9000-9007 are in use", 0)
    assert not reach.given_up(SETTINGS.deadline_ns, 0, SETTINGS)
    reach.went(Trouble.SILENT, "no answer", SECOND)
    assert reach.given_up(SETTINGS.deadline_ns, 0, SETTINGS)


def test_a_login_that_was_reached_once_is_never_given_up() -> None:
    reach = Reach()
    reach.came(0)
    reach.went(Trouble.REFUSED, "", 0)
    assert not reach.given_up(10**15, 0, SETTINGS)


def test_a_login_that_answers_is_not_given_up_while_its_connection_stands() -> None:
    reach = Reach()
    reach.stands(SECOND)
    assert reach.waits("not ready", SECOND)
    assert not reach.waits("not ready", SECOND)  # no news
    assert reach.trouble == "not ready"
    assert not reach.given_up(10**15, 0, SETTINGS)


def test_patience_begins_anew_when_a_connection_that_stood_is_lost_but_not_where_tws_hangs_up_at_once() -> None:
    for stood_ns, patience_from_ns in ((SECOND, 50 * SECOND + SECOND), (SECOND - 1, 0)):
        reach = Reach()
        reach.stands(50 * SECOND)
        now = 50 * SECOND + stood_ns
        reach.went(Trouble.CLOSED, "hung up", now)
        due = patience_from_ns + SETTINGS.connect_patience_ns
        assert not reach.given_up(due - 1, 0, SETTINGS)
        assert reach.given_up(max(due, now), 0, SETTINGS)


def test_one_that_has_accepted_a_connection_is_not_given_up_while_that_stands() -> None:
    reach = Reach()
    reach.went(Trouble.REFUSED, "TWS is starting", 3 * SECOND)
    reach.waits("no answer to the handshake", 4 * SECOND)
    assert not reach.given_up(10**15, 0, SETTINGS)


def test_patience_begins_anew_when_an_unanswered_connection_that_stood_is_gone() -> None:
    reach = Reach()
    reach.waits("no answer to the handshake", 4 * SECOND)
    reach.went(Trouble.CLOSED, "somebody pressed No", 40 * SECOND)
    assert not reach.given_up(40 * SECOND + SETTINGS.connect_patience_ns - 1, 0, SETTINGS)
    reach.went(Trouble.CLOSED, "and again", 45 * SECOND)  # hung up at once: TWS is not there for us
    assert reach.given_up(40 * SECOND + SETTINGS.connect_patience_ns, 0, SETTINGS)


def test_a_tws_that_had_accepted_a_connection_and_is_gone_is_waited_for() -> None:
    reach = Reach()
    reach.went(Trouble.REFUSED, "TWS is not there yet", 0)
    reach.waits("no answer to the handshake", SECOND)
    reach.went(Trouble.CLOSED, "TWS ended it", 2 * SECOND)
    reach.went(Trouble.REFUSED, "nothing listens", 3 * SECOND)
    assert not reach.given_up(10**15, 0, SETTINGS)


def test_a_tws_that_answered_the_handshake_and_is_gone_is_waited_for() -> None:
    """It restarts before it was ready: it was there, however short."""
    reach = Reach()
    reach.answered(0)
    reach.went(Trouble.CLOSED, "TWS ended it", SECOND // 2)
    reach.went(Trouble.REFUSED, "nothing listens", SECOND)
    assert not reach.given_up(10**15, 0, SETTINGS)


def test_a_machine_that_is_told_so_waits_for_it_as_well() -> None:
    machine = KillMachine(name="paper", mode="paper", host="127.0.0.1", port=7497, kill_id="k")
    machine.start(0)
    machine.handle(ev.Greeted(), 100 * MS)
    machine.handle(ev.Disconnected(Trouble.CLOSED, "TWS ended it"), 500 * MS)
    for at_s in range(1, 60):
        machine.handle(ev.Disconnected(Trouble.REFUSED, "nothing listens"), at_s * SECOND)
    assert not machine.finished


def test_a_tws_that_took_the_first_global_cancel_and_is_gone_is_waited_for() -> None:
    reach = Reach()
    reach.struck()
    reach.went(Trouble.CLOSED, "TWS ended it", 0)
    reach.went(Trouble.REFUSED, "nothing listens", SECOND)
    assert not reach.given_up(10**15, 0, SETTINGS)


def test_a_second_answer_does_not_begin_the_standing_anew() -> None:
    reach = Reach()
    reach.stands(SECOND)
    reach.stands(9 * SECOND)
    assert reach.standing_ns == SECOND


def test_that_the_login_is_waited_for_is_told_once() -> None:
    machine = KillMachine(name="paper", mode="paper", host="127.0.0.1", port=7497, kill_id="k")
    machine.start(0)
    told = [
        command
        for now_ns in (SECOND, 2 * SECOND)
        for command in machine.handle(ev.StillWaiting(Trouble.SILENT, "TWS is not ready"), now_ns)
        if isinstance(command, Say)
    ]
    assert [say.text for say in told] == ["TWS is not ready"]
