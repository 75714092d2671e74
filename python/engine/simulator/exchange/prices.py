"""Where a price stands at any instant: a seeded random walk with scripted points, evaluated only when asked.

The walk is a Brownian bridge halved again and again: the value at a step depends on seed, key and step alone, not on
what was asked before, and costs a logarithm of the span. All arithmetic is in whole numbers, so that every machine
sees the same prices.
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from functools import lru_cache
from math import isqrt
from zlib import crc32

import msgspec

_MASK = (1 << 64) - 1
_LEVELS = 32  # spans 2**32 steps: 136 years of seconds
_UNIT = 1_000_000  # the walk is kept in millionths
DAY_NS = 23 * 3600 * 1_000_000_000  # the trading day over which a daily move is measured: that of futures


def mix(number: int) -> int:
    """Scatter a number over 64 bits (splitmix64's finaliser)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


def draw(seed: int, *words: int) -> int:
    """64 bits that depend on the seed and the words, and look like chance."""
    number = mix(seed & _MASK)
    for word in words:
        number = mix(number ^ (word & _MASK))
    return number


@lru_cache(maxsize=1)
def _deviations() -> tuple[int, ...]:
    """For each level, the spread of a bridge's midpoint over 2**level steps: sqrt(span) / 2, in units."""
    return tuple(isqrt((_UNIT * _UNIT << level) // 4) for level in range(_LEVELS + 1))


class Walk:
    """A standard random walk: variance 1 a step, starting at 0. Values are in millionths."""

    def __init__(self, seed: int, key: str) -> None:
        self._of = (seed, key)
        self._seed = draw(seed, crc32(key.encode()))
        far = self._chance(_LEVELS, 0) * isqrt(_UNIT * _UNIT << _LEVELS) // 4
        self._trail = [(0, 1 << _LEVELS, 0, far)]  # the halvings that led to the last answer

    def at(self, step: int) -> int:
        """The value at a step; before the first step it is 0."""
        if step <= 0:
            return 0
        trail = self._trail
        while not trail[-1][0] <= step <= trail[-1][1]:
            trail.pop()
        low, high, at_low, at_high = trail[-1]
        deviations = _deviations()
        while step not in (low, high):
            middle = (low + high) // 2
            level = (high - low).bit_length() - 1
            at_middle = (at_low + at_high) // 2 + self._chance(level, middle) * deviations[level] // 4
            if step <= middle:
                high, at_high = middle, at_middle
            else:
                low, at_low = middle, at_middle
            trail.append((low, high, at_low, at_high))
        return at_low if step == low else at_high

    def past(self) -> Walk:
        """The walk that is taken backwards from the start."""
        seed, key = self._of
        return Walk(seed, f"{key}/past")

    def _chance(self, level: int, middle: int) -> int:
        """A number of mean 0 and deviation 4: heads minus 32 in 64 coin tosses."""
        return mix(self._seed ^ (level << 56) ^ middle).bit_count() - 32


class Pin(msgspec.Struct, frozen=True):
    """A point the path passes through, and how it goes on from there."""

    at_ns: int
    price: Decimal
    walk: int  # where the walk stands at that instant
    sensitivity: Decimal  # money per millionth of the walk; 0: the price stands still
    is_scripted: bool  # False only for where the path began
    is_frozen: bool  # halted: nothing moves it, not even the underlying
    model: Decimal | None = None  # options: what the model said when a hand set the price


class PricePath:
    """The price of one instrument over time: its walk, pinned wherever a scenario said so."""

    def __init__(self, walk: Walk, *, start_ns: int, step_ns: int, price: Decimal, daily_move_pct: Decimal) -> None:
        self._walk = walk
        self._past = walk.past()
        self._start_ns, self._step_ns = start_ns, step_ns
        self._pins = [Pin(start_ns, price, 0, self._sensitivity(price, daily_move_pct), False, False)]

    def at(self, at_ns: int) -> Decimal:
        """The unrounded price at an instant. What came before the start is a walk of its own, which leads there."""
        if at_ns < self._start_ns:
            pin = self.pin_at(self._start_ns)
            return pin.price + self._past.at(-self._step(at_ns)) * pin.sensitivity
        pin = self.pin_at(at_ns)
        if not pin.sensitivity:
            return pin.price
        return pin.price + (self._walk.at(self._step(at_ns)) - pin.walk) * pin.sensitivity

    def pin_at(self, at_ns: int) -> Pin:
        """The pin that rules at an instant."""
        return self._pins[max(bisect_right(self._pins, at_ns, key=_pin_time) - 1, 0)]

    def pin(
        self,
        at_ns: int,
        price: Decimal,
        daily_move_pct: Decimal,
        *,
        frozen: bool = False,
        model: Decimal | None = None,
    ) -> None:
        """Let the path pass through this price, and walk on from there at this pace. Later pins stay."""
        walk = self._walk.at(self._step(at_ns))
        pin = Pin(at_ns, price, walk, self._sensitivity(price, daily_move_pct), True, frozen, model)
        self._pins.insert(bisect_right(self._pins, at_ns, key=_pin_time), pin)

    def next_change_ns(self, after_ns: int) -> int | None:
        """The first instant after this one at which the price may differ."""
        index = bisect_right(self._pins, after_ns, key=_pin_time)
        next_pin = self._pins[index].at_ns if index < len(self._pins) else None
        if not self._pins[max(index - 1, 0)].sensitivity:
            return next_pin
        next_step = self._start_ns + (self._step(after_ns) + 1) * self._step_ns
        return next_step if next_pin is None else min(next_pin, next_step)

    def _step(self, at_ns: int) -> int:
        return (at_ns - self._start_ns) // self._step_ns

    def _sensitivity(self, price: Decimal, daily_move_pct: Decimal) -> Decimal:
        steps_per_day = max(DAY_NS // self._step_ns, 1)
        return abs(price) * daily_move_pct / 100 / isqrt(steps_per_day) / _UNIT


def _pin_time(pin: Pin) -> int:
    return pin.at_ns
