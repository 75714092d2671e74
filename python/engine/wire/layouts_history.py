"""Historical bars and option series: what clients ask for before they trade."""

from __future__ import annotations

from engine.core.contracts import ComboLeg, Contract
from engine.wire import replies, requests
from engine.wire.layout import (
    Layout,
    Repeat,
    ident,
    inside,
    layout,
    number,
    reference,
    switch,
    text,
    version_field,
    when,
    whole,
)
from engine.wire.layouts_market import client_contract
from engine.wire.order_parts import is_combo

KEPT_UP_TO_DATE = 124  # bars may be kept up to date; the messages lost their version numbers

REPLIES: tuple[Layout, ...] = (
    layout(
        17,
        replies.HistoricalData,
        version_field("3", before=KEPT_UP_TO_DATE),
        ident("req_id"),
        text("start", "end"),
        Repeat(
            "bars",
            replies.Bar,
            (
                *text("date"),
                *number("open", "high", "low", "close", "volume", "average"),
                *text("has_gaps", before=KEPT_UP_TO_DATE),
                *whole("count"),
            ),
        ),
    ),
    layout(
        90,
        replies.HistoricalDataUpdate,
        ident("req_id"),
        whole("count"),
        text("date"),
        number("open", "close", "high", "low", "average", "volume"),
        since=KEPT_UP_TO_DATE,
    ),
    layout(88, replies.HeadTimestamp, ident("req_id"), text("time"), since=118),
    layout(
        75,
        replies.OptionParameters,
        ident("req_id"),
        text("exchange"),
        reference("under_con_id"),
        text("trading_class", "multiplier"),
        Repeat("expirations", None, text("date")),
        Repeat("strikes", None, number("strike")),
        since=104,
    ),
    layout(76, replies.OptionParametersEnd, ident("req_id"), since=104),
)

REQUESTS: tuple[Layout, ...] = (
    layout(
        20,
        requests.ReqHistoricalData,
        version_field("6", before=KEPT_UP_TO_DATE),
        ident("req_id"),
        client_contract(),
        inside("contract", switch("include_expired")),
        text("end_time", "bar_size", "duration"),
        switch("use_rth"),
        text("what_to_show"),
        ident("format_date"),
        inside(
            "contract",
            when(
                "sec_type",
                is_combo,
                Repeat("combo_legs", ComboLeg, (*reference("con_id", "ratio"), *text("action", "exchange"))),
            ),
        ),
        switch("keep_up_to_date", since=KEPT_UP_TO_DATE),
        text("chart_options"),
        contract=Contract,
    ),
    layout(25, requests.CancelHistoricalData, version_field("1"), ident("req_id")),
    layout(
        78,
        requests.ReqSecDefOptParams,
        ident("req_id"),
        text("symbol", "fut_fop_exchange", "sec_type"),
        reference("con_id"),
        since=104,
    ),
    layout(
        87,
        requests.ReqHeadTimestamp,
        ident("req_id"),
        client_contract(),
        inside("contract", switch("include_expired")),
        switch("use_rth"),
        text("what_to_show"),
        ident("format_date"),
        contract=Contract,
        since=118,
    ),
    layout(90, requests.CancelHeadTimestamp, ident("req_id"), since=123),
)
