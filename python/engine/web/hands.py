"""What a person wants, passed on to whoever decides it: the kill to the guard and to a process of its own, the rest to
the rules. Blocks; runs on a thread. Must never decide anything, and never keep back a stop.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from engine.core.limit_changes import Change
from engine.desk import incidents
from engine.guard.control import NoGuard, Request, ask
from engine.journal import chain
from engine.journal.begun import has_begun
from engine.journal.events import Record
from engine.journal.history import records
from engine.journal.journal import Journal, open_journal
from engine.journal.sqlite_store import SqliteStore
from engine.journal.trouble import JournalError, Trouble
from engine.trading.limit_setting import set_limit
from engine.trading.rules import Halted, Resumed, Rules
from engine.web.access import Who
from engine.web.private_files import FOLDER
from engine.web.reading import Reading
from engine.web.runs import Runs

TEXT_LENGTH_MAX = 500
ASK_S_MAX = 1.0  # the guard's report comes later than anybody should wait: the press is what has to arrive


class Hands:
    """`page`: the incident log that people complete."""

    def __init__(self, reading: Reading, page: Path, *, kills: Runs | None = None, drills: Runs | None = None) -> None:
        folder = reading.home / FOLDER
        self._reading = reading
        self._page = page
        self.kills = kills or Runs(folder / "kills", ("kill",))
        self.drills = drills or Runs(folder / "drills", ("drill", "--plain"))
        self.verifications = Runs(folder / "verifications", ("verify",))

    @property
    def rules(self) -> Rules:
        return self._reading.rules

    # --- stopping ----------------------------------------------------------------------------------------------------
    def kill(self, who: Who, reason: str, logins: tuple[str, ...]) -> str:
        """Press it: the guard hears of it, and a `qe kill` of its own begins, each without waiting for the other.

        Returns the id of the run. Raises CannotStart when no process could be started; the guard was told all the same;
        NoSuchLogin when a name is nobody's: nothing was done.
        """
        self._reading.check_names(logins)
        text = f"{short(reason) or 'EMERGENCY'} [{who.actor}]"
        request = Request("kill", reason=text, logins=logins, who=who.actor)
        threading.Thread(target=self._tell_guard, args=(request,), daemon=True).start()
        words = [f"--reason={text}", *(f"--login={one}" for one in logins)]
        if self._reading.config is not None:
            words.append(f"--config={self._reading.config}")
        return self.kills.start(words, {**os.environ, "QE_HOME": str(self._reading.home)})

    def _tell_guard(self, request: Request) -> None:
        with contextlib.suppress(NoGuard):  # none runs, or its report takes longer than we wait: it has heard
            ask(self._reading.home, request, timeout_s=ASK_S_MAX)

    def halt(self, who: Who, login: str, reason: str, *, cancel: bool) -> Halted:
        """Raises NoSuchLogin."""
        scope = self._reading.scope(login)
        return self.rules.halt(scope, short(reason) or "Manual halt", cancel=cancel, actor=who.actor)

    # --- going on ----------------------------------------------------------------------------------------------------
    def resume(self, who: Who, login: str, reason: str, *, override: bool) -> Resumed:
        """Raises NoSuchLogin, ResumeRefused, RulesUnreadable."""
        scope = self._reading.scope(login)
        return self.rules.resume(scope, override=override, reason=short(reason), actor=who.actor)

    def reset(self, who: Who, login: str, reason: str) -> Halted:
        """Raises NoSuchLogin, ResetRefused, RulesUnreadable."""
        return self.rules.reset(self._reading.scope(login), reason=short(reason), actor=who.actor)

    def set_limit(self, who: Who, login: str, key: str, value: str, reason: str, now_ns: int) -> Change:
        """Raises NoSuchLogin, LimitRefused, RulesUnreadable, ConfigError."""
        return set_limit(
            self.rules,
            self._reading.scope(login),
            self._reading.source(),
            key,
            value.strip(),
            reason=short(reason),
            now_ns=now_ns,
            actor=who.actor,
        )

    def acknowledge(self, who: Who, key: str | None) -> str:
        """Raises NoGuard."""
        answer = ask(self._reading.home, Request("ack", key=key, who=who.actor), timeout_s=ASK_S_MAX)
        seen = [str(one) for one in answer.get("titles") or answer.get("acknowledged", [])]
        return f"acknowledged: {', '.join(seen)}" if seen else "nothing stands that was not acknowledged already"

    # --- incidents, drills, the record ------------------------------------------------------------------------------
    def note(self, who: Who, incident: str, text: str) -> None:
        """Raises IncidentError, JournalError."""
        one = incidents.pick(incidents.incidents(self.records(missing=[])), incident)
        incidents.note(self._journal(who), one, text, actor=who.actor)

    def close(self, who: Who, incident: str, cause: str, action: str) -> str | None:
        """What could not be added to the page. Raises IncidentError, JournalError."""
        one = incidents.pick(incidents.incidents(self.records(missing=[])), incident)
        return incidents.close(self._journal(who), one, self._page, cause=cause, action=action, actor=who.actor)

    def drill(self, scenario: str) -> str:
        """Raises CannotStart."""
        return self.drills.start([f"--scenario={scenario}"], {**os.environ, "QE_HOME": str(self._reading.home)})

    def verify(self, login: str) -> str:
        """Our records against the broker, as `qe verify` does it. Raises NoSuchLogin, CannotStart."""
        self._reading.scope(login)
        words = [login] if self._reading.config is None else [login, f"--config={self._reading.config}"]
        return self.verifications.start(words, {**os.environ, "QE_HOME": str(self._reading.home)})

    def records(
        self, wanted: Callable[[Record], bool] = lambda _: True, missing: list[str] | None = None
    ) -> list[Record]:
        """Everything the journal has, archives first. With `missing`, what cannot be read is told there, and the rest
        is read all the same; without it that is a JournalError.
        """
        folder = self._reading.home / "journal"
        if not has_begun(folder):
            return []
        store, found, damaged = SqliteStore(folder), list[Record](), list[Trouble]()
        try:
            for one in records(folder, store, 0, damaged=None if missing is None else damaged):
                record = chain.opened(one)
                if wanted(record):
                    found.append(record)
        except JournalError as error:
            if missing is None:
                raise
            damaged.append(error.trouble)
        finally:
            store.close()
        if missing is not None:
            missing += map(str, damaged)
        return found

    def _journal(self, who: Who) -> Journal:
        return open_journal(self._reading.home / "journal", actor=who.actor)


def short(text: str, *, lines: bool = False) -> str:
    """What fits: what was typed must not become a command of a terminal or a page of its own. One line, or `lines`."""
    if lines:
        return "\n".join(filter(None, map(short, text.splitlines())))[: 2 * TEXT_LENGTH_MAX]
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(clean.split())[:TEXT_LENGTH_MAX]
