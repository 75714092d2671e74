"""ib_insync, ibapi 9.81.1 and @stoqey/ib over a socket, each in its own environment: both directions, every version.

One process start per client plays all its sessions; the tests then look at different parts of what happened.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import msgspec
import pytest

from conformance.comparing import difference, misheard
from conformance.environments import ELSEWHERE, play
from conformance.hearing import callbacks
from conformance.names import IB_INSYNC, IBAPI_9, STOQEY, Client, Family
from conformance.order_samples import FAMILIES, place_order
from conformance.readable import can_hear, readable
from conformance.reply_samples import AVAILABLE_SINCE, KINDS, reply
from conformance.request_samples import request
from conformance.samples import Dice
from conformance.scripted import DONE_S, READY_S, Script, Transcript
from conformance.speech import SPOKEN, call
from engine.wire.codec import decode_request, encode_request
from engine.wire.errors import MalformedMessage, MessageUnavailable
from engine.wire.replies import CurrentTime, ManagedAccounts, NextValidId, Reply
from engine.wire.requests import PlaceOrder, Request

pytestmark = pytest.mark.clients
every_client = pytest.mark.parametrize("client", ELSEWHERE, ids=lambda client: client.name)

# What a client tells its wrapper about the connection itself.
_ABOUT_THE_CONNECTION = {"tcpDataArrived", "tcpDataProcessed", "connectAck", "setEventsDone", "connectionClosed"}


@dataclass(frozen=True)
class Played:
    """One session: what was said to the client and by it, and what came of it."""

    version: int
    said: list[Reply]
    asked: list[Request]
    transcript: Transcript


# Every version that changed a message we speak, and the neighbours that changed nothing left out.
_VERSIONS = (
    *(100, 101, 102, 103, 105, 106, 109, 110, 111, 114, 121, 122, 126, 127, 129, 130, 131, 132, 134, 135, 136, 138),
    *(139, 141, 142, 144, 145, 148, 150, 151, 152, 153, 157, 158, 159, 160, 162, 163, 164, 166, 169, 170, 176, 177),
    178,
)


@functools.cache
def sessions(client: Client) -> list[Played]:
    """A session at every version that matters to this client, played with one process start."""
    versions = [version for version in _VERSIONS if version in client.versions]
    plans = [(version, _replies(client, version), _requests(client, version)) for version in versions]
    scripts = [Script(version, said, [call(q, client, version) for q in asked]) for version, said, asked in plans]
    played = zip(plans, play(client, scripts), strict=True)
    return [Played(version, said, asked, transcript) for (version, said, asked), transcript in played]


def _replies(client: Client, version: int) -> list[Reply]:
    said = []
    for kind in KINDS:
        if version >= AVAILABLE_SINCE.get(kind, 0) and can_hear(kind, client, version):
            for seed in range(2):
                dice = Dice(1000 * version + seed, unset_pct=5)
                said.append(readable(reply(dice, kind, version), client, version, dice))
    return [r for r in said if not (isinstance(r, CurrentTime) and r.time_s in (READY_S, DONE_S))]


def _requests(client: Client, version: int) -> list[Request]:
    asked: list[Request] = []
    for kind in SPOKEN:
        if kind is not PlaceOrder:
            drawn = request(Dice(version), kind, client, version)
            try:
                encode_request(drawn, version)
            except MessageUnavailable:
                continue  # what the version does not have; test_our_requests.py looks at that
            asked.append(drawn)
    for number, family in enumerate(FAMILIES):
        asked.append(place_order(Dice(version + 1000 * number), client, version, family))
    return asked


@every_client
def test_the_opening_is_understood_at_every_version(client: Client) -> None:
    for played in sessions(client):
        assert played.transcript.started is not None
        assert played.transcript.started.client_id == 7
    hello = sessions(client)[0].transcript.hello
    assert hello is not None
    assert hello.min_version == client.version_min
    assert hello.max_version == (193 if client is STOQEY else client.version_max)


@every_client
def test_every_reply_arrives_with_its_values(client: Client) -> None:
    for played in sessions(client):
        said = [NextValidId(1), ManagedAccounts(("DU1", "DU2")), *played.said]
        expected = [heard for one in said for heard in callbacks(one, client, played.version)]
        heard = [event for event in played.transcript.heard if event[0] not in _ABOUT_THE_CONNECTION]
        if client is IB_INSYNC and heard and heard[-1] == ("complaint", ["Peer closed connection.", "None"]):
            heard.pop()  # it notices the end of the session before it ends it
        wrong = misheard(expected, heard, client)
        assert not wrong, f"{client.name} at {played.version}: {wrong[:10]}"


@every_client
def test_every_request_is_read_and_written_again(client: Client) -> None:
    """The Python clients' bytes are ours exactly. @stoqey/ib spells numbers as JavaScript does: equal in meaning."""
    for played in sessions(client):
        assert len(played.transcript.sent) == len(played.asked), f"{client.name} at {played.version}"
        for asked, sent in zip(played.asked, played.transcript.sent, strict=True):
            where = f"{client.name} at {played.version}: {asked}\n"
            ours = encode_request(asked, played.version)
            read = decode_request(sent, played.version)
            if client.family is not Family.STOQEY:
                assert ours == sent, where + difference(ours, sent)
            assert _meaning(read) == _meaning(decode_request(ours, played.version)), where + difference(ours, sent)
            if isinstance(read, PlaceOrder):
                again = encode_request(read, played.version)
                assert again == sent, where + difference(again, sent)


def _meaning(read: Request) -> Request:
    """Without the spelling that an order keeps of itself."""
    return msgspec.structs.replace(read, spelling=None) if isinstance(read, PlaceOrder) else read


# --- orders that a client writes in a way of its own: refused, never misread -----------------------------------------


def _one_order(client: Client, version: int, family: str, **changes: object) -> bytes:
    asked = place_order(Dice(5), client, version, family)
    for name in ("contract", "order"):
        part = getattr(asked, name)
        mine = {key: value for key, value in changes.items() if hasattr(part, key)}
        asked = msgspec.structs.replace(asked, **{name: msgspec.structs.replace(part, **mine)})
    (transcript,) = play(client, [Script(version, (), [call(asked, client, version)])])
    (sent,) = transcript.sent
    return sent


def test_scale_fields_of_stoqey_without_an_increment_are_refused() -> None:
    """It writes the seven scale details for any increment, also for zero; TWS and everybody else only above zero."""
    sent = _one_order(STOQEY, 176, "plain", scale_price_increment=msgspec.json.decode(b"0", type=int))
    with pytest.raises(MalformedMessage):
        decode_request(sent, 176)


def test_a_lower_case_bag_of_stoqey_is_refused() -> None:
    """It compares the type without regard to case and adds legs where TWS expects none."""
    sent = _one_order(STOQEY, 176, "plain", sec_type="bag")
    with pytest.raises(MalformedMessage):
        decode_request(sent, 176)


def test_the_newer_spelling_of_a_pegged_order_by_the_old_ibapi_is_refused() -> None:
    """It knows PEG BENCH but not PEGBENCH, for which it leaves out the five fields that belong to it."""
    sent = _one_order(IBAPI_9, 157, "plain", order_type="PEGBENCH")
    with pytest.raises(MalformedMessage):
        decode_request(sent, 157)
