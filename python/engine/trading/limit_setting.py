"""Another value for a limit, told by a person and written down: tighter at once, looser from the next trading day.

Nothing is changed that could not be written down, and no value that is none. The configuration file stays as it is:
what was told last holds over it, unless it is tighter.
"""

from __future__ import annotations

from typing import get_type_hints

import msgspec

from engine.config.limit_settings import limit_values, limits_table, period_clock
from engine.config.limits_table import LimitsTable
from engine.core.known import Unknown
from engine.core.limit_changes import Change, Refusal, plan_change, standing
from engine.core.restrictions import Scope
from engine.journal.loss_records import changes_of, limit_changed
from engine.journal.trouble import Conflict, JournalError, Trouble
from engine.trading.errors import LimitRefused, RulesUnreadable
from engine.trading.limit_source import LimitSource, in_force
from engine.trading.rules import TRIES_MAX, Rules

UNCHANGED = "Every limit stands as it did"


def set_limit(
    rules: Rules,
    scope: Scope,
    source: LimitSource,
    key: str,
    value: str,
    *,
    reason: str,
    now_ns: int,
    actor: str | None = None,
) -> Change:
    """Write it down, and return what was written. Raises LimitRefused or RulesUnreadable."""
    for _ in range(TRIES_MAX):
        state = rules.journal.state()
        if isinstance(state, Unknown):
            raise _unreadable(scope, rules.journal.trouble() or state.why)
        changes = changes_of(state.limit_changes, scope)
        held = in_force(source, changes, now_ns)
        if held.unreadable:
            raise _unreadable(scope, held.unreadable)
        values = limit_values(held.table)
        new = _as_written(values, key, value)
        coming = standing(changes, now_ns).get(key)
        change = plan_change(
            key,
            new,
            values[key],
            reason=reason.strip(),
            now_ns=now_ns,
            clock=held.clock,
            coming=None if coming is None or coming.coming is None else coming.coming.new,
        )
        if isinstance(change, Refusal):
            raise _refused(key, values[key], change)
        try:
            rules.journal.append(limit_changed(scope, change), at_ns=now_ns, expected_seq=state.seq, actor=actor)
        except Conflict:
            continue
        except JournalError as error:
            raise _unreadable(scope, error.trouble) from error
        return change
    raise _unreadable(scope, "other programs append to the journal all the time")


def _as_written(values: dict[str, str], key: str, value: str) -> str:
    """The value as it is written down, if it is one. Raises LimitRefused."""
    if key not in values:
        raise LimitRefused(f"There is no limit {key!r}", UNCHANGED, f"They are: {', '.join(values)}")
    try:
        table = limits_table({**values, key: value})
        period_clock(table)
    except ValueError as error:  # what msgspec raises is one
        why = _in_words(key, error) if isinstance(error, msgspec.ValidationError) else str(error)
        raise LimitRefused(f"{key} cannot be {value!r}: {why}", UNCHANGED, "Give another value") from error
    return limit_values(table)[key]


def _in_words(key: str, error: msgspec.ValidationError) -> str:
    from engine.config.problems import choices_of, in_words  # not needed by a kill, which loads this module

    return in_words(str(error), choices_of(get_type_hints(LimitsTable, include_extras=True)[key]))


def _refused(key: str, in_force: str, why: Refusal) -> LimitRefused:
    in_force = in_force or "(none)"
    if why is Refusal.REASON_MISSING:
        return LimitRefused(
            f"{key} would be looser than {in_force}, and no reason was given", UNCHANGED, "Give the reason: it is kept"
        )
    return LimitRefused(f"{key} is {in_force} already", UNCHANGED, "There is nothing to do")


def _unreadable(scope: Scope, why: Trouble | str) -> RulesUnreadable:
    what, then = (why.short, why.next_step) if isinstance(why, Trouble) else (why, "look at it with qe journal verify")
    return RulesUnreadable(f"The limits of {scope.login} cannot be changed: {what}", UNCHANGED, f"To do: {then}")
