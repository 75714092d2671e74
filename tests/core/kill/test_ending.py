"""When a kill of one login ends, with what result, and what is said of the proof."""

from __future__ import annotations

import pytest

from core.kill.builders import ACCOUNT, ES, D, ReadOrders, Stage, ev, execution, future, held, option, order
from engine.core.facts import WorkingOrder
from engine.core.kill.commands import Finish, ReadCompleted, ReadExecutions, ReadPositions, Stop
from engine.core.kill.report import LoginOutcome
from engine.core.kill.settings import SECOND

CALL = option(11)
READS = (ReadOrders, ReadPositions, ReadExecutions, ReadCompleted)
PROOF = "two agreeing reads: no position, no working order"


def told(stage: Stage, *kinds: str) -> list[tuple[str, str]]:
    return [(entry.kind, entry.text) for entry in stage.report.timeline if entry.kind in kinds]


def looks(stage: Stage) -> int:
    return len(stage.all(ReadOrders))


# the proof ------------------------------------------------------------------------------------------------------------


def test_what_is_proven_is_told_once_with_its_time() -> None:
    stage = Stage(quarantine_ns=5 * SECOND).begin()
    stage.run(3000)
    assert told(stage, "flat", "not_flat") == [("flat", PROOF)]
    assert stage.report.timings.flat_ms == stage.report.timings.finished_ms == 400


def test_what_is_open_again_is_told_once_and_the_time_is_that_of_the_newest_proof() -> None:
    stage = Stage(quarantine_ns=20 * SECOND).begin()
    stage.run(1000)
    stage.positions = [held(CALL, 2)]
    stage.executions = [execution(CALL, 2)]
    place = stage.next_place()
    assert stage.report.timings.flat_ms is None
    stage.fill(place)
    stage.run(3000)
    assert told(stage, "flat", "not_flat") == [
        ("flat", PROOF),
        ("not_flat", "something is open again"),
        ("flat", PROOF),
    ]
    assert stage.report.timings.flat_ms is not None and stage.report.timings.flat_ms > 1000


def test_an_open_order_takes_the_time_of_the_proof_back_although_positions_cannot_be_read() -> None:
    stage = Stage(quarantine_ns=20 * SECOND).begin()
    stage.run(1000)
    assert stage.report.timings.flat_ms is not None
    stage.orders, stage.positions = [order(ES, "BUY", 1)], None
    stage.run(2000)
    assert not stage.report.flat and stage.report.timings.flat_ms is None
    assert told(stage, "flat", "not_flat") == [("flat", PROOF), ("not_flat", "an order is open again")]


def test_an_order_that_is_listed_before_any_proof_is_no_news_of_not_flat() -> None:
    stage = Stage(orders=[order(ES, "BUY", 1)]).begin()
    stage.run(1000)
    assert told(stage, "not_flat") == []


def test_behind_the_result_too_a_sign_of_an_order_breaks_half_a_proof() -> None:
    stage = Stage(quarantine_ns=20 * SECOND).begin()
    stage.run(1000)
    stage.orders = [order(ES, "BUY", 1)]
    stage.run(1000)
    assert not stage.report.flat
    stage.orders = []
    stage.run(400)
    stage.tell(ev.OrderSeen(77, "Submitted"))
    stage.run(400)
    assert not stage.report.flat
    stage.run(400)
    assert stage.report.flat


def test_the_end_is_wrapped_up_from_three_seconds_before_the_deadline_on() -> None:
    ending = Stage(deadline_ns=20 * SECOND, wrap_up_ns=3 * SECOND).begin().machine._ending
    assert not ending.wrapping_up(17 * SECOND - 1) and ending.wrapping_up(17 * SECOND)


def proven_and_not_told() -> Stage:
    """The second clean look is there, and so is the next event."""
    stage = Stage().begin()
    stage.run(300)
    stage.answers = False
    stage.run(200)
    orders = stage.all(ReadOrders)[-1].read_id
    for answer in (ev.OrdersRead(orders, ()), ev.PositionsRead(orders + 1, ()), ev.ExecutionsRead(orders + 2, ())):
        stage.machine.handle(answer, stage.now_ns, more=True)
    return stage


