"""Whose account values may be those of before its last trades? Pure.

TWS sends new account values every three minutes, or when it sees a position change. Behind the trades that closed
everything they may still show what was held. An account with a trade so young that traded everything away may do so:
each contract of today came to zero, by the sum of what was traded in it, or by the closing order of a kill, whose mark
says how much was there. More than that nothing proves it: what was held since yesterday and not traded shows in the
values alike. So such values confirm nothing, and what they contradict takes longest to believe.

That nothing was held then says nothing of a trade behind it either. Where a contract with a young trade did not come to
zero, such values are as good as none: who had opened something, and whose list stands still, would see the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from engine.core.facts import ExecutionFact
from engine.core.kill.held.close_marks import by_a_kill, read_close_mark
from engine.core.kill.held.hidden_closes import ORDER_SLACK_NS
from engine.core.kill.held.traces import Name, name_of

ZERO = Decimal(0)


def with_old_values(listed: Iterable[ExecutionFact], age_ns_max: int) -> frozenset[str]:
    """Accounts of which a value may be older than the last trade, by a complete list of today's `listed` executions,
    and of which nothing that was traded is left. `age_ns_max`: how old a value may be."""
    contracts = _by_contract(listed)
    young = {account for (account, _), traded in contracts.items() if _young(traded, age_ns_max)}
    left = {account for (account, _), traded in contracts.items() if not _traded_away(traded)}
    return frozenset(young - left)


def that_may_have_opened(listed: Iterable[ExecutionFact], age_ns_max: int) -> frozenset[str]:
    """Accounts whose values may be of before a trade that opened something: it is as young, and what was traded in its
    contract today does not come to zero. Or it closed what was held since yesterday: that looks the same."""
    contracts = _by_contract(listed).items()
    return frozenset(account for (account, _), t in contracts if _young(t, age_ns_max) and not _traded_away(t))


def _by_contract(listed: Iterable[ExecutionFact]) -> dict[tuple[str, int], list[ExecutionFact]]:
    contracts: dict[tuple[str, int], list[ExecutionFact]] = {}
    for execution in {execution.identity: execution for execution in listed}.values():  # a correction replaces
        contracts.setdefault((execution.account, execution.con_id), []).append(execution)
    return contracts


def _young(traded: Iterable[ExecutionFact], age_ns_max: int) -> bool:
    return any(execution.age_ns_min < age_ns_max for execution in traded)


def _traded_away(traded: Sequence[ExecutionFact]) -> bool:
    """In one contract: is nothing left? Without an id they may be of several contracts."""
    if traded[0].con_id <= 0:
        return False
    return not sum((e.quantity for e in traded), ZERO) or _closed_by_a_kill(traded)


def _closed_by_a_kill(traded: Sequence[ExecutionFact]) -> bool:
    """Has a kill's order traded all that its mark says was there, and nobody else anything since?"""
    filled: dict[Name, Decimal] = {}
    for e in traded:
        filled[name_of(e)] = filled.get(name_of(e), ZERO) + abs(e.quantity)
    others = min((e.age_ns_min for e in traded if not by_a_kill(e.order_ref)), default=None)
    for e in traded:
        mark = read_close_mark(e.order_ref)
        if mark is None or mark.held != filled[name_of(e)]:
            continue
        if others is None or others > e.age_ns_min + ORDER_SLACK_NS:
            return True
    return False
