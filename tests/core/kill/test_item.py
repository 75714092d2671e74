"""One contract of one account: what is heard of its orders, in whatever order, and what is learned at the end."""

from __future__ import annotations

import pytest

from core.kill.builders import ES, D, Resolve, Stage, ev, execution, future, held, option, quote
from engine.core.contracts import Contract
from engine.core.kill.closes.item import Item
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import MS, SECOND, KillSettings

CALL = option(11)


def stage_with(quantity: int = 3, **settings: int) -> Stage:
    return Stage(held(CALL, quantity), **settings).begin()


def item_of(stage: Stage) -> Item:
    return stage.machine._closing.items["DU1", 11]


def cancelled(stage: Stage) -> None:
    stage.tell(ev.CloseStatus(stage.place.key, "Cancelled", D(0), 0))


# the report -----------------------------------------------------------------------------------------------------------


def test_an_order_behind_one_that_was_withdrawn_is_told_as_what_it_is() -> None:
    """While the login is watched it is closed again, and nobody has shown that the new order is at the exchange."""
    stage = stage_with(deadline_ns=5 * SECOND, quarantine_ns=60 * SECOND)
    first = stage.acknowledge_first()
    stage.run(4000)
    assert stage.withdrawn == [first.key] and stage.reasons[0] is ResidueReason.CLOSE_WORKING
    stage.orders = []
    stage.tell(ev.CloseStatus(first.key, "Cancelled", D(0), 901))
    second = stage.next_place()
    assert stage.reasons == [ResidueReason.CLOSE_NOT_SENT]
    stage.tell(ev.CloseSent(second.key))
    assert stage.reasons == [ResidueReason.CLOSE_UNACKNOWLEDGED]


def test_what_the_market_is_like_is_why_an_order_did_not_fill_though_it_was_withdrawn_in_the_end() -> None:
    stage = stage_with(deadline_ns=12 * SECOND)
    stage.acknowledge_first()
    stage.run(5200)
    stage.tell(ev.Quoted(11, quote(halted=True)))
    stage.run(7000)
    assert stage.withdrawn == [1]
    assert stage.reasons[0] is ResidueReason.HALTED


def test_an_order_that_was_refused_just_before_the_end_is_told_in_the_brokers_words() -> None:
    stage = stage_with(deadline_ns=4 * SECOND)
    stage.acknowledge_first()
    stage.run(2850)
    stage.answers = False  # nothing shows any more whether it is open
    stage.reject(stage.place, 201, "margin")
    stage.run(1200)
    assert stage.withdrawn == [1]
    assert (stage.residue[0].reason, stage.residue[0].detail) == (ResidueReason.REJECTED, "201: margin")


def test_what_an_order_before_it_was_refused_for_is_not_why_an_order_was_withdrawn_in_the_end() -> None:
    stage = stage_with(deadline_ns=8 * SECOND)
    stage.reject(stage.place, 201, "margin")
    second = stage.next_place()
    stage.acknowledge(second)
    stage.orders = [stage.listed(second)]
    stage.run(5500)
    assert stage.withdrawn == [second.key]
    stage.orders = []
    stage.tell(ev.CloseStatus(second.key, "Cancelled", D(0), 902))
    assert [e.text for e in stage.report.timeline if e.kind == "close_ended"][-1] == (
        "SPY C: closing order ended, 0 filled."
    )


# errors ---------------------------------------------------------------------------------------------------------------


def test_an_error_is_not_proof_that_the_order_is_dead() -> None:
    stage = stage_with()
    stage.orders = [stage.listed(stage.place)]
    stage.reject(stage.place, 201, "Order rejected - reason: margin")
    stage.run(5000)
    assert len(stage.placed) == 1 and item_of(stage).live


def test_a_refused_order_that_a_later_look_does_not_list_is_dead_and_tried_again() -> None:
    stage = stage_with()
    stage.reject(stage.place, 201, "Order rejected - reason: margin")
    stage.run(1000)
    assert len(stage.placed) == 2 and "close_ended" in stage.said


@pytest.mark.parametrize("code", [161, 399, 10148, 10349, 2109])
def test_a_notice_acknowledges_and_changes_nothing_else(code: int) -> None:
    stage = stage_with()
    stage.reject(stage.place, code, "")
    stage.orders = [stage.listed(stage.place)]
    stage.run(4000)
    assert len(stage.placed) == 1 and stage.withdrawn == [] and stage.reasons[0] is not ResidueReason.REJECTED


def test_a_202_without_a_cancel_of_ours_ends_the_order() -> None:
    """Somebody's global cancel has taken it: the position is as it was, so it is sent again."""
    stage = stage_with(retry_first_ns=500 * MS)
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    stage.run(1000)
    assert len(stage.placed) == 2


def test_a_cancel_is_not_a_failure_however_often_it_comes() -> None:
    stage = stage_with()
    for _ in range(20):
        cancelled(stage)
        stage.run(1000)
    assert len(stage.placed) == 21 and not stage.finished


