"""A look that has waited behind its positions sizes nothing: somebody else may have closed since."""

from __future__ import annotations

from typing import Any

import pytest

from core.kill.builders import ReadOrders, ReadPositions, Stage, ev, held, option
from engine.core.kill.commands import Command, ReadCompleted, ReadExecutions

CALL = option(11)
SILENT = 10_000


class Late(Stage):
    """A TWS that answers questions of some kinds so many milliseconds late (`SILENT`: not at all)."""

    def __init__(self, *positions: Any, late: dict[type[Command], int], **more: Any) -> None:
        super().__init__(*positions, **more)
        self.late = late
        self.owed: list[tuple[int, Command]] = []

    def _answer(self, command: Command) -> None:
        late_ms = self.late.get(type(command), 0)
        if late_ms:
            self.owed.append((self.now_ns // 10**6 + late_ms, command))
        else:
            super()._answer(command)

    def pass_by(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.run(10)
            for due in [one for one in self.owed if one[0] <= self.now_ns // 10**6]:
                self.owed.remove(due)
                super()._answer(due[1])


def questions(stage: Stage) -> list[type]:
    kinds = (ReadOrders, ReadPositions, ReadExecutions, ReadCompleted)
    return [type(command) for command in stage.commands if isinstance(command, kinds)]


LATE = [
    {ReadCompleted: 150},
    {ReadCompleted: 1200},
    {ReadCompleted: SILENT},
    {ReadExecutions: SILENT},
    {ReadExecutions: SILENT, ReadCompleted: SILENT},
]


@pytest.mark.parametrize("late", LATE)
def test_what_a_person_closes_while_a_look_waits_is_not_closed_again(late: dict[type[Command], int]) -> None:
    stage = Late(held(CALL, 3), late=late).begin()
    stage.positions = []
    stage.pass_by(6000)
    assert stage.placed == []


@pytest.mark.parametrize("late", LATE)
def test_what_is_still_there_is_closed_by_the_next_look_which_waits_for_no_completed_orders(
    late: dict[type[Command], int],
) -> None:
    stage = Late(held(CALL, 3), late=late).begin()
    stage.pass_by(4000)
    assert [(place.action, place.quantity) for place in stage.placed] == [("SELL", 3)]
    at = next(place for place, command in enumerate(stage.commands) if command is stage.placed[0])
    asked = questions(stage)[: sum(isinstance(one, ReadOrders | ReadPositions) for one in stage.commands[:at]) + 4]
    assert asked.count(ReadPositions) >= 2
    second = asked.index(ReadOrders, 1)
    assert ReadCompleted not in asked[second : second + 3]


def test_a_look_that_waited_hardly_at_all_is_not_repeated() -> None:
    stage = Late(held(CALL, 3), late={ReadCompleted: 90}).begin()
    stage.pass_by(110)
    assert len(stage.placed) == 1 and questions(stage).count(ReadPositions) == 1


def test_where_every_look_has_to_wait_every_second_one_sizes() -> None:
    """Executions that come late are not given up, so they are not waited for in vain: such a TWS is slow, and so is
    what it shows."""
    stage = Late(held(CALL, 3), late={ReadExecutions: 900}).begin()
    stage.tell(ev.Notice(0, "slow"))
    stage.pass_by(1000)
    assert len(stage.placed) == 1
