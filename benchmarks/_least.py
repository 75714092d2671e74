"""The least that reading a small message takes in Python: the bound where the codec cannot be three times as fast.

Each reader here splits the text, converts the numbers and builds the record in a straight line. It checks nothing,
chooses nothing, and finds every number that may repeat in a ready dictionary; only what is always new is converted.
It would be of no use: what is damaged passes, and a message of another kind is misread.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context
from typing import Any

from engine.core.contracts import Contract
from engine.core.units import BLANK
from engine.wire import replies as r
from engine.wire.replies import Reply

Known = dict[str, Any]  # texts and what they mean
Reader = Callable[[bytes, Known], Reply]

_decimal = Context(prec=100).create_decimal


def _tick_price(payload: bytes, known: Known) -> Reply:
    _, _, req_id, kind, price, size, attributes, _ = payload.decode().split("\0")
    return r.TickPrice(known[req_id], known[kind], known[price], known[size], known[attributes])


def _portfolio_value(payload: bytes, known: Known) -> Reply:
    _, _, con_id, f3, f4, f5, strike, f7, f8, f9, f10, f11, f12, size, *rest = payload.decode().split("\0")
    price, value, cost, unrealized, realized, account, _ = rest
    contract = Contract(known[con_id], f3, f4, f5, known[strike], f7, f8, "", f9, f10, f11, f12)
    made = _decimal(price), _decimal(value), known[cost], _decimal(unrealized), known[realized]
    return r.PortfolioValue(contract, known[size], *made, account)


def _pnl(payload: bytes, known: Known) -> Reply:
    _, req_id, daily, unrealized, realized, _ = payload.decode().split("\0")
    return r.PnL(known[req_id], _decimal(daily), _decimal(unrealized), known[realized])


def _pnl_single(payload: bytes, known: Known) -> Reply:
    _, req_id, size, daily, unrealized, realized, value, _ = payload.decode().split("\0")
    made = _decimal(daily), _decimal(unrealized), known[realized], _decimal(value)
    return r.PnLSingle(known[req_id], known[size], *made)


def _order_status(payload: bytes, known: Known) -> Reply:
    _, order_id, status, filled, left, average, perm_id, parent, last, client, held, cap, _ = payload.decode().split(
        "\0"
    )
    ids = known[perm_id], known[parent]
    done = known[filled], known[left], known[average]
    return r.OrderStatus(known[order_id], status, *done, *ids, known[last], known[client], held, known[cap])


def _order_bound(payload: bytes, known: Known) -> Reply:
    _, perm_id, client_id, order_id, _ = payload.decode().split("\0")
    return r.OrderBound(known[perm_id], known[client_id], known[order_id])


def _commission(payload: bytes, known: Known) -> Reply:
    _, _, exec_id, cost, currency, realized, income, date, _ = payload.decode().split("\0")
    return r.CommissionReport(exec_id, known[cost], currency, _decimal(realized), known[income], known[date])


def _error(payload: bytes, known: Known) -> Reply:
    _, _, req_id, code, text, advanced, _ = payload.decode().split("\0")
    return r.ErrorMessage(known[req_id], known[code], text, advanced, BLANK)


def _current_time(payload: bytes, known: Known) -> Reply:
    _, _, time_s, _ = payload.decode().split("\0")
    return r.CurrentTime(int(time_s))


LEAST: dict[type[Reply], Reader] = {
    r.TickPrice: _tick_price,
    r.PortfolioValue: _portfolio_value,
    r.PnL: _pnl,
    r.PnLSingle: _pnl_single,
    r.OrderStatus: _order_status,
    r.OrderBound: _order_bound,
    r.CommissionReport: _commission,
    r.ErrorMessage: _error,
    r.CurrentTime: _current_time,
}
