"""Hold our records of a login against what the broker shows, write down what came of it, and halt where nobody can say
why they differ.

A difference is looked at again for a moment before it is one: a fill may be on its way into the records. Nothing but
complete reads over a healthy link counts. Must never call a failed read, or records that do not exist, a match.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.broker.reads import Reads
from engine.core.facts import ExecutionFact
from engine.core.kill.held.close_marks import by_a_kill
from engine.core.known import Unknown
from engine.core.reconcile import Reconciliation, reconcile
from engine.core.restrictions import Cause, Scope
from engine.journal.events import Adopted, Filled, Verified
from engine.journal.incident_log import Story
from engine.journal.state import JournalState
from engine.journal.trouble import JournalError
from engine.trading.broker_reading import BETWEEN_S, Reader, Reading
from engine.trading.daemons import Daemons
from engine.trading.errors import AdoptionRefused
from engine.trading.incident_records import keep_incident, tell
from engine.trading.rules import Rules
from engine.trading.shortly import shortly
from engine.trading.stories import position_lines
from engine.trading.verification import Verdict, Verification

T = TypeVar("T")
TRIGGER = "reconciliation"
LOOKS = 4  # at a difference, before it is one
UNCHANGED = "Our records stand as they did"
HALTED = "the login is halted: no order that adds risk leaves until this is explained and verified"


class Settings(msgspec.Struct, frozen=True):
    """How patient it is, in seconds, and whether a difference that nothing explains halts the login."""

    read_timeout_s: float = 5.0
    halt: bool = True


class Verifier:
    """Verifies one login over a connection that somebody else keeps."""

    def __init__(
        self,
        reads: Reads,
        scope: Scope,
        rules: Rules,
        page: Path,
        *,
        wall_ns: Callable[[], int],
        settings: Settings,
    ) -> None:
        """`scope` names the login's accounts as the connection has told them."""
        self._reader = Reader(reads, settings.read_timeout_s)
        self._scope = scope
        self._rules = rules
        self._page = page
        self._wall_ns = wall_ns
        self._settings = settings
        self._daemons = Daemons()

    async def verify(self) -> Verification:
        """Read, compare, record. Never raises for what the broker or the journal does."""
        found: tuple[Reading, Reconciliation] | str = "nothing was read"
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(BETWEEN_S)
            found = await self._look()
            if isinstance(found, str) or found[1].matches or not found[1].comparison.differences:
                break
        if isinstance(found, str):
            return self._not_read(found)
        reading, result = found
        names = await self._reader.names(result.comparison.differences)
        return await self._on_thread(lambda: self._record(reading, result, names))

    async def adopt(self, reason: str) -> Verification:
        """The broker's positions are our records from now on. Raises AdoptionRefused; nothing changed then."""
        if not reason.strip():
            raise AdoptionRefused("No reason was given", UNCHANGED, "Give the reason: it is kept")
        reading = await self._reader.settled()
        if isinstance(reading, str):
            raise AdoptionRefused(
                f"The broker could not be read: {reading}", "Our records stand as they did", "Try again"
            )
        positions = _positions(reading)
        counted = tuple((one.identity, one.quantity) for one in reading.executions)
        orders = tuple(one.perm_id for one in reading.orders if one.perm_id)
        adopted = Adopted(scope=self._scope, positions=positions, reason=reason.strip(), counted=counted, orders=orders)
        try:
            await self._on_thread(lambda: self._rules.journal.append(adopted))
        except JournalError as error:
            raise AdoptionRefused(
                f"It cannot be written down: {error.trouble.short}",
                "Our records stand as they did",
                f"To do: {error.trouble.next_step}",
            ) from error
        return msgspec.structs.replace(await self.verify(), adopted=True)

    async def _look(self) -> tuple[Reading, Reconciliation] | str:
        reading = await self._reader.read()
        if isinstance(reading, str):
            return reading
        return await self._on_thread(lambda: self._compared(reading))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """What touches the journal: a disk may hang, and somebody else needs this loop."""
        return await asyncio.get_running_loop().run_in_executor(self._daemons, work)

    def _compared(self, reading: Reading) -> tuple[Reading, Reconciliation] | str:
        journal = self._rules.journal
        state = journal.state()
        if isinstance(state, Unknown):
            return f"our own records cannot be read: {state.why}"
        refs = {one.order_ref for one in reading.orders} | {one.order_ref for one in reading.executions}
        kills = (ref for ref in refs if by_a_kill(ref))
        result = reconcile(
            accounts=self._scope.accounts,
            records=state.positions,
            positions=reading.positions,
            executions=reading.executions,
            recorded=journal.recorded(one.identity for one in reading.executions),
            orders=reading.orders,
            our_refs=journal.ours(refs) | frozenset(kills),
            our_perm_ids=state.adopted_orders(self._scope),
        )
        return reading, result

    # --- recording ----------------------------------------------------------------------------------
    def _not_read(self, why: str) -> Verification:
        login, accounts = self._scope.login, self._scope.accounts
        return Verification(login=login, verdict=Verdict.NOT_READ, at_ns=self._wall_ns(), accounts=accounts, why=why)

    def _record(self, reading: Reading, result: Reconciliation, names: dict[int, str]) -> Verification:
        """Into the journal: executions that were missed, the verification, and a halt if there has to be one."""
        verification = Verification(
            login=self._scope.login,
            verdict=_verdict(result),
            at_ns=self._wall_ns(),
            accounts=self._scope.accounts,
            positions=sum(1 for one in reading.positions if one.quantity),
            orders=len(reading.orders),
            held=reading.positions,
            differences=result.comparison.differences,
            foreign_orders=result.comparison.foreign_orders,
            unbegun=result.unbegun,
            missed=result.missed,
            names=names,
        )
        verified = Verified(
            scope=self._scope,
            matches=result.matches,
            positions=_positions(reading),
            orders=len(reading.orders),
            differences=verification.sentences(),
            counted=result.counted,
            unbegun=result.unbegun if verification.verdict is Verdict.UNBEGUN else (),
        )
        kept = self._rules.journal.keep(*(self._filled(one) for one in result.missed), verified)
        notes: tuple[str, ...] = ()
        if kept.trouble is not None:
            notes = (f"this verification is not written down: {kept.trouble}",)
        if self._settings.halt and any(not one.explained for one in result.comparison.differences):
            notes += self._halt(verification, reading)
        return msgspec.structs.replace(verification, notes=notes)

    def _filled(self, one: ExecutionFact) -> Filled:
        return Filled(
            scope=self._scope,
            account=one.account,
            identity=one.identity,
            exec_id=one.exec_id,
            con_id=one.con_id,
            quantity=one.quantity,
            price=one.price,
            order_ref=one.order_ref,
        )

    def _halt(self, verification: Verification, reading: Reading) -> tuple[str, ...]:
        """Nobody can say why: nothing that adds risk until somebody can. One incident, however often it is found."""
        what = "; ".join(verification.sentences())
        state = self._rules.state(self._scope)
        standing = any(one.cause is Cause.RECONCILIATION for one in state.standing)
        halted = self._rules.halt(
            self._scope,
            f"our records and the broker's differ: {shortly(verification.sentences())}",
            cause=Cause.RECONCILIATION,
        )
        told = (
            "the login is halted: no order that adds risk leaves until this is explained and verified",
            *halted.notes,
        )
        if standing:
            return told
        journal = self._rules.journal
        begun = keep_incident(
            journal,
            (self._scope,),
            trigger=TRIGGER,
            what=what,
            at_ns=verification.at_ns,
            mark=halted.restriction.id,
        )
        story = Story(
            incident_id=begun.id,
            at_ns=verification.at_ns,
            trigger=TRIGGER,
            logins=(self._scope.login,),
            what=f"Our records and the broker's differ, and no execution explains it: {what}",
            joined=begun.joined,
            before=self._expected(journal.state()),
            after=position_lines(self._scope.login, reading.positions),
            report=str(verification),
        )
        missed = tell(self._page, story, journal)
        return told if missed is None else (*told, missed)

    def _expected(self, state: JournalState | Unknown) -> tuple[str, ...] | None:
        if isinstance(state, Unknown):
            return None
        return tuple(
            f"{self._scope.login} {account}: {quantity} of contract {con_id}, by our records"
            for account in self._scope.accounts
            for con_id, quantity in state.positions.get(account, {}).items()
        )


def _verdict(result: Reconciliation) -> Verdict:
    """An order of an account without records is nobody's only because there are none."""
    if result.matches:
        return Verdict.MATCH
    strange = [one for one in result.comparison.foreign_orders if one.account not in result.unbegun]
    return Verdict.DIFFERENT if result.comparison.differences or strange else Verdict.UNBEGUN


def _positions(reading: Reading) -> tuple[tuple[str, int, Decimal], ...]:
    return tuple((one.account, one.contract.con_id, one.quantity) for one in reading.positions if one.quantity)
