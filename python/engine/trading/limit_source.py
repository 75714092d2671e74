"""Which limits hold for a login at a moment: what was written down of them, over what the configuration says.

A file can tighten by itself and never loosen; one with faults changes nothing. Must never judge by looser values than
those that were written down.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from engine.config.limit_settings import equity_settings, limit_settings, limit_values, limits_table, period_clock
from engine.config.limits_table import LimitsTable
from engine.config.places import config_file
from engine.core.equity import EquitySettings
from engine.core.limit_changes import Change, Held, adopt, standing
from engine.core.limit_rules import LimitSettings
from engine.core.periods import PeriodClock


class LimitSource(msgspec.Struct, frozen=True):
    """The table that a program was started with. `faults`: why it is not what somebody wrote; empty: it is."""

    table: LimitsTable = LimitsTable()
    faults: str = ""


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """The limits by which a login is judged. `unreadable`: why they are not those that were written down."""

    table: LimitsTable
    settings: LimitSettings
    equity: EquitySettings
    clock: PeriodClock
    unreadable: str = ""


def find_limits() -> LimitSource:
    """From the file in force, if there is one."""
    from engine.config.problems import ConfigError  # not needed by a kill, which loads this module
    from engine.config.reader import load

    try:
        return LimitSource(load(config_file()).limits)
    except ConfigError as error:
        return LimitSource(LimitsTable(), f"the configuration has faults: {error}")


def in_force(source: LimitSource, changes: Iterable[Change], now_ns: int) -> InForce:
    """What holds at this moment."""
    values = limit_values(source.table)
    written = {key: one.value for key, one in standing(changes, now_ns).items()}
    strange = sorted(written.keys() - values.keys())
    held = _made(tuple(sorted({**values, **{key: written[key] for key in written if key in values}}.items())))
    if isinstance(held, InForce) and not strange:
        return held
    why = held if isinstance(held, str) else f"this version does not know {', '.join(strange)}"
    made = held if isinstance(held, InForce) else _made(tuple(sorted(values.items())))
    plain = made if isinstance(made, InForce) else _of(LimitsTable())
    return msgspec.structs.replace(plain, unreadable=f"the limits that were written down cannot be read: {why}")


def adopted(source: LimitSource, changes: Iterable[Change], now_ns: int) -> tuple[Change, ...]:
    """What of the configuration is to be written down now."""
    return () if source.faults else adopt(limit_values(source.table), changes, now_ns).changes


def notes_of(source: LimitSource, changes: Iterable[Change], now_ns: int) -> tuple[str, ...]:
    """What a person should know: what the configuration asks for in vain, and what is still to come."""
    told = tuple(changes)
    notes = [source.faults] if source.faults else []
    held: tuple[Held, ...] = () if source.faults else adopt(limit_values(source.table), told, now_ns).held
    notes += [
        f"the configuration asks for {one.key} = {one.asked}, which is looser than {one.in_force}: "
        f"it holds only with a reason (qe limits set)"
        for one in held
    ]
    coming = (one.coming for one in standing(told, now_ns).values() if one.coming is not None)
    notes += [f"{one.key} becomes {one.new} at the next trading day: {one.reason}" for one in coming]
    return tuple(notes)


@lru_cache(maxsize=64)
def _made(values: tuple[tuple[str, str], ...]) -> InForce | str:
    try:
        return _of(limits_table(dict(values)))
    except msgspec.ValidationError as error:
        from engine.config.problems import in_words  # not needed by a kill, which loads this module

        key = str(error).partition("`$.")[2].rstrip("`") or "one of them"
        return f"{key}: {in_words(str(error))}"
    except ValueError as error:
        return str(error)


def _of(table: LimitsTable) -> InForce:
    return InForce(
        table=table, settings=limit_settings(table), equity=equity_settings(table), clock=period_clock(table)
    )
