"""A new closing order: when it may go, what has to be known first, and what it says."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ES,
    AskQuote,
    AskRule,
    D,
    OrderType,
    Resolve,
    Stage,
    details,
    ev,
    execution,
    future,
    held,
    option,
    quote,
    steps,
    stock,
)
from engine.core.contracts import Contract
from engine.core.facts import Details, QuoteKind
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import MS, SECOND

CASH = Contract(con_id=31, symbol="EUR", sec_type="CASH", currency="USD")


def extended(contract: Contract, **more: object) -> ev.Resolved:
    """Open, but outside regular hours, at the time of the stage (1 January 1970)."""
    hours = {"trading_hours": "19700101:0000-19700101:2400", "liquid_hours": "19700101:CLOSED", "time_zone_id": "UTC"}
    return ev.Resolved(contract.con_id, details(contract, "ARCA", **hours, **more))


def test_a_long_is_sold_and_a_short_is_bought_back() -> None:
    stage = Stage(held(option(11), 3), held(option(12, "QQQ"), -2)).begin()
    stage.acknowledge_first()
    assert {(p.contract.con_id, p.action, p.quantity) for p in stage.placed} == {(11, "SELL", 3), (12, "BUY", 2)}


def test_the_order_names_account_contract_exchange_and_its_kill() -> None:
    place = Stage(held(ES, 3, "DU7")).begin(details_for=(ES,)).place
    assert (place.account, place.contract.con_id, place.contract.exchange) == ("DU7", ES.con_id, "CME")
    assert (place.order_type, place.limit_price, place.tif) == (OrderType.MARKET, None, "DAY")
    assert (place.key, place.order_ref) == (1, "QEKILL-k-1of3")


def test_the_order_repeats_what_the_broker_said_of_the_contract_and_no_more() -> None:
    spelled = Contract(
        con_id=5,
        symbol="SPY",
        sec_type="OPT",
        last_trade_date="20261218",
        strike=D(500),
        right="C",
        multiplier="100",
        exchange="CBOE",
        primary_exchange="CBOE",
        currency="USD",
        local_symbol="SPY   261218C00500000",
        trading_class="SPY",
        description="noise",
    )
    sent = Stage(held(spelled, 1)).begin().place.contract
    assert (sent.exchange, sent.primary_exchange, sent.description) == ("SMART", "", "")
    for name in ("con_id", "symbol", "sec_type", "last_trade_date", "strike", "right", "multiplier", "currency"):
        assert getattr(sent, name) == getattr(spelled, name)
    assert (sent.local_symbol, sent.trading_class) == (spelled.local_symbol, spelled.trading_class)


# exchange -------------------------------------------------------------------------------------------------------------


def test_a_future_waits_for_the_broker_to_say_where_it_trades() -> None:
    stage = Stage(held(ES, 3)).begin()
    assert stage.all(Resolve) == [Resolve(ES)] and stage.placed == []
    stage.tell(ev.Resolved(ES.con_id, details(ES, "CME")))
    assert stage.place.contract.exchange == "CME"


def test_where_the_exchange_is_common_knowledge_it_does_not_wait_long() -> None:
    stage = Stage(held(ES, 3), exchange_patience_ns=2 * SECOND).begin()
    stage.run(1900)
    assert stage.placed == []
    stage.run(200)
    assert stage.place.contract.exchange == "CME"


def test_a_future_nobody_knows_is_awaited_as_long_as_the_driver_allows() -> None:
    stage = Stage(held(future(symbol="XYZ"), 3)).begin()
    stage.run(20_000)
    assert stage.placed == [] and not stage.finished


def test_a_future_the_broker_does_not_know_is_asked_for_alone_and_then_left_to_a_person() -> None:
    unknown = future(symbol="XYZ")
    stage = Stage(held(unknown, 3)).begin()
    for _ in range(3):
        stage.tell(ev.Unresolved(unknown.con_id, "no security definition"))
        stage.run(1000)
    assert len(stage.all(Resolve)) == 3
    assert stage.reasons == [ResidueReason.UNRESOLVED] and stage.finished
    assert stage.residue[0].detail == "the broker does not say where this contract trades"
    assert [e.text for e in stage.report.timeline if e.kind == "given_up"] == [
        f"{unknown.local_symbol}: {stage.residue[0].detail}"
    ]


def test_an_answer_at_the_second_asking_is_in_time() -> None:
    unknown = future(symbol="XYZ")
    stage = Stage(held(unknown, 3)).begin()
    stage.tell(ev.Unresolved(unknown.con_id, "no answer"))
    stage.run(1000)
    stage.tell(ev.Resolved(unknown.con_id, details(unknown, "EUREX")))
    stage.run(100)
    assert stage.place.contract.exchange == "EUREX"


def test_contracts_of_one_product_are_looked_up_once() -> None:
    stage = Stage(held(future(1), 1), held(future(2), 2), held(future(3, "NQ"), 3)).begin()
    assert [r.contract.con_id for r in stage.all(Resolve)] == [1, 3]
    stage.tell(ev.Resolved(1, details(future(1), "CME")), ev.Resolved(3, details(future(3, "NQ"), "CME")))
    stage.acknowledge_first()
    assert len(stage.placed) == 3


def test_a_refused_route_asks_for_the_contract_alone_and_uses_the_listing_exchange() -> None:
    stage = Stage(held(stock(), 3)).begin(details_for=(stock(),))
    assert stage.place.contract.exchange == "SMART"
    stage.reject(stage.place, 200, "No security definition has been found")
    stage.run(1000)
    assert len(stage.all(Resolve)) == 2
    stage.tell(ev.Resolved(21, details(stock(), "ARCA")))
    stage.run(100)
    assert stage.place.contract.exchange == "ARCA"


@pytest.mark.parametrize("sec_type", ["OPT", "WAR", "IOPT", "CFD", "BOND", "FUND"])
def test_what_smart_does_not_route_goes_to_the_exchange_of_its_own_definition(sec_type: str) -> None:
    contract = Contract(con_id=41, symbol="ESTX50", sec_type=sec_type, currency="EUR")
    stage = Stage(held(contract, 5)).begin()
    assert stage.place.contract.exchange == "SMART"
    stage.reject(stage.place, 200, "No security definition has been found")
    stage.run(1000)
    stage.tell(ev.Resolved(41, details(contract, "", valid_exchanges=("QBALGO", "EUREX"))))
    stage.run(100)
    assert stage.place.contract.exchange == "EUREX"


@pytest.mark.parametrize("code", [200, 321, 478])
def test_what_contradicted_its_id_is_named_as_the_brokers_look_up_of_that_id_has_it(code: int) -> None:
    named = Contract(con_id=11, symbol="WRONG", sec_type="OPT", currency="USD")
    right = Contract(con_id=11, symbol="SPY", sec_type="OPT", currency="EUR", exchange="SMART")
    stage = Stage(held(named, 3)).begin()
    stage.reject(stage.place, code, "conflicts with the parameters found by contract id")
    stage.run(1000)
    stage.tell(ev.Resolved(11, Details(contract=right)))
    stage.run(100)
    assert (stage.place.contract.symbol, stage.place.contract.currency) == ("SPY", "EUR")


def test_what_was_not_refused_is_named_as_the_position_has_it() -> None:
    told = Contract(con_id=ES.con_id, symbol="ELSE", sec_type="FUT", exchange="CME")
    stage = Stage(held(ES, 3)).begin()
    stage.tell(ev.Resolved(ES.con_id, Details(contract=told)))
    assert (stage.place.contract.symbol, stage.place.contract.exchange) == ("ES", "CME")


def test_a_look_up_of_another_contract_never_names_this_one() -> None:
    stage = Stage(held(stock(22, "A"), 3), held(stock(21, "B"), 3)).begin()
    stage.tell(ev.Resolved(22, details(stock(22, "A"), "SMART")))
    stage.acknowledge_first()
    stage.reject(stage.placed[1], 478, "conflicts")
    stage.run(1000)
    stage.tell(ev.Resolved(21, details(stock(22, "A"), "SMART")))  # it answers with another one
    stage.run(100)
    assert (stage.place.contract.con_id, stage.place.contract.symbol) == (21, "B")


def test_a_refused_route_of_which_the_look_up_names_no_exchange_stays_smart() -> None:
    stage = Stage(held(stock(), 3)).begin(details_for=(stock(),))
    stage.reject(stage.place, 200, "No security definition has been found")
    stage.run(1000)
    stage.tell(ev.Resolved(21, details(stock(), "")))
    stage.run(100)
    assert [p.contract.exchange for p in stage.placed] == ["SMART", "SMART"]


def test_a_refused_route_without_a_named_exchange_tries_smart_again() -> None:
    stage = Stage(held(stock(), 3)).begin(details_for=(stock(),))
    stage.reject(stage.place, 200, "No security definition has been found")
    stage.run(1000)
    stage.tell(ev.Unresolved(21, "no answer"))
    stage.run(100)
    assert [p.contract.exchange for p in stage.placed] == ["SMART", "SMART"]


@pytest.mark.parametrize("position", [held(Contract(con_id=0, symbol="?", sec_type="OPT"), 1), held(option(), 1, "")])
def test_without_account_or_contract_id_there_is_no_order(position: object) -> None:
    stage = Stage(position).begin()  # type: ignore[arg-type]
    stage.run(1000)
    assert stage.placed == [] and stage.reasons == [ResidueReason.UNRESOLVED]
    assert stage.residue[0].detail == "the broker names no account or no contract id"


def test_every_position_without_a_contract_id_is_left_by_name() -> None:
    def nameless(symbol: str) -> Contract:
        return Contract(symbol=symbol, sec_type="FUT", local_symbol=f"{symbol}H6")

    stage = Stage(held(nameless("MES"), -5), held(nameless("ES"), 3), held(nameless("ES"), 2, "DU2")).begin()
    stage.run(1000)
    assert stage.placed == []
    assert [(r.account, r.contract.symbol, r.quantity) for r in stage.residue] == [
        ("DU1", "MES", -5),
        ("DU1", "ES", 3),
        ("DU2", "ES", 2),
    ]


# quantity -------------------------------------------------------------------------------------------------------------


def test_whole_shares_are_closed_and_the_fraction_is_left_to_a_person() -> None:
    stage = Stage(held(stock(), "7.5")).begin(details_for=(stock(),))
    assert stage.place.quantity == 7
    stage.fill(stage.place)
    stage.run(1000)
    assert stage.finished and [(r.quantity, r.reason) for r in stage.residue] == [(D("0.5"), ResidueReason.FRACTIONAL)]
    assert stage.residue[0].detail == "a fraction cannot be closed through the API"
    assert len(stage.placed) == 1


def test_a_currency_is_closed_to_the_last_cent() -> None:
    assert Stage(held(CASH, "-1234.56")).begin().place.quantity == D("1234.56")


def test_a_fraction_the_broker_refuses_is_cut_off() -> None:
    stage = Stage(held(CASH, "2.5")).begin()
    stage.reject(stage.place, 388, "Order size does not conform")
    stage.run(1000)
    assert stage.place.quantity == 2


def test_a_size_that_does_not_conform_is_cut_to_the_contracts_size_steps() -> None:
    """A board lot: half of 250 would be refused as well."""
    stage = Stage(held(option(), 250)).begin()
    stage.reject(stage.place, 355, "Order size does not conform to market rule")
    stage.run(1000)
    assert len(stage.placed) == 1
    stage.tell(ev.Resolved(11, details(option(), "SMART", size_increment=D(100))))
    assert stage.place.quantity == 200
    stage.fill(stage.place)
    stage.run(2000)
    assert stage.finished and [(r.quantity, r.reason) for r in stage.residue] == [(50, ResidueReason.REJECTED)]
    assert stage.residue[0].detail == "less than the broker's size step. "


@pytest.mark.parametrize("step", [None, D(0), D("NaN"), D(1)])
def test_where_size_steps_do_not_help_a_size_is_halved(step: object) -> None:
    stage = Stage(held(option(), 9)).begin()
    for _ in range(2):
        stage.reject(stage.place, 355, "Order size does not conform to market rule")
        stage.run(1000)
        stage.tell(ev.Resolved(11, details(option(), "SMART", size_increment=step)))
        stage.run(100)
    assert [p.quantity for p in stage.placed] == [9, 9, 5]


def test_size_steps_do_not_matter_before_a_size_was_refused() -> None:
    """A step of 100 in a stock is often only a suggestion: an odd lot trades all the same."""
    stage = Stage(held(stock(), 250)).begin()
    stage.tell(ev.Resolved(21, details(stock(), "ARCA", size_increment=D(100))))
    assert stage.place.quantity == 250


def test_a_size_the_broker_refuses_is_halved_and_the_rest_follows() -> None:
    stage = Stage(held(option(), 9)).begin()
    stage.reject(stage.place, 383, "size exceeds the precautionary limit")
    stage.run(1000)
    assert stage.place.quantity == 5
    stage.fill(stage.place)
    stage.run(1000)
    assert stage.place.quantity == 4


# session and price ----------------------------------------------------------------------------------------------------


def test_a_stock_waits_a_moment_for_its_hours_and_then_goes_without() -> None:
    stage = Stage(held(stock(), 3), resolve_patience_ns=500 * MS).begin()
    assert stage.placed == []
    stage.run(450)
    assert stage.placed == []
    stage.run(100)
    assert stage.place.order_type is OrderType.MARKET


def test_a_stock_outside_regular_hours_is_priced_from_a_fresh_quote() -> None:
    stage = Stage(held(stock(), 3)).begin()
    stage.tell(extended(stock()))
    assert stage.placed == [] and len(stage.all(AskQuote)) == 1
    assert stage.all(AskQuote)[0].contract.exchange == "SMART"
    stage.run(200)
    assert len(stage.all(AskQuote)) == 1  # asked once, and waited for
    stage.tell(ev.Quoted(21, quote("100", "101")))
    assert (stage.place.order_type, stage.place.limit_price, stage.place.outside_rth) == (
        OrderType.LIMIT,
        D("99.5"),
        True,
    )
    stage.tell(ev.CloseSent(stage.place.key))
    assert [e.text for e in stage.report.timeline if e.kind == "close_sent"] == ["SPY: SELL 3 LMT at 99.50 on SMART"]


def test_the_next_order_is_priced_from_a_quote_of_its_own() -> None:
    stage = Stage(held(stock(), 3)).begin()
    stage.tell(extended(stock()), ev.Quoted(21, quote("100", "101")))
    stage.run(200)
    stage.tell(ev.Quoted(21, quote("100", "101")))
    asked = len(stage.all(AskQuote))
    stage.reject(stage.place, 201, "margin")
    stage.run(1500)
    assert len(stage.placed) == 1 and len(stage.all(AskQuote)) == asked + 1


def test_outside_regular_hours_without_a_live_quote_a_market_order_and_it_says_so() -> None:
    stage = Stage(held(stock(), 3)).begin()
    stage.tell(extended(stock()), ev.Quoted(21, quote(kind=QuoteKind.DELAYED)))
    assert stage.place.order_type is OrderType.MARKET
    stage.tell(ev.CloseSent(stage.place.key))
    said = next(e.text for e in stage.report.timeline if e.kind == "close_sent")
    assert said == "SPY: SELL 3 MKT on SMART. no live quote to price a limit from: a market order needs none"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (202, "Order Canceled - reason: too far through the market"),
        (109, "out of the range"),
        (163, "violates the percentage constraint"),
        (382, "violates the number of ticks constraint"),
    ],
)
def test_a_limit_too_far_through_the_market_is_followed_by_a_nearer_one(code: int, text: str) -> None:
    stage = Stage(held(option(), 3)).begin()
    stage.reject(stage.place, 387, "order type not supported")
    stage.run(1000)
    stage.price_rules(option())
    stage.tell(ev.Quoted(11, quote()))
    assert (stage.place.order_type, stage.place.limit_price) == (OrderType.LIMIT, D("99.5"))
    stage.reject(stage.place, code, text)
    stage.run(1500)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.key == 3 and stage.place.limit_price == D("99.75")


def test_a_limit_needs_a_quote_that_is_newer_than_the_refusal() -> None:
    stage = Stage(held(option(), 3)).begin()
    stage.tell(ev.Quoted(11, quote()))
    stage.reject(stage.place, 163, "price precaution")
    stage.run(1000)
    assert len(stage.placed) == 1 and len(stage.all(AskQuote)) == 1


def test_a_price_off_the_grid_is_put_on_a_coarser_one() -> None:
    stage = Stage(held(option(), 3)).begin()
    stage.reject(stage.place, 163, "price precaution")
    stage.run(1000)
    stage.price_rules(option())
    stage.tell(ev.Quoted(11, quote("100.03", "101")))
    assert stage.place.limit_price == D("99.52")
    stage.reject(stage.place, 110, "The price does not conform to the minimum price variation")
    stage.run(1500)
    stage.tell(ev.Quoted(11, quote("100.03", "101")))
    assert stage.place.limit_price == D("99.50")


NICKELS = (("0", "0.05"), ("3", "0.10"))


def refused_market(contract: Contract, quantity: int) -> Stage:
    """A market order was refused for its type, and the next one is to be priced."""
    stage = Stage(held(contract, quantity)).begin()
    stage.reject(stage.place, 387, "order type not supported")
    stage.run(1000)
    return stage


@pytest.mark.parametrize(("quantity", "price"), [(3, "4.80"), (-3, "5.20")])
def test_the_first_limit_price_is_on_the_contracts_own_market_rule(quantity: int, price: str) -> None:
    stage = refused_market(option(), quantity)
    stage.tell(ev.Quoted(11, quote("4.97", "5.06")))
    assert len(stage.placed) == 1 and stage.all(Resolve) == [Resolve(option())]
    stage.price_rules(option(), *NICKELS, tick="0.05")
    assert stage.all(AskRule) == [AskRule(7)]  # SMART's, not the first
    assert stage.place.limit_price == D(price)


def test_without_a_rule_the_tick_is_the_grid() -> None:
    stage = refused_market(option(), 3)
    stage.tell(ev.Quoted(11, quote("4.97", "5.06")))
    stage.price_rules(option(), tick="0.05")
    assert stage.all(AskRule) == [] and stage.place.limit_price == D("4.90")


def test_price_steps_are_not_awaited_for_long() -> None:
    stage = refused_market(option(), 3)
    stage.tell(ev.Quoted(11, quote()))
    assert len(stage.placed) == 1
    stage.run(500)
    assert stage.place.limit_price == D("99.50")


def test_a_rule_that_does_not_come_is_not_awaited_for_long() -> None:
    stage = refused_market(option(), 3)
    more = {"valid_exchanges": ("SMART",), "market_rule_ids": (7,), "min_tick": D("0.05")}
    stage.tell(ev.Quoted(11, quote("4.97", "5.06")), ev.Resolved(11, details(option(), "SMART", **more)))
    assert len(stage.placed) == 1
    stage.run(500)
    assert stage.place.limit_price == D("4.90")


def test_a_rule_is_asked_for_once_and_serves_every_contract() -> None:
    more = {"valid_exchanges": ("SMART",), "market_rule_ids": (7,)}
    stage = Stage(held(option(11), 3), held(option(12), 3)).begin()
    stage.reject(stage.place, 387, "not supported")
    stage.run(50)  # a look behind it
    stage.reject(stage.placed[1], 387, "not supported")
    stage.run(1000)
    stage.tell(*[ev.Resolved(n, details(option(n), "SMART", **more)) for n in (11, 12)])
    stage.tell(*[ev.Quoted(n, quote("4.97", "5.06")) for n in (11, 12)])
    assert stage.all(AskRule) == [AskRule(7)]
    stage.tell(ev.RuleHeard(7, steps(*NICKELS)))
    assert [p.limit_price for p in stage.placed[2:]] == [D("4.80"), D("4.80")]


def test_a_rule_that_came_unasked_is_asked_for_all_the_same() -> None:
    stage = refused_market(option(), 3)
    assert stage.all(Resolve) == [Resolve(option())]
    stage.tell(ev.RuleHeard(7, steps(("0", "5"))), ev.Quoted(11, quote("4.97", "5.06")))
    more = {"valid_exchanges": ("SMART",), "market_rule_ids": (7,)}
    stage.tell(ev.Resolved(11, details(option(), "SMART", **more)))
    stage.tell(ev.Woke())
    assert len(stage.placed) == 1  # it waits for the answer
    stage.tell(ev.RuleHeard(7, steps(*NICKELS)))
    assert stage.place.limit_price == D("4.80")


def test_after_a_reconnect_price_steps_are_awaited_anew() -> None:
    stage = refused_market(option(), 3)
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "lost"))
    stage.run(2000)
    stage.tell(ev.Connected(("DU1",), 9000))
    stage.run(100)
    stage.tell(ev.Quoted(11, quote("4.97", "5.06")))
    assert len(stage.placed) == 1
    stage.price_rules(option(), *NICKELS, tick="0.05")
    assert stage.place.limit_price == D("4.80")


def test_a_rule_that_nobody_asked_for_is_nobodys() -> None:
    stage = refused_market(option(), 3)
    stage.tell(ev.RuleHeard(7, steps(("0", "5"))), ev.Quoted(11, quote("4.97", "5.06")))
    stage.run(500)
    assert stage.place.limit_price == D("4.94")


def test_when_the_connection_breaks_price_steps_are_asked_for_again() -> None:
    stage = refused_market(option(), 3)
    more = {"valid_exchanges": ("SMART",), "market_rule_ids": (7,)}
    stage.tell(ev.Resolved(11, details(option(), "SMART", **more)))
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "lost"), ev.Connected(("DU1",), 9000))
    stage.run(1000)
    assert stage.all(AskRule) == [AskRule(7), AskRule(7)]


def test_a_stock_outside_regular_hours_is_on_its_own_price_steps() -> None:
    """The look-up that told the hours was another stock's."""
    cheap, other = stock(22, "CHEAP"), stock(21)
    stage = Stage(held(other, 3), held(cheap, 3)).begin()
    stage.tell(extended(other), ev.Quoted(21, quote()), ev.Quoted(22, quote("0.5012", "0.5020")))
    stage.acknowledge_first()
    assert Resolve(cheap) in stage.all(Resolve)
    stage.tell(ev.Quoted(22, quote("0.5012", "0.5020")))
    stage.tell(extended(cheap, min_tick=D("0.0001")))
    assert stage.place.limit_price == D("0.4986")


