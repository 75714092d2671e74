"""Who goes on sending orders: named when it is beyond doubt, and nobody else."""

from __future__ import annotations

from typing import Any

from core.kill.builders import ACCOUNT, ES, MS, SECOND, Say, Stage, combination, ev, execution, held, option, order
from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.cancels.senders import Senders, stop
from engine.core.kill.report import Sender

KEY = (ACCOUNT, ES.con_id)


def senders() -> Senders:
    """The first look is behind it, at 0 s, and what it could have missed has had its time."""
    made = Senders(settle_ns=SECOND)
    made.looked([], (), 0)
    return made


def sent(number: int, **more: Any) -> WorkingOrder:
    return order(ES, "BUY", 1, **({"perm_id": 1000 + number, "client_id": 42, "order_id": number} | more))


def executed(number: int, **more: Any) -> ExecutionFact:
    fields = {"perm_id": 1000 + number, "client_id": 42, "order_id": number} | more
    return execution(ES, 1, f"{number}.01.01", **fields)


def test_who_sends_an_order_again_and_again_is_named_with_what_to_do() -> None:
    made = senders()
    assert made.looked([sent(1)], (), 2 * SECOND) == []
    [said] = made.looked([sent(2)], (), 3 * SECOND)
    assert said == Say(
        "still_sending",
        "stop the program with client id 42. It keeps sending orders (at least 2 since the kill was pressed)",
    )
    assert made.told(4 * SECOND, SECOND) == (Sender(client_id=42, orders=2, last_ms=2000.0, still=True),)
    assert made.any_still(4 * SECOND) and made.still_in(KEY, 4 * SECOND) == (42,)
    assert KEY in made.besieged(4 * SECOND)


def test_until_five_seconds_after_its_last_order_the_next_one_may_be_on_its_way() -> None:
    made = senders()
    assert made.quiet_ns(SECOND) == 0
    made.looked([sent(1)], (), 2 * SECOND)
    assert made.quiet_ns(2 * SECOND) == 0
    made.looked([sent(2)], (), 3 * SECOND)
    assert made.quiet_ns(3 * SECOND) == made.quiet_ns(8 * SECOND - 1) == 5 * SECOND
    assert made.quiet_ns(8 * SECOND) == 0


def test_nothing_is_called_flat_in_a_gap_between_the_orders_of_a_program() -> None:
    stage = Stage(held(option(11), 3)).begin()
    place = stage.acknowledge_first()
    stage.run(1500)
    for number in (1, 2):
        stage.orders = [stage.listed(place), sent(number, perm_id=10 + number)]
        stage.tell(ev.OrderSeen(10 + number, "Submitted"))
        stage.run(500)
    stage.orders = []
    stage.fill(place)
    stage.run(3500)
    assert not stage.finished
    stage.run(2500)
    assert stage.report.flat


def test_one_order_or_one_burst_is_not_yet_going_on() -> None:
    made = senders()
    assert made.looked([sent(1), sent(2), sent(3)], (), 2 * SECOND) == []
    assert made.looked([sent(1), sent(2), sent(3)], (), 3 * SECOND) == []
    assert (
        made.told(3 * SECOND, 0) == () and not made.any_still(3 * SECOND) and made.besieged(3 * SECOND) == frozenset()
    )


def test_what_was_sent_before_the_press_accuses_nobody() -> None:
    made = Senders(settle_ns=SECOND)
    for number, ms in enumerate((0, 400, 990)):
        assert made.looked([sent(number)], (executed(number + 10),), ms * MS) == []
    assert made.looked([sent(1)], (executed(10), executed(12)), 2 * SECOND) == []  # seen before
    assert made.told(2 * SECOND, 0) == ()


def test_the_first_list_of_executions_is_of_the_whole_day_however_late_it_comes() -> None:
    made = Senders(settle_ns=SECOND)
    made.looked([], None, 0)
    made.looked([], tuple(executed(number) for number in range(9)), 5 * SECOND)
    made.looked([], tuple(executed(number) for number in range(9)), 6 * SECOND)
    assert made.told(6 * SECOND, 0) == ()
    assert made.looked([sent(77)], (), 7 * SECOND) == []  # nor does anything of it count towards "again and again"


