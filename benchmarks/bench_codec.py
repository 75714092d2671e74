"""How fast is the codec? Decoding beside ib_async's decoder; the head parse of an order beside a split of its bytes.

    python benchmarks/bench_codec.py [--quick]

Both decoders get the same payloads in the same rounds, and no round repeats what another has read: a number is in the
codec's memory only if it would be there in life. ib_async's side is what its client does with a payload: decode the
text, split it, hand it to the Decoder, which calls the wrapper; this wrapper does nothing. Where Python itself stands
in the way of three times as fast, the least that Python takes (_least.py) is measured beside both. Ends with 1 when a
requirement is missed.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import types
from collections.abc import Callable, Iterable
from time import thread_time_ns

from ib_async.decoder import Decoder

from _day import MESSAGES, Day
from _least import LEAST
from _measure import Timing, columns, interleaved
from _table import Row, show
from engine.wire.codec import encode_reply, encode_request, reply_decoder
from engine.wire.order_facts import parse_order_facts
from engine.wire.replies import Reply
from engine.wire.requests import PlaceOrder

VERSION = 178
WARM_UP = 200  # rounds that do not count: a day is long
PAYLOADS = 50  # of a kind in one round
PAYLOADS_MIXED = 500
ORDERS = 200
DECODE_SHARE_MAX = 1 / 3  # at least three times as fast
BOUNDED_SHARE_MAX = 1 / 1.5  # where Python does not allow that
LEAST_SHARE_MAX = 2
ORDER_FACTS_SHARE_MAX = 1.5

Run = Callable[[], None]
Chunks = list[list[bytes]]
_BOUNDED = "bounded by what Python takes"


class Silent:
    """A wrapper that takes every callback and does nothing; each name is looked up once, then it is an attribute."""

    defaultTimezone = None  # noqa: N815 - ib_async's names
    ib = types.SimpleNamespace(TimezoneTWS="")

    def __getattr__(self, name: str) -> Callable[..., None]:
        self.__dict__[name] = _nothing
        return _nothing


def _nothing(*arguments: object) -> None:
    """Any callback."""


class _Loud(logging.Logger):
    """ib_async logs what it cannot decode and goes on: a benchmark of failures would be worth nothing."""

    def exception(self, message: object, *arguments: object, **options: object) -> None:
        raise RuntimeError(f"ib_async did not decode a message: {message}")


def arrival(chunks: Chunks) -> Run:
    """Touch the bytes, which have just been received when they are decoded: whoever comes first must not pay for it."""
    rounds = iter(chunks)

    def run() -> None:
        for payload in next(rounds):
            payload.count(0)

    return run


def ours(chunks: Chunks) -> Run:
    rounds = iter(chunks)
    decode = reply_decoder(VERSION)

    def run() -> None:
        for payload in next(rounds):
            decode(payload)

    return run


def ib_async(chunks: Chunks) -> Run:
    rounds = iter(chunks)
    decoder = Decoder(Silent(), VERSION)
    decoder.logger = _Loud("ib_async")
    interpret = decoder.interpret

    def run() -> None:
        for payload in next(rounds):
            fields = payload.decode(errors="backslashreplace").split("\0")
            fields.pop()
            interpret(fields)

    return run


def least(kind: type[Reply], chunks: Chunks) -> Run:
    rounds = iter(chunks)
    read = LEAST[kind]
    known: dict[str, object] = {}  # what the values are makes no difference to the time
    for text in (text for chunk in chunks for payload in chunk for text in payload.decode().split("\0")):
        known.setdefault(text, text)

    def run() -> None:
        for payload in next(rounds):
            read(payload, known)

    return run


def compare_decoders(day: Day, rounds: int) -> tuple[list[list[str]], list[Row]]:
    """A line for each kind of reply with what it takes, and what is required of it."""
    lines, required = [], []
    for kind, (_, make) in MESSAGES.items():
        name = kind.__name__
        payloads = (encode_reply(make(day), VERSION) for _ in range((rounds + WARM_UP) * PAYLOADS))
        chunks = _chunks(payloads, PAYLOADS)
        timings = _time(chunks, rounds, {"least": least(kind, chunks)} if kind in LEAST else {})
        lines.append(_line(name, timings))
        share = timings["ours"].share_of(timings["theirs"])
        if kind in LEAST:
            share_of_least = timings["ours"].share_of(timings["least"])
            required.append(Row(f"{name} ÷ ib_async's", share, BOUNDED_SHARE_MAX, _BOUNDED))
            required.append(Row(f"{name} ÷ the least that Python takes", share_of_least, LEAST_SHARE_MAX))
        else:
            required.append(Row(f"{name} ÷ ib_async's", share, DECODE_SHARE_MAX))
    return lines, required


def compare_mix(day: Day, rounds: int) -> tuple[list[str], Row]:
    """The same for a part of a day in which every kind comes as often as it does."""
    weights = [per_thousand for per_thousand, _ in MESSAGES.values()]
    makers = day.choices([make for _, make in MESSAGES.values()], weights, k=(rounds + WARM_UP) * PAYLOADS_MIXED)
    timings = _time(_chunks((encode_reply(make(day), VERSION) for make in makers), PAYLOADS_MIXED), rounds, {})
    share = timings["ours"].share_of(timings["theirs"])
    return _line("a day's mix", timings), Row("a day's mix ÷ ib_async's", share, DECODE_SHARE_MAX)


def _chunks(payloads: Iterable[bytes], size: int) -> Chunks:
    """One list for each round, so that no round repeats what another has read."""
    return [list(chunk) for chunk in zip(*[iter(payloads)] * size, strict=True)]


def _time(chunks: Chunks, rounds: int, others: dict[str, Run]) -> dict[str, Timing]:
    contenders = {"arrival": arrival(chunks), "ours": ours(chunks), "theirs": ib_async(chunks), **others}
    gc.collect()
    gc.freeze()  # a collection during a round looks at what that round made, not at the benchmark's own payloads
    return interleaved(contenders, operations=len(chunks[0]), rounds=rounds, warm_up=WARM_UP, clock=thread_time_ns)


def _line(name: str, timings: dict[str, Timing]) -> list[str]:
    ours, theirs = timings["ours"], timings["theirs"]
    line = [name, f"{ours.median_ns:.0f}", f"{theirs.median_ns:.0f}", f"{1 / ours.share_of(theirs):.1f} ×"]
    if "least" not in timings:
        return [*line, "", ""]
    bound = timings["least"]
    return [*line, f"{bound.median_ns:.0f}", f"{1 / bound.share_of(theirs):.1f} ×"]


def compare_order_facts(day: Day, rounds: int) -> tuple[list[str], float]:
    """The head parse and a bare split of all fields of the same orders."""
    orders = [PlaceOrder(day.number(), day.contract(), day.order()) for _ in range(ORDERS)]
    payloads = [encode_request(order, VERSION) for order in orders]

    def facts() -> None:
        for payload in payloads:
            parse_order_facts(payload, VERSION)

    def split() -> None:
        for payload in payloads:
            payload.split(b"\0")

    timings = interleaved({"facts": facts, "split": split}, operations=ORDERS, rounds=rounds, clock=thread_time_ns)
    share = timings["facts"].share_of(timings["split"])
    fields = payloads[0].count(0)
    row = [f"placeOrder head, {fields} fields", f"{timings['facts'].median_ns:.0f}"]
    return [*row, f"{timings['split'].median_ns:.0f}", f"{1 / share:.1f} ×"], share


def main() -> int:
    parser = argparse.ArgumentParser(description="How fast is the codec?")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: seconds instead of half a minute")
    rounds = 40 if parser.parse_args().quick else 150
    day = Day(20261120)
    mix_line, mix_required = compare_mix(day, rounds)
    lines, required = compare_decoders(day, rounds)
    facts_row, facts_share = compare_order_facts(day, 5 * rounds)
    print(
        columns(["ns per decode", "ours", "ib_async", "faster", "the least", "faster"], [*lines, mix_line]), end="\n\n"
    )
    print(columns(["ns per parse", "ours", "bytes.split", "faster"], [facts_row]), end="\n\n")
    return show(
        f"The codec, server version {VERSION}, Python {sys.version.split()[0]}; medians of {rounds} interleaved rounds",
        [
            *required,
            mix_required,
            Row("parse_order_facts ÷ bytes.split of all fields", facts_share, ORDER_FACTS_SHARE_MAX),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
