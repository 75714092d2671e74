"""Mutated messages in both directions through a gateway, before a TWS that keeps everything it is told.

A few of them run in the suite (test_fuzz). By hand, for as long as one likes, from the repository's folder:

    PYTHONPATH=python:tests .venv/bin/python -m gateway.fuzzing MINUTES [FIRST_SEED]

What must hold of every round: TWS gets whole messages that the client has sent, in number no more orders than were
judged, and nothing that may trade and was not judged; the client gets whole messages that TWS has sent, and the
gateway's own refusals; another client feels nothing; no callback fails.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from conformance.names import IB_ASYNC
from conformance.order_samples import everyday_orders
from conformance.reply_samples import AVAILABLE_SINCE
from conformance.reply_samples import KINDS as REPLIES
from conformance.reply_samples import reply as sample_reply
from conformance.request_samples import request as sample_request
from conformance.samples import Dice
from engine.core.contracts import Contract
from engine.core.preflight.settings import DEFAULTS
from engine.gateway.cutting import Cutter, number_of
from engine.gateway.police import KINDS, Kind
from engine.simulator.virtual import VirtualLoop, run
from engine.wire import replies as r
from engine.wire.codec import encode_reply, encode_request
from engine.wire.errors import LocalError
from engine.wire.events import ClientHello, Started
from engine.wire.frames import frame
from engine.wire.opening import hello, start_api
from engine.wire.requests import PlaceOrder, ReqCurrentTime, Request
from engine.wire.sessions import ServerSession
from gateway.post import DOOR, PAPER_PORT, Post, order
from simulator.wire_client import connect

VERSION = 178
STOCK = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
FUZZED, OTHER = 21, 22
MAY_TRADE = frozenset({Kind.ORDER, Kind.BIND, Kind.EXERCISE, Kind.REFUSED, Kind.UNKNOWN})
ODD = [b"", b"0", b"1", b"-1", b"1e9", b"nan", b"BUY", b"BAG", b"\xff", b"2147483647", b"1.7976931348623157E308"]
BATCH = 40


# --- what is mutated -------------------------------------------------------------------------------------------------
def orders(dice: Dice) -> list[bytes]:
    plain = [order(n, STOCK, "BUY" if n % 2 else "SELL", n, 500 + n) for n in range(1, 9)]
    return [encode_request(one, VERSION) for one in (*plain, *everyday_orders(dice, 12))]


def requests(dice: Dice) -> list[bytes]:
    made = []
    for kind in Request.__subclasses__():
        if kind not in (PlaceOrder,) and kind.__name__ not in ("UnknownRequest", "StartApi"):
            try:
                made.append(encode_request(sample_request(dice, kind, IB_ASYNC, VERSION), VERSION))
            except LocalError:
                continue  # this version has no such message
    return made


def replies(dice: Dice) -> list[bytes]:
    kinds = [one for one in REPLIES if AVAILABLE_SINCE.get(one, 0) <= VERSION]
    return [encode_reply(sample_reply(dice, kind, VERSION), VERSION) for kind in kinds for _ in range(3)]


def mutated(rng: random.Random, payload: bytes) -> bytes:
    """Another message, most of which is still the same."""
    if rng.random() < 0.15:
        return payload
    if rng.random() < 0.2:  # its bytes
        data = bytearray(payload)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data) + 1)
            if rng.random() < 0.5 and place < len(data):
                data[place] = rng.randrange(256)
            elif rng.random() < 0.5:
                del data[place : place + rng.randint(1, 9)]
            else:
                data[place:place] = rng.randbytes(rng.randint(1, 5))
        return bytes(data)
    fields = payload.split(b"\0")
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(fields))
        match rng.randrange(5):
            case 0:
                fields[place] = rng.choice(ODD)
            case 1 if len(fields) > 1:
                del fields[place]
            case 2:
                fields.insert(place, rng.choice(ODD))
            case 3:
                fields[place] = str(rng.choice([0, 1, 2, 3, 5, 7, 100, 10**6, 10**12])).encode()
            case _:
                other = rng.randrange(len(fields))
                fields[place], fields[other] = fields[other], fields[place]
    return b"\0".join(fields)


# --- TWS -------------------------------------------------------------------------------------------------------------
class Tws(asyncio.Protocol):
    """Honest to everybody but the fuzzed client, which hears mutated words."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session = ServerSession()
        self._client_id = 0
        self._raw: Cutter | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._raw is not None and self._raw.holds:
            self._world.halves += 1
        self._world.fuzzed.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._raw is not None:
            self._keep(data)
            return
        for event in self._session.receive(data):
            if isinstance(event, ClientHello):
                self.transport.write(self._session.accept("20260311 10:30:00 EST"))
            elif isinstance(event, Started):
                self._client_id = event.client_id
                self._say(r.ManagedAccounts(("DU1",)), r.NextValidId(1))
                if event.client_id == FUZZED:
                    self._raw = Cutter()
                    self._world.fuzzed.add(self)
            else:
                self._answer(event)

    def _keep(self, data: bytes) -> None:
        assert self._raw is not None
        whole, ends = self._raw.feed(data)
        assert self._raw.fault is None, "TWS would hang up on this"
        start = 0
        for stop in ends:
            self._world.told.append(whole[start:stop])
            start = stop

    def _say(self, *said: r.Reply) -> None:
        self.transport.write(b"".join(self._session.send(one) for one in said))

    def _answer(self, event: object) -> None:
        match event:
            case ReqCurrentTime():
                self._say(r.CurrentTime(1))
            case _ if type(event).__name__ == "ReqPositions":
                self._say(r.Position("DU1", STOCK, Decimal(100), Decimal(500)), r.PositionEnd())
            case _ if type(event).__name__ == "ReqAllOpenOrders":
                self._say(r.OpenOrderEnd())
            case _ if type(event).__name__ == "ReqContractDetails":
                req_id = int(getattr(event, "req_id", 0))
                self._say(r.ContractDetails(req_id, STOCK, min_tick=Decimal("0.01")), r.ContractDetailsEnd(req_id))


