"""The product tables: real multipliers, ticks, months and rough but plausible prices, margins and commissions.

Figures that move in reality (prices, margins) are round numbers of the mid-2020s and mean nothing more.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec

from engine.core.contracts import Contract
from engine.simulator.exchange import calendars
from engine.simulator.exchange.calendars import Calendar
from engine.simulator.exchange.holidays import is_business_day, nth_weekday
from engine.simulator.exchange.instruments import CommissionRates, Instrument, MarginRates, MarketRule, SecType

D = Decimal
FRIDAY = 4
MONTH_CODES = "FGHJKMNQUVXZ"
_IBKR_CON_IDS = {  # well known, so that a reader recognises them
    "STK AAPL": 265598,
    "STK MSFT": 272093,
    "STK SPY": 756733,
    "STK IBM": 8314,
    "IND SPX": 416904,
    "CASH EUR.USD": 12087792,
    "CASH GBP.USD": 12087797,
}

CENTS = MarketRule(26, ((D(0), D("0.01")),))
FX_HALF_PIPS = MarketRule(239, ((D(0), D("0.00005")),))
OPTION_NICKELS = MarketRule(32, ((D(0), D("0.05")), (D(3), D("0.10"))))
FUTURE_OPTION_TICKS = MarketRule(70, ((D(0), D("0.05")), (D(10), D("0.25"))))


class FutureSpec(msgspec.Struct, frozen=True):
    """One futures root."""

    symbol: str
    exchange: str
    multiplier: Decimal
    tick: Decimal
    rule_id: int
    months: str  # letters of the listed months
    price: Decimal
    daily_move_pct: Decimal
    initial: Decimal
    maintenance: Decimal
    commission: Decimal
    calendar: Calendar
    last_trade: Callable[[int, int], date]
    long_name: str
    price_key: str
    may_be_negative: bool = False


def business_days_back(day: date, count: int) -> date:
    """The business day `count` business days before `day`."""
    while count:
        day -= timedelta(days=1)
        count -= is_business_day(day)
    return day


def _third_friday(year: int, month: int) -> date:
    day = nth_weekday(year, month, FRIDAY, 3)
    return day if is_business_day(day) else business_days_back(day, 1)


def _crude_last_trade(year: int, month: int) -> date:
    """Three business days before the 25th of the month before delivery (from the business day before, if closed)."""
    year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    day = date(year, month, 25)
    return business_days_back(day, 3 if is_business_day(day) else 4)


def _month_end_less(days: int) -> Callable[[int, int], date]:
    """The business day that many before the last business day of the delivery month."""

    def last_trade(year: int, month: int) -> date:
        after = date(year, month, monthrange(year, month)[1]) + timedelta(days=1)
        return business_days_back(after, days + 1)

    return last_trade


_QUARTERS, _ALL = "HMUZ", MONTH_CODES
FUTURES = (
    FutureSpec("ES", "CME", D(50), D("0.25"), 67, _QUARTERS, D(6000), D("1.0"), D(16500), D(15000), D("2.25"),
               calendars.CME, _third_friday, "E-mini S&P 500", "S&P 500"),
    FutureSpec("MES", "CME", D(5), D("0.25"), 67, _QUARTERS, D(6000), D("1.0"), D(1650), D(1500), D("0.62"),
               calendars.CME, _third_friday, "Micro E-Mini S&P 500 Stock Price Index", "S&P 500"),
    FutureSpec("NQ", "CME", D(20), D("0.25"), 67, _QUARTERS, D(21500), D("1.3"), D(24000), D(22000), D("2.25"),
               calendars.CME, _third_friday, "E-mini NASDAQ 100", "NASDAQ 100"),
    FutureSpec("CL", "NYMEX", D(1000), D("0.01"), 32, _ALL, D(70), D("2.2"), D(7000), D(6300), D("2.40"),
               calendars.NYMEX, _crude_last_trade, "Light Sweet Crude Oil", "CL", True),
    FutureSpec("GC", "COMEX", D(100), D("0.10"), 33, "GJMQVZ", D(2650), D("1.0"), D(13000), D(11800), D("2.45"),
               calendars.NYMEX, _month_end_less(2), "Gold", "GC"),
    FutureSpec("ZN", "CBOT", D(1000), D("0.015625"), 100, _QUARTERS, D("110.5"), D("0.35"), D(2200), D(2000),
               D("1.62"), calendars.CME, _month_end_less(7), "10 Year US Treasury Note", "ZN"),
)  # fmt: skip
FUTURE_MONTHS_LISTED = 4

STOCKS = (
    ("AAPL", D(230), "NASDAQ", "APPLE INC"),
    ("MSFT", D(430), "NASDAQ", "MICROSOFT CORP"),
    ("SPY", D(600), "ARCA", "SS SPDR S&P 500 ETF TRUST-US"),
    ("QQQ", D(520), "NASDAQ", "INVESCO QQQ TRUST SERIES 1"),
    ("NVDA", D(140), "NASDAQ", "NVIDIA CORP"),
    ("AMZN", D(220), "NASDAQ", "AMAZON.COM INC"),
    ("GOOG", D(190), "NASDAQ", "ALPHABET INC-CL C"),
    ("META", D(600), "NASDAQ", "META PLATFORMS INC-CLASS A"),
    ("TSLA", D(380), "NASDAQ", "TESLA INC"),
    ("IBM", D(230), "NYSE", "INTL BUSINESS MACHINES CORP"),
    ("JPM", D(240), "NYSE", "JPMORGAN CHASE & CO"),
    ("F", D(10), "NYSE", "FORD MOTOR CO"),
)
FX_PAIRS = (("EUR", D("1.0800")), ("GBP", D("1.2700")), ("AUD", D("0.6500")))
INDEX = ("SPX", D(6000), "CBOE", "S&P 500 Stock Index")

_OPTION_COMMISSION = CommissionRates(per_unit=D("0.65"), minimum=D("1.00"))
_STOCK_TYPES = "LMT,MIDPX,MKT,STP,STPLMT,TRAIL,OCA,GTC,DAY,IOC,WHATIF"
_OTHER_TYPES = "LMT,MKT,STP,STPLMT,TRAIL,OCA,GTC,DAY,IOC,WHATIF"


def con_id(identity: str) -> int:
    """The contract id of an identity: IBKR's own where known, else a checksum in the range IBKR uses today."""
    return _IBKR_CON_IDS.get(identity) or 100_000_000 + crc32(identity.encode()) % 900_000_000