def test_what_may_be_from_before_the_press_counts_from_the_first_look() -> None:
    for late_ns, named in ((SECOND - 1, 0), (SECOND, 1)):
        made = Senders(settle_ns=SECOND)
        made.looked([], (), 5 * SECOND)
        made.looked([sent(1)], (), 5 * SECOND + late_ns)
        made.looked([sent(2)], (), 7 * SECOND)
        assert len(made.told(7 * SECOND, 0)) == named


def test_orders_that_never_rest_are_known_by_their_executions() -> None:
    made = senders()
    made.looked([], (executed(1),), 2 * SECOND)
    assert made.looked([], (executed(1), executed(2)), 3 * SECOND) != []
    assert made.still_in(KEY, 3 * SECOND) == (42,)


def test_an_order_and_its_execution_are_one() -> None:
    made = senders()
    made.looked([sent(1)], (executed(1),), 2 * SECOND)
    made.looked([], (executed(1),), 3 * SECOND)
    assert made.told(3 * SECOND, 0) == ()


def test_a_person_in_tws_a_kill_and_a_liquidation_are_no_programs() -> None:
    made = senders()
    made.connected(9000)
    nobody: list[dict[str, Any]] = [
        {"client_id": 0, "order_id": 0},
        {"client_id": -1, "order_id": 0},
        {"order_ref": "QEKILL-other-1"},
        {"client_id": 9000},
    ]
    for step in (2, 3, 4):
        orders = [sent(step * 10 + n, **who) for n, who in enumerate(nobody)]
        executions = [executed(step * 10 + 5 + n, **who) for n, who in enumerate(nobody)]
        made.looked(orders, (*executions, executed(step * 10 + 9, liquidation=True)), step * SECOND)
    assert made.told(4 * SECOND, 0) == ()


def test_a_program_with_client_id_zero_is_one() -> None:
    made = senders()
    made.looked([sent(1, client_id=0)], (), 2 * SECOND)
    assert made.looked([sent(2, client_id=0)], (), 3 * SECOND) != []


def test_who_has_stopped_is_told_as_such() -> None:
    made = senders()
    made.looked([sent(1)], (), 2 * SECOND)
    made.looked([sent(2)], (), 3 * SECOND)
    assert made.told(8 * SECOND - 1, 0)[0].still and not made.told(8 * SECOND, 0)[0].still
    assert made.still_in(KEY, 8 * SECOND) == () and made.besieged(8 * SECOND) == frozenset()


def test_it_is_said_again_now_and_then_while_it_goes_on() -> None:
    made = senders()
    said = [step for step in range(2, 61) if made.looked([sent(step)], (), step * SECOND)]
    assert said == [3, 23, 43]


def test_only_the_contracts_it_trades_are_besieged_the_legs_of_a_combination_too() -> None:
    made = senders()
    made.looked([sent(1)], (), 2 * SECOND)
    made.looked([order(combination(7, 8), "BUY", 1, perm_id=2, client_id=42)], (), 3 * SECOND)
    assert {con_id for _, con_id in made.besieged(3 * SECOND)} >= {ES.con_id, 7, 8}
    assert made.still_in((ACCOUNT, 8), 3 * SECOND) == (42,)
    assert made.still_in((ACCOUNT, 9), 3 * SECOND) == () and made.still_in(("DU9", 8), 3 * SECOND) == ()
    made.looked([sent(3, perm_id=3)], (), 7 * SECOND)
    assert made.still_in((ACCOUNT, 8), 8 * SECOND) == () and (ACCOUNT, 8) not in made.besieged(8 * SECOND)


def test_an_order_without_an_account_may_be_in_any() -> None:
    made = senders()
    made.looked([sent(1, account="")], (), 2 * SECOND)
    made.looked([sent(2, account="")], (), 3 * SECOND)
    assert made.still_in(KEY, 3 * SECOND) == (42,)


def test_several_are_named_together() -> None:
    assert stop(3) == "stop the program with client id 3"
    assert stop(3, 42) == "stop the programs with the client ids 3, 42"
