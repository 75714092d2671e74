"""`qe status`: what each login may do now, and why. Reads the journal, and asks no TWS."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from engine.cli.exits import EXIT_CANNOT, EXIT_USAGE
from engine.cli.login_names import Chosen, Named, choose_or_tell
from engine.cli.status_view import view
from engine.cli.status_words import WORDS, swept_lines
from engine.cli.who import actor
from engine.config.places import state_folder
from engine.core.known import Unknown
from engine.core.restrictions import UNREADABLE, UNWRITABLE, Cause, Restriction, State
from engine.desk.runbook_facts import last_drill
from engine.guard.control import NoGuard, Request, ask
from engine.journal.events import IncidentOpened, KillEnded, KillPressed, OrdersSwept, Record, Verified
from engine.journal.state import JournalState
from engine.journal.telling import moment, told
from engine.trading import presence
from engine.trading.process_identity import runs
from engine.trading.rules import Rules, open_rules
from engine.trading.shortly import shortly

EXIT_RESTRICTED = 1
AHEAD_NS = 1_000_000_000  # less may have been read in the same moment
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
UNUSABLE = "the journal cannot be used, see below"
WATCH_S = 0.5
PRINT_S = 5.0


def status(arguments: argparse.Namespace) -> int:
    """0 every login may trade; 1 something holds one of them; 2 the journal cannot be read."""
    chosen = choose_or_tell("status", arguments.logins, arguments.config)
    if chosen is None:
        return EXIT_USAGE
    rules = open_rules(Path(state_folder()), actor=actor("status"))
    if arguments.watch:
        return _watch(rules, chosen)
    states = {one.name: rules.state(one.scope) for one in chosen.logins}  # which takes in what waits
    now_ns, journal = time.time_ns(), rules.journal.state()
    if arguments.json:
        print(msgspec.json.encode(_data(rules, journal, chosen.logins, states), enc_hook=str).decode())
    else:
        console = Console(highlight=False, soft_wrap=True)
        for one in chosen.logins:
            console.print(_told(one, states[one.name], journal, now_ns))
        console.print(_guard(now_ns))
        trouble = rules.journal.trouble()
        if trouble is not None:
            console.print(Text(str(trouble), style="bold red"))
            for line in _waiting(rules):
                console.print(Text(f"Not written down yet: {line}", style="bold red"))
        flaw = rules.journal.flaw()
        if flaw is not None:
            console.print(Text(flaw, style="yellow"))
    if isinstance(journal, Unknown):
        return EXIT_CANNOT
    return EXIT_RESTRICTED if any(state.kind is not None for state in states.values()) else 0


def _waiting(rules: Rules) -> list[str]:
    """Who looks behind a kill on a full disk has to find it: what waits is not among what holds a login."""
    lines = []
    for record in rules.journal.waiting_stops():
        one = told(record, None)
        lines.append(f"{one.when[:19]}  {one.what}  {one.about}  [{one.actor}]")
    return lines


def _watch(rules: Rules, chosen: Chosen) -> int:
    """Draw it anew twice a second, until Ctrl-C. Where nothing can be drawn it is printed again and again."""
    home, modes = Path(state_folder()), {one.name: one.mode for one in chosen.logins}
    console = Console(highlight=False)

    def drawn() -> RenderableType:
        try:
            told = ask(home, Request("status"), timeout_s=1.0)
        except NoGuard:
            told = None
        states = {one.name: rules.state(one.scope) for one in chosen.logins}
        return view(
            modes,
            states,
            told,
            _guard(time.time_ns(), brief=True),
            drill=last_drill(home / "drills"),
            columns=console.width,
            rows=console.height,
        )

    try:
        while not console.is_terminal or console.is_dumb_terminal:
            console.print(drawn(), "")
            time.sleep(PRINT_S)
        with Live(drawn(), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(WATCH_S)
                live.update(drawn(), refresh=True)
    except KeyboardInterrupt:
        return 0


def _guard(now_ns: int, *, brief: bool = False) -> Text:
    """Whether a guard watches, by its own signs of life. `brief`: what it waits for stands elsewhere."""
    home = Path(state_folder())
    age_s, found = presence.age_s(home, now_ns), presence.read(home)
    if age_s is None or found is None:
        return Text("guard: none is running (qe guard run)", style="dim")
    if presence.has_died(home):
        text = f"guard: HAS DIED (process {found.pid} is gone): start it anew: qe guard run"
        return Text(text, style="bold red")
    if age_s > presence.AGE_S_MAX:
        text = f"guard: SILENT for {age_s:.0f} s (process {found.pid}): it hangs or has died; start it anew"
        return Text(text, style="bold red")
    return _watched(home, found.pid, brief=brief)


def _watched(home: Path, pid: int, *, brief: bool) -> Text:
    """What a guard that lives really sees: it may be waiting for a TWS."""
    try:
        logins = ask(home, Request("status"), timeout_s=1.0)["logins"]
    except NoGuard as error:
        if not runs(pid):
            return Text(f"guard: HAS DIED (process {pid} is gone): start it anew: qe guard run", style="bold red")
        return Text(f"guard: lives (process {pid}) and cannot be asked what it sees: {error}", style="bold yellow")
    killed = [name for name, one in logins.items() if one["killing"]]  # whose connection the kill has
    seen = {name: one["waiting_for"] for name, one in logins.items() if name not in killed}
    unseen = [name if brief else f"{name} ({waiting_for})" for name, waiting_for in seen.items() if waiting_for]
    words = [f"A KILL IS UNDER WAY on {', '.join(killed)}"] * bool(killed)
    words += [f"DOES NOT SEE {(', ' if brief else '; ').join(unseen)}: nobody watches there"] * bool(unseen)
    if words:
        return Text(f"guard: {'; '.join(words)} (process {pid})", style="bold red")
    return Text(f"guard: watches {', '.join(logins)} (process {pid})", style="green")


def _told(login: Named, state: State, journal: JournalState | Unknown, now_ns: int) -> Text:
    word, style = WORDS[state.kind]
    text = Text()
    text.append(f"{login.name}", style="bold")
    text.append(f" ({login.mode or 'mode not known'})  ")
    text.append(word, style=style)
    if state.size_factor != 1:
        text.append(f"  size × {state.size_factor}")
    for one in state.standing:
        by_journal = one.id in (UNREADABLE, UNWRITABLE)  # it is told once, below all logins
        text.append(f"\n  {one.kind.value} ({one.cause.value}): {UNUSABLE if by_journal else one.reason}")
        text.append(f"\n    {_span(one, now_ns)}, by {one.actor}", style="dim")
        if one.cancel and isinstance(journal, JournalState):
            for line, loud in swept_lines(journal.swept_for(one.id)):
                text.append(f"\n    {line}", style="bold yellow" if loud else "")
    if isinstance(journal, JournalState):
        for line in _memories(login, journal, now_ns):
            text.append(f"\n  {line}")
    text.append("\n")
    return text


def _span(one: Restriction, now_ns: int) -> str:
    if one.cause is Cause.BLIND:
        until = "until it is seen again"
    elif one.ends_by_itself:
        until = "until the journal can be used again"
    else:
        until = "until it is lifted" if one.until_ns is None else f"until {moment(one.until_ns, None)[:19]}"
    return f"since {moment(one.since_ns, None)[:19]} ({_ago(now_ns - one.since_ns)}) {until}"


def _memories(login: Named, journal: JournalState, now_ns: int) -> list[str]:
    """What the journal remembers beside the restrictions: open incidents, the last verification, the last kill."""
    lines = []
    for name in journal.incidents(login.scope):
        opened = journal.incidents_open[name].event
        what = f": {shortly(opened.what.split('; '))}" if isinstance(opened, IncidentOpened) else ""
        lines.append(f"incident {name} is open{what}")
    lines += _unfinished(journal, login, now_ns)
    verified = journal.last_verified(login.scope)
    if verified is not None and isinstance(verified.event, Verified):
        lines.append(f"last verified {_ago(now_ns - verified.at_ns)}: {_found(verified.event, login.name)}")
    kill = _last_kill(journal, login)
    if kill is not None and isinstance(kill.event, KillEnded):
        ended = "flat" if kill.event.flat else "NOT flat"
        lines.append(f"last kill {_ago(now_ns - kill.at_ns)}: {ended}")
    return lines


def _found(verified: Verified, login: str) -> str:
    if verified.matches:
        return "matched"
    if not verified.unbegun:
        return "DIFFERED"
    return f"no records of {', '.join(verified.unbegun)} yet; to begin them: qe verify {login} --adopt --reason TEXT"


def _unfinished(journal: JournalState, login: Named, now_ns: int) -> list[str]:
    """Kills that were begun and have not ended: they run, or their process died and nothing is proven."""
    return [
        f"A KILL WAS PRESSED {_ago(now_ns - record.at_ns)} AND HAS NOT ENDED: it runs, or it died and nothing is "
        f"proven. Run qe kill again (kill {record.event.kill_id}: {record.event.reason})"
        for record in journal.kills_open.values()
        if isinstance(record.event, KillPressed) and any(scope.meets(login.scope) for scope in record.event.scopes)
    ]


def _last_kill(journal: JournalState, login: Named) -> Record | None:
    of_it = [
        record
        for record in journal.kills_ended.values()
        if isinstance(record.event, KillEnded) and any(scope.meets(login.scope) for scope in record.event.scopes)
    ]
    return max(of_it, key=lambda record: record.seq, default=None)


def _ago(ns: int) -> str:
    """A span of time as a person says it."""
    seconds = abs(ns) // 1_000_000_000
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), (1, "s"))
    span = f"{seconds // size} {unit}"
    if ns < -AHEAD_NS:
        return f"{span} ahead of this machine's clock, which has been set back since"
    return f"{span} ago"


def _swept(journal: JournalState | Unknown, state: State) -> dict[str, tuple[OrdersSwept, ...]]:
    """By restriction: what programs say of the orders that it asked them to cancel."""
    if isinstance(journal, Unknown):
        return {}
    return {one.id: journal.swept_for(one.id) for one in state.standing if one.cancel}


def _data(
    rules: Rules, journal: JournalState | Unknown, logins: tuple[Named, ...], states: dict[str, State]
) -> dict[str, Any]:
    trouble = rules.journal.trouble()
    home, now_ns = Path(state_folder()), time.time_ns()
    return {
        "guard": {"fresh": presence.is_fresh(home, now_ns), "age_s": presence.age_s(home, now_ns)},
        "journal": {
            "readable": isinstance(journal, JournalState),
            "trouble": None if trouble is None else str(trouble),
            "flaw": rules.journal.flaw(),
            "waiting_stops": [] if trouble is None else _waiting(rules),
        },
        "logins": {
            one.name: {
                "mode": one.mode,
                "state": None if (kind := states[one.name].kind) is None else kind.value,
                "may_add_risk": states[one.name].may_add_risk,
                "may_reduce": states[one.name].may_reduce,
                "size_factor": states[one.name].size_factor,
                "standing": states[one.name].standing,
                "swept": _swept(journal, states[one.name]),
                "open_incidents": journal.incidents(one.scope) if isinstance(journal, JournalState) else None,
            }
            for one in logins
        },
    }
