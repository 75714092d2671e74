"""Whatever bytes a client sends: nothing breaks, the others go on, and no order reaches TWS that was not judged."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.core.preflight.settings import DEFAULTS
from engine.wire.codec import encode_request
from engine.wire.frames import frame
from engine.wire.replies import CurrentTime
from engine.wire.requests import ReqCurrentTime
from gateway.fuzzing import fuzz
from gateway.post import AAPL, SPY, Post, order, post

WORDS = [b"", b"0", b"1", b"-1", b"1e9", b"nan", b"BUY", b"BAG", b"\xff", b"2147483647"]


def spoiled(rng: random.Random, payload: bytes) -> bytes:
    """An order in which something is not as it was."""
    fields = payload.split(b"\0")
    for _ in range(rng.randint(0, 3)):
        place = rng.randrange(len(fields))
        match rng.randrange(4):
            case 0:
                fields[place] = rng.choice(
                    [b"", b"0", b"1", b"-1", b"1e9", b"nan", b"BUY", b"BAG", b"\xff", b"2147483647"]
                )
            case 1:
                del fields[place]
            case 2:
                fields.insert(place, rng.choice([b"", b"1", b"3"]))
            case _:
                other = rng.randrange(len(fields))
                fields[place], fields[other] = fields[other], fields[place]
        if not fields:
            fields = [b"3"]
    return b"\0".join(fields)


@settings(max_examples=15)
@given(st.integers(0, 10**9))
def test_spoiled_orders_never_reach_tws_unjudged(seed: int) -> None:
    async def test(it: Post) -> None:
        rng = random.Random(seed)
        client, other = await it.client(21), await it.client(22)
        for n in range(1, 60):
            contract = rng.choice([SPY, AAPL])
            asked = order(
                rng.randint(1, 20), contract, rng.choice(["BUY", "SELL"]), rng.randint(1, 400), rng.randint(1, 9)
            )
            payload = encode_request(asked, client.session.version)
            if not client.transport.is_closing():
                client.transport.write(frame(spoiled(rng, payload)))
            if n % 20 == 0:
                await asyncio.sleep(2)
        await asyncio.sleep(5)
        orders = it.login.exchange.open_orders(include_untransmitted=True)
        seen = [one for one in orders if one.request.client_id == 21]
        passed = it.desk.tally.counts["orders passed"]
        assert len(seen) <= passed
        await other.ask(ReqCurrentTime(), CurrentTime)

    with tempfile.TemporaryDirectory() as home:
        post(Path(home), test, settings=DEFAULTS)


@pytest.mark.parametrize("seed", range(10))
def test_noise_ends_no_one_but_its_sender(tmp_path: Path, seed: int) -> None:
    async def test(it: Post) -> None:
        rng = random.Random(seed)
        client, other = await it.client(21), await it.client(22)
        for _ in range(200):
            if client.transport.is_closing():
                client = await it.client(21 + rng.randint(5, 5000))
            data = rng.randbytes(rng.randint(1, 200))
            client.transport.write(frame(data) if rng.random() < 0.9 else data)
        await asyncio.sleep(5)
        await other.ask(ReqCurrentTime(), CurrentTime)
        assert it.desk.tally.counts["orders passed"] == 0

    post(tmp_path, test)


@settings(max_examples=2, phases=(Phase.generate,))
@given(st.integers(0, 10**9))
def test_mutated_messages_of_both_ends_break_nothing(seed: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        done = fuzz(seed, 600, Path(home))
    assert done["to TWS"] and done["to the client"]
