"""Executions: the day's list with its filters, and single reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.simulator.exchange import Execution, Instrument
from engine.simulator.server import times, words
from engine.wire import replies
from engine.wire.requests import ReqExecutions

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import TwsServer

UNASKED = -1  # the request id of executions that come by themselves
_SIDES = {"BUY": "BOT", "SELL": "SLD"}


def reply(server: TwsServer, done: Execution, req_id: int = UNASKED) -> replies.Execution:
    return words.execution(done, server.exchange.catalogue[done.con_id], req_id, server.orders.shown_id(done))


def answer(server: TwsServer, connection: Connection, asked: ReqExecutions) -> None:
    """Every client's executions since midnight that pass the filter, each with its commission if that is known."""
    since_ns = times.midnight_ns(server.clock.now_ns())
    if asked.time:
        since_ns = max(since_ns, times.parse_filter_time(asked.time) or since_ns)
    for key, done in list(server.memory.executions.items()):
        instrument = server.exchange.catalogue[done.con_id]
        if done.at_ns >= since_ns and _passes(asked, done, instrument):
            connection.send(reply(server, done, asked.req_id))
            cost = server.memory.commissions.get(key)
            if cost is not None:
                connection.send(words.commission_report(cost))
    connection.send(replies.ExecutionsEnd(asked.req_id))


def _passes(asked: ReqExecutions, done: Execution, instrument: Instrument) -> bool:
    """Does the execution agree with every field of the filter that is not blank?"""
    pairs = (
        (asked.client_id or "", done.client_id),
        (asked.account, done.account),
        (asked.symbol, instrument.contract.symbol),
        (asked.sec_type, str(instrument.sec_type)),
        (asked.exchange, done.exchange),
        (_SIDES.get(asked.side.upper(), asked.side), done.side),
    )
    return all(wanted in ("", there) for wanted, there in pairs)
