"""Looking after a living order: silence, doubt, waiting, an unfilled limit. Never a second order beside it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.kill.builders import (
    ES,
    AskQuote,
    D,
    OrderType,
    ReadOrders,
    Stage,
    details,
    ev,
    execution,
    held,
    option,
    quote,
    stock,
)
from engine.core.contracts import Contract
from engine.core.facts import PositionFact, QuoteKind
from engine.core.kill.commands import Command
from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.core.kill.settings import MS, SECOND

CALL = option(11)


def stage_with(quantity: int = 3, **settings: int) -> Stage:
    return Stage(held(CALL, quantity), **settings).begin()


def limited(quantity: int = 3, **settings: int) -> Stage:
    """A limit order is working, and the broker lists it."""
    stage = stage_with(quantity, **settings)
    stage.reject(stage.place, 163, "price precaution")
    stage.run(1000)
    stage.price_rules(CALL)
    stage.tell(ev.Quoted(11, quote()))
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    return stage


def idle(quantity: int = 3, **settings: int) -> Stage:
    """A market order works, nobody takes it, and the kill has asked for a quote."""
    stage = stage_with(quantity, **settings)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(5100)
    stage.price_rules(CALL)
    return stage


def over(stage: Stage) -> None:
    """The order we withdrew is over."""
    stage.orders = []
    stage.reject(stage.place, 202, "Order Canceled - reason:")


def by_hours(contract: Contract, trading: str, liquid: str) -> ev.Resolved:
    """Hours of the day of the stage, 1 January 1970."""
    hours = {"trading_hours": f"19700101:{trading}", "liquid_hours": f"19700101:{liquid}", "time_zone_id": "UTC"}
    return ev.Resolved(contract.con_id, details(contract, "SMART", **hours))


def silent_lines(stage: Stage) -> list[str]:
    return [step.text for step in stage.report.timeline if step.kind == "close_silent"]


# silence --------------------------------------------------------------------------------------------------------------


def test_silence_is_a_failure_and_the_order_is_withdrawn() -> None:
    stage = stage_with(acknowledge_ns=3 * SECOND)
    stage.tell(ev.CloseSent(stage.place.key))
    stage.run(2990)
    assert stage.withdrawn == []
    stage.run(100)
    assert stage.withdrawn == [1]
    assert silent_lines(stage) == ["SPY C: no acknowledgement, withdrawing the order"]
    assert stage.reasons == [ResidueReason.CLOSE_UNACKNOWLEDGED]
    said = "TWS did not acknowledge the closing order; look for a dialog on its screen"
    assert stage.residue[0].detail == said


def test_a_tws_that_acknowledges_late_is_given_longer_each_time() -> None:
    """It acknowledges after five seconds: an order that is withdrawn after three would never fill."""
    stage = stage_with(acknowledge_ns=3 * SECOND)
    stage.tell(ev.CloseSent(stage.place.key))
    stage.run(5000)
    assert stage.withdrawn == [1]
    stage.tell(ev.CloseStatus(1, "Submitted", D(0), 901), ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.next_place()
    stage.tell(ev.CloseSent(stage.place.key))
    stage.run(5000)
    assert stage.withdrawn == [1] and stage.place.key == 2


def test_an_order_that_is_acknowledged_late_has_its_whole_time_to_fill_from_then() -> None:
    stage = stage_with(acknowledge_ns=10 * SECOND, market_patience_ns=5 * SECOND)
    stage.tell(ev.CloseSent(1))
    stage.run(6000)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4900)
    assert len(stage.all(AskQuote)) == 0
    stage.run(300)
    assert len(stage.all(AskQuote)) == 1


def test_what_one_contract_has_shown_of_that_is_known_of_the_next() -> None:
    stage = Stage(held(CALL, 3), held(option(12, "QQQ"), 2), acknowledge_ns=3 * SECOND).begin()
    stage.tell(ev.CloseSent(1))
    stage.run(3050)
    stage.tell(*(ev.CloseSent(place.key) for place in stage.placed))
    stage.run(1950)
    stage.tell(ev.CloseStatus(1, "Submitted", D(0), 901))
    assert stage.withdrawn[0] == 1
    later = next(place for place in stage.placed if place.key != 1)
    stage.tell(ev.CloseStatus(later.key, "Cancelled", D(0), 902))
    stage.run(2000)
    again = stage.place
    stage.tell(ev.CloseSent(again.key))
    before = stage.withdrawn.count(again.key)
    stage.run(4500)
    assert again.contract.con_id == 12 and stage.withdrawn.count(again.key) == before == 0


@pytest.mark.parametrize(("look_s", "patience_s"), [(1, 3), (5, 5), (60, 10)])
def test_where_looks_are_seen_to_take_long_silence_is_no_failure_so_soon(look_s: int, patience_s: int) -> None:
    stage = Stage(held(CALL, 3), acknowledge_ns=3 * SECOND)
    stage.answers = False
    stage.begin()
    stage.run(look_s * 1000)
    stage.answers = True
    stage.tell(ev.OrdersRead(1, ()))
    stage.tell(ev.CloseSent(stage.place.key))
    stage.run(patience_s * 1000 - 10)
    assert stage.withdrawn == []
    stage.run(100)
    assert stage.withdrawn == [1]


def sent_lines(stage: Stage) -> list[str]:
    return [step.text for step in stage.report.timeline if step.kind == "close_sent"]


def test_an_order_is_said_to_be_sent_when_it_leaves_and_not_when_it_is_decided() -> None:
    stage = stage_with()
    assert len(stage.placed) == 1 and sent_lines(stage) == []
    stage.tell(ev.CloseSent(1), ev.CloseSent(1), ev.CloseStatus(1, "Submitted", D(0), 901))
    assert sent_lines(stage) == ["SPY C: SELL 3 MKT on SMART"]


@pytest.mark.parametrize("word", [ev.CloseStatus(1, "Submitted", D(0), 901), ev.CloseError(1, 201, "margin")])
def test_what_the_broker_speaks_of_has_left(word: ev.Event) -> None:
    stage = stage_with()
    stage.tell(word)
    assert len(sent_lines(stage)) == 1


def test_an_order_that_waits_for_room_was_not_refused_an_acknowledgement() -> None:
    stage = stage_with(acknowledge_ns=3 * SECOND)
    stage.run(3100)
    assert stage.withdrawn == [1]
    assert silent_lines(stage) == ["SPY C: it has not left yet, withdrawing the order"]
    assert stage.reasons == [ResidueReason.CLOSE_NOT_SENT]
    assert stage.residue[0].detail == "it waited for room on a connection"
    stage.tell(ev.CloseNotSent(1, "withdrawn before it was sent"), ev.CloseSent(1))
    assert sent_lines(stage) == []
    assert stage.residue[0].detail == "it waited for room on a connection"


def test_an_order_whose_connection_was_lost_before_it_left_says_so_until_one_is_taken() -> None:
    stage = stage_with()
    stage.tell(ev.CloseNotSent(1, "the connection that carried this order is gone"))
    assert stage.reasons == [ResidueReason.CLOSE_NOT_SENT]
    assert stage.residue[0].detail == "the connection that carried this order is gone"
    stage.acknowledge(stage.next_place())
    assert stage.reasons == [ResidueReason.CLOSE_WORKING]


def test_silence_ends_in_the_very_instant_and_so_does_the_wait_for_a_cancel() -> None:
    stage = stage_with(acknowledge_ns=3 * SECOND)
    sent_ns = stage.now_ns
    stage.run(2999)
    assert stage.withdrawn == []
    stage.run(1)
    assert (stage.withdrawn, stage.now_ns - sent_ns) == ([1], 3 * SECOND)


def test_any_word_ends_the_silence() -> None:
    stage = stage_with()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4000)
    assert stage.withdrawn == []


def test_a_silent_order_is_sent_again_under_its_own_id_never_under_another() -> None:
    stage = stage_with()
    stage.run(20_000)
    assert len(stage.placed) > 1 and {place.key for place in stage.placed} == {1}
    assert "close_repeated" in stage.said


def test_it_is_sent_again_ever_more_patiently() -> None:
    stage = stage_with(acknowledge_ns=3 * SECOND, deadline_ns=300 * SECOND)
    times = []
    for _ in range(2000):
        begun = len(stage.placed)
        stage.run(100)
        times += [stage.now_ns // SECOND] * (len(stage.placed) - begun)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps) and gaps[0] >= 6 and gaps[-1] > 2 * gaps[0]
    assert stage.machine._closing.items[("DU1", 11)].acknowledge_factor == 16  # 2, 4, 8, and no further


def test_a_silent_order_is_not_sent_again_while_the_broker_lists_it() -> None:
    stage = stage_with()
    stage.orders = [stage.listed(stage.place)]
    stage.run(4000)
    assert len(stage.placed) == 1


def test_a_silent_order_is_not_sent_again_when_the_position_says_it_may_have_filled() -> None:
    stage = stage_with(3)
    stage.run(3100)
    stage.positions = [held(CALL, 1)]
    stage.run(15_000)
    assert len(stage.placed) == 1


def test_after_a_long_time_it_is_sent_again_for_no_more_than_what_is_left() -> None:
    """A part was assigned or closed by somebody else, or has filled unseen: under its own id it cannot double."""
    stage = stage_with(3)
    stage.run(3100)
    stage.positions = [held(CALL, 1)]
    stage.run(30_000)
    assert [(place.key, place.quantity) for place in stage.placed] == [(1, 3), (1, 1)]
    assert stage.placed[1].order_ref == stage.placed[0].order_ref


def test_that_it_was_too_large_until_then_does_not_withdraw_it() -> None:
    stage = stage_with(3)
    stage.run(3100)
    stage.positions = [held(CALL, 1)]
    assert stage.next_place(30_000).quantity == 1
    withdrawn = list(stage.withdrawn)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(1000)
    assert stage.withdrawn == withdrawn and "close_too_large" not in stage.said


@pytest.mark.parametrize("left", [[], [held(CALL, -1)]])
def test_but_never_where_nothing_is_left_of_it(left: list[PositionFact]) -> None:
    stage = stage_with(3)
    stage.run(3100)
    stage.positions = left
    stage.run(60_000)
    assert len(stage.placed) == 1


def test_a_silent_order_keeps_the_login_from_being_flat() -> None:
    """It may lie in front of a dialog, and open a new position when somebody clicks."""
    stage = stage_with(deadline_ns=30 * SECOND)
    stage.positions = []
    stage.run(30_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN


def test_an_order_that_tws_does_not_know_is_sent_again_at_once_under_its_own_id() -> None:
    stage = stage_with()
    stage.run(3100)
    stage.reject(stage.place, 10147, "OrderId 1 that needs to be cancelled is not found")
    before = len(stage.all(ReadOrders))
    while len(stage.placed) < 2:
        stage.run(10)
    assert [place.key for place in stage.placed] == [1, 1]
    assert len(stage.all(ReadOrders)) - before == 2  # looks that do not list it


class Slow(Stage):
    """Once `slowly`, questions are answered when half a second has passed."""

    slowly = False

    def _answer(self, command: Command) -> None:
        if self.slowly:
            self.asked.append(command)
        else:
            super()._answer(command)

    def run_slowly(self, ms: int) -> None:
        self.slowly, self.asked = True, []
        for _ in range(ms // 500):
            self.run(500)
            asked, self.asked = self.asked, []
            for command in asked:
                super()._answer(command)


def test_an_order_that_tws_does_not_know_is_sent_again_under_its_own_id_however_slow_the_lists() -> None:
    stage = Slow(held(CALL, 3))
    stage.begin()
    stage.run(3100)
    stage.reject(stage.place, 10147, "OrderId 1 that needs to be cancelled is not found")
    stage.run_slowly(8000)
    assert [place.key for place in stage.placed] == [1, 1]


def test_an_order_that_tws_does_not_know_and_nobody_needs_is_over_after_a_while() -> None:
    stage = stage_with()
    stage.run(3050)
    stage.positions = []
    stage.reject(stage.place, 10147, "not found")
    stage.run(80_000)
    assert (
        not stage.finished
    )  # nothing tells that it filled: a TWS that has lost its orders may have lost its positions
    stage.run(15_000)
    assert stage.report.flat and len(stage.placed) == 1


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("left", [1, 2])
def test_a_silent_order_goes_again_for_what_is_left_when_that_is_certain_and_not_before(left: int, told: bool) -> None:
    stage = stage_with(late_feed_ns=20 * SECOND)
    stage.run(3100)
    stage.positions = [held(CALL, left)]
    stage.executions = [execution(CALL, left - 3)] if told else []  # by somebody else
    stage.run(18_000)
    assert [place.quantity for place in stage.placed] == [3], "it may have filled unseen"
    stage.run(5000)
    assert [(place.key, place.quantity) for place in stage.placed] == [(1, 3), (1, left)]


def test_without_the_right_to_send_nothing_is_tended() -> None:
    stage = stage_with()
    stage.acknowledge(stage.place)
    stage.tell(ev.BrokerLink(False, 1100))
    begun = len(stage.withdrawn)
    stage.run(10_000)
    assert len(stage.placed) == 1 and len(stage.withdrawn) == begun


def test_whoever_has_lost_the_right_to_close_withdraws_nothing_and_repeats_nothing() -> None:
    stage = stage_with()
    stage.tell(ev.LockLost())
    stage.run(20_000)
    assert len(stage.placed) == 1 and stage.withdrawn == []


def test_a_silent_order_is_not_sent_again_when_a_part_of_it_may_have_filled() -> None:
    stage = stage_with(3)
    stage.run(1000)
    stage.move(11, D(-1))
    stage.run(12_000)
    assert len([place for place in stage.placed if place.key == 1]) == 1


# unfilled -------------------------------------------------------------------------------------------------------------


def test_a_market_order_that_does_not_fill_is_looked_into() -> None:
    stage = stage_with(market_patience_ns=5 * SECOND)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4900)
    assert stage.all(AskQuote) == []
    stage.run(200)
    assert len(stage.all(AskQuote)) == 1
    assert stage.reasons[0] is ResidueReason.CLOSE_WORKING


def test_a_market_order_that_finds_nobody_in_an_open_market_is_followed_by_a_limit_through_it() -> None:
    stage = idle()
    stage.tell(ev.Quoted(11, quote("100", "101")))
    assert stage.withdrawn == [1] and "close_idle" in stage.said
    over(stage)
    stage.run(1000)
    stage.tell(ev.Quoted(11, quote("100", "101")))
    assert [(p.key, p.order_type, p.limit_price) for p in stage.placed] == [
        (1, OrderType.MARKET, None),
        (2, OrderType.LIMIT, D("99.5")),
    ]


def test_a_market_order_fills_in_its_patience_and_nothing_is_asked() -> None:
    stage = stage_with(market_patience_ns=5 * SECOND)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4900)
    assert stage.all(AskQuote) == [] and stage.withdrawn == []


def test_a_market_order_that_goes_on_filling_is_left_alone() -> None:
    """A thin market takes it piece by piece; to withdraw it would only lose its place."""
    stage = stage_with(9)
    stage.acknowledge(stage.place)
    for _ in range(4):
        stage.orders = [stage.listed(stage.place)]
        stage.run(4500)
        stage.fill(stage.place, 1)
    stage.run(4500)
    assert stage.withdrawn == [] and stage.all(AskQuote) == []
    stage.run(600)
    assert len(stage.all(AskQuote)) == 1


def test_the_limit_waits_until_the_end_of_the_market_order_is_certain() -> None:
    """Both might fill, and the position would be turned around."""
    stage = idle()
    stage.tell(ev.Quoted(11, quote()))
    for _ in range(4):
        stage.run(2000)
        stage.tell(ev.Quoted(11, quote()))
    assert len(stage.placed) == 1 and len(stage.withdrawn) > 1


def test_what_the_market_order_fills_while_it_is_withdrawn_is_not_closed_again() -> None:
    stage = idle(5)
    stage.tell(ev.Quoted(11, quote()))
    stage.fill(stage.place, 2)
    over(stage)
    stage.run(1000)
    stage.tell(ev.Quoted(11, quote()))
    assert [p.quantity for p in stage.placed] == [5, 3]


@pytest.mark.parametrize(
    "answer",
    [
        ev.NoQuote(11, "354: not subscribed"),
        ev.Quoted(11, quote(kind=QuoteKind.DELAYED)),
        ev.Quoted(11, quote(kind=QuoteKind.FROZEN)),
        ev.Quoted(11, quote(ask=None)),
        ev.Quoted(11, quote(halted=True)),
    ],
)
def test_without_a_live_market_on_both_sides_a_market_order_stays_and_it_is_said_once(answer: ev.Event) -> None:
    stage = idle()
    for _ in range(4):
        stage.tell(answer)
        stage.run(2100)
    assert len(stage.placed) == 1 and stage.withdrawn == [] and stage.said.count("close_stays") == 1
    assert any(e.kind == "close_stays" and "no live quote" in e.text for e in stage.report.timeline)


def pending(**more: int) -> Stage:
    """TWS has the order and does not pass it on; nobody quotes the contract."""
    stage = stage_with(**more)
    stage.tell(ev.CloseStatus(1, "PendingSubmit", D(0), 901))
    stage.orders = [stage.listed(stage.place, status="PendingSubmit")]
    stage.run(5100)
    stage.tell(ev.NoQuote(11, "none"))
    return stage


def test_an_order_that_tws_does_not_pass_on_is_withdrawn_and_followed_by_another() -> None:
    stage = pending()
    stage.run(14_500)
    assert stage.withdrawn == []
    stage.tell(ev.NoQuote(11, "none"))
    stage.run(3000)
    assert stage.withdrawn == [1] and len(stage.placed) == 1, "never beside it"
    said = "SPY C: TWS does not pass the order on (PendingSubmit); withdrawing it"
    assert said in [step.text for step in stage.report.timeline if step.kind == "close_idle"]
    over(stage)
    assert stage.next_place().key == 2


def test_its_patience_begins_when_it_last_filled() -> None:
    stage = stage_with()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4000)
    stage.fill(stage.place, 1)
    stage.orders = [stage.listed(stage.place, status="PendingSubmit")]
    stage.tell(ev.CloseStatus(1, "PendingSubmit", D(1), 901))
    for _ in range(9):
        stage.run(2000)
        stage.tell(ev.NoQuote(11, "none"))
    assert stage.withdrawn == []


@pytest.mark.parametrize("passed_on_by", ["status", "list", "closed"])
def test_one_that_was_passed_on_or_whose_market_is_closed_stays(passed_on_by: str) -> None:
    stage = pending()
    if passed_on_by == "status":
        stage.orders = []
        stage.answers = False
        stage.tell(ev.CloseStatus(1, "Submitted", D(0), 901))
    elif passed_on_by == "list":
        stage.orders = [stage.listed(stage.place)]
    else:
        stage.tell(by_hours(CALL, "CLOSED", "CLOSED"))
    for _ in range(20):
        stage.run(2000)
        stage.tell(ev.NoQuote(11, "none"))
    assert stage.withdrawn == []


def test_the_next_order_that_stays_says_so_again() -> None:
    stage = idle()
    stage.tell(ev.NoQuote(11, "none"))
    over(stage)
    stage.next_place()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(5100)
    stage.tell(ev.NoQuote(11, "none"))
    assert stage.said.count("close_stays") == 2


def test_while_its_market_is_closed_a_market_order_stays() -> None:
    stage = idle()
    stage.tell(by_hours(CALL, "CLOSED", "CLOSED"), ev.Quoted(11, quote()))
    assert stage.withdrawn == [] and stage.said.count("close_stays") == 1


def test_why_an_order_stayed_is_told_of_what_is_left_before_its_withdrawal_and_behind_it() -> None:
    """Whoever reads that it did not fill in time has to know whether it opens on Monday."""
    stage = idle()
    stage.tell(by_hours(CALL, "CLOSED", "CLOSED"), ev.Quoted(11, quote()))
    closed = "its market is closed"
    assert (stage.reasons, stage.residue[0].detail) == (
        [ResidueReason.CLOSE_WORKING, ResidueReason.WORKING_ORDER],
        closed,
    )
    stage.run((stage.machine.settings.deadline_ns - stage.now_ns) // MS - 500)
    assert stage.withdrawn == [stage.place.key]
    over(stage)
    stage.run(400)
    assert [(item.reason, item.detail) for item in stage.residue] == [(ResidueReason.CLOSE_WITHDRAWN, closed)]


def test_hours_that_nobody_can_read_do_not_keep_it_from_becoming_a_limit() -> None:
    """A live market on both sides is better evidence than a zone name."""
    stage = idle()
    stage.tell(by_hours(CALL, "gibberish", "CLOSED"), ev.Quoted(11, quote()))
    assert stage.withdrawn == [1]


def test_when_the_quote_is_gone_again_the_next_order_is_the_one_that_needs_none() -> None:
    stage = idle()
    stage.tell(ev.Quoted(11, quote()))
    over(stage)
    stage.run(1000)
    stage.tell(ev.NoQuote(11, "none"))
    assert stage.place.key == 2 and stage.place.order_type is OrderType.MARKET
    assert not stage.machine._closing.items["DU1", 11].lessons.given_up


def test_the_limit_that_follows_goes_further_through_the_market_within_bounds() -> None:
    stage = idle()
    stage.tell(ev.Quoted(11, quote()))
    over(stage)
    stage.run(1000)
    stage.tell(ev.Quoted(11, quote()))
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    for _ in range(12):
        stage.run(2100)
        stage.tell(ev.Quoted(11, quote()))
    limits = [p for p in stage.placed if p.limit_price is not None]
    assert {p.key for p in limits} == {2}
    assert [p.limit_price for p in limits] == [D("99.5"), D(99), D(98), D(96), D(92)]


@pytest.mark.parametrize(("quantity", "words"), [(3, "no bid"), (-3, "no offer")])
def test_a_market_order_that_nobody_takes_is_withdrawn_and_left_to_a_person(quantity: int, words: str) -> None:
    stage = stage_with(quantity)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(5100)
    for _ in range(2):
        stage.tell(ev.Quoted(11, quote(bid=None) if quantity > 0 else quote(ask=None)))
        stage.run(2100)
    assert stage.withdrawn == [1]
    stage.orders = []
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.run(200)
    assert stage.finished and stage.reasons == [ResidueReason.NO_BID]
    assert stage.residue[0].detail == words


def test_an_unfilled_limit_follows_the_market_as_the_same_order() -> None:
    stage = limited(reprice_ns=2 * SECOND)
    assert stage.place.limit_price == D("99.5")
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote("98", "99")))
    stage.run(100)
    assert [(p.key, p.limit_price) for p in stage.placed[1:]] == [(2, D("99.5")), (2, D("97.02"))]
    assert "close_repriced" in stage.said
    asked = len(stage.all(AskQuote))
    stage.run(2100)
    assert len(stage.all(AskQuote)) == asked + 1
    stage.tell(ev.Quoted(11, quote("98", "99")))
    stage.run(100)
    assert stage.place.limit_price == D("96.04")  # and further


def test_a_limit_that_buys_follows_the_offer() -> None:
    stage = limited(-3, reprice_ns=2 * SECOND)
    assert stage.place.limit_price == D("101.51")
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote("102", "103")))
    stage.run(100)
    assert (stage.place.action, stage.place.limit_price) == ("BUY", D("104.03"))


def test_nothing_but_the_price_changes() -> None:
    stage = limited()
    before = stage.place
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote("98", "99")))
    after = stage.place
    for name in ("key", "account", "contract", "action", "quantity", "order_type", "outside_rth", "tif", "order_ref"):
        assert getattr(after, name) == getattr(before, name)


@pytest.mark.parametrize("answer", [ev.NoQuote(11, "none"), ev.Quoted(11, quote(kind=QuoteKind.DELAYED))])
def test_without_a_live_quote_a_limit_stays_as_it_is(answer: ev.Event) -> None:
    stage = limited()
    for _ in range(5):
        stage.run(2100)
        stage.tell(answer)
    assert len(stage.placed) == 2 and stage.withdrawn == [] and stage.said.count("close_stays") == 1


def test_a_capped_price_goes_no_further_but_follows_the_market() -> None:
    stage = limited()
    stage.reject(stage.place, 2161, "closer to the current market price; it has been capped")
    for bid in ("100", "100", "98"):
        stage.run(2100)
        stage.tell(ev.Quoted(11, quote(bid, "101")))
    assert [p.limit_price for p in stage.placed[1:]] == [D("99.5"), D("97.51")]


def test_a_change_that_is_too_far_for_the_broker_comes_nearer_again() -> None:
    """The order lives on at its old price; each change is another one."""
    stage = limited()
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.limit_price == D(99)
    stage.reject(stage.place, 163, "violates the percentage constraint")
    stage.orders = [stage.listed(stage.place)]
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.limit_price == D("99.5") and {p.key for p in stage.placed[1:]} == {2}
    assert stage.withdrawn == []


def test_a_change_that_came_too_early_is_sent_again_although_the_price_is_the_same() -> None:
    stage = limited()
    for _ in range(4):
        stage.run(2100)
        stage.tell(ev.Quoted(11, quote()))
    assert stage.place.limit_price == D(92) and len(stage.placed) == 6  # as far as it goes
    stage.reject(stage.place, 2102, "Unable to modify this order as it is still being processed")
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.limit_price == D(92) and len(stage.placed) == 7


def test_an_order_that_takes_no_change_is_withdrawn_and_followed_by_another_at_the_next_price() -> None:
    stage = limited()
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    stage.reject(stage.place, 105, "Order being modified does not match original order")
    assert stage.withdrawn == []
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.withdrawn == [2] and {p.key for p in stage.placed} == {1, 2} and "close_replaced" in stage.said
    over(stage)
    stage.run(1000)
    stage.tell(ev.Quoted(11, quote()))
    assert (stage.place.key, stage.place.limit_price) == (3, D(98))


def test_a_change_off_the_price_grid_is_put_on_a_coarser_one() -> None:
    stage = limited()
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote("98.03", "99")))
    assert stage.place.limit_price == D("97.04")
    stage.reject(stage.place, 110, "minimum price variation")
    stage.orders = [stage.listed(stage.place)]
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote("98.03", "99")))
    assert stage.place.limit_price == D("96.05")


def test_each_change_that_is_refused_counts_although_the_broker_says_the_same() -> None:
    stage = limited()
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    stage.run(2100)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.limit_price == D(98)
    for nearer in (D(99), D("99.5")):
        stage.reject(stage.place, 163, "violates the percentage constraint")
        stage.orders = [stage.listed(stage.place)]
        stage.run(2100)
        stage.tell(ev.Quoted(11, quote()))
        assert stage.place.limit_price == nearer


def test_a_limit_is_not_sent_again_at_the_same_price() -> None:
    stage = limited()
    for _ in range(40):
        stage.run(2100)
        stage.tell(ev.Quoted(11, quote()))
    prices = [p.limit_price for p in stage.placed[1:]]
    assert len(prices) == len(set(prices)) == 5


def test_a_limit_that_nobody_takes_is_withdrawn_and_left_to_a_person() -> None:
    stage = limited()
    for _ in range(3):
        stage.run(2100)
        stage.tell(ev.Quoted(11, quote(bid=None)))
    assert stage.withdrawn == [2] and stage.reasons[0] is ResidueReason.NO_BID


def test_what_became_of_an_idle_order_is_told_by_who_has_cancelled_it() -> None:
    """This kill withdraws it for a limit, or somebody else cancels it."""
    ours, theirs = idle(), idle()
    ours.tell(ev.Quoted(11, quote()))
    for stage, reason in ((ours, ResidueReason.CLOSE_WITHDRAWN), (theirs, ResidueReason.CLOSE_CANCELLED)):
        over(stage)
        stage.run(100)
        assert stage.reasons == [reason]


def test_the_limit_that_follows_is_not_called_working_before_anybody_has_shown_it() -> None:
    stage = idle()
    stage.tell(ev.Quoted(11, quote()))
    over(stage)
    stage.run(1000)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.key == 2
    assert [(one.reason, one.detail) for one in stage.residue] == [(ResidueReason.CLOSE_NOT_SENT, "")]


@pytest.mark.parametrize(("ours", "reason"), [(True, None), (False, ResidueReason.CLOSE_CANCELLED)])
def test_so_it_is_where_the_status_and_the_error_come_together(ours: bool, reason: ResidueReason | None) -> None:
    stage = shared(sold=4 if ours else 0)
    stage.orders = []
    stage.machine.handle(ev.CloseStatus(1, "Cancelled", D(0), 901), stage.now_ns, more=True)
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    assert stage.machine._closing.items[("DU1", 11)].lessons.reason is reason


# queued and held ------------------------------------------------------------------------------------------------------


def test_an_order_that_waits_for_the_next_session_is_withdrawn() -> None:
    stage = stage_with()
    stage.reject(stage.place, 399, "Your order will not be placed at the exchange until 09:30")
    assert stage.withdrawn == [1]
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    stage.run(200)
    assert stage.finished and stage.reasons == [ResidueReason.MARKET_CLOSED] and len(stage.placed) == 1


def test_a_queued_order_of_a_stock_is_followed_by_a_limit_outside_regular_hours() -> None:
    stage = Stage(held(stock(), 3)).begin(details_for=(stock(),))
    stage.reject(stage.place, 399, "will not be placed at the exchange until 09:30")
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    stage.run(1000)
    stage.tell(ev.Quoted(21, quote()))
    assert (stage.place.order_type, stage.place.outside_rth) == (OrderType.LIMIT, True)
    stage.reject(stage.place, 399, "will not be placed at the exchange until 09:30")
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    stage.run(2000)
    assert stage.finished and stage.reasons == [ResidueReason.MARKET_CLOSED]


def test_what_the_broker_says_of_a_stocks_hours_counts_more_than_its_groups_hours() -> None:
    day = "19700101:0000-19700101:2400"
    stage = Stage(held(stock(), 3)).begin()
    hours = {"trading_hours": day, "liquid_hours": day, "time_zone_id": "UTC"}
    stage.tell(ev.Resolved(21, details(stock(), "NYSE", **hours)))
    stage.run(100)
    stage.reject(stage.place, 399, "will not be placed at the exchange until 09:30")
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    stage.run(1000)
    stage.tell(ev.Quoted(21, quote()))
    assert (stage.place.order_type, stage.place.outside_rth) == (OrderType.LIMIT, True)


def test_a_cancel_that_comes_to_nothing_is_repeated() -> None:
    stage = stage_with(acknowledge_ns=3 * SECOND)
    stage.reject(stage.place, 399, "will not be placed until 09:30")
    stage.orders = [stage.listed(stage.place, status="PreSubmitted")]
    stage.run(2900)
    assert stage.withdrawn == [1]
    stage.run(3200)
    assert stage.withdrawn == [1, 1, 1]


def test_an_order_held_in_the_tws_window_is_withdrawn() -> None:
    stage = stage_with()
    stage.tell(ev.CloseStatus(1, "Inactive", D(0), 901))
    stage.orders = [stage.listed(stage.place, status="Inactive")]
    stage.run(500)
    assert stage.withdrawn == [1] and len(stage.placed) == 1


def test_an_inactive_order_that_an_error_says_was_refused_is_tried_again() -> None:
    stage = stage_with()
    stage.tell(ev.CloseStatus(1, "Inactive", D(0), 901))
    stage.run(300)
    stage.reject(stage.place, 201, "Order rejected - reason: nobody knows")
    stage.run(1000)
    assert [p.key for p in stage.placed] == [1, 2] and stage.withdrawn == []


def test_an_order_that_becomes_inactive_late_waits_for_its_error_as_long() -> None:
    stage = stage_with()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(3000)
    stage.orders = []
    stage.tell(ev.CloseStatus(1, "Inactive", D(0), 901))
    stage.run(200)
    assert stage.withdrawn == []
    stage.run(2000)
    assert stage.withdrawn == [1]


def test_what_tws_holds_to_the_end_is_told_as_working() -> None:
    stage = stage_with(deadline_ns=20 * SECOND)
    stage.reject(stage.place, 201, "Order rejected - reason: nobody knows")
    stage.run(1000)
    stage.tell(ev.CloseStatus(2, "Inactive", D(0), 902))
    stage.run(25_000)
    (left,) = stage.residue
    assert left.reason is ResidueReason.CLOSE_WORKING
    assert left.detail == "it is withdrawn, and TWS has not confirmed that"


def test_what_tws_held_and_gave_up_too_late_for_another_is_told_as_withdrawn() -> None:
    stage = stage_with(deadline_ns=20 * SECOND)
    stage.tell(ev.CloseStatus(1, "Inactive", D(0), 901))
    stage.run(17_500)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.run(7500)
    assert [(left.reason, left.detail) for left in stage.residue] == [(ResidueReason.CLOSE_WITHDRAWN, "")]


def inactive() -> Stage:
    """TWS says that it holds the order, shows it in no list, and a hand can still transmit it there."""
    stage = stage_with()
    stage.tell(ev.CloseStatus(1, "Inactive", D(0), 901))
    stage.run(5000)
    return stage


def test_an_inactive_order_without_an_error_is_withdrawn_and_followed_by_no_other() -> None:
    stage = inactive()
    assert stage.withdrawn == [1, 1] and len(stage.placed) == 1 and stage.said.count("close_held") == 1
    stage.run(20_000)
    assert len(stage.placed) == 1 and not stage.finished


@pytest.mark.parametrize("code", [161, 10148, 399])
def test_what_is_said_of_it_beside_that_does_not_bring_it_to_life(code: int) -> None:
    stage = inactive()
    stage.reject(stage.place, code, "the state of the order is Inactive")
    stage.run(5000)
    assert len(stage.placed) == 1


@pytest.mark.parametrize(
    "end",
    [
        ev.CloseStatus(1, "Cancelled", D(0), 901),
        ev.CloseError(1, 202, "Order Canceled - reason:"),
        ev.CloseError(1, 10147, "OrderId 1 that needs to be cancelled is not found."),
    ],
)
def test_when_its_end_is_told_another_one_follows(end: ev.Event) -> None:
    stage = inactive()
    stage.tell(end)
    stage.run(2500)
    assert [p.key for p in stage.placed] == [1, 2]


def test_one_that_a_hand_transmits_goes_on() -> None:
    stage = inactive()
    stage.tell(ev.CloseStatus(1, "Submitted", D(0), 901))
    stage.fill(stage.place)
    stage.run(3000)
    assert stage.report.flat and len(stage.placed) == 1


# adrift ---------------------------------------------------------------------------------------------------------------


def test_an_order_adrift_is_not_repriced_but_taken_by_the_global_cancel() -> None:
    """Its connection is gone: neither a change nor a cancel of its own can reach it."""
    stage = limited()
    stage.tell(ev.CloseOrphaned(2))
    cancels = stage.cancels
    stage.run(8000)
    assert len(stage.placed) == 2 and stage.cancels > cancels
    stage.orders = []
    stage.run(2000)
    stage.run(11_000)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.key == 3


def test_an_orphan_gets_time_to_surface_before_another_order_is_sent() -> None:
    stage = Stage(held(ES, 3), unacknowledged_lost_ns=SECOND).begin(details_for=(ES,))
    stage.tell(ev.CloseOrphaned(1))
    stage.run(950)
    assert len(stage.placed) == 1
    stage.run(2000)
    assert [p.key for p in stage.placed] == [1, 2]


# others close as well -------------------------------------------------------------------------------------------------


def shared(sold: int = 4, filled: int = 0) -> Stage:
    """Ten are held and our order for ten works, `filled` of it; then others sell some, and executions say so."""
    stage = stage_with(10, market_patience_ns=60 * SECOND)
    place = stage.place
    stage.acknowledge(place)
    if filled:
        stage.fill(place, filled)
    stage.orders = [stage.listed(place)]
    if sold:
        stage.executions = [*(stage.executions or []), execution(CALL, -sold, "0009.01.01")]
        stage.move(11, D(-sold))
    stage.run(600)
    return stage


def test_an_order_that_others_have_made_too_large_is_withdrawn_and_sized_anew() -> None:
    stage = shared(sold=4)
    assert stage.withdrawn == [stage.place.key] and "close_too_large" in stage.said
    over(stage)
    assert stage.next_place().quantity == 6


@pytest.mark.parametrize("told", ["executions", "positions"])
def test_an_order_that_waits_for_room_is_taken_back_when_less_is_there(told: str) -> None:
    """Where there is much to close it waits for seconds, and would go through zero when it leaves."""
    stage = stage_with(10)
    if told == "executions":
        stage.executions = [execution(CALL, -4, "0009.01.01")]
    stage.move(11, D(-4))
    stage.run(600)
    assert stage.withdrawn == [1] and "close_outdated" in stage.said
    stage.tell(ev.CloseNotSent(1, "withdrawn before it was sent"))
    stage.run(8000)
    assert [(place.key, place.quantity) for place in stage.placed][:2] == [(1, 10), (2, 6)]


def test_an_order_that_waits_for_room_and_is_no_larger_than_what_is_there_goes_on_waiting() -> None:
    stage = stage_with(10)
    stage.move(11, D(5))
    stage.run(2000)
    assert stage.withdrawn == []


def test_an_order_that_has_left_is_taken_back_for_executions_and_not_for_a_position_that_it_may_have_made() -> None:
    shown, told = stage_with(10), stage_with(10)
    for stage in (shown, told):
        stage.tell(ev.CloseSent(1))
        stage.move(11, D(-4))
    told.executions = [execution(CALL, -4, "0009.01.01")]
    for stage in (shown, told):
        stage.run(600)
    assert shown.withdrawn == []
    assert told.withdrawn == [1]


def test_an_order_is_withdrawn_when_others_have_closed_everything() -> None:
    stage = shared(sold=10)
    assert stage.withdrawn == [stage.place.key]
    over(stage)
    stage.run(5000)
    assert stage.report.outcome is LoginOutcome.FLAT and len(stage.placed) == 1


def test_executions_alone_withdraw_it_while_the_position_feed_is_late() -> None:
    stage = stage_with(10)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.executions = [execution(CALL, -4, "0009.01.01")]
    stage.run(600)
    assert stage.withdrawn == [stage.place.key]


def trickling(stage: Stage, fills: range) -> None:
    """One of our order fills each second, and everybody tells of it at once."""
    for filled in fills:
        stage.tell(ev.CloseStatus(1, "Submitted", D(filled)))
        stage.move(11, D(-1))
        stage.run(1000)


def test_an_order_that_an_assignment_has_made_too_large_is_withdrawn_though_it_fills_all_the_time() -> None:
    """No execution tells of it, and each of our own fills begins the doubt about the position anew."""
    stage = stage_with(12)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.move(11, D(-1))
    trickling(stage, range(1, 4))
    assert stage.withdrawn == []
    trickling(stage, range(4, 7))
    assert stage.withdrawn == [1] and "close_too_large" in stage.said


def test_an_order_that_fills_all_the_time_and_is_as_large_as_what_is_left_stays() -> None:
    stage = stage_with(12)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    trickling(stage, range(1, 12))
    assert stage.withdrawn == []


def test_positions_that_are_ahead_of_our_fills_for_a_moment_withdraw_nothing() -> None:
    stage = stage_with(12)
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    for filled in range(1, 5):
        stage.move(11, D(-1))
        stage.run(3000)
        stage.tell(ev.CloseStatus(1, "Submitted", D(filled)))
        stage.run(1000)
    assert stage.withdrawn == []


def test_our_own_fills_never_make_our_order_too_large() -> None:
    stage = shared(sold=0, filled=7)
    stage.run(3000)
    assert stage.withdrawn == []


def test_neither_do_fills_that_a_status_or_the_position_tells_before_the_executions() -> None:
    told, shown = shared(sold=0), shared(sold=0)
    told.tell(ev.CloseStatus(told.place.key, "Submitted", D(7), 900 + told.place.key))
    shown.move(11, D(-7))
    for stage in (told, shown):
        stage.run(3000)
        assert stage.withdrawn == []


def test_what_is_left_after_others_and_our_own_fills_decides() -> None:
    assert shared(sold=4, filled=6).withdrawn == [1]


def test_others_who_open_more_leave_the_order_as_it_is() -> None:
    assert shared(sold=-4).withdrawn == []


def test_one_contract_too_many_is_too_large() -> None:
    assert shared(sold=1).withdrawn == [1]


def test_that_our_own_cancel_was_done_is_no_refusal() -> None:
    stage = shared(sold=4)
    over(stage)
    stage.run(100)
    assert stage.machine._closing.items[("DU1", 11)].lessons.reason is None
