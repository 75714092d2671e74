"""Client → server: every request the project speaks, one type each. Field order on the wire is the codec's business."""

from __future__ import annotations

import msgspec

from engine.core.contracts import Contract
from engine.core.units import Whole
from engine.wire.order import Order
from engine.wire.spelling import Spelling


class Request(msgspec.Struct, frozen=True):
    """Base of everything a client may ask."""


class StartApi(Request, frozen=True):  # 71
    client_id: int
    optional_capabilities: str = ""


class ReqMktData(Request, frozen=True):  # 1
    req_id: int
    contract: Contract
    generic_ticks: str = ""
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: str = ""


class CancelMktData(Request, frozen=True):  # 2
    req_id: int


class PlaceOrder(Request, frozen=True):  # 3
    """A new order, or a modification when `order_id` is already live."""

    order_id: int
    contract: Contract
    order: Order
    spelling: Spelling | None = None  # set by the codec: how the client wrote its numbers


class CancelOrder(Request, frozen=True):  # 4
    order_id: int
    manual_cancel_time: str = ""  # >= 169


class ReqOpenOrders(Request, frozen=True):  # 5
    pass


class ReqAccountUpdates(Request, frozen=True):  # 6
    subscribe: bool
    account: str


class ReqExecutions(Request, frozen=True):  # 7
    req_id: int
    client_id: int = 0
    account: str = ""
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""


class ReqIds(Request, frozen=True):  # 8
    count: int = 1


class ReqContractDetails(Request, frozen=True):  # 9
    req_id: int
    contract: Contract


class SetServerLogLevel(Request, frozen=True):  # 14
    level: int


class ReqAutoOpenOrders(Request, frozen=True):  # 15
    auto_bind: bool


class ReqAllOpenOrders(Request, frozen=True):  # 16
    pass


class ReqManagedAccounts(Request, frozen=True):  # 17
    pass


class ReqCurrentTime(Request, frozen=True):  # 49
    pass


class ReqGlobalCancel(Request, frozen=True):  # 58
    pass


class ReqMarketDataType(Request, frozen=True):  # 59
    kind: int  # 1 live, 2 frozen, 3 delayed, 4 delayed frozen


class ReqPositions(Request, frozen=True):  # 61
    pass


class ReqAccountSummary(Request, frozen=True):  # 62
    req_id: int
    group: str
    tags: str


class CancelAccountSummary(Request, frozen=True):  # 63
    req_id: int


class CancelPositions(Request, frozen=True):  # 64
    pass


class ReqPositionsMulti(Request, frozen=True):  # 74
    req_id: int
    account: str
    model_code: str = ""


class CancelPositionsMulti(Request, frozen=True):  # 75
    req_id: int


class ReqAccountUpdatesMulti(Request, frozen=True):  # 76
    req_id: int
    account: str
    model_code: str = ""
    ledger_and_nlv: bool = False


class CancelAccountUpdatesMulti(Request, frozen=True):  # 77
    req_id: int


class ReqMarketRule(Request, frozen=True):  # 91
    rule_id: int


class ReqPnL(Request, frozen=True):  # 92
    req_id: int
    account: str
    model_code: str = ""


class CancelPnL(Request, frozen=True):  # 93
    req_id: int


class ReqPnLSingle(Request, frozen=True):  # 94
    req_id: int
    account: str
    model_code: str
    con_id: int


class CancelPnLSingle(Request, frozen=True):  # 95
    req_id: int


class ReqHistoricalData(Request, frozen=True):  # 20
    req_id: int
    contract: Contract
    end_time: str  # blank: now
    bar_size: str
    duration: str
    use_rth: bool
    what_to_show: str
    format_date: int  # 1 text, 2 seconds since 1970
    keep_up_to_date: bool = False  # >= 124
    chart_options: str = ""


class CancelHistoricalData(Request, frozen=True):  # 25
    req_id: int


class ReqHeadTimestamp(Request, frozen=True):  # 87
    req_id: int
    contract: Contract
    use_rth: bool
    what_to_show: str
    format_date: int


class CancelHeadTimestamp(Request, frozen=True):  # 90
    req_id: int


class ReqSecDefOptParams(Request, frozen=True):  # 78
    """Which option series exist on an underlying."""

    req_id: int
    symbol: str
    fut_fop_exchange: str
    sec_type: str
    con_id: int


class ReqCompletedOrders(Request, frozen=True):  # 99
    api_only: bool


class ExerciseOptions(Request, frozen=True):  # 21
    req_id: int
    contract: Contract
    action: int  # 1 exercise, 2 lapse
    quantity: Whole
    account: str
    override: Whole


class UnknownRequest(Request, frozen=True):
    """A request whose id this codec does not know: named, never guessed. `payload` is the frame without its length."""

    message_id: int | None  # None: the first field is not a number
    payload: bytes
