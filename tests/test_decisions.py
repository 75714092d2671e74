"""The pages of docs/decisions and their index agree: each is found under its own number and title."""

from __future__ import annotations

import re
from pathlib import Path

PAGES = Path(__file__).resolve().parents[1] / "docs" / "decisions"
LINE = re.compile(r"^- \[(\d+)\]\(([^)]+)\) (.+)$", re.MULTILINE)


def test_the_index_leads_to_each_page_once_under_its_own_title() -> None:
    listed = LINE.findall((PAGES / "README.md").read_text(encoding="utf-8"))
    assert len({file for _, file, _ in listed}) == len(listed) > 50
    for number, file, title in listed:
        assert (PAGES / file).read_text(encoding="utf-8").startswith(f"# {number}. {title}\n"), file


def test_no_number_is_that_of_two_decisions() -> None:
    numbers = [path.name[:4] for path in PAGES.glob("[0-9]*.md")]
    assert len(set(numbers)) == len(numbers)
