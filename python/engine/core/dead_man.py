"""Has an engine fallen silent while there is something to lose? Pure: no clock, socket or file.

Engines say that they are alive; one that stops saying so while its logins hold risk is escalated in steps: told,
halted, killed, each after a silence of its own. Whether there is risk may be unknown, which counts as risk. Must never
take a pause of the listener for the silence of those it listens to, nor escalate an engine that has said good-bye.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from engine.core.limit_rules import SECOND_NS

ENGINES_MAX = 64  # who beats under ever new names is one program that does not know its own


class Step(Enum):
    """What a silence has come to, mildest first."""

    TOLD = "told"
    HALTED = "halted"
    KILLED = "killed"


STEPS = tuple(Step)


class DeadManSettings(msgspec.Struct, frozen=True, kw_only=True):
    """After how much silence, in nanoseconds; None: never. Set so that a later step is never due before a milder one.

    `listening_gap_ns`: when the listener itself has not looked for so long, it was the one that was away.
    """

    tell_after_ns: int | None = 10 * SECOND_NS
    halt_after_ns: int | None = 30 * SECOND_NS
    kill_after_ns: int | None = None
    listening_gap_ns: int = 5 * SECOND_NS

    def __post_init__(self) -> None:
        times = [one for one in self.times.values() if one is not None]
        if times != sorted(times) or any(one <= 0 for one in times):
            raise ValueError("silences are positive, and a severer step is not due before a milder one")

    @property
    def times(self) -> dict[Step, int | None]:
        return {Step.TOLD: self.tell_after_ns, Step.HALTED: self.halt_after_ns, Step.KILLED: self.kill_after_ns}


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine that beats. `logins`: those it trades; empty: all there are. `silent_since_ns`: its last sign of life,
    or when risk appeared, whichever is later. `reached`: the severest step that was taken in this silence.
    """

    name: str
    logins: tuple[str, ...]
    heard_ns: int
    pid: int = 0
    risk_since_ns: int | None = None
    reached: Step | None = None

    @property
    def silent_since_ns(self) -> int:
        return self.heard_ns if self.risk_since_ns is None else max(self.heard_ns, self.risk_since_ns)

    def concerns(self, login: str) -> bool:
        return not self.logins or login in self.logins


class Escalation(msgspec.Struct, frozen=True):
    """A step that is due now."""

    engine: Engine
    step: Step
    silent_ns: int


class Back(msgspec.Struct, frozen=True):
    """An engine that was escalated beats again. What was imposed meanwhile stays until a person lifts it."""

    engine: Engine
    silent_ns: int


class DeadMan(msgspec.Struct, frozen=True, kw_only=True):
    """All engines that are listened for. `looked_ns`: when they were last judged."""

    engines: Mapping[str, Engine] = {}
    looked_ns: int | None = None

    def beat(self, name: str, logins: tuple[str, ...], now_ns: int, *, pid: int = 0) -> tuple[DeadMan, Back | None]:
        """A sign of life. Too many names are not listened for: the oldest that was never escalated is forgotten."""
        before = self.engines.get(name)
        back = None
        if before is not None and before.reached is not None:
            back = Back(before, now_ns - before.heard_ns)
        engine = Engine(name=name, logins=logins, heard_ns=now_ns, pid=pid)  # its risk is seen at the next look
        return msgspec.structs.replace(self, engines=_bounded({**self.engines, name: engine}, name)), back

    def goodbye(self, name: str) -> DeadMan:
        """It ends on purpose: nothing is expected of it any more."""
        engines = {other: engine for other, engine in self.engines.items() if other != name}
        return msgspec.structs.replace(self, engines=engines)

    def judge(
        self, settings: DeadManSettings, risk: Mapping[str, bool | None], now_ns: int
    ) -> tuple[DeadMan, tuple[Escalation, ...]]:
        """Which steps are due now. `risk`: by login, whether it holds anything that can lose; None: nobody knows."""
        looked_ns = now_ns if self.looked_ns is None else self.looked_ns
        away_ns = now_ns - looked_ns
        missed_ns = away_ns if away_ns > settings.listening_gap_ns or away_ns < 0 else 0
        engines: dict[str, Engine] = {}
        due: list[Escalation] = []
        for name, engine in self.engines.items():
            engine = _with_risk(_shifted(engine, missed_ns), risk, looked_ns + missed_ns)
            step = _due(settings, engine, now_ns)
            if step is not None:
                due.append(Escalation(engine, step, now_ns - engine.silent_since_ns))
                engine = msgspec.structs.replace(engine, reached=step)
            engines[name] = engine
        return DeadMan(engines=engines, looked_ns=now_ns), tuple(due)


def _with_risk(engine: Engine, risk: Mapping[str, bool | None], looked_ns: int) -> Engine:
    """Risk counts from the last look that did not show it: an engine that died flat is not late for what others do
    then.
    """
    at_risk = any(held is not False for login, held in risk.items() if engine.concerns(login))
    if not at_risk:
        return msgspec.structs.replace(engine, risk_since_ns=None)
    if engine.risk_since_ns is not None:
        return engine
    return msgspec.structs.replace(engine, risk_since_ns=looked_ns)


def _due(settings: DeadManSettings, engine: Engine, now_ns: int) -> Step | None:
    """The severest step whose time has come and that goes further than what was done already."""
    if engine.risk_since_ns is None:
        return None
    silent_ns = now_ns - engine.silent_since_ns
    reached = [step for step, after_ns in settings.times.items() if after_ns is not None and silent_ns >= after_ns]
    further = [step for step in reached if engine.reached is None or STEPS.index(step) > STEPS.index(engine.reached)]
    return further[-1] if further else None


def _shifted(engine: Engine, missed_ns: int) -> Engine:
    """While the listener was away (asleep, stopped, its clock set), nobody's silence could be heard."""
    since_ns = engine.risk_since_ns
    return msgspec.structs.replace(
        engine,
        heard_ns=engine.heard_ns + missed_ns,
        risk_since_ns=None if since_ns is None else since_ns + missed_ns,
    )


def _bounded(engines: dict[str, Engine], newest: str) -> dict[str, Engine]:
    if len(engines) <= ENGINES_MAX:
        return engines
    others = [engine for name, engine in engines.items() if name != newest]
    harmless = [engine for engine in others if engine.reached is None] or others
    oldest = min(harmless, key=lambda engine: engine.heard_ns)
    return {name: engine for name, engine in engines.items() if name != oldest.name}