class World:
    """What TWS has been told by the fuzzed client, in whole messages."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.fuzzed: set[Tws] = set()
        self.halves = 0


class Ear(asyncio.Protocol):
    """The fuzzed client."""

    def __init__(self) -> None:
        self.cutter = Cutter()
        self.heard: list[bytes] = []
        self.closed = False
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(hello(100, VERSION))  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        whole, ends = self.cutter.feed(data)
        start = 0
        for stop in ends:
            self.heard.append(whole[start:stop])
            start = stop

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True


# --- a round ---------------------------------------------------------------------------------------------------------
def fuzz(seed: int, frames: int, home: Path) -> Counter[str]:
    """A gateway that takes so many mutated frames, about half of them in each direction. AssertionError: a finding."""
    done: Counter[str] = Counter()

    async def main(loop: VirtualLoop) -> None:
        rng, world = random.Random(seed), World()
        await loop.create_server(lambda: Tws(world), "127.0.0.1", PAPER_PORT)
        it = Post(world, loop, home, settings=DEFAULTS)  # type: ignore[arg-type]
        await it.gateway.open()
        await it.warm()
        dice = Dice(seed)
        asked = orders(dice), requests(dice)
        said = replies(dice)
        other = await connect(DOOR, OTHER)
        try:
            while done["to TWS"] + done["to the client"] < frames:
                await one_client(it, world, rng, asked, said, done)
                await other.ask(ReqCurrentTime(), r.CurrentTime)
        finally:
            await it.gateway.close()
            await asyncio.sleep(1)
        assert not [line for line in it.lines if "at fault" in line], it.lines[-5:]
        assert not world.halves, "half a message stood at TWS"

    run(main, seed=seed, limit_s=100_000)
    return done


async def one_client(
    it: Post,
    world: World,
    rng: random.Random,
    asked: tuple[list[bytes], list[bytes]],
    said: list[bytes],
    done: Counter[str],
) -> None:
    """Until it is sent away, or has said a few hundred things."""
    loop, judged = asyncio.get_running_loop(), it.desk.tally.counts
    ear = Ear()
    await loop.create_connection(lambda: ear, "127.0.0.1", DOOR)
    await asyncio.sleep(0.05)
    ear.transport.write(start_api(VERSION, FUZZED))
    await asyncio.sleep(0.3)
    world.told.clear()
    before = judged["orders passed"] + judged["previews passed"] + judged["exercises passed"]
    sent: set[bytes] = set()
    spoken: set[bytes] = set()
    for _ in range(8):
        if ear.closed:
            break
        batch = [frame(mutated(rng, rng.choice(asked[rng.random() < 0.5]))) for _ in range(BATCH)]
        stream = b"".join(batch)
        sent.update(batch)
        if rng.random() < 0.02:
            stream += rng.randbytes(rng.randint(1, 300))
        cut = rng.randrange(len(stream))
        for part in (stream[:cut], stream[cut:]):
            ear.transport.write(part)
            await asyncio.sleep(rng.choice([0, 0, 0.001, 0.4]))
        done["to TWS"] += BATCH
        for tws in tuple(world.fuzzed):
            words = [frame(mutated(rng, rng.choice(said))) for _ in range(BATCH)]
            spoken.update(words)
            data = b"".join(words)
            cut = rng.randrange(len(data))
            tws.transport.write(data[:cut])
            await asyncio.sleep(rng.choice([0, 0.001]))
            tws.transport.write(data[cut:])
            done["to the client"] += BATCH
        await asyncio.sleep(rng.choice([0.01, 1.1, 2.5]))
    await asyncio.sleep(5)
    passed = judged["orders passed"] + judged["previews passed"] + judged["exercises passed"] - before
    look_at(world.told, sent, passed)
    done["orders that passed"] += passed
    own = [one for one in ear.heard[3:] if one not in spoken]
    strange = [one for one in own if number_of(one, 0, len(one)) != b"4"]
    assert not strange, f"TWS has not said this: {strange[:3]}"
    done["answers of the gateway's own"] += len(own)
    if ear.closed:
        done["sent away"] += 1
    ear.transport.close()
    await asyncio.sleep(0.1)


def look_at(told: list[bytes], sent: set[bytes], passed: int) -> None:
    """What has reached TWS."""
    trading = 0
    for message in told:
        assert message in sent, f"nobody has sent this: {message!r}"
        kind = KINDS.get(number_of(message, 0, len(message)), Kind.UNKNOWN)
        assert kind not in (Kind.REFUSED, Kind.UNKNOWN), f"this was to be refused: {message!r}"
        trading += kind in (Kind.ORDER, Kind.EXERCISE)
    assert trading <= passed, f"{trading} orders reached TWS, {passed} were judged and passed"


def main() -> None:
    minutes, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    ends_at, total = time.monotonic() + 60 * minutes, Counter[str]()
    while time.monotonic() < ends_at:
        with tempfile.TemporaryDirectory() as home:
            try:
                total += fuzz(seed, 20_000, Path(home))
            except BaseException:
                sys.stdout.write(f"seed {seed}\n")
                raise
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(f"seed {seed}: {dict(total)}, {memory_mb} MB at most\n")
        sys.stdout.flush()
        seed += 1


if __name__ == "__main__":
    main()
