"""All the contracts of one login that have to be closed: whose turn it is, what stands in the way, what was learned.

Pure. One order is acknowledged before the rest is sent; short options go before what may cover them; resting orders
in a contract go before its close. The single contract is the business of `engine.core.kill.closes.item`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from engine.core.facts import Details, ExecutionFact, PositionFact, Quote, WorkingOrder
from engine.core.kill import events as ev
from engine.core.kill.closes.attempt import Attempt, Doubt, State
from engine.core.kill.closes.chatter import Chatter
from engine.core.kill.closes.item import Item, Moment
from engine.core.kill.closes.launching import SENT, launch
from engine.core.kill.closes.lookups import Lookups
from engine.core.kill.closes.tending import cancel, tend
from engine.core.kill.commands import CancelClose, Command, Place, Resolve, Say
from engine.core.kill.held.ledger import Key, Ledger
from engine.core.kill.held.sums import nearest_to_zero
from engine.core.kill.looks.survey import Survey
from engine.core.kill.settings import KillSettings

ZERO = Decimal(0)
OPTIONS = ("OPT", "FOP")


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every contract of the login at one moment."""

    now_ns: int
    serial_begun: int
    survey: Survey | None  # the last complete one; None before the first
    sized: bool  # that survey is fresh enough to size orders from
    may_send: bool
    wrapping_up: bool
    wall_s: float  # since the Unix epoch
    besieged: frozenset[Key]  # contracts in which a program keeps sending orders
    shares_nothing: bool  # no lock could be had: another kill may close, too
    looks_take_ns: int  # so long TWS needed for the last survey
    newer: dict[Key, Decimal] | None  # positions that the running one has heard, whose executions are still to come


