"""A trading day in messages: what TWS sends to a few strategies, with plausible values, and how often each comes."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.units import BLANK
from engine.wire import replies as r
from engine.wire.order import Order, OrderState
from engine.wire.replies import Reply

ACCOUNT = "DU1234567"
_ZERO = Decimal("0.0")
_SESSIONS = "20261120:0930-20261120:1600;20261121:CLOSED;20261122:CLOSED;20261123:0930-20261123:1600"
_ORDER_TYPES = "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AON,AVGCOST,BASKET,COND,DAY,GTC,IOC,LIT,LMT,MIT,MKT,REL,STP"
_EXCHANGES = "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,EDGX,FOXRIVER,PEARL"


class Day(random.Random):
    """A seeded source of one day's values."""

    def price(self) -> Decimal:
        return Decimal(f"{self.uniform(1, 6000):.2f}")

    def money(self) -> Decimal:
        return Decimal(f"{self.uniform(-90000, 90000):.8f}")

    def size(self) -> Decimal:
        return Decimal(self.randint(1, 2000))

    def number(self) -> int:
        return self.randint(1, 9999)

    def exec_id(self) -> str:
        return f"0000e0d5.{self.randint(10**7, 10**8)}.01.01"

    def contract(self) -> Contract:
        if self.random() < 0.4:
            month = self.choice(("20261218", "20270319"))
            con_id = self.randint(10**8, 7 * 10**8)
            return Contract(con_id, "ES", "FUT", month, _ZERO, "", "50", "CME", "", "USD", "ESZ6", "ES")
        symbol = self.choice(("AAPL", "MSFT", "SPY", "F"))
        con_id = self.randint(10**5, 10**8)
        return Contract(con_id, symbol, "STK", "", _ZERO, "", "", "SMART", "", "USD", symbol, "NMS")

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

    def working_order(self) -> Order:
        order = {name: getattr(made, name) for made in (self.order(),) for name in made.__struct_fields__}
        return Order(**{**order, "client_id": self.randint(0, 9), "perm_id": self.randint(10**8, 2 * 10**9)})


def _order_status(day: Day) -> Reply:
    return r.OrderStatus(
        day.number(), "Submitted", Decimal(0), day.size(), _ZERO, day.randint(1, 2**31), 0, _ZERO, 1, "", _ZERO
    )


def _portfolio(day: Day) -> Reply:
    held = day.contract(), day.size(), day.price(), day.money(), day.price(), day.money(), day.money()
    return r.PortfolioValue(*held, ACCOUNT)


def _execution(day: Day) -> Reply:
    return r.Execution(
        req_id=-1,
        order_id=day.number(),
        contract=day.contract(),
        exec_id=day.exec_id(),
        time=f"20261120 10:{day.randint(10, 59)}:{day.randint(10, 59)} US/Eastern",
        account=ACCOUNT,
        exchange="CME",
        side=day.choice(("BOT", "SLD")),
        shares=day.size(),
        price=day.price(),
        perm_id=day.randint(10**8, 2 * 10**9),
        client_id=1,
        liquidation=0,
        cum_qty=day.size(),
        avg_price=day.price(),
        last_liquidity=1,
    )


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
    r.TickPrice: (200, lambda d: r.TickPrice(d.number(), d.choice((1, 2, 4)), d.price(), d.size(), 1)),
    r.TickSize: (140, lambda d: r.TickSize(d.number(), d.choice((0, 3, 5, 8)), d.size())),
    r.TickString: (30, lambda d: r.TickString(d.number(), 45, str(d.randint(1_790_000_000, 1_799_999_999)))),
    r.TickGeneric: (10, lambda d: r.TickGeneric(d.number(), 49, _ZERO)),
    r.TickReqParams: (5, lambda d: r.TickReqParams(d.number(), Decimal("0.25"), "9c0001", 3)),
    r.MarketDataType: (2, lambda d: r.MarketDataType(d.number(), 1)),
    r.AccountValue: (140, lambda d: r.AccountValue("NetLiquidation", str(d.price()), "USD", ACCOUNT)),
    r.PortfolioValue: (60, _portfolio),
    r.AccountUpdateTime: (10, lambda d: r.AccountUpdateTime(f"10:{d.randint(10, 59)}")),
    r.AccountDownloadEnd: (2, lambda d: r.AccountDownloadEnd(ACCOUNT)),
    r.AccountSummary: (40, lambda d: r.AccountSummary(1, ACCOUNT, "BuyingPower", str(d.price()), "USD")),
    r.AccountSummaryEnd: (2, lambda d: r.AccountSummaryEnd(d.number())),
    r.AccountUpdateMulti: (10, lambda d: r.AccountUpdateMulti(1, ACCOUNT, "", "CashBalance", str(d.price()), "USD")),
    r.PnL: (80, lambda d: r.PnL(d.number(), d.money(), d.money(), d.money())),
    r.PnLSingle: (60, lambda d: r.PnLSingle(d.number(), d.size(), d.money(), d.money(), d.money(), d.money())),
    r.Position: (40, lambda d: r.Position(ACCOUNT, d.contract(), d.size(), d.price())),
    r.PositionEnd: (2, lambda d: r.PositionEnd()),
    r.PositionMulti: (10, lambda d: r.PositionMulti(1, ACCOUNT, d.contract(), d.size(), d.price())),
    r.OrderStatus: (60, _order_status),
    r.OpenOrder: (
        40,
        lambda d: r.OpenOrder(d.number(), d.contract(), d.working_order(), OrderState(status="Submitted")),
    ),
    r.OpenOrderEnd: (2, lambda d: r.OpenOrderEnd()),
    r.CompletedOrder: (5, lambda d: r.CompletedOrder(d.contract(), d.order(), OrderState(status="Filled"))),
    r.OrderBound: (1, lambda d: r.OrderBound(d.randint(1, 2**31), 1, d.number())),
    r.Execution: (20, _execution),
    r.ExecutionsEnd: (2, lambda d: r.ExecutionsEnd(d.number())),
    r.CommissionReport: (20, lambda d: r.CommissionReport(d.exec_id(), Decimal("2.25"), "USD", d.money())),
    r.ErrorMessage: (10, lambda d: r.ErrorMessage(d.number(), 399, "Order Message: Warning: your order is held")),
    r.ContractDetails: (3, _details),
    r.MarketRule: (1, lambda d: r.MarketRule(26, (r.PriceIncrement(_ZERO, Decimal("0.01")),))),
    r.CurrentTime: (5, lambda d: r.CurrentTime(d.randint(1_790_000_000, 1_799_999_999))),
    r.NextValidId: (1, lambda d: r.NextValidId(d.number())),
    r.ManagedAccounts: (1, lambda d: r.ManagedAccounts((ACCOUNT, "DU1234568"))),
}
