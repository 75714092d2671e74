"""Server → client: every message the project reads or emits, one type each."""

from __future__ import annotations

import msgspec

from engine.core.contracts import Contract, TagValue
from engine.core.units import BLANK, Flag, Number, Whole
from engine.wire.order import Order, OrderState


class Reply(msgspec.Struct, frozen=True):
    """Base of everything a server may say."""


class TickPrice(Reply, frozen=True, gc=False):  # 1
    req_id: int
    tick_type: int
    price: Number
    size: Number
    attributes: Whole = 0  # bit mask: can auto execute, past limit, pre-open


class TickSize(Reply, frozen=True, gc=False):  # 2
    req_id: int
    tick_type: int
    size: Number


class OrderStatus(Reply, frozen=True, gc=False):  # 3
    order_id: int
    status: str
    filled: Number
    remaining: Number
    avg_fill_price: Number = BLANK
    perm_id: int = 0
    parent_id: int = 0
    last_fill_price: Number = BLANK
    client_id: int = 0
    why_held: str = ""
    mkt_cap_price: Number = BLANK


class ErrorMessage(Reply, frozen=True, gc=False):  # 4
    """An error, a warning or a notice; `req_id` is an order id, a request id or -1."""

    req_id: int
    code: int
    text: str
    advanced_reject_json: str = ""  # >= 166
    time_ms: Whole = BLANK  # >= 194


class OpenOrder(Reply, frozen=True, gc=False):  # 5
    order_id: int
    contract: Contract
    order: Order
    state: OrderState


class AccountValue(Reply, frozen=True, gc=False):  # 6
    key: str
    value: str
    currency: str
    account: str


class PortfolioValue(Reply, frozen=True, gc=False):  # 7
    contract: Contract
    position: Number
    market_price: Number
    market_value: Number
    average_cost: Number
    unrealized_pnl: Number
    realized_pnl: Number
    account: str


class AccountUpdateTime(Reply, frozen=True, gc=False):  # 8
    time: str


class NextValidId(Reply, frozen=True, gc=False):  # 9
    order_id: int


class ContractDetails(Reply, frozen=True, gc=False):  # 10
    req_id: int
    contract: Contract
    last_trade_time: str = ""  # the part of the date field behind the date, e.g. "08:30 US/Central"
    market_name: str = ""
    min_tick: Number = BLANK
    md_size_multiplier: Whole = BLANK  # 110..163
    order_types: str = ""
    valid_exchanges: str = ""
    price_magnifier: Whole = 1
    under_con_id: int = 0
    long_name: str = ""
    contract_month: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    time_zone_id: str = ""
    trading_hours: str = ""
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: str = ""
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: Whole = BLANK  # >= 121
    under_symbol: str = ""  # >= 122
    under_sec_type: str = ""
    market_rule_ids: str = ""  # >= 126
    real_expiration_date: str = ""  # >= 134
    stock_type: str = ""  # >= 152
    min_size: Number = BLANK  # >= 164
    size_increment: Number = BLANK
    suggested_size_increment: Number = BLANK  # >= 163 alone, with the others from 164


class BondDetails(Reply, frozen=True, gc=False):  # 18
    """The answer to a contract details request for a bond."""

    req_id: int
    contract: Contract
    cusip: str = ""
    coupon: Number = BLANK
    maturity: str = ""
    issue_date: str = ""
    ratings: str = ""
    bond_type: str = ""
    coupon_type: str = ""
    convertible: Flag = False
    callable_: Flag = False
    putable: Flag = False
    desc_append: str = ""
    market_name: str = ""
    min_tick: Number = BLANK
    md_size_multiplier: Whole = BLANK  # 110..163
    order_types: str = ""
    valid_exchanges: str = ""
    next_option_date: str = ""
    next_option_type: str = ""
    next_option_partial: Flag = False
    notes: str = ""
    long_name: str = ""
    ev_rule: str = ""
    ev_multiplier: str = ""
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: Whole = BLANK  # >= 121
    market_rule_ids: str = ""  # >= 126
    min_size: Number = BLANK  # >= 164
    size_increment: Number = BLANK
    suggested_size_increment: Number = BLANK


class ContractDetailsEnd(Reply, frozen=True, gc=False):  # 52
    req_id: int


class Execution(Reply, frozen=True, gc=False):  # 11
    req_id: int
    order_id: int
    contract: Contract
    exec_id: str
    time: str
    account: str
    exchange: str
    side: str  # BOT or SLD
    shares: Number
    price: Number
    perm_id: int
    client_id: int
    liquidation: Whole
    cum_qty: Number
    avg_price: Number
    order_ref: str = ""
    ev_rule: str = ""
    ev_multiplier: Number = BLANK
    model_code: str = ""
    last_liquidity: Whole = BLANK  # >= 136
    pending_price_revision: Flag = False  # >= 178


