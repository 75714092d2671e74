"""What a kill's driver has seen, and until when."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.broker.last_seen import LastSeen
from engine.core.contracts import Contract
from engine.core.facts import PositionFact
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.simulator.virtual import VirtualLoop, run

LOST = ev.Disconnected(ev.Trouble.CLOSED, "TWS is gone")
BACK = ev.Connected(("DU1",), 9000)


def looked(seen: LastSeen, first_id: int, *, orders_last: bool = False) -> None:
    seen.asked(cmd.ReadOrders(first_id))
    seen.asked(cmd.ReadPositions(first_id + 1))
    answers = [ev.OrdersRead(first_id, ()), ev.PositionsRead(first_id + 1, ())]
    for answer in reversed(answers) if orders_last else answers:
        seen.heard(answer)


def sight(loop: VirtualLoop) -> LastSeen:
    seen = LastSeen()
    seen.heard(BACK)
    looked(seen, 1)
    assert not seen.missed
    return seen


@pytest.mark.parametrize("orders_last", [False, True])
@pytest.mark.parametrize(("lost", "back"), [(LOST, BACK), (ev.BrokerLink(False, 1100), ev.BrokerLink(True, 1102))])
def test_what_was_missed_is_missed_until_a_look_that_began_afterwards(
    lost: ev.Event, back: ev.Event, orders_last: bool
) -> None:
    async def main(loop: VirtualLoop) -> None:
        seen = sight(loop)
        seen.heard(lost)
        assert seen.blind and seen.missed == seen.blind
        seen.heard(back)
        assert not seen.blind and seen.missed
        looked(seen, 3, orders_last=orders_last)
        assert not seen.missed

    run(main)


def test_answers_to_what_was_asked_before_show_nothing_of_the_time_since() -> None:
    async def main(loop: VirtualLoop) -> None:
        seen = sight(loop)
        seen.asked(cmd.ReadOrders(3))
        seen.asked(cmd.ReadPositions(4))
        seen.heard(ev.BrokerLink(False, 1100))
        seen.heard(ev.BrokerLink(True, 1101))
        seen.heard(ev.OrdersRead(3, ()))
        seen.heard(ev.PositionsRead(4, ()))
        assert seen.missed

    run(main)


def test_half_a_look_is_none() -> None:
    async def main(loop: VirtualLoop) -> None:
        seen = sight(loop)
        seen.heard(LOST)
        seen.heard(BACK)
        seen.asked(cmd.ReadOrders(3))
        seen.asked(cmd.ReadPositions(4))
        seen.heard(ev.PositionsRead(4, ()))
        assert seen.missed and "TWS is gone" in seen.missed

    run(main)


def test_orders_alone_are_no_look_where_positions_are_asked_for_behind_them() -> None:
    async def main(loop: VirtualLoop) -> None:
        seen = sight(loop)
        seen.heard(LOST)
        seen.heard(BACK)
        before = seen.at
        seen.asked(cmd.ReadOrders(3))
        seen.heard(ev.OrdersRead(3, ()))
        assert seen.missed and seen.at == before
        seen.asked(cmd.ReadPositions(4))
        assert seen.missed
        seen.heard(ev.PositionsRead(4, ()))
        assert not seen.missed

    run(main)


@pytest.mark.parametrize(("quantity", "missed"), [(2, True), (0, False)])
def test_a_look_that_shows_something_is_for_the_machine_to_judge(quantity: int, missed: bool) -> None:
    """Until that has its executions too, its proof is of before the loss."""

    async def main(loop: VirtualLoop) -> None:
        seen = sight(loop)
        seen.heard(LOST)
        seen.heard(BACK)
        seen.asked(cmd.ReadOrders(3))
        seen.asked(cmd.ReadPositions(4))
        seen.heard(ev.OrdersRead(3, ()))
        seen.heard(ev.PositionsRead(4, (PositionFact("DU1", Contract(con_id=1), Decimal(quantity)),)))
        assert bool(seen.missed) is missed

    run(main)
