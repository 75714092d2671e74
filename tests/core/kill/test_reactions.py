"""The table of error codes: what each means for a closing order. No error proves an order dead but its own cancel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.kill.closes.reactions import (
    CANCELLED,
    JUST_ENDED,
    REACTIONS,
    UNKNOWN_ORDER,
    Effect,
    Reaction,
    Remedy,
    react,
)
from engine.core.kill.report import ResidueReason

R = ResidueReason


@pytest.mark.parametrize("code", [104, 161, 399, 10148, 10349, 2109, 2100, 2199])
def test_notices_leave_the_order_alive(code: int) -> None:
    assert react(code, "") == Reaction(Effect.ALIVE)


@pytest.mark.parametrize(("code", "remedy"), [(2102, Remedy.RESEND), (105, Remedy.REPLACE)])
def test_a_change_that_was_not_made_leaves_the_order_alive_as_it_was(code: int, remedy: Remedy) -> None:
    assert react(code, "") == Reaction(Effect.ALIVE, remedy)


@pytest.mark.parametrize(
    ("state", "effect"),
    [
        ("Cancelled", Effect.ENDED),
        ("Canceled", Effect.ENDED),
        ("ApiCancelled.", Effect.ENDED),
        ("PendingCancel", Effect.ALIVE),
        ("Cancelled1", Effect.ALIVE),
        ("Filled", Effect.ALIVE),
        ("", Effect.ALIVE),
    ],
)
def test_what_cannot_be_cancelled_is_over_only_when_its_state_says_so(state: str, effect: Effect) -> None:
    text = f"OrderId 7 that needs to be cancelled can not be cancelled, state: {state}"
    assert react(10148, text) == (JUST_ENDED if effect is Effect.ENDED else Reaction(effect))


@pytest.mark.parametrize("code", [2161, 10153])
def test_a_capped_price_leaves_the_order_alive_and_is_as_far_as_it_goes(code: int) -> None:
    assert react(code, "") == Reaction(Effect.ALIVE, Remedy.NO_FURTHER)


@pytest.mark.parametrize(
    ("code", "remedy", "reason"),
    [
        (103, Remedy.LATER, R.REJECTED),
        (109, Remedy.NEARER, R.REJECTED),
        (110, Remedy.COARSER, R.REJECTED),
        (154, Remedy.LATER, R.HALTED),
        (163, Remedy.NEARER, R.REJECTED),
        (200, Remedy.REROUTE, R.UNRESOLVED),
        (201, Remedy.OTHERWISE, R.REJECTED),
        (203, Remedy.GIVE_UP, R.NO_PERMISSION),
        (312, Remedy.REROUTE, R.UNRESOLVED),
        (321, Remedy.REROUTE, R.UNRESOLVED),
        (355, Remedy.LOT, R.REJECTED),
        (382, Remedy.NEARER, R.REJECTED),
        (383, Remedy.SMALLER, R.REJECTED),
        (387, Remedy.LIMIT, R.REJECTED),
        (388, Remedy.WHOLE, R.REJECTED),
        (391, Remedy.LATER, R.REJECTED),
        (392, Remedy.GIVE_UP, R.EXPIRED),
        (434, Remedy.GIVE_UP, R.REJECTED),
        (435, Remedy.LATER, R.REJECTED),
        (436, Remedy.LATER, R.REJECTED),
        (441, Remedy.LATER, R.REJECTED),
        (460, Remedy.GIVE_UP, R.NO_PERMISSION),
        (461, Remedy.SMALLER, R.REJECTED),
        (478, Remedy.REROUTE, R.UNRESOLVED),
        (UNKNOWN_ORDER, Remedy.LATER, R.REJECTED),
        (10243, Remedy.WHOLE, R.FRACTIONAL),
        (2128, Remedy.LATER, R.HALTED),
    ],
)
def test_objections_make_the_order_suspect_and_teach_something(code: int, remedy: Remedy, reason: R) -> None:
    assert react(code, "") == Reaction(Effect.SUSPECT, remedy, reason)


def test_only_a_cancel_ends_an_order() -> None:
    assert {code for code in REACTIONS if react(code, "").effect is Effect.ENDED} == {CANCELLED}


@pytest.mark.parametrize("text", ["Order Canceled - reason:", "Order Canceled - reason: ", ""])
def test_a_bare_cancel_teaches_nothing_and_is_no_refusal(text: str) -> None:
    assert react(202, text) == Reaction(Effect.ENDED, Remedy.NONE, R.CLOSE_CANCELLED)


def test_a_cancel_that_says_why_is_a_refusal() -> None:
    assert react(202, "Order Canceled - reason:Order would exceed your buying power") == Reaction(Effect.ENDED)


def test_201_for_its_size_asks_for_a_smaller_order() -> None:
    text = "Order rejected - reason:Order size exceeds the maximum"
    assert react(201, text) == Reaction(Effect.SUSPECT, Remedy.SMALLER)


def test_a_cancel_for_its_price_asks_for_another_price() -> None:
    assert react(202, "Order Canceled - too far through the market") == Reaction(Effect.ENDED, Remedy.THIN)


@pytest.mark.parametrize("text", ["will not be placed at the exchange until 09:30", "Held UNTIL tomorrow"])
def test_399_that_speaks_of_later_means_queued_not_closing(text: str) -> None:
    assert react(399, text) == Reaction(Effect.QUEUED, Remedy.LIMIT, R.MARKET_CLOSED)


@pytest.mark.parametrize(
    "text", ["Invalid account code", "Error validating request.-'bN' : cause - Invalid account code"]
)
def test_321_for_an_account_is_a_refusal_and_says_nothing_of_where_it_trades(text: str) -> None:
    assert react(321, text) == Reaction(Effect.SUSPECT, Remedy.LATER, R.REJECTED)


@pytest.mark.parametrize("text", ["The API interface is currently in Read-Only mode.", "READ-ONLY"])
def test_321_in_read_only_mode_is_for_a_person(text: str) -> None:
    assert react(321, text) == Reaction(Effect.SUSPECT, Remedy.GIVE_UP, R.READ_ONLY)


@pytest.mark.parametrize("text", ["The exchange is closed", "Market is CLOSED"])
def test_201_for_a_closed_market_asks_for_a_price(text: str) -> None:
    assert react(201, text) == Reaction(Effect.SUSPECT, Remedy.LIMIT, R.MARKET_CLOSED)


def test_201_for_margin_waits_for_others_to_fill() -> None:
    text = "Order rejected - reason:YOUR EQUITY WITH LOAN VALUE MUST EXCEED THE INITIAL MARGIN"
    assert react(201, text) == Reaction(Effect.SUSPECT, Remedy.LATER)


@pytest.mark.parametrize("text", ["account closed", "exchange rejects"])
def test_other_201s_are_tried_again_and_then_otherwise(text: str) -> None:
    assert react(201, text) == Reaction(Effect.SUSPECT, Remedy.OTHERWISE)


@pytest.mark.parametrize(
    "text",
    [
        "Order rejected - reason:Market orders are not allowed in this contract",
        "Order rejected - reason: Invalid order type",
        "The exchange takes limit orders only",
    ],
)
def test_201_for_what_kind_of_order_it_is_asks_for_a_price(text: str) -> None:
    assert react(201, text) == Reaction(Effect.SUSPECT, Remedy.LIMIT)


def test_201_for_a_halt_waits_for_the_halt_to_end() -> None:
    assert react(201, "Trading is HALTED") == Reaction(Effect.SUSPECT, Remedy.LATER, R.HALTED)


@pytest.mark.parametrize("code", [2099, 2200, 9999, -1])
def test_a_code_nobody_knows_makes_suspect_and_is_tried_again(code: int) -> None:
    assert react(code, "?") == Reaction(Effect.SUSPECT, Remedy.OTHERWISE)


@given(st.integers(), st.text())
def test_every_code_and_text_has_a_reaction(code: int, text: str) -> None:
    assert isinstance(react(code, text), Reaction)


@pytest.mark.parametrize("text", ["it will not be placed at the exchange", "Your order is held until 09:30 US/Eastern"])
def test_an_order_that_waits_for_a_session_is_told_by_either_of_its_words(text: str) -> None:
    assert react(399, text) == Reaction(Effect.QUEUED, Remedy.LIMIT, R.MARKET_CLOSED)
