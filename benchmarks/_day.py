"""A trading day in messages: what TWS sends to a few strategies, with plausible values, and how often each comes.

What repeats in life repeats here: the same few contracts, prices that move by ticks, an order's ids in each of its
messages, a realized profit between two fills. What does not, never does: every sum of money at the market is new.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.units import BLANK, UNSET, Number
from engine.wire import replies as r
from engine.wire.order import Order, OrderState
from engine.wire.replies import Reply

ACCOUNT = "DU1234567"
_ZERO = Decimal("0.0")
_SESSIONS = "20261120:0930-20261120:1600;20261121:CLOSED;20261122:CLOSED;20261123:0930-20261123:1600"
_ORDER_TYPES = "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AON,AVGCOST,BASKET,COND,DAY,GTC,IOC,LIT,LMT,MIT,MKT,REL,STP"
_EXCHANGES = "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,EDGX,FOXRIVER,PEARL"

_FUTURES = (
    ("ES", "50", "0.25", 5800),
    ("NQ", "20", "0.25", 20800),
    ("MES", "5", "0.25", 5800),
    ("CL", "1000", "0.01", 69),
)
_STOCKS = (("AAPL", 230), ("MSFT", 430), ("SPY", 580), ("F", 11))
_LISTED_AT = {"CL": "NYMEX"}
_SPREAD_TICKS = 4
_ORDERS_ALIVE = 30
_MESSAGES_PER_ORDER = 6  # status reports and fills that name it


class Instrument:
    """A contract whose price moves by ticks."""

    def __init__(self, contract: Contract, tick: Decimal, price: Decimal) -> None:
        self.contract = contract
        self._tick = tick
        self._price = price

    def trade(self, day: random.Random) -> Decimal:
        self._price = max(self._tick, self._price + self._tick * day.randint(-_SPREAD_TICKS, _SPREAD_TICKS))
        return self._price


class Day(random.Random):
    """A seeded source of one day's values."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._instruments = [*self._futures(), *self._stocks()]
        self._orders: deque[tuple[int, int]] = deque(maxlen=_ORDERS_ALIVE)  # order id, permId
        self._next_order_id = 1
        self._realized: Number = _ZERO

    def _futures(self) -> list[Instrument]:
        found = []
        for symbol, multiplier, tick, price in _FUTURES:
            for month, code in (("20261218", "Z6"), ("20270319", "H7")):
                exchange = _LISTED_AT.get(symbol, "CME")
                what = (self.randint(10**8, 7 * 10**8), symbol, "FUT", month, _ZERO, "", multiplier, exchange)
                contract = Contract(*what, "", "USD", symbol + code, symbol)
                found.append(Instrument(contract, Decimal(tick), Decimal(price)))
        return found

    def _stocks(self) -> list[Instrument]:
        found = []
        for symbol, price in _STOCKS:
            what = (self.randint(10**5, 10**8), symbol, "STK", "", _ZERO, "", "", "SMART", "", "USD", symbol, "NMS")
            found.append(Instrument(Contract(*what), Decimal("0.01"), Decimal(f"{price}.00")))
        return found

    def price(self) -> Decimal:
        return self.choice(self._instruments).trade(self)

    def money(self) -> Decimal:
        """A sum at the market: never the same twice."""
        return Decimal(f"{self.uniform(-90000, 90000):.8f}")

    def realized(self) -> Number:
        """A realized profit: the same until the next fill."""
        if self.random() < 0.02:
            self._realized = self.money()
        return self._realized

    def size(self) -> Decimal:
        """Of an order or a position: contracts, or shares in round lots."""
        return Decimal(self.randint(1, 20) * self.choice((1, 100)))

    def depth(self) -> Decimal:
        """What is offered or wanted at a price."""
        return Decimal(self.randint(1, 2000))

    def number(self) -> int:
        """The id of a request, of which a program has some hundreds."""
        return self.randint(1, 300)

    def ids(self) -> tuple[int, int]:
        """Order id and permId of an order at work: a new one now and then, and each for several messages."""
        if not self._orders or self.random() < 1 / _MESSAGES_PER_ORDER:
            self._orders.append((self._next_order_id, self.randint(10**8, 2 * 10**9)))
            self._next_order_id += 1
        return self.choice(self._orders)

    def exec_id(self) -> str:
        return f"0000e0d5.{self.randint(10**7, 10**8)}.01.01"

    def contract(self) -> Contract:
        return self.choice(self._instruments).contract

    def order(self) -> Order:
        kind = self.choice(("LMT", "LMT", "STP", "MKT"))
        return Order(
            action=self.choice(("BUY", "SELL")),
            total_quantity=self.size(),
            order_type=kind,
            lmt_price=self.price() if kind == "LMT" else BLANK,
            aux_price=self.price() if kind == "STP" else BLANK,
            tif=self.choice(("DAY", "GTC")),
            account=ACCOUNT,
            order_ref=f"strategy-{self.randint(1, 99)}",
        )

    def working_order(self, perm_id: int) -> Order:
        order = {name: getattr(made, name) for made in (self.order(),) for name in made.__struct_fields__}
        return Order(**{**order, "client_id": self.randint(0, 9), "perm_id": perm_id})