def listed(today: date) -> Iterator[Instrument]:
    """Everything but options."""
    for symbol, price, exchange, name in STOCKS:
        yield stock(symbol, price, exchange, name)
    for currency, price in FX_PAIRS:
        yield forex(currency, price)
    yield index(*INDEX)
    for spec in FUTURES:
        for nth, (year, month) in enumerate(_months(spec, today)):
            yield future(spec, year, month, nth)


def series(today: date) -> Iterator[tuple[str, str, Callable[[], Iterable[Instrument]]]]:
    """The option series, each to be listed when asked for."""
    for symbol, price, exchange, name in STOCKS[:3]:
        step = D(5) if price > 100 else D(1)
        yield symbol, SecType.OPTION, partial(_chain, stock(symbol, price, exchange, name), today, step)
    yield INDEX[0], SecType.OPTION, partial(_chain, index(*INDEX), today, D(25))
    front = future(FUTURES[0], *next(iter(_months(FUTURES[0], today))), 0)
    yield "ES", SecType.FUTURE_OPTION, partial(_chain, front, today, D(25))


def stock(symbol: str, price: Decimal, exchange: str = "NASDAQ", name: str = "") -> Instrument:
    contract = Contract(
        con_id=con_id(f"STK {symbol}"),
        symbol=symbol,
        sec_type=SecType.STOCK.value,
        exchange="SMART",
        primary_exchange=exchange,
        currency="USD",
        local_symbol=symbol,
        trading_class="NMS" if exchange == "NASDAQ" else symbol,
    )
    return Instrument(
        con_id=contract.con_id,
        contract=contract,
        sec_type=SecType.STOCK,
        multiplier=D(1),
        rule=CENTS,
        calendar=calendars.US_STOCKS,
        reference_price=price,
        daily_move_pct=D("1.5"),
        margin=MarginRates(D("0.5"), D("0.25")),
        commission=CommissionRates(per_unit=D("0.005"), minimum=D(1)),
        price_key=f"STK {symbol}",
        long_name=name or symbol,
        order_types=_STOCK_TYPES,
        valid_exchanges=f"SMART,{exchange},IBEOS" if exchange == "ARCA" else f"SMART,{exchange},ARCA,IBEOS",
        stock_type="ETF" if exchange == "ARCA" else "COMMON",
    )


