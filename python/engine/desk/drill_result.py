"""What a drill showed, judged against what the scenario expects and against the exchange's own truth.

A drill is passed only if the kill ended as expected *and* claimed nothing the exchange does not show. Pure.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.core.kill.report import LoginOutcome, ResidueReason, Timings
from engine.desk.exchange_truth import LoginTruth, Truth
from engine.simulator.scenario import Expect

DEADLINE_MARGIN_S = 5.0  # what the process itself may take, to start and to print


class ToldItem(msgspec.Struct, frozen=True):
    """Of something left: why."""

    reason: ResidueReason


class ToldLogin(msgspec.Struct, frozen=True, kw_only=True):
    """Of one login: what the verdict rests on."""

    name: str
    outcome: LoginOutcome
    flat: bool
    residue: tuple[ToldItem, ...]
    timings: Timings


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the kill reported, as far as a drill judges it; the whole report stands beside it in the record."""

    flat: bool
    exit_code: int
    logins: dict[str, ToldLogin]


def told_by(report: bytes | None) -> Told | None:
    """What a kill reported, by the record that it left; None: it left none, or one that cannot be read."""
    try:
        return None if report is None else msgspec.json.decode(report, type=Told)
    except msgspec.DecodeError:
        return None


class Finding(msgspec.Struct, frozen=True):
    """One thing the drill found wrong. `grave`: the kill told or did what it never may."""

    login: str
    text: str
    grave: bool = False


class DrillResult(msgspec.Struct, frozen=True, kw_only=True):
    """One drill, as it is recorded."""

    scenario: str
    title: str
    started_at: str  # ISO 8601, UTC
    version: str
    expected: str
    seconds: float  # the kill process, from its start to its end
    exit_code: int
    told: Told | None
    report: msgspec.Raw  # the kill's whole report, as it wrote it
    printed: str  # … and as it printed it
    truth_before: Truth
    truth_after: Truth
    findings: tuple[Finding, ...] = ()
    simulated: Literal[True] = True  # a drill against a simulator proves nothing about IBKR

    @property
    def passed(self) -> bool:
        return not self.findings


def judge(
    *, expect: Expect, told: Told | None, truth: Truth, exit_code: int, seconds: float, deadline_s: float
) -> tuple[Finding, ...]:
    """Everything that is wrong with how the kill ended; nothing: the drill is passed."""
    findings: list[Finding] = []
    if seconds > deadline_s + DEADLINE_MARGIN_S:
        findings.append(Finding("", f"took {seconds:.1f} s, the deadline is {deadline_s:g} s"))
    if told is None:
        return (*findings, Finding("", f"ended without a report (exit code {exit_code})", grave=True))
    if exit_code != told.exit_code:
        findings.append(Finding("", f"exit code {exit_code} does not agree with the report's {told.exit_code}"))
    for name, login in truth.logins.items():
        if name in told.logins:
            findings += _judge_login(told.logins[name], login, expect)
        else:
            findings.append(Finding(name, "is not in the report", grave=True))
    return tuple(findings)


def _judge_login(told: ToldLogin, truth: LoginTruth, expect: Expect) -> list[Finding]:
    name = truth.name
    findings = [Finding(name, f"a kill order did not only reduce: {crossing}", True) for crossing in truth.crossings]
    if told.flat and not truth.flat:
        left = f"{len(truth.holdings)} positions and {len(truth.resting)} orders"
        findings.append(Finding(name, f"reported FLAT, while the exchange shows {left}", True))
    expected = expect.of(name)
    if expected is not None and told.outcome.value != expected:
        findings.append(Finding(name, f"ended {told.outcome.value}, expected {expected}"))
    if told.residue and expect.reasons:
        reasons = {item.reason.value for item in told.residue}
        if not reasons <= set(expect.reasons):
            findings.append(
                Finding(name, f"names the reasons {', '.join(sorted(reasons))}, expected {', '.join(expect.reasons)}")
            )
    return findings
