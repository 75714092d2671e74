"""Drawing by lot, always from the story's own generator."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Lot:
    """One story's chance."""

    def __init__(self, name: str) -> None:
        self.rng = random.Random(name)  # noqa: S311 a simulation, not a secret

    def chance(self, pct: float) -> bool:
        return self.rng.random() * 100 < pct

    def pick(self, of: Sequence[T]) -> T:
        return self.rng.choice(of)

    def number(self, least: int, most: int) -> int:
        return self.rng.randint(least, most)

    def few(self, at_most: int) -> int:
        """Mostly none, one or two."""
        return min(at_most, int(self.rng.expovariate(0.6)))

    def seconds(self, least: float, most: float) -> float:
        return round(self.rng.uniform(least, most), 3)

    def soon(self, after_s: float, within_s: float) -> float:
        """A moment from there on; the first instants are the likeliest."""
        return round(max(0.0, after_s + within_s * self.rng.random() ** 3), 4)
