"""Our records against the broker's: every difference is named, and an explanation does not make it go away."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, PositionFact, WorkingOrder
from engine.core.reconcile import Place, Reconciliation, compare, reconcile

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


def test_positions_that_can_be_read_only_once_are_enough_to_name_the_contract() -> None:
    [difference] = compare(expected={}, positions=iter([position(2)])).differences
    assert difference.contract == Contract(con_id=1, symbol="C1")
    assert difference.broker == 2


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


ACCOUNTS = ("DU1", "DU2")


def reconciled(
    held: dict[str, dict[int, int]],
    shown: list[PositionFact],
    executions: list[ExecutionFact] = [],  # noqa: B006 - never changed
    recorded: dict[str, int] = {},  # noqa: B006
    orders: list[WorkingOrder] = [],  # noqa: B006
    our_refs: frozenset[str] = frozenset({"ours"}),
) -> Reconciliation:
    return reconcile(
        accounts=ACCOUNTS,
        records={account: {con_id: Decimal(q) for con_id, q in of.items()} for account, of in held.items()},
        positions=shown,
        executions=executions,
        recorded={identity: Decimal(quantity) for identity, quantity in recorded.items()},
        orders=orders,
        our_refs=our_refs,
    )


def ours(quantity: int, number: int = 1, version: int = 1, con_id: int = 1) -> ExecutionFact:
    return msgspec.structs.replace(execution(quantity, number, version, con_id), order_ref="ours")


def old(*executions: ExecutionFact) -> list[ExecutionFact]:
    return [msgspec.structs.replace(one, recent=False) for one in executions]


BOTH_FLAT: dict[str, dict[int, int]] = {"DU1": {}, "DU2": {}}


def test_an_account_without_records_is_no_account_without_positions() -> None:
    found = reconciled({"DU1": {}}, [])
    assert found.unbegun == ("DU2",)
    assert not found.matches
    assert found.comparison.matches


def test_positions_of_an_account_without_records_are_no_differences_and_no_match_either() -> None:
    found = reconciled({"DU1": {}}, [position(5, account="DU2")], [execution(5, account="DU2")])
    assert found.comparison.differences == ()
    assert found.counted == ()
    assert not found.matches


def test_records_that_agree_match_and_contain_whatever_was_executed_there() -> None:
    found = reconciled({"DU1": {1: 2}, "DU2": {}}, [position(2)], old(execution(2), ours(-1, 2), execution(1, 3)))
    assert found.matches
    assert found.missed == ()
    assert dict(found.counted) == {"e1": 2, "e2": -1, "e3": 1}


def test_a_position_may_be_older_than_a_recent_execution_which_is_then_not_contained_in_it() -> None:
    found = reconciled({"DU1": {1: 2}, "DU2": {}}, [position(2)], [ours(1)])
    assert found.matches
    assert found.counted == found.missed == ()


def test_what_is_recorded_already_is_not_counted_again() -> None:
    found = reconciled({"DU1": {1: 2}, "DU2": {}}, [position(2)], old(execution(2)), {"e1": 2})
    assert found.counted == ()


def test_an_execution_of_our_own_that_was_missed_goes_into_the_records_and_is_no_difference() -> None:
    found = reconciled(BOTH_FLAT, [position(2)], old(ours(3), ours(-1, 2), execution(4, 3)))
    assert found.matches
    assert [one.identity for one in found.missed] == ["e1", "e2"]
    assert found.counted == (("e3", Decimal(4)),)


def test_a_correction_that_was_missed_is_told_whole_and_counts_by_what_it_changes() -> None:
    found = reconciled({"DU1": {1: 3}, "DU2": {}}, [position(2)], [ours(2, version=2)], {"e1": 3})
    assert found.matches
    assert [(one.identity, one.quantity) for one in found.missed] == [("e1", Decimal(2))]


def test_what_our_own_executions_do_not_make_up_exactly_is_a_difference_with_all_of_them() -> None:
    found = reconciled(BOTH_FLAT, [position(5)], [ours(3), execution(2, 2)])
    (difference,) = found.comparison.differences
    assert (difference.expected, difference.broker) == (0, 5)
    assert {one.identity for one in difference.executions} == {"e1", "e2"}
    assert difference.explained
    assert found.missed == found.counted == ()


def test_foreign_executions_explain_and_stay_a_difference() -> None:
    found = reconciled(BOTH_FLAT, [position(2)], [execution(2)])
    (difference,) = found.comparison.differences
    assert difference.explained
    assert not found.matches


def test_an_order_that_nobody_owns_is_a_difference_until_it_is_adopted() -> None:
    assert reconciled(BOTH_FLAT, [], orders=[order("ours")]).matches
    assert not reconciled(BOTH_FLAT, [], orders=[order("")]).matches
    assert compare(expected={}, positions=[], orders=[order("")], our_perm_ids=frozenset({1})).matches
    assert not compare(expected={}, positions=[], orders=[order("")], our_perm_ids=frozenset({2})).matches


@given(
    st.dictionaries(st.sampled_from([1, 2]), st.integers(-3, 3)),
    st.lists(st.tuples(st.integers(-3, 3).filter(bool), st.sampled_from([1, 2]), st.booleans()), max_size=5),
    st.sets(st.integers(0, 4)),
)
def test_records_that_lose_some_of_our_executions_are_mended_by_all_of_those_missed_and_nothing_else(
    start: dict[int, int], trades: list[tuple[int, int, bool]], lost: set[int]
) -> None:
    """Only ours were traded; some never reached the records. Taking in `missed` gives what the broker shows."""
    executions = [ours(quantity, number, con_id=con_id) for number, (quantity, con_id, _) in enumerate(trades)]
    recorded = {one.identity: int(one.quantity) for number, one in enumerate(executions) if number not in lost}
    held, true = dict(start), dict(start)
    for number, one in enumerate(executions):
        true[one.con_id] = true.get(one.con_id, 0) + int(one.quantity)
        if number not in lost:
            held[one.con_id] = held.get(one.con_id, 0) + int(one.quantity)
    found = reconciled(
        {"DU1": held, "DU2": {}}, [position(q, con_id) for con_id, q in true.items()], executions, recorded
    )
    assert found.matches
    for one in found.missed:
        held[one.con_id] = held.get(one.con_id, 0) + int(one.quantity)
    assert {con_id: q for con_id, q in held.items() if q} == {con_id: q for con_id, q in true.items() if q}
