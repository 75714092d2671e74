"""What must hold whatever happens: money adds up exactly, quantities too, and nothing fills that must not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.simulator.exchange import (
    Behaviour,
    Event,
    Fill,
    Holding,
    Instruction,
    Instrument,
    Leg,
    NewOrder,
    OrderAccepted,
    Status,
    StatusChanged,
    combos,
)
from engine.simulator.exchange.commissions import CENT
from engine.simulator.exchange.conditions import (
    ChangeIs,
    Condition,
    CushionIs,
    Fact,
    PriceIs,
    TimeIs,
    Traded,
    VolumeIs,
)
from simulator.exchange.stage import ACCOUNT, EXPIRY, HOUR, MINUTE, OPEN, SECOND, D, Stage, at, of

ORDER_TYPES = ("MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIDPRICE")


class Step(msgspec.Struct, frozen=True):
    """One command of a random run; numbers choose among what there is."""

    kind: str
    a: int
    b: int
    c: int


KINDS = ("place", "place", "place", "place", "combo", "wait", "wait", "cancel", "modify", "jump", "cancel_all")
MONEY_KINDS = (*KINDS, "deposit", "transfer", "correct", "liquidate", "night", "exercise", "assign")
NUMBERS = st.integers(0, 10_000)


def steps(kinds: Sequence[str]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.builds(Step, st.sampled_from(kinds), NUMBERS, NUMBERS, NUMBERS), min_size=8, max_size=40)


behaviours = st.builds(
    Behaviour,
    ack_latency_ns=st.sampled_from((0, SECOND // 5)),
    fill_latency_ns=st.sampled_from((0, SECOND // 3)),
    cancel_latency_ns=st.sampled_from((0, 2 * SECOND)),
    modify_latency_ns=st.sampled_from((0, SECOND)),
    depth=st.sampled_from((None, D(1), D(4))),
    enforce_margin=st.booleans(),
)


class Run:
    """Plays steps on an exchange and keeps everything it says."""

    def __init__(self, behaviour: Behaviour, seed: int) -> None:
        self.stage = Stage(behaviour=behaviour, seed=seed, cash=10_000_000, accounts=(ACCOUNT, "DU2"))
        stage = self.stage
        self.instruments: list[Instrument] = [
            stage.es,
            stage.cl,
            stage.catalogue.future("ZN"),
            stage.aapl,
            stage.call,
            stage.catalogue.option(stage.es, EXPIRY, 6000, "P"),
            stage.catalogue.find(msgspec.structs.replace(stage.aapl.contract, con_id=12087792))[0],
        ]
        self.events: list[Event] = []
        self.orders: list[NewOrder] = []

    def play(self, step: Step) -> None:
        self.events += getattr(self, f"_{step.kind}")(step)

    def _place(self, step: Step) -> list[Event]:
        instrument = self.instruments[step.a % len(self.instruments)]
        quote = self.stage.exchange.quote(instrument.con_id)
        near = instrument.rule.floor(quote.last + (step.c % 21 - 10) * instrument.min_tick)
        order_type = ORDER_TYPES[step.b % len(ORDER_TYPES)]
        order = self.stage.order(
            instrument,
            "BUY" if step.c % 2 else "SELL",
            1 + step.b % 7,
            account=ACCOUNT if step.b % 3 else "DU2",
            order_type=order_type,
            lmt_price=near if order_type in ("LMT", "STP LMT") else None,
            aux_price=(instrument.min_tick * (1 + step.c % 9) if order_type == "TRAIL" else near)
            if order_type in ("STP", "STP LMT", "TRAIL")
            else None,
            tif=("DAY", "GTC", "IOC")[step.a % 3],
            oca_group=f"g{step.c % 3}" if step.a % 4 == 0 else "",
            oca_type=1 if step.a % 4 == 0 else 0,
            outside_rth=True,
            conditions=self._conditions(step),
            conditions_cancel_order=step.b % 5 == 0,
            conditions_ignore_rth=step.c % 5 != 0,
        )
        self.orders.append(order)
        return self.stage.exchange.place(self.stage.now_ns, order)

    def _conditions(self, step: Step) -> tuple[Condition, ...]:
        """For some orders, one or two of the things that an order may wait for."""
        watched = self.instruments[step.b % len(self.instruments)]
        last = self.stage.exchange.quote(watched.con_id).last
        facts: tuple[Fact, ...] = (
            PriceIs(watched.con_id, step.a % 2 == 0, last + (step.c % 5 - 2) * watched.min_tick),
            TimeIs(True, self.stage.now_ns + step.b % 120 * SECOND),
            CushionIs(False, D(step.b % 101)),
            VolumeIs(watched.con_id, True, step.a * 10),
            ChangeIs(watched.con_id, True, D(step.b % 3) / 10),
            Traded(self.instruments[step.a % len(self.instruments)].contract.symbol, ""),
        )
        chosen = (facts[step.a % 6], facts[step.c % 6])[: step.b % 4 % 3]
        return tuple(Condition(fact, step.a % 3 > 0) for fact in chosen)

    def _combo(self, step: Step) -> list[Event]:
        """A combination of two of the contracts, at the market or near it."""
        legs = [self.instruments[step.a % 3], self.instruments[(step.a + 1 + step.b % 2) % 3]]
        if step.c % 3:
            legs = [self.stage.aapl, self.stage.call]
        combo = combos.made_of(
            [Leg(leg, 1 + (step.b + place) % 3, 1 if (place + step.a) % 2 else -1) for place, leg in enumerate(legs)],
            self.stage.catalogue,
        )
        bid = self.stage.exchange.quote(combo.con_id).bid
        order = self.stage.order(
            combo,
            "BUY" if step.c % 2 else "SELL",
            1 + step.b % 4,
            order_type="MKT" if bid is None or step.b % 2 else "LMT",
            lmt_price=None if bid is None or step.b % 2 else combo.rule.floor(bid + step.c % 5 - 2),
        )
        self.orders.append(order)
        return self.stage.exchange.place(self.stage.now_ns, order)

    def _wait(self, step: Step) -> list[Event]:
        return self.stage.wait((1 + step.a % 90) * SECOND)

    def _night(self, step: Step) -> list[Event]:
        self.events += self.stage.exchange.cancel_all(self.stage.now_ns)  # or a night has 80 000 looks
        return self.stage.wait((6 + step.a % 30) * HOUR + step.b * SECOND)

    def _cancel(self, step: Step) -> list[Event]:
        open_orders = self.stage.exchange.open_orders()
        if not open_orders:
            return []
        return self.stage.exchange.cancel(self.stage.now_ns, open_orders[step.a % len(open_orders)].perm_id)

    def _cancel_all(self, step: Step) -> list[Event]:
        return self.stage.exchange.cancel_all(self.stage.now_ns)

    def _modify(self, step: Step) -> list[Event]:
        open_orders = self.stage.exchange.open_orders()
        if not open_orders:
            return []
        changed = msgspec.structs.replace(open_orders[step.a % len(open_orders)].request, quantity=D(1 + step.b % 7))
        return self.stage.exchange.place(self.stage.now_ns, changed)

    def _jump(self, step: Step) -> list[Event]:
        instrument = self.instruments[step.a % len(self.instruments)]
        last = self.stage.exchange.quote(instrument.con_id).last
        price = instrument.rule.floor(last * (90 + D(step.b % 21)) / 100)
        return self.stage.price(instrument, price)

    def _deposit(self, step: Step) -> list[Event]:
        return self.stage.exchange.deposit(self.stage.now_ns, ACCOUNT, D(step.a - 5000) / 100)

    def _transfer(self, step: Step) -> list[Event]:
        instrument = self.instruments[step.a % len(self.instruments)]
        last = self.stage.exchange.quote(instrument.con_id).last
        holding = Holding(instrument.con_id, D(step.b % 9 - 4), last)
        return self.stage.exchange.add_holding(self.stage.now_ns, ACCOUNT, holding)

    def _correct(self, step: Step) -> list[Event]:
        executions = self.stage.exchange.executions()
        if not executions:
            return []
        execution, _ = executions[step.a % len(executions)]
        tick = self.stage.catalogue[execution.con_id].min_tick
        return self.stage.exchange.correct(
            self.stage.now_ns, execution.exec_id, execution.price + tick * (step.b % 9 - 4)
        )

    def _exercise(self, step: Step) -> list[Event]:
        option = self.instruments[4 + step.a % 2]
        asked = Instruction(
            client_id=1,
            req_id=step.c,
            account=ACCOUNT,
            con_id=option.con_id,
            quantity=D(1 + step.b % 3),
            lapse=step.b % 2 == 0,
            override=step.c % 2 == 0,
        )
        return self.stage.exchange.exercise(self.stage.now_ns, asked)

    def _assign(self, step: Step) -> list[Event]:
        option = self.instruments[4 + step.a % 2]
        return self.stage.exchange.assign(self.stage.now_ns, ACCOUNT, option.con_id, D(1 + step.b % 3))

    def _liquidate(self, step: Step) -> list[Event]:
        positions = self.stage.exchange.positions(ACCOUNT)
        if not positions:
            return []
        position = positions[step.a % len(positions)]
        return self.stage.exchange.liquidate(self.stage.now_ns, ACCOUNT, position.con_id, -position.quantity)


@given(behaviours, st.integers(0, 2**32), steps(KINDS))
@settings(max_examples=60, deadline=None)
def test_every_fill_of_a_combination_is_a_fill_of_all_its_legs_and_costs_what_they_cost(
    behaviour: Behaviour, seed: int, plan: list[Step]
) -> None:
    run = Run(behaviour, seed)
    for step in plan:
        run.play(step)
    fills = [fill.execution for fill in of(run.events, Fill)]
    for place, summary in enumerate(fills):
        combo = run.stage.catalogue[summary.con_id]
        legs = fills[place + 1 : place + 1 + len(combo.legs)]
        for leg, done in zip(combo.legs, legs, strict=True):
            assert done.con_id == leg.instrument.con_id
            assert done.signed == summary.signed * leg.signed
            assert (done.at_ns, done.perm_id) == (summary.at_ns, summary.perm_id)
        if legs:
            money = sum(done.signed * done.price * run.stage.catalogue[done.con_id].multiplier for done in legs)
            assert money == summary.signed * summary.price * combo.multiplier


def books_balance(run: Run) -> None:
    """The law of the books, to the last digit, for both accounts."""
    for account in run.stage.exchange.accounts:
        values = run.stage.exchange.account_values(account)
        assert values.net_liquidation - values.contributed == values.realized_total + values.unrealized_pnl
        positions = run.stage.exchange.positions(account)
        assert values.unrealized_pnl == sum(position.unrealized_pnl for position in positions)


@given(behaviours, st.integers(0, 2**32), steps(MONEY_KINDS))
@settings(max_examples=150, deadline=None)
def test_net_liquidation_is_what_was_put_in_and_what_was_gained(
    behaviour: Behaviour, seed: int, plan: list[Step]
) -> None:
    run = Run(behaviour, seed)
    for step in plan:
        run.play(step)
        books_balance(run)


@given(behaviours, st.integers(0, 2**32), steps(KINDS))
@settings(max_examples=60, deadline=None)
def test_within_a_day_equity_moves_by_daily_pnl_alone(behaviour: Behaviour, seed: int, plan: list[Step]) -> None:
    run = Run(behaviour, seed)
    for step in plan:
        run.play(step)
        values = run.stage.exchange.account_values(ACCOUNT)
        assert values.net_liquidation - 10_000_000 == values.daily_pnl
        assert values.daily_pnl == values.realized_pnl + values.unrealized_pnl


@given(behaviours, st.integers(0, 2**32), steps(KINDS))
@settings(max_examples=100, deadline=None)
def test_positions_are_the_sum_of_fills_and_orders_never_overfill(
    behaviour: Behaviour, seed: int, plan: list[Step]
) -> None:
    run = Run(behaviour, seed)
    for step in plan:
        run.play(step)
    held: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    filled: dict[int, Decimal] = defaultdict(Decimal)
    for fill in of(run.events, Fill):
        assert fill.execution.quantity > 0
        if not run.stage.catalogue[fill.execution.con_id].legs:  # a combination's own is a summary, and not held
            held[fill.execution.account, fill.execution.con_id] += fill.execution.signed
        if fill.order is None or fill.order.request.con_id != fill.execution.con_id:
            continue
        filled[fill.execution.perm_id] += fill.execution.quantity
        assert fill.execution.cum_qty == filled[fill.execution.perm_id]
    positions = {(p.account, p.con_id): p.quantity for p in run.stage.exchange.positions()}
    assert positions == {key: quantity for key, quantity in held.items() if quantity}
    for order in (*run.stage.exchange.open_orders(), *run.stage.exchange.completed_orders()):
        assert filled[order.perm_id] == order.filled <= order.request.quantity
        assert order.filled + order.remaining == order.request.quantity
        assert (order.status is Status.FILLED) == (order.remaining == 0)


@given(behaviours, st.integers(0, 2**32), steps(KINDS))
@settings(max_examples=100, deadline=None)
def test_no_fill_is_worse_than_the_limit_and_none_follows_the_end(
    behaviour: Behaviour, seed: int, plan: list[Step]
) -> None:
    run = Run(behaviour, seed)
    for step in plan:
        run.play(step)
    ended: set[int] = set()
    for event in run.events:
        if isinstance(event, Fill) and event.order is not None:
            request, price = event.order.request, event.execution.price
            assert event.order.perm_id not in ended
            instrument = run.stage.catalogue[event.execution.con_id]
            if request.lmt_price is not None and request.con_id == instrument.con_id:
                assert (price - request.lmt_price) * request.sign <= 0
            assert instrument.legs or instrument.rule.is_on_grid(price)
        elif isinstance(event, StatusChanged) and event.order.status is Status.CANCELLED:
            ended.add(event.order.perm_id)


@given(behaviours, st.integers(0, 2**32), steps(KINDS))
@settings(max_examples=100, deadline=None)
def test_of_an_oca_group_of_type_1_at_most_one_order_fills(behaviour: Behaviour, seed: int, plan: list[Step]) -> None:
    run = Run(behaviour, seed)
    for step in plan:
        run.play(step)
    may_fill: dict[tuple[str, str], set[int]] = defaultdict(set)
    for event in run.events:
        order = event.order if isinstance(event, OrderAccepted | Fill) else None
        if order is None or not order.request.oca_group:
            continue
        group = may_fill[order.request.account, order.request.oca_group]
        if isinstance(event, OrderAccepted):
            group.add(order.perm_id)  # the name of a group may be used again after it is done
        else:
            assert order.perm_id in group
            group.intersection_update({order.perm_id})


@given(behaviours, st.integers(0, 2**32), steps(MONEY_KINDS))
@settings(max_examples=40, deadline=None)
def test_the_same_seed_and_commands_give_the_same_events(behaviour: Behaviour, seed: int, plan: list[Step]) -> None:
    first, second = Run(behaviour, seed), Run(behaviour, seed)
    for step in plan:
        first.play(step)
        second.stage.exchange.account_values(ACCOUNT)  # looking changes nothing
        second.stage.exchange.quote(second.stage.cl.con_id)
        second.play(step)
    assert first.events == second.events
    assert first.stage.exchange.account_values(ACCOUNT) == second.stage.exchange.account_values(ACCOUNT)


@given(behaviours, st.integers(0, 2**32), steps(KINDS), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_it_does_not_matter_in_how_many_steps_time_passes(
    behaviour: Behaviour, seed: int, plan: list[Step], pieces: int
) -> None:
    once, often = Run(behaviour, seed), Run(behaviour, seed)
    for step in plan:
        once.play(step)
        often.play(step)
    end_ns = once.stage.now_ns + MINUTE
    at_once = once.stage.exchange.advance(end_ns)
    in_pieces: list[Event] = []
    for piece in range(1, pieces + 1):
        in_pieces += often.stage.exchange.advance(often.stage.now_ns + (end_ns - often.stage.now_ns) * piece // pieces)
    assert at_once == in_pieces


@given(behaviours, st.integers(0, 2**32), steps(MONEY_KINDS))
@settings(max_examples=60, deadline=None)
def test_movements_are_the_whole_history_of_every_position(behaviour: Behaviour, seed: int, plan: list[Step]) -> None:
    run = Run(behaviour, seed)
    for step in plan:
        run.play(step)
    run.events += run.stage.exchange.cancel_all(run.stage.now_ns)
    run.stage.exchange.advance(at("2026-09-22 15:00"))  # beyond the options' expiry
    moved: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for movement in run.stage.exchange.movements():
        moved[movement.account, movement.con_id] += movement.signed
    held = {(p.account, p.con_id): p.quantity for p in run.stage.exchange.positions()}
    assert held == {key: quantity for key, quantity in moved.items() if quantity}
    assert not [p for p in run.stage.exchange.positions() if p.instrument.is_option]
    books_balance(run)


def test_commissions_are_whole_cents_and_a_minimum_is_paid_once_an_order() -> None:
    stage = Stage(behaviour=Behaviour(moves=False, depth=D(3)))
    stage.rest(stage.aapl, "BUY", 10)
    stage.wait(MINUTE)
    amounts = [commission.amount for _, commission in stage.exchange.executions()]
    assert len(amounts) > 2 and sum(amounts) == D("1.00")
    assert all(amount % CENT == 0 for amount in amounts)


def test_a_correction_keeps_the_execution_id_but_for_its_last_part() -> None:
    stage = Stage()
    stage.price(stage.es, 6000)
    stage.rest(stage.es, "BUY", 1)
    ((before, _),) = stage.exchange.executions()
    stage.exchange.correct(stage.now_ns, before.exec_id, D(5990))
    ((after, _),) = stage.exchange.executions()
    assert after.exec_id.rpartition(".")[0] == before.exec_id.rpartition(".")[0]
    assert (before.exec_id[-2:], after.exec_id[-2:]) == ("01", "02")
    assert stage.exchange.account_values(ACCOUNT).unrealized_pnl == 500 - D("2.25")


def test_ibkrs_own_liquidation_is_flagged_and_belongs_to_no_order() -> None:
    stage = Stage()
    stage.rest(stage.es, "BUY", 3)
    (fill,) = of(stage.exchange.liquidate(OPEN, ACCOUNT, stage.es.con_id, D(-3)), Fill)
    assert fill.order is None and fill.execution.liquidation
    assert stage.held(stage.es) == 0
