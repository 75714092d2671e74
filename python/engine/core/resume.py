"""May a restricted login go on? Says everything that stands in the way, or what is lifted. Pure.

Stopping needs nobody's permission; starting does. A shutdown (kill switch, circuit breaker) ends in two steps: a reset,
which needs a fresh matching verification and every incident closed, and leaves the login halted; then a resume, which
arms it. A circuit breaker that was told to halt and not to kill asks for no reset, but for all else that a kill
does, and for the override of a limit. Nothing is lifted while anything stands in the way.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from engine.core.restrictions import Cause, Kind, Restriction, State

LIMIT_CAUSES = frozenset({Cause.DAILY_LOSS, Cause.WEEKLY_LOSS, Cause.MONTHLY_LOSS, Cause.CIRCUIT_BREAKER})


class Code(Enum):
    """What stands in the way of going on. Stable: programs may rely on it."""

    NOT_RESET = "not_reset"
    NOT_SHUT_DOWN = "not_shut_down"
    NOT_VERIFIED = "not_verified"
    VERIFICATION_OLD = "verification_old"
    VERIFICATION_DIFFERS = "verification_differs"
    INCIDENT_OPEN = "incident_open"
    LIMIT_STANDS = "limit_stands"
    REASON_MISSING = "reason_missing"
    BLIND = "blind"


class Obstacle(msgspec.Struct, frozen=True):
    """One thing in the way: what it is, and how to clear it."""

    code: Code
    what: str
    clear: str


class Verification(msgspec.Struct, frozen=True):
    """When our records were last held against the broker, and whether they agreed."""

    at_ns: int
    matches: bool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the login beyond its state. `open_incidents`: their ids."""

    open_incidents: tuple[str, ...]
    verification: Verification | None
    now_ns: int
    verified_age_ns_max: int


class Plan(msgspec.Struct, frozen=True):
    """Either obstacles, or the restrictions to lift. Both empty: there is nothing to do."""

    obstacles: tuple[Obstacle, ...]
    lifts: tuple[Restriction, ...]


def plan_resume(login: str, state: State, facts: Facts, *, override: bool, reason: str) -> Plan:
    """What a resume comes to. A limit's size factor is no halt: it goes on unless it is overridden too."""
    obstacles = _before_a_reset(login, state, facts)
    lifts: list[Restriction] = []
    for one in state.standing:
        if one.kind is Kind.SHUTDOWN:
            obstacles.append(_not_reset(login, state))
        elif one.cause is Cause.BLIND:
            obstacles.append(
                Obstacle(Code.BLIND, f"it is blind: {one.reason}", "it lifts by itself when the facts are back")
            )
        elif one.cause in LIMIT_CAUSES:
            if override:
                lifts.append(one)
            elif one.kind is not Kind.SIZE_FACTOR:
                obstacles.append(_limit_stands(login, one))
            if one.cause is Cause.CIRCUIT_BREAKER and one.kind is not Kind.SIZE_FACTOR:
                obstacles += _unverified(login, one.since_ns, facts) + _incidents(facts)
        elif one.cause is Cause.RECONCILIATION:
            obstacles += _unverified(login, one.since_ns, facts)
            lifts.append(one)
        elif one.cause is Cause.RESET:
            obstacles += _incidents(facts)
            lifts.append(one)
        else:
            lifts.append(one)
    if any(one.cause in LIMIT_CAUSES for one in lifts) and not reason.strip():
        obstacles.append(_no_reason("a limit is set aside"))
    return Plan(tuple(dict.fromkeys(obstacles)), () if obstacles else tuple(lifts))


def plan_reset(login: str, state: State, facts: Facts, *, reason: str) -> Plan:
    """What a reset comes to: every shutdown is lifted together, and a halt that only a resume lifts takes its place."""
    shutdowns = _shutdowns(state)
    if not shutdowns:
        nothing = Obstacle(Code.NOT_SHUT_DOWN, f"{login} is not shut down", f"to go on after a halt: qe resume {login}")
        return Plan((nothing,), ())
    obstacles = _before_a_reset(login, state, facts)
    if not reason.strip():
        obstacles.append(
            Obstacle(Code.REASON_MISSING, "a shutdown is reset without a reason", "give the reason: it is kept")
        )
    return Plan(tuple(obstacles), () if obstacles else shutdowns)


def _shutdowns(state: State) -> tuple[Restriction, ...]:
    return tuple(one for one in state.standing if one.kind is Kind.SHUTDOWN)


def _before_a_reset(login: str, state: State, facts: Facts) -> list[Obstacle]:
    """What a reset would refuse for, each a step of its own. Nothing where there is no shutdown."""
    shutdowns = _shutdowns(state)
    if not shutdowns:
        return []
    return _unverified(login, max(one.since_ns for one in shutdowns), facts) + _incidents(facts)


def _no_reason(what: str) -> Obstacle:
    return Obstacle(Code.REASON_MISSING, f"{what} without a reason", "give the reason: it is kept")


def _not_reset(login: str, state: State) -> Obstacle:
    """One step for all shutdowns: a reset ends them together."""
    shutdowns = _shutdowns(state)
    causes = " and ".join(dict.fromkeys(one.cause.value for one in shutdowns))
    reasons = "; ".join(dict.fromkeys(one.reason for one in shutdowns))
    return Obstacle(Code.NOT_RESET, f"it was shut down by {causes}: {reasons}", f"qe reset {login} --reason TEXT")


def _limit_stands(login: str, one: Restriction) -> Obstacle:
    return Obstacle(
        Code.LIMIT_STANDS,
        f"the limit {one.cause.value} holds it: {one.reason}",
        f"wait until it ends, or set it aside: qe resume {login} --override --reason TEXT",
    )


def _incidents(facts: Facts) -> list[Obstacle]:
    return [
        Obstacle(
            Code.INCIDENT_OPEN,
            f"incident {incident} is open",
            f"qe incident close {incident} --cause TEXT --action TEXT",
        )
        for incident in facts.open_incidents
    ]


def _unverified(login: str, since_ns: int, facts: Facts) -> list[Obstacle]:
    """Only a verification that was made after the trouble, and not long ago, says what is there now."""
    verify = f"qe verify {login}"
    seen = facts.verification
    if seen is None or seen.at_ns <= since_ns:
        return [Obstacle(Code.NOT_VERIFIED, "its positions have not been verified since it was stopped", verify)]
    if not 0 <= facts.now_ns - seen.at_ns <= facts.verified_age_ns_max:
        return [Obstacle(Code.VERIFICATION_OLD, "its positions were verified too long ago", verify)]
    if not seen.matches:
        what = "the last verification found differences between our records and the broker's"
        return [Obstacle(Code.VERIFICATION_DIFFERS, what, f"explain them, or adopt the broker's: {verify} --adopt")]
    return []
