"""What a login may do: halts, resumes and resets, written down so that they bind every process and survive every crash.

Stopping never fails and never raises: where a halt cannot be made durable it binds all the same (in this process at
once, and by the journal's alarm in every other), and the answer says what is missing. Going on raises if anything
stands in the way. Must never lift what a plan of `engine.core.resume` has not named.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import msgspec

from engine.core.known import Unknown
from engine.core.restrictions import ONE, Cause, Kind, Restriction, Scope, State, effective
from engine.core.resume import Facts, Plan, Verification, plan_reset, plan_resume
from engine.journal.events import Lifted, Reset, Restricted, Verified
from engine.journal.gate import Gate, GateBusy
from engine.journal.journal import Journal, open_journal
from engine.journal.kept import Kept
from engine.journal.state import JournalState
from engine.journal.trouble import CONSEQUENCE, Conflict, JournalError, Trouble
from engine.trading.arguments import words
from engine.trading.errors import ResetRefused, ResumeRefused, RulesUnreadable

VERIFIED_AGE_NS_MAX = 3600 * 1_000_000_000  # a verification older than this says nothing about now
TRIES_MAX = 20  # of a decision that others overtook by appending
SAME_MAX = 20  # halts of one login by hand that stand side by side: a program in a loop may halt for ever new reasons

UNTOLD = "whether another process was just sending an order cannot be told"
UNHEARD = "others hear of it only when they cannot write either, or when it is written"
NOT_DRAINED = "another process may be about to send one more order: it did not answer for two seconds (is it frozen?)"


class Passage(Protocol):
    """The gate between the look at the halts and the write (`engine.journal.gate`)."""

    def drain(self) -> bool: ...

    def enter(self) -> None: ...

    def leave(self) -> None: ...


class Halted(msgspec.Struct, frozen=True, kw_only=True):
    """A halt that binds. `durable`: written down; `drained`: nothing that passed the checks before is still to leave;
    `told`: every program of the machine knows, and not this one alone.

    `before`: halts by others, or for other reasons, that stood already. `notes` say in words whatever is not as it
    should be.
    """

    restriction: Restriction
    durable: bool
    drained: bool
    told: bool = True
    before: tuple[Restriction, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        one = self.restriction
        text = f"{one.scope.login}: {one.kind.value} ({one.cause.value}): {one.reason}"
        before = (f"  it was halted already: {each.reason} ({each.actor})" for each in self.before)
        return "\n".join((text, *before, *(f"  {note}" for note in self.notes)))


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """What was lifted, and what the login may do now: a size factor may go on."""

    login: str
    lifted: tuple[Restriction, ...]
    state: State

    def __str__(self) -> str:
        kind = self.state.kind
        lifted = ", ".join(dict.fromkeys(one.cause.value for one in self.lifted))
        if kind in (None, Kind.SIZE_FACTOR):
            now = "" if kind is None else f"; now {kind.value} ({self.state.size_factor})"
            return f"{self.login}: lifted {lifted}{now}" if lifted else f"{self.login}: nothing was in the way{now}"
        still = f"NOT RESUMED, no resume lifts this: {described(self.state)}"
        return f"{self.login}: {f'lifted {lifted}; ' if lifted else ''}{still}"


class Rules:
    """The restrictions of all logins of one program, over one journal."""

    def __init__(
        self,
        journal: Journal,
        gate: Passage,
        *,
        wall_ns: Callable[[], int],
        actor: str,
        new_id: Callable[[], str] = lambda: os.urandom(6).hex(),
    ) -> None:
        self.journal = journal
        self._gate = gate
        self._wall_ns = wall_ns
        self._actor = actor
        self._new_id = new_id
        self._latched: dict[str, Restriction] = {}  # binding here, and not (yet) written down
        self._untold: set[str] = set()  # of which no alarm could tell the other programs either

    # --- what holds --------------------------------------------------------------------------------
    def state(self, scope: Scope) -> State:
        """What a login may do now, and why. A journal that cannot be read is a halt, not an absence of halts."""
        return self._with_latched(self.journal.check(scope, self._wall_ns()), scope)

    def glance(self, scope: Scope) -> State:
        """The same, and it waits for nobody who writes: the last look before an order leaves."""
        state = self.journal.glance(scope, self._wall_ns())
        return self._with_latched(state, scope) if self._latched else state

    def enter(self, scope: Scope, objection: Callable[[State], str | None] | None = None) -> str | None:
        """Pass the gate: None, and `leave` must follow; or why the order must not leave. `objection`: what speaks
        against it in the newest state, unless it is that risk may not be added.
        """
        try:
            self._gate.enter()
        except GateBusy as busy:
            return str(busy)
        why: str | None = "the last look was not finished"
        try:
            state = self.glance(scope)
            why = _adds_risk(scope, state) if objection is None else objection(state)
        finally:
            if why is not None:
                self._gate.leave()
        return why

    def leave(self) -> None:
        self._gate.leave()

    def _with_latched(self, state: State, scope: Scope) -> State:
        if not self._latched:
            return state
        told = {one.id for one in state.standing}
        self.written(
            *(one for one in told if one in self._latched)
        )  # taken in, by whoever was first: others may lift it from now on
        more = [one for one in tuple(self._latched.values()) if one.id not in told]  # a thread may be latching
        return effective((*state.standing, *more), scope, self._wall_ns()) if more else state

    # --- stopping ----------------------------------------------------------------------------------
    def halt(
        self,
        scope: Scope,
        reason: str,
        *,
        cause: Cause = Cause.MANUAL,
        kind: Kind = Kind.HALT,
        until_ns: int | None = None,
        size_factor: Decimal = ONE,
        cancel: bool = False,
        actor: str | None = None,
    ) -> Halted:
        """Restrict a login. Returns when it binds everybody; a halt that stands already is not doubled, except that who
        halts by hand what others have halted is a reason more. `cancel`: every program cancels those of its own working
        orders that add risk.
        """
        scope, reason = self.known(scope), words(reason)
        same = self._same(scope, cause, kind)
        enough = [one for one in same if _lasts(one, until_ns) and (one.cancel or not cancel)]
        who = actor or self._actor
        said = next((one for one in enough if (one.reason, one.actor) == (reason, who)), None)
        if enough and said is None and cause is Cause.MANUAL:
            again = self._halt_again(scope, reason, same, enough[0], actor=who)
            if again is not None:
                return again
        elif enough:
            standing = said or enough[0]
            return self._halted(standing, durable=standing.id not in self._latched)
        restriction = Restriction(
            id=self._new_id(),
            scope=scope,
            kind=kind,
            cause=cause,
            since_ns=self._wall_ns(),
            until_ns=until_ns,
            actor=who,
            reason=reason,
            size_factor=size_factor,
            cancel=cancel,
        )
        self.latch(restriction)
        kept = self.journal.keep(Restricted(restriction=restriction), actor=actor)
        if kept.trouble is None:
            self._latched.pop(restriction.id, None)
            return self._halted(restriction, durable=True)
        if not kept.alarmed:
            self._untold.add(restriction.id)
        return self._halted(restriction, durable=False, notes=_unwritten(kept))

    def known(self, scope: Scope) -> Scope:
        """The scope with the accounts that the records have seen behind it: who is not connected has seen none."""
        state = self.journal.state()
        if isinstance(state, Unknown):
            return scope
        return msgspec.structs.replace(scope, accounts=state.accounts_of(scope))

    def latch(self, restriction: Restriction) -> None:
        """Bind this process at once; writing it down follows (see `written`)."""
        self._latched[restriction.id] = restriction

    def written(self, *restriction_ids: str) -> None:
        """The journal has them: from now on it says whether they stand."""
        for one in restriction_ids:
            self._latched.pop(one, None)

    def new_id(self) -> str:
        return self._new_id()

    @property
    def actor(self) -> str:
        return self._actor

    def drain(self) -> bool:
        """Wait until nothing that passed the checks before is still to leave. False: somebody did not answer."""
        with contextlib.suppress(GateBusy):
            return self._gate.drain()
        return False

    def _same(self, scope: Scope, cause: Cause, kind: Kind) -> tuple[Restriction, ...]:
        """What stands for this very login, of this kind and by this cause, the oldest first."""
        return tuple(
            one
            for one in self.state(scope).standing
            if (one.scope.login, one.cause, one.kind) == (scope.login, cause, kind)
        )

    def _halt_again(
        self, scope: Scope, reason: str, same: tuple[Restriction, ...], standing: Restriction, *, actor: str
    ) -> Halted | None:
        """One more person, or one more reason: written down beside `standing`, which binds already. So it raises no
        alarm and takes no room that is kept for stops. Of many the one that stands is written once more under its id.
        None: it could not be written, and what stood has just been lifted.
        """
        again = msgspec.structs.replace(standing, since_ns=self._wall_ns(), actor=actor, reason=reason)
        if len(same) < SAME_MAX:
            again = msgspec.structs.replace(again, id=self._new_id(), scope=scope)
        kept = self.journal.keep(Restricted(restriction=again), actor=actor, stops=False)
        if kept.trouble is None:
            return self._halted(again, durable=True, before=same)
        if standing.id not in {one.id for one in self.state(scope).standing}:
            return None
        note = f"that it was halted once more is not written down yet: {kept.trouble.short}; {kept.whereabouts}"
        return self._halted(standing, durable=standing.id not in self._latched, before=same, notes=(note,))

    def _halted(
        self,
        restriction: Restriction,
        *,
        durable: bool,
        before: tuple[Restriction, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> Halted:
        try:
            drained, why = self._gate.drain(), NOT_DRAINED
        except GateBusy as busy:
            drained, why = False, f"{UNTOLD}: {busy}"
        notes = notes if drained else (*notes, why)
        told = durable or restriction.id not in self._untold
        return Halted(restriction=restriction, durable=durable, drained=drained, told=told, before=before, notes=notes)

    # --- going on ----------------------------------------------------------------------------------
    def resume(self, scope: Scope, *, override: bool = False, reason: str = "", actor: str | None = None) -> Resumed:
        """Lift what may be lifted. Raises ResumeRefused with everything that is in the way, or RulesUnreadable."""
        reason = words(reason)
        for _ in range(TRIES_MAX):
            seq, state, facts = self._facts(scope)
            plan = plan_resume(scope.login, state, facts, override=override, reason=reason)
            if plan.obstacles:
                raise _refused(ResumeRefused, scope, "resumed", plan)
            if not plan.lifts:
                return Resumed(login=scope.login, lifted=(), state=state)
            if self._lift(scope, plan, (), seq, reason=reason, override=override, actor=actor):
                return Resumed(login=scope.login, lifted=plan.lifts, state=self.state(scope))
        raise _unreadable(scope, "other programs append to the journal all the time")

    def reset(self, scope: Scope, *, reason: str, actor: str | None = None) -> Halted:
        """End a shutdown. The login is halted then, until a resume arms it. Raises ResetRefused or RulesUnreadable."""
        reason = words(reason)
        for _ in range(TRIES_MAX):
            seq, state, facts = self._facts(scope)
            plan = plan_reset(scope.login, state, facts, reason=reason)
            if plan.obstacles:
                raise _refused(ResetRefused, scope, "reset", plan)
            halt = Restriction(
                id=self._new_id(),
                scope=scope,
                kind=Kind.HALT,
                cause=Cause.RESET,
                since_ns=facts.now_ns,
                actor=actor or self._actor,
                reason=f"reset: {reason}",
            )
            events = (Restricted(restriction=halt), Reset(scope=scope, reason=reason))
            if self._lift(scope, plan, events, seq, reason=reason, override=False, actor=actor):
                return self._halted(halt, durable=True)
        raise _unreadable(scope, "other programs append to the journal all the time")

    def _facts(self, scope: Scope) -> tuple[int, State, Facts]:
        """The journal's word at one moment, and the number that a decision on it has to name."""
        now_ns = self._wall_ns()
        self.journal.tend(now_ns)  # a halt that still waits to be written must not come back behind its own lifting
        journal = self.journal.state()
        if isinstance(journal, Unknown):
            raise _unreadable(scope, self.journal.trouble() or journal.why)
        facts = Facts(
            open_incidents=journal.incidents(scope),
            verification=_verification(journal, scope),
            now_ns=now_ns,
            verified_age_ns_max=VERIFIED_AGE_NS_MAX,
        )
        return journal.seq, self._with_latched(journal.effective(scope, now_ns), scope), facts

    def _lift(
        self,
        scope: Scope,
        plan: Plan,
        first: tuple[Restricted | Reset, ...],
        seq: int,
        *,
        reason: str,
        override: bool,
        actor: str | None,
    ) -> bool:
        """Write it down, unless somebody has appended since the decision. Raises RulesUnreadable where that fails."""
        lifted = (
            Lifted(restriction_id=one.id, scope=scope, reason=reason or "resumed", override=override)
            for one in plan.lifts
        )
        try:
            self.journal.append(*first, *lifted, actor=actor, expected_seq=seq)
        except Conflict:
            return False
        except JournalError as error:
            raise _unreadable(scope, error.trouble) from error
        self.written(*(one.id for one in plan.lifts))
        return True


