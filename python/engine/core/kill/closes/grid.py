"""The prices that a contract trades at: the broker's market rule, its `minTick`, or the best guess. Pure.

Must never round a price to where it fills less easily: a buy goes up, a sell goes down.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

import msgspec

from engine.core.facts import Details, PriceStep

ZERO = Decimal(0)

PRICE_STEPS = (Decimal("0.01"), Decimal("0.05"), Decimal("0.1"), Decimal("0.25"), Decimal("1"))
"""Steps tried, coarser each time, when the broker refuses a price (110) on the grid it named itself."""

TICK_GUESSED = Decimal("0.01")
TICK_MIN, TICK_MAX = Decimal("1E-9"), Decimal(10**6)
"""What is beyond these is no price step, whatever was sent."""

BANDS_MAX = 32


class Grid(msgspec.Struct, frozen=True):
    """Steps by price: (low edge, step), ascending, the first from zero. Below zero the grid is mirrored."""

    bands: tuple[tuple[Decimal, Decimal], ...]

    def step_at(self, price: Decimal) -> Decimal:
        size = abs(price)
        found = self.bands[0][1]
        for low_edge, step in self.bands[1:]:
            if size >= low_edge:
                found = step
        return found

    def onward(self, price: Decimal, *, up: bool) -> Decimal:
        """The nearest price on the grid that is not below (`up`) or not above `price`.

        A rounding may step over an edge, to where another step counts: at most once for each band.
        """
        step = self.step_at(price)
        rounded = (price / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step
        return rounded if rounded % self.step_at(rounded) == 0 else self.onward(rounded, up=up)


def price_grid(details: Details | None, steps: tuple[PriceStep, ...], coarser: int) -> Grid:
    """The market rule's `steps` where they are known and make sense, else the broker's minTick, else a guess; coarser
    for every time that a price on it was refused. The first time that is the minTick, where the rule's steps are finer:
    the two contradict each other, and it was the rule that was tried."""
    named = details.min_tick if details is not None else None
    tick = named if named is not None and _is_step(named) else None
    bands = _bands(steps)
    if not bands:
        bands = ((ZERO, tick or TICK_GUESSED),)
    elif coarser and tick is not None and bands[0][1] < tick:
        bands, coarser = tuple((low_edge, max(step, tick)) for low_edge, step in bands), coarser - 1
    return Grid(tuple((low_edge, _coarser(step, coarser)) for low_edge, step in bands))


def _bands(steps: tuple[PriceStep, ...]) -> tuple[tuple[Decimal, Decimal], ...]:
    """The rule's bands, or none of them where any makes no sense."""
    bands = tuple((step.low_edge, step.increment) for step in steps)
    edges = [low_edge for low_edge, _ in bands]
    sound = len(bands) <= BANDS_MAX and all(low_edge.is_finite() and _is_step(step) for low_edge, step in bands)
    if not sound or not bands or edges[0] != ZERO or any(a >= b for a, b in pairwise(edges)):
        return ()
    return bands


def _is_step(step: Decimal) -> bool:
    return step.is_finite() and TICK_MIN <= step <= TICK_MAX


def _coarser(tick: Decimal, times: int) -> Decimal:
    """The `times`-th of the coarser steps that are multiples of `tick`; the last one where there are not so many."""
    coarse = [step for step in PRICE_STEPS if step > tick and step % tick == 0]
    return tick if times <= 0 or not coarse else coarse[min(times, len(coarse)) - 1]
