"""Every order of the library passes the checks: what they refuse never reaches the exchange, and is told in full."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.contracts import ComboLeg, Contract
from engine.core.known import Known
from engine.core.preflight.settings import SECOND_NS, Need, ProductLimits, Settings
from engine.core.preflight.verdict import Code
from engine.core.restrictions import Cause, Kind
from engine.core.units import BLANK
from engine.journal import chain, trouble
from engine.journal.events import Filled, OrderEnded, OrderIntent, OrderRefused
from engine.journal.memory_store import Memory
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager, errors
from engine.trading.order_records import OrderRecords
from engine.trading.other_programs import OtherPrograms
from engine.wire.order import Order
from trading.rules_in_memory import rules_in_memory
from trading.stage import manager, stage

D = Decimal
SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
AAPL = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
ES = Contract(symbol="ES", sec_type="FUT", exchange="CME", currency="USD", last_trade_date="202603")
ACCOUNT = "DU1234567"


def limit(action: str, quantity: object, price: object = "1.00", **more: object) -> Order:
    price = D(price) if isinstance(price, str) else price
    quantity = D(quantity) if isinstance(quantity, str) else quantity
    return Order(action=action, total_quantity=quantity, order_type="LMT", lmt_price=price, tif="DAY", **more)  # type: ignore[arg-type]


def market(action: str, quantity: str, **more: object) -> Order:
    return Order(action=action, total_quantity=D(quantity), order_type="MKT", tif="DAY", **more)  # type: ignore[arg-type]


Test = Callable[[World, IBKRAccountManager, Memory], Awaitable[None]]


def beside(test: Test, tmp_path: Path, settings: Settings | None = None, scenario: str = "calm") -> None:
    """A connected manager beside a simulated TWS."""

    async def main(world: World, loop: VirtualLoop) -> None:
        memory = Memory()
        mgr = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory), preflight=settings)
        await mgr.connect_all()
        await test(world, mgr, memory)
        await mgr.disconnect_all()

    stage(scenario, main)


def written(memory: Memory, kind: type) -> list[object]:
    return [event for one in memory.records if isinstance(event := chain.opened(one).event, kind)]


async def codes(mgr: IBKRAccountManager, contract: Contract, order: Order) -> tuple[Code, ...]:
    """What place_order refuses it for; preflight must have said the same."""
    told = await mgr.preflight("paper", contract, order)
    with pytest.raises(errors.OrderDenied) as caught:
        await mgr.place_order("paper", contract, order)
    assert told == caught.value.verdict or not mgr.state("paper").may_add_risk
    return caught.value.verdict.codes


def unchanged(world: World, before: int) -> bool:
    return len(world.login("paper").working()) == before


REFUSED: dict[str, tuple[Code, Contract, Order, Settings]] = {
    "another account": (Code.ACCOUNT_NOT_IN_LOGIN, SPY, limit("BUY", "1", account="DU9"), Settings()),
    "a group": (Code.ALLOCATION, SPY, limit("BUY", "1", fa_group="all"), Settings()),
    "a model": (Code.ALLOCATION, SPY, limit("BUY", "1", model_code="Technology"), Settings()),
    "no contract": (Code.CONTRACT_UNKNOWN, replace(SPY, con_id=0, symbol="NOSUCH"), limit("BUY", "1"), Settings()),
    "several contracts": (Code.CONTRACT_UNKNOWN, replace(ES, last_trade_date=""), limit("BUY", "1"), Settings()),
    "another name": (Code.CONTRACT_CONTRADICTS, replace(SPY, symbol="IVV"), limit("BUY", "1"), Settings()),
    "no legs": (Code.LEGS_UNKNOWN, Contract(symbol="SPY", sec_type="BAG"), limit("BUY", "1"), Settings()),
    "not allowed": (Code.SYMBOL_NOT_ALLOWED, SPY, limit("BUY", "1"), Settings(allowed_symbols=frozenset({"ES"}))),
    "blocked": (Code.SYMBOL_BLOCKED, SPY, limit("BUY", "1"), Settings(blocked_symbols=frozenset({"SPY"}))),
    "expires soon": (Code.EXPIRES_SOON, ES, limit("BUY", "1"), Settings(expiry_days_min=300)),
    "zero": (Code.QUANTITY_NOT_POSITIVE, SPY, limit("BUY", "0"), Settings()),
    "negative": (Code.QUANTITY_NOT_POSITIVE, SPY, limit("BUY", "-5"), Settings()),
    "not a number": (Code.QUANTITY_NOT_POSITIVE, SPY, limit("BUY", "NaN"), Settings()),
    "infinite": (Code.QUANTITY_NOT_POSITIVE, SPY, limit("BUY", "Infinity"), Settings()),
    "no quantity": (Code.QUANTITY_NOT_POSITIVE, SPY, limit("BUY", BLANK), Settings()),
    "half a contract": (Code.QUANTITY_OFF_GRID, ES, limit("BUY", "0.5"), Settings()),
    "no price": (Code.PRICE_MISSING, SPY, limit("BUY", "1", BLANK), Settings()),
    "an infinite price": (Code.PRICE_NOT_FINITE, SPY, limit("BUY", "1", "Infinity"), Settings()),
    "a price that is none": (Code.PRICE_NOT_FINITE, SPY, limit("BUY", "1", "NaN"), Settings()),
    "a price of zero": (Code.PRICE_NOT_POSITIVE, SPY, limit("BUY", "1", "0"), Settings()),
    "half a tick": (Code.PRICE_OFF_GRID, SPY, limit("BUY", "1", "1.005"), Settings()),
    "too many": (Code.ORDER_QUANTITY, SPY, limit("BUY", "10001"), Settings()),
    "too many in all": (Code.MAX_CONTRACTS, ES, limit("BUY", "8"), Settings()),
    "too much money": (Code.ORDER_NOTIONAL, SPY, limit("BUY", "10", "100"), Settings(order_notional=D(999))),
    "too much in all": (Code.ACCOUNT_NOTIONAL, SPY, limit("BUY", "10", "100"), Settings(account_notional=D(9999))),
    "far from the market": (Code.COLLAR, SPY, limit("BUY", "1", "2000"), Settings(collar=Need.REQUIRED)),
    "sells far below": (Code.COLLAR, SPY, limit("SELL", "1", "1"), Settings(collar=Need.REQUIRED)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_check_refuses_never_reaches_the_exchange(tmp_path: Path, name: str) -> None:
    code, contract, order, settings = REFUSED[name]

    async def test(world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        before = len(world.login("paper").working())
        assert code in await codes(mgr, contract, order)
        await mgr.disconnect_all()
        assert unchanged(world, before)
        [refusal] = written(memory, OrderRefused)
        assert code.value in refusal.codes  # type: ignore[attr-defined]
        assert not written(memory, OrderIntent)

    beside(test, tmp_path, settings)


def test_the_error_has_every_failed_check_in_words_and_as_data(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        with pytest.raises(errors.OrderDenied) as caught:
            await mgr.place_order("paper", SPY, limit("BUY", "10001", "1.005"))
        error = pickle.loads(pickle.dumps(caught.value))
        assert error.verdict.codes == (Code.PRICE_OFF_GRID, Code.ORDER_QUANTITY)
        assert "price_off_grid: the price 1.005 is no multiple of the tick, 0.01" in str(error)
        assert "the largest quantity that would pass is 10000" in str(error)

    beside(test, tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("action", "HOLD", "BUY or SELL"),
        ("what_if", True, "preflight"),
        ("hedge_type", "D", "hedge"),
        ("delta_neutral_order_type", "MKT", "second contract"),
        ("scale_profit_offset", D(1), "further orders"),
        ("trail_stop_price", D("Infinity"), "trail_stop_price is Infinity"),
        ("lmt_price", 1.5, r"Decimal\('1.5'\)"),
    ],
)
def test_an_order_that_no_check_could_judge_is_not_sent(tmp_path: Path, field: str, value: object, says: str) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        before = len(world.login("paper").working())
        for ask in (mgr.place_order, mgr.preflight):
            with pytest.raises(errors.OrderNotSent, match=says):
                await ask("paper", SPY, replace(limit("BUY", "1"), **{field: value}))
        assert unchanged(world, before)

    beside(test, tmp_path)


def test_a_contract_named_by_symbol_is_resolved_and_judged_by_its_own_terms(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        await mgr.place_order("paper", AAPL, limit("BUY", "1"))  # a whole number is exact
        [intent] = written(memory, OrderIntent)
        assert intent.con_id == 265598  # type: ignore[attr-defined]
        assert (await mgr.preflight("paper", Contract(con_id=265598, exchange="SMART"), limit("BUY", "1"))).passed
        told = await mgr.preflight("paper", replace(ES, last_trade_date=""), limit("BUY", "1"))
        assert "contracts fit" in str(told.failures[0].observed)

    beside(test, tmp_path)


def test_the_terms_of_a_contract_are_asked_for_once(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        for n in range(3):
            await mgr.place_order("paper", AAPL, limit("BUY", str(n + 1)))
        asked = [one for one in world.log if "ReqContractDetails" in str(one)]
        assert len(asked) <= 1

    beside(test, tmp_path)


def test_while_halted_a_reducing_order_passes_and_one_that_would_cross_zero_is_told_how_much_would(
    tmp_path: Path,
) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        mgr.halt_trading("paper", "Manual halt")
        with pytest.raises(errors.TradingHalted) as caught:
            await mgr.place_order("paper", SPY, limit("BUY", "1"))
        assert caught.value.verdict.codes == (Code.HALTED,)
        mes = world.login("paper").exchange.catalogue.future("MES").contract
        world.login("paper").trader(11).cancel_all()  # which work on the same side
        await asyncio.sleep(1)
        await mgr.refresh("paper")
        with pytest.raises(errors.TradingHalted, match="the largest quantity that would pass is 5") as crossing:
            await mgr.place_order("paper", mes, market("BUY", "6"))
        [failure] = crossing.value.verdict.failures
        assert (failure.code, failure.largest) == (Code.WOULD_CROSS_ZERO, 5)
        ticket = await mgr.place_order("paper", mes, market("BUY", "5"))
        await asyncio.sleep(1)
        assert ticket.ended
        assert not any(
            view.symbol == "MES" for view in world.login("paper").position_views() if hasattr(view, "symbol")
        )
        with pytest.raises(errors.TradingHalted):
            await mgr.place_order("paper", mes, market("BUY", "1"))

    beside(test, tmp_path)


def test_shut_down_nothing_but_cancels(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        ticket = await mgr.place_order("paper", SPY, limit("BUY", "1"))
        mgr.rules.halt(mgr._entries.get("paper").scope, "breaker", kind=Kind.SHUTDOWN, cause=Cause.CIRCUIT_BREAKER)
        with pytest.raises(errors.KillPressed) as caught:
            await mgr.place_order("paper", AAPL, market("SELL", "1"))
        assert caught.value.verdict.codes == (Code.SHUT_DOWN,)
        await mgr.cancel_order("paper", ticket)
        assert ticket.ended

    beside(test, tmp_path)


def test_orders_of_all_clients_and_of_the_tws_window_count(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        login = world.login("paper")
        assert (await mgr.preflight("paper", ES, limit("BUY", "1"))).codes == (Code.MAX_CONTRACTS,)
        others = [*login.trader(3).working(), *login.trader(7).working(), *login.trader(11).working()]
        assert others

    beside(test, tmp_path, Settings(futures=ProductLimits(account=D(10))))


def test_an_order_counts_from_before_it_leaves_so_that_many_at_once_cannot_pass_the_limit(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        es = world.login("paper").exchange.catalogue.future("ES", 1).contract
        asks = [mgr.place_order("paper", es, limit("BUY", "1", f"{100 + n}.00")) for n in range(12)]
        answers = await asyncio.gather(*asks, return_exceptions=True)
        denied = [one for one in answers if isinstance(one, errors.OrderDenied)]
        assert len(denied) == 12 - 4
        assert all(one.verdict.codes == (Code.MAX_CONTRACTS,) for one in denied)

    beside(test, tmp_path, Settings(futures=ProductLimits(account=D(14)), collar=Need.OFF))


def test_every_order_is_in_the_journal_before_and_after_and_so_are_its_fills(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        ticket = await mgr.place_order("paper", SPY, market("BUY", "7"))
        await asyncio.sleep(1)
        await mgr.disconnect_all()
        [intent], [ended] = written(memory, OrderIntent), written(memory, OrderEnded)
        assert (intent.order_ref, intent.action, intent.quantity) == (ticket.order_ref, "BUY", 7)  # type: ignore[attr-defined]
        assert (ended.order_ref, ended.outcome) == (ticket.order_ref, "acknowledged")  # type: ignore[attr-defined]
        assert sum(one.quantity for one in written(memory, Filled)) == 7  # type: ignore[attr-defined]

    beside(test, tmp_path)


def test_a_journal_that_cannot_be_written_stops_what_adds_risk_and_lets_go_what_reduces(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        await mgr.place_order("paper", SPY, limit("BUY", "1"))
        before = len(world.login("paper").working())
        memory.fails = trouble.Code.FAILED
        for _ in range(2):  # the first finds out, the second knows
            with pytest.raises(errors.TradingHalted, match="journal"):
                await mgr.place_order("paper", SPY, limit("BUY", "2"))
        assert unchanged(world, before)
        world.login("paper").trader(7).cancel_all()
        await asyncio.sleep(1)
        await mgr.refresh("paper")
        await mgr.place_order("paper", AAPL, market("SELL", "300"))
        await asyncio.sleep(1)
        assert (ACCOUNT, 265598) not in world.login("paper").positions()

    beside(test, tmp_path)


@pytest.mark.parametrize("of", [(OrderRecords, "crowded"), (OtherPrograms, "unheard")], ids=lambda one: one[1])
def test_what_is_not_counted_or_cannot_be_written_down_any_more_stops_what_adds_risk(
    tmp_path: Path, of: tuple[type, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        before = len(world.login("paper").working())
        with monkeypatch.context() as busy:
            crowded = of[1] == "crowded"
            busy.setattr(*of, property(lambda _: "too many") if crowded else lambda _: "too many")
            with pytest.raises(errors.TradingHalted, match="too many"):
                await mgr.place_order("paper", SPY, limit("BUY", "1"))
            assert unchanged(world, before)
        assert (await mgr.place_order("paper", SPY, limit("BUY", "1"))).left

    beside(test, tmp_path)


def test_too_many_orders_too_often_halt_the_login_until_a_person_resumes_it(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        for n in range(3):
            await mgr.place_order("paper", SPY, limit("BUY", "1", f"{n + 1}.00"))
        with pytest.raises(errors.OrderDenied) as caught:
            await mgr.place_order("paper", SPY, limit("BUY", "1", "4.00"))
        assert caught.value.verdict.codes == (Code.REPEATS,)
        assert [one.cause for one in mgr.state("paper").standing] == [Cause.ORDER_RATE]
        told = "and 'paper' is halted now: too many orders too often (repeats: 4, at most 3)"
        assert told in str(caught.value)
        assert "qe resume paper" in str(caught.value)
        with pytest.raises(errors.TradingHalted, match=r"too many orders too often \(repeats: 4, at most 3\)"):
            await mgr.place_order("paper", SPY, limit("BUY", "2", "1.00"))
        mgr.resume_trading("paper", reason="understood")
        await mgr.place_order("paper", SPY, limit("BUY", "2", "1.00"))

    beside(test, tmp_path, Settings(repeats_max=3))


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (Settings(duplicates_max=1), Code.DUPLICATE),
        (Settings(orders_per_second_max=1), Code.RATE_PER_SECOND),
        (Settings(orders_per_minute_max=1), Code.RATE_PER_MINUTE),
    ],
)
def test_orders_that_come_too_fast_are_refused(tmp_path: Path, settings: Settings, code: Code) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        await mgr.preflight("paper", SPY, limit("BUY", "1"))
        await mgr.place_order("paper", SPY, limit("BUY", "1"))
        with pytest.raises(errors.OrderDenied) as caught:
            await mgr.place_order("paper", SPY, limit("BUY", "1"))
        assert caught.value.verdict.codes == (code,)

    beside(test, tmp_path, settings)


def test_cancels_are_never_counted_and_never_held_back_by_any_rate(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        tickets = []
        for price in ("1.00", "2.00", "3.00"):
            tickets.append(await mgr.place_order("paper", SPY, limit("BUY", "1", price)))
            if price != "3.00":
                await mgr.cancel_order("paper", tickets[-1])
        for price in ("4.00", "5.00"):
            with pytest.raises(errors.OrderError):
                await mgr.place_order("paper", SPY, limit("BUY", "1", price))
        assert Cause.ORDER_RATE in [one.cause for one in mgr.state("paper").standing]
        await mgr.cancel_order("paper", tickets[-1])
        assert all(ticket.ended for ticket in tickets)

    beside(test, tmp_path, Settings(orders_per_minute_max=3, orders_per_second_max=3, rate_breaches_max=1))


def test_while_tws_has_lost_ibkr_positions_are_unknown_and_no_order_leaves(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        before = len(world.login("live").working())
        with pytest.raises(errors.OrderDenied) as caught:
            await mgr.place_order("live", SPY, limit("BUY", "1"))
        assert Code.POSITION_UNKNOWN in caught.value.verdict.codes
        assert len(world.login("live").working()) == before

    beside(test, tmp_path, scenario="link-down")


def test_the_margin_preview_asks_tws_and_places_nothing(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        before = len(world.login("paper").working())
        assert (await mgr.preflight("paper", SPY, limit("BUY", "10", "500.00"), margin=True)).passed
        verdict = await mgr.preflight("paper", SPY, limit("BUY", "1000000", "500.00"), margin=True)
        assert Code.MARGIN in verdict.codes
        assert Code.ORDER_QUANTITY in verdict.codes
        wrong = await mgr.preflight("paper", SPY, limit("BUY", "0"), margin=True)
        assert Code.MARGIN_UNKNOWN in wrong.codes
        assert unchanged(world, before)
        await mgr.refresh("paper")
        orders = mgr.working_orders("paper")
        assert isinstance(orders, Known)
        assert len(orders.value) == before

    beside(test, tmp_path, Settings(shares=ProductLimits(order=D(1000)), collar=Need.OFF))


def test_a_combination_counts_leg_by_leg(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        catalogue = world.login("paper").exchange.catalogue
        near, far = catalogue.future("ES", 0), catalogue.future("ES", 1)
        legs = (ComboLeg(near.con_id, 1, "SELL", "CME"), ComboLeg(far.con_id, 1, "BUY", "CME"))
        spread = Contract(symbol="ES", sec_type="BAG", exchange="CME", currency="USD", combo_legs=legs)
        passes = await mgr.preflight("paper", spread, limit("BUY", "1", "1.00"))
        assert passes.passed, passes
        assert Code.MAX_CONTRACTS in (await mgr.preflight("paper", spread, limit("BUY", "9", "1.00"))).codes
        await mgr.place_order("paper", spread, limit("BUY", "1", "1.00"))

    beside(test, tmp_path, Settings(futures=ProductLimits(account=D(14))))


def test_a_fresh_price_is_asked_for_where_the_settings_require_one(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        bid = world.login("paper").exchange.quote(756733).bid
        assert bid is not None
        assert (await mgr.preflight("paper", SPY, limit("BUY", "1", str(bid)))).passed
        stopped = await mgr.preflight("paper", SPY, limit("BUY", "1", str(bid * 2)))
        assert stopped.codes == (Code.COLLAR,)

    beside(test, tmp_path, Settings(collar=Need.REQUIRED))


def test_a_future_named_by_its_month_is_priced_and_sent_by_the_date_on_which_it_ends(tmp_path: Path) -> None:
    """CL of April ends in March: with its id and that month TWS refuses both, as contradicting each other (478)."""
    april = Contract(symbol="CL", sec_type="FUT", exchange="NYMEX", currency="USD", last_trade_date="202604")

    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        assert (await mgr.preflight("paper", april, limit("BUY", "1", "1000.00"))).codes == (Code.COLLAR,)
        await mgr.place_order("paper", april, limit("BUY", "1", "50.00"))

    beside(test, tmp_path, Settings(collar=Need.REQUIRED, futures=ProductLimits()))


@pytest.mark.parametrize("scenario", ["no-market-data", "delayed-market-data"])
def test_without_live_prices_a_required_collar_refuses_and_says_why(tmp_path: Path, scenario: str) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        refused = await mgr.preflight("paper", SPY, limit("BUY", "1"))
        assert refused.codes == (Code.REFERENCE_MISSING,)
        assert "Requested market data is not subscribed" in str(refused)

    beside(test, tmp_path, Settings(collar=Need.REQUIRED), scenario)


def test_stale_positions_are_read_anew_before_an_order(tmp_path: Path) -> None:
    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        await asyncio.sleep(3)
        assert (await mgr.preflight("paper", SPY, limit("BUY", "1"))).passed

    beside(test, tmp_path, Settings(position_age_ns_max=SECOND_NS))


def test_a_faulty_configuration_stops_what_adds_risk_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "quant-engine.toml"
    file.write_text("[preflight]\nmax_futures = -1\n")
    monkeypatch.setenv("QE_CONFIG", str(file))

    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        (own,) = mgr.state("paper").standing
        assert own.cause is Cause.CONFIGURATION, "it is what holds, also before the first order"
        with pytest.raises(errors.TradingHalted, match=r"quant-engine.toml:2: preflight.max_futures") as caught:
            await mgr.place_order("paper", SPY, limit("BUY", "1"))
        assert "Put the configuration right, and start the program anew" in str(caught.value)
        mgr.halt_trading("paper", "news")
        resumed = mgr.resume_trading("paper")
        still = "NOT RESUMED, no resume lifts this: halt (configuration): the configuration has faults"
        assert str(resumed).startswith(f"paper: lifted manual; {still}")
        assert mgr.state("paper").standing == resumed.state.standing == (own,)
        assert str(mgr.resume_trading("paper")).startswith(f"paper: {still}")
        cl = Contract(symbol="CL", sec_type="FUT", exchange="NYMEX", currency="USD", last_trade_date="202604")
        world.login("paper").trader(3).cancel_all()
        await asyncio.sleep(1)
        await mgr.refresh("paper")
        held = [one for one in world.login("paper").position_views() if one.quantity == 2]
        assert held
        await mgr.place_order("paper", replace(cl, con_id=held[0].con_id, last_trade_date=""), market("SELL", "1"))
        report = await mgr.kill_switch_all("EMERGENCY")
        assert report.flat

    beside(test, tmp_path)


def test_the_limits_of_the_file_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "quant-engine.toml"
    file.write_text("[preflight]\nmax_order_shares = 5\n")
    monkeypatch.setenv("QE_CONFIG", str(file))

    async def test(world: World, mgr: IBKRAccountManager, _memory: Memory) -> None:
        verdict = await mgr.preflight("paper", SPY, limit("BUY", "6"))
        assert [(one.code, one.limit) for one in verdict.failures] == [(Code.ORDER_QUANTITY, 5)]

    beside(test, tmp_path)


@pytest.mark.parametrize("field", ["total_quantity", "lmt_price"])
def test_a_number_given_as_a_text_is_called_one(field: str, tmp_path: Path) -> None:
    order = replace(limit("BUY", "1"), **{field: "5"})

    async def test(world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        with pytest.raises(errors.OrderNotSent, match=f"{field} is the text '5', which is no number: write Decimal"):
            await mgr.place_order("paper", SPY, order)

    beside(test, tmp_path)


def test_a_price_that_is_none_may_be_left_out(tmp_path: Path) -> None:
    order = replace(limit("BUY", "1"), order_type="MKT", lmt_price=None)

    async def test(world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        with pytest.raises(errors.OrderNotSent, match=r"lmt_price is None, which is no number: .* or leave it out"):
            await mgr.place_order("paper", SPY, order)

    beside(test, tmp_path)


def test_a_refusal_has_the_code_of_its_first_check(tmp_path: Path) -> None:
    order = Order(action="BUY", total_quantity=D(1), order_type="LMT", tif="DAY")

    async def test(world: World, mgr: IBKRAccountManager, memory: Memory) -> None:
        with pytest.raises(errors.OrderDenied) as denied:
            await mgr.place_order("paper", SPY, order)
        assert denied.value.code == "price_missing"

    beside(test, tmp_path)