def _lasts(one: Restriction, until_ns: int | None) -> bool:
    """It stands for at least as long."""
    return one.until_ns is None or (until_ns is not None and one.until_ns >= until_ns)


def _adds_risk(scope: Scope, state: State) -> str | None:
    return None if state.may_add_risk else f"{scope.login} is restricted: {described(state)}"


def described(state: State) -> str:
    """Why a login may not do everything, the severest first."""
    return "; ".join(dict.fromkeys(f"{one.kind.value} ({one.cause.value}): {one.reason}" for one in state.standing))


def _refused(kind: type[ResumeRefused], scope: Scope, asked: str, plan: Plan) -> ResumeRefused:
    what = "; ".join(one.what for one in plan.obstacles)
    clear = "; ".join(dict.fromkeys(one.clear for one in plan.obstacles))
    error = kind(f"{scope.login} cannot be {asked}: {what}", "Everything stands as it did", f"To clear: {clear}")
    error.obstacles = plan.obstacles
    return error


def _unreadable(scope: Scope, why: Trouble | str) -> RulesUnreadable:
    what, then = (why.short, why.next_step) if isinstance(why, Trouble) else (why, "look at it with qe journal verify")
    now = f"Nothing was lifted, and {CONSEQUENCE}"
    return RulesUnreadable(f"{scope.login} cannot go on: {what}", now, f"To do: {then}, then try again")


def _unwritten(kept: Kept) -> tuple[str, ...]:
    """What is not as it should be about a halt that could not be written down."""
    assert kept.trouble is not None
    whom = "every program here" if kept.alarmed else f"this program ({UNHEARD})"
    return (
        f"it binds {whom}, but is not written down yet: {kept.trouble.short}",
        f"to do: {kept.trouble.next_step}; {kept.whereabouts}",
    )


def _verification(journal: JournalState, scope: Scope) -> Verification | None:
    record = journal.last_verified(scope)
    if record is None or not isinstance(record.event, Verified):
        return None
    return Verification(record.at_ns, record.event.matches)


def open_rules(home: Path, *, wall_ns: Callable[[], int] = time.time_ns, actor: str = "") -> Rules:
    """The rules of a state folder, for this process."""
    folder = home / "journal"
    who = actor or f"{_user()}, process {os.getpid()}"
    return Rules(open_journal(folder, actor=who, clock=wall_ns), Gate(folder / "gate.lock"), wall_ns=wall_ns, actor=who)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return "somebody"
