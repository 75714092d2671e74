"""A login of which only a person can close the rest, looked at while others are worked on: it sends nothing that acts,
and the report tells how it stands."""

from __future__ import annotations

from core.kill.builders import (
    ES,
    SECOND,
    CancelClose,
    Connect,
    D,
    Finish,
    GlobalCancel,
    Place,
    Stage,
    ev,
    execution,
    held,
    option,
)
from core.kill.builders import order as listed
from engine.core.kill.commands import Command
from engine.core.kill.report import LoginOutcome, ResidueReason

CALL = option(11)


def resting(**settings: int) -> Stage:
    stage = Stage(held(CALL, 3), **{"quarantine_ns": 60 * SECOND, **settings}).begin()
    stage.reject(stage.place, 392, "expired")
    stage.run(1000)
    assert stage.all(Finish) == [Finish(by_hand=True)]
    stage.tell(ev.Rest())
    return stage


def by_hand(stage: Stage) -> None:
    """Somebody closes it in TWS."""
    assert stage.executions is not None
    stage.positions = []
    stage.executions.append(execution(CALL, -3, "hand.01"))


def acts(commands: list[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, GlobalCancel | Place | CancelClose)]


def test_an_end_at_the_deadline_is_not_one_that_only_a_person_can_better() -> None:
    stage = Stage(held(ES, 3), deadline_ns=4 * SECOND, quarantine_ns=60 * SECOND).begin(details_for=(ES,))
    stage.run(5000)
    assert stage.all(Finish) == [Finish(by_hand=False)]


def test_a_flat_end_is_not_one_that_only_a_person_can_better() -> None:
    stage = Stage(quarantine_ns=60 * SECOND).begin()
    stage.run(3000)
    assert stage.all(Finish) == [Finish(by_hand=False)]


def test_what_is_closed_by_hand_is_flat_after_two_looks() -> None:
    stage = resting()
    by_hand(stage)
    stage.run(2000)
    assert stage.report.flat and stage.report.residue == ()


def test_between_them_it_is_unknown_and_never_residue_of_nothing() -> None:
    stage = resting()
    by_hand(stage)
    seen = set()
    for _ in range(300):
        stage.run(10)
        seen.add((stage.report.outcome, len(stage.residue)))
    assert seen == {(LoginOutcome.RESIDUE, 1), (LoginOutcome.UNKNOWN, 0), (LoginOutcome.FLAT, 0)}


def test_what_is_closed_in_part_is_told_with_what_is_there() -> None:
    stage = resting()
    stage.positions = [held(CALL, 1)]
    stage.run(25_000)
    assert [(one.quantity, one.reason) for one in stage.residue] == [(1, ResidueReason.EXPIRED)]


def test_what_opens_there_is_told_and_not_closed() -> None:
    stage = resting()
    assert stage.positions is not None
    stage.positions.append(held(option(12, "QQQ"), 1))
    told = stage.run(30_000)
    assert acts(told) == []
    assert [(one.quantity, one.reason) for one in stage.residue] == [
        (3, ResidueReason.EXPIRED),
        (1, ResidueReason.OPENED_SINCE),
    ]


def test_an_order_placed_by_hand_is_told_and_left_alone() -> None:
    stage = resting()
    stage.orders = [listed(CALL, "SELL", 3, client_id=0)]
    told = stage.run(20_000)
    assert acts(told) == [] and "cancel_again" not in stage.said
    assert {one.reason for one in stage.residue} == {ResidueReason.EXPIRED, ResidueReason.WORKING_ORDER}


def test_nothing_is_cancelled_when_tws_has_its_link_again() -> None:
    stage = resting()
    assert acts(stage.tell(ev.BrokerLink(up=False, code=1100), ev.BrokerLink(up=True, code=1102))) == []


def test_a_connection_that_is_lost_is_not_made_again() -> None:
    stage = resting()
    told = stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "TWS ended it")) + stage.run(20_000)
    assert not [command for command in told if isinstance(command, Connect)]
    assert stage.report.outcome is LoginOutcome.RESIDUE and stage.residue[0].quantity == D(3)


def test_without_it_the_watch_goes_on_trying() -> None:
    stage = Stage(held(CALL, 3), quarantine_ns=60 * SECOND).begin()
    stage.reject(stage.place, 392, "expired")
    stage.run(1000)
    assert stage.positions is not None
    stage.positions.append(held(option(12, "QQQ"), 1))
    assert [place.contract.symbol for place in stage.run(5000) if isinstance(place, Place)] == ["QQQ"]
