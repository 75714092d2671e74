"""The session itself: start, ids, accounts, time, and errors, which are also warnings and notices."""

from __future__ import annotations

from engine.wire import replies, requests
from engine.wire.layout import Layout, escaped, ident, layout, moment, serial, text, version_field, whole
from engine.wire.layout import names as list_of_names

ASCII_ONLY = 153  # from here on TWS escapes characters beyond ASCII in the texts people read

REPLIES: tuple[Layout, ...] = (
    layout(
        4,
        replies.ErrorMessage,
        version_field("2", before=194),
        serial("req_id"),
        ident("code"),
        text("text", before=ASCII_ONLY),
        escaped("text", since=ASCII_ONLY),
        text("advanced_reject_json", since=166),
        whole("time_ms", since=194),
    ),
    layout(9, replies.NextValidId, version_field("1"), ident("order_id")),
    layout(15, replies.ManagedAccounts, version_field("1"), list_of_names("accounts")),
    layout(49, replies.CurrentTime, version_field("1"), moment("time_s")),
)

REQUESTS: tuple[Layout, ...] = (
    layout(8, requests.ReqIds, version_field("1"), ident("count")),
    layout(14, requests.SetServerLogLevel, version_field("1"), ident("level")),
    layout(17, requests.ReqManagedAccounts, version_field("1")),
    layout(49, requests.ReqCurrentTime, version_field("1")),
    layout(71, requests.StartApi, version_field("2"), ident("client_id"), text("optional_capabilities")),
)
