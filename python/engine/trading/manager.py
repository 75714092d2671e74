"""IBKRAccountManager: the logins of a trader, what is known of them, orders, and the kill switch over all of them.

Connecting and killing never raise for what a broker does: they return what happened. Must never let one login's
trouble delay or hide another's, and never place an order for a login whose kill switch has been pressed.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from engine.broker.handover import Handover
from engine.broker.kill_hands import HandsSettings
from engine.broker.login import LoginSettings
from engine.broker.tickets import OrderTicket
from engine.broker.view import AccountValues, Fact, ProfitAndLoss
from engine.config.limits_table import LimitsTable
from engine.config.places import incident_log, state_folder
from engine.core.contracts import Contract
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill.settings import SECOND, KillSettings
from engine.core.limit_views import LimitsView
from engine.core.preflight.settings import Settings
from engine.core.preflight.verdict import Verdict
from engine.core.restrictions import Restriction, Scope, State
from engine.journal.events import CashFlow
from engine.trading import presence
from engine.trading.arguments import words
from engine.trading.by_hand import place_of
from engine.trading.connecting import Connecting
from engine.trading.entries import Entries, Entry, LoginConfig
from engine.trading.errors import OrderNotSent
from engine.trading.heartbeats import Heart
from engine.trading.kill_ids import new_kill_id
from engine.trading.kill_records import KillRecords
from engine.trading.kill_switch import KillSwitch, OnStep
from engine.trading.kill_switches import KillSwitches
from engine.trading.kill_telling import told
from engine.trading.loss_watch import KillHere
from engine.trading.loss_watches import LossWatches
from engine.trading.modes import TradingMode
from engine.trading.orders import Orders, live_login
from engine.trading.outcomes import Connections, ConnectOutcome
from engine.trading.reports import KillReport
from engine.trading.rules import Halted, Resumed, Rules, open_rules
from engine.trading.simulated import in_this_world
from engine.trading.verification import Verification
from engine.trading.verify_login import verify_login
from engine.trading.verifying import Settings as VerifySettings
from engine.wire.order import Order
from engine.wire.requests import ReqGlobalCancel

_NO_HANDOVERS: Mapping[str, Handover] = {}

LimitKill: TypeAlias = Callable[[tuple[str, ...], str], Awaitable[object]]
"""Pull the switch on these logins, for this reason."""


class ManagerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient everything is. The defaults suit a TWS on the same desktop."""

    kill: KillSettings = KillSettings()
    hands: HandsSettings = HandsSettings()
    login: LoginSettings = LoginSettings()
    order_patience_s: float = 5.0  # for TWS to show an order, or its end
    heartbeat: bool = True  # say that this engine lives, as long as it is connected and its event loop turns
    enforce_limits: bool = True  # False: a guard, or another program, watches the losses of these logins
    tells: bool = True  # what a kill does is told on standard error, where nobody else tells it
    trades: bool = True  # False: it only watches and kills; no order is placed, and none is followed