@pytest.mark.parametrize(("quantity", "words"), [(3, "no bid"), (-3, "no offer")])
def test_what_nobody_buys_is_left_to_a_person_after_two_live_quotes(quantity: int, words: str) -> None:
    stage = Stage(held(option(), quantity), reprice_ns=2 * SECOND).begin()
    stage.reject(stage.place, 163, "price precaution")
    empty = quote(bid=None) if quantity > 0 else quote(ask=None)
    stage.run(1000)
    stage.tell(ev.Quoted(11, empty))
    stage.run(1900)
    assert not stage.finished and len(stage.all(AskQuote)) == 1
    stage.run(200)
    stage.tell(ev.Quoted(11, empty))
    stage.run(100)
    assert stage.finished and stage.reasons == [ResidueReason.NO_BID]
    assert stage.residue[0].detail == words and len(stage.placed) == 1


@pytest.mark.parametrize(
    "answer", [ev.NoQuote(11, "354: not subscribed"), ev.Quoted(11, quote(kind=QuoteKind.DELAYED))]
)
def test_without_a_live_quote_there_is_no_limit_and_it_is_left_to_a_person(answer: ev.Event) -> None:
    stage = Stage(held(option(), 3)).begin()
    stage.reject(stage.place, 163, "price precaution")
    for _ in range(2):
        stage.run(2100)
        stage.tell(answer)
    stage.run(100)
    assert stage.finished and stage.reasons == [ResidueReason.NO_QUOTE] and len(stage.placed) == 1
    assert stage.residue[0].detail == "163: price precaution"  # the broker's words, where there are any


