"""From when does another value of a limit hold? Tighter at once, looser from the next trading day, with a reason. Pure.

Values are texts, key by key, as they stand in the configuration. What is not certainly tighter is looser: a key that is
not known here, a clock, a value that is no number. The last word counts: whatever was told earlier and does not hold
yet, never will. A configuration file can only tighten; to loosen, somebody has to say why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum

import msgspec

from engine.core.limit_rules import Action, Lasting
from engine.core.periods import PeriodClock

FIRST_REASON = "the value that limits were first used with"
FILE_REASON = "the configuration says so"


class Direction(Enum):
    SAME = "same"
    TIGHTER = "tighter"
    LOOSER = "looser"


class Refusal(Enum):
    """Why a change is not taken."""

    NOTHING_CHANGES = "nothing_changes"
    REASON_MISSING = "reason_missing"  # loosening needs one


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`key` has, or will have, the value `new`. `told_ns`: when somebody said so. `old` is empty the first time."""

    key: str
    old: str
    new: str
    reason: str
    told_ns: int
    effective_ns: int


class Standing(msgspec.Struct, frozen=True):
    """The value in force, and the change that is still to come, if there is one."""

    value: str
    coming: Change | None = None


class Held(msgspec.Struct, frozen=True):
    """The configuration asks for something looser than what is in force. It is not taken without a reason."""

    key: str
    asked: str
    in_force: str


class Adoption(msgspec.Struct, frozen=True):
    """What a configuration comes to: the changes to write down, and what it asks for in vain."""

    changes: tuple[Change, ...]
    held: tuple[Held, ...]


class _Order(Enum):
    LOWER = -1  # lower is tighter
    HIGHER = 1


_NUMBERS = {
    "size_factor": _Order.LOWER,
    "pause_days": _Order.HIGHER,
    "blind_after_s": _Order.LOWER,
    "stale_after_s": _Order.LOWER,
}
_ACTIONS = [action.value for action in Action]
_UNTIL = [lasting.value for lasting in Lasting if lasting is not Lasting.PAUSE]  # a pause may be longer or shorter


def direction(key: str, old: str, new: str) -> Direction:
    """Whether the new value allows less than the old one."""
    if old == new:
        return Direction.SAME
    return Direction.TIGHTER if _is_tighter(key, old, new) else Direction.LOOSER


def _is_tighter(key: str, old: str, new: str) -> bool:
    if key == "everywhere":
        return (old, new) == ("false", "true")
    for ending, words in (("_action", _ACTIONS), ("_until", _UNTIL)):
        if key.endswith(ending):
            return old in words and new in words and words.index(new) > words.index(old)
    order = _Order.LOWER if key.endswith(("_pct", "_max")) else _NUMBERS.get(key)
    before, after = _number(old), _number(new)
    if order is None or before is None or after is None:
        return False
    return after < before if order is _Order.LOWER else after > before


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def standing(changes: Iterable[Change], now_ns: int) -> dict[str, Standing]:
    """What is in force at this moment, key by key. `changes` in the order in which they were told."""
    found: dict[str, Standing] = {}
    for change in changes:
        before = _at(found.get(change.key, Standing(change.old)), change.told_ns)
        holds = change.effective_ns <= change.told_ns
        found[change.key] = Standing(change.new) if holds else Standing(before.value, change)
    return {key: _at(each, now_ns) for key, each in found.items()}


def _at(before: Standing, now_ns: int) -> Standing:
    if before.coming is not None and before.coming.effective_ns <= now_ns:
        return Standing(before.coming.new)
    return before


def plan_change(
    key: str, new: str, in_force: str, *, reason: str, now_ns: int, clock: PeriodClock, coming: str | None = None
) -> Change | Refusal:
    """What it comes to when a person asks for another value. `coming`: the value that is already to follow, if any."""
    towards = direction(key, in_force, new)
    if towards is Direction.SAME and coming is None:
        return Refusal.NOTHING_CHANGES
    if towards is Direction.LOOSER and not reason.strip():
        return Refusal.REASON_MISSING
    later = towards is Direction.LOOSER
    effective_ns = clock.next_trading_day_start(now_ns) if later else now_ns
    return Change(key=key, old=in_force, new=new, reason=reason, told_ns=now_ns, effective_ns=effective_ns)


def adopt(configured: Mapping[str, str], changes: Iterable[Change], now_ns: int) -> Adoption:
    """Hold a configuration against what was written down. The first value of a key is taken as it is."""
    in_force = standing(changes, now_ns)
    taken: list[Change] = []
    held: list[Held] = []
    for key, asked in configured.items():
        before = in_force.get(key)
        if before is None:
            taken.append(_at_once(key, "", asked, FIRST_REASON, now_ns))
            continue
        match direction(key, before.value, asked):
            case Direction.TIGHTER:
                taken.append(_at_once(key, before.value, asked, FILE_REASON, now_ns))
            case Direction.LOOSER if before.coming is None or before.coming.new != asked:
                held.append(Held(key, asked, before.value))
            case _:
                pass  # in force, or to come anyway
    return Adoption(tuple(taken), tuple(held))


def _at_once(key: str, old: str, new: str, reason: str, now_ns: int) -> Change:
    return Change(key=key, old=old, new=new, reason=reason, told_ns=now_ns, effective_ns=now_ns)
