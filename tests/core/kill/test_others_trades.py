"""Who else has traded: since the first look, and shortly before it only where the numbers need it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.kill.builders import ACCOUNT, ES, D, execution, option
from engine.core.facts import ExecutionFact
from engine.core.kill.outcome.others_trades import Others, OthersTrades, trades_of
from engine.core.kill.report import Trade, Trader

CALL = option(11)
KEY = (ACCOUNT, ES.con_id)


def seen(*lists: list[ExecutionFact], own: set[str] | None = None) -> Others:
    others = OthersTrades("k1.1")
    for listed in lists:
        others.executions(listed)
    return others.by_contract(own or set()).get(KEY, Others())


def quantities(executions: list[ExecutionFact]) -> list[Decimal]:
    return [one.quantity for one in executions]


def test_whether_executions_were_read_at_all_is_known() -> None:
    others = OthersTrades("k1.1")
    assert not others.read
    others.executions([])
    assert others.read


def test_trades_of_the_morning_are_none_of_now() -> None:
    old = execution(ES, 3, "1.01", recent=False)
    assert seen([old], [old]) == Others()
    assert seen([old], [execution(ES, 2, "1.02", recent=False)]) == Others()  # nor is their correction


def test_what_a_later_list_shows_first_was_traded_since_however_old_it_is() -> None:
    late = execution(ES, 3, "1.01", recent=False)
    assert seen([], [late]).since == [late] and seen([], [late]).before == []


def test_a_correction_replaces_what_it_corrects() -> None:
    assert quantities(seen([], [execution(ES, 3, "1.01")], [execution(ES, 2, "1.02")]).since) == [2]
    assert quantities(seen([execution(ES, 3, "1.01")], [execution(ES, 2, "1.02")]).before) == [2]


def test_this_kills_own_are_not_others_by_their_mark_or_because_the_kill_says_so() -> None:
    marked = execution(ES, 3, "1.01", order_ref="QEKILL-k1.1-1of3")
    assert seen([], [marked]) == Others()
    assert seen([], [execution(ES, 3, "1.01")], own={"1"}) == Others()
    assert seen([], [execution(ES, 3, "1.01", order_ref="QEKILL-k2.1-1of3")]).since


def test_each_contract_has_its_own() -> None:
    others = OthersTrades("k1.1")
    others.executions([])
    others.executions([execution(ES, 3, "1.01"), execution(CALL, 2, "2.01")])
    found = others.by_contract(set())
    assert {key: quantities(one.since) for key, one in found.items()} == {KEY: [3], (ACCOUNT, 11): [2]}


BEFORE = [
    execution(ES, 5, "1.01", age_ns_min=9),
    execution(ES, 3, "2.01", age_ns_min=4),
    execution(ES, -1, "3.01", age_ns_min=1),
]
AFTER = execution(ES, -7, "4.01")


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (-7, [-7]),  # the first position has shown all of them
        (-8, [-1, -7]),
        (-5, [-1, 3, -7]),
        (0, [-1, 3, 5, -7]),
        (-6, [-7]),  # no number of the youngest makes up for that: nothing is made up
        (99, [-7]),
    ],
)
def test_of_what_was_traded_just_before_the_youngest_are_told_that_the_numbers_need(
    missing: int, told: list[int]
) -> None:
    others = Others(before=list(BEFORE), since=[AFTER])
    assert quantities(others.that_come_to(D(missing))) == told


def test_each_party_is_told_with_its_side_and_its_average_price() -> None:
    trades = trades_of(
        [
            execution(ES, 1, "1.01", client_id=42, price=D(10)),
            execution(ES, 3, "2.01", client_id=42, price=D(14)),
            execution(ES, -2, "3.01", client_id=42, price=D(20)),
            execution(ES, 1, "4.01", client_id=7, price=D(1)),
            execution(ES, -1, "5.01", client_id=0, order_id=0),
            execution(ES, -1, "6.01", client_id=0, order_id=5),
            execution(ES, -4, "7.01", liquidation=True),
            execution(ES, -5, "8.01", order_ref="QEKILL-k2.1-1of5"),
        ]
    )
    assert [(one.by, one.client_id, one.quantity, one.avg_price) for one in trades] == [
        (Trader.CLIENT, 42, 4, 13),
        (Trader.CLIENT, 42, -2, 20),
        (Trader.CLIENT, 7, 1, 1),
        (Trader.TWS, None, -1, 10),
        (Trader.CLIENT, 0, -1, 10),
        (Trader.LIQUIDATION, None, -4, 10),
        (Trader.ANOTHER_KILL, None, -5, 10),
    ]


def test_an_execution_of_nothing_is_no_trade() -> None:
    assert trades_of([execution(ES, 0)]) == ()
    assert trades_of([execution(ES, 1)]) == (Trade(by=Trader.CLIENT, quantity=D(1), avg_price=D(10), client_id=7),)