def test_a_proof_that_is_withdrawn_leaves_no_time_behind() -> None:
    stage = proven_and_not_told()
    assert stage.report.timings.flat_ms is not None
    stage.tell(ev.OrderSeen(77, "Submitted"))
    assert stage.report.timings.flat_ms is None


@pytest.mark.parametrize(("nothing_seen_ms", "flat_ms"), [(0, 400), (2000, 2000)])
def test_lists_that_were_empty_from_the_first_have_to_stay_so_for_longer(nothing_seen_ms: int, flat_ms: int) -> None:
    """A TWS that has just started may not have loaded its positions."""
    stage = Stage(nothing_seen_ns=nothing_seen_ms * 1_000_000).begin()
    stage.run(flat_ms - 50)
    assert not stage.finished
    stage.run(700)
    assert stage.report.flat


def test_where_something_was_seen_two_looks_are_enough() -> None:
    stage = Stage(held(CALL, 3), nothing_seen_ns=60 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.fill(stage.place)
    stage.run(1000)
    assert stage.report.flat


def test_after_a_take_over_two_looks_of_the_time_behind_it_are_wanted() -> None:
    """What the dead kill sent last may surface until then; looks before that are not half of a proof."""
    stage = Stage(takeover_settle_ns=2 * SECOND).press()
    stage.tell(ev.LockBusy("pid 7"), ev.Connected((ACCOUNT,), 9000), ev.LockTaken())
    stage.run(1990)
    before = looks(stage)
    while not stage.finished:
        stage.run(10)
    assert looks(stage) - before == 2


@pytest.mark.parametrize(
    "again",
    [
        (ev.BrokerLink(False, 1100), ev.BrokerLink(True, 1102)),
        (ev.Disconnected(ev.Trouble.CLOSED, "lost"), ev.Connected(("DU1",), 9000)),
    ],
)
def test_half_a_proof_from_before_a_break_is_none(again: tuple[ev.Event, ...]) -> None:
    """What was opened and filled meanwhile, one look behind it need not show."""
    stage = Stage().begin()
    stage.run(390)
    stage.tell(*again)
    stage.run(300)
    assert not stage.finished  # one look behind the break, 400 ms after the one before it
    stage.run(300)
    assert stage.report.flat


def test_half_a_proof_from_before_a_take_over_is_none() -> None:
    stage = Stage(takeover_settle_ns=2 * SECOND).press()
    stage.tell(ev.LockBusy("pid 7"), ev.Connected((ACCOUNT,), 9000))
    stage.run(300)
    stage.tell(ev.LockTaken())
    stage.run(1990)
    before = looks(stage)
    while not stage.finished:
        stage.run(10)
    assert looks(stage) - before == 2


def test_a_hint_in_the_watch_breaks_half_a_proof_too() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=4 * SECOND, quarantine_ns=60 * SECOND).begin()
    stage.run(4100)
    assert stage.finished and stage.report.outcome is LoginOutcome.RESIDUE
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.positions = []
    stage.executions = [execution(CALL, -3)]  # closed by hand
    while stage.machine._ending.proof.clean_since_ns is None:
        stage.run(10)
    stage.tell(ev.OrderSeen(77, "Submitted"))
    stage.run(410)
    assert not stage.report.flat  # it would have been
    stage.run(1000)
    assert stage.report.flat


# nothing more to do ---------------------------------------------------------------------------------------------------


def expired(*others: object, orders: list[WorkingOrder] | None = None, **settings: int) -> Stage:
    """3 calls that only a person can close; by that alone the kill would be over."""
    return Stage(held(CALL, 3), *others, orders=orders, **settings).begin()


def test_what_only_a_person_can_close_ends_the_kill() -> None:
    stage = expired()
    stage.reject(stage.place, 392, "expired")
    stage.run(1000)
    assert stage.finished and stage.report.outcome is LoginOutcome.RESIDUE


def test_not_by_the_look_that_has_shown_the_order_to_be_over() -> None:
    """The position that it lists may be older than that."""
    stage = expired()
    stage.reject(stage.place, 392, "expired")
    before = looks(stage)
    while not stage.finished:
        stage.run(10)
    assert looks(stage) - before == 2


def test_not_while_there_is_another_that_the_kill_can_close() -> None:
    stage = expired(held(option(12, "QQQ"), 1))
    stage.reject(stage.place, 392, "expired")
    stage.run(1000)
    assert not stage.finished and len(stage.placed) == 2


