"""One rule for names: which are one, which are free, and which login somebody means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.names import LENGTH_MAX, called, free_name, is_plain, is_usable, name_key

SOME = st.text(alphabet="aAbB-_ \tß\x00\u00e4\u00c4", max_size=LENGTH_MAX + 4)


@given(SOME, st.lists(SOME, max_size=8))
def test_a_free_name_is_usable_and_nobody_elses(name: str, taken: list[str]) -> None:
    free = free_name(name, taken)
    assert is_usable(free)
    assert name_key(free) not in {name_key(each) for each in taken}


def test_a_name_that_is_free_and_usable_stays_as_it_is() -> None:
    assert free_name("Live", ["paper"]) == "Live"
    assert free_name("Live", ["live", "LIVE-2"]) == "Live-3"
    assert free_name("n" * LENGTH_MAX, ["N" * LENGTH_MAX]) == "n" * (LENGTH_MAX - 2) + "-2"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("live", ["live"]),
        ("Live", ["Live-2"]),
        ("LIVE", ["live", "Live-2"]),
        ("live-2", ["Live-2"]),
        ("lvie", []),
    ],
)
def test_what_is_written_exactly_so_comes_before_what_differs_in_capitals(word: str, meant: list[str]) -> None:
    assert called(word, ["live", "Live-2", "paper"], {"Live-2": "Live"}) == meant


def test_a_name_that_two_tables_have_means_both() -> None:
    assert called("a", ["a", "a-2"], {"a-2": "a"}) == ["a", "a-2"]


@pytest.mark.parametrize("name", ["", "-", "_-", "a b", "ü", "n" * (LENGTH_MAX + 1), "a.b"])
def test_a_configuration_names_logins_plainly(name: str) -> None:
    assert not is_plain(name)
    assert is_plain("a-1_B") and is_plain("n" * LENGTH_MAX)
