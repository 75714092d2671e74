"""Going on needs what the emergency page asks for: verified, understood, and one step after the other."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.restrictions import ONE, UNRESTRICTED, Cause, Kind, Restriction, Scope, State, effective
from engine.core.resume import Code, Facts, Verification, plan_reset, plan_resume

SCOPE = Scope("paper")
NOW = 1_000
SINCE = 100
AGE_MAX = 500
MATCHING = Verification(900, True)


def one(kind: Kind, cause: Cause, since_ns: int = SINCE) -> Restriction:
    return Restriction(
        id=f"{cause.value}-{since_ns}", scope=SCOPE, kind=kind, cause=cause, since_ns=since_ns, actor="a", reason="r",
        size_factor=Decimal("0.5") if kind is Kind.SIZE_FACTOR else Decimal(1),
    )  # fmt: skip


def state(*restrictions: Restriction) -> State:
    return effective(restrictions, SCOPE, NOW)


def facts(verification: Verification | None = MATCHING, *incidents: str) -> Facts:
    return Facts(open_incidents=incidents, verification=verification, now_ns=NOW, verified_age_ns_max=AGE_MAX)


def codes_to_resume(
    standing: State, known: Facts | None = None, *, override: bool = False, reason: str = ""
) -> list[Code]:
    plan = plan_resume("paper", standing, known or facts(), override=override, reason=reason)
    assert not (plan.obstacles and plan.lifts)
    return [obstacle.code for obstacle in plan.obstacles]


def codes_to_reset(standing: State, known: Facts, *, reason: str = "understood") -> list[Code]:
    plan = plan_reset("paper", standing, known, reason=reason)
    assert not (plan.obstacles and plan.lifts)
    return [obstacle.code for obstacle in plan.obstacles]


KILLED = one(Kind.SHUTDOWN, Cause.KILL_SWITCH)
BREAKER = one(Kind.SHUTDOWN, Cause.CIRCUIT_BREAKER, since_ns=200)
MANUAL = one(Kind.HALT, Cause.MANUAL)
DAILY = one(Kind.HALT, Cause.DAILY_LOSS)
WEEKLY = one(Kind.SIZE_FACTOR, Cause.WEEKLY_LOSS)


@pytest.mark.parametrize("cause", [Cause.MANUAL, Cause.DEAD_MAN, Cause.ORDER_RATE, Cause.JOURNAL])
def test_a_plain_halt_is_lifted_at_once_without_a_reason(cause: Cause) -> None:
    halt = one(Kind.HALT, cause)
    plan = plan_resume("paper", state(halt), facts(None, "i1"), override=False, reason="")
    assert plan.lifts == (halt,)
    assert not plan.obstacles


def test_nothing_to_resume_is_nothing_in_the_way() -> None:
    plan = plan_resume("paper", UNRESTRICTED, facts(), override=False, reason="")
    assert (plan.obstacles, plan.lifts) == ((), ())


@pytest.mark.parametrize("cause", [Cause.DAILY_LOSS, Cause.MONTHLY_LOSS, Cause.WEEKLY_LOSS])
def test_a_limits_halt_needs_an_override_and_the_override_a_reason(cause: Cause) -> None:
    halt = state(one(Kind.HALT, cause))
    assert codes_to_resume(halt) == [Code.LIMIT_STANDS]
    assert codes_to_resume(halt, override=True, reason="  ") == [Code.REASON_MISSING]
    assert codes_to_resume(halt, override=True, reason="hedged elsewhere") == []
    plan = plan_resume("paper", halt, facts(), override=True, reason="hedged elsewhere")
    assert plan.lifts == halt.standing


@pytest.mark.parametrize("kind", [Kind.HALT, Kind.REDUCE_ONLY])
def test_a_breaker_that_halts_asks_for_all_that_a_kill_does_but_the_reset_and_for_the_override(kind: Kind) -> None:
    standing = state(one(kind, Cause.CIRCUIT_BREAKER))
    everything = [Code.LIMIT_STANDS, Code.NOT_VERIFIED, Code.INCIDENT_OPEN]
    assert codes_to_resume(standing, facts(None, "i1"), reason="why") == everything
    assert codes_to_resume(standing) == [Code.LIMIT_STANDS]
    assert codes_to_resume(standing, facts(None), override=True, reason="why") == [Code.NOT_VERIFIED]
    assert codes_to_resume(standing, facts(MATCHING, "i1"), override=True, reason="why") == [Code.INCIDENT_OPEN]
    assert codes_to_resume(standing, override=True) == [Code.REASON_MISSING]
    plan = plan_resume("paper", standing, facts(), override=True, reason="why")
    assert plan.lifts == standing.standing


def test_what_is_in_the_way_of_two_restrictions_is_told_once() -> None:
    both = state(
        one(Kind.HALT, Cause.CIRCUIT_BREAKER), one(Kind.HALT, Cause.RESET), one(Kind.HALT, Cause.RECONCILIATION)
    )
    everything = {Code.NOT_VERIFIED, Code.INCIDENT_OPEN}
    codes = codes_to_resume(both, facts(None, "i1"), override=True, reason="why")
    assert len(codes) == 2 and set(codes) == everything


def test_a_breaker_that_only_makes_orders_smaller_goes_on_or_is_overridden_as_any_limit() -> None:
    smaller = one(Kind.SIZE_FACTOR, Cause.CIRCUIT_BREAKER)
    plan = plan_resume("paper", state(MANUAL, smaller), facts(None, "i1"), override=False, reason="")
    assert plan.lifts == (MANUAL,)
    overridden = plan_resume("paper", state(smaller), facts(None, "i1"), override=True, reason="why")
    assert overridden.lifts == (smaller,)


def test_a_size_factor_does_not_hold_up_a_resume_and_survives_it() -> None:
    standing = state(MANUAL, WEEKLY)
    plan = plan_resume("paper", standing, facts(), override=False, reason="")
    assert plan.lifts == (MANUAL,)
    overridden = plan_resume("paper", standing, facts(), override=True, reason="why")
    assert set(overridden.lifts) == {MANUAL, WEEKLY}


def test_one_obstacle_keeps_everything_and_all_are_told_at_once() -> None:
    blind = one(Kind.HALT, Cause.BLIND)
    assert codes_to_resume(state(MANUAL, DAILY, KILLED, blind)) == [Code.NOT_RESET, Code.BLIND, Code.LIMIT_STANDS]


@pytest.mark.parametrize("override", [False, True])
def test_no_override_resumes_a_shutdown_or_a_blind_login(override: bool) -> None:
    assert codes_to_resume(state(KILLED), override=override, reason="now") == [Code.NOT_RESET]
    assert codes_to_resume(state(one(Kind.HALT, Cause.BLIND)), override=override, reason="now") == [Code.BLIND]


def test_after_a_reset_the_incidents_must_still_be_closed() -> None:
    standing = state(one(Kind.HALT, Cause.RESET))
    assert codes_to_resume(standing, facts(MATCHING, "i7")) == [Code.INCIDENT_OPEN]
    assert codes_to_resume(standing) == []


def test_a_difference_is_lifted_by_a_matching_verification() -> None:
    standing = state(one(Kind.HALT, Cause.RECONCILIATION))
    assert codes_to_resume(standing, facts(None)) == [Code.NOT_VERIFIED]
    assert codes_to_resume(standing, facts(Verification(900, False))) == [Code.VERIFICATION_DIFFERS]
    assert codes_to_resume(standing) == []


@pytest.mark.parametrize(
    ("verification", "expected"),
    [
        (None, [Code.NOT_VERIFIED]),
        (Verification(SINCE, True), [Code.NOT_VERIFIED]),  # of the same moment: not after it
        (Verification(SINCE + 1, True), [Code.VERIFICATION_OLD]),
        (Verification(NOW - AGE_MAX - 1, True), [Code.VERIFICATION_OLD]),
        (Verification(NOW - AGE_MAX, True), []),
        (Verification(NOW, True), []),
        (Verification(NOW + 1, True), [Code.VERIFICATION_OLD]),  # from the future: nobody knows when
        (Verification(900, False), [Code.VERIFICATION_DIFFERS]),
    ],
)
def test_a_reset_needs_a_fresh_match_made_after_the_kill(
    verification: Verification | None, expected: list[Code]
) -> None:
    assert codes_to_reset(state(KILLED), facts(verification)) == expected


def test_a_reset_needs_every_incident_closed_and_a_reason() -> None:
    assert codes_to_reset(state(KILLED), facts(MATCHING, "i1", "i2")) == [Code.INCIDENT_OPEN] * 2
    assert codes_to_reset(state(KILLED), facts(), reason=" ") == [Code.REASON_MISSING]
    assert codes_to_reset(state(KILLED), facts(None, "i1"), reason="") == [
        Code.NOT_VERIFIED,
        Code.INCIDENT_OPEN,
        Code.REASON_MISSING,
    ]


def test_a_reset_lifts_every_shutdown_and_nothing_else() -> None:
    plan = plan_reset("paper", state(KILLED, BREAKER, MANUAL, WEEKLY), facts(), reason="understood")
    assert set(plan.lifts) == {KILLED, BREAKER}


def test_the_verification_must_be_newer_than_the_last_of_several_shutdowns() -> None:
    later = one(Kind.SHUTDOWN, Cause.CIRCUIT_BREAKER, since_ns=950)
    assert codes_to_reset(state(KILLED, later), facts(MATCHING)) == [Code.NOT_VERIFIED]


def test_what_is_not_shut_down_cannot_be_reset() -> None:
    assert codes_to_reset(state(MANUAL), facts()) == [Code.NOT_SHUT_DOWN]
    assert codes_to_reset(UNRESTRICTED, facts()) == [Code.NOT_SHUT_DOWN]


def resume(*restrictions: Restriction, known: Facts | None = None, override: bool = False) -> list[str]:
    plan = plan_resume("paper", state(*restrictions), known or facts(), override=override, reason="")
    return [f"{each.what} | {each.clear}" for each in plan.obstacles]


def reset(standing: State, known: Facts, *, reason: str = "understood") -> list[str]:
    return [f"{each.what} | {each.clear}" for each in plan_reset("paper", standing, known, reason=reason).obstacles]


def test_after_a_kill_a_resume_names_every_step_of_the_way_back_in_their_order() -> None:
    steps = [
        "its positions have not been verified since it was stopped | qe verify paper",
        "incident i1 is open | qe incident close i1 --cause TEXT --action TEXT",
        "incident i2 is open | qe incident close i2 --cause TEXT --action TEXT",
        "it was shut down by kill_switch: r | qe reset paper --reason TEXT",
    ]
    assert resume(KILLED, known=facts(None, "i1", "i2")) == steps
    both = "it was shut down by circuit_breaker and kill_switch: fell; r | qe reset paper --reason TEXT"
    breaker = msgspec.structs.replace(BREAKER, reason="fell")
    standing = State(Kind.SHUTDOWN, ONE, (breaker, KILLED, KILLED))
    plan = plan_resume("paper", standing, facts(None, "i1", "i2"), override=False, reason="")
    assert [f"{each.what} | {each.clear}" for each in plan.obstacles] == [*steps[:-1], both]
    between = Verification(at_ns=150, matches=True)  # behind the kill, and before the breaker
    assert resume(KILLED, BREAKER, known=facts(between))[0] == steps[0]


def test_every_obstacle_says_what_it_is_and_how_to_clear_it() -> None:
    assert resume(KILLED) == ["it was shut down by kill_switch: r | qe reset paper --reason TEXT"]
    assert resume(DAILY) == [
        "the limit daily_loss holds it: r | "
        "wait until it ends, or set it aside: qe resume paper --override --reason TEXT"
    ]
    assert resume(DAILY, override=True) == ["a limit is set aside without a reason | give the reason: it is kept"]
    assert resume(one(Kind.HALT, Cause.BLIND)) == ["it is blind: r | it lifts by itself when the facts are back"]
    assert resume(one(Kind.HALT, Cause.RESET), known=facts(None, "i1")) == [
        "incident i1 is open | qe incident close i1 --cause TEXT --action TEXT"
    ]
    assert reset(state(MANUAL), facts()) == ["paper is not shut down | to go on after a halt: qe resume paper"]
    assert reset(state(KILLED), facts(), reason="") == [
        "a shutdown is reset without a reason | give the reason: it is kept"
    ]


@pytest.mark.parametrize(
    ("verification", "said"),
    [
        (None, "its positions have not been verified since it was stopped | qe verify paper"),
        (Verification(NOW + 1, True), "its positions were verified too long ago | qe verify paper"),
        (
            Verification(900, False),
            "the last verification found differences between our records and the broker's | "
            "explain them, or adopt the broker's: qe verify paper --adopt",
        ),
    ],
)
def test_what_is_missing_in_a_verification_names_the_command(verification: Verification | None, said: str) -> None:
    assert reset(state(KILLED), facts(verification)) == [said]
    assert resume(one(Kind.HALT, Cause.RECONCILIATION), known=facts(verification)) == [said]


KINDS = st.builds(one, st.sampled_from(Kind), st.sampled_from(Cause), st.integers(1, 99))


@given(st.lists(KINDS, max_size=5), st.booleans(), st.text(max_size=3))
def test_whatever_stands_a_resume_never_leaves_a_halt_behind_it_and_calls_it_done(
    standing: list[Restriction], override: bool, reason: str
) -> None:
    now = state(*standing)
    plan = plan_resume("paper", now, facts(), override=override, reason=reason)
    left = effective([one for one in standing if one not in plan.lifts], SCOPE, NOW)
    assert bool(plan.obstacles) or left.may_add_risk or not left.standing
    assert not any(lifted.kind is Kind.SHUTDOWN or lifted.cause is Cause.BLIND for lifted in plan.lifts)
    for obstacle in plan.obstacles:
        assert obstacle.what
        assert obstacle.clear
