"""Plays one story: the simulated world, the product's own programs in it, and everything they are made to do.

The programs are the real ones; only their clock, their disk and their network are simulated. Whatever an invariant
needs is noted as it happens (`evidence`). Must never decide whether what happened is right.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextvars import Context
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

from engine.config.limits_table import LimitsTable
from engine.core.kill.commands import CLOSE_REF_PREFIX
from engine.core.kill.settings import SECOND, KillSettings
from engine.core.preflight.settings import Settings
from engine.core.units import known
from engine.desk import incidents
from engine.journal import chain
from engine.journal.chain import Sealed
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory
from engine.journal.trouble import Code, JournalError
from engine.simulator.build import build_world
from engine.simulator.exchange import Instrument
from engine.simulator.server import Entry, Kind, Login, World
from engine.simulator.server.naming import find_contract
from engine.simulator.virtual import until
from engine.torture import story as acts
from engine.torture.disk import Acknowledged, WatchedStore
from engine.torture.evidence import Arrived, Evidence, HaltSeen, Outside, PressSeen, Truth, WentOn
from engine.torture.programs import Program, ProgramLoop, run_and_bury
from engine.torture.story import Story
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.errors import TradingError
from engine.trading.manager import ManagerSettings
from engine.trading.rules import Rules
from engine.wire.order import Order
from engine.wire.requests import PlaceOrder

PORTS = {"paper": 7497, "live": 7496}
MODES = {"paper": TradingMode.PAPER, "live": TradingMode.LIVE}
ZERO = Decimal(0)
SETTINGS = Settings(duplicates_max=1000, repeats_max=1000)
LIMITS = LimitsTable()
SLOW_PAPER_S = 120.0  # what is still to be written, on a disk that has been slow
GRACE_S = 10.0  # behind the last thing that may still happen
FOREIGN_REF = "FOREIGN"


class Running:
    """One program, from its start to its death."""

    def __init__(self, program: Program, manager: IBKRAccountManager) -> None:
        self.program = program
        self.manager = manager


class Stage:
    """One run. `place` is an empty folder for what programs keep in files."""

    def __init__(self, story: Story, loop: ProgramLoop, world: World, place: Path) -> None:
        self.story, self.loop, self.world, self._place = story, loop, world, place
        self.evidence = Evidence(story, start_ns=loop.start_ns)
        self.memory = Memory()
        self._running: dict[str, Running] = {}
        self._numbers = count(1)
        self._clock_off_ns = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._presses: dict[Program, list[PressSeen]] = {}
        self._codes = {code.value: code for code in Code}
        self._do: dict[type[acts.Act], Callable[[Any], None]] = {
            acts.Start: self._start,
            acts.Press: self._press,
            acts.Halt: self._halt,
            acts.Resume: self._resume,
            acts.GoOn: self._go_on,
            acts.Trade: self._trade,
            acts.Die: self._die,
            acts.Freeze: self._freeze,
            acts.Foreign: self._foreign,
            acts.Liquidate: self._liquidate,
            acts.ClockJump: self._clock_jump,
            acts.DiskFails: self._disk_fails,
            acts.DiskSlow: self._disk_slow,
        }

    # --- the run ------------------------------------------------------------------------------------
    async def play(self) -> Evidence:
        """All of the story, and as long as any of it goes on."""
        self.world.log.keep(1)  # the watcher sees them all
        self.world.log.watch(self._see)
        for name, login in self.world.logins.items():
            self.evidence.at_first[name] = dict(login.positions())
        for act in sorted(self.story.acts, key=lambda one: one.at_s):
            if act.at_s > self.loop.time():
                await asyncio.sleep(act.at_s - self.loop.time())
            self._do[type(act)](act)
        await self._settle()
        await self._close()
        return self._looked_up()

    async def _settle(self) -> None:
        """Until every press has its report or owes none."""
        with contextlib.suppress(TimeoutError):  # an invariant's business
            await until(
                lambda: all(one.report is not None or one.excused for one in self.evidence.presses),
                step_s=0.25,
                limit_s=self.story.deadline_s + GRACE_S,
            )
        await asyncio.sleep(1.0)

    async def _close(self) -> None:
        """Every program that lives comes to its end, and leaves nothing."""
        for name, one in self._running.items():
            program = one.program
            if program.dead:
                continue
            if program.stopped:
                program.go_on()
            before = len(self.evidence.raised)
            ending = program.also(one.manager.disconnect_all())
            done, _ = await asyncio.wait({ending}, timeout=60)
            if one.program.dead:  # at its last step
                continue
            if not done:
                self.evidence.left_over.append(f"{name} does not end")
            elif (error := ending.exception()) is not None and len(self.evidence.raised) == before:
                self.evidence.raised.append(f"disconnect_all of {name}: {error!r}")
        slow = any(isinstance(act, acts.DiskSlow) for act in self.story.acts)
        await asyncio.sleep(SLOW_PAPER_S if slow else GRACE_S)

    def _looked_up(self) -> Evidence:
        """What is there at the end."""
        found = self.evidence
        found.seconds = self.loop.time()
        found.records = list(self.memory.records)
        for name, login in self.world.logins.items():
            found.movements[name] = login.exchange.movements()
        self.memory.fails = self.memory.fails_then = self.memory.unreadable = None
        after = self._manager("after", self._program("after"))
        for name in self.world.logins:
            found.state[name] = after.state(name).kind
        for context in self.loop.unhandled:
            found.raised.append(f"{context.get('message')}: {context.get('exception')!r}")
        return found

    # --- programs -----------------------------------------------------------------------------------
    def _program(self, name: str) -> Program:
        alias = self._place / f"p{next(self._numbers)}"
        alias.symlink_to(self._place)  # one folder of locks, by a name for each program
        return Program(self.loop, alias / "locks", name)

    def _of(self, who: str) -> Running:
        """The program, started if it does not run."""
        found = self._running.get(who)
        if found is None or found.program.dead:
            program = self._program(who)
            found = self._running[who] = Running(program, self._manager(who, program))
        return found

    def _manager(self, who: str, program: Program) -> IBKRAccountManager:
        number = next(self._numbers)
        ids = count(1)
        kills = count(1)
        store = WatchedStore(self.memory, partial(self._acknowledged, who))
        journal = Journal(store, actor=who, clock=self.wall_ns)
        rules = Rules(
            journal, LocalGate(), wall_ns=self.wall_ns, actor=who, new_id=lambda: f"{who}-{number}-{next(ids)}"
        )
        made = IBKRAccountManager(
            settings=ManagerSettings(
                kill=KillSettings(deadline_ns=round(self.story.deadline_s * SECOND)),
                heartbeat=False,
                enforce_limits=False,
            ),
            wall_ns=self.wall_ns,
            kill_ids=lambda: f"{who}x{number}x{next(kills)}",
            lock_directory=program.locks,
            home=self._place,
            rules=rules,
            preflight=SETTINGS,
            limits=LIMITS,
        )
        offset = 10 if who.endswith("2") else 0
        for name in self.world.logins:
            mode = MODES[name]
            made.add_account(name, mode, client_id=mode.default_client_id + offset, port=PORTS[name])
        return made

    def wall_ns(self) -> int:
        """The machine's clock."""
        return self.loop.wall_ns() + self._clock_off_ns

    def _acknowledged(self, who: str, records: tuple[Sealed, ...]) -> None:
        self.evidence.acknowledged.append(Acknowledged(self.loop.time(), who, records))

    def _run(self, one: Running, work: Coroutine[Any, Any, Any], what: str) -> asyncio.Task[Any]:
        """As a task of the program; what comes out of it that is no answer is noted."""

        def ended(task: asyncio.Task[Any]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self.evidence.raised.append(f"{what}: {error!r}")

        task = one.program.also(work)
        task.add_done_callback(ended, context=Context())
        self._tasks.append(task)
        return task

    # --- what programs and people do ------------------------------------------------------------------
    def _start(self, act: acts.Start) -> None:
        one = self._of(act.who)
        if not act.who.startswith("cli"):
            self._run(one, one.manager.connect_all(), f"connect_all of {act.who}")

    def _press(self, act: acts.Press) -> None:
        one = self._of(act.who)
        logins = act.logins or tuple(self.world.logins)
        seen = PressSeen(act.who, logins, self.loop.time())
        if one.program.stopped:
            seen.excused = True
        self.evidence.presses.append(seen)
        self._presses.setdefault(one.program, []).append(seen)

        async def press() -> None:
            manager, reason = one.manager, f"pressed by {act.who}"
            report = await (
                manager.kill_switch(act.logins[0], reason) if len(act.logins) == 1 else manager.kill_switch_all(reason)
            )
            seen.report, seen.reported_s = report, self.loop.time()
            seen.truth = {name: self.truth(name) for name in logins}
            self.evidence.kills += len(report.logins)

        task = self._run(one, press(), f"the kill switch of {act.who}")
        if act.gives_up_s is not None:

            def give_up() -> None:
                if seen.report is None:
                    seen.excused = True
                    task.cancel()

            self.loop.call_later(act.gives_up_s, give_up)

    def _halt(self, act: acts.Halt) -> None:
        one = self._of(act.who)

        async def halt() -> None:
            one.manager.halt_trading(act.login, "torture", cancel="risk_adding" if act.cancel else "none")
            self.evidence.halts.append(HaltSeen(act.login, self.loop.time()))

        self._run(one, halt(), f"halt_trading of {act.who}")

    def _resume(self, act: acts.Resume) -> None:
        one = self._of(act.who)

        async def resume() -> None:
            try:
                one.manager.resume_trading(act.login, override=True, reason="torture")
            except TradingError:
                return
            self._lifted(act.login)

        self._run(one, resume(), f"resume_trading of {act.who}")

    def _lifted(self, login: str) -> None:
        for halt in self.evidence.halts:
            if halt.login == login and halt.lifted_s is None:
                halt.lifted_s = self.loop.time()

    def _go_on(self, act: acts.GoOn) -> None:
        one = self._of(act.who)
        seen = WentOn(act.who, act.login, self.loop.time(), self.loop.time(), ok=False)
        self.evidence.went_on.append(seen)

        async def go_on() -> None:
            manager, reason = one.manager, "torture: understood"
            try:
                await manager.verify(act.login, adopt=True, reason=reason)
                self._close_incidents(manager, act.login)
                manager.reset(act.login, reason)
                manager.resume_trading(act.login, override=True, reason=reason)
            except (TradingError, JournalError, incidents.IncidentError):
                return
            seen.ok, seen.at_s = True, self.loop.time()
            self._lifted(act.login)

        self._run(one, go_on(), f"the way back of {act.who}")

    def _close_incidents(self, manager: IBKRAccountManager, login: str) -> None:
        journal = manager.rules.journal
        for incident in incidents.incidents(chain.opened(record) for record in self.memory.records).values():
            if incident.open and login in incident.logins:
                page = self._place / "incidents.md"
                incidents.close(journal, incident, page, cause="torture", action="none", actor="a person")

    def _trade(self, act: acts.Trade) -> None:
        one = self._of(act.who)
        instrument = self._instrument(act.login, act.contract)
        limit = self._price(act.login, instrument, act.limit_pct)
        order = Order(
            action=act.action,
            total_quantity=act.quantity,
            order_type="MKT" if limit is None else "LMT",
            lmt_price=ZERO if limit is None else limit,
            tif="DAY",
        )

        async def trade() -> None:
            try:
                await one.manager.place_order(act.login, instrument.contract, order)
            except TradingError:
                return

        self._run(one, trade(), f"place_order of {act.who}")

    def _die(self, act: acts.Die) -> None:
        one = self._running.get(act.who)
        if one is None or one.program.dead:
            return
        program = one.program
        program.count_from_here(act.steps)
        program.over.add_done_callback(lambda _: self._gone(program), context=Context())

    def _gone(self, program: Program) -> None:
        """It owes nobody anything any more."""
        for seen in self._presses.get(program, []):
            seen.excused = seen.excused or seen.report is None

    def _freeze(self, act: acts.Freeze) -> None:
        one = self._running.get(act.who)
        if one is None or one.program.dead or one.program.stopped:
            return
        one.program.stop()
        for seen in self._presses.get(one.program, []):
            seen.excused = seen.excused or seen.report is None
        self.loop.call_later(act.for_s, one.program.go_on)

    # --- what happens to them -------------------------------------------------------------------------
    def _foreign(self, act: acts.Foreign) -> None:
        login = self.world.login(act.login)
        self._note_outside(act.login)
        limit = self._price(act.login, self._instrument(act.login, act.contract), act.limit_pct)
        login.trader(act.client_id).place(
            act.contract, act.action, act.quantity, "MKT" if limit is None else "LMT", limit, order_ref=FOREIGN_REF
        )

    def _liquidate(self, act: acts.Liquidate) -> None:
        login = self.world.login(act.login)
        con_id = self._instrument(act.login, act.contract).con_id
        exchange = login.exchange
        account = exchange.accounts[0]
        held = exchange.held(account, con_id)
        if held * act.quantity >= 0 or abs(act.quantity) > abs(held):
            return  # IBKR closes, and opens nothing
        self._note_outside(act.login)
        login.server.act(lambda now_ns: exchange.liquidate(now_ns, account, con_id, act.quantity))

    def _clock_jump(self, act: acts.ClockJump) -> None:
        self._clock_off_ns += round(act.seconds * 1e9)

    def _disk_fails(self, act: acts.DiskFails) -> None:
        self.memory.fails, self.memory.torn = self._codes[act.code], act.torn
        self.loop.call_later(act.for_s, self._disk_is_well)

    def _disk_is_well(self) -> None:
        self.memory.fails, self.memory.torn = None, False

    def _disk_slow(self, act: acts.DiskSlow) -> None:
        self.loop.work_s = act.seconds
        self.loop.call_later(act.for_s, self._disk_is_quick)

    def _disk_is_quick(self) -> None:
        self.loop.work_s = 0.0

    # --- what is seen -----------------------------------------------------------------------------------
    def truth(self, name: str) -> Truth:
        """As it is now."""
        login = self.world.login(name)
        working = {one.perm_id: (one.request.account, one.request.con_id) for one in login.working()}
        return Truth(dict(login.positions()), working)

    def _note_outside(self, name: str) -> None:
        self.evidence.outside.append(Outside(name, self.loop.time(), self.truth(name)))

    def _see(self, entry: Entry) -> None:
        """Whatever passes between TWS and its clients."""
        self.evidence.messages += 1
        what = f"{entry.at_ns} {entry.login} {entry.connection} {entry.kind} {type(entry.message).__name__}"
        self.evidence.mark = crc32(what.encode(), self.evidence.mark)
        if entry.kind is Kind.REQUEST and isinstance(entry.message, PlaceOrder):
            self._see_order(entry, entry.message)
        elif entry.kind is Kind.FAULT and entry.text.startswith("above the message limit"):
            self.evidence.too_fast.append(f"{self.loop.time():.3f} s {entry.line()}")

    def _see_order(self, entry: Entry, message: PlaceOrder) -> None:
        server = self.world.login(entry.login).server
        exchange, order = server.exchange, message.order
        quantity = known(order.total_quantity)
        con_id = message.contract.con_id
        account = order.account or exchange.accounts[0]
        if not isinstance(quantity, Decimal) or account not in exchange.accounts:
            return
        signed = quantity if order.action == "BUY" else -quantity
        working = sum(
            (
                view.remaining
                for view in exchange.open_orders()
                if (view.request.account, view.request.con_id, view.request.action) == (account, con_id, order.action)
                and (view.request.client_id, view.request.order_id) != (entry.client_id, message.order_id)
            ),
            ZERO,
        )
        self.evidence.arrived.append(
            Arrived(
                login=entry.login,
                at_s=self.loop.time(),
                client_id=entry.client_id if entry.client_id is not None else -1,
                order_ref=order.order_ref,
                key=(account, con_id),
                signed=signed,
                held=exchange.held(account, con_id),
                working=working if signed > 0 else -working,
            )
        )
        if not order.order_ref.startswith(CLOSE_REF_PREFIX):
            self._note_outside_quietly(entry.login)

    def _note_outside_quietly(self, name: str) -> None:
        """From within TWS's own work: the exchange is looked at and not moved on."""
        exchange = self.world.login(name).server.exchange
        positions = {(held.account, held.con_id): held.quantity for held in exchange.positions()}
        working = {one.perm_id: (one.request.account, one.request.con_id) for one in exchange.open_orders()}
        self.evidence.outside.append(Outside(name, self.loop.time(), Truth(positions, working)))

    def _instrument(self, login: str, contract: str) -> Instrument:
        return find_contract(self.world.login(login).server.exchange.catalogue, contract)

    def _price(self, login: str, instrument: Instrument, percent: Decimal | None) -> Decimal | None:
        if percent is None:
            return None
        one: Login = self.world.login(login)
        return instrument.rule.floor(one.exchange.quote(instrument.con_id).last * percent / 100)


def play(story: Story, place: Path) -> Evidence:
    """One run in virtual time. `place`: an empty folder, of the memory rather than a disk."""
    (place / "locks").mkdir()

    async def main(loop: ProgramLoop) -> Evidence:
        ports = {login.name: (PORTS[login.name],) for login in story.scenario.logins}
        world = build_world(story.scenario, ports=ports, loop=loop)
        async with world:
            stage = Stage(story, loop, world, place)
            playing = loop.create_task(stage.play())
            await asyncio.wait({playing})
            if (error := playing.exception()) is not None:
                stage.evidence.raised.append(f"the run itself: {error!r}")
            return stage.evidence

    longest = max((act.at_s for act in story.acts), default=0.0) + 4 * story.deadline_s + 600
    return run_and_bury(main, limit_s=longest, start_ns=story.scenario.start_ns, seed=story.seed, strict=False)
