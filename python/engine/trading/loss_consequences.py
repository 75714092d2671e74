"""What follows from a judgement of a login's losses: what is imposed, written down and told. Pure.

Whether and when it is written is the ledger's business (`engine.trading.loss_ledger`).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from engine.core.books import Jump
from engine.core.equity import Equity
from engine.core.facts import PositionFact
from engine.core.judgements import Judgement
from engine.core.known import Fact, Known, Unknown
from engine.core.limit_rules import Action
from engine.core.restrictions import Cause, Restriction, Scope
from engine.journal.beside import Waiting
from engine.journal.events import AnyEvent, IncidentJoined, Lifted, Restricted
from engine.journal.incident_log import Story
from engine.journal.loss_records import jump_suspected, limit_breached
from engine.journal.state import JournalState
from engine.trading.incident_records import IncidentEvent, begin_or_join
from engine.trading.stories import position_lines

ACTOR = "loss limits"
BLIND_TRIGGER = "blind"
LIFTED_BECAUSE = "equity and positions are known again"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a login at one moment. `others`: every login of this program, its own among them. `rested`:
    nothing was looked at before, on purpose, as while a kill used the connection.
    """

    scope: Scope
    others: tuple[Scope, ...]
    equity: Fact[Equity]
    jumps: tuple[Jump, ...]
    positions: Fact[tuple[PositionFact, ...]]
    now_ns: int
    rested: bool = False
    reached: bool = True  # False: never in this program's life


class Decided(msgspec.Struct, frozen=True):
    """A judgement and everything that follows from it beside its baselines, before it is written."""

    judgement: Judgement
    restrictions: tuple[Restriction, ...]
    incident: IncidentEvent | None
    events: tuple[AnyEvent, ...]


def decided_on(
    judgement: Judgement,
    state: JournalState | Unknown,
    seen: Seen,
    new_id: Callable[[], str],
    waiting: Callable[[], Waiting] = lambda: (),
) -> Decided:
    """Everything beside the baselines, in the order in which it is written down. `waiting` is asked for the incidents
    that wait beside the journal, if one begins.
    """
    scope, now_ns = seen.scope, seen.now_ns
    restrictions = tuple(
        one.restriction(id_=new_id(), scope=where, since_ns=now_ns, actor=ACTOR)
        for one in judgement.impositions
        for where in (seen.others if one.everywhere else (scope,))
    )
    incident = _incident(judgement, state, seen, new_id, waiting)
    lifted = _lifted(judgement, state, scope)
    events = (
        *(limit_breached(scope, one) for one in judgement.breaches),
        *(Restricted(restriction=one) for one in restrictions),
        *(incident.events if incident is not None else ()),
        *lifted,
        *(_joined(state, scope, LIFTED_BECAUSE) if lifted else ()),
    )
    return Decided(judgement, restrictions, incident, events)


def killing(judgement: Judgement) -> frozenset[Cause]:
    return frozenset(one.limit.cause for one in judgement.breaches if one.action is Action.KILL)


def with_after(scope: Scope, jump: Jump, equity: Fact[Equity]) -> AnyEvent:
    after = equity.value.amount if isinstance(equity, Known) else max(jump.amount, -jump.amount)
    return jump_suspected(scope, jump, after)


def _what(judgement: Judgement) -> tuple[str, str]:
    """What begins an incident, and the story in a sentence; empty: nothing does."""
    if judgement.breaches:
        by_cause = {one.cause: one.reason for one in judgement.impositions}
        told = (
            by_cause.get(one.limit.cause, f"lost {one.loss:,.2f} {one.currency} of {one.allowed:,.2f}")
            for one in judgement.breaches
        )
        return judgement.breaches[0].limit.cause.value, "; ".join(told)
    if judgement.blind_since_ns is not None:
        return BLIND_TRIGGER, f"cannot see: {'; '.join(judgement.unknown)}"
    return "", ""


def _incident(
    judgement: Judgement,
    state: JournalState | Unknown,
    seen: Seen,
    new_id: Callable[[], str],
    waiting: Callable[[], Waiting],
) -> IncidentEvent | None:
    trigger, what = _what(judgement)
    if not trigger or not seen.reached:  # nothing has happened on a login that nobody has seen yet
        return None
    everywhere = any(one.everywhere for one in judgement.impositions)
    first = (seen.scope, *(one for one in seen.others if one.login != seen.scope.login)) if everywhere else None
    return begin_or_join(
        state, waiting(), first or (seen.scope,), trigger=trigger, what=what, at_ns=seen.now_ns, mark=new_id()
    )


def _lifted(judgement: Judgement, state: JournalState | Unknown, scope: Scope) -> tuple[Lifted, ...]:
    if not judgement.sees_again or isinstance(state, Unknown):
        return ()
    return tuple(
        Lifted(restriction_id=one.id, scope=scope, reason=LIFTED_BECAUSE)
        for one in state.restrictions
        if one.cause is Cause.BLIND and one.scope.meets(scope)
    )


def _joined(state: JournalState | Unknown, scope: Scope, what: str) -> tuple[IncidentJoined, ...]:
    if isinstance(state, Unknown):
        return ()
    return tuple(IncidentJoined(incident_id=one, what=what) for one in state.incidents(scope)[:1])


def stories_of(decided: Decided, seen: Seen) -> tuple[Story, ...]:
    if decided.incident is None:
        return ()
    trigger, what = _what(decided.judgement)
    positions = seen.positions
    held = position_lines(seen.scope.login, positions.value) if isinstance(positions, Known) else None
    return (
        Story(
            incident_id=decided.incident.id,
            at_ns=seen.now_ns,
            trigger=trigger.replace("_", " "),
            logins=(seen.scope.login,),
            what=what,
            joined=decided.incident.joined,
            timeline=tuple(
                (seen.now_ns, f"{one.scope.login}: {one.kind.value} ({one.cause.value})")
                for one in decided.restrictions
            ),
            before=held,
            after=None if decided.judgement.kill else held,
        ),
    )
