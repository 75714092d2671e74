"""Makes a simulated world of a scenario, ready to start on any event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from engine.simulator.clock import SimClock
from engine.simulator.exchange import (
    AccountSpec,
    Behaviour,
    Catalogue,
    Exchange,
    Holding,
    Instrument,
    Market,
    NewOrder,
    Rejected,
)
from engine.simulator.scenario import LoginPlan, OrderSetup, Scenario, ScenarioError
from engine.simulator.server import GATEWAY_PORTS, TWS_PORTS, LoginSetup, PacingRule, ServerOptions, World
from engine.simulator.server.naming import UnknownContract, find_contract

NS = 1_000_000_000


def build_world(
    scenario: Scenario,
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    host: str = "127.0.0.1",
    ports: Mapping[str, Sequence[int]] | None = None,
    speed: float = 1.0,
    seed: int | None = None,
) -> World:
    """A world that stands at the scenario's start. `ports` overrides those of the named logins (0: any free one)."""
    clock = SimClock(loop or asyncio.get_running_loop(), start_ns=scenario.start_ns, speed=speed)
    complaints: list[str] = []
    setups = []
    for plan in scenario.logins:
        exchange = _Builder(scenario, plan, scenario.seed if seed is None else seed, complaints).exchange()
        wanted = (ports or {}).get(plan.name) or plan.ports or (TWS_PORTS[plan.mode], GATEWAY_PORTS[plan.mode])
        setups.append(
            LoginSetup(name=plan.name, mode=plan.mode, exchange=exchange, ports=tuple(wanted), options=_options(plan))
        )
    if complaints:
        raise ScenarioError(scenario.title, complaints)
    return World(
        setups,
        clock=clock,
        faults=scenario.faults,
        host=host,
        seed=scenario.seed if seed is None else seed,
        title=scenario.title,
    )


def _options(plan: LoginPlan) -> ServerOptions:
    return ServerOptions(
        pacing=PacingRule(plan.messages_per_s or None), market_data=plan.market_data, few_values=plan.few_values
    )


class _Builder:
    """One login's exchange."""

    def __init__(self, scenario: Scenario, plan: LoginPlan, seed: int, complaints: list[str]) -> None:
        self._scenario = scenario
        self._plan = plan
        self._seed = seed
        self._complaints = complaints
        self._ids: dict[int, int] = {}
        self._catalogue = Catalogue.standard(datetime.fromtimestamp(scenario.start_ns // NS, UTC).date())

    def exchange(self) -> Exchange:
        start_ns = self._scenario.start_ns
        prices = {plan.contract: plan.price for plan in self._scenario.markets if plan.price is not None}
        fresh = self._empty(())
        self._set_markets(fresh)
        accounts = tuple(
            AccountSpec(
                account.id,
                account.cash,
                tuple(
                    Holding(
                        found.con_id, held.quantity, held.price or prices.get(held.contract) or self._last(fresh, found)
                    )
                    for held in account.positions
                    if (found := self._find(held.contract)) is not None
                ),
            )
            for account in self._plan.accounts
        )
        exchange = self._empty(accounts)
        self._set_markets(exchange)
        for order in self._plan.orders:
            self._place(exchange, order)
        for point in self._scenario.prices:
            instrument = self._find(point.contract)
            if instrument is not None:
                exchange.script_price(instrument.con_id, start_ns + round(point.at_s * NS), point.price)
        return exchange

    def _empty(self, accounts: tuple[AccountSpec, ...]) -> Exchange:
        return Exchange(
            seed=self._seed,
            start_ns=self._scenario.start_ns,
            accounts=accounts or (AccountSpec("NONE", Decimal(0)),),
            catalogue=self._catalogue,
            behaviour=Behaviour(moves=self._scenario.moves),
        )

    def _set_markets(self, exchange: Exchange) -> None:
        now_ns = exchange.now_ns
        for plan in self._scenario.markets:
            instrument = self._find(plan.contract)
            if instrument is None:
                continue
            if plan.price is not None:
                exchange.set_price(now_ns, instrument.con_id, plan.price)
            market = Market(
                spread_ticks=plan.spread_ticks,
                depth=plan.depth,
                no_bid=plan.no_bid,
                no_ask=plan.no_ask,
                daily_move_pct=plan.daily_move_pct,
                closed=plan.closed,
            )
            exchange.set_market(now_ns, instrument.con_id, market)

    def _find(self, text: str) -> Instrument | None:
        try:
            return find_contract(self._catalogue, text)
        except UnknownContract as error:
            if str(error) not in self._complaints:
                self._complaints.append(str(error))
            return None

    def _last(self, exchange: Exchange, instrument: Instrument) -> Decimal:
        return exchange.quote(instrument.con_id).last

    def _place(self, exchange: Exchange, order: OrderSetup) -> None:
        instrument = self._find(order.contract)
        if instrument is None:
            return
        last = self._last(exchange, instrument)

        def price(absolute: Decimal | None, percent: Decimal | None) -> Decimal | None:
            return instrument.rule.floor(last * percent / 100) if percent is not None else absolute

        asked = NewOrder(
            client_id=order.client_id,
            order_id=self._next_id(order.client_id),
            account=order.account or exchange.accounts[0],
            con_id=instrument.con_id,
            action=order.action,
            quantity=order.quantity,
            order_type=order.type,
            lmt_price=price(order.limit, order.limit_pct),
            aux_price=price(order.stop, order.stop_pct),
            trailing_percent=order.trail_pct,
            tif=order.tif,
            oca_group=order.oca_group,
            oca_type=1 if order.oca_group else 0,
            transmit=order.transmit,
            outside_rth=order.outside_rth,
            order_ref=order.order_ref,
            exchange=instrument.contract.exchange,
        )
        for event in exchange.place(exchange.now_ns, asked):
            if isinstance(event, Rejected):
                self._complaints.append(
                    f"{self._plan.name}: {order.action} {order.quantity} {order.contract} is refused: "
                    f"{event.code} {event.text}"
                )

    def _next_id(self, client_id: int) -> int:
        """Ids count per client; those of orders typed by hand lie below zero, out of the API's way."""
        self._ids[client_id] = self._ids.get(client_id, 0) + (1 if client_id else -1)
        return self._ids[client_id]
