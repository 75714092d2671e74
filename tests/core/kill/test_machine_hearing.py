"""What has arrived is heard before anything is decided; reads count at the moment they are complete."""

from __future__ import annotations

from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.facts import PositionFact
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.machine import KillMachine
from engine.core.kill.outcome.notices import OWN_NUMBERS_NOTE, READ_ONLY_NOTE
from engine.core.kill.settings import MS

HELD = [
    PositionFact(
        account="DU1",
        contract=Contract(con_id=con_id, symbol="EUR", sec_type="CASH", exchange="IDEALPRO", currency="USD"),
        quantity=Decimal(20_000),
        avg_cost=Decimal(1),
    )
    for con_id in (1, 2)
]


def connected(*positions: PositionFact) -> tuple[KillMachine, dict[type, int]]:
    """A machine that may close and has heard orders and positions of its first survey, and the ids of what follows."""
    machine = KillMachine(name="paper", mode="paper", host="127.0.0.1", port=7497, kill_id="k")
    machine.start(0)
    machine.handle(ev.LockTaken(), 0)
    asked = machine.handle(ev.Connected(("DU1",), 9000, True), 0)
    (orders,) = (each for each in asked if isinstance(each, cmd.ReadOrders))
    asked = machine.handle(ev.OrdersRead(orders.read_id, ()), 0)
    (read,) = (each for each in asked if isinstance(each, cmd.ReadPositions))
    asked = machine.handle(ev.PositionsRead(read.read_id, positions), 0)
    kinds = (cmd.ReadExecutions, cmd.ReadCompleted)
    return machine, {type(each): each.read_id for each in asked if isinstance(each, kinds)}


def places(commands: list[cmd.Command]) -> list[cmd.Command]:
    return [command for command in commands if isinstance(command, cmd.Place)]


def test_that_the_orders_carry_numbers_of_ours_is_noted_once() -> None:
    for own in (False, True):
        machine = KillMachine(name="paper", mode="paper", host="127.0.0.1", port=7497, kill_id="k")
        machine.start(0)
        for at_ns in (MS, 3 * MS):
            machine.handle(ev.Connected(("DU1",), 9000, own_numbers=own), at_ns)
            machine.handle(ev.Disconnected(ev.Trouble.CLOSED, "gone"), at_ns + MS)
        assert machine.report().notes.count(OWN_NUMBERS_NOTE) == own


def test_what_a_person_has_to_change_in_tws_is_said_where_it_stands_there() -> None:
    for note, words in ((READ_ONLY_NOTE, "untick 'Read-Only API'"), (OWN_NUMBERS_NOTE, "Reset API order ID sequence")):
        assert "Configure > API > Settings" in note and words in note


def test_an_order_waits_until_all_that_has_arrived_is_heard() -> None:
    machine, ids = connected(*HELD)
    answers = [
        ev.CompletedRead(ids[cmd.ReadCompleted], ()),
        ev.ExecutionsRead(ids[cmd.ReadExecutions], ()),
    ]
    for answer in answers:
        assert not places(machine.handle(answer, MS, more=True))
    assert not places(machine.handle(ev.BrokerLink(False, 1100), MS))  # decided from all of it: what was read is void


def test_the_last_of_what_has_arrived_is_acted_on() -> None:
    machine, ids = connected(*HELD)
    machine.handle(ev.CompletedRead(ids[cmd.ReadCompleted], ()), MS, more=True)
    assert len(places(machine.handle(ev.ExecutionsRead(ids[cmd.ReadExecutions], ()), MS))) == 1


def test_a_survey_counts_at_the_moment_it_is_complete_although_more_follows() -> None:
    machine, ids = connected()
    machine.handle(ev.CompletedRead(ids[cmd.ReadCompleted], ()), MS, more=True)
    done = machine.handle(ev.ExecutionsRead(ids[cmd.ReadExecutions], ()), MS, more=True)
    assert [command.kind for command in done if isinstance(command, cmd.Say)] == ["orders_gone"]


# the right to close -----------------------------------------------------------------------------------------------


def survey(machine: KillMachine, ids: dict[type, int], now_ns: int) -> list[cmd.Command]:
    return machine.handle(ev.ExecutionsRead(ids[cmd.ReadExecutions], ()), now_ns)


def said(commands: list[cmd.Command], kind: str) -> list[str]:
    return [command.text for command in commands if isinstance(command, cmd.Say) and command.kind == kind]


def test_who_has_lost_the_right_says_so_and_sends_nothing_more() -> None:
    machine, ids = connected(*HELD)
    assert len(said(machine.handle(ev.LockLost(), MS), "lock_lost")) == 1
    assert not places(survey(machine, ids, MS))
    assert not machine.handle(ev.LockLost(), MS)[:-1]  # losing it twice is no news
    assert said(machine.handle(ev.LockBusy("process 7"), MS), "lock_busy")
    assert not places(machine.handle(ev.Woke(), 500 * MS))


def test_who_never_had_the_right_cannot_lose_it() -> None:
    machine = KillMachine(name="paper", mode="paper", host="127.0.0.1", port=7497, kill_id="k")
    machine.start(0)
    assert not said(machine.handle(ev.LockLost(), 0), "lock_lost")


def test_what_became_of_one_who_hung_is_said_and_only_a_later_look_sizes_an_order() -> None:
    machine, ids = connected(*HELD)
    machine.handle(ev.LockLost(), MS)
    [text] = said(machine.handle(ev.LockTaken(taken_from="process 7, was shut out"), MS), "took_over")
    assert "process 7, was shut out" in text
    assert not places(survey(machine, ids, MS))  # begun before the one who hung was out