@dataclass(slots=True)
class Closing:
    """Items by (account, conId), and every closing order of this kill by its key."""

    kill_id: str
    settings: KillSettings
    ledger: Ledger
    items: dict[Key, Item] = field(default_factory=dict)
    orders: dict[int, tuple[Item, Attempt]] = field(default_factory=dict)
    lookups: Lookups = field(default_factory=Lookups)
    several_accounts: bool = False
    _chatter: Chatter = field(default_factory=Chatter)
    _unfilled: dict[Key, int] = field(default_factory=dict)  # ended since the last executions: newest survey then
    _listed: dict[tuple[int, int, int], WorkingOrder] = field(default_factory=dict)  # by the last survey
    _answer_took_ns: int = 0  # the longest that TWS has needed for a first word about a closing order
    _acknowledged: bool = False  # TWS has acknowledged a closing order of this kill
    _leaving: dict[int, Say] = field(default_factory=dict)  # what to say of an order when it leaves, by its key

    @property
    def ever_placed(self) -> bool:
        return bool(self.orders)

    @property
    def any_suspect(self) -> bool:
        """Is there an order of which the completed orders may tell what has become of it?"""
        return any(item.attempt is not None and item.attempt.state is State.SUSPECT for item in self.items.values())

    @property
    def strays(self) -> list[Attempt]:
        """Closing orders that may still arrive, be it that the kill has gone on without them."""
        return [attempt for _, attempt in self.orders.values() if attempt.stray]

    def any_filled(self, key: Key) -> bool:
        """Has a closing order of this kill filled there, be it in part?"""
        return any(attempt.filled > ZERO for item, attempt in self.orders.values() if item.key == key)

    @property
    def any_live(self) -> bool:
        return any(item.live for item in self.items.values())

    @property
    def any_working(self) -> bool:
        """Is there a closing order that a global cancel would disturb?"""
        attempts = [item.attempt for item in self.items.values() if item.attempt is not None]
        return any(attempt.live and attempt.cancel_ns is None and not attempt.adrift for attempt in attempts)

    # what was heard -------------------------------------------------------------------------------------------------

    def heard(self, event: ev.Event, now_ns: int, serial: int) -> bool:
        """An event about one of our closing orders, living or ended. True when there is something to look at: the
        order is over, or suspect, or something filled that was thought to be over."""
        match event:
            case ev.CloseStatus(key) | ev.CloseFill(key) | ev.CloseError(key) if key in self.orders:
                pass
            case ev.CloseNotSent(key) | ev.CloseOrphaned(key) | ev.CarrierEnded(key) if key in self.orders:
                pass
            case _:
                return False
        item, attempt = self.orders[key]
        was_live, doubt_before, answered_before = attempt.live, _doubt(attempt), attempt.answered
        match event:
            case ev.CloseStatus(_, status, filled, perm_id):
                attempt.status(status, filled, perm_id, serial)
            case ev.CloseFill(_, execution):
                self._heard_fill(attempt, execution)
            case ev.CloseError(_, code, text):
                item.heard_error(key, code, text, now_ns, serial)
            case ev.CloseNotSent(_, why):
                item.heard_not_sent(attempt, why)
                attempt.not_sent(serial, self._surface_ns(now_ns, attempt))
            case ev.CarrierEnded():
                attempt.carrier_ended(serial, self._surface_ns(now_ns, attempt))
            case _:
                self._orphaned(attempt, now_ns, serial, may_arrive=event == ev.CloseOrphaned(key, may_arrive=True))
        if attempt.answered and not answered_before:
            self._answer_took_ns = max(self._answer_took_ns, now_ns - attempt.sent_ns)
            attempt.progress_ns = now_ns  # what comes of it is waited for from here
        news = self._account_for(item, attempt, now_ns, serial, was_live=was_live)
        return news or _doubt(attempt) not in (None, doubt_before)

    def _orphaned(self, attempt: Attempt, now_ns: int, serial: int, *, may_arrive: bool) -> None:
        if may_arrive:
            attempt.may_arrive(now_ns + self.settings.stray_ns)
        attempt.orphaned(serial, self._surface_ns(now_ns, attempt), adrift=True)

    def sent(self, key: int) -> list[Command]:
        """The bytes of a closing order are on the wire: what to say of it."""
        if key in self.orders:
            self.orders[key][1].left = True
        said = self._leaving.pop(key, None)
        return [] if said is None else [said]

    def spoken_of(self, event: ev.Event) -> list[Command]:
        """The same where the broker speaks of it first. Of one that was taken back before that nothing: it was never
        sent."""
        match event:
            case ev.CloseStatus(key) | ev.CloseFill(key) | ev.CloseError(key):
                return self.sent(key)
            case ev.CloseNotSent(key):
                self._leaving.pop(key, None)
        return []

    def _heard_fill(self, attempt: Attempt, execution: ExecutionFact) -> None:
        self.ledger.own_execution(execution)
        attempt.fill(execution)

    def _account_for(self, item: Item, attempt: Attempt, now_ns: int, serial: int, *, was_live: bool) -> bool:
        """Tell the ledger of new fills at once: they shrink what may still be closed. Executions of surveys up to
        `serial` may not show them."""
        ended = was_live and not attempt.live
        attempt.ended_ns = now_ns if ended else attempt.ended_ns
        if ended and attempt.remaining > ZERO:
            self._mind_unseen_fill(item, attempt, serial)
        fresh = attempt.uncounted_fill()
        if fresh == ZERO:
            return ended
        self.ledger.own_fill(item.key, fresh)
        for other in self.items.values():
            if other is not item:
                other.nudge(now_ns)
        return not attempt.live

    def _mind_unseen_fill(self, item: Item, attempt: Attempt, serial: int) -> None:
        """It is over and not filled, as far as anybody has said. Where nobody has said that it was cancelled or
        refused, it may have filled, and both the execution and the position may be late."""
        self._unfilled[item.key] = serial
        if attempt.untold:
            self.ledger.unsettle(item.key, self.settings.expected_lag_ns)

    def _surface_ns(self, now_ns: int, attempt: Attempt) -> int:
        """Until when an order whose carrier is gone may still surface. What TWS has acknowledged IBKR keeps, however
        long a TWS that has been restarted takes to load it."""
        if not attempt.acknowledged:
            return now_ns + self.settings.unacknowledged_lost_ns
        return now_ns + min(self.settings.acknowledged_lost_ns, self.settings.deadline_ns * 3 // 8)

    def answered(self, event: ev.Resolved | ev.Unresolved | ev.RuleHeard | ev.Quoted | ev.NoQuote, now_ns: int) -> None:
        """What the broker says of a contract that was asked about: where it trades, its price steps, its quote."""
        match event:
            case ev.Resolved(con_id, details):
                self._heard_details(con_id, details)
            case ev.Unresolved(con_id):
                self._heard_details(con_id, None)
            case ev.RuleHeard(rule_id, steps):
                self.lookups.heard_rule(rule_id, steps)
            case ev.Quoted(con_id, quote):
                self._heard_quote(con_id, quote, now_ns, "")
            case _:
                self._heard_quote(event.con_id, None, now_ns, event.why)

    def _heard_details(self, con_id: int, details: Details | None) -> None:
        self.lookups.answered(con_id, details, [item.contract for item in self.items.values()])

    def _heard_quote(self, con_id: int, quote: Quote | None, now_ns: int, why: str) -> None:
        for item in self.items.values():
            if item.contract.con_id == con_id:
                item.heard_quote(quote, now_ns, why)

    def heard_position(self, fact: PositionFact, serial: int) -> None:
        """A hint that the position has moved: surveys begun before it are too old to size an order from."""
        key = (fact.account, fact.contract.con_id)
        if key in self.items and fact.quantity != self.ledger.position(key):
            self.items[key].outdate(serial)

    def connection_lost(self, now_ns: int, serial: int) -> None:
        """Answers that were under way will not come, and orders that were may or may not have arrived."""
        self.lookups.connection_lost()
        for item in self.items.values():
            item.forget_questions()
            if item.attempt is not None:
                item.attempt.orphaned(serial, self._surface_ns(now_ns, item.attempt), adrift=True)

    def link_lost(self, now_ns: int, serial: int) -> None:
        """Orders sent toward a broken link may or may not have arrived."""
        for item in self.items.values():
            if item.attempt is not None:
                item.attempt.orphaned(serial, self._surface_ns(now_ns, item.attempt), adrift=False)

    def withdraw(self, now_ns: int) -> list[Command]:
        """Another kill closes: take back what has not filled."""
        live = [(item, item.attempt) for item in self.items.values() if item.attempt is not None and item.live]
        return [command for item, attempt in live if not attempt.adrift for command in cancel(item, attempt, now_ns)]

    # what was seen --------------------------------------------------------------------------------------------------

    def surveyed(self, survey: Survey, now_ns: int) -> list[Command]:
        """A complete survey: into the ledger, past every attempt; open items, ask where new contracts trade."""
        self._take_executions(survey, now_ns)
        for item in self.items.values():
            if item.attempt is not None:
                was_live = item.attempt.live
                item.attempt.surveyed(survey)
                self._account_for(item, item.attempt, now_ns, survey.serial - 1, was_live=was_live)
        if survey.executions is None:
            self.ledger.orders_told()
            self._unsettle_unfilled()
            self._unsettle_touched(survey.orders)
        else:
            self._unfilled = {key: serial for key, serial in self._unfilled.items() if serial >= survey.serial}
        self._listed = {(o.perm_id, o.client_id, o.order_id): o for o in survey.orders}
        self.ledger.in_flight(
            (item.key, attempt.remaining * attempt.sign)
            for item, attempt in self.orders.values()
            if (attempt.live and not attempt.missed) or attempt.untold
        )
        self.ledger.positions(survey.positions, now_ns, survey.unread)
        for item in self.items.values():
            item.looked(self.ledger.position(item.key), now_ns)
        commands: list[Command] = []
        for key in self.ledger.seen():
            if self.ledger.position(key) != ZERO:
                if key not in self.items:
                    self.items[key] = Item(key, self.ledger.contract(key), self.settings, self.several_accounts)
                commands += self.lookups.want(self.items[key].contract)
        return commands

    def listed(self, orders: tuple[WorkingOrder, ...], now_ns: int) -> None:
        """A complete list of open orders, be it part of a survey that comes to its end or not."""
        self.ledger.traces.listed(self._not_ours(orders), now_ns)

    def ended(self, orders: tuple[WorkingOrder, ...], now_ns: int) -> None:
        """Orders that the broker lists as completed."""
        self.ledger.traces.completed(self._not_ours(orders), now_ns)

    def _not_ours(self, orders: tuple[WorkingOrder, ...]) -> list[WorkingOrder]:
        """Without any order of this kill, living or ended."""
        return _without(orders, [attempt for _, attempt in self.orders.values()])

    def _take_executions(self, survey: Survey, now_ns: int) -> None:
        """Ours are told by their marks, whether or not they were heard before; the rest is others'."""
        executions = survey.executions
        if executions is None:
            return
        by_ref = {attempt.place.order_ref: (item, attempt) for item, attempt in self.orders.values()}
        by_perm_id = {attempt.perm_id: (item, attempt) for item, attempt in self.orders.values() if attempt.perm_id}
        for execution in executions:
            ref = execution.order_ref
            ours = by_ref.get(ref) if ref else by_perm_id.get(execution.perm_id)  # another orderRef is another order
            if ours is not None:
                was_live = ours[1].live
                self._heard_fill(ours[1], execution)
                self._account_for(*ours, now_ns, survey.serial, was_live=was_live)
        self.ledger.executions(executions, now_ns)

    def _unsettle_unfilled(self) -> None:
        """Orders of ours that are over: without executions only time shows whether they have filled after all."""
        for key in self._unfilled:
            self.ledger.unsettle(key, self.settings.expected_lag_ns)
        self._unfilled.clear()

    def _unsettle_touched(self, orders: tuple[WorkingOrder, ...]) -> None:
        """Where executions cannot be read, an order that is gone or has filled further may have moved a position that
        does not show it yet."""
        now = {(o.perm_id, o.client_id, o.order_id): o for o in orders}
        for name, order in self._listed.items():
            if name not in now or now[name].filled != order.filled:
                for key in self.items:
                    if order.account in ("", key[0]) and touches(order, key[1], self.items[key].contract.symbol):
                        self.ledger.unsettle(key, self.settings.settle_ns)

    def others(self, orders: tuple[WorkingOrder, ...]) -> list[WorkingOrder]:
        """The listed orders without the closes of this kill that live, and that it can still reach, or that have filled
        while the list was on its way."""
        attempts = [item.attempt for item in self.items.values() if item.attempt is not None]
        known = [attempt for attempt in attempts if attempt.live and not attempt.adrift]
        known += [attempt for _, attempt in self.orders.values() if attempt.used_up]
        return _without(orders, known)

    def worth_a_cancel(self, others: list[WorkingOrder], now_ns: int) -> list[WorkingOrder]:
        """Without what TWS has told to be cancelled: lists may show it for a while, and another global cancel would
        take the closing orders that follow it. Not where it was sent twice: the second may live when the first ended.
        """
        late_ns = self.settings.late_feed_ns
        over = [
            attempt
            for _, attempt in self.orders.values()
            if attempt.end_told and attempt.sends == 1 and now_ns - (attempt.ended_ns or 0) < late_ns
        ]
        return _without(others, over)

    # the next step --------------------------------------------------------------------------------------------------

    def step(self, scene: Scene) -> list[Command]:
        """Every item's next step, short options first."""
        if scene.survey is None:
            return []  # nothing has been seen yet
        commands: list[Command] = []
        blocking = self._blocking_orders(scene.survey)
        shorts: dict[tuple[str, str], list[Item]] = {}
        for item in self.items.values():
            if self._is_short_option(item) and not item.lessons.given_up:
                shorts.setdefault((item.key[0], item.contract.symbol), []).append(item)
        for item in sorted(self.items.values(), key=lambda item: not self._is_short_option(item)):
            if scene.wrapping_up and item.attempt is not None and item.live and item.attempt.cancel_ns is None:
                item.withdraw_in_time(item.attempt, scene.now_ns)
                commands.append(CancelClose(item.attempt.place.key))
            closable, in_the_way = self._closable(item, blocking, scene)
            item.blocked = in_the_way or (closable == ZERO and self.ledger.closable(item.key) != ZERO)
            if closable == ZERO and item.attempt is None:
                continue
            free = not in_the_way and not self._covers_short(item, shorts, scene.now_ns)
            commands += self._step_item(item, closable, free, scene, scene.survey.serial)
        return self._chatter.brief(commands, scene.now_ns)

    def _step_item(self, item: Item, closable: Decimal, free: bool, scene: Scene, serial_done: int) -> list[Command]:
        free = free and (item.live or self._probed(serial_done, scene.now_ns, alone=not scene.shares_nothing))
        may_launch = free and scene.sized
        if scene.may_send and scene.sized and not item.live and not free and item.waiting_since_ns is None:
            item.waiting_since_ns = scene.now_ns
        moment = self._moment(item, closable, may_launch, scene, serial_done)
        step = item.conclude(moment)
        step += launch(item, moment) if item.attempt is None else tend(item, item.attempt, moment)
        for command in step:
            if isinstance(command, Place) and item.attempt is not None:
                for said in step:
                    if isinstance(said, Say) and said.kind == SENT:
                        self._leaving[command.key] = said
                self.orders[command.key] = (item, item.attempt)
                item.waiting_since_ns = None
            elif isinstance(command, Resolve):
                self.lookups.asked_alone(command.contract)
        return [command for command in step if not isinstance(command, Say) or command.kind != SENT]

    def _moment(self, item: Item, closable: Decimal, may_launch: bool, scene: Scene, serial_done: int) -> Moment:
        details, pending = self.lookups.details(item.contract, alone=item.lessons.alone)
        return Moment(
            now_ns=scene.now_ns,
            serial_begun=scene.serial_begun,
            serial_done=serial_done,
            closable=closable,
            expected=self.ledger.expected(item.key),
            may_send=scene.may_send,
            may_launch=may_launch,
            details=details,
            details_pending=pending,
            lookups=self.lookups,
            wall_s=scene.wall_s,
            place_key=len(self.orders) + 1,
            kill_id=self.kill_id,
            slow_ns=max(scene.looks_take_ns, 3 * self._answer_took_ns // 2),
        )

    def _is_short_option(self, item: Item) -> bool:
        return item.contract.sec_type in OPTIONS and self.ledger.position(item.key) < ZERO

    def _probed(self, serial_done: int, now_ns: int, *, alone: bool) -> bool:
        """One order is acknowledged before the rest is sent: TWS may hold a dialog that swallows orders silently. Where
        another kill may be at work the last look has to be one that shows that order: it shows the other's as well."""
        if not alone and serial_done <= min((attempt.sent_serial for _, attempt in self.orders.values()), default=-1):
            return False
        self._acknowledged = self._acknowledged or any(a.acknowledged for _, a in self.orders.values())
        return self._acknowledged or not any(self._probes(item, a, now_ns) for item, a in self.orders.values())

    def _probes(self, item: Item, attempt: Attempt, now_ns: int) -> bool:
        """Is it to be seen first? Over a slow link it may stay silent for longer than it holds the others back."""
        patience_ns = self.settings.acknowledge_ns * item.acknowledge_factor
        return attempt.state is State.SENT and now_ns - attempt.sent_ns < patience_ns

    def _covers_short(self, item: Item, shorts: dict[tuple[str, str], list[Item]], now_ns: int) -> bool:
        """May this be what covers a short option of its underlying? Closing it first can be refused for margin, or
        leave the short naked. One that has been sent is given the time to fill, one in doubt the time to be sent."""
        covered = [] if self._is_short_option(item) else shorts.get((item.key[0], item.contract.symbol), [])
        since = item.waiting_since_ns
        if since is None:
            return bool(covered)
        return any(now_ns < self._awaited_until_ns(short, since) for short in covered)

    def _awaited_until_ns(self, short: Item, since_ns: int) -> int:
        """How long what waits since then waits for this short option."""
        if short.first_sent_ns is None:
            return since_ns + self.settings.short_options_unsent_ns
        return max(since_ns, short.first_sent_ns) + self.settings.short_options_first_ns

    def _blocking_orders(self, survey: Survey) -> dict[str, list[WorkingOrder]]:
        """Listed orders by account, except living closes of this kill."""
        blocking: dict[str, list[WorkingOrder]] = {}
        for order in self.others(survey.orders):
            blocking.setdefault(order.account, []).append(order)
        return blocking

    def _closable(self, item: Item, blocking: dict[str, list[WorkingOrder]], scene: Scene) -> tuple[Decimal, bool]:
        """How much of an item may be closed (signed), and whether resting orders still stand in its way."""
        closable = self.ledger.closable(item.key)
        if scene.newer is not None:  # others may have closed a part meanwhile
            closable = nearest_to_zero([closable, scene.newer.get(item.key, ZERO)])
        account, con_id = item.key
        near = (*blocking.get(account, ()), *blocking.get("", ()))
        resting = [order for order in near if touches(order, con_id, item.contract.symbol)]
        if not resting:
            return closable, False
        since = item.waiting_since_ns
        besieged = not scene.besieged.isdisjoint((item.key, ("", con_id)))
        besieged = besieged and item.contract.sec_type not in OPTIONS  # those refuse two sides
        patience_ns = self.settings.cancel_again_ns if besieged else self.settings.orders_patience_ns
        patient = since is None or scene.now_ns - since < patience_ns
        if patient or any(order.contract.sec_type == "BAG" for order in resting):
            return closable, True
        # they will not go: close what stays clear of zero even if every one of them fills
        taken = sum((order.remaining for order in resting if order.buys == (closable < ZERO)), ZERO)
        free = max(abs(closable) - taken, ZERO)
        return free.copy_sign(closable), False


def _doubt(attempt: Attempt) -> Doubt | None:
    return attempt.doubt if attempt.state is State.SUSPECT else None


def _without(orders: Iterable[WorkingOrder], attempts: list[Attempt]) -> list[WorkingOrder]:
    """The listed orders that are none of these, as `Attempt.is_listed_as` tells them."""
    refs = {attempt.place.order_ref for attempt in attempts}
    perm_ids = {attempt.perm_id for attempt in attempts} - {0}
    return [o for o in orders if (o.order_ref not in refs if o.order_ref else o.perm_id not in perm_ids)]


def touches(order: WorkingOrder, con_id: int, symbol: str) -> bool:
    """May a fill of this order change the position in `con_id`? A combination names its legs, or its symbol."""
    if order.contract.sec_type != "BAG":
        return order.contract.con_id == con_id
    legs = {leg.con_id for leg in order.contract.combo_legs}
    return con_id in legs if legs else order.contract.symbol in ("", symbol)