def _order_status(day: Day) -> Reply:
    order_id, perm_id = day.ids()
    size, price = day.size(), day.price()
    if day.random() < 0.5:
        return r.OrderStatus(order_id, "Submitted", Decimal(0), size, _ZERO, perm_id, 0, _ZERO, 1, "", _ZERO)
    return r.OrderStatus(order_id, "Filled", size, Decimal(0), price, perm_id, 0, price, 1, "", _ZERO)


def _portfolio(day: Day) -> Reply:
    at_market = day.money(), day.money()
    held = day.contract(), day.size(), at_market[0], at_market[1], day.price(), day.money(), day.realized()
    return r.PortfolioValue(*held, ACCOUNT)


def _pnl_single(day: Day) -> Reply:
    return r.PnLSingle(day.number(), day.size(), day.money(), day.money(), day.realized(), day.money())


def _open_order(day: Day) -> Reply:
    order_id, perm_id = day.ids()
    return r.OpenOrder(order_id, day.contract(), day.working_order(perm_id), OrderState(status="Submitted"))


def _execution(day: Day) -> Reply:
    order_id, perm_id = day.ids()
    price = day.price()
    return r.Execution(
        req_id=-1,
        order_id=order_id,
        contract=day.contract(),
        exec_id=day.exec_id(),
        time=f"20261120 10:{day.randint(10, 59)}:{day.randint(10, 59)} US/Eastern",
        account=ACCOUNT,
        exchange="CME",
        side=day.choice(("BOT", "SLD")),
        shares=day.size(),
        price=price,
        perm_id=perm_id,
        client_id=1,
        liquidation=0,
        cum_qty=day.size(),
        avg_price=price,
        last_liquidity=1,
    )


def _commission(day: Day) -> Reply:
    """An opening fill has no realized profit, a closing fill a new one."""
    realized = UNSET if day.random() < 0.5 else day.money()
    cost = Decimal(day.choice(("2.25", "1.0", "0.85", "4.5")))
    return r.CommissionReport(day.exec_id(), cost, "USD", realized)


def _error(day: Day) -> Reply:
    """About an order, or a notice about nothing in particular."""
    if day.random() < 0.5:
        return r.ErrorMessage(-1, 2104, "Market data farm connection is OK:usfarm")
    return r.ErrorMessage(day.ids()[0], 399, "Order Message: Warning: your order is held")


