"""`qe limits`: what may still be lost, another value for a limit, and who has changed what."""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from engine.cli.exits import EXIT_CANNOT, EXIT_USAGE
from engine.cli.login_names import Chosen, Named, choose_or_tell
from engine.cli.refusals import REFUSALS, tell
from engine.cli.who import actor
from engine.config.places import config_file, state_folder
from engine.config.problems import ConfigError
from engine.config.reader import load
from engine.core.alerting import MINUTE_NS
from engine.core.amounts import money_text
from engine.core.known import Known, Unknown
from engine.core.limit_changes import Change
from engine.core.limit_rules import Action
from engine.core.limit_views import LimitsView, LimitView
from engine.core.restrictions import Restriction
from engine.guard.control import NoGuard, Request, ask
from engine.journal.events import LimitsTaken, Record
from engine.journal.loss_records import changes_of
from engine.journal.telling import moment
from engine.trading.cash_flows import rebase, settle_falls
from engine.trading.limit_setting import set_limit
from engine.trading.limit_source import LimitSource
from engine.trading.loss_watches import limits_on_record
from engine.trading.rules import Rules, open_rules

BAR_WIDTH = 24
INDENT = 28  # of what is said under a bar: where the bar begins
NONE = "(none)"  # a value that is an empty list
NEARLY = Decimal("0.75")  # of a limit that is used: from here on it is shown as a warning


