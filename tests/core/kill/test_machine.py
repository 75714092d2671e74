"""The kill of one login as a whole: the button, the connection, the right to close, the proof, the end, the watch."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ACCOUNT,
    ES,
    SECOND,
    Connect,
    D,
    GlobalCancel,
    ReadOrders,
    Stage,
    ev,
    execution,
    held,
    option,
    order,
)
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill.outcome.notices import READ_ONLY_NOTE
from engine.core.kill.report import LoginOutcome, ResidueReason

CALL = option(11)
OTHERS_CLOSE = order(CALL, "SELL", 3, order_ref="QEKILL-other-1", client_id=9001)


def outcome(stage: Stage) -> LoginOutcome:
    return stage.report.outcome


# the button -----------------------------------------------------------------------------------------------------------


def test_a_second_press_joins_with_one_more_cancel() -> None:
    stage = Stage(orders=[order(CALL, "BUY", 1)]).begin()
    assert [c for c in stage.tell(ev.PressedAgain()) if isinstance(c, GlobalCancel)] == [GlobalCancel()]
    assert "pressed_again" in stage.said


def test_a_second_press_while_nothing_is_connected_has_nothing_to_send() -> None:
    stage = Stage().press()
    stage.tell(ev.PressedAgain())
    assert stage.cancels == 0 and "pressed_again" not in stage.said


def test_it_is_finished_when_its_result_is_given_and_not_before() -> None:
    stage = Stage().begin()
    assert not stage.machine.finished
    stage.run(1000)
    assert stage.machine.finished and stage.report.flat


# connecting -----------------------------------------------------------------------------------------------------------


def test_connections_that_each_end_at_once_are_told_a_few_times_and_cancel_every_time() -> None:
    stage = Stage().press()
    stage.tell(ev.LockTaken())
    stage.answers = False
    for _ in range(10):
        stage.tell(ev.Connected((ACCOUNT,), 9000))
        stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "TWS ended the connection"))
        stage.run(1000)
    assert stage.said.count("connected") == 3 and stage.cancels == 10


def test_a_failed_connection_is_tried_again() -> None:
    stage = Stage().press()
    assert len(stage.all(Connect)) == 1
    stage.tell(ev.Disconnected(ev.Trouble.REFUSED, "nothing listens"))
    stage.run(400)
    assert len(stage.all(Connect)) == 2


@pytest.mark.parametrize(
    ("trouble", "patience_ms"), [(ev.Trouble.REFUSED, 5000), (ev.Trouble.SILENT, 12_000), (ev.Trouble.FAILED, 12_000)]
)
def test_a_login_that_never_answers_is_given_up_as_unreachable(trouble: ev.Trouble, patience_ms: int) -> None:
    stage = Stage().press()
    stage.tell(ev.Disconnected(trouble, "the reason"))
    stage.run(patience_ms - 100)
    assert not stage.finished
    stage.run(200)
    assert stage.finished and outcome(stage) is LoginOutcome.UNREACHABLE and stage.report.trouble == "the reason"


def test_the_accounts_are_those_that_the_login_has_named_last() -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.tell(ev.Connected((ACCOUNT, "DU2"), 9000))
    assert stage.report.accounts == (ACCOUNT, "DU2") and stage.report.timings.connected_ms == 0
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"), ev.Connected((), 9000))
    assert stage.report.accounts == (ACCOUNT, "DU2")


def test_a_login_that_is_silent_to_the_deadline_is_unreachable() -> None:
    stage = Stage(deadline_ns=3 * SECOND).press()
    stage.run(3000)
    assert stage.finished and outcome(stage) is LoginOutcome.UNREACHABLE


@pytest.mark.parametrize(
    ("positions", "answers", "expected"),
    [
        ([held(ES, 3)], True, LoginOutcome.RESIDUE),
        ([], True, LoginOutcome.UNKNOWN),  # nothing is left, and not proven
        ([held(ES, 3)], False, LoginOutcome.UNKNOWN),
    ],
)
def test_a_login_that_comes_up_after_it_was_given_up_is_reported_as_it_is_read(
    positions: list[PositionFact], answers: bool, expected: LoginOutcome
) -> None:
    stage = Stage(*positions, quarantine_ns=60 * SECOND).press()
    stage.tell(ev.Disconnected(ev.Trouble.REFUSED, "nothing listens"))
    stage.run(5200)
    assert stage.finished and outcome(stage) is LoginOutcome.UNREACHABLE
    stage.answers = answers
    stage.tell(ev.Connected((ACCOUNT,), 9000))
    assert outcome(stage) is expected
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    assert outcome(stage) is LoginOutcome.UNKNOWN


def test_the_timeline_begins_with_the_press() -> None:
    entry = Stage().press().report.timeline[0]
    assert (entry.at_ms, entry.kind, entry.text) == (0, "pressed", "kill switch pressed")


def test_before_anything_is_known_the_report_says_so() -> None:
    stage = Stage().press()
    assert outcome(stage) is LoginOutcome.UNREACHABLE
    stage.answers = False
    stage.tell(ev.Connected((ACCOUNT,), 9000))
    assert outcome(stage) is LoginOutcome.UNKNOWN
    assert stage.report.trouble == "the last reads are not complete, or do not agree with each other"


def test_a_cancel_that_the_driver_has_sent_already_is_not_sent_twice() -> None:
    stage = Stage().press()
    stage.tell(ev.Connected((ACCOUNT,), 9000, cancel_sent=True))
    assert stage.cancels == 0 and stage.report.timings.first_cancel_ms == 0


def test_a_cancel_sent_before_the_kill_was_there_is_told_with_its_own_time() -> None:
    stage = Stage().press()
    stage.tell(ev.Struck(SECOND // 10, "global cancel sent (client 7)"))
    stage.now_ns = SECOND
    stage.tell(ev.Connected((ACCOUNT,), 7, cancel_sent=True))
    assert stage.report.timings.first_cancel_ms == 100
    (step,) = stage.report.timeline[1:2]
    assert (step.at_ms, step.kind, step.text) == (100, "cancel_sent", "global cancel sent (client 7)")


def test_a_tws_that_took_that_cancel_and_is_gone_is_waited_for_to_the_deadline() -> None:
    """It is being started again; one of which nothing was ever heard is given up after seconds."""
    stage = Stage(deadline_ns=60 * SECOND).press()
    stage.tell(ev.Struck(0, "global cancel sent (client 7)"))
    stage.tell(ev.Disconnected(ev.Trouble.REFUSED, "nothing listens"))
    stage.run(59_000)
    assert not stage.finished
    stage.run(2_000)
    assert outcome(stage) is LoginOutcome.UNREACHABLE


# the link behind TWS --------------------------------------------------------------------------------------------------


def test_while_tws_has_lost_ibkr_nothing_is_sent_and_nothing_counts() -> None:
    stage = Stage(deadline_ns=10 * SECOND).begin()
    stage.tell(ev.BrokerLink(False, 1100))
    reads = len(stage.all(ReadOrders))
    stage.run(10_000)
    assert len(stage.all(ReadOrders)) == reads
    assert outcome(stage) is LoginOutcome.UNKNOWN and "1100" in stage.report.trouble


def test_when_the_link_is_back_everything_is_cancelled_and_read_anew() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.tell(ev.BrokerLink(False, 1100), ev.BrokerLink(False, 2110))
    cancels, reads = stage.cancels, len(stage.all(ReadOrders))
    stage.tell(ev.BrokerLink(True, 1102))
    stage.run(100)
    assert stage.cancels == cancels + 1 and len(stage.all(ReadOrders)) > reads
    assert stage.said.count("link_down") == 1 and stage.said.count("link_up") == 1


def test_a_link_that_comes_back_while_we_are_disconnected_sends_nothing() -> None:
    stage = Stage().begin()
    stage.tell(ev.BrokerLink(False, 1100), ev.Disconnected(ev.Trouble.CLOSED, "lost"))
    cancels = stage.cancels
    stage.tell(ev.BrokerLink(True, 1102))
    assert stage.cancels == cancels


# the right to close ---------------------------------------------------------------------------------------------------


def watching(*positions: object, orders: list[WorkingOrder] | None = None, **settings: int) -> Stage:
    """Another kill has the right to close."""
    stage = Stage(*positions, orders=orders, **settings).press()
    stage.tell(ev.LockBusy("pid 7"), ev.Connected((ACCOUNT,), 9000))
    return stage


def test_while_another_kill_closes_this_one_watches_and_says_so_once() -> None:
    stage = watching(held(CALL, 3), deadline_ns=5 * SECOND)
    stage.tell(ev.LockBusy("pid 7"))
    stage.run(5000)
    assert stage.placed == [] and stage.said.count("lock_busy") == 1
    assert stage.reasons == [ResidueReason.ANOTHER_KILL] and stage.residue[0].detail == "pid 7"


def test_before_the_right_to_close_is_known_to_be_anybodys_no_holder_is_named() -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.tell(ev.Connected((ACCOUNT,), 9000))
    stage.run(500)
    assert stage.placed == [] and stage.residue[0].detail == ""


def test_a_holder_that_has_ended_before_tws_is_reached_is_told_as_that() -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.tell(ev.LockBusy("pid 7"), ev.LockBusy())
    told = [entry.text for entry in stage.report.timeline if entry.kind in ("lock_free", "lock_busy")]
    assert told == [
        "another kill is closing this login (pid 7); watching and verifying",
        "the other kill has ended: this one closes as soon as TWS is reached",
    ]
    assert stage.said.count("lock_free") == 1


def test_another_holder_is_news() -> None:
    stage = watching()
    stage.tell(ev.LockBusy("pid 8"))
    assert stage.said.count("lock_busy") == 2


def test_behind_the_verdict_no_other_kill_is_spoken_of() -> None:
    stage = watching(quarantine_ns=60 * SECOND)
    stage.run(5000)
    assert stage.report.flat
    stage.tell(ev.LockBusy("pid 8"))
    assert stage.said.count("lock_busy") == 1


def test_a_holder_that_is_met_again_after_this_kill_was_shut_out_is_news() -> None:
    stage = watching()
    stage.tell(ev.LockTaken(), ev.LockLost(), ev.LockBusy("pid 7"))
    assert stage.said.count("lock_busy") == 2


def test_a_right_that_is_free_again_is_told_until_this_kill_can_take_it() -> None:
    stage = watching()
    stage.tell(ev.LockBusy(""))
    assert [entry.kind for entry in stage.report.timeline][-1] == "lock_free"
    stage.tell(ev.LockBusy(""))
    assert stage.said.count("lock_free") == 1


@pytest.mark.parametrize(
    ("taken_from", "words"),
    [("", "the other kill is gone"), ("pid 7, hung", "the other kill hung (pid 7, hung)")],
)
def test_a_take_over_says_what_became_of_the_other(taken_from: str, words: str) -> None:
    stage = watching()
    stage.tell(ev.LockTaken(taken_from=taken_from, left=ev.Left.FLAT if taken_from else ev.Left.DEAD))
    [text] = [entry.text for entry in stage.report.timeline if entry.kind == "took_over"]
    assert text == f"{words}: taking over from what the broker shows"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (ev.Left.FLAT, "the other kill has ended and says that it is flat: verifying it"),
        (
            ev.Left.ENDED,
            "the other kill has ended and does not say that it is flat: taking over from what the broker shows",
        ),
    ],
)
def test_a_kill_that_has_ended_is_not_said_to_be_gone(left: ev.Left, words: str) -> None:
    stage = watching()
    stage.tell(ev.LockTaken(left=left))
    assert [entry.text for entry in stage.report.timeline if entry.kind == "took_over"] == [words]


def test_a_login_that_another_kill_has_flattened_is_flat_and_joined() -> None:
    stage = watching()
    stage.run(1000)
    assert stage.report.flat and stage.report.joined


def test_one_that_has_closed_something_itself_is_not_said_to_have_joined() -> None:
    stage = watching(held(CALL, 3))
    stage.tell(ev.LockTaken())
    stage.fill(stage.next_place())
    stage.run(3000)
    assert stage.report.flat and not stage.report.joined


def test_the_closing_orders_of_the_kill_that_has_the_right_are_not_cancelled() -> None:
    stage = watching(held(CALL, 3), orders=[OTHERS_CLOSE])
    stage.run(3000)
    assert stage.cancels == 1
    stage.orders = [OTHERS_CLOSE, order(CALL, "BUY", 1)]
    stage.run(3000)
    assert stage.cancels > 1


def test_when_the_other_kill_dies_this_one_takes_over_after_a_look_at_what_it_left() -> None:
    stage = watching(held(CALL, 3), takeover_settle_ns=2 * SECOND)
    stage.run(500)
    stage.tell(ev.LockTaken())
    assert "took_over" in stage.said
    stage.run(1900)
    assert stage.placed == []
    assert stage.next_place().quantity == 3


def test_a_clean_look_before_the_dead_kills_last_orders_could_show_proves_nothing() -> None:
    stage = watching(takeover_settle_ns=2 * SECOND)
    stage.tell(ev.LockTaken())
    stage.run(1900)
    assert not stage.finished
    stage.run(1500)
    assert stage.report.flat


@pytest.mark.parametrize("left", [ev.Left.DEAD, ev.Left.ENDED])
def test_only_who_says_flat_has_nothing_under_way_that_a_proof_would_wait_for(left: ev.Left) -> None:
    def flat_after_ms(taken: ev.LockTaken) -> int:
        stage = watching(takeover_settle_ns=2 * SECOND)
        stage.run(100)
        stage.tell(taken)
        began_ns = stage.now_ns
        while not stage.finished:
            stage.run(20)
        assert stage.report.flat
        return (stage.now_ns - began_ns) // 1_000_000

    assert flat_after_ms(ev.LockTaken(left=ev.Left.FLAT)) <= 500
    assert flat_after_ms(ev.LockTaken(left=left)) >= 2000
    assert flat_after_ms(ev.LockTaken(left=ev.Left.FLAT, taken_from="pid 7, was shut out")) >= 2000


def test_where_no_lock_can_be_had_nothing_is_proven_before_another_closers_orders_could_show() -> None:
    stage = Stage(nothing_shared_settle_ns=2 * SECOND).press()
    stage.tell(ev.LockTaken(shared_nothing=True), ev.Connected((ACCOUNT,), 9000))
    stage.run(1900)
    assert not stage.finished
    stage.run(1500)
    assert stage.report.flat


def test_by_the_word_of_another_kill_that_it_is_flat_nothing_is_sent_sooner() -> None:
    stage = watching(held(CALL, 3), takeover_settle_ns=2 * SECOND)
    stage.run(500)
    stage.tell(ev.LockTaken(left=ev.Left.FLAT))
    stage.run(1900)
    assert stage.placed == [] and not stage.finished
    assert stage.next_place().quantity == 3


def test_the_right_to_close_is_kept() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.tell(ev.LockBusy("pid 7"), ev.LockTaken(), ev.LockTaken(shared_nothing=True))
    assert "lock_busy" not in stage.said and "no_lock" not in stage.said and stage.report.notes == ()


def test_where_no_lock_can_be_had_it_looks_twice_and_says_so() -> None:
    stage = Stage(held(CALL, 3), nothing_shared_settle_ns=2 * SECOND).press()
    stage.tell(ev.LockTaken(shared_nothing=True), ev.Connected((ACCOUNT,), 9000))
    stage.run(1900)
    assert stage.placed == [] and "another closer could not be excluded" in stage.report.notes[0]
    assert stage.next_place().quantity == 3


# hints ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hint", [ev.PositionChanged(held(CALL, 1)), ev.OrderSeen(77, "Submitted"), ev.PositionChanged(held(ES, -2))]
)
def test_a_hint_that_something_is_open_breaks_half_a_proof(hint: ev.Event) -> None:
    stage = Stage().begin()
    stage.run(300)
    stage.tell(hint)
    stage.run(200)
    assert not stage.finished  # it would have been, 400 ms after the first clean look
    stage.run(600)
    assert stage.report.flat


def test_a_position_that_is_gone_only_has_the_next_look_come_sooner() -> None:
    stage = Stage().begin()
    stage.run(300)
    reads = len(stage.all(ReadOrders))
    stage.tell(ev.PositionChanged(held(CALL, 0)))
    stage.run(60)
    assert len(stage.all(ReadOrders)) == reads + 1
    stage.run(450)
    assert stage.report.flat


def test_a_proof_is_not_told_when_something_shows_up_in_the_same_breath() -> None:
    stage = Stage().begin()
    stage.run(300)
    stage.answers = False
    stage.run(200)
    orders = stage.all(ReadOrders)[-1].read_id
    for answer in (ev.OrdersRead(orders, ()), ev.PositionsRead(orders + 1, ()), ev.ExecutionsRead(orders + 2, ())):
        stage.machine.handle(answer, stage.now_ns, more=True)
    assert stage.report.flat and not stage.machine.finished  # proven, and not told yet
    stage.tell(ev.OrderSeen(77, "Submitted"))
    assert not stage.report.flat and not stage.machine.finished


@pytest.mark.parametrize("heard", ["close", "notice"])
def test_read_only_mode_is_said_once_with_what_to_do(heard: str) -> None:
    stage = Stage(held(CALL, 3), deadline_ns=10 * SECOND).begin()
    text = "Error validating request: The API interface is currently in Read-Only mode"
    told: ev.Event = ev.CloseError(1, 321, text) if heard == "close" else ev.Notice(321, text)
    stage.tell(told, told)
    assert stage.report.notes == (READ_ONLY_NOTE,) and stage.said.count("read_only") == 1
    stage.run(10_000)
    assert stage.reasons == [ResidueReason.READ_ONLY]


def test_another_321_is_not_read_only_mode() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.tell(ev.Notice(321, "Missing order exchange"), ev.Notice(2104, "farm is fine"))
    assert stage.report.notes == ()


# reads ----------------------------------------------------------------------------------------------------------------


def test_a_failed_read_is_said_and_repeated_and_its_reason_is_the_reports() -> None:
    stage = Stage(deadline_ns=5 * SECOND)
    stage.positions = None
    stage.begin()
    assert "read_failed" in stage.said
    stage.run(5000)
    assert outcome(stage) is LoginOutcome.UNKNOWN
    assert "positions could not be read: no answer within 3 s" in stage.report.trouble


def test_an_answer_to_nothing_is_nothing() -> None:
    stage = Stage(held(CALL, 3)).begin()
    said = len(stage.said)
    stage.tell(ev.CompletedRead(99, ()), ev.ReadFailed(99, "late"), ev.OrdersRead(99, ()))
    assert len(stage.said) == said and stage.report.cancelled == ()


def test_orders_that_do_not_go_are_cancelled_again_ever_more_patiently() -> None:
    stage = Stage(orders=[order(CALL, "BUY", 1)], deadline_ns=60 * SECOND).begin()
    stage.run(30_000)
    assert 4 <= stage.cancels <= 8 and "cancel_again" in stage.said


def test_without_executions_a_proof_takes_longer() -> None:
    stage = Stage(executions_patience_ns=0)
    stage.executions = None
    stage.begin()
    stage.run(900)
    assert not stage.finished
    stage.run(1500)
    assert stage.report.flat


def sending(client_id: int, looks: int = 6) -> Stage:
    """Somebody sends an order behind every look, and a closing order of ours rests."""
    stage = Stage(held(CALL, 3), deadline_ns=60 * SECOND).begin()
    stage.acknowledge(stage.place)
    ours = stage.listed(stage.place)
    for number in range(looks):
        stage.orders = [ours]
        stage.run(1000)
        new = {"perm_id": 600 + number, "order_id": 3 + number, "client_id": client_id}
        stage.orders = [ours, order(ES, "BUY", 1, **new)]
        stage.tell(ev.OrderSeen(600 + number, "Submitted"))
        stage.run(100)
    return stage


def test_a_program_that_goes_on_sending_is_in_the_report_and_whether_it_still_does() -> None:
    stage = sending(42)
    assert [(sender.client_id, sender.still) for sender in stage.report.senders] == [(42, True)]
    stage.run(6000)
    assert [(sender.client_id, sender.still) for sender in stage.report.senders] == [(42, False)]


def test_what_this_kills_own_connection_has_sent_is_no_programs() -> None:
    assert sending(9000).report.senders == ()


# the end, and the watch after it --------------------------------------------------------------------------------------


def test_a_position_at_the_deadline_is_residue() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=5 * SECOND).begin()
    stage.run(5000)
    assert stage.finished and outcome(stage) is LoginOutcome.RESIDUE


def test_reads_too_old_describe_nothing() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=30 * SECOND).begin()
    stage.answers = False
    stage.run(30_000)
    assert stage.finished and outcome(stage) is LoginOutcome.UNKNOWN


def test_nothing_left_and_not_proven_is_unknown_not_flat_nor_residue() -> None:
    stage = Stage(deadline_ns=5 * SECOND, proof_gap_ns=60 * SECOND).begin()
    stage.run(5000)
    assert stage.finished and outcome(stage) is LoginOutcome.UNKNOWN


def test_after_its_result_it_watches_and_closes_what_fills_late() -> None:
    stage = Stage(quarantine_ns=20 * SECOND).begin()
    stage.run(1000)
    assert stage.finished and not stage.stopped and stage.report.flat
    stage.tell(ev.OrderSeen(77, "Submitted"))
    assert stage.report.flat  # a hint is no fact, and the result has been given
    stage.positions = [held(CALL, 2)]
    place = stage.next_place()
    assert outcome(stage) is LoginOutcome.RESIDUE and any(e.kind == "not_flat" for e in stage.report.timeline)
    stage.fill(place)
    stage.run(2000)
    assert stage.report.flat
    stage.run(20_000)
    assert stage.stopped and stage.report.flat


@pytest.mark.parametrize("positions", [[], None])
def test_an_order_that_shows_up_in_the_watch_takes_the_claim_back_although_positions_cannot_be_read(
    positions: list[PositionFact] | None,
) -> None:
    stage = Stage(quarantine_ns=3 * SECOND).begin()
    stage.run(1000)
    assert stage.report.flat
    stage.positions, stage.orders = positions, [order(CALL, "BUY", 1)]
    stage.run(2500)
    assert outcome(stage) is (LoginOutcome.UNKNOWN if positions is None else LoginOutcome.RESIDUE)
    assert "not_flat" in [entry.kind for entry in stage.report.timeline]
    stage.run(1000)
    assert stage.stopped and not stage.report.flat and (stage.report.trouble or stage.residue)


def test_the_end_of_the_watch_tells_what_is_left_then() -> None:
    stage = Stage(quarantine_ns=5 * SECOND).begin()
    stage.run(1000)
    stage.positions = [held(CALL, 2)]
    stage.run(6000)
    assert stage.stopped and outcome(stage) is LoginOutcome.RESIDUE
    assert stage.tell(ev.Woke()) == []  # nothing follows the end


def test_a_login_that_is_lost_in_the_watch_keeps_its_proof() -> None:
    stage = Stage(quarantine_ns=5 * SECOND).begin()
    stage.run(1000)
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "TWS was closed"))
    stage.run(6000)
    assert stage.stopped and stage.report.flat


# given up, and there after all ----------------------------------------------------------------------------------------


def came_up_after_all(*positions: PositionFact) -> Stage:
    """Given up as unreachable; it answers while the watch goes on. The right to close is another's."""
    stage = Stage(*positions, quarantine_ns=60 * SECOND).press()
    stage.tell(ev.Disconnected(ev.Trouble.REFUSED, "nothing listens"))
    stage.run(6000)
    assert stage.finished and outcome(stage) is LoginOutcome.UNREACHABLE
    stage.tell(ev.Connected((ACCOUNT,), 9000))
    return stage


