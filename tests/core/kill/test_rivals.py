"""Another kill at the same login that no lock keeps apart from this one: who gives way, to whom, and for how long."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.kill.builders import (
    ACCOUNT,
    ES,
    MS,
    SECOND,
    Say,
    Stage,
    ev,
    execution,
    held,
    option,
    order,
)
from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.looks.survey import Survey
from engine.core.kill.other_kills.rivals import Rivals
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import KillSettings

CALL = option(11)
ELDER, YOUNGER = "j", "l"  # the stage's kill is "k"
HALF_S, S = SECOND // 2, SECOND


def close(kill_id: str, number: int, filled: int = 0) -> WorkingOrder:
    ref = f"QEKILL-{kill_id}-{number}of3"
    return order(CALL, "SELL", 3, order_ref=ref, client_id=9001, perm_id=number, filled=Decimal(filled))


def trade(kill_id: str, number: int, *, recent: bool = True) -> ExecutionFact:
    ref = f"QEKILL-{kill_id}-{number}of3"
    return execution(CALL, -1, exec_id=f"{kill_id}.{number}.01", order_ref=ref, client_id=9001, recent=recent)


def look(rivals: Rivals, now_ns: int, *orders: WorkingOrder, executions: tuple[ExecutionFact, ...] | None = ()) -> None:
    rivals.looked(
        Survey(serial=1, begun_ns=now_ns, orders=orders, positions=(), executions=executions, completed=None), now_ns
    )


def rivals(own_id: str = "k.1") -> Rivals:
    return Rivals(own_id, KillSettings())


# whom ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kill_id", "sent", "first"),
    [
        ("j.2", True, "j.2"),
        ("j.2", False, "j.2"),
        ("l.1", True, ""),  # it gives way to this one
        ("l.1", False, "l.1"),  # it has sent something, and this one nothing
        ("k.2", False, ""),  # another login of the same press
    ],
)
def test_the_later_press_gives_way_and_so_does_who_has_sent_nothing(kill_id: str, sent: bool, first: str) -> None:
    seen = rivals()
    look(seen, 0, close(kill_id, 1))
    assert seen.first(0, sent=sent) == first


def test_of_several_it_is_the_earliest() -> None:
    seen = rivals()
    look(seen, 0, close("i.1", 1), close("h.1", 1), order(ES, "BUY", 1), order(ES, "BUY", 1, order_ref="QEKILL-h"))
    assert seen.first(0, sent=True) == "h.1"


def test_what_it_has_traded_since_the_first_look_shows_it_too_and_what_is_older_does_not() -> None:
    before, since, older = rivals(), rivals(), rivals()
    look(before, 0, executions=(trade("j.1", 1),))
    look(since, 0, executions=None)
    look(since, S, executions=(trade("j.1", 1),))
    look(older, 0)
    look(older, S, executions=(trade("j.1", 1, recent=False),))
    assert [seen.first(S, sent=True) for seen in (before, since, older)] == ["", "j.1", ""]


def test_an_order_that_is_open_shows_it_though_a_part_of_it_had_traded_before() -> None:
    seen = rivals()
    look(seen, 0, close("j.1", 1, filled=1), executions=(trade("j.1", 1),))
    assert seen.first(0, sent=True) == "j.1"


# how long -----------------------------------------------------------------------------------------------------------


def test_what_a_dead_kill_may_have_left_counts_for_three_seconds() -> None:
    seen = rivals()
    look(seen, 0, close("j.1", 1))
    look(seen, S - 1, close("j.1", 1, filled=1), close("j.1", 2))  # it was on its way
    assert seen.first(4 * S - 2, sent=True) == "j.1"
    assert seen.first(4 * S - 1, sent=True) == ""


def test_one_that_sends_new_orders_lives_and_is_given_way_to_for_twelve_seconds() -> None:
    seen = rivals()
    look(seen, 0)
    look(seen, S, close("j.1", 1))
    look(seen, 2 * S, executions=(trade("j.1", 1),))  # the same order
    assert seen.first(13 * S - 1, sent=True) == "j.1"
    assert seen.first(13 * S, sent=True) == ""


def test_while_its_order_is_open_it_is_twenty_since_that_was_sent_or_has_filled() -> None:
    seen = rivals()
    look(seen, 0)
    look(seen, S, close("j.1", 1))
    look(seen, 2 * S, close("j.1", 1))
    assert seen.first(21 * S - 1, sent=True) == "j.1"
    assert seen.first(21 * S, sent=True) == ""
    look(seen, 20 * S, close("j.1", 1, filled=1))
    assert seen.first(40 * S - 1, sent=True) == "j.1"
    assert seen.first(40 * S, sent=True) == ""


def test_that_the_kill_looked_late_makes_nobody_live() -> None:
    seen = rivals()
    look(seen, 30 * S)
    look(seen, 31 * S - 1, close("j.1", 1))  # it was on its way
    assert seen.first(34 * S - 2, sent=True) == "j.1"
    assert seen.first(34 * S - 1, sent=True) == ""


def test_one_of_its_open_orders_that_fills_is_enough() -> None:
    seen = rivals()
    look(seen, 0)
    look(seen, S, close("j.1", 1), close("j.1", 2))
    look(seen, 20 * S, close("j.1", 1), close("j.1", 2, filled=1))
    assert seen.first(40 * S - 1, sent=True) == "j.1"
    assert seen.first(40 * S, sent=True) == ""


def test_it_shows_again_after_it_was_taken_for_dead() -> None:
    seen = rivals()
    look(seen, 0, close("j.1", 1))
    assert seen.first(5 * S, sent=True) == ""
    look(seen, 6 * S, close("j.1", 2))
    assert seen.first(6 * S, sent=True) == "j.1"


def test_who_is_known_to_have_ended_is_nobodys_rival() -> None:
    by_records, by_lock = rivals(), rivals()
    by_records.ended("j")
    look(by_records, 0, close("j.1", 1), close("i.1", 1))
    assert by_records.first(0, sent=True) == "i.1"
    look(by_lock, 0, close("j.1", 1))
    by_lock.all_ended()
    look(by_lock, S, close("j.1", 2), close("i.1", 1))
    assert by_lock.first(S, sent=True) == "i.1"


def test_two_presses_of_one_moment_do_not_send_in_the_same_moment() -> None:
    spread = {rivals(f"26112709{n:04d}.1").spread_ns() // (100 * MS) for n in range(200)}
    assert len(spread) > 20 and max(spread) < 30
    assert Rivals("k.1", KillSettings(nothing_shared_spread_ns=0)).spread_ns() == 0


# what the kill does -------------------------------------------------------------------------------------------------


def say(stage: Stage, kind: str) -> list[str]:
    return [said.text for said in stage.all(Say) if said.kind == kind]


def test_it_watches_takes_back_what_it_has_sent_and_leaves_the_others_orders_alone() -> None:
    stage = Stage(held(CALL, 3)).begin()
    place = stage.place
    stage.acknowledge(place)
    stage.orders = [stage.listed(place), close(ELDER, 1)]
    stage.run(3000)
    assert stage.withdrawn == [place.key]
    assert say(stage, "gives_way") == [
        "kill j is closing this login too, and no lock keeps the two apart: giving way to it, watching and verifying"
    ]
    assert len(stage.placed) == 1 and stage.cancels == 1
    assert stage.residue[0].reason is ResidueReason.ANOTHER_KILL
    assert stage.residue[0].detail == "kill j, which no lock keeps apart from this one"


def test_who_gives_way_looks_before_another_global_cancel_and_who_goes_on_sends_it_at_once() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    assert say(stage, "gives_way") and stage.cancels == 1
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"), ev.Connected((ACCOUNT,), 9000))
    stage.tell(ev.PressedAgain())
    stage.run(500)
    assert stage.cancels == 1 and say(stage, "press_spared")
    stage.orders = []
    stage.run(4000)
    assert say(stage, "goes_on") and stage.cancels == 2
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"), ev.Connected((ACCOUNT,), 9000))
    assert stage.cancels == 3


def test_who_gave_way_all_along_reports_that_another_kill_has_closed_it() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    stage.positions, stage.orders = [], []
    stage.executions = [execution(CALL, -3, order_ref=f"QEKILL-{ELDER}-1of3", client_id=9001, perm_id=1)]
    stage.run(8000)
    assert stage.report.flat and stage.report.joined
    assert [(one.contract, one.quantity) for one in stage.report.closed] == [(CALL, 3)]


def test_an_order_that_it_is_taking_back_already_is_not_taken_back_twice() -> None:
    stage = Stage(held(CALL, 3), acknowledge_ns=400 * MS).begin()
    stage.orders = []
    stage.run(500)  # silence: withdrawn
    assert stage.withdrawn == [1]
    stage.orders = [close(ELDER, 1)]
    stage.run(200)
    assert say(stage, "gives_way") and stage.withdrawn == [1]


@pytest.mark.parametrize(("orphaned", "times"), [(False, 2), (True, 1)])
def test_a_withdrawal_that_tws_does_not_confirm_is_asked_for_again_but_not_of_a_connection_that_is_gone(
    orphaned: bool, times: int
) -> None:
    stage = Stage(held(CALL, 3), acknowledge_ns=2 * SECOND).begin()
    place = stage.place
    stage.acknowledge(place)
    stage.orders = [stage.listed(place), close(ELDER, 1)]
    stage.run(500)
    if orphaned:
        stage.tell(ev.CloseOrphaned(place.key))
    stage.run(2300)
    assert say(stage, "gives_way") and not say(stage, "goes_on")
    assert stage.withdrawn == [place.key] * times


def test_who_loses_the_right_while_giving_way_does_not_go_on_for_that() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    assert say(stage, "gives_way")
    stage.tell(ev.LockLost())
    stage.run(10_000)
    assert stage.placed == []
    stage.orders = []
    stage.tell(ev.LockTaken())
    assert stage.next_place(3000).quantity == 3
    assert not say(stage, "goes_on")


def test_who_gives_way_to_another_one_says_so() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(2000)
    stage.orders = [close("i", 1)]
    stage.run(500)
    assert [text.split(" is ")[0] for text in say(stage, "gives_way")] == ["kill j", "kill i"]
    assert stage.residue[0].detail.startswith("kill i,") and stage.cancels == 1


def test_it_goes_on_when_the_other_shows_nothing_any_more_and_looks_anew_first() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)], nothing_shared_settle_ns=2 * SECOND).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(2900)
    stage.orders = []
    assert stage.placed == [] and stage.cancels == 1
    stage.run(600)
    assert say(stage, "goes_on") == ["the other kill (j) is not at work any more: going on from what the broker shows"]
    assert stage.cancels == 2
    stage.run(1500)
    assert stage.placed == []
    assert stage.next_place().quantity == 3


def test_it_gives_way_to_a_later_one_only_as_long_as_it_has_sent_nothing() -> None:
    stage = Stage(held(CALL, 3), orders=[close(YOUNGER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    assert stage.placed == [] and say(stage, "gives_way")
    first = Stage(held(CALL, 3)).begin()
    first.acknowledge(first.place)
    first.orders = [first.listed(first.place), close(YOUNGER, 1)]
    first.run(2000)
    assert say(first, "gives_way") == [] and first.cancels > 1


def test_a_proof_is_not_disturbed_by_the_end_of_the_other() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)], quarantine_ns=30 * SECOND).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    assert say(stage, "gives_way")
    stage.positions, stage.orders = [], []
    stage.executions = [execution(CALL, -3, order_ref=f"QEKILL-{ELDER}-1of3", client_id=9001, perm_id=1)]
    stage.run(8000)
    assert stage.report.flat and stage.cancels == 1 and say(stage, "goes_on") == []


@pytest.mark.parametrize("shares_nothing", [False, True])
def test_a_kill_that_died_by_the_records_is_not_given_way_to_where_the_lock_says_so_too(shares_nothing: bool) -> None:
    stage = Stage(
        held(CALL, 3), orders=[close(ELDER, 1)], nothing_shared_settle_ns=HALF_S, nothing_shared_spread_ns=0
    ).press()
    stage.tell(ev.EarlierPress(ELDER, S), ev.LockTaken(shared_nothing=shares_nothing), ev.Connected((ACCOUNT,), 9000))
    stage.run(300)
    assert bool(say(stage, "gives_way")) is shares_nothing


def test_where_the_records_are_read_late_it_goes_on_as_soon_as_they_are() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(100)
    stage.orders = []
    assert say(stage, "gives_way") and not say(stage, "goes_on")
    stage.tell(ev.EarlierPress(ELDER, S))
    assert say(stage, "goes_on") and stage.cancels == 1
    assert stage.next_place(1000).quantity == 3


def test_whom_it_waited_for_is_at_an_end_when_the_right_is_had() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockBusy("pid 7"), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    stage.orders = []
    stage.tell(ev.LockTaken())
    assert stage.next_place(2500).quantity == 3
    assert say(stage, "gives_way") == []


def test_where_no_lock_can_be_had_a_look_behind_the_first_order_comes_before_the_rest() -> None:
    stage = Stage(
        held(CALL, 3), held(option(12, "QQQ"), 2), nothing_shared_settle_ns=0, nothing_shared_spread_ns=0
    ).press()
    stage.tell(ev.LockTaken(shared_nothing=True), ev.Connected((ACCOUNT,), 9000))
    first = stage.place
    stage.acknowledge(first)
    assert stage.placed == [first]
    stage.orders = [stage.listed(first), close(ELDER, 1)]
    stage.run(2000)
    assert stage.placed == [first] and stage.withdrawn == [first.key]


def test_where_nothing_is_left_to_close_nobody_is_given_way_to_whatever_is_told_of_others() -> None:
    stage = Stage(quarantine_ns=60 * SECOND).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.executions = [trade(ELDER, 1), execution(CALL, 1, exec_id="a.person.01")]
    stage.run(450)
    assert stage.machine._first_at_work() == ELDER, "it has only just traded"
    stage.tell(ev.EarlierPress("h", S))
    assert not say(stage, "gives_way")
    stage.run(500)
    assert not say(stage, "gives_way")


def test_where_an_order_is_open_it_is_given_way_to_though_nothing_is_held() -> None:
    stage = Stage(orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(300)
    assert say(stage, "gives_way")


def test_where_no_lock_can_be_had_all_is_waited_for_before_an_order_and_not_the_spread_before_a_proof() -> None:
    stage = Stage(held(CALL, 3), nothing_shared_settle_ns=SECOND, nothing_shared_spread_ns=6 * SECOND).press()
    flat = Stage(nothing_shared_settle_ns=SECOND, nothing_shared_spread_ns=6 * SECOND).press()
    for each in (stage, flat):
        each.machine._rivals.own_id = "y"  # which is spread by four seconds
        each.tell(ev.LockTaken(shared_nothing=True), ev.Connected((ACCOUNT,), 9000))
    stage.run(5100)
    assert stage.placed == []
    assert stage.next_place(600).quantity == 3
    flat.run(3000)
    assert flat.report.flat


def test_where_no_lock_can_be_had_it_is_spread() -> None:
    stage = Stage(held(CALL, 3), nothing_shared_settle_ns=0, nothing_shared_spread_ns=2 * SECOND).press()
    stage.tell(ev.LockTaken(shared_nothing=True), ev.Connected((ACCOUNT,), 9000))
    spread_ms = Rivals("k", stage.machine.settings).spread_ns() // MS
    assert spread_ms > 100
    stage.run(spread_ms - 50)
    assert stage.placed == []
    assert stage.next_place(1000).quantity == 3


# what is told of it ---------------------------------------------------------------------------------------------------


def test_two_kills_that_closed_at_the_same_time_are_told_by_the_one_that_saw_it() -> None:
    stage = Stage(held(CALL, 3)).begin()
    place = stage.place
    stage.acknowledge(place)
    assert stage.report.notes == ()
    stage.orders = [stage.listed(place), close(YOUNGER, 1)]
    stage.run(1000)
    assert stage.report.notes == (
        "closing orders of kill l were at work here too, and no lock keeps the two kills apart, as on two machines; "
        "both have sent orders and may have closed the same position: hold what is listed as closed against TWS, and "
        "press on one machine only",
    )
    stage.orders = [stage.listed(place), close(YOUNGER, 1), close("m", 2)]
    stage.run(1000)
    (note,) = stage.report.notes
    assert note.startswith("closing orders of kill l, m were at work here too")


def test_one_that_has_sent_nothing_beside_another_says_so() -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    assert stage.report.notes == ()
    stage.orders = [close(ELDER, 1), close(ELDER, 2)]
    stage.run(500)
    (note,) = stage.report.notes
    assert "kill j were at work here too" in note and note.endswith("this one has sent no closing order")


@pytest.mark.parametrize("taken", [ev.LockBusy("process 7", spare=True), ev.LockTaken()])
def test_a_kill_that_a_lock_keeps_apart_or_that_is_dead_is_no_collision(taken: ev.Event) -> None:
    stage = Stage(held(CALL, 3), orders=[close(ELDER, 1)]).press()
    stage.tell(taken, ev.EarlierPress(ELDER, SECOND), ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    stage.orders = [close(ELDER, 2)]
    stage.run(500)
    assert not [note for note in stage.report.notes if "no lock keeps" in note]


def test_its_own_press_at_another_login_is_no_other_kill() -> None:
    seen = rivals()
    look(seen, 0)
    look(seen, S, close("k.2", 1), close("j.2", 1), close("j.1", 1), close("i.1", 1))
    assert seen.met() == ("i", "j")
    seen.ended("i")
    assert seen.met() == ("j",)


def test_what_was_there_at_the_first_look_counts_once_it_fills() -> None:
    seen = rivals()
    look(seen, 0, close("j.1", 1), executions=(trade("j.1", 1),))
    look(seen, S, close("j.1", 1), executions=(trade("j.1", 1),))
    assert seen.met() == ()
    more = execution(CALL, -1, exec_id="j.1.7.01", order_ref="QEKILL-j.1-1of3", client_id=9001, recent=False)
    look(seen, 2 * S, executions=(trade("j.1", 1), more))
    assert seen.met() == ("j",)