def forex(currency: str, price: Decimal) -> Instrument:
    contract = Contract(
        con_id=con_id(f"CASH {currency}.USD"),
        symbol=currency,
        sec_type=SecType.CASH.value,
        exchange="IDEALPRO",
        currency="USD",
        local_symbol=f"{currency}.USD",
        trading_class=f"{currency}.USD",
    )
    return Instrument(
        con_id=contract.con_id,
        contract=contract,
        sec_type=SecType.CASH,
        multiplier=D(1),
        rule=FX_HALF_PIPS,
        calendar=calendars.FOREX,
        reference_price=price,
        daily_move_pct=D("0.5"),
        margin=MarginRates(D("0.03"), D("0.025")),
        commission=CommissionRates(share_of_value=D("0.00002"), minimum=D(2)),
        price_key=f"CASH {currency}.USD",
        long_name=f"{currency}.USD",
        order_types=_OTHER_TYPES,
        valid_exchanges="IDEALPRO",
    )


def index(symbol: str, price: Decimal, exchange: str, name: str) -> Instrument:
    contract = Contract(
        con_id=con_id(f"IND {symbol}"),
        symbol=symbol,
        sec_type=SecType.INDEX.value,
        exchange=exchange,
        currency="USD",
        local_symbol=symbol,
        trading_class=symbol,
    )
    return Instrument(
        con_id=contract.con_id,
        contract=contract,
        sec_type=SecType.INDEX,
        multiplier=D(1),
        rule=CENTS,
        calendar=calendars.INDEX_OPTIONS,
        reference_price=price,
        margin=MarginRates(D(0), D(0)),
        commission=CommissionRates(),
        price_key="S&P 500",
        long_name=name,
        valid_exchanges=exchange,
    )


def future(spec: FutureSpec, year: int, month: int, nth: int) -> Instrument:
    """One month of a futures root; later months stand a little higher."""
    last_day = spec.last_trade(year, month)
    code = MONTH_CODES[month - 1]
    identity = f"FUT {spec.symbol} {year}{month:02}"
    contract = Contract(
        con_id=con_id(identity),
        symbol=spec.symbol,
        sec_type=SecType.FUTURE.value,
        last_trade_date=f"{last_day:%Y%m%d}",
        multiplier=str(spec.multiplier),
        exchange=spec.exchange,
        currency="USD",
        local_symbol=f"{spec.symbol}{code}{year % 10}",
        trading_class=spec.symbol,
    )
    rule = MarketRule(spec.rule_id, ((D(0), spec.tick),))
    return Instrument(
        con_id=contract.con_id,
        contract=contract,
        sec_type=SecType.FUTURE,
        multiplier=spec.multiplier,
        rule=rule,
        calendar=spec.calendar,
        reference_price=rule.floor(spec.price * (1 + nth * D("0.005"))),
        daily_move_pct=spec.daily_move_pct,
        margin=MarginRates(spec.initial, spec.maintenance),
        commission=CommissionRates(per_unit=spec.commission),
        price_key=spec.price_key,
        expiry_ns=_end_of_trading(last_day, spec.calendar),
        long_name=spec.long_name,
        contract_month=f"{year}{month:02}",
        order_types=_OTHER_TYPES,
        valid_exchanges=f"{spec.exchange},QBALGO",
        may_be_negative=spec.may_be_negative,
    )


