"""What is written is read back: at the newest version all of it, at older ones everything they can carry."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.wire.codec import decode_reply, decode_request, encode_reply, encode_request
from engine.wire.errors import FieldUnavailable, InvalidValue, MessageUnavailable
from wire.messages import REPLIES, REPLY_TYPES, REQUEST_TYPES, REQUESTS, VERSIONS, structs

versions = st.sampled_from(VERSIONS)


def assert_nothing_changed(sent: Any, received: Any) -> None:
    """Every value is the one sent, or the default where the version or the order type has no place for it."""
    assert type(sent) is type(received)
    for info in msgspec.structs.fields(sent):
        ours, theirs = getattr(sent, info.name), getattr(received, info.name)
        if ours == theirs:
            continue
        if isinstance(ours, msgspec.Struct) and theirs is not None:
            assert_nothing_changed(ours, theirs)
            continue
        if isinstance(ours, tuple) and len(ours) == len(theirs) and isinstance(ours[0], msgspec.Struct):
            for mine, other in zip(ours, theirs, strict=True):
                assert_nothing_changed(mine, other)
            continue
        default = info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory()
        assert theirs == default, info.name


@settings(deadline=None, max_examples=300)
@given(reply=REPLIES, version=versions)
def test_a_reply_is_read_as_it_was_written(reply: Any, version: int) -> None:
    try:
        payload = encode_reply(reply, version)
    except MessageUnavailable:
        return
    received = decode_reply(payload, version)
    assert_nothing_changed(reply, received)
    assert encode_reply(received, version) == payload


@settings(deadline=None, max_examples=300)
@given(request=REQUESTS, version=versions)
def test_a_request_is_read_as_it_was_written(request: Any, version: int) -> None:
    try:
        payload = encode_request(request, version)
    except (MessageUnavailable, FieldUnavailable):
        return
    except InvalidValue as refusal:  # a fraction of a share, before there were any
        assert version == 100 and "fraction" in str(refusal)
        return
    received = decode_request(payload, version)
    assert_nothing_changed(request, received)
    assert encode_request(received, version) == payload


@pytest.mark.parametrize("kind", [*REPLY_TYPES, *REQUEST_TYPES], ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=10)
@given(data=st.data())
def test_every_kind_of_message_survives_every_version(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    message = data.draw(structs(kind))
    encode, decode = (encode_reply, decode_reply) if kind in REPLY_TYPES else (encode_request, decode_request)
    carried = 0
    for version in VERSIONS:
        try:
            payload = encode(message, version)
        except (MessageUnavailable, FieldUnavailable, InvalidValue):
            continue
        assert_nothing_changed(message, decode(payload, version))
        carried += 1
    assert carried
