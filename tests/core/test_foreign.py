"""What others do on a halted login, or after a kill, is met as the state asks, and never at the cost of protection."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.core.contracts import Contract
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.foreign import NOTHING, Answer, Before, ForeignSettings, judge_foreign
from engine.core.known import Fact, Known, Unknown
from engine.core.restrictions import (
    UNREADABLE,
    UNRESTRICTED,
    UNWRITABLE,
    Cause,
    Kind,
    Restriction,
    Scope,
    State,
    effective,
)

ES = Contract(con_id=1, symbol="ES")
UNKNOWN = Unknown("not read")
Orders = Fact[tuple[WorkingOrder, ...]]


def order(perm_id: int, client_id: int = 7, order_id: int = 1) -> WorkingOrder:
    return WorkingOrder(
        account="DU1", contract=ES, perm_id=perm_id, client_id=client_id, order_id=order_id, action="BUY",
        quantity=Decimal(1), filled=Decimal(0), order_type="LMT", status="Submitted",
    )  # fmt: skip


def orders(*perm_ids: int) -> Orders:
    return Known(tuple(order(one) for one in perm_ids), 0)


def held(*quantities: int) -> Fact[tuple[PositionFact, ...]]:
    return Known(tuple(PositionFact("DU1", ES, Decimal(one)) for one in quantities), 0)


ALL = ForeignSettings()


@pytest.mark.parametrize("kind", [None, Kind.SIZE_FACTOR])
def test_a_login_that_may_trade_is_nobodys_business(kind: Kind | None) -> None:
    assert judge_foreign(kind, held(5), orders(1), orders(1), ALL, kill_runs=False) is NOTHING


@pytest.mark.parametrize("kind", [Kind.HALT, Kind.REDUCE_ONLY])
def test_under_a_halt_a_foreign_order_that_adds_risk_is_cancelled_where_nothing_protective_goes_with_it(
    kind: Kind,
) -> None:
    found = judge_foreign(kind, held(5), orders(1, 2), orders(1, 2), ALL, kill_runs=False)
    assert found.answer is Answer.CANCEL_ALL
    assert [one.perm_id for one in found.orders] == [1, 2]
    beside = judge_foreign(kind, held(5), orders(1, 2), orders(1), ALL, kill_runs=False)
    assert beside.answer is Answer.CANCEL_EACH
    assert [one.perm_id for one in beside.protected] == [2]
    assert judge_foreign(kind, held(5), orders(2), orders(), ALL, kill_runs=False) is NOTHING
    told = judge_foreign(kind, held(5), orders(1), orders(1), ForeignSettings(cancel=False), kill_runs=False)
    assert told.answer is Answer.TELL
    left = judge_foreign(kind, held(5), orders(1, 2), orders(1), ForeignSettings(cancel=False), kill_runs=False)
    assert left.answer is Answer.TELL


@pytest.mark.parametrize(("client_id", "order_id"), [(0, 0), (0, 5), (0, -2), (7, 0), (7, -1), (-1, 5)])
def test_beside_protection_what_no_id_reaches_is_told_and_id_0_is_never_borrowed(client_id: int, order_id: int) -> None:
    typed = order(1, client_id, order_id)
    adding: Orders = Known((typed,), 0)
    found = judge_foreign(Kind.HALT, held(5), Known((typed, order(2)), 0), adding, ALL, kill_runs=False)
    assert found.answer is Answer.TELL
    assert found.by_client == {}


def test_orders_are_cancelled_client_by_client() -> None:
    adding = (order(1), order(2, 7, 5), order(3, 8, 5), order(4, 0, 5))
    found = judge_foreign(Kind.HALT, held(5), Known((*adding, order(9)), 0), Known(adding, 0), ALL, kill_runs=False)
    assert found.answer is Answer.CANCEL_EACH
    assert found.by_client == {7: adding[:2], 8: adding[2:3]}


def test_the_lowest_client_id_that_may_be_borrowed_is_1() -> None:
    one = order(1, 1, 1)
    found = judge_foreign(Kind.HALT, held(5), Known((one, order(9)), 0), Known((one,), 0), ALL, kill_runs=False)
    assert found.answer is Answer.CANCEL_EACH and found.by_client == {1: (one,)}


@pytest.mark.parametrize(
    ("positions", "working"), [(held(3), orders()), (held(), orders(1)), (UNKNOWN, orders(1)), (held(3), orders(1))]
)
def test_after_a_kill_whatever_appears_is_closed(positions: Fact[tuple[PositionFact, ...]], working: Orders) -> None:
    found = judge_foreign(Kind.SHUTDOWN, positions, working, UNKNOWN, ALL, kill_runs=False)
    assert found.answer is Answer.KILL
    told = judge_foreign(Kind.SHUTDOWN, positions, working, UNKNOWN, ForeignSettings(close=False), kill_runs=False)
    assert told.answer is Answer.TELL
    assert told.key != found.key


def test_after_a_kill_a_flat_login_is_left_alone_and_what_is_not_known_is_not_acted_on() -> None:
    assert judge_foreign(Kind.SHUTDOWN, held(0), orders(), UNKNOWN, ALL, kill_runs=False) is NOTHING
    assert judge_foreign(Kind.SHUTDOWN, held(5), UNKNOWN, UNKNOWN, ALL, kill_runs=False) is NOTHING
    assert judge_foreign(Kind.SHUTDOWN, UNKNOWN, orders(), UNKNOWN, ALL, kill_runs=False) is NOTHING
    assert judge_foreign(Kind.HALT, held(5), orders(1), UNKNOWN, ALL, kill_runs=False) is NOTHING


def test_a_kill_that_runs_sees_to_everything_itself() -> None:
    assert judge_foreign(Kind.SHUTDOWN, held(5), orders(1), orders(1), ALL, kill_runs=True) is NOTHING


def test_the_same_things_have_the_same_key() -> None:
    one = judge_foreign(Kind.SHUTDOWN, held(5), orders(1, 2), UNKNOWN, ALL, kill_runs=False)
    same = judge_foreign(Kind.SHUTDOWN, held(5), orders(2, 1), UNKNOWN, ALL, kill_runs=False)
    other = judge_foreign(Kind.SHUTDOWN, held(6), orders(2, 1), UNKNOWN, ALL, kill_runs=False)
    assert one.key == same.key != other.key


def state(*restrictions: tuple[Kind, Cause], by_records: str = "") -> State:
    """`by_records`: the journal halts besides, because it cannot be used in this way."""
    named = [(str(number), *one) for number, one in enumerate(restrictions)]
    named += [(by_records, Kind.HALT, Cause.JOURNAL)] if by_records else []
    standing = [
        Restriction(id=id_, scope=Scope("paper"), kind=kind, cause=cause, since_ns=0, actor="a", reason="r")
        for id_, kind, cause in named
    ]
    return effective(standing, Scope("paper"), 1)


BLIND = state((Kind.HALT, Cause.BLIND))
HALTED = state((Kind.HALT, Cause.BLIND), (Kind.HALT, Cause.MANUAL))


def met(before: Before, now: State, adding: Orders) -> list[int]:
    found = before.without(now, adding)
    assert isinstance(found, Known)
    return [one.perm_id for one in found.value]


def test_nothing_that_worked_before_is_taken_back_because_a_login_is_blind() -> None:
    before = Before().seen(UNRESTRICTED, orders(1, 2))
    assert met(before, BLIND, orders(1, 2, 3)) == [3]
    assert met(before, state((Kind.HALT, Cause.BLIND), (Kind.SIZE_FACTOR, Cause.WEEKLY_LOSS)), orders(1, 3)) == [3]
    assert met(before, HALTED, orders(1, 2, 3)) == [1, 2, 3]
    assert met(before, state((Kind.HALT, Cause.MANUAL)), orders(1, 2, 3)) == [1, 2, 3]
    assert before.without(BLIND, UNKNOWN) is UNKNOWN


def test_an_order_that_stays_because_it_worked_before_is_spared_and_protects_nothing() -> None:
    before = Before().seen(UNRESTRICTED, orders(1))
    assert before.staying(BLIND, orders(1, 2)) == {1}
    assert before.staying(HALTED, orders(1, 2)) == frozenset()
    assert before.staying(BLIND, UNKNOWN) == frozenset()
    found = judge_foreign(
        Kind.HALT,
        held(5),
        orders(1, 2, 3),
        orders(2),
        ALL,
        kill_runs=False,
        staying=before.staying(BLIND, orders(1, 2)),
    )
    assert found.answer is Answer.CANCEL_EACH
    assert [one.perm_id for one in found.protected] == [3]
    assert [one.perm_id for one in found.staying] == [1]
    alone = judge_foreign(Kind.HALT, held(5), orders(1, 2), orders(2), ALL, kill_runs=False, staying=frozenset({1}))
    assert alone.answer is Answer.CANCEL_EACH, "a global cancel would take it back"


@pytest.mark.parametrize("how", [UNWRITABLE, UNREADABLE])
def test_nothing_that_worked_before_is_taken_back_because_a_disk_is_full(how: str) -> None:
    before = Before().seen(UNRESTRICTED, orders(1))
    now = state(by_records=how)
    assert met(before, now, orders(1, 2)) == [2]
    assert before.seen(now, orders(1, 2)) is before
    assert met(before, state((Kind.HALT, Cause.BLIND), by_records=how), orders(1, 2)) == [2]
    assert met(before, state((Kind.HALT, Cause.MANUAL), by_records=how), orders(1, 2)) == [1, 2]


def test_a_stop_that_could_not_be_written_down_is_one() -> None:
    before = Before().seen(UNRESTRICTED, orders(1))
    alarm = state((Kind.HALT, Cause.JOURNAL), by_records=UNWRITABLE)
    assert met(before, alarm, orders(1, 2)) == [1, 2]


def test_who_comes_when_the_records_cannot_be_read_does_not_know_that_nobody_had_stopped_it() -> None:
    full, corrupt = state(by_records=UNWRITABLE), state((Kind.HALT, Cause.BLIND), by_records=UNREADABLE)
    assert met(Before().seen(full, orders(1)), full, orders(1, 2)) == [2]
    assert met(Before().seen(corrupt, orders(1)), corrupt, orders(1, 2)) == [1, 2]


def test_what_came_while_it_was_blind_or_halted_did_not_work_before() -> None:
    before = Before().seen(UNRESTRICTED, orders(1))
    for now in (BLIND, HALTED, state((Kind.HALT, Cause.MANUAL)), state((Kind.SHUTDOWN, Cause.KILL_SWITCH))):
        assert before.seen(now, orders(1, 2)) is before
    assert before.seen(UNRESTRICTED, UNKNOWN) is before
    assert met(before.seen(UNRESTRICTED, orders(2)), BLIND, orders(1, 2)) == [1]


def test_an_order_that_was_made_larger_meanwhile_is_another_one() -> None:
    before = Before().seen(UNRESTRICTED, orders(1))
    larger = msgspec.structs.replace(order(1), quantity=Decimal(2))
    assert met(before, BLIND, Known((larger,), 0)) == [1]


def test_who_comes_to_a_login_that_is_blind_already_takes_what_is_there_for_what_was_there() -> None:
    before = Before().seen(BLIND, orders(1))
    assert met(before, BLIND, orders(1, 2)) == [2]
    assert Before().seen(HALTED, orders(1)) == Before()
    assert met(Before(), BLIND, orders(1)) == [1]  # never seen: nothing is known to have worked before


def test_an_alert_is_about_orders_and_positions_whatever_their_size() -> None:
    one = judge_foreign(Kind.SHUTDOWN, held(5), orders(1), UNKNOWN, ALL, kill_runs=False)
    assert one.about == {"order 1", "DU1 1"}
    assert one.about == judge_foreign(Kind.SHUTDOWN, held(6), orders(1), UNKNOWN, ALL, kill_runs=False).about
