"""One complete, fresh reading of what a login holds, or why there is none. Never half of one, never TWS's memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from engine.broker.collect import EXECUTION_RECENT_S
from engine.broker.inquiry import Complete, Outcome, Then
from engine.broker.reads import Reads, answer
from engine.core.facts import Details, ExecutionFact, PositionFact, WorkingOrder
from engine.core.reconcile import Difference
from engine.trading.naming import name_of

T = TypeVar("T")

BETWEEN_S = 1.0
SETTLED_S_MAX = 40.0  # how long an account is waited for to be quiet
NAMES_MAX = 20  # contracts that are asked for because the broker shows no position in them


class Reading(msgspec.Struct, frozen=True):
    """`executions` are those since midnight, whoever caused them."""

    positions: tuple[PositionFact, ...]
    orders: tuple[WorkingOrder, ...]
    executions: tuple[ExecutionFact, ...]


class Reader:
    """Reads one login over a connection that somebody else keeps. `timeout_s`: for each of the reads."""

    def __init__(self, reads: Reads, timeout_s: float) -> None:
        self._reads = reads
        self._timeout_s = timeout_s

    async def read(self) -> Reading | str:
        """Executions first: what is executed behind them shows in the positions, and as a difference, at worst."""
        executions = await self._ask(self._reads.executions)
        if isinstance(executions, str):
            return f"executions: {executions}"
        orders = await self._ask(self._reads.open_orders)
        if isinstance(orders, str):
            return f"working orders: {orders}"
        positions = await self._ask(self._reads.positions)
        if isinstance(positions, str):
            return f"positions: {positions}"
        return Reading(positions, orders, executions)

    async def settled(self) -> Reading | str:
        """A reading whose positions contain every execution in it: none of them is recent, or they have all been there
        for as long. Nothing of an account that trades all the time can be adopted.
        """
        loop, seen = asyncio.get_running_loop(), dict[str, float]()
        began = loop.time()
        while True:
            reading, now = await self.read(), loop.time()
            if isinstance(reading, str):
                return reading
            ages = {one.exec_id: now - seen.setdefault(one.exec_id, now) for one in reading.executions if one.recent}
            if all(age >= EXECUTION_RECENT_S for age in ages.values()):
                return reading
            if now - began > SETTLED_S_MAX:
                return f"it is being traded all the time: {len(ages)} executions in the last {EXECUTION_RECENT_S:g} s"
            await asyncio.sleep(BETWEEN_S)

    async def names(self, differences: Iterable[Difference]) -> dict[int, str]:
        """What contracts are called of which our records know only the id."""
        names = {}
        for one in tuple(differences)[:NAMES_MAX]:
            if one.contract is None:
                name = await self._name(one.con_id)
                if name is not None:
                    names[one.con_id] = name
        return names

    async def _name(self, con_id: int) -> str | None:
        def ask(then: Then[Details]) -> None:
            self._reads.contract_details(con_id, then, self._timeout_s)

        outcome = await answer(ask)
        return name_of(outcome.value.contract) if isinstance(outcome, Complete) else None

    async def _ask(self, read: Callable[[Then[T], float], None]) -> T | str:
        def ask(then: Then[T]) -> None:
            read(then, self._timeout_s)

        outcome: Outcome[T] = await answer(ask)
        if not isinstance(outcome, Complete):
            return outcome.why
        if outcome.broker_down:
            return "TWS has lost its link to IBKR: what it shows comes from its memory"
        return outcome.value
