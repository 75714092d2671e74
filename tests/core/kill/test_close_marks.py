"""The mark of a closing order says whose it is and what was there."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.kill.held.close_marks import CloseMark, by_a_kill, close_mark, read_close_mark

KILL_IDS = st.text("0123456789abcdef.-x", min_size=1, max_size=24)


@given(kill_id=KILL_IDS, number=st.integers(1, 10**8), held=st.decimals("0.0001", 10**9, places=4))
def test_a_mark_is_read_as_it_was_written(kill_id: str, number: int, held: Decimal) -> None:
    written = close_mark(kill_id, number, held)
    assert read_close_mark(written) == CloseMark(kill_id, number, held)
    assert by_a_kill(written)


def test_a_large_position_is_written_in_digits() -> None:
    assert close_mark("k.1", 2, Decimal("1E+3")) == "QEKILL-k.1-2of1000"


def test_an_older_mark_does_not_say_what_was_there() -> None:
    assert read_close_mark("QEKILL-k.1-12") == CloseMark("k.1", 12, None)


@pytest.mark.parametrize(
    "order_ref",
    [
        *("", "exit", "QEKILL", "QEKILL-", "QEKILL-1", "QEKILL--1", "QEKILL-k-", "QEKILL-k-x", "XQEKILL-k-1"),
        *("QEKILL-k-1of", "QEKILL-k-1ofNaN", "QEKILL-k-1of1E5", "QEKILL-k-1of5 ", "QEKILL-k-\u0661"),
        "QEKILL-k-1of" + "9" * 21,
    ],
)
def test_what_no_kill_writes_is_not_read(order_ref: str) -> None:
    assert read_close_mark(order_ref) is None