@pytest.mark.parametrize(
    "answer", [ev.NoQuote(11, "354: not subscribed"), ev.Quoted(11, quote(kind=QuoteKind.DELAYED))]
)
def test_a_market_order_in_a_thin_market_is_sent_again_where_no_quote_is_live(answer: ev.Event) -> None:
    """There is no other way to close it, and the market may come back."""
    stage = Stage(held(option(), 3)).begin()
    for count in (1, 2, 3):
        assert [place.order_type for place in stage.placed] == [OrderType.MARKET] * count
        stage.reject(stage.place, 202, "Order Canceled - reason:Price is too far through the market")
        stage.run(8000)
        stage.tell(answer)
        stage.run(8000)
        stage.tell(answer)
        stage.run(100)
    assert not stage.finished and len(stage.placed) == 4


def test_a_live_quote_makes_it_a_limit() -> None:
    stage = Stage(held(option(), 3)).begin()
    stage.reject(stage.place, 202, "Order Canceled - reason:Price is too far through the market")
    stage.run(1000)
    stage.tell(ev.Quoted(11, quote()))
    stage.run(600)
    assert (len(stage.placed), stage.place.limit_price) == (2, D("99.5"))


def test_without_words_of_the_broker_it_says_that_no_quote_gave_a_price() -> None:
    nowhere = future(2, symbol="XYZ")  # keeps the login from being done
    stage = Stage(held(option(), 3), held(nowhere, 1), settle_ns=0).begin()
    stage.reject(stage.place, 163, "price precaution")
    stage.run(1000)
    stage.price_rules(option())
    stage.tell(ev.Quoted(11, quote()))
    stage.fill(stage.place)
    assert stage.positions is not None
    stage.positions.append(held(option(), 2))
    assert stage.executions is not None
    stage.executions.append(execution(option(), 2, "again.01"))
    for _ in range(4):
        stage.run(7000)
        stage.tell(ev.Quoted(11, quote(kind=QuoteKind.DELAYED)))
    stage.run(500)
    left = next(one for one in stage.residue if one.contract.con_id == 11)
    assert (left.reason, left.detail) == (ResidueReason.NO_QUOTE, "no live quote to price a limit order from")