def test_the_reason_may_come_after_the_end() -> None:
    stage = stage_with()
    cancelled(stage)
    stage.run(100)
    stage.reject(stage.place, 201, "Order rejected - reason: margin")
    assert stage.reasons == [ResidueReason.REJECTED] and "margin" in stage.residue[0].detail
    assert item_of(stage).lessons.tries == 1


def test_the_reason_may_come_between_the_end_and_the_next_look() -> None:
    stage = stage_with()
    attempt = item_of(stage).attempt
    assert attempt is not None
    attempt.end()
    stage.machine._closing.heard(ev.CloseError(1, 201, "margin"), stage.now_ns, 1)
    assert item_of(stage).lessons.tries == 0
    stage.run(100)
    assert item_of(stage).lessons.tries == 1


def test_the_same_reason_again_is_learned_once() -> None:
    stage = stage_with()
    cancelled(stage)
    stage.run(100)
    for _ in range(20):
        stage.reject(stage.place, 201, "margin")
    assert item_of(stage).lessons.tries == 1 and not item_of(stage).lessons.given_up


def test_the_same_reason_for_the_next_order_is_learned_again() -> None:
    stage = stage_with()
    for _ in range(2):
        stage.reject(stage.place, 201, "margin")
        stage.run(1500)
    assert item_of(stage).lessons.tries == 2


def test_a_bare_cancel_after_the_reason_changes_nothing() -> None:
    stage = stage_with()
    stage.reject(stage.place, 201, "Order rejected - reason: margin")
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    assert "margin" in stage.residue[0].detail
    stage.run(100)
    assert item_of(stage).lessons.tries == 1


def test_a_bare_cancel_after_the_end_of_it_changes_nothing() -> None:
    stage = stage_with()
    stage.reject(stage.place, 201, "Order rejected - reason: margin")
    stage.run(100)
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    assert "margin" in stage.residue[0].detail


def test_a_late_notice_changes_nothing() -> None:
    stage = stage_with()
    cancelled(stage)
    stage.run(100)
    stage.reject(stage.place, 10148, "cannot be cancelled")
    assert item_of(stage).lessons.reason is None


def test_an_error_about_an_older_order_changes_nothing() -> None:
    stage = stage_with()
    cancelled(stage)
    stage.run(1000)
    assert stage.place.key == 2
    stage.reject(stage.placed[0], 201, "margin")
    stage.acknowledge(stage.place)
    assert item_of(stage).lessons.reason is None and item_of(stage).live


def test_an_error_about_an_order_that_filled_changes_nothing() -> None:
    stage = stage_with()
    stage.fill(stage.place)
    stage.run(50)
    stage.reject(stage.place, 201, "margin")
    stage.run(3000)
    assert stage.report.flat and item_of(stage).lessons.reason is None


def test_an_error_about_a_contract_that_was_given_up_keeps_the_reason() -> None:
    stage = stage_with()
    stage.reject(stage.place, 392, "expired")
    stage.run(100)
    stage.reject(stage.place, 201, "margin")
    assert stage.reasons == [ResidueReason.EXPIRED]


def test_an_error_about_no_order_of_ours_is_nobodys() -> None:
    stage = stage_with()
    stage.tell(ev.CloseError(99, 201, "?"), ev.CloseStatus(99, "Filled", D(3), 0), ev.CloseOrphaned(99))
    stage.tell(ev.CloseFill(99, execution(CALL, -3)), ev.CloseNotSent(99, "?"), ev.CloseSent(99))
    assert item_of(stage).live and item_of(stage).lessons.reason is None


# the end of an order --------------------------------------------------------------------------------------------------


def test_what_was_filled_is_said() -> None:
    stage = stage_with()
    stage.fill(stage.place)
    assert any(e.kind == "close_filled" and "SELL 3 filled" in e.text for e in stage.report.timeline)


def test_a_partly_filled_order_that_ends_is_followed_by_one_for_the_rest() -> None:
    stage = stage_with(5)
    stage.fill(stage.place, 2)
    cancelled(stage)
    stage.run(1000)
    assert [p.quantity for p in stage.placed] == [5, 3]


def test_a_part_is_progress_and_gives_new_tries() -> None:
    stage = stage_with(30)
    for _ in range(10):
        stage.fill(stage.place, 1)
        stage.reject(stage.place, 201, "margin")
        stage.run(2000)
    assert not item_of(stage).lessons.given_up and len(stage.placed) == 11


def test_refusals_without_progress_end_in_a_persons_hands() -> None:
    stage = stage_with(tries_max=6)
    for _ in range(5):
        stage.reject(stage.place, 201, "Order rejected - reason: margin")
        stage.next_place()
    stage.reject(stage.place, 201, "Order rejected - reason: margin")
    stage.run(20_000)
    assert len(stage.placed) == 6 and stage.finished
    assert stage.reasons == [ResidueReason.REJECTED] and "margin" in stage.residue[0].detail


