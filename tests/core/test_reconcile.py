"""Our records against the broker's: every difference is named, and an explanation does not make it go away."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, PositionFact, WorkingOrder
from engine.core.reconcile import Place, compare

ES = Contract(con_id=1, symbol="ES")


def position(quantity: int, con_id: int = 1, account: str = "DU1") -> PositionFact:
    return PositionFact(account, Contract(con_id=con_id, symbol=f"C{con_id}"), Decimal(quantity))


def execution(quantity: int, number: int = 1, version: int = 1, con_id: int = 1, account: str = "DU1") -> ExecutionFact:
    return ExecutionFact(
        exec_id=f"e{number}.0{version}", account=account, con_id=con_id, quantity=Decimal(quantity), price=Decimal(1),
        perm_id=1, client_id=9, order_id=1,
    )  # fmt: skip


def order(ref: str) -> WorkingOrder:
    return WorkingOrder(
        account="DU1", contract=ES, perm_id=1, client_id=1, order_id=1, action="BUY", quantity=Decimal(1),
        filled=Decimal(0), order_type="LMT", status="Submitted", order_ref=ref,
    )  # fmt: skip


BOOKS = st.dictionaries(st.tuples(st.sampled_from(["DU1", "DU2"]), st.integers(1, 4)), st.integers(-3, 3), max_size=6)


@given(BOOKS, BOOKS)
def test_a_difference_is_named_exactly_where_the_two_differ(ours: dict[Place, int], theirs: dict[Place, int]) -> None:
    compared = compare(
        expected={place: Decimal(quantity) for place, quantity in ours.items()},
        positions=[position(quantity, con_id, account) for (account, con_id), quantity in theirs.items()],
    )
    differing = {place for place in {*ours, *theirs} if ours.get(place, 0) != theirs.get(place, 0)}
    assert {(one.account, one.con_id) for one in compared.differences} == differing
    assert compared.matches == (not differing)
    for one in compared.differences:
        place = one.account, one.con_id
        assert (one.expected, one.broker) == (ours.get(place, 0), theirs.get(place, 0))
        assert one.expected + one.amount == one.broker
        assert not one.explained


def test_executions_explain_a_difference_and_leave_it_one() -> None:
    told = [
        execution(2),
        execution(-1, number=2),
        execution(7, number=3, con_id=2),
        execution(9, number=4, account="X"),
    ]
    compared = compare(expected={("DU1", 1): Decimal(3)}, positions=[position(4)], unrecorded=told)
    (one,) = compared.differences
    assert one.executions == tuple(told[:2])
    assert one.explained
    assert one.contract is not None
    assert not compared.matches


def test_executions_that_do_not_add_up_explain_nothing() -> None:
    compared = compare(expected={}, positions=[position(4)], unrecorded=[execution(3)])
    assert not compared.differences[0].explained


def test_a_correction_counts_once_and_as_told_last() -> None:
    told = [execution(5), execution(4, version=2)]
    compared = compare(expected={}, positions=[position(4)], unrecorded=told)
    assert compared.differences[0].executions == (told[1],)
    assert compared.differences[0].explained


def test_a_position_that_is_gone_is_a_difference_without_a_contract() -> None:
    (one,) = compare(expected={("DU1", 8): Decimal(1)}, positions=[]).differences
    assert (one.contract, one.expected, one.broker) == (None, 1, 0)


def test_a_position_in_two_rows_is_their_sum() -> None:
    assert compare(expected={("DU1", 1): Decimal(3)}, positions=[position(1), position(2)]).matches


def test_an_order_that_no_record_knows_is_no_match() -> None:
    compared = compare(expected={}, positions=[], orders=[order("QE-1"), order("")], our_refs=frozenset({"QE-1"}))
    assert [one.order_ref for one in compared.foreign_orders] == [""]
    assert not compared.matches
