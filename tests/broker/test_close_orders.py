"""Which messages belong to which closing order, with order ids that repeat and orderRefs that are missing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from broker.test_translate import ACCOUNT, place
from engine.broker.close_orders import CloseOrders
from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, WorkingOrder


class StubLink:
    """As much of a link as the bookkeeping looks at."""

    def __init__(self, client_id: int, next_id: int) -> None:
        self.client_id = client_id
        self.next_id = next_id

    def take_ids_from(self, first: int) -> None:
        self.next_id = max(self.next_id, first)

    def take_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1


def make(client_id: int = 1, next_id: int = 10) -> tuple[CloseOrders, Any]:
    return CloseOrders(), StubLink(client_id, next_id)


def find(orders: CloseOrders, **marks: Any) -> int | None:
    return orders.find(**({"client_id": 9, "order_id": 9, "perm_id": 0, "order_ref": ""} | marks))


def test_the_order_ref_decides_whatever_the_numbers_say() -> None:
    orders, link = make()
    orders.assign(place(key=1, order_ref="QEKILL-k-1"), link)
    assert find(orders, order_ref="QEKILL-k-1") == 1
    assert find(orders, client_id=1, order_id=10, order_ref="somebody else's") is None
    assert find(orders, client_id=1, order_id=10) == 1
    assert find(orders, client_id=2, order_id=10) is None  # order ids are per client


def test_a_perm_id_once_met_names_the_order_ever_after() -> None:
    orders, link = make()
    orders.assign(place(key=1, order_ref="r"), link)
    assert find(orders, client_id=1, order_id=10, perm_id=900) == 1
    assert find(orders, perm_id=900) == 1
    assert find(orders, client_id=1, order_id=10, perm_id=901) is None  # the id was used again: another order


def test_an_order_id_is_never_used_twice_although_tws_begins_again() -> None:
    orders, link = make()
    first = orders.assign(place(key=1, order_ref="a"), link)
    after_restart: Any = StubLink(1, 10)
    second = orders.assign(place(key=2, order_ref="b"), after_restart)
    other_client: Any = StubLink(9000, 1)
    third = orders.assign(place(key=3, order_ref="c"), other_client)
    assert (first.order_id, second.order_id, third.order_id) == (10, 11, 1)
    assert orders.by_order_id(link, 10) == 1
    assert orders.by_order_id(after_restart, 10) is None  # an error there is not about an order sent elsewhere
    assert orders.by_order_id(after_restart, 11) == 2
    assert orders.on(link) == [1]


def test_a_ref_that_was_not_repeated_is_restored_and_anothers_is_left_alone() -> None:
    orders, link = make()
    orders.assign(place(key=1, order_ref="r"), link)
    order = WorkingOrder(
        account=ACCOUNT, contract=Contract(), perm_id=900, client_id=1, order_id=10, action="BUY", quantity=Decimal(1),
        filled=Decimal(0), order_type="MKT", status="Submitted",
    )  # fmt: skip
    assert orders.with_ref(order).order_ref == "r"
    foreign = WorkingOrder(
        account="DU1", contract=Contract(), perm_id=7, client_id=3, order_id=10, action="SELL", quantity=Decimal(1),
        filled=Decimal(0), order_type="MKT", status="Submitted",
    )  # fmt: skip
    assert orders.with_ref(foreign) is foreign
    execution = ExecutionFact(
        exec_id="1.1",
        account=ACCOUNT,
        con_id=33,
        quantity=Decimal(1),
        price=Decimal(1),
        perm_id=900,
        client_id=0,
        order_id=0,
    )
    assert orders.execution_with_ref(execution).order_ref == "r"
    assert orders.of_execution(execution) == 1


@pytest.mark.parametrize("other", [{"account": "U2"}, {"con_id": 34}, {"action": "SELL"}])
def test_what_trades_elsewhere_is_another_order_under_the_same_numbers(other: dict[str, Any]) -> None:
    orders, link = make()
    orders.assign(place(key=1, order_ref="r"), link)
    ours = {"client_id": 1, "order_id": 10, "account": ACCOUNT, "con_id": 33, "action": "BUY"}
    assert find(orders, **(ours | other), perm_id=900) is None
    assert find(orders, **ours, perm_id=901) == 1
    assert find(orders, client_id=1, order_id=10, perm_id=900) is None  # a status says less, and is its own
    assert find(orders, client_id=1, order_id=10, perm_id=902) is None  # the id of ours is 901
    assert find(orders, **(ours | other), perm_id=901) is None  # it was not: what has come without a contract was wrong
    assert find(orders, client_id=1, order_id=10, perm_id=902) == 1
    assert find(orders, perm_id=902, order_ref="somebody else's") is None
    assert find(orders, client_id=1, order_id=10, perm_id=902) is None


def test_a_perm_id_that_was_met_before_an_order_was_sent_is_not_its_own() -> None:
    orders, link = make()
    assert find(orders, perm_id=900) is None
    assert find(orders, perm_id=901, order_ref="somebody else's") is None
    orders.assign(place(key=1, order_ref="a"), link)
    assert find(orders, client_id=1, order_id=10, perm_id=900) is None
    assert find(orders, client_id=1, order_id=10, perm_id=901) is None
    assert find(orders, client_id=1, order_id=10, perm_id=902) == 1
    orders.assign(place(key=2, order_ref="b"), link)
    assert find(orders, client_id=1, order_id=11, perm_id=902) == 1  # as the order whose permId it is
    assert find(orders, client_id=1, order_id=11, perm_id=903) == 2


def test_no_order_gets_the_order_id_of_another_one() -> None:
    """That one would be changed, or this one refused as its duplicate."""
    orders, link = make()
    for order_id in (10, 11, 13):
        assert find(orders, client_id=1, order_id=order_id, perm_id=700 + order_id, order_ref="earlier") is None
    assert find(orders, client_id=2, order_id=12, perm_id=712) is None
    assert [orders.assign(place(key=key, order_ref=str(key)), link).order_id for key in (1, 2)] == [12, 14]


@pytest.mark.parametrize("key", [1, 2])
def test_what_was_never_assigned_is_not_there(key: int) -> None:
    orders, link = make()
    assert orders.get(key) is None
    placed = orders.assign(place(key=key), link)
    assert orders.get(key) is placed
    assert (placed.client_id, placed.order_id) == (1, 10)
