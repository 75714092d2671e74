"""Lines of a report on a narrow screen: their words stay, and what does not fit goes on under its column."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.web.hanging import hanging

LINE = re.compile(r'<span class="(plain|deep)">([^<]*)</span>')


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("paper (paper, DU1234567): FLAT after 1.1 s", "plain"),
        (" FLAT  all 2 logins verified", "plain"),
        ("  closed    long 3 ESH6 at 5999.75", "deep"),
        ("  stops off SELL 3 ESH6 STP", "deep"),
        ("  cancelled SELL 300 AAPL LMT", "deep"),
        ("            short 5 MESH6 at 6000", "deep"),
        ("   0.470 s  live    connected as client 9000", "deep"),
        ("record: /tmp/x", "plain"),
    ],
)
def test_what_stands_in_a_column_goes_on_there(line: str, kind: str) -> None:
    assert LINE.findall(hanging(line)) == [(kind, line)]


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1))
def test_nothing_in_it_is_taken_for_markup_and_no_word_is_lost(line: str) -> None:
    [(_, shown)] = LINE.findall(hanging(line))
    assert html.unescape(shown) == line


def test_an_empty_line_keeps_its_place() -> None:
    assert len(LINE.findall(hanging("a\n\nb"))) == 3
    assert hanging("") == ""
