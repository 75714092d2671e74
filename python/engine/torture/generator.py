"""Makes a story of a whole number: a world, what goes wrong in it, and a script of what people and programs do.

Pure: the same number is the same story, on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from engine.simulator.faults import AnyFault
from engine.simulator.scenario import Expect, Scenario
from engine.torture import scripts, worlds
from engine.torture.alone import FIRST_ALONE, alone
from engine.torture.draw import Lot
from engine.torture.silences import silences
from engine.torture.story import Story
from engine.torture.triples import FIRST_TRIPLE, triple
from engine.torture.troubles import old_picture, troubles

OTHER_TIMES = tuple(
    datetime.fromisoformat(text)
    for text in (
        "2026-03-06T15:59:30-05:00",  # the last seconds of the week's stocks, before the clocks change
        "2026-03-08T18:05:00-04:00",  # the first futures after they did
        "2026-03-11T16:59:40-05:00",  # the futures' daily pause ends, in Chicago
        "2026-03-27T14:59:50-04:00",
        "2026-04-16T15:58:00-04:00",  # the last day but one of the options
    )
)
DAYS_END = tuple(
    datetime.fromisoformat(text)
    for text in (
        "2026-03-11T16:59:35-05:00",  # a trading day ends within the story
        "2026-03-06T16:59:20-06:00",  # … and with it a week
        "2026-03-31T16:59:30-05:00",  # … and a month
        "2026-03-09T16:59:40-05:00",  # the first day's end after the clocks changed
    )
)
FIRST_OLD_PICTURE = 10**9  # from here on, up to the kills alone, TWS shows an old picture in every world
SeedKind: TypeAlias = Literal["all", "kill", "triples"]
"""Ordinary worlds with all of the product in them; the kill alone; every ordered triple of troubles."""
FIRST: dict[SeedKind, int] = {"kill": FIRST_ALONE, "triples": FIRST_TRIPLE}
KILLS, TRADES, LOSSES, SILENCES = "kills", "trades", "losses", "silences"
SUBJECTS = (*[KILLS] * 30, *[TRADES] * 8, LOSSES, SILENCES)  # a guard costs twenty times what a kill does
SCRIPTS = {KILLS: scripts.kills, TRADES: scripts.trades, LOSSES: scripts.losses, SILENCES: silences}


def story_of(seed: int) -> Story:
    """The story with that number."""
    if seed >= FIRST_TRIPLE:
        return triple(seed - FIRST_TRIPLE)
    if seed >= FIRST_ALONE:
        return alone(seed)
    lot = Lot(f"torture/{seed}")
    subject = lot.pick(SUBJECTS)
    names = ("paper", "live") if subject == KILLS and lot.chance(35) else ("paper",)
    plans = tuple(worlds.losing(name) if subject == LOSSES else worlds.login(lot, name) for name in names)
    start = worlds.ORDINARY
    if subject == KILLS and lot.chance(4):
        start = lot.pick(OTHER_TIMES)
    elif subject == LOSSES and lot.chance(25):
        start = lot.pick(DAYS_END)
    pressed_s = lot.seconds(0.5, 3.0) if subject == KILLS else lot.seconds(3.0, 8.0)
    script = SCRIPTS[subject](lot, plans, pressed_s)
    scenario = Scenario(
        title=f"torture {seed}",
        story="",
        expect=Expect(text=""),
        start=start,
        seed=seed,
        moves=subject in (KILLS, TRADES) and lot.chance(40),
        logins=plans,
        faults=_faults(lot, seed, names, pressed_s),
    )
    return Story(
        seed=seed,
        scenario=scenario,
        acts=tuple(sorted(script, key=lambda act: act.at_s)),
        deadline_s=lot.pick((60.0, 60.0, 120.0)),
        file=lot.chance(12),
        silence_kills_s=lot.pick((0.0, 0.0, 45.0)) if subject == SILENCES else 0.0,
        lasts_s=90.0 if subject in (LOSSES, SILENCES) else 1.0,
    )


def kind_of(seed: int) -> SeedKind:
    """What kind of worlds the seeds there are."""
    return "triples" if seed >= FIRST_TRIPLE else "kill" if seed >= FIRST_ALONE else "all"


def _faults(lot: Lot, seed: int, logins: Sequence[str], pressed_s: float) -> tuple[AnyFault, ...]:
    drawn = troubles(lot, logins, pressed_s)
    return drawn if seed < FIRST_OLD_PICTURE else (*drawn, old_picture(lot, logins, pressed_s))
