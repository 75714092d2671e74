"""What happens in a torture run about engines that fall silent under a guard: they die, hang, end, and come back."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from engine.simulator.scenario import LoginPlan
from engine.torture import story as acts
from engine.torture.draw import Lot
from engine.torture.scripts import CLOCK_JUMPS_S, COMMANDS, ENGINES
from engine.torture.story import AnyAct

HANGS_S = (3.0, 12.0, 25.0, 34.0, 45.0, 80.0)
BACK_AFTER_S = (2.0, 15.0, 40.0)
CALM_S = 10.0  # until the guard has connected and read


def silences(lot: Lot, plans: Sequence[LoginPlan], _pressed_s: float) -> list[AnyAct]:
    """A guard or two, an engine or two; each engine ends in some way, or lives, and some begin anew."""
    (plan,) = plans
    guards = ("guard1", "guard2")[: lot.pick((1, 1, 1, 2))]
    engines = ENGINES[: lot.pick((1, 2))]
    script: list[AnyAct] = [acts.Start(who=who, at_s=lot.soon(0.0, 0.5)) for who in guards]
    last_s = CALM_S
    for who in engines:
        at_s = CALM_S + lot.seconds(0.0, 20.0)
        script.append(acts.Start(who=who, at_s=lot.soon(0.0, 4.0)))
        script += _ends(lot, who, at_s)
        if lot.chance(40):
            at_s += lot.pick(BACK_AFTER_S)
            script.append(acts.Start(who=who, at_s=at_s))
        if lot.chance(40):
            script.append(_trade(lot, plan, who, at_s + lot.pick((1.0, 36.0, 50.0))))
        last_s = max(last_s, at_s)
    script += _beside(lot, guards, lot.seconds(CALM_S, last_s + 30.0))
    if lot.chance(20):
        script.append(acts.Press(who=lot.pick((*COMMANDS, *engines)), at_s=lot.seconds(CALM_S, last_s + 50.0)))
    script.append(acts.Start(who="guard1", at_s=last_s + 50.0))  # at last one that lives
    return script


def _ends(lot: Lot, who: str, at_s: float) -> list[AnyAct]:
    """One way in which it falls silent, or none."""
    chance = lot.number(1, 10)
    if chance <= 3:
        return [acts.Die(who=who, steps=lot.number(1, 30), at_s=at_s)]
    if chance <= 7:
        return [acts.Freeze(who=who, for_s=lot.pick(HANGS_S), at_s=at_s)]
    return [acts.End(who=who, at_s=at_s)] if chance == 8 else []


def _beside(lot: Lot, guards: Sequence[str], at_s: float) -> list[AnyAct]:
    """Something else happens meanwhile, mostly to who listens."""
    who, chance = lot.pick(guards), lot.number(1, 8)
    if chance == 1:
        return [acts.Freeze(who=who, for_s=lot.pick((4.0, 8.0, 20.0)), at_s=at_s)]
    if chance == 2:
        return [acts.Die(who=who, steps=lot.number(1, 300), at_s=at_s), acts.Start(who=who, at_s=at_s + 6.0)]
    if chance == 3:
        return [acts.ClockJump(seconds=lot.pick(CLOCK_JUMPS_S), at_s=at_s)]
    return [acts.DiskSlow(seconds=lot.pick((0.1, 1.0, 10.0)), for_s=20.0, at_s=at_s)] if chance == 4 else []


def _trade(lot: Lot, plan: LoginPlan, who: str, at_s: float) -> acts.Trade:
    """An order of the engine's, perhaps as the first thing when it wakes."""
    held = lot.pick(plan.accounts[0].positions)
    return acts.Trade(
        who=who,
        login=plan.name,
        contract=held.contract,
        action=lot.pick(("BUY", "SELL")),
        quantity=Decimal(lot.number(1, 3)),
        at_s=at_s,
    )
