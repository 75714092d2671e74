"""What we write is what ib_async and IBKR's newest client write for the same request, byte for byte."""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.comparing import difference
from conformance.inprocess import IbAsyncSpeaker, NautilusSpeaker
from conformance.names import IB_ASYNC, NAUTILUS, Client
from conformance.order_samples import FAMILIES, place_order
from conformance.request_samples import request
from conformance.samples import Dice
from conformance.speech import SPOKEN
from engine.wire.codec import decode_request, encode_request
from engine.wire.errors import MessageUnavailable
from engine.wire.requests import PlaceOrder, ReqCompletedOrders, Request, StartApi

Speaker = IbAsyncSpeaker | NautilusSpeaker
_SPEAKERS: dict[str, Callable[[int], Speaker]] = {
    IB_ASYNC.name: functools.cache(IbAsyncSpeaker),
    NAUTILUS.name: functools.cache(NautilusSpeaker),
}
both_clients = pytest.mark.parametrize("client", [IB_ASYNC, NAUTILUS], ids=lambda client: client.name)
SEEDS = st.integers(0, 2**32)
READINGS = 5  # the codec reads a shape that it has seen a few times in another, faster way


def assert_same_bytes(request: Request, client: Client, version: int) -> None:
    """The client sends one message, and it is ours; read and written again it is still the same."""
    speaker = _SPEAKERS[client.name](version)
    sent = speaker.say(request)
    complaints = getattr(speaker, "complaints", [])
    assert len(sent) == 1, f"{client.name} at {version} does not send {request}: {complaints}"
    ours = encode_request(request, version)
    assert ours == sent[0], f"{client.name} at {version}: {request}\n{difference(ours, sent[0])}"
    read = decode_request(ours, version)
    for _ in range(READINGS):
        assert decode_request(ours, version) == read
    again = encode_request(read, version)
    assert again == ours, f"{client.name} at {version}, read and written again: {difference(again, ours)}"


@both_clients
@pytest.mark.parametrize("family", FAMILIES)
def test_an_order_of_every_family_at_every_version_is_the_clients(family: str, client: Client) -> None:
    for version in client.versions:
        assert_same_bytes(place_order(Dice(version), client, version, family), client, version)


@both_clients
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, data=st.data())
def test_random_orders_are_the_clients(client: Client, seed: int, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(client.versions))
    dice = Dice(seed)
    for family in FAMILIES:
        assert_same_bytes(place_order(dice, client, version, family), client, version)


@both_clients
@pytest.mark.parametrize("kind", [StartApi, *(kind for kind in SPOKEN if kind is not PlaceOrder)])
def test_every_other_request_at_every_version_is_the_clients(kind: type[Request], client: Client) -> None:
    for version in client.versions:
        for seed in range(3):
            asked = request(Dice(version * 100 + seed), kind, client, version)
            try:
                encode_request(asked, version)
            except MessageUnavailable:
                if (
                    kind is not ReqCompletedOrders
                ):  # the one request that IBKR's client sends without asking its version
                    assert _SPEAKERS[client.name](version).say(asked) == []
                continue
            assert_same_bytes(asked, client, version)


@both_clients
def test_an_order_up_to_the_midpoint_carries_both_offsets(client: Client) -> None:
    """Infinity as the offset makes the message longer. ib_async spells it "Infinite", IBKR "Infinity" as we do."""
    for order_type in ("PEG BEST", "PEGBEST"):
        asked = place_order(Dice(7), client, 176, "pegged to best")
        order = msgspec.structs.replace(
            asked.order,
            order_type=order_type,
            compete_against_best_offset=Decimal("Infinity"),
            mid_offset_at_whole=Decimal("0.01"),
            mid_offset_at_half=Decimal("0.005"),
        )
        asked = msgspec.structs.replace(asked, order=order)
        (sent,) = _SPEAKERS[client.name](176).say(asked)
        ours = encode_request(asked, 176)
        assert ours == sent.replace(b"\0Infinite\0", b"\0Infinity\0"), difference(ours, sent)
        assert ours.endswith(b"\0Infinity\x000.01\x000.005\0")
        assert encode_request(decode_request(sent, 176), 176) == sent


@pytest.mark.parametrize("version", [157, 170, 178])
def test_text_beyond_ascii_is_utf8_as_in_ib_async(version: int) -> None:
    """IBKR's own clients refuse such text; ib_async sends it."""
    asked = place_order(Dice(3), IB_ASYNC, version, "plain")
    order = msgspec.structs.replace(asked.order, order_ref="Zürich-Ω-日経")
    assert_same_bytes(msgspec.structs.replace(asked, order=order), IB_ASYNC, version)