def test_the_step_of_its_group_serves_a_stock_whose_own_is_not_told() -> None:
    one, other = stock(), stock(22, "QQQ")
    stage = Stage(held(one, 3), held(other, 3)).begin()
    stage.tell(extended(one))
    stage.run(100)
    stage.tell(ev.Quoted(22, quote("100.10", "101")))
    stage.run(600)
    assert [(place.contract.con_id, place.limit_price) for place in stage.placed] == [(22, D("99.5"))]


def test_after_a_broken_connection_the_quote_is_asked_for_again() -> None:
    stage = Stage(held(stock(), 3)).begin()
    stage.tell(extended(stock()))
    assert len(stage.all(AskQuote)) == 1
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    stage.run(500)
    stage.tell(ev.Connected(("DU1",), 9000))
    stage.run(500)
    assert len(stage.all(AskQuote)) == 2


def test_one_failed_look_at_the_market_is_not_the_end() -> None:
    stage = Stage(held(option(), 3)).begin()
    stage.reject(stage.place, 163, "price precaution")
    stage.run(1000)
    asked = len(stage.all(AskQuote))
    stage.tell(ev.NoQuote(11, "the connection was lost"))
    stage.run(2700)
    assert len(stage.all(AskQuote)) == asked + 1
    stage.tell(ev.Quoted(11, quote()))
    stage.run(300)  # asked for its price steps again, and they do not come
    assert stage.place.limit_price == D("99.5")


