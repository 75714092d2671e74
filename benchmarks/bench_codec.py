"""How fast is the codec? Decoding beside ib_async's decoder; the head parse of an order beside a split of its bytes.

    python benchmarks/bench_codec.py [--quick]

Both decoders get the same payloads in the same rounds. ib_async's side is what its client does with a payload: decode
the text, split it, hand it to the Decoder, which calls the wrapper; this wrapper does nothing. Ends with 1 when a
requirement is missed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import types
from collections.abc import Callable

from ib_async.decoder import Decoder

from _day import MESSAGES, Day
from _measure import Timing, columns, interleaved
from _table import Row, show
from engine.wire.codec import decode_reply, encode_reply, encode_request
from engine.wire.order_facts import parse_order_facts
from engine.wire.requests import PlaceOrder

VERSION = 178
PAYLOADS = 50  # of each kind, all different
ORDERS = 200
DECODE_SHARE_MAX = 1 / 3  # at least three times as fast
ORDER_FACTS_SHARE_MAX = 1.5

Run = Callable[[], None]


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


def ours(payloads: list[bytes]) -> Run:
    def run() -> None:
        for payload in payloads:
            decode_reply(payload, VERSION)

    return run


def ib_async(payloads: list[bytes]) -> Run:
    decoder = Decoder(Silent(), VERSION)
    decoder.logger = _Loud("ib_async")
    interpret = decoder.interpret

    def run() -> None:
        for payload in payloads:
            fields = payload.decode(errors="backslashreplace").split("\0")
            fields.pop()
            interpret(fields)

    return run


def compare_decoders(day: Day, rounds: int) -> tuple[list[list[str]], float]:
    """A table row for each kind of reply, and our share of ib_async's time over the whole mix."""
    rows = []
    whole_mix: list[bytes] = []
    for kind, (per_thousand, make) in MESSAGES.items():
        payloads = [encode_reply(make(day), VERSION) for _ in range(PAYLOADS)]
        whole_mix += [payloads[place % PAYLOADS] for place in range(per_thousand)]
        timings = interleaved(
            {"ours": ours(payloads), "theirs": ib_async(payloads)}, operations=PAYLOADS, rounds=rounds
        )
        rows.append(_row(kind.__name__, timings["ours"], timings["theirs"]))
    day.shuffle(whole_mix)
    timings = interleaved(
        {"ours": ours(whole_mix), "theirs": ib_async(whole_mix)}, operations=len(whole_mix), rounds=rounds
    )
    rows.append(_row("a day's mix", timings["ours"], timings["theirs"]))
    return rows, timings["ours"].share_of(timings["theirs"])


def _row(name: str, mine: Timing, theirs: Timing) -> list[str]:
    return [name, f"{mine.median_ns:.0f}", f"{theirs.median_ns:.0f}", f"{1 / mine.share_of(theirs):.1f} ×"]


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

    timings = interleaved({"facts": facts, "split": split}, operations=ORDERS, rounds=rounds)
    share = timings["facts"].share_of(timings["split"])
    fields = payloads[0].count(0)
    row = [f"placeOrder head, {fields} fields", f"{timings['facts'].median_ns:.0f}"]
    return [*row, f"{timings['split'].median_ns:.0f}", f"{1 / share:.1f} ×"], share


def main() -> int:
    parser = argparse.ArgumentParser(description="How fast is the codec?")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: seconds instead of half a minute")
    rounds = 40 if parser.parse_args().quick else 300
    day = Day(20261120)
    rows, decode_share = compare_decoders(day, rounds)
    facts_row, facts_share = compare_order_facts(day, 5 * rounds)
    print(columns(["ns per decode", "ours", "ib_async", "faster"], rows), end="\n\n")
    print(columns(["ns per parse", "ours", "bytes.split", "faster"], [facts_row]), end="\n\n")
    return show(
        f"The codec, server version {VERSION}, Python {sys.version.split()[0]}; medians of {rounds} interleaved rounds",
        [
            Row("decode of a day's mix ÷ ib_async's", decode_share, DECODE_SHARE_MAX, "at least 3 × as fast"),
            Row("parse_order_facts ÷ bytes.split of all fields", facts_share, ORDER_FACTS_SHARE_MAX),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
