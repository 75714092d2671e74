"""Every ordered triple of troubles about a kill: three in a row, each another kind or the same again, none left out.

A triple is a seed like any other, from `FIRST_TRIPLE` on. The first trouble comes with the press or just before it,
the second and the third each a moment later. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from engine.simulator import faults as f
from engine.simulator.scenario import Expect, Scenario
from engine.torture import scripts, worlds
from engine.torture import story as acts
from engine.torture.draw import Lot
from engine.torture.story import AnyAct, Story
from engine.torture.troubles import KINDS, When, consistent

FIRST_TRIPLE = 10**12
PRESSED_S = 2.0
LOGIN = "paper"
STEPS_S = (-0.05, 0.05, 0.4)  # about the press, from then on
WITHIN_S = (0.2, 0.4, 1.5)
Kind: TypeAlias = Callable[[Lot, float], f.AnyFault | AnyAct]


def _fault(number: int) -> Kind:
    def drawn(lot: Lot, at_s: float) -> f.AnyFault:
        for_s, few_s = lot.pick((0.2, 1.0, 5.0)), lot.pick((0.05, 0.3, 1.5))
        return KINDS[number](lot, When(after_s=at_s, for_s=for_s, few_s=few_s, first=lot.number(1, 3)))

    return drawn


def _person(do: Callable[[scripts.Scene], None]) -> Kind:
    """What somebody does, at that moment."""

    def drawn(lot: Lot, at_s: float) -> AnyAct:
        scene = scripts.Scene(lot, (worlds.small(LOGIN),), PRESSED_S, (PRESSER,))
        do(scene)
        return replace(scene.acts[0], at_s=at_s)

    return drawn


PRESSER, OTHER = "engine1", "cli2"
TROUBLES: tuple[Kind, ...] = (
    *(_fault(number) for number in range(len(KINDS)) if KINDS[number] not in KINDS[:number]),
    lambda lot, at_s: acts.Press(who=OTHER, at_s=at_s),
    lambda lot, at_s: acts.Die(who=PRESSER, steps=lot.number(1, 120), at_s=at_s),
    lambda lot, at_s: acts.Freeze(who=PRESSER, for_s=lot.pick((0.5, 4.0)), at_s=at_s),
    *(_person(do) for do in scripts.HAPPENS),
)
COUNT = len(TROUBLES) ** 3


def kinds_of(number: int) -> tuple[int, int, int]:
    """The triple with that number, the first kind first."""
    rest, third = divmod(number, len(TROUBLES))
    return *divmod(rest, len(TROUBLES)), third


def triple(number: int) -> Story:
    """A small login, one kill, three troubles about it. Where who pressed may be gone, somebody presses again."""
    seed = FIRST_TRIPLE + number
    lot = Lot(f"torture/{seed}")
    drawn = [
        TROUBLES[kind](lot, lot.soon(PRESSED_S + step_s, within_s))
        for kind, step_s, within_s in zip(kinds_of(number), STEPS_S, WITHIN_S, strict=True)
    ]
    faults = [one for one in drawn if not isinstance(one, acts.Act)]
    script: list[AnyAct] = [one for one in drawn if isinstance(one, acts.Act)]
    script += [
        acts.Start(who=PRESSER, at_s=0.0),
        acts.Press(who=PRESSER, at_s=PRESSED_S),
    ]
    if any(isinstance(one, acts.Die | acts.Freeze) for one in drawn):
        script.append(acts.Press(who=OTHER, at_s=PRESSED_S + 3.0))
    scenario = Scenario(
        title=f"triple {number}",
        story="",
        expect=Expect(text=""),
        start=worlds.ORDINARY,
        seed=number,
        logins=(worlds.small(LOGIN),),
        faults=consistent(faults),
    )
    return Story(seed=seed, scenario=scenario, acts=tuple(sorted(script, key=lambda act: act.at_s)))
