"""The paperwork of a kill: behind the wire, beside everything, and never in the way.

A press is written down as soon as it can be: who, why, that its logins are shut down, and the incident that a person
has to close. Its end follows with the report, and the incident log gets its section. Everything runs on a thread of its
own; where the journal cannot take it, the records wait beside it. Nothing here may raise into a kill or hold it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from engine.core.known import Unknown
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.beside import Waiting
from engine.journal.events import Adopted, AnyEvent, IncidentJoined, KillEnded, KillPressed, Restricted
from engine.journal.incident_log import section
from engine.journal.kept import Kept
from engine.journal.late_sections import Held
from engine.journal.state import JournalState
from engine.trading.daemons import Daemons
from engine.trading.incident_records import begin_or_join, tell
from engine.trading.reports import KillReport
from engine.trading.rules import Rules
from engine.trading.stories import KILL_TRIGGER, Pressed, kill_story, unfinished_story

BEHIND_THE_CANCEL_S = 0.02  # the first cancels are on the wire by then
PAPER_S_MAX = 3.0  # how long a report waits for its own records: a disk that hangs must not keep it from the operator

REMEMBERED_NOWHERE = (
    "No file could take it either: if this program ends before there is room, nothing remembers this kill. Type then: "
    "qe journal take-in FILE (with what it prints), or qe halt --all, and look before anything trades again"
)

JUST_NS_MAX = 3_000_000_000
"""TWS dates what has ended to the second, and its clock is known to one: what a kill has cancelled that ended less than
this before a press may be told as of the press. A guard that is told of a press begins no longer before it."""

EARLIER_NS_MAX = 600_000_000_000  # a kill that was pressed longer before than this is history, ended or not


class Earlier(msgspec.Struct, frozen=True):
    """A kill that was pressed before this one and has not ended by the journal, or has `just_ended`."""

    login: str  # of this press
    kill_id: str
    ago_ns: int  # since it was pressed, or has ended
    just_ended: bool = False
    by_guard: bool = False  # which was told of this very press


class KillRecords:
    """Keeps the records of one manager's kills, one after the other. `rules` is made when it is first needed."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        incident_log_file: Path,
        *,
        guard_pid: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`guard_pid`: the process of the guard that runs here."""
        self._rules = rules
        self._guard_pid = guard_pid
        self._file = incident_log_file
        self.notes: list[str] = []  # what could not be written where it belongs, for the operator
        self._held: dict[str, Held] = {}  # by kill: the section for the case that this program dies
        self._incidents: dict[str, tuple[str, bool]] = {}  # by kill: the incident, and whether it was open before
        self._earlier: dict[str, tuple[Earlier, ...]] = {}  # by kill: those before it that have not ended, or only just
        self._daemons = Daemons()
        self._last: asyncio.Future[None] | None = None

    def pressed(
        self, press: Pressed, then: Callable[[], None], earlier: Callable[[Earlier], None] = lambda _one: None
    ) -> None:
        """A press has begun. `then` is called, on the caller's loop, when its shutdown binds through the rules, and
        `earlier` for every kill before it that has not ended, or only just.
        """
        self._queue(lambda: self._write_press(press), after_s=BEHIND_THE_CANCEL_S)
        assert self._last is not None

        def written(done: asyncio.Future[None]) -> None:
            if done.cancelled() or done.exception():
                return
            then()
            for one in self._earlier.pop(press.kill_id, ()):
                earlier(one)

        self._last.add_done_callback(written)

    def ended(self, press: Pressed, report: KillReport) -> None:
        """Its report is there."""
        self._queue(lambda: self._write_end(press, report))

    async def settled(self) -> bool:
        """Wait until everything is written, but not for long. False: it is still being written."""
        last = self._last
        if last is None:
            return True
        done, _ = await asyncio.wait({last}, timeout=PAPER_S_MAX)
        return bool(done)

    def _queue(self, work: Callable[[], None], *, after_s: float = 0) -> None:
        """Behind what waits already."""
        loop = asyncio.get_running_loop()
        self._last = loop.create_task(self._behind(self._last, work, after_s), name="kill records")

    async def _behind(self, before: asyncio.Future[None] | None, work: Callable[[], None], after_s: float) -> None:
        await asyncio.sleep(after_s)
        if before is not None:
            await asyncio.wait({before})
        await asyncio.get_running_loop().run_in_executor(self._daemons, work)

    # --- on the thread ------------------------------------------------------------------------------
    def _write_press(self, press: Pressed) -> None:
        rules = self._rules()
        restrictions = tuple(shutdown(press, rules.known(scope)) for scope in press.scopes)
        for one in restrictions:
            rules.latch(one)

        def decide(state: JournalState | Unknown, waiting: Waiting) -> tuple[AnyEvent, ...]:
            incident = begin_or_join(
                state,
                waiting,
                (*press.scopes, *press.beside),
                trigger=KILL_TRIGGER,
                what=f"the kill switch was pressed: {press.reason}",
                at_ns=press.at_ns,
                mark=press.kill_id,
            )
            self._incidents[press.kill_id] = incident.id, incident.joined
            self._earlier[press.kill_id] = tuple(_earlier(state, press, self._guard_pid()))
            new = (Restricted(restriction=one) for one in restrictions if not _says_the_same(state, one))
            return KillPressed(kill_id=press.kill_id, scopes=press.scopes, reason=press.reason), *new, *incident.events

        kept = rules.journal.keep_decided(decide, at_ns=press.at_ns)
        if kept.records is not None:
            rules.written(*(one.id for one in restrictions))
        self._note(kept)
        incident, joined = self._incidents[press.kill_id]
        text = section(unfinished_story(press, incident_id=incident, joined=joined))
        held = rules.journal.sections.hold(self._file, text)
        if held is not None:
            self._held[press.kill_id] = held

    def _note(self, kept: Kept) -> None:
        """A journal that could not take a record of a kill, once."""
        if kept.trouble is None:
            return
        where = kept.whereabouts if kept.spooled is None else f"it waits in {kept.spooled.parent}"
        note = f"the record of this kill is not in the journal yet, {where}: {kept.trouble.short}"
        if kept.spooled is None:
            note += f". {REMEMBERED_NOWHERE}"
        if note not in self.notes:
            self.notes.append(note)

    def _write_end(self, press: Pressed, report: KillReport) -> None:
        incident, joined = self._incidents.pop(press.kill_id, (press.kill_id, False))
        data = msgspec.Raw(msgspec.json.encode(report.to_dict()))
        verdict = "flat" if report.flat else "not flat"

        def decide(state: JournalState | Unknown, _waiting: Waiting) -> tuple[AnyEvent, ...]:
            return (
                KillEnded(kill_id=press.kill_id, scopes=press.scopes, flat=report.flat, report=data),
                *_adopted(press, report),
                *_with_accounts(state, press, report),
                IncidentJoined(incident_id=incident, what=f"kill {press.kill_id} ended: {verdict}"),
            )

        self._note(self._rules().journal.keep_decided(decide))
        story = kill_story(report, incident_id=incident, pressed_ns=press.at_ns - press.ago_ns, joined=joined)
        missed = tell(self._file, story, self._rules().journal)
        if missed is not None:
            self.notes.append(missed)
        held = self._held.pop(press.kill_id, None)
        if held is not None:
            held.take_back()


def _earlier(state: JournalState | Unknown, press: Pressed, guard_pid: int | None) -> Iterable[Earlier]:
    if isinstance(state, Unknown):
        return
    ended = {id(record): record for record in state.kills_ended.values()}  # one kill may be the last of several logins
    for record in (*state.kills_open.values(), *ended.values()):
        event, ago_ns = record.event, press.at_ns - record.at_ns
        if not isinstance(event, KillPressed | KillEnded) or event.kill_id == press.kill_id:
            continue
        just_ended = isinstance(event, KillEnded)
        if not 0 <= ago_ns <= (JUST_NS_MAX if just_ended else EARLIER_NS_MAX):
            continue
        theirs = guard_pid is not None and record.actor.endswith(f"process {guard_pid}")
        by_guard = theirs and not just_ended and ago_ns <= JUST_NS_MAX
        for scope in press.scopes:
            if any(scope.meets(one) for one in event.scopes):
                yield Earlier(scope.login, event.kill_id, ago_ns, just_ended, by_guard)


def _says_the_same(state: JournalState | Unknown, wanted: Restriction) -> bool:
    """A shutdown by another press says all that this one would, and going on asks for no less because of it: nothing
    was verified between the two.
    """
    if isinstance(state, Unknown):
        return False
    verified = state.last_verified(wanted.scope)
    return any(
        _is_shutdown_of(one, wanted.scope)
        and set(wanted.scope.accounts) <= set(one.scope.accounts)
        and (verified is None or verified.at_ns <= one.since_ns)
        for one in state.restrictions
    )


def _is_shutdown_of(one: Restriction, scope: Scope) -> bool:
    kill = one.kind is Kind.SHUTDOWN and one.cause is Cause.KILL_SWITCH and one.until_ns is None
    return kill and (one.scope.login, one.scope.place) == (scope.login, scope.place)


def _with_accounts(state: JournalState | Unknown, press: Pressed, report: KillReport) -> Iterable[Restricted]:
    """The shutdowns once more, under their ids, now that the accounts are known: they bind whoever reaches an account
    by another name or way. One that a person has lifted meanwhile is not imposed anew.
    """
    for scope in _scopes_with_accounts(press, report):
        if isinstance(state, Unknown):
            yield Restricted(restriction=shutdown(press, scope))
            continue
        for one in state.restrictions:
            accounts = tuple(dict.fromkeys((*one.scope.accounts, *scope.accounts)))
            if _is_shutdown_of(one, scope) and accounts != one.scope.accounts:
                wider = msgspec.structs.replace(one.scope, accounts=accounts)
                yield Restricted(restriction=msgspec.structs.replace(one, scope=wider))


def _scopes_with_accounts(press: Pressed, report: KillReport) -> Iterable[Scope]:
    """What the logins have turned out to be: a kill that is pressed unconnected knows no account of theirs."""
    for scope in press.scopes:
        login = report.logins.get(scope.login)
        if login is not None and not set(login.accounts) <= set(scope.accounts):
            yield msgspec.structs.replace(scope, accounts=tuple(dict.fromkeys((*scope.accounts, *login.accounts))))


def shutdown(press: Pressed, scope: Scope) -> Restriction:
    """What a kill leaves behind: the login does nothing until it is verified, understood, reset and armed."""
    return Restriction(
        id=f"kill-{press.kill_id}-{scope.login}",
        scope=scope,
        kind=Kind.SHUTDOWN,
        cause=Cause.KILL_SWITCH,
        since_ns=press.at_ns,
        actor="kill switch",
        reason=press.reason,
    )


def _adopted(press: Pressed, report: KillReport) -> Iterable[Adopted]:
    """A login that the broker has shown to be flat holds nothing: our records begin anew from there."""
    by_name = {scope.login: scope for scope in press.scopes}
    for name, login in report.logins.items():
        if login.flat and login.accounts and name in by_name:
            scope = msgspec.structs.replace(by_name[name], accounts=login.accounts)
            yield Adopted(scope=scope, positions=(), reason=f"kill {press.kill_id} proved it flat")