class IBKRAccountManager:
    """All methods belong to one event loop, but for the kill: it may be pressed from any thread's own loop, as by a
    watchdog while the engine hangs. Reading methods are plain; whatever talks to TWS is async.
    """

    def __init__(
        self,
        *,
        settings: ManagerSettings | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
        kill_ids: Callable[[], str] = new_kill_id,
        lock_directory: Path | None = None,
        home: Path | None = None,
        rules: Rules | None = None,
        preflight: Settings | None = None,
        limits: LimitsTable | None = None,
        heart: Heart | None = None,
    ) -> None:
        """`home`: the state folder, unless it is the usual one. `rules`: over a journal of the caller's own.
        `preflight`, `limits`: what orders and losses are held against, unless it is [preflight] and [limits] of
        quant-engine.toml. `heart`: of the caller's own, where it is to beat at all.
        """
        self._settings = settings or ManagerSettings()
        self._home = home or Path(state_folder())
        self._made_rules = rules
        self._rules_lock = threading.Lock()
        self._records = KillRecords(
            lambda: self.rules, Path(incident_log()), guard_pid=lambda: presence.pid(self._home, time.time_ns())
        )
        self._wall_ns = wall_ns
        self._entries = Entries()
        self._orders = Orders(self._settings.order_patience_s, lambda: self.rules, wall_ns, preflight, self._home)
        self._watches = LossWatches(
            lambda: self.rules,
            lambda: self._entries,
            self._kill_by_limit,
            Path(incident_log()),
            wall_ns=wall_ns,
            table=limits,
            judges=self._settings.enforce_limits,
        )
        beating = heart or Heart(self._home, Path(sys.argv[0]).stem)
        self._heart = beating if self._settings.heartbeat else None
        self._limit_kill: LimitKill | None = None
        self._kills = KillSwitches(
            partial(
                KillSwitch,
                in_this_world(self._settings.kill),
                self._settings.hands,
                wall_ns=wall_ns,
                new_kill_id=kill_ids,
                lock_directory=lock_directory,
                records=self._records,
            )
        )
        self._connecting = Connecting(
            self._entries,
            self._orders if self._settings.trades else None,
            self._watches,
            self._heart,
            self._kills,
            settings=self._settings.login,
            wall_ns=wall_ns,
        )

    # --- logins ------------------------------------------------------------------------------------
    def add_account(
        self,
        name: str,
        mode: TradingMode,
        *,
        client_id: int | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        account: str | None = None,
        spare_ids: tuple[int, ...] = (),
    ) -> None:
        """Make a login known. Unless given: port 7497 and client id 1 (PAPER), 7496 and 2 (LIVE).

        `account` is for orders that name none; `spare_ids` are tried when the client id is in use.

        Raises ConfigurationError; nothing is changed then.
        """
        known_mode = mode if isinstance(mode, TradingMode) else TradingMode.PAPER  # a wrong one is refused below
        config = LoginConfig(
            name=name,
            mode=mode,
            host=host,
            port=known_mode.default_port if port is None else port,
            client_id=known_mode.default_client_id if client_id is None else client_id,
            account=account,
            spare_ids=spare_ids,
        )
        self._entries.add(config)

    @property
    def logins(self) -> tuple[str, ...]:
        """Names of all logins, in the order they were added."""
        return self._entries.names

    async def connect_all(self) -> Connections:
        """Connect every login at the same time. Returns an outcome for each; never raises for a broker's failure."""
        outcomes = await asyncio.gather(*(self._connecting.connect(entry) for entry in self._entries))
        return Connections({outcome.name: outcome for outcome in outcomes})

    async def connect(self, name: str) -> ConnectOutcome:
        """Connect one login. Connected already: says so."""
        return await self._connecting.connect(self._entries.get(name))

    def expect(self, name: str) -> None:
        """The login should be connected, and is not: after the grace it is halted as one that nobody sees, until it is
        seen. For who keeps logins connected; one that was connected and is lost counts as that anyway.
        """
        self._watches.expect(self._entries.get(name))

    async def disconnect_all(self) -> None:
        """Close every connection. A kill that still runs keeps its own until it is done."""
        for entry in self._entries:
            self._connecting.disconnect(entry)
        if self._heart is not None:
            await self._heart.good_bye()
        await asyncio.sleep(0)  # let the closing begin
        await self._orders.settled()
        await self._watches.settled()

    async def disconnect(self, name: str) -> None:
        """Close one login's connection."""
        self._connecting.disconnect(self._entries.get(name))
        await asyncio.sleep(0)

    # --- the kill switch ---------------------------------------------------------------------------
    async def kill_switch_all(
        self,
        reason: str,
        *,
        on_step: OnStep | None = None,
        handovers: Mapping[str, Handover] = _NO_HANDOVERS,
        pressed_ns: int | None = None,
        after_watch: bool = False,
    ) -> KillReport:
        """Cancel everything and close everything on every login, and report what the broker then shows.

        Works connected, half-connected and never connected. Cancelling the caller does not stop it; pressing again
        joins it. From now on this manager places no orders. `after_watch`: this press ends a watch behind the one
        before it, and reports what that has closed and cancelled since. `on_step` hears what happens, as it happens;
        without one it is told on standard error: to a terminal all of it, elsewhere what a person has to do by hand
        while TWS does not let the kill in.
        """
        with self._telling(self.logins, on_step) as tell:
            return await self._kills.here().press(
                list(self._entries),
                reason,
                on_step=tell,
                handovers=handovers,
                pressed_ns=pressed_ns,
                after_watch=after_watch,
            )

    @property
    def kill_notes(self) -> tuple[str, ...]:
        """What of this program's kills could not be written where it belongs, and where it waits."""
        return tuple(self._records.notes)

    async def kill_switch(
        self,
        name: str,
        reason: str,
        *,
        on_step: OnStep | None = None,
        pressed_ns: int | None = None,
        beside: tuple[str, ...] = (),
    ) -> KillReport:
        """The same for one login. `beside`: logins that are killed for the same reason in the same moment, each by a
        call of its own: they have one incident together. Raises UnknownLogin, and nothing else.
        """
        entry = self._entries.get(name)
        others = tuple(self._entries.get(other).scope for other in beside if other != name)
        with self._telling([name], on_step) as tell:
            return await self._kills.here().press(
                [entry],
                reason,
                on_step=tell,
                handovers=_NO_HANDOVERS,
                pressed_ns=pressed_ns,
                beside=others,
            )

    def _telling(self, names: Iterable[str], on_step: OnStep | None) -> AbstractContextManager[OnStep | None]:
        """Whoever listens himself hears it alone."""
        if on_step or not self._settings.tells:
            return nullcontext(on_step)
        configs = {name: self._entries.get(name).config for name in names}
        places = {name: place_of(config.host, config.port) for name, config in configs.items()}
        return told(places, self._settings.kill.deadline_ns / SECOND)

    # --- halt and resume ---------------------------------------------------------------------------
    def halt_trading(self, name: str, reason: str, *, cancel: Literal["none", "risk_adding"] = "none") -> Halted:
        """Stop everything that adds risk on a login, without closing anything. Returns when it binds the very next
        order of every process on this machine; cancels and reducing orders go on. Raises UnknownLogin, and nothing
        else: a halt that cannot be written down binds all the same, and the answer says so.

        `cancel="risk_adding"`: each connected program cancels those of its working orders that can add risk, in the
        background, and leaves the protective ones.
        """
        entry = self._entries.get(name)
        wanted: str = cancel
        halted = self.rules.halt(entry.scope, reason, cancel=wanted == "risk_adding")
        if wanted == "risk_adding":
            self._watches.look(entry)
        elif wanted != "none":  # a stop never fails for a wrong word, and never keeps it to itself
            note = f"nothing is cancelled: cancel={cancel!r} is not known; cancel='risk_adding' has orders cancelled"
            return msgspec.structs.replace(halted, notes=(*halted.notes, note))
        return halted

    def halt_all(self, reason: str, *, cancel: Literal["none", "risk_adding"] = "none") -> dict[str, Halted]:
        """The same for every login."""
        return {name: self.halt_trading(name, reason, cancel=cancel) for name in self.logins}

    def resume_trading(self, name: str, *, override: bool = False, reason: str = "") -> Resumed:
        """Lift what halts a login. A limit's halt needs `override` and a reason; after a kill: verify, close the
        incident, reset, and then this. Raises ResumeRefused with everything that is in the way, and lifts nothing then.
        """
        resumed = self.rules.resume(self._entries.get(name).scope, override=override, reason=reason)
        return msgspec.structs.replace(resumed, state=self.state(name))

    def reset(self, name: str, reason: str) -> Halted:
        """End a login's shutdown, once it is verified and its incidents are closed. It stays halted until it is
        resumed. Raises ResetRefused with everything that is in the way.
        """
        return self.rules.reset(self._entries.get(name).scope, reason=reason)

    async def verify(self, name: str, *, adopt: bool = False, reason: str = "", halt: bool = True) -> Verification:
        """Hold our records of a login against fresh reads of the broker, and write down what came of it. Works
        connected or not; then over a connection of its own, which it closes. What cannot be read is in the answer.

        `halt`: a difference that no execution explains halts the login. `adopt`: the broker's positions are our records
        from now on; it needs the reason. Raises UnknownLogin, and AdoptionRefused if nothing was adopted.
        """
        return await verify_login(
            self._entries.get(name),
            self.rules,
            Path(incident_log()),
            wall_ns=self._wall_ns,
            link_settings=self._settings.login.link,
            settings=VerifySettings(halt=halt),
            adopt=adopt,
            reason=words(reason),
        )

    def state(self, name: str) -> State:
        """What a login may do now, and why: `kind`, `size_factor`, and `standing`, the restrictions, severest first.
        With what holds the orders of this program alone, as faults of its configuration do.
        """
        entry = self._entries.get(name)
        state = self.rules.state(entry.scope)
        return self._orders.with_own(entry, state) if self._settings.trades else state

    @property
    def rules(self) -> Rules:
        """Restrictions of all logins, over the journal in the state folder. Opened when it is first needed."""
        with self._rules_lock:
            if self._made_rules is None:
                self._made_rules = open_rules(self._home, wall_ns=self._wall_ns)
            return self._made_rules

    def heartbeat(self) -> None:
        """Say that this engine lives. A connected manager does it by itself, once a second, while its event loop turns;
        call it where that is not enough. Never raises.
        """
        if self._heart is not None:
            self._heart.start(tuple(one.config.name for one in self._entries))

    # --- losses ------------------------------------------------------------------------------------
    def limits(self, name: str) -> LimitsView:
        """Every loss limit of a login: how much is lost, how much of the limit is used, what is left, what follows.
        Of a login that is not connected it is the last that was written down, and says so (`stale`).
        """
        return self._watches.view(self._entries.get(name))

    def use_for_limits(self, kill: LimitKill) -> None:
        """Have a crossed limit pull the switch this way, which has to end in `kill_switch`: for who tells of it."""
        self._limit_kill = kill

    def standing_now(self, name: str) -> tuple[Restriction, ...]:
        """What held the login at the last judgement of its losses, without asking the journal."""
        return self._watches.standing(self._entries.get(name))

    def limits_now(self, name: str) -> LimitsView | None:
        """The same as of the last judgement over the connection there is, without asking the journal, which waits for a
        disk. None: nothing was judged over it yet.
        """
        return self._watches.live(self._entries.get(name))

    def record_cash_flow(
        self, name: str, amount: Decimal, reason: str, *, currency: str = "", shows: bool | None = None
    ) -> CashFlow:
        """Money came in (positive) or went out: neither gain nor loss. `shows`: equity contains it already; None: this
        program watches the login and knows. Raises CashFlowRefused and RulesUnreadable; nothing was recorded then.
        """
        entry = self._entries.get(name)
        return self._watches.record_cash_flow(entry, amount, words(reason), currency=words(currency), shows=shows)

    # --- what is known -----------------------------------------------------------------------------
    def connected(self, name: str) -> bool:
        """The login has a working connection at this moment."""
        return self._entries.get(name).connected

    def scope(self, name: str) -> Scope:
        """What the login is called in the records: its name, its place, and its accounts as far as they are known."""
        return self._entries.get(name).scope

    def killing(self, name: str) -> bool:
        """A kill of this program's is under way on the login."""
        return self._kills.running(name)

    def accounts(self, name: str) -> Fact[tuple[str, ...]]:
        """Broker accounts of the login."""
        return self._entries.get(name).view.accounts

    def positions(self, name: str) -> Fact[tuple[PositionFact, ...]]:
        """Positions as last read, or why they are unknown. Unknown is not empty."""
        return self._entries.get(name).view.positions

    def working_orders(self, name: str) -> Fact[tuple[WorkingOrder, ...]]:
        """Open orders of every client as last read, or why they are unknown."""
        return self._entries.get(name).view.working_orders

    def account_values(self, name: str) -> Fact[AccountValues]:
        """Account values by account and tag."""
        return self._entries.get(name).view.account_values

    def profit_and_loss(self, name: str) -> dict[str, Fact[ProfitAndLoss]]:
        """P&L by account; nothing where there is no connection."""
        return dict(self._entries.get(name).view.profit_and_loss)

    async def refresh(self, name: str) -> None:
        """Read positions and working orders now. What comes of it is in `positions` and `working_orders`."""
        await live_login(self._entries.get(name)).refresh()

    # --- orders ------------------------------------------------------------------------------------
    async def place_order(self, name: str, contract: Contract, order: Order) -> OrderTicket:
        """Send an order that passes every check, and wait until TWS shows it. One that names no account gets the
        login's.

        Raises OrderDenied (a check refused it: `verdict`), among them TradingHalted and KillPressed; OrderNotSent,
        OrderRefused by TWS, OrderUnconfirmed (sent, and nobody knows), NotConnected.
        """
        self._refuse_if_it_only_watches()
        return await self._orders.place(self._entries.get(name), contract, order)

    async def preflight(self, name: str, contract: Contract, order: Order, *, margin: bool = False) -> Verdict:
        """Would this order be sent now? Sends nothing, and tells every failed check. `margin`: TWS is asked what margin
        it would need (whatIf). Raises OrderNotSent for what no check could judge, and NotConnected.
        """
        self._refuse_if_it_only_watches()
        return await self._orders.preflight(self._entries.get(name), contract, order, margin=margin)

    async def cancel_order(self, name: str, ticket: OrderTicket) -> None:
        """Cancel an order placed here and wait until TWS says that it has ended. Raises CancelUnconfirmed."""
        await self._orders.cancel(self._entries.get(name), ticket)

    async def cancel_all_orders(self, name: str) -> None:
        """A global cancel: every open order of the login goes, of every client and of TWS, protective ones included.
        What is left of them is in `working_orders` afterwards. Raises NotConnected.
        """
        login = live_login(self._entries.get(name))
        login.link.post(ReqGlobalCancel(), urgent=True)
        await login.refresh()

    # --- inside ------------------------------------------------------------------------------------
    def _refuse_if_it_only_watches(self) -> None:
        if not self._settings.trades:
            raise OrderNotSent(
                "This manager only watches (ManagerSettings.trades is False)",
                "The order was not sent",
                "Place it with a manager that trades",
            )

    def _kill_by_limit(self, entry: Entry) -> KillHere:
        """The kill that a crossed limit of this login pulls."""

        async def kill(reason: str, everywhere: bool) -> object:
            entries = list(self._entries) if everywhere else [entry]
            if self._limit_kill is not None:
                return await self._limit_kill(tuple(one.config.name for one in entries), reason)
            return await self._kills.here().press(
                entries, reason, on_step=None, handovers=_NO_HANDOVERS, pressed_ns=None
            )

        return kill
