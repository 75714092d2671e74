"""The page about the pre-flight names every code, in the words that a refused order is answered with."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from engine.core.preflight.texts import page, sentence
from engine.core.preflight.verdict import Code, Failure

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "preflight.md"


def test_the_page_has_every_code_as_it_is_told() -> None:
    assert page().count("\n") == len(Code)
    assert page() in PAGE.read_text(encoding="utf-8")


def test_the_example_on_the_page_is_what_is_really_said() -> None:
    failure = Failure(Code.MAX_CONTRACTS, Decimal(11), Decimal(10), Decimal(2), "futures")
    assert f"\n{sentence(failure)}\n" in PAGE.read_text(encoding="utf-8")