def option(underlying: Instrument, expiry: date, strike: Decimal, right: str) -> Instrument:
    """An option on a stock, an index (European, cash) or a future."""
    on_future = underlying.sec_type is SecType.FUTURE
    sec_type = SecType.FUTURE_OPTION if on_future else SecType.OPTION
    symbol = underlying.contract.symbol
    multiplier = underlying.multiplier if on_future else D(100)
    trading_class = _option_class(underlying, expiry)
    exchange, rule, calendar = "SMART", CENTS, calendars.US_OPTIONS
    if on_future:
        exchange, rule, calendar = underlying.contract.exchange, FUTURE_OPTION_TICKS, underlying.calendar
    elif underlying.sec_type is SecType.INDEX:
        rule, calendar = OPTION_NICKELS, calendars.INDEX_OPTIONS
    contract = Contract(
        con_id=con_id(f"{sec_type} {symbol} {expiry:%Y%m%d} {strike.normalize():f} {right}"),
        symbol=symbol,
        sec_type=sec_type.value,
        last_trade_date=f"{expiry:%Y%m%d}",
        strike=strike,
        right=right,
        multiplier=str(multiplier),
        exchange=exchange,
        currency="USD",
        local_symbol=_option_local_symbol(trading_class, expiry, strike, right, on_future),
        trading_class=trading_class,
    )
    return Instrument(
        con_id=contract.con_id,
        contract=contract,
        sec_type=sec_type,
        multiplier=multiplier,
        rule=rule,
        calendar=calendar,
        reference_price=D(0),
        daily_move_pct=underlying.daily_move_pct,
        spread_ticks=2,
        margin=MarginRates(D("0.05"), D("0.045")) if on_future else MarginRates(D("0.20"), D("0.15")),
        commission=CommissionRates(per_unit=D("1.42")) if on_future else _OPTION_COMMISSION,
        under_con_id=underlying.con_id,
        expiry_ns=_end_of_trading(expiry, calendar),
        cash_settled=underlying.sec_type is SecType.INDEX,
        long_name=underlying.long_name,
        contract_month=f"{expiry:%Y%m}",
        order_types=_OTHER_TYPES,
        valid_exchanges=exchange if on_future else "SMART,AMEX,CBOE,ISE,PHLX",
    )


def _option_class(underlying: Instrument, expiry: date) -> str:
    """Weekly series of indices and futures trade under a name of their own."""
    symbol = underlying.contract.symbol
    nth_week = (expiry.day - 1) // 7 + 1
    is_monthly = nth_week == 3
    if underlying.sec_type is SecType.INDEX:
        return symbol if is_monthly else f"{symbol}W"
    if underlying.sec_type is SecType.FUTURE:
        return symbol if is_monthly and expiry.month % 3 == 0 else f"EW{nth_week}"
    return symbol


def _option_local_symbol(trading_class: str, expiry: date, strike: Decimal, right: str, on_future: bool) -> str:
    if on_future:
        return f"{trading_class}{MONTH_CODES[expiry.month - 1]}{expiry.year % 10} {right}{strike.normalize():f}"
    return f"{trading_class:<6}{expiry:%y%m%d}{right}{int(strike * 1000):08}"


def _end_of_trading(last_day: date, calendar: Calendar) -> int:
    window = calendar.trading(last_day)
    if window is not None:
        return window.end_ns
    return calendars.to_ns(datetime.combine(last_day, time(16), ZoneInfo(calendar.zone)))


def _months(spec: FutureSpec, today: date) -> Iterator[tuple[int, int]]:
    """The next listed months that have not ended."""
    year, month, found = today.year, today.month, 0
    while found < FUTURE_MONTHS_LISTED:
        if MONTH_CODES[month - 1] in spec.months and spec.last_trade(year, month) >= today:
            found += 1
            yield year, month
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _chain(underlying: Instrument, today: date, step: Decimal) -> Iterator[Instrument]:
    """Four weekly and two more monthly expiries, eleven strikes around the reference price, calls and puts."""
    friday = today + timedelta(days=(FRIDAY - today.weekday()) % 7 or 7)
    days = [friday + timedelta(weeks=week) for week in range(4)]
    year, month = days[-1].year, days[-1].month
    for _ in range(2):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        days.append(nth_weekday(year, month, FRIDAY, 3))
    centre = (underlying.reference_price / step).to_integral_value() * step
    for day in days:
        expiry = day if is_business_day(day) else business_days_back(day, 1)
        for offset in range(-5, 6):
            for right in ("C", "P"):
                yield option(underlying, expiry, centre + offset * step, right)
