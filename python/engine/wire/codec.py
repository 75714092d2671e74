"""The codec: payload to typed message and back, for both directions, at every server version from 100 to 178.

A payload is a frame without its length. Unknown ids come back as UnknownRequest or UnknownReply; a known id whose
fields do not fit raises MalformedMessage. Must never guess and never drop: a decoded message accounts for every field.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import msgspec

from engine.wire import (
    layouts_account,
    layouts_contract,
    layouts_history,
    layouts_market,
    layouts_open_order,
    layouts_orders,
    layouts_place_order,
    layouts_session,
)
from engine.wire.compiling import FIRST_FIELDS
from engine.wire.errors import InvalidValue, MalformedMessage, MessageUnavailable, UnsupportedVersion
from engine.wire.layout import Layout
from engine.wire.plans import ReadPlan, WritePlan
from engine.wire.replies import Reply, UnknownReply
from engine.wire.requests import PlaceOrder, Request, UnknownRequest
from engine.wire.shapes import Decode
from engine.wire.spelling import keep_spelling

VERSION_MIN = 100
VERSION_MAX = 178

SUBJECTS = (
    layouts_session,
    layouts_account,
    layouts_orders,
    layouts_market,
    layouts_contract,
    layouts_history,
    layouts_place_order,
    layouts_open_order,
)


class _Direction:
    """All layouts of one direction, compiled when first used at a version."""

    def __init__(
        self, layouts: tuple[Layout, ...], unknown: Callable[[int | None, bytes], Any], *, strict: bool
    ) -> None:
        self._by_id = {str(entry.message_id): entry for entry in layouts}
        self._by_type = {entry.message: entry for entry in layouts}
        self._unknown = unknown
        self._strict = strict
        self._readers: dict[int, dict[str, ReadPlan]] = {}
        self._writers: dict[tuple[type, int], WritePlan] = {}
        self.quick: dict[int, dict[str, Decode]] = {}  # version -> id -> reader

    def decode(self, payload: bytes, version: int) -> Any:
        """Read a message the careful way."""
        _check_version(version)
        fields = _split(payload)
        plan = self._readers.get(version, {}).get(fields[0])
        if plan is None:
            entry = self._by_id.get(fields[0])
            if entry is None or version < entry.since:
                return self._unknown(_message_id(fields[0]), payload)
            install = partial(self.quick.setdefault(version, {}).__setitem__, fields[0])
            plan = ReadPlan(entry, version, install)
            self._readers.setdefault(version, {})[fields[0]] = plan
        return plan.read(fields)

    def encode(self, message: Any, version: int) -> bytes:
        if isinstance(message, UnknownReply | UnknownRequest):
            return message.payload
        plan = self._writers.get((type(message), version))
        if plan is None:
            plan = self._writers[type(message), version] = self._write_plan(type(message), version)
        return _join(plan.fields(message), type(message).__name__)

    def _write_plan(self, message: type, version: int) -> WritePlan:
        _check_version(version)
        entry = self._by_type.get(message)
        if entry is None:
            raise InvalidValue(message.__name__, "is not a message of this direction")
        if version < entry.since:
            raise MessageUnavailable(message.__name__, version, entry.since)
        return WritePlan(entry, version, strict=self._strict)


def _split(payload: bytes) -> list[str]:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = payload.decode("latin-1")  # an old TWS in its own code page; every byte keeps a character
    fields = text.split("\0")
    if fields.pop():
        first = _message_id(fields[0]) if fields else None
        raise MalformedMessage(first, "end", len(fields), "the last field has no end")
    if not fields:
        raise MalformedMessage(None, "id", 0, "the message is empty")
    return fields


def _join(fields: list[str], name: str) -> bytes:
    try:
        payload = ("\0".join(fields) + "\0").encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(name, f"holds text that is not valid Unicode ({error.reason})") from None
    if payload.count(0) != len(fields):
        raise InvalidValue(name, "holds text with a NUL in it, which would end the field early")
    return payload


def _message_id(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None


def _check_version(version: int) -> None:
    if not VERSION_MIN <= version <= VERSION_MAX:
        raise UnsupportedVersion(str(version), VERSION_MIN, VERSION_MAX)


_REPLIES = _Direction(tuple(entry for subject in SUBJECTS for entry in subject.REPLIES), UnknownReply, strict=False)
_REQUESTS = _Direction(tuple(entry for subject in SUBJECTS for entry in subject.REQUESTS), UnknownRequest, strict=True)
_QUICK_REQUESTS = _REQUESTS.quick


def encode_request(request: Request, version: int) -> bytes:
    """Write a request. A value this server version cannot carry raises FieldUnavailable."""
    payload = _REQUESTS.encode(request, version)
    if isinstance(request, PlaceOrder) and request.spelling is not None and request.spelling.canonical == payload:
        return request.spelling.original
    return payload


def decode_request(payload: bytes, version: int) -> Request:
    """Read a request. An order that would not be written again as it came is malformed."""
    request: Request
    try:
        text = payload.decode()
        fields = text.split("\0", FIRST_FIELDS)
        request = _QUICK_REQUESTS[version][fields[0]](fields, text)
    except (KeyError, ValueError, ArithmeticError):
        request = _REQUESTS.decode(payload, version)
    if isinstance(request, PlaceOrder):
        spelling = keep_spelling(3, _REQUESTS.encode(request, version), payload)
        if spelling is not None:
            return msgspec.structs.replace(request, spelling=spelling)
    return request


def encode_reply(reply: Reply, version: int) -> bytes:
    """Write a reply. Fields an older client does not know are left out, as TWS does."""
    return _REPLIES.encode(reply, version)


@cache
def reply_decoder(version: int) -> Callable[[bytes], Reply]:
    """The function that reads replies at this server version. It raises MalformedMessage."""
    _check_version(version)
    quick = _REPLIES.quick.setdefault(version, {})
    carefully = _REPLIES.decode

    def decode(payload: bytes) -> Reply:
        try:  # nearly every message looks like one before it; what does not, raises and is read the careful way
            text = payload.decode()
            fields = text.split("\0", FIRST_FIELDS)
            return quick[fields[0]](fields, text)  # type: ignore[no-any-return]
        except (KeyError, ValueError, ArithmeticError):
            return carefully(payload, version)  # type: ignore[no-any-return]

    return decode


def decode_reply(payload: bytes, version: int) -> Reply:
    """Read one reply. Whoever reads many at one version takes `reply_decoder`."""
    return reply_decoder(version)(payload)