def limits(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes stand in the help."""
    try:
        source = LimitSource(load(config_file(arguments.config)).limits)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT
    names = [arguments.login] if arguments.action in ("set", "settle", "rebase") else arguments.logins
    chosen = choose_or_tell("limits", names, arguments.config)
    if chosen is None:
        return EXIT_USAGE
    rules = open_rules(Path(state_folder()), actor=actor("limits"))
    try:
        match arguments.action:
            case "show":
                return _show(rules, source, chosen, as_json=arguments.json)
            case "set":
                return _set(rules, source, chosen.logins[0], arguments)
            case "settle":
                return _settle(rules, chosen.logins[0], arguments.reason)
            case "rebase":
                return _rebase(rules, chosen.logins[0], arguments.reason, arguments.currency)
            case _:
                return _history(rules, chosen)
    except REFUSALS as refusal:
        return tell(refusal)


# show -----------------------------------------------------------------------------------------------------------------


def _show(rules: Rules, source: LimitSource, chosen: Chosen, *, as_json: bool) -> int:
    now_ns, live = time.time_ns(), _live()
    views = {one.name: limits_on_record(rules, one.scope, source, now_ns) for one in chosen.logins}
    if as_json:
        print(msgspec.json.encode({name: live.get(name) or _data(view) for name, view in views.items()}).decode())
    else:
        console = Console(highlight=False, soft_wrap=True)
        state = rules.journal.state()
        of_all = {state.why} if isinstance(state, Unknown) else set()
        for why in of_all:
            console.print(why, style="yellow")
        for one in chosen.logins:
            console.print(_table(one, views[one.name], live.get(one.name), now_ns, of_all))
    return EXIT_CANNOT if isinstance(rules.journal.state(), Unknown) else 0


def _live() -> dict[str, dict[str, object]]:
    """What a running guard sees at this moment, by login."""
    try:
        answer = ask(Path(state_folder()), Request("status"), timeout_s=1.0)
    except NoGuard:
        return {}
    return {name: login["limits"] for name, login in answer.get("logins", {}).items() if not login["limits"]["stale"]}


def _table(login: Named, view: LimitsView, live: dict[str, object] | None, now_ns: int, told: AbstractSet[str]) -> Text:
    """One login. A reason that was `told` before, or stands in a line above, is not told again."""
    text, told = Text(), set(told)
    text.append(login.name, style="bold")
    text.append(f" ({login.mode or 'mode not known'})  {_equity(view, live, now_ns, told)}\n")
    rows = live["limits"] if live is not None else [_row(one) for one in view.limits]
    assert isinstance(rows, list)
    for row, one in zip(rows, view.limits, strict=True):
        text.append_text(_line(row, one, told))
    for note in (*view.notes, *view.unknown):
        if note not in told:
            text.append(f"  {note}\n", style="yellow")
    return text


def _not_known(why: str, told: set[str]) -> str:
    if not why or why in told:
        return "not known"
    told.add(why)
    return f"not known: {why}"


def _equity(view: LimitsView, live: dict[str, object] | None, now_ns: int, told: set[str]) -> str:
    if live is not None and live["equity"] is not None:
        return f"equity {money_text(Decimal(str(live['equity'])), str(live['currency']))}, as the guard sees it now"
    if isinstance(view.equity, Known):
        seen, age = view.equity.value, max(0, now_ns - view.equity.at_ns) // MINUTE_NS
        return f"equity {money_text(seen.amount, seen.currency)}, {age} min ago by the records: no guard knows it now"
    return f"equity is {_not_known(view.equity.why, told)}"


def _line(row: dict[str, object], one: LimitView, told: set[str]) -> Text:
    text = Text(f"  {one.limit.value.replace('_', ' '):<16} {f'{one.limit_pct:f}':>5} %  ")
    used, left = _number(row["used"]), _number(row["left"])
    if used is None or left is None:
        text.append(f"{'':{BAR_WIDTH}}  {_not_known(str(row['unknown'] or one.unknown or ''), told)}", style="dim")
    else:
        style = "bold red" if used >= 1 else "yellow" if used >= NEARLY else "green"
        text.append(bar(used), style=style)
        text.append(f"  {percent(used):>4} used, {money_text(left, one.currency)} left")
    if row["acted"] or one.acted:
        text.append("\n" + " " * INDENT)
        text.append(crossed(one), style="bold yellow" if one.override else "bold red" if one.restriction else "yellow")
    return text.append("\n")


def crossed(one: LimitView) -> str:
    """What became of a limit that was crossed: it binds, a person has set it aside, or its time is over."""
    again = "not acted on again " + ("until a reset" if one.until_ns is None else f"before {_minute(one.until_ns)}")
    if one.override is not None:
        aside = one.override
        what = f"{_kind(aside.restriction)} ({_until(aside.restriction)})"
        by = f"OVERRIDDEN by {aside.actor}, {_minute(aside.at_ns)}: {aside.reason}"
        return f"{by}\n{'':{INDENT}}what was set aside: {what}; {again}"
    if one.restriction is not None:
        return f"CROSSED: {_kind(one.restriction)} {_until(one.restriction)}"
    if one.action is Action.ALERT:
        return f"CROSSED: alert only; {again}"
    return f"crossed earlier; what it imposed is over; {again}"


def _kind(one: Restriction) -> str:
    return one.kind.value.replace("_", " ") + (f" × {one.size_factor}" if one.size_factor != 1 else "")


def _until(one: Restriction) -> str:
    return "until it is lifted" if one.until_ns is None else f"until {_minute(one.until_ns)}"


def _minute(at_ns: int) -> str:
    return moment(at_ns, None)[:16]


def percent(used: Decimal) -> str:
    """How much of a limit is used, at most 900 %. Never rounded up: 100 % is crossed."""
    return f"{int(min(used, Decimal(9)) * 100)}%"


def bar(used: Decimal, width: int = BAR_WIDTH) -> str:
    """How much of a limit is used. What is crossed is full, and nothing else is."""
    filled = width if used >= 1 else min(width - 1, int(used * width))
    return "█" * filled + "░" * (width - filled)


def _row(one: LimitView) -> dict[str, object]:
    return {
        "used": one.used,
        "left": one.left,
        "acted": one.acted,
        "unknown": one.unknown,
    }


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _data(view: LimitsView) -> dict[str, object]:
    from engine.guard.telling import limits_data

    return limits_data(view)


# set and history ------------------------------------------------------------------------------------------------------


def _set(rules: Rules, source: LimitSource, login: Named, arguments: argparse.Namespace) -> int:
    now_ns = time.time_ns()
    change = set_limit(
        rules,
        login.scope,
        source,
        arguments.key,
        arguments.value,
        reason=arguments.reason,
        now_ns=now_ns,
        actor=actor("limits"),
    )
    when = (
        "at once"
        if change.effective_ns <= now_ns
        else f"from the next trading day ({moment(change.effective_ns, None)[:16]})"
    )
    print(f"{login.name}: {change.key} {change.old or NONE} → {change.new or NONE}, {when}")
    return 0


def _settle(rules: Rules, login: Named, reason: str) -> int:
    falls = settle_falls(rules, login.scope, reason, now_ns=time.time_ns())
    for one in falls:
        money = money_text(-one.amount, one.currency)
        print(f"{login.name}: the {money} that equity fell by on {_minute(one.at_ns)} count as a loss from now on")
    return 0


def _rebase(rules: Rules, login: Named, reason: str, currency: str) -> int:
    before = rebase(rules, login.scope, reason, currency=currency, now_ns=time.time_ns())
    print(f"{login.name}: what was lost in {', '.join(before)} counts no longer; losses count from its next equity on")
    print("  what was halted for a loss stays halted: qe status")
    return 0


def _history(rules: Rules, chosen: Chosen) -> int:
    state = rules.journal.state()
    if isinstance(state, Unknown):
        print(f"the journal cannot be read: {state.why}", file=sys.stderr)
        return EXIT_CANNOT
    for login in chosen.logins:
        records = state.limit_changes
        told = [(changes, record) for record in records if (changes := changes_of((record,), login.scope))]
        count = sum(not isinstance(record.event, LimitsTaken) for _, record in told)
        print(f"{login.name}: " + ("no change is on record" if not count else f"changes: {count}"))
        for changes, record in told:
            print(f"  {moment(record.at_ns, None)[:19]}  " + _told(changes, record))
    return 0


def _told(changes: Sequence[Change], record: Record) -> str:
    if isinstance(record.event, LimitsTaken):
        values = ", ".join(f"{one.key} {one.new or NONE}" for one in changes)
        lines = textwrap.wrap(f"first used with {values}, by {record.actor}", 96)
        return ("\n" + " " * 23).join(lines)
    (one,) = changes
    later = "" if one.effective_ns <= one.told_ns else f", from {moment(one.effective_ns, None)[:16]}"
    what = f"{one.key} {one.old or NONE} → {one.new or NONE}{later}, by {record.actor}"
    return what + (f": {one.reason}" if one.reason else "")
