"""Accidents that others have had, with `place_order` between the strategy and the exchange: counted at the exchange."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from engine.core.contracts import Contract
from engine.core.known import Known
from engine.core.preflight.desk import Preflight
from engine.core.preflight.settings import Need, ProductLimits, Settings
from engine.core.preflight.verdict import Code
from engine.core.restrictions import Cause
from engine.desk.exchange_truth import truth_of
from engine.simulator.faults import DropReplies, DropRequests, PriceJump
from engine.simulator.scenario import MarketPlan, Scenario
from engine.trading import IBKRAccountManager, errors
from engine.wire.order import Order
from scenarios.accidents import ACCOUNT, SPY, Scene, accident, limit, market, plan

D = Decimal
NO_PACE = Settings(
    duplicates_max=10_000, repeats_max=10_000, orders_per_second_max=10_000, orders_per_minute_max=10_000
)
PUT = "OPT SPY 20260417 580 P"
TELLS_OF_ORDERS = ("OrderStatus", "OpenOrder", "Execution", "CommissionReport", "ErrorMessage")
EVERY_ACKNOWLEDGEMENT_LOST = DropReplies(replies=TELLS_OF_ORDERS)
NO_FILL_IS_SEEN = DropReplies(replies=("Execution", "CommissionReport"))


async def attempt(program: IBKRAccountManager, contract: Contract, order: Order) -> str:
    """What a strategy that logs every answer and goes on makes of it."""
    try:
        await program.place_order("paper", contract, order)
    except errors.OrderDenied as denied:
        return ",".join(code.value for code in denied.verdict.codes)
    except errors.OrderError as error:
        return type(error).__name__
    return "sent"


# Knight, 2012: four million orders in 45 minutes, for nobody credited the fills to the parent order -------------------
@pytest.mark.parametrize("pause_s", [0.02, 0.7])
def test_knight_a_strategy_that_sends_again_because_it_sees_no_fills_is_stopped_and_stays_stopped(
    tmp_path: Path, pause_s: float
) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        answers: Counter[str] = Counter()
        for _ in range(400):  # it wants 100 and never sees that it has them
            answers[await attempt(program, SPY, market("BUY", 100))] += 1
            await asyncio.sleep(pause_s)
        assert answers["sent"] <= 30, answers
        assert scene.held(SPY.con_id) == 100 * answers["sent"]
        assert [one.cause for one in program.state("paper").standing] == [Cause.ORDER_RATE]
        arrived = scene.arrived()
        await asyncio.sleep(3600)  # no time lifts it, nor another contract, nor a restart
        await program.disconnect_all()
        restarted = scene.manager()
        await restarted.connect_all()
        for contract in (SPY, scene.contract("FUT MES")):
            assert await attempt(restarted, contract, market("BUY", 1)) == "halted"
        assert scene.arrived() == arrived
        assert await attempt(restarted, SPY, market("SELL", 100)) == "sent", "what it bought can be sold"
        restarted.resume_trading("paper", reason="the strategy was mended")
        assert await attempt(restarted, SPY, market("BUY", 1)) == "sent"
        await restarted.disconnect_all()

    accident(story, tmp_path, plan(faults=(NO_FILL_IS_SEEN,)))


def test_knight_whatever_sizes_and_pauses_it_draws_its_exposure_ends_at_the_limit(tmp_path: Path) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        es = scene.contract("FUT ES")
        for n in range(120):
            await attempt(program, es, market("BUY", 1 + n % 3))
            await asyncio.sleep(0.3 + n % 5)
        assert scene.exposure(es.con_id) == 10

    accident(story, tmp_path, plan(faults=(NO_FILL_IS_SEEN,)))


# Goldman, 2013: sixteen thousand option orders at a price that was only a default, before the open --------------------
BEFORE_THE_OPEN = dt.datetime(2026, 3, 11, 8, 30, tzinfo=dt.timezone(dt.timedelta(hours=-4)))


NO_PRICE_COMES = DropReplies(replies=("TickPrice", "TickSize"))


@pytest.mark.parametrize(
    ("faults", "codes"),
    [((), {Code.COLLAR}), ((NO_PRICE_COMES,), {Code.REFERENCE_MISSING})],
    ids=["quoted", "no price"],
)
def test_goldman_orders_at_a_made_up_price_before_the_open_are_all_refused(
    tmp_path: Path, faults: tuple[DropReplies, ...], codes: set[Code]
) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        puts = [scene.contract(f"OPT SPY 20260417 {strike} P") for strike in (560, 580, 600)]
        answers: Counter[str] = Counter()
        for n in range(600):
            order = limit("SELL" if n % 2 else "BUY", 1 + n // 6 % 20, "1.00" if n % 2 else "99.00")
            answers[await attempt(program, puts[n % 3], order)] += 1
        assert scene.arrived() == 0, answers
        assert set(answers) == {code.value for code in codes}

    required = Settings(collar=Need.REQUIRED, options=ProductLimits(account=D(10_000)))
    accident(story, tmp_path, plan(start=BEFORE_THE_OPEN, faults=faults), required)


def test_goldman_with_the_defaults_what_leaves_before_the_open_stays_within_the_limit(tmp_path: Path) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        put, answers = scene.contract(PUT), Counter[str]()
        for n in range(200):
            answers[await attempt(program, put, limit("SELL", 1 + n % 20, "14.00"))] += 1
            await asyncio.sleep(0.1)
        assert scene.exposure(put.con_id) == 50
        assert answers["sent"] == scene.arrived() < 20, answers
        assert "market_closed" in await attempt(program, put, market("SELL", 1))

    accident(story, tmp_path, plan(start=BEFORE_THE_OPEN))


# HanMag, 2013: a divisor that was zero --------------------------------------------------------------------------------
NO_NUMBERS = ("0", "NaN", "sNaN", "Infinity", "-Infinity")


def test_hanmag_no_order_with_a_number_that_is_none_leaves(tmp_path: Path) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        contracts = [SPY, *map(scene.contract, ("FUT ES", "FUT CL", PUT))]
        tried = 0
        for contract, action, bad in product(contracts, ("BUY", "SELL"), (*NO_NUMBERS, "-1")):
            for order in wrong_orders(action, D(bad)):
                answer = await attempt(program, contract, order)
                assert answer not in ("sent", "OrderUnconfirmed", "OrderRefused"), (contract.symbol, order)
                tried += 1
        assert tried > 200
        assert scene.arrived() == 0

    accident(story, tmp_path, plan({"AAPL": 100, "FUT ES": 3}), NO_PACE)


def wrong_orders(action: str, bad: Decimal) -> list[Order]:
    """The number in each place where it is none. A negative price of a future is one, far from the market."""
    one, five = D(1), D(5)
    good = {"action": action, "total_quantity": one, "tif": "DAY"}
    made = [
        Order(order_type="MKT", **{**good, "total_quantity": bad}),
        Order(order_type="LMT", lmt_price=five, **{**good, "total_quantity": bad}),
        Order(order_type="MKT", cash_qty=bad, **{**good, "total_quantity": D(0)}),
    ]
    if not bad.is_finite():
        made += [
            Order(order_type="LMT", lmt_price=bad, **good),
            Order(order_type="STP", aux_price=bad, **good),
            Order(order_type="STP LMT", lmt_price=five, aux_price=bad, **good),
            Order(order_type="STP LMT", lmt_price=bad, aux_price=five, **good),
            Order(order_type="TRAIL", aux_price=bad, **good),
            Order(order_type="TRAIL", trailing_percent=bad, **good),
            Order(order_type="LMT", lmt_price=five, discretionary_amt=bad, **good),
        ]
    return made


# Citi, 2022: the worth of a basket where its quantity belongs ---------------------------------------------------------
@pytest.mark.parametrize("what", ["SPY", "FUT ES", PUT])
def test_citi_quantity_and_worth_swapped_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        contract = scene.contract(what)
        for order in (market("SELL", 58_000_000), limit("BUY", 58_000_000, 1)):
            with pytest.raises(errors.OrderDenied) as caught:
                await program.place_order("paper", contract, order)
            assert len(caught.value.verdict.failures) == 1
            assert str(caught.value).count("\n") == 1, "the login, and one line for the one reason"
            assert "58000000" in str(caught.value)
        assert scene.arrived() == 0

    accident(story, tmp_path, plan())


# Everbright, 2013: orders sent again because nobody had answered ------------------------------------------------------
RETRIES = 25


def fates(wanted: str) -> tuple[DropReplies | DropRequests, ...]:
    """All acknowledgements are lost on the way back, or the orders on the way there."""
    lost = {"answers": EVERY_ACKNOWLEDGEMENT_LOST, "orders": DropRequests(requests=("PlaceOrder",))}
    return (lost[wanted],)


async def insist(program: IBKRAccountManager, contract: Contract, order: Order, patience_s: float) -> Counter[str]:
    """A strategy that waits so long for an answer, and then sends the same again."""
    answers: Counter[str] = Counter()
    for _ in range(RETRIES):
        try:
            answers[await asyncio.wait_for(attempt(program, contract, order), patience_s)] += 1
        except TimeoutError:
            answers["no answer"] += 1
        await asyncio.sleep(0.1)
    return answers


@pytest.mark.parametrize("fate", ["answers", "orders"])
@pytest.mark.parametrize("patience_s", [1.5, 3.0, 30.0])
@pytest.mark.parametrize("at_market", [True, False])
def test_everbright_with_no_acknowledgement_and_a_forced_retry_the_exposure_is_no_more_than_was_meant(
    tmp_path: Path, fate: str, patience_s: float, at_market: bool
) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        order = market("BUY", 3) if at_market else limit("BUY", 3, "500.00")
        answers = await insist(program, SPY, order, patience_s)
        assert scene.arrived() == 1, answers
        assert scene.exposure(SPY.con_id) <= 3
        assert [one.cause for one in program.state("paper").standing] == [Cause.ORDER_RATE]

    accident(story, tmp_path, plan(faults=fates(fate)))


def test_everbright_without_the_memory_of_unconfirmed_orders_it_happens_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Preflight, "unconfirmed", lambda *_: None)

    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        await insist(program, SPY, market("BUY", 3), 1.5)
        assert scene.exposure(SPY.con_id) > 3

    accident(story, tmp_path, plan(faults=fates("answers")))


def test_everbright_a_program_that_does_not_even_wait_a_second_comes_to_its_duplicates_and_no_further(
    tmp_path: Path,
) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        await insist(program, SPY, market("BUY", 3), 0.2)
        assert scene.exposure(SPY.con_id) <= 3 * 2  # duplicates_max

    accident(story, tmp_path, plan(faults=fates("answers")))


def test_everbright_the_way_out_is_to_have_it_gone(tmp_path: Path) -> None:
    """The order never arrived: a cancel by its ticket is answered, and then the next one goes."""

    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        order = limit("BUY", 3, "500.00")
        with pytest.raises(errors.OrderUnconfirmed) as caught:
            await program.place_order("paper", SPY, order)
        assert await attempt(program, SPY, order) == Code.UNCONFIRMED.value
        assert await attempt(program, SPY, limit("BUY", 4, "500.00")) == "sent"
        await program.cancel_order("paper", caught.value.ticket)
        assert await attempt(program, SPY, order) == "sent"
        assert scene.exposure(SPY.con_id) == 7

    accident(story, tmp_path, plan(faults=(DropRequests(requests=("PlaceOrder",), first=1),)))


# Oil below zero, 2020 -------------------------------------------------------------------------------------------------
BELOW = D("-37.63")
CALM_BELOW = Settings(collar=Need.REQUIRED)


def oil(*faults: PriceJump) -> Scenario:
    """Two contracts long from 5 dollars; after ten seconds it trades far below zero, unless `faults` say otherwise."""
    return plan(
        {"FUT CL": 2},
        markets=(MarketPlan(contract="FUT CL", price=D("5.00")),),
        faults=faults or (PriceJump(contract="FUT CL", price=BELOW, after_s=10),),
    )


def test_oil_below_zero_the_loss_is_the_whole_way_down(tmp_path: Path) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        async def equity() -> Decimal:
            await asyncio.sleep(200)  # TWS tells account values every three minutes
            told = program.account_values("paper")
            assert isinstance(told, Known)
            return told.value[ACCOUNT]["NetLiquidation"].amount

        before = scene.login.exchange.account_values(ACCOUNT).net_liquidation
        after = await equity()
        assert abs((before - after) - 2 * 1000 * (5 - BELOW)) <= 2 * 1000 * D("0.05"), "give or take the spread"
        pnl = program.profit_and_loss("paper")[ACCOUNT]
        assert isinstance(pnl, Known)
        truth = scene.login.exchange.account_values(ACCOUNT)
        assert pnl.value.unrealized is not None
        assert abs(pnl.value.unrealized - truth.unrealized_pnl) < D("0.01")
        assert abs(after - truth.net_liquidation) < D("0.01")

    accident(story, tmp_path, oil())


@pytest.mark.parametrize(
    ("action", "price", "answer"),
    [
        ("BUY", "-37.00", "sent"),
        ("BUY", "-33.00", "collar"),
        ("BUY", "37.63", "collar"),
        ("BUY", "0.00", "collar"),
        ("SELL", "-38.00", "sent"),
        ("SELL", "-42.00", "collar"),
        ("SELL", "-376.30", "collar"),
        ("SELL", "5.00", "sent"),
    ],
)
def test_oil_below_zero_a_limit_is_held_against_the_market_where_it_is(
    tmp_path: Path, action: str, price: str, answer: str
) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        await asyncio.sleep(11)
        assert await attempt(program, scene.contract("FUT CL"), limit(action, 1, price)) == answer

    accident(story, tmp_path, oil(), CALM_BELOW)


def test_oil_below_zero_a_fresh_price_is_asked_for_where_nothing_requires_one(tmp_path: Path) -> None:
    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        cl = scene.contract("FUT CL")
        assert await attempt(program, cl, limit("SELL", 3, "-37.00")) == "collar", "the market is at five dollars"
        await asyncio.sleep(31)
        assert await attempt(program, cl, limit("SELL", 3, "-37.00")) == "sent"

    accident(story, tmp_path, oil())


@pytest.mark.parametrize("crosses", ["before", "between the cancel and the close", "under a close that works"])
def test_oil_below_zero_the_kill_closes_and_crosses_nothing(tmp_path: Path, crosses: str) -> None:
    when = {
        "before": PriceJump(contract="FUT CL", price=BELOW, after_s=10),
        "between the cancel and the close": PriceJump(contract="FUT CL", price=BELOW, on="ReqGlobalCancel"),
        "under a close that works": PriceJump(contract="FUT CL", price=BELOW, on="CloseOrder"),
    }

    async def story(scene: Scene, program: IBKRAccountManager) -> None:
        cl = scene.contract("FUT CL")
        assert await attempt(program, cl, limit("SELL", 2, "9.00")) == "sent"
        await asyncio.sleep(11)
        report = await program.kill_switch_all("EMERGENCY")
        assert report.flat, str(report)
        truth = truth_of(scene.world).logins["paper"]
        assert truth.flat and not truth.crossings
        assert scene.held(cl.con_id) == 0

    accident(story, tmp_path, oil(when[crosses]))