def test_nor_is_one_for_each_of_two_orders() -> None:
    """Between them a price was found: the market is there."""
    stage = Stage(held(option(), 3)).begin()
    stage.reject(stage.place, 163, "price precaution")
    for _ in range(2):
        stage.run(2700)
        stage.tell(ev.NoQuote(11, "the connection was lost"))
        stage.run(2700)
        stage.tell(ev.Quoted(11, quote()))
        stage.run(600)
        assert stage.place.limit_price == D("99.5")
        stage.tell(ev.CloseStatus(stage.place.key, "Cancelled", D(0), 901))
    assert [place.key for place in stage.placed] == [1, 2, 3]


def test_less_than_one_is_sold_through_the_bid_too() -> None:
    euros = Contract(con_id=31, symbol="EUR", sec_type="CASH", currency="USD", exchange="IDEALPRO")
    stage = Stage(held(euros, "0.5")).begin()
    stage.reject(stage.place, 163, "price precaution")
    stage.run(1000)
    stage.tell(ev.Quoted(31, quote()))
    stage.run(600)
    assert (stage.place.action, stage.place.limit_price) == ("SELL", D("99.5"))


def test_a_closed_market_without_a_quote_is_reported_as_closed() -> None:
    stage = Stage(held(stock(), 3)).begin(details_for=(stock(),))
    stage.reject(stage.place, 201, "The exchange is closed")
    for _ in range(2):
        stage.run(2100)
        stage.tell(ev.NoQuote(21, "none"))
    stage.run(100)
    assert stage.reasons == [ResidueReason.MARKET_CLOSED]


# when -----------------------------------------------------------------------------------------------------------------


def test_after_a_refusal_it_waits_before_it_tries_again() -> None:
    stage = Stage(held(option(), 3), retry_first_ns=500 * MS).begin()
    stage.reject(stage.place, 201, "margin")
    stage.run(400)
    assert len(stage.placed) == 1
    stage.run(300)
    assert len(stage.placed) == 2 and stage.place.key == 2


def test_it_sizes_from_a_look_that_began_after_the_last_order_had_ended() -> None:
    stage = Stage(held(option(), 3), retry_first_ns=0).begin()
    stage.answers = False
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 0))
    stage.run(400)
    assert len(stage.placed) == 1