def test_what_an_unreachable_login_shows_in_the_watch_is_what_is_reported_then() -> None:
    stage = came_up_after_all(held(CALL, 3))
    assert outcome(stage) is LoginOutcome.RESIDUE
    assert [(item.contract, item.quantity) for item in stage.residue] == [(CALL, 3)]


def test_one_that_shows_nothing_once_is_not_proven_flat() -> None:
    stage = came_up_after_all()
    assert outcome(stage) is LoginOutcome.UNKNOWN
    stage.run(1000)
    assert stage.report.flat


def test_one_that_has_come_up_and_is_gone_again_is_unknown() -> None:
    stage = came_up_after_all(held(CALL, 3))
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "TWS was closed"))
    assert outcome(stage) is LoginOutcome.UNKNOWN


# what is left, and why ------------------------------------------------------------------------------------------------


def test_a_position_behind_a_dead_link_is_left_for_that_reason() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=20 * SECOND).begin()
    stage.tell(ev.BrokerLink(False, 1100))
    assert stage.reasons == [ResidueReason.LINK_DOWN]


def test_what_executions_tell_and_no_list_of_positions_shows_is_unconfirmed() -> None:
    stage = Stage(deadline_ns=15 * SECOND).begin()
    stage.executions = [execution(CALL, 2, recent=True)]
    stage.run(1500)
    assert not stage.finished
    assert [(r.quantity, r.reason) for r in stage.residue] == [(D(2), ResidueReason.POSITION_UNCONFIRMED)]


def test_an_order_that_stays_is_named_with_its_owner() -> None:
    stage = Stage(orders=[order(CALL, "SELL", 3)], deadline_ns=5 * SECOND).begin()
    stage.run(5000)
    [left] = stage.residue
    assert left.reason is ResidueReason.WORKING_ORDER and left.quantity == -3 and "client 7" in left.order


def test_one_that_only_waits_its_turn_says_what_it_waits_for() -> None:
    stage = Stage(held(option(1, "A"), 1), held(option(2, "B"), 1)).begin()
    stage.tell(ev.CloseSent(stage.place.key))
    stage.run(500)
    assert stage.reasons == [ResidueReason.CLOSE_UNACKNOWLEDGED, ResidueReason.WAITING_TURN]


def test_what_the_deadline_caught_without_another_reason_is_out_of_time() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=SECOND).press()
    stage.run(900)
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.run(100)
    assert stage.reasons == [ResidueReason.OUT_OF_TIME] and stage.placed == []
