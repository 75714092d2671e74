"""What we write as a server arrives in ib_async and in IBKR's newest client with the values we said."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.comparing import misheard
from conformance.hearing import callbacks
from conformance.inprocess import IbAsyncListener, NautilusListener
from conformance.names import IB_ASYNC, NAUTILUS, Client
from conformance.readable import can_hear, readable
from conformance.reply_samples import AVAILABLE_SINCE, KINDS, reply
from conformance.samples import Dice
from engine.wire.codec import decode_reply, encode_reply
from engine.wire.replies import CompletedOrder, OpenOrder, Reply

Listener = IbAsyncListener | NautilusListener
_LISTENERS: dict[str, Callable[[int], Listener]] = {
    IB_ASYNC.name: functools.cache(IbAsyncListener),
    NAUTILUS.name: functools.cache(NautilusListener),
}
READINGS = 5  # the codec reads a shape that it has seen a few times in another, faster way
both_clients = pytest.mark.parametrize("client", [IB_ASYNC, NAUTILUS], ids=lambda client: client.name)


def assert_heard(said: Reply, client: Client, version: int) -> None:
    """The client's callbacks carry our values, and we read our own message as what was said."""
    payload = encode_reply(said, version)
    wrong = misheard(callbacks(said, client, version), _LISTENERS[client.name](version).hear(payload), client)
    assert not wrong, f"{client.name} at {version}: {wrong}\n{said}\n{payload!r}"
    read = decode_reply(payload, version)
    for _ in range(READINGS):
        assert decode_reply(payload, version) == read
    assert encode_reply(read, version) == payload


@both_clients
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_reply_at_every_version_arrives_with_its_values(kind: type[Reply], client: Client) -> None:
    for version in client.versions:
        if version >= AVAILABLE_SINCE.get(kind, 0) and can_hear(kind, client, version):
            for seed in range(3):
                dice = Dice(1000 * version + seed, unset_pct=5)
                assert_heard(readable(reply(dice, kind, version), client, version, dice), client, version)


@both_clients
@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_random_orders_of_all_families_arrive_with_their_values(client: Client, seed: int, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(client.versions))
    dice = Dice(seed, unset_pct=5)
    for kind in (OpenOrder, CompletedOrder):
        if version >= AVAILABLE_SINCE.get(kind, 0) and can_hear(kind, client, version):
            for _ in range(3):
                assert_heard(readable(reply(dice, kind, version), client, version, dice), client, version)


@both_clients
def test_zero_blank_and_unset_stay_three_things_on_their_way_through_us(client: Client) -> None:
    """What the clients cannot tell apart, our own reader still can."""
    for kind in KINDS:
        for seed in range(20):
            dice = Dice(seed, unset_pct=30, blank_pct=30)
            said = reply(dice, kind, client.version_max)
            for _ in range(READINGS):
                assert decode_reply(encode_reply(said, client.version_max), client.version_max) == said
