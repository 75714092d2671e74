"""A reply with more fields than its layout has, read as IBKR's own clients read it: they take what they know and leave
the rest. So are end markers that come without the version field that nobody uses.

The codec refuses both, and rightly so where anything is forwarded or judged by it. But whoever looks after an account
must not go blind because its TWS has grown a field at the end of `position`. What was left unread is always told.
Never an open or completed order: blocks of differing length stand in their middle, so that one field more at the end
may be any field that was not understood. For those see engine.wire.salvage.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.wire.errors import MalformedMessage
from engine.wire.replies import Reply

VARIES_INSIDE = frozenset({5, 101})
BARE_ENDS = frozenset({b"53", b"62"})
"""End markers that say nothing beside that they are one: of open orders, of positions."""


def read_leniently(payload: bytes, error: MalformedMessage, decode: Callable[[bytes], Reply]) -> Reply | None:
    """The message as far as its layout reads; None where it is not merely too long, or an end marker too short."""
    if error.field == "end" and error.message_id not in VARIES_INSIDE:
        fields = payload.split(b"\0")
        kept = fields[: error.offset] if error.offset < len(fields) - 1 else []
    else:
        kept = [payload[:-1], b"1"] if payload[:-1] in BARE_ENDS else []
    if not kept:
        return None
    try:
        return decode(b"\0".join(kept) + b"\0")
    except MalformedMessage:
        return None
