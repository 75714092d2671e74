"""The paperwork of presses that meet: a guard and a `qe kill` press in the same moment, and it is one stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from engine.core.kill.report import LoginOutcome, LoginReport
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.desk.incidents import incidents
from engine.journal import chain
from engine.journal.events import (
    IncidentClosed,
    IncidentNoted,
    IncidentOpened,
    KillPressed,
    Lifted,
    Restricted,
    Verified,
)
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.reserve import Reserve
from engine.journal.spool import Spool
from engine.journal.trouble import Code
from engine.trading.kill_records import EARLIER_NS_MAX, JUST_NS_MAX, Earlier, KillRecords
from engine.trading.reports import KillReport
from engine.trading.rules import Rules
from engine.trading.stories import Pressed
from journal.worlds import forked
from trading.overtaken import Overtaken

PAPER = Scope("paper", "127.0.0.1:7497")
LIVE = Scope("live", "127.0.0.1:7496")
ACCOUNT = "DU1234567"


class Program:
    """One that presses, over a journal that it shares with others."""

    def __init__(self, folder: Path, memory: Memory, store: MemoryStore | None = None) -> None:
        spool = Spool(folder / "journal", elsewhere=folder / "elsewhere")
        reserve = Reserve(folder / "reserve")
        self.journal = Journal(
            store or MemoryStore(memory), actor="test", clock=lambda: 1, spool=spool, reserve=reserve
        )
        self.rules = Rules(self.journal, LocalGate(), wall_ns=lambda: 1, actor="test")
        self.records = KillRecords(lambda: self.rules, folder / "log.md")

    def press(self, kill_id: str, at_ns: int, *accounts: str) -> Pressed:
        scope = Scope(PAPER.login, PAPER.place, accounts)
        return Pressed(kill_id=kill_id, reason="EMERGENCY", scopes=(scope,), at_ns=at_ns)

    async def pressed(self, press: Pressed) -> None:
        self.records.pressed(press, lambda: None)
        await self.records.settled()

    async def ended(self, press: Pressed) -> None:
        login = LoginReport(
            name="paper",
            mode="paper",
            host="127.0.0.1",
            port=7497,
            outcome=LoginOutcome.FLAT,
            accounts=(ACCOUNT,),
        )
        report = KillReport(kill_id=press.kill_id, reason="EMERGENCY", started_at="", logins={"paper": login})
        self.records.ended(press, report)
        await self.records.settled()

    def shutdowns(self) -> list[Restriction]:
        return [one for one in self.rules.state(PAPER).standing if one.cause is Cause.KILL_SWITCH]


def written(memory: Memory, kind: type) -> list[object]:
    return [event for one in memory.records if isinstance(event := chain.opened(one).event, kind)]


def test_two_presses_of_one_emergency_are_one_shutdown_one_incident_and_two_presses(tmp_path: Path) -> None:
    async def test() -> None:
        memory = Memory()
        guard, command = Program(tmp_path, memory), Program(tmp_path, memory)
        first, second = guard.press("g1", 100), command.press("c1", 101)
        await asyncio.gather(guard.pressed(first), command.pressed(second))
        await asyncio.gather(guard.ended(first), command.ended(second))
        for one in (guard, command):
            (shutdown,) = one.shutdowns()
            assert shutdown.kind is Kind.SHUTDOWN and shutdown.scope.accounts == (ACCOUNT,)
        assert len(written(memory, KillPressed)) == 2
        assert len(written(memory, IncidentOpened)) == 1

    asyncio.run(test())


@pytest.mark.parametrize("full", [(), ("journal",), ("journal", "elsewhere")], ids=["file", "temporary", "reserve"])
def test_presses_at_once_on_a_full_disk_are_one_incident_about_all_their_logins(
    full: tuple[str, ...], tmp_path: Path
) -> None:
    async def test() -> None:
        memory = Memory()
        programs = [Program(tmp_path, memory) for _ in range(3)]
        presses = [
            Pressed(kill_id=f"k{number}", reason="EMERGENCY", scopes=(scope,), at_ns=100 + number)
            for number, scope in enumerate((PAPER, LIVE, PAPER))
        ]
        presses[0] = msgspec.structs.replace(presses[0], beside=(LIVE,))
        (tmp_path / "journal").mkdir()
        programs[0].journal.append(IncidentNoted(incident_id="none", text="the reserve is made"))
        memory.fails = Code.FULL
        for place in full:
            (tmp_path / place).mkdir(exist_ok=True)
            for one in (tmp_path / place).iterdir():
                one.unlink()
            (tmp_path / place).rmdir()
            (tmp_path / place).write_text("in the way")
        await programs[0].pressed(presses[0])
        await asyncio.gather(*(one.pressed(press) for one, press in zip(programs[1:], presses[1:], strict=True)))
        memory.fails = memory.alarm = None
        later = Program(tmp_path, memory)
        later.journal.tend(1)
        for one in programs:
            one.journal.tend(1)  # what it held itself, if no file could take it
        state = later.journal.state()
        (incident,) = {one.incident_id for one in written(memory, IncidentOpened)}
        assert state.incidents(PAPER) == state.incidents(LIVE) == (incident,)
        assert len(written(memory, KillPressed)) == 3
        assert [one.scope.login for one in later.shutdowns()] == ["paper", "paper"], "each says so for itself"

    asyncio.run(test())


def test_presses_beside_each_other_are_one_incident_about_all_their_logins(tmp_path: Path) -> None:
    async def test() -> None:
        memory = Memory()
        program = Program(tmp_path, memory)
        for kill_id, mine, other in (("g1", PAPER, LIVE), ("g2", LIVE, PAPER)):
            press = Pressed(kill_id=kill_id, reason="EMERGENCY", scopes=(mine,), at_ns=100, beside=(other,))
            await program.pressed(press)
        (incident,) = written(memory, IncidentOpened)
        for scope in (PAPER, LIVE):
            assert program.rules.journal.state().incidents(scope) == (incident.incident_id,)

    asyncio.run(test())


def test_a_press_that_joins_the_incident_of_one_login_makes_it_one_about_the_others_too(tmp_path: Path) -> None:
    """Else those could go on with nothing understood."""

    async def test() -> None:
        memory = Memory()
        program = Program(tmp_path, memory)
        await program.pressed(program.press("g1", 100))
        (first,) = written(memory, IncidentOpened)
        (of_paper,) = incidents(map(chain.opened, memory.records)).values()
        program.journal.append(IncidentNoted(incident_id=first.incident_id, text="a note"))
        await program.pressed(Pressed(kill_id="c1", reason="EMERGENCY", scopes=(PAPER, LIVE), at_ns=200))
        state = program.rules.journal.state()
        assert state.incidents(PAPER) == state.incidents(LIVE) == (first.incident_id,)
        (found,) = incidents(map(chain.opened, memory.records)).values()
        assert found.logins == ("paper", "live")
        assert (found.opened_ns, found.opened_seq) == (of_paper.opened_ns, of_paper.opened_seq)
        assert [text for _, _, text in found.notes] == ["a note"]
        await program.pressed(Pressed(kill_id="c2", reason="EMERGENCY", scopes=(PAPER, LIVE), at_ns=300))
        assert len(written(memory, IncidentOpened)) == 2, "nothing is left to add"

    asyncio.run(test())


def test_a_press_that_another_one_has_overtaken_looks_again(tmp_path: Path) -> None:
    async def test() -> None:
        memory = Memory()
        guard = Program(tmp_path, memory)
        other = Journal(MemoryStore(memory), actor="other", clock=lambda: 1)
        await guard.pressed(guard.press("g1", 100))
        (standing,) = guard.shutdowns()
        other.append(Lifted(restriction_id=standing.id, scope=PAPER, reason="a test"))
        again = Restricted(restriction=standing)
        late = Program(tmp_path, memory, Overtaken(memory, other, again))
        await late.pressed(late.press("c1", 101))
        assert [one.id for one in late.shutdowns()] == [standing.id]
        assert len(written(memory, KillPressed)) == 2

    asyncio.run(test())


def test_a_press_after_a_verification_is_a_stop_of_its_own_that_asks_for_another_one(tmp_path: Path) -> None:
    async def test() -> None:
        memory = Memory()
        program = Program(tmp_path, memory)
        await program.pressed(program.press("g1", 100))
        verified = Verified(scope=PAPER, matches=True, positions=(), orders=0)
        program.journal.append(verified, at_ns=150)
        await program.pressed(program.press("g2", 200))
        assert [one.since_ns for one in program.shutdowns()] == [100, 200]

    asyncio.run(test())


def test_a_press_that_knows_more_accounts_binds_them_too(tmp_path: Path) -> None:
    async def test() -> None:
        memory = Memory()
        program = Program(tmp_path, memory)
        await program.pressed(program.press("g1", 100))
        await program.pressed(program.press("g2", 200, ACCOUNT))
        assert [one.scope.accounts for one in program.shutdowns()] == [(), (ACCOUNT,)]

    asyncio.run(test())


def test_the_accounts_are_bound_by_the_shutdown_that_stands_whoever_has_pressed_it(tmp_path: Path) -> None:
    """The guard that pressed first has died; the `qe kill` that joined it has seen the accounts."""

    async def test() -> None:
        memory = Memory()
        guard, command = Program(tmp_path, memory), Program(tmp_path, memory)
        await guard.pressed(guard.press("g1", 100))
        second = command.press("c1", 101)
        await command.pressed(second)
        await command.ended(second)
        (shutdown,) = command.shutdowns()
        assert shutdown.id == "kill-g1-paper" and shutdown.scope.accounts == (ACCOUNT,)

    asyncio.run(test())


def test_what_was_lifted_before_the_end_is_not_imposed_anew(tmp_path: Path) -> None:
    async def test() -> None:
        memory = Memory()
        program = Program(tmp_path, memory)
        press = program.press("g1", 100)
        await program.pressed(press)
        (standing,) = program.shutdowns()
        (incident,) = written(memory, IncidentOpened)
        program.journal.append(
            Lifted(restriction_id=standing.id, scope=PAPER, reason="a test"),
            IncidentClosed(incident_id=incident.incident_id, cause="c", action="a"),
        )
        await program.ended(press)
        assert program.shutdowns() == []
        await program.pressed(program.press("g2", 200))
        assert [one.since_ns for one in program.shutdowns()] == [200]

    asyncio.run(test())


def test_a_kill_whose_program_died_has_a_section_in_the_log_and_one_that_ended_has_only_its_own(tmp_path: Path) -> None:
    page = tmp_path / "log.md"

    async def press_only() -> None:
        one = Program(tmp_path, Memory())
        await one.pressed(one.press("k1", 100))

    forked(lambda: asyncio.run(press_only()))
    assert not page.exists()

    async def test() -> None:
        other = Program(tmp_path, Memory())
        other.journal.tend(1)
        assert page.read_text().count("ITS PROGRAM ENDED BEFORE IT COULD REPORT") == 1
        press = other.press("k2", 200)
        await other.pressed(press)
        await other.ended(press)
        other.journal.tend(2)
        assert page.read_text().count("\n## ") == 2
        assert other.records.notes == []

    asyncio.run(test())


def test_what_of_a_kill_could_not_be_written_is_told_with_where_it_waits(tmp_path: Path) -> None:
    async def test() -> None:
        memory = Memory()
        one = Program(tmp_path, memory)
        (tmp_path / "log.md").mkdir()
        memory.fails = Code.FULL
        press = one.press("k1", 100)
        await one.pressed(press)
        await one.ended(press)
        record, section = one.records.notes
        assert "the record of this kill is not in the journal yet, it waits in" in record
        assert "log.md cannot be written" in section and "the section waits in" in section
        assert "has the record" not in section, "the journal has not"
        memory.fails = None
        (tmp_path / "log.md").rmdir()
        one.journal.tend(2)
        assert "The kill switch was pressed: EMERGENCY" in (tmp_path / "log.md").read_text()

    asyncio.run(test())


def test_a_kill_that_has_not_ended_is_named_to_the_next_one_of_its_logins(tmp_path: Path) -> None:
    async def test() -> None:
        program = Program(tmp_path, Memory())
        named: list[Earlier] = []
        await program.pressed(program.press("long ago", 1))
        for kill_id, at_ns in (("dead", EARLIER_NS_MAX + 2), ("next", EARLIER_NS_MAX + 5)):
            press = program.press(kill_id, at_ns)
            program.records.pressed(press, lambda: None, named.append)
            await program.records.settled()
        await program.ended(press)
        assert named == [Earlier("paper", "dead", 3)]
        program.records.pressed(program.press("after", EARLIER_NS_MAX + 6), lambda: None, named.append)
        await program.records.settled()
        assert len(named) == 1, "it is answered for"


@pytest.mark.parametrize(("ago_ns", "told"), [(JUST_NS_MAX, True), (JUST_NS_MAX + 1, False)])
def test_a_kill_that_has_only_just_ended_is_named_to_the_next_one_as_that(
    tmp_path: Path, ago_ns: int, told: bool
) -> None:
    async def test() -> None:
        program = Program(tmp_path, Memory())
        named: list[Earlier] = []
        before = program.press("before", 1)
        await program.pressed(before)
        await program.ended(before)  # at 1, by the journal's clock
        program.records.pressed(program.press("next", 1 + ago_ns), lambda: None, named.append)
        await program.records.settled()
        assert named == ([Earlier("paper", "before", ago_ns, just_ended=True)] if told else [])

    asyncio.run(test())


@pytest.mark.parametrize(("pid", "ago_ns", "guards"), [(7, 5, True), (7, JUST_NS_MAX + 1, False), (8, 5, False)])
def test_the_kill_of_a_guard_that_was_told_of_the_press_is_known_by_its_process(
    tmp_path: Path, pid: int, ago_ns: int, guards: bool
) -> None:
    async def test() -> None:
        memory = Memory()
        journal = Journal(MemoryStore(memory), actor="ann, process 7", clock=lambda: 1)
        guard = Program(tmp_path / "guard", memory)
        guard.journal = journal
        guard.rules = Rules(journal, LocalGate(), wall_ns=lambda: 1, actor="ann, process 7")
        await guard.pressed(guard.press("warm", 1))
        program = Program(tmp_path, memory)
        program.records = KillRecords(lambda: program.rules, tmp_path / "log.md", guard_pid=lambda: pid)
        named: list[Earlier] = []
        program.records.pressed(program.press("cold", 1 + ago_ns), lambda: None, named.append)
        await program.records.settled()
        assert named == [Earlier("paper", "warm", ago_ns, by_guard=guards)]

    asyncio.run(test())
