"""The kill alone: a command or two that press over one login, and what goes wrong between them and the exchange.

Manager, links and kill are the product's own, and so is what they write down, in memory. No engine is connected, there
is no guard, no gateway and no file, and nobody trades or halts with our programs: the cheapest world in which a kill is
a whole one. Such worlds are counted apart, for a kill meets less in them. Seeds from `FIRST_ALONE` on. Pure.
"""

from __future__ import annotations

from engine.simulator.scenario import Expect, Scenario
from engine.torture import scripts, worlds
from engine.torture.draw import Lot
from engine.torture.story import Story
from engine.torture.troubles import troubles

FIRST_ALONE = 2 * 10**9
LOGIN = "paper"


def alone(seed: int) -> Story:
    """The story with that number."""
    lot = Lot(f"torture/alone/{seed}")
    plan = worlds.login(lot, LOGIN)
    pressed_s = lot.seconds(0.5, 1.5)
    script = scripts.alone(lot, (plan,), pressed_s)
    scenario = Scenario(
        title=f"alone {seed - FIRST_ALONE}",
        story="",
        expect=Expect(text=""),
        start=worlds.ORDINARY,
        seed=seed,
        logins=(plan,),
        faults=troubles(lot, (LOGIN,), pressed_s),
    )
    return Story(seed=seed, scenario=scenario, acts=tuple(sorted(script, key=lambda act: act.at_s)))
