"""What a client is told in TWS's place, in words and codes that client libraries understand. Pure.

Libraries take an order for dead on 201 and for alive on 399. A refused *new* order is dead; of a refused *modify* the
original works on, and what was last heard of it is repeated, so that the client forgets what it had asked for.
"""

from __future__ import annotations

from engine.core.preflight.texts import sentences
from engine.core.preflight.verdict import Verdict
from engine.wire.codec import encode_reply
from engine.wire.frames import frame
from engine.wire.replies import ErrorMessage

REJECTED = 201
CANCELLED = 202
ORDER_MESSAGE = 399
NO_CONNECTION = 502
UPGRADE = 503
CANNOT_VALIDATE = 321
NO_ID = -1


def error(version: int, req_id: int, code: int, text: str) -> bytes:
    """An error message, framed. What is no text to be written is left out of it."""
    clean = " ".join(text.replace("\0", " ").split())
    return frame(encode_reply(ErrorMessage(req_id, code, clean), version))


def refused_order(version: int, order_id: int, why: str) -> bytes:
    return error(version, order_id, REJECTED, f"Order rejected - reason: {why}")


def refused_modify(version: int, order_id: int, why: str, last_heard: tuple[bytes, ...]) -> bytes:
    """`last_heard`: the frames that last told of the original."""
    text = f"Order Message: the change of this order was refused, it works on as it was - reason: {why}"
    return error(version, order_id, ORDER_MESSAGE, text) + b"".join(last_heard)


def withdrawn_order(version: int, order_id: int, why: str) -> bytes:
    return error(version, order_id, CANCELLED, f"Order Canceled - reason: {why}")


def in_words(verdict: Verdict) -> str:
    """Every failed check: which rule, what was seen, what is allowed, what to do."""
    return sentences(verdict).replace("\n", "; ")
