"""May anything be sent at all, and may this? State, positions, and what a halt lets through."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.exposure import ZERO
from engine.core.known import Known
from engine.core.preflight.facts import Facts
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import Settings
from engine.core.preflight.verdict import Code, Failure, Verdict
from engine.core.restrictions import State

RELEASES = "; with it TWS would transmit orders of its bracket that it holds, and that add risk"


def check_state(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Under a shutdown nothing but cancels; under a halt nothing that could add risk. A preview adds none by itself;
    whether TWS would transmit with it what it holds of its bracket, nobody says.
    """
    state = facts.state
    if not state.may_reduce:
        yield Failure(Code.SHUT_DOWN, why(state), None)
    elif not state.may_add_risk and facts.adds_risk and (not previews(intent) or releases(facts)):
        yield from _not_reducing(state, facts)


def _not_reducing(state: State, facts: Facts) -> Iterator[Failure]:
    """One failure for each contract in which the order does not reduce, with the quantity that would."""
    if not facts.touched:
        yield Failure(Code.HALTED, why(state), None)
    for one in facts.touched:
        if not one.change.reduces:
            crosses = one.change.against and not one.change.releases
            code = Code.WOULD_CROSS_ZERO if crosses else Code.HALTED
            observed = one.change.quantity if crosses else why(state) + (RELEASES if one.change.releases else "")
            yield Failure(code, observed, one.change.held, one.change.largest_reducing, about(one.con_id, facts))


def refusal_of(state: State) -> Verdict:
    """What an order that opens a position is told while it may not."""
    if not state.may_reduce:
        return Verdict((Failure(Code.SHUT_DOWN, why(state), None),))
    return Verdict((Failure(Code.HALTED, why(state), ZERO, ZERO),))


def check_positions(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """What is not known is not flat: without positions and working orders no order can be judged."""
    if previews(intent):
        return
    for fact in (facts.positions, facts.orders):
        if not isinstance(fact, Known):
            yield Failure(Code.POSITION_UNKNOWN, fact.why, None)
        elif is_stale(fact, facts.now_ns, settings.position_age_ns_max):
            yield Failure(Code.POSITION_STALE, facts.now_ns - fact.at_ns, settings.position_age_ns_max)


def is_stale(fact: Known[None], now_ns: int, age_ns_max: int | None) -> bool:
    """Too old, or from the future, which is a fault too."""
    return age_ns_max is not None and not 0 <= now_ns - fact.at_ns <= age_ns_max


def previews(intent: Intent) -> bool:
    """A whatIf asks for the margin and trades nothing."""
    return intent.special is not None and intent.special.what_if


def releases(facts: Facts) -> bool:
    """With this order TWS would transmit others that it holds, and that add risk."""
    return any(one.change.releases for one in facts.touched)


def why(state: State) -> str:
    """The severest reason that stands."""
    first = state.standing[0]
    return f"{first.cause.value}: {first.reason}"


def about(con_id: int, facts: Facts) -> str:
    """Which contract is meant, where the order has several."""
    return f"contract {con_id}" if len(facts.touched) > 1 else ""