def test_a_refused_leg_is_tried_again_as_soon_as_another_has_filled() -> None:
    """Closing the long leg first can be refused for margin; when the short one has filled it passes."""
    stage = Stage(held(CALL, 3), held(option(12, "QQQ"), 2), retry_first_ns=30 * SECOND).begin()
    first = stage.place
    stage.reject(first, 201, "margin")
    stage.run(200)
    stage.fill(stage.place)
    stage.run(200)
    assert [p.contract.con_id for p in stage.placed] == [11, 12, 11]


def test_an_error_that_is_still_to_be_learned_from_is_not_overtaken_by_others_fills() -> None:
    stage = Stage(held(CALL, 3), held(option(12, "QQQ"), 2)).begin()
    stage.acknowledge_first()
    first, second = stage.placed
    stage.orders = [stage.listed(first)]
    stage.reject(first, 201, "margin")
    stage.fill(second)
    assert item_of(stage).pending is not None and item_of(stage).lessons.tries == 0


# quotes and names -----------------------------------------------------------------------------------------------------


def test_a_quote_that_says_halted_is_the_reason() -> None:
    stage = stage_with()
    stage.tell(ev.Quoted(11, quote(halted=True)))
    assert stage.reasons == [ResidueReason.HALTED]


def test_a_contract_whose_trading_is_halted_is_tried_until_the_deadline() -> None:
    stage = stage_with()
    for _ in range(10):
        stage.reject(stage.place, 154, "halted")
        stage.next_place()
    stage.fill(stage.place)
    stage.run(2000)
    assert stage.report.flat


def test_why_there_is_no_quote_is_kept_for_the_report() -> None:
    item = Item(("DU1", 11), CALL, KillSettings())
    item.heard_quote(None, 0, "354: not subscribed")
    assert item.lessons.detail == ""  # nobody needed one
    item.lessons.market_refused = True
    item.heard_quote(None, 0, "354: not subscribed")
    item.heard_quote(None, 0, "something else")
    assert item.lessons.detail == "354: not subscribed"


@pytest.mark.parametrize(
    ("contract", "name"),
    [
        (ES, "ESZ6"),
        (Contract(con_id=5, symbol="SPY", last_trade_date="20261218", right="P"), "SPY 20261218 P"),
        (Contract(con_id=5, symbol="SPY"), "SPY"),
        (Contract(con_id=5), "5"),
    ],
)
def test_a_contract_has_a_name_for_people(contract: Contract, name: str) -> None:
    assert Item(("DU1", contract.con_id), contract, KillSettings()).name == name


def test_when_the_connection_breaks_what_was_asked_is_asked_again() -> None:
    stage = Stage(held(future(symbol="XYZ"), 3)).begin()
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "lost"))
    stage.tell(ev.Connected(("DU1",), 9000))
    stage.run(100)
    assert len(stage.all(Resolve)) == 2


# what a word of the broker leaves behind -----------------------------------------------------------------------------


def test_a_notice_is_word_enough_when_nothing_can_be_read() -> None:
    stage = stage_with(acknowledge_ns=3 * SECOND)
    stage.answers = False
    stage.reject(stage.place, 161, "")
    stage.run(4000)
    assert stage.withdrawn == []


def test_an_acknowledged_order_that_tws_does_not_know_is_over_and_followed_by_another() -> None:
    stage = stage_with()
    stage.acknowledge(stage.place)
    stage.reject(stage.place, 10147, "OrderId 1 that needs to be cancelled is not found")
    stage.run(4000)
    assert [place.key for place in stage.placed[:2]] == [1, 2]


def test_that_tws_does_not_know_an_order_that_has_ended_is_not_told_as_why_it_has() -> None:
    stage = stage_with()
    stage.reject(stage.place, 110, "The price does not conform to the minimum price variation")
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.reject(stage.place, 10147, "OrderId 1 that needs to be cancelled is not found")
    assert item_of(stage).lessons.detail.startswith("110")


def test_after_a_fill_nothing_of_the_refusal_and_of_the_silence_is_left() -> None:
    stage = stage_with(acknowledge_ns=3 * SECOND)
    stage.run(8000)
    item = item_of(stage)
    assert item.acknowledge_factor == 2
    stage.reject(stage.place, 201, "Order rejected - reason: margin")
    stage.run(3000)
    assert item.lessons.reason is ResidueReason.REJECTED
    stage.fill(stage.place)
    assert (item.acknowledge_factor, item.lessons.reason, item.lessons.detail) == (1, None, "")


def test_a_halted_quote_says_so_in_the_report() -> None:
    item = Item(("DU1", 11), CALL, KillSettings())
    item.heard_quote(quote(halted=True), 0)
    assert (item.lessons.reason, item.lessons.detail) == (ResidueReason.HALTED, "the quote says halted")


def test_the_end_of_an_order_is_told_with_the_brokers_words() -> None:
    stage = stage_with()
    stage.reject(stage.place, 201, "margin")
    stage.run(1000)
    assert [e.text for e in stage.report.timeline if e.kind == "close_ended"] == [
        "SPY C: closing order ended, 0 filled. 201: margin"
    ]