def _details(day: Day) -> Reply:
    return r.ContractDetails(
        req_id=day.number(),
        contract=day.contract(),
        market_name="NMS",
        min_tick=Decimal("0.01"),
        order_types=_ORDER_TYPES,
        valid_exchanges=_EXCHANGES,
        long_name="APPLE INC",
        industry="Technology",
        category="Computers",
        subcategory="Computers",
        time_zone_id="US/Eastern",
        trading_hours=_SESSIONS,
        liquid_hours=_SESSIONS,
        agg_group=1,
        market_rule_ids="26,26,26,26,26,26,26",
        stock_type="COMMON",
        min_size=Decimal("0.0001"),
        size_increment=Decimal("0.0001"),
        suggested_size_increment=Decimal(100),
    )


# How many of a thousand messages, and how to make one.
MESSAGES: dict[type[Reply], tuple[int, Callable[[Day], Reply]]] = {
    r.TickPrice: (200, lambda d: r.TickPrice(d.number(), d.choice((1, 2, 4)), d.price(), d.depth(), 1)),
    r.TickSize: (140, lambda d: r.TickSize(d.number(), d.choice((0, 3, 5, 8)), d.depth())),
    r.TickString: (30, lambda d: r.TickString(d.number(), 45, str(d.randint(1_790_000_000, 1_799_999_999)))),
    r.TickGeneric: (10, lambda d: r.TickGeneric(d.number(), 49, _ZERO)),
    r.TickReqParams: (5, lambda d: r.TickReqParams(d.number(), Decimal("0.25"), "9c0001", 3)),
    r.MarketDataType: (2, lambda d: r.MarketDataType(d.number(), 1)),
    r.AccountValue: (140, lambda d: r.AccountValue("NetLiquidation", str(d.money()), "USD", ACCOUNT)),
    r.PortfolioValue: (60, _portfolio),
    r.AccountUpdateTime: (10, lambda d: r.AccountUpdateTime(f"10:{d.randint(10, 59)}")),
    r.AccountDownloadEnd: (2, lambda d: r.AccountDownloadEnd(ACCOUNT)),
    r.AccountSummary: (40, lambda d: r.AccountSummary(1, ACCOUNT, "BuyingPower", str(d.money()), "USD")),
    r.AccountSummaryEnd: (2, lambda d: r.AccountSummaryEnd(d.number())),
    r.AccountUpdateMulti: (10, lambda d: r.AccountUpdateMulti(1, ACCOUNT, "", "CashBalance", str(d.money()), "USD")),
    r.PnL: (80, lambda d: r.PnL(d.number(), d.money(), d.money(), d.realized())),
    r.PnLSingle: (60, _pnl_single),
    r.Position: (40, lambda d: r.Position(ACCOUNT, d.contract(), d.size(), d.price())),
    r.PositionEnd: (2, lambda d: r.PositionEnd()),
    r.PositionMulti: (10, lambda d: r.PositionMulti(1, ACCOUNT, d.contract(), d.size(), d.price())),
    r.OrderStatus: (60, _order_status),
    r.OpenOrder: (40, _open_order),
    r.OpenOrderEnd: (2, lambda d: r.OpenOrderEnd()),
    r.CompletedOrder: (5, lambda d: r.CompletedOrder(d.contract(), d.order(), OrderState(status="Filled"))),
    r.OrderBound: (1, lambda d: r.OrderBound(d.ids()[1], 1, d.number())),
    r.Execution: (20, _execution),
    r.ExecutionsEnd: (2, lambda d: r.ExecutionsEnd(d.number())),
    r.CommissionReport: (20, _commission),
    r.ErrorMessage: (10, _error),
    r.ContractDetails: (3, _details),
    r.MarketRule: (1, lambda d: r.MarketRule(26, (r.PriceIncrement(_ZERO, Decimal("0.01")),))),
    r.CurrentTime: (5, lambda d: r.CurrentTime(d.randint(1_790_000_000, 1_799_999_999))),
    r.NextValidId: (1, lambda d: r.NextValidId(d.number())),
    r.ManagedAccounts: (1, lambda d: r.ManagedAccounts((ACCOUNT, "DU1234568"))),
}