def test_not_while_an_order_is_open() -> None:
    stage = expired(orders=[order(ES, "BUY", 1)])
    stage.reject(stage.place, 392, "expired")
    stage.run(60_000)
    assert not stage.finished


def test_not_while_another_contract_is_in_doubt() -> None:
    """2 were bought, and no list of positions shows them: they are still to be closed."""
    stage = expired(doubt_ns=4 * SECOND)
    stage.executions = [execution(ES, 2)]
    stage.run(600)
    stage.reject(stage.place, 392, "expired")
    stage.run(3000)
    assert not stage.finished


def test_not_while_the_link_is_down_or_another_kill_closes() -> None:
    for event in (ev.BrokerLink(False, 1100), ev.LockLost()):
        stage = expired(retry_first_ns=60 * SECOND)
        stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
        stage.run(1000)
        stage.tell(event)
        stage.reject(stage.place, 392, "expired")
        stage.run(3000)
        assert not stage.finished, event


def test_not_by_a_look_that_is_too_old() -> None:
    stage = expired(retry_first_ns=60 * SECOND, read_age_max_ns=10 * SECOND)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.run(1000)
    stage.answers = False
    stage.run(11_000)
    stage.reject(stage.place, 392, "expired")
    stage.run(3000)
    assert not stage.finished


# the deadline and the watch -------------------------------------------------------------------------------------------


def test_before_there_is_a_result_it_is_unknown_whatever_is_seen() -> None:
    assert Stage(held(CALL, 3)).begin().report.outcome is LoginOutcome.UNKNOWN


def test_a_short_kill_withdraws_its_orders_in_the_last_quarter() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=8 * SECOND, wrap_up_ns=3 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(5900)
    assert stage.withdrawn == []
    stage.run(200)
    assert stage.withdrawn == [1]


def test_a_short_watch_is_not_over_before_it_has_begun() -> None:
    """Of four seconds it closes in three: the last quarter is for withdrawing."""
    stage = Stage(quarantine_ns=4 * SECOND, wrap_up_ns=3 * SECOND).begin()
    stage.run(2000)
    assert stage.finished
    stage.positions = [held(future(2, "NQ"), 2), held(CALL, 2)]
    stage.executions = [execution(CALL, 2, "c.01"), execution(future(2), 2, "f.01")]
    assert stage.next_place(within_ms=700).quantity == 2


def test_without_a_watch_the_kill_stops_with_its_result() -> None:
    stage = Stage().begin()
    stage.run(1000)
    finish = next(n for n, command in enumerate(stage.commands) if isinstance(command, Finish))
    assert stage.commands[finish + 1 :] == [Stop()]


def test_what_the_watch_has_shown_is_the_result_in_the_end() -> None:
    stage = Stage(deadline_ns=5 * SECOND, quarantine_ns=10 * SECOND).press()
    stage.positions = None
    stage.tell(ev.LockBusy("pid 7", False), ev.Connected((ACCOUNT,), 9000))  # who may not close can only look
    stage.run(6000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN
    stage.positions = [held(CALL, 2)]
    stage.run(12_000)
    assert stage.all(Stop) and stage.report.outcome is LoginOutcome.RESIDUE


def test_no_two_questions_have_the_same_number() -> None:
    stage = Stage(held(CALL, 3), orders=[order(ES, "BUY", 1)]).begin()
    stage.orders = []
    stage.run(500)
    numbers = [one.read_id for one in stage.commands if isinstance(one, READS)]
    assert stage.all(ReadCompleted) and len(numbers) == len(set(numbers))


def test_a_close_that_this_kill_withdrew_and_a_late_list_still_shows_did_not_go_with_a_global_cancel() -> None:
    stage = Stage(held(CALL, 3)).begin()
    place = stage.place
    stage.acknowledge(place)
    stage.orders = [stage.listed(place)]
    stage.run(300)
    stage.tell(ev.CloseStatus(place.key, "Cancelled", D(0), 901))
    stage.run(100)  # the list is late
    stage.orders = []
    stage.fill(stage.next_place())
    stage.run(3000)
    assert stage.report.flat and stage.report.notes == ()
