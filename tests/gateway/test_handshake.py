"""The first words: held down to what is read here, whatever the two ends say; and never led elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gateway.handshake import API, FirstWords, Offer, own_answer, read_answer, read_offer
from engine.wire.codec import VERSION_MAX, VERSION_MIN
from engine.wire.errors import NotTws, ProtocolError, Redirected, UnsupportedVersion
from engine.wire.frames import frame
from engine.wire.sessions import ServerSession

VERSIONS = st.integers(0, 300)
OPTIONS = st.sampled_from([b"", b" +PACEAPI", b" anything at all"])


@given(VERSIONS, VERSIONS, OPTIONS)
def test_what_is_passed_on_offers_no_more_than_is_read_and_is_the_same_otherwise(
    low: int, high: int, options: bytes
) -> None:
    offer = read_offer(b"v%d..%d%s" % (low, high, options))
    if offer.refusal:
        assert low > VERSION_MAX or high < VERSION_MIN or low > high
        return
    found = FirstWords(API).feed(offer.passed_on())
    assert found is not None and found[1] == b""
    again = read_offer(found[0])
    assert (again.low, again.options) == (low, options)
    assert again.high == min(high, VERSION_MAX)


def test_an_offer_of_one_version_stays_one() -> None:
    assert read_offer(b"v157").passed_on() == API + frame(b"v157")


@pytest.mark.parametrize("words", [b"", b"v", b"GET / HTTP/1.1", b"v1..2..3", b"v100..178\0x", b"v-1", b"v9999999999"])
def test_what_no_client_says_is_no_offer(words: bytes) -> None:
    with pytest.raises(NotTws):
        read_offer(words)


@given(st.integers(0, 400), VERSIONS, VERSIONS)
def test_tws_may_choose_only_what_both_ends_read(version: int, low: int, high: int) -> None:
    answer = b"%d\x0020260311 10:30:00 EST\0" % version
    try:
        chosen = read_answer(answer, Offer(low, high))
    except UnsupportedVersion:
        assert not (max(low, VERSION_MIN) <= version <= min(high, VERSION_MAX))
        return
    assert chosen == version and low <= version <= min(high, VERSION_MAX)


def test_a_redirect_is_never_passed_on() -> None:
    with pytest.raises(Redirected):
        read_answer(b"-1\x00evil.example:7496\0", Offer(100, 178))


@given(st.binary(max_size=40), st.integers(1, 39))
def test_first_words_are_whole_or_nothing_however_they_arrive(tail: bytes, cut: int) -> None:
    data = API + frame(b"v100..178") + tail
    whole = FirstWords(API).feed(data)
    pieces = FirstWords(API)
    first = pieces.feed(data[:cut])
    if first is None:
        assert pieces.feed(data[cut:]) == whole
    else:
        assert whole is not None and first[0] == whole[0]


@given(st.binary(min_size=1, max_size=30))
def test_a_socket_that_does_not_begin_as_a_client_is_told_apart_at_once(data: bytes) -> None:
    words = FirstWords(API)
    if API.startswith(data[:4]):
        return
    with pytest.raises(ProtocolError):
        words.feed(data)


def test_a_client_that_is_too_new_reads_a_version_below_its_own() -> None:
    version, hello = own_answer(Offer(213, 225), "20260311 10:30:00 UTC")
    assert version == VERSION_MAX and hello == frame(b"178\x0020260311 10:30:00 UTC\0")
    session = ServerSession()
    with pytest.raises(UnsupportedVersion):
        session.receive(API + frame(b"v213..225"))
