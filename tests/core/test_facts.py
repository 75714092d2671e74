from __future__ import annotations

import msgspec
import pytest

from core.kill.builders import ES, D, execution, held, order
from engine.core.facts import Details, Quote, QuoteKind


def test_an_execution_of_which_nobody_told_how_old_it_is_counts_as_young() -> None:
    fact = execution(ES, 1)
    assert (fact.age_ns_min, fact.recent) == (0, True)


def test_remaining_is_what_may_still_fill() -> None:
    assert order(ES, "BUY", 5, filled=D(2)).remaining == 3


def test_remaining_is_never_negative() -> None:
    """The quantity of a modified order may arrive before its filled quantity is corrected."""
    assert order(ES, "BUY", 2, filled=D(5)).remaining == 0


@pytest.mark.parametrize(("action", "buys"), [("BUY", True), ("SELL", False), ("SSHORT", False)])
def test_only_a_buy_buys(action: str, buys: bool) -> None:
    assert order(ES, action, 1).buys is buys


@pytest.mark.parametrize(
    ("exec_id", "identity"),
    [("0000e0d5.6544b9a5.01.01", "0000e0d5.6544b9a5.01"), ("0000e0d5.6544b9a5.01.02", "0000e0d5.6544b9a5.01")],
)
def test_a_correction_has_the_identity_of_what_it_corrects(exec_id: str, identity: str) -> None:
    assert execution(ES, 1, exec_id).identity == identity


def test_an_execution_id_without_a_dot_is_its_own_identity() -> None:
    assert execution(ES, 1, "F-7").identity == "F-7"


def test_facts_do_not_change() -> None:
    with pytest.raises(AttributeError):
        held(ES, 1).quantity = D(2)  # type: ignore[misc]
    assert msgspec.structs.replace(held(ES, 1), quantity=D(2)).quantity == 2


def test_of_an_order_of_which_the_broker_says_no_more_there_is_no_parent_and_no_group() -> None:
    silent = order(ES, "BUY", 1)
    assert (silent.order_ref, silent.parent_id, silent.oca_group, silent.oca_type) == ("", 0, "", 0)
    assert silent.transmit


def test_an_execution_counts_as_recent_and_as_the_owners_until_the_broker_says_otherwise() -> None:
    silent = execution(ES, 1)
    assert silent.recent and not silent.liquidation
    assert (silent.order_ref, silent.time) == ("", "")


def test_hours_and_rules_that_the_broker_does_not_tell_are_empty() -> None:
    silent = Details(contract=ES)
    told = {name: getattr(silent, name) for name in Details.__struct_fields__ if name != "contract"}
    assert set(told.values()) == {None, (), ""}


def test_a_contract_is_taken_as_trading_until_a_halt_is_told() -> None:
    assert not Quote(D(1), D(2), QuoteKind.LIVE).halted


@pytest.mark.parametrize(
    ("exec_id", "corrects"),
    [
        ("0000e0d5.2.01.01", False),
        ("0000e0d5.2.01.02", True),
        ("0000e0d5.2.01.10", True),
        ("0000e0d5.2.01.", False),
        ("0000e0d5.2.01.x2", False),
        ("12", False),
        ("", False),
    ],
)
def test_an_execution_corrects_another_one_by_the_number_behind_its_last_dot(exec_id: str, corrects: bool) -> None:
    assert msgspec.structs.replace(execution(ES, 1), exec_id=exec_id).corrects is corrects
