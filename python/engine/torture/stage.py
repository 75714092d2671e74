"""Plays one story: the simulated world, the product's own programs in it, and everything they are made to do.

The programs are the real ones; only their clock, their disk and their network are simulated. What an invariant needs is
noted as it happens (`witness`, `evidence`). Must never decide whether what happened is right.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextvars import Context
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.core.contracts import Contract
from engine.core.restrictions import Cause
from engine.desk import incidents
from engine.journal import chain
from engine.journal.chain import Sealed
from engine.journal.events import Restricted
from engine.journal.trouble import Code, JournalError
from engine.simulator.build import build_world
from engine.simulator.exchange import Instrument
from engine.simulator.server import World
from engine.simulator.server.naming import find_contract
from engine.simulator.virtual import until
from engine.torture import story as acts
from engine.torture.disk import Acknowledged
from engine.torture.evidence import Evidence, HaltSeen, PressSeen, WentOn
from engine.torture.machine import PORTS, Bot, Engine, Machine, Running, Watcher
from engine.torture.programs import Program, ProgramLoop, run_and_bury
from engine.torture.story import Story
from engine.torture.witness import Witness
from engine.trading import IBKRAccountManager
from engine.trading.errors import RulesUnreadable, TradingError
from engine.wire.order import Order
from engine.wire.requests import PlaceOrder

ZERO = Decimal(0)
SLOW_PAPER_S = 120.0  # what is still to be written, on a disk that has been slow
WATCHED_S = 60.0  # a guard that has lived so long in peace has connected and read
GRACE_S = 10.0  # behind the last thing that may still happen
FOREIGN_REF = "FOREIGN"
BOT_REF = "BOT"
CODES = {code.value: code for code in Code}


class Stage:
    """One run. `place` is an empty folder for what programs keep in files."""

    def __init__(self, story: Story, loop: ProgramLoop, world: World, place: Path) -> None:
        self.story, self.loop, self.world = story, loop, world
        self.evidence = Evidence(story, start_ns=loop.start_ns)
        self.witness = Witness(self.evidence, loop, world)
        self.machine = Machine(
            loop,
            place,
            tuple(world.logins),
            deadline_s=story.deadline_s,
            file=story.file,
            told=self._acknowledged,
            beats=lambda who: self.evidence.beats.setdefault(who, []).append(loop.time()),
            guarded=any(isinstance(act, acts.Deed) and act.who.startswith("guard") for act in story.acts),
            silence_kills_s=story.silence_kills_s,
        )
        self._page = place / "incidents.md"
        self._presses: dict[Program, list[PressSeen]] = {}
        self._do: dict[type[acts.Act], Callable[[Any], None]] = {
            acts.Start: lambda act: None,
            acts.End: self._end,
            acts.Press: self._press,
            acts.Halt: self._halt,
            acts.Resume: self._resume,
            acts.GoOn: self._go_on,
            acts.Trade: self._trade,
            acts.Die: self._die,
            acts.Freeze: self._freeze,
            acts.Foreign: self._foreign,
            acts.Liquidate: self._liquidate,
            acts.Assign: self._assign,
            acts.Price: self._price,
            acts.Worth: self._worth,
            acts.ClockJump: self._clock_jump,
            acts.DiskFails: self._disk_fails,
            acts.DiskSlow: self._disk_slow,
        }

    # --- the run ------------------------------------------------------------------------------------
    async def play(self) -> Evidence:
        """All of the story, and as long as any of it goes on."""
        self.witness.begin()
        for act in sorted(self.story.acts, key=lambda one: one.at_s):
            if act.at_s > self.loop.time():
                await asyncio.sleep(act.at_s - self.loop.time())
            if isinstance(act, acts.Deed) and not isinstance(act, acts.Die | acts.Freeze):
                self._running(act.who)
            self._do[type(act)](act)
        await self._settle()
        await self._close()
        self._look_up()
        return self.evidence

    async def _settle(self) -> None:
        """Until every press has its report or owes none, and the last things that were done have come to something."""
        with contextlib.suppress(TimeoutError):  # an invariant's business
            await until(
                lambda: all(one.report is not None or one.excused for one in self.evidence.presses),
                step_s=0.25,
                limit_s=self.story.deadline_s + GRACE_S,
            )
        await asyncio.sleep(self.story.lasts_s)
        self.witness.end_of_story()
        self.evidence.story_ended_s = self.loop.time()
        guards = (self.machine.living(who) for who in ("guard1", "guard2"))
        alive = any(one is not None and not one.program.stopped for one in guards)
        self.evidence.watched = alive and self.story.lasts_s >= WATCHED_S

    async def _close(self) -> None:
        """Every program that lives comes to its end, and leaves nothing."""
        for name, one in self.machine.running.items():
            if one.program.dead:
                continue
            if one.program.stopped:
                one.program.go_on()
            ending = self._run(one, one.end(), f"the end of {name}")
            await asyncio.wait(
                {ending, one.program.over}, timeout=2 * self.story.deadline_s, return_when="FIRST_COMPLETED"
            )
            if not ending.done() and not one.program.dead:
                self.evidence.left_over.append(f"{name} does not end")
        slow = any(isinstance(act, acts.DiskSlow) for act in self.story.acts)
        await asyncio.sleep(SLOW_PAPER_S if slow else GRACE_S)

    def _look_up(self) -> None:
        """What is there at the end."""
        found = self.evidence
        self.witness.end()
        disk = self.machine.disk
        disk.state.fails = None
        found.records = disk.records()
        after = self.machine.engine("after").manager
        for name in self.world.logins:
            state = after.state(name)
            found.state[name] = state.kind
            found.standing[name] = frozenset(one.id for one in state.standing)
        for context in self.loop.unhandled:
            found.raised.append(f"{context.get('message')}: {context.get('exception')!r}")

    # --- programs -----------------------------------------------------------------------------------
    def _running(self, who: str) -> Running:
        """The program, started if it does not run. A command does not connect."""
        found = self.machine.living(who)
        if found is None:
            found = self.machine.made(who)
            self._lives(who, True)
            found.program.over.add_done_callback(lambda _: self._lives(who, False), context=Context())
            if not who.startswith("cli"):
                self._run(found, found.begin(), f"the life of {who}")
        return found

    def _lives(self, who: str, lives: bool) -> None:
        self.evidence.lives.setdefault(who, []).append((self.loop.time(), lives))

    def _manager(self, who: str) -> IBKRAccountManager | None:
        """None: such a program has none."""
        found = self._running(who)
        return found.manager if isinstance(found, Engine) else None

    def _acknowledged(self, who: str, records: tuple[Sealed, ...]) -> None:
        self.evidence.acknowledged.append(Acknowledged(self.loop.time(), who, records))
        if who.startswith("guard"):
            self._halts_of_a_guard(records)

    def _halts_of_a_guard(self, records: tuple[Sealed, ...]) -> None:
        """They bind like those of people."""
        for event in (chain.opened(record).event for record in records):
            if isinstance(event, Restricted) and event.restriction.cause is Cause.DEAD_MAN:
                one = event.restriction
                self.evidence.halts.append(HaltSeen(one.scope.login, self.loop.time(), one.id, durable=True))

    def _run(self, one: Running, work: Coroutine[Any, Any, Any], what: str) -> asyncio.Task[Any]:
        """As a task of the program; what comes out of it that is no answer is noted."""

        def ended(task: asyncio.Task[Any]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self.evidence.raised.append(f"{what}: {error!r}")

        task = one.program.also(work)
        task.add_done_callback(ended, context=Context())
        return task

    # --- what programs and people do ------------------------------------------------------------------
    def _end(self, act: acts.End) -> None:
        one = self._running(act.who)
        self.evidence.byes[act.who] = self.loop.time()
        self._run(one, one.end(), f"the end of {act.who}")

    def _press(self, act: acts.Press) -> None:
        one = self._running(act.who)
        if not isinstance(one, Engine):
            return
        logins = act.logins or tuple(self.world.logins)
        groups = [(name,) for name in logins] if isinstance(one, Watcher) else [logins]
        for group in groups:  # the guard kills each login by itself
            self._press_one(one, act, group)

    def _press_one(self, one: Engine, act: acts.Press, logins: tuple[str, ...]) -> None:
        something = frozenset(name for name in logins if not self.witness.as_it_stands(name).flat)
        seen = PressSeen(act.who, logins, self.loop.time(), open=something, excused=one.program.stopped)
        self.evidence.presses.append(seen)
        self._presses.setdefault(one.program, []).append(seen)
        reason = f"pressed by {act.who}"

        async def press() -> None:
            if isinstance(one, Watcher):
                report = await one.guard.stops.kill(logins[0], reason)
            elif len(logins) == 1:
                report = await one.manager.kill_switch(logins[0], reason)
            else:
                report = await one.manager.kill_switch_all(reason)
            seen.report, seen.reported_s = report, self.loop.time()
            seen.truth = {name: self.witness.truth(name) for name in logins}

        task = self._run(one, press(), f"the kill switch of {act.who}")
        if act.gives_up_s is not None:

            def give_up() -> None:
                if seen.report is None:
                    seen.excused = True
                    task.cancel()

            self.loop.call_later(act.gives_up_s, give_up)

    def _halt(self, act: acts.Halt) -> None:
        manager = self._manager(act.who)
        if manager is None:
            return

        async def halt() -> None:
            halted = manager.halt_trading(act.login, "torture", cancel="risk_adding" if act.cancel else "none")
            self.evidence.halts.append(
                HaltSeen(act.login, self.loop.time(), halted.restriction.id, durable=halted.durable)
            )

        self._run(self._running(act.who), halt(), f"halt_trading of {act.who}")

    def _resume(self, act: acts.Resume) -> None:
        manager = self._manager(act.who)
        if manager is None:
            return

        async def resume() -> None:
            try:
                manager.resume_trading(act.login, override=True, reason="torture")
            except RulesUnreadable:  # a disk that fails may have kept it all the same
                self._lifted(act.login)
            except TradingError:
                return
            else:
                self._lifted(act.login)

        self._run(self._running(act.who), resume(), f"resume_trading of {act.who}")

    def _lifted(self, login: str) -> None:
        """What halts it was lifted, or may have been."""
        for halt in self.evidence.halts:
            if halt.login == login and halt.lifted_s is None:
                halt.lifted_s = self.loop.time()

    def _go_on(self, act: acts.GoOn) -> None:
        manager = self._manager(act.who)
        if manager is None:
            return
        seen = WentOn(act.who, act.login, self.loop.time())
        self.evidence.went_on.append(seen)

        async def go_on() -> None:
            reason = "torture: understood"
            try:
                await manager.verify(act.login, adopt=True, reason=reason)
                self._close_incidents(manager, act.login)
                manager.reset(act.login, reason)
                seen.reset_s = self.loop.time()
                manager.resume_trading(act.login, override=True, reason=reason)
            except RulesUnreadable:  # a disk that fails may have kept it all the same
                seen.reset_s = self.loop.time()
                self._lifted(act.login)
            except (TradingError, JournalError, incidents.IncidentError):
                return
            else:
                seen.ok_s = self.loop.time()
                self._lifted(act.login)

        self._run(self._running(act.who), go_on(), f"the way back of {act.who}")

    def _close_incidents(self, manager: IBKRAccountManager, login: str) -> None:
        records = [chain.opened(record) for record in self.machine.disk.records()]
        for incident in incidents.incidents(records).values():
            if incident.open and login in incident.logins:
                incidents.close(
                    manager.rules.journal, incident, self._page, cause="torture", action="none", actor="a person"
                )

    def _trade(self, act: acts.Trade) -> None:
        one = self._running(act.who)
        instrument = self._instrument(act.login, act.contract)
        limit = self._limit(act.login, instrument, act.limit_pct)
        order = Order(
            action=act.action,
            total_quantity=act.quantity,
            order_type="MKT" if limit is None else "LMT",
            lmt_price=ZERO if limit is None else limit,
            tif="DAY",
        )
        contract = instrument.contract
        work = (
            self._place(one, act, contract, order) if isinstance(one, Engine) else self._send(one, act, contract, order)
        )
        self._run(one, work, f"an order of {act.who}")

    async def _place(self, one: Engine, act: acts.Trade, contract: Contract, order: Order) -> None:
        with contextlib.suppress(TradingError):
            await one.manager.place_order(act.login, contract, order)

    async def _send(self, one: Running, act: acts.Trade, contract: Contract, order: Order) -> None:
        """Through the gateway."""
        if not isinstance(one, Bot):
            return
        link = await one.link(act.login)
        if link is not None and link.up:
            order = Order(**{**{name: getattr(order, name) for name in order.__struct_fields__}, "order_ref": BOT_REF})
            link.post(PlaceOrder(link.take_id(), contract, order))

    def _die(self, act: acts.Die) -> None:
        one = self.machine.living(act.who)
        if one is None:
            return
        program = one.program
        program.count_from_here(act.steps)
        program.over.add_done_callback(lambda _: self._owes_nothing(program), context=Context())

    def _freeze(self, act: acts.Freeze) -> None:
        one = self.machine.living(act.who)
        if one is None or one.program.stopped:
            return
        one.program.stop()
        self._lives(act.who, False)
        self._owes_nothing(one.program)
        self.loop.call_later(act.for_s, self._wake, act.who, one.program)

    def _wake(self, who: str, program: Program) -> None:
        if not program.dead:
            self._lives(who, True)
        program.go_on()

    def _owes_nothing(self, program: Program) -> None:
        """Nobody can ask for a report any more, or not in time."""
        for seen in self._presses.get(program, []):
            seen.excused = seen.excused or seen.report is None
            seen.died_s = self.loop.time() if program.dead else None

    # --- what happens to them -------------------------------------------------------------------------
    def _foreign(self, act: acts.Foreign) -> None:
        limit = self._limit(act.login, self._instrument(act.login, act.contract), act.limit_pct)
        self.witness.outside(act.login)
        self.world.login(act.login).trader(act.client_id).place(
            act.contract, act.action, act.quantity, "MKT" if limit is None else "LMT", limit, order_ref=FOREIGN_REF
        )

    def _liquidate(self, act: acts.Liquidate) -> None:
        login, con_id = self.world.login(act.login), self._instrument(act.login, act.contract).con_id
        exchange = login.exchange
        held = exchange.held(exchange.accounts[0], con_id)
        if held * act.quantity >= 0 or abs(act.quantity) > abs(held):
            return  # IBKR closes, and opens nothing
        self.witness.outside(act.login)
        login.server.act(lambda now_ns: exchange.liquidate(now_ns, exchange.accounts[0], con_id, act.quantity))

    def _assign(self, act: acts.Assign) -> None:
        login, con_id = self.world.login(act.login), self._instrument(act.login, act.contract).con_id
        exchange = login.exchange
        if exchange.held(exchange.accounts[0], con_id) > -act.quantity:
            return  # only who is short is assigned
        self.witness.outside(act.login)
        login.server.act(lambda now_ns: exchange.assign(now_ns, exchange.accounts[0], con_id, act.quantity))

    def _price(self, act: acts.Price) -> None:
        instrument = self._instrument(act.login, act.contract)
        price = self._limit(act.login, instrument, act.percent)
        if price is not None:
            self._set_price(act.login, instrument, price)

    def _worth(self, act: acts.Worth) -> None:
        instrument = self._instrument(act.login, act.contract)
        exchange = self.world.login(act.login).exchange
        account = exchange.accounts[0]
        held = exchange.held(account, instrument.con_id) * instrument.multiplier
        if held:
            wanted = self.evidence.worth_at_first[act.login] * act.percent / 100
            change = (wanted - exchange.account_values(account).net_liquidation) / held
            self._set_price(
                act.login, instrument, instrument.rule.floor(exchange.quote(instrument.con_id).last + change)
            )

    def _set_price(self, name: str, instrument: Instrument, price: Decimal) -> None:
        login = self.world.login(name)
        login.server.act(lambda now_ns: login.server.exchange.set_price(now_ns, instrument.con_id, price))
        self.witness.worth(name)

    def _clock_jump(self, act: acts.ClockJump) -> None:
        self.machine.clock_off_ns += round(act.seconds * 1e9)

    def _disk_fails(self, act: acts.DiskFails) -> None:
        memory = self.machine.disk.state
        memory.fails, memory.torn = CODES[act.code], act.torn

        def well() -> None:
            memory.fails, memory.torn = None, False

        self.loop.call_later(act.for_s, well)

    def _disk_slow(self, act: acts.DiskSlow) -> None:
        self.loop.work_s = act.seconds
        self.loop.call_later(act.for_s, lambda: setattr(self.loop, "work_s", 0.0))

    # --- the market -------------------------------------------------------------------------------------
    def _instrument(self, login: str, contract: str) -> Instrument:
        return find_contract(self.world.login(login).server.exchange.catalogue, contract)

    def _limit(self, login: str, instrument: Instrument, percent: Decimal | None) -> Decimal | None:
        if percent is None:
            return None
        return instrument.rule.floor(self.world.login(login).exchange.quote(instrument.con_id).last * percent / 100)


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
            stage.machine.disk.close()
            if (error := playing.exception()) is not None:
                stage.evidence.raised.append(f"the run itself: {error!r}")
            return stage.evidence

    longest = max((act.at_s for act in story.acts), default=0.0) + 8 * story.deadline_s + story.lasts_s + 600
    return run_and_bury(main, limit_s=longest, start_ns=story.scenario.start_ns, seed=story.seed, strict=False)
