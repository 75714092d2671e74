"""Random values of every kind a field can have, from a seed, so that a failure can be repeated.

Numbers are spelled the way every client spells them (no exponent, the shortest form), or the bytes could not be
compared. Text is what IBKR's clients accept: printable ASCII.
"""

from __future__ import annotations

import functools
import random
from decimal import Decimal
from typing import Any

import msgspec

from engine.core.contracts import TagValue
from engine.core.units import BLANK, UNSET, Flag, Number, Whole

_TEXT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;/+-_=()#&'\"<>[]{}|~!?@$%^*"


class Dice(random.Random):
    """A seeded source of field values. `unset_pct`: how often a number that may be absent is IBKR's sentinel."""

    def __init__(self, seed: int, *, unset_pct: int = 0, blank_pct: int = 15) -> None:
        super().__init__(seed)
        self.unset_pct = unset_pct
        self.blank_pct = blank_pct

    def chance(self, pct: int) -> bool:
        return self.randrange(100) < pct

    def text(self, longest: int = 12) -> str:
        """Printable text, sometimes empty, never ending or starting in a way that a client would trim."""
        return "".join(self.choices(_TEXT, k=self.randint(0, longest))).strip()

    def word(self) -> str:
        return "".join(self.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=self.randint(1, 6)))

    def known_number(self) -> Decimal:
        """A finite number, spelled as a client would write it."""
        form = self.randrange(8)
        if form == 0:
            return Decimal(0)
        if form == 1:
            return Decimal("0.0")
        if form == 2:
            return Decimal(self.randint(1, 10 ** self.randint(1, 9)))
        if form == 3:
            return Decimal(-self.randint(1, 10 ** self.randint(1, 6)))
        places = self.choice((1, 2, 2, 2, 4, 6, 8))
        value = self.uniform(0.001, 10.0 ** self.randint(0, 6)) * self.choice((1, 1, 1, -1))
        spelled = repr(round(value, places))
        return Decimal(spelled) if "e" not in spelled else Decimal(1)

    def number(self) -> Number:
        if self.chance(self.unset_pct):
            return UNSET
        return BLANK if self.chance(self.blank_pct) else self.known_number()

    def known_whole(self) -> int:
        form = self.randrange(6)
        if form == 0:
            return 0
        if form == 1:
            return -self.randint(1, 1000)
        return self.randint(1, 10 ** self.randint(1, 9))

    def whole(self) -> Whole:
        if self.chance(self.unset_pct):
            return UNSET
        return BLANK if self.chance(self.blank_pct) else self.known_whole()

    def flag(self) -> Flag:
        return BLANK if self.chance(self.blank_pct) else self.chance(50)

    def tag_values(self, longest: int = 3) -> tuple[TagValue, ...]:
        return tuple(TagValue(self.word(), self.text(6)) for _ in range(self.randint(0, longest)))

    def fill(
        self, struct: type[msgspec.Struct], *, density_pct: int = 100, skip: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """Values for a random share of a structure's fields; the others stay at their default."""
        makers = _makers(struct)
        return {
            name: getattr(self, maker)()
            for name, maker in makers.items()
            if name not in skip and self.chance(density_pct)
        }

    def yes_or_no(self) -> bool:
        return self.chance(50)


_MAKERS = (
    (Number, "number"),
    (Whole, "whole"),
    (Flag, "flag"),
    (str, "text"),
    (int, "known_whole"),
    (bool, "yes_or_no"),
    (tuple[TagValue, ...], "tag_values"),
)


@functools.cache
def fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a structure; asking msgspec each time costs more than everything else here."""
    return msgspec.structs.fields(struct)


@functools.cache
def _makers(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Which of the makers above suits each field. Structures within structures have makers of their own."""
    suited = {}
    for info in fields_of(struct):
        for declared, maker in _MAKERS:
            if info.type == declared:
                suited[info.name] = maker
    return suited