class ExecutionsEnd(Reply, frozen=True, gc=False):  # 55
    req_id: int


class CommissionReport(Reply, frozen=True, gc=False):  # 59
    exec_id: str
    commission: Number
    currency: str
    realized_pnl: Number
    yield_: Number = BLANK
    yield_redemption_date: Whole = BLANK


class ManagedAccounts(Reply, frozen=True, gc=False):  # 15
    accounts: tuple[str, ...]


class TickGeneric(Reply, frozen=True, gc=False):  # 45
    req_id: int
    tick_type: int
    value: Number


class TickString(Reply, frozen=True, gc=False):  # 46
    req_id: int
    tick_type: int
    value: str


class CurrentTime(Reply, frozen=True, gc=False):  # 49
    time_s: int


class OpenOrderEnd(Reply, frozen=True, gc=False):  # 53
    pass


class AccountDownloadEnd(Reply, frozen=True, gc=False):  # 54
    account: str


class TickSnapshotEnd(Reply, frozen=True, gc=False):  # 57
    req_id: int


class MarketDataType(Reply, frozen=True, gc=False):  # 58
    req_id: int
    kind: int


class Position(Reply, frozen=True, gc=False):  # 61
    account: str
    contract: Contract
    position: Number
    avg_cost: Number


class PositionEnd(Reply, frozen=True, gc=False):  # 62
    pass


class AccountSummary(Reply, frozen=True, gc=False):  # 63
    req_id: int
    account: str
    tag: str
    value: str
    currency: str


class AccountSummaryEnd(Reply, frozen=True, gc=False):  # 64
    req_id: int


class PositionMulti(Reply, frozen=True, gc=False):  # 71
    req_id: int
    account: str
    contract: Contract
    position: Number
    avg_cost: Number
    model_code: str = ""


class PositionMultiEnd(Reply, frozen=True, gc=False):  # 72
    req_id: int


class AccountUpdateMulti(Reply, frozen=True, gc=False):  # 73
    req_id: int
    account: str
    model_code: str
    key: str
    value: str
    currency: str


class AccountUpdateMultiEnd(Reply, frozen=True, gc=False):  # 74
    req_id: int


class TickReqParams(Reply, frozen=True, gc=False):  # 81
    req_id: int
    min_tick: Number
    bbo_exchange: str
    snapshot_permissions: int


class PriceIncrement(msgspec.Struct, frozen=True, gc=False):
    low_edge: Number
    increment: Number


class MarketRule(Reply, frozen=True, gc=False):  # 93
    rule_id: int
    increments: tuple[PriceIncrement, ...]


class PnL(Reply, frozen=True, gc=False):  # 94
    req_id: int
    daily: Number
    unrealized: Number = BLANK  # >= 129
    realized: Number = BLANK  # >= 135


class PnLSingle(Reply, frozen=True, gc=False):  # 95
    req_id: int
    position: Number
    daily: Number
    unrealized: Number = BLANK  # >= 129
    realized: Number = BLANK  # >= 135
    value: Number = BLANK


class OrderBound(Reply, frozen=True, gc=False):  # 100
    perm_id: int
    client_id: int
    order_id: int


class CompletedOrder(Reply, frozen=True, gc=False):  # 101
    contract: Contract
    order: Order
    state: OrderState


class CompletedOrdersEnd(Reply, frozen=True, gc=False):  # 102
    pass


class Bar(msgspec.Struct, frozen=True):
    """One bar of HistoricalData. The date is a day, a moment with its zone, or seconds since 1970, as asked."""

    date: str
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    average: Number
    has_gaps: str = ""  # < 124
    count: Whole = BLANK


class HistoricalData(Reply, frozen=True):  # 17
    req_id: int
    start: str
    end: str
    bars: tuple[Bar, ...] = ()


class HistoricalDataUpdate(Reply, frozen=True):  # 90
    """The newest bar of a request that is kept up to date, as it stands."""

    req_id: int
    count: Whole
    date: str
    open: Number
    close: Number
    high: Number
    low: Number
    average: Number
    volume: Number


class HeadTimestamp(Reply, frozen=True):  # 88
    req_id: int
    time: str


class OptionParameters(Reply, frozen=True):  # 75
    """Option series of one exchange and trading class."""

    req_id: int
    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...] = ()
    strikes: tuple[Number, ...] = ()


class OptionParametersEnd(Reply, frozen=True):  # 76
    req_id: int


class UnknownReply(Reply, frozen=True, gc=False):
    """A message whose id this codec does not know: named, never guessed. `payload` is the frame without its length."""

    message_id: int | None  # None: the first field is not a number
    payload: bytes
