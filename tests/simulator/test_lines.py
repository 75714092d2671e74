"""A complaint about a scenario file names the line."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest

from engine.simulator.lines import line_of, places
from engine.simulator.scenario import list_scenarios

TEXT = '''\
title = "a # b = [c"   # x = [1
story = """
[[not.a.table]]
key = "no"
"""
other = \'\'\'
[nor.this]\'\'\'
[expect]
text = "\\\\"
[[logins]]
name = "one"
[[logins.accounts]]
positions = [
  { contract = "A", quantity = 1 },  # { not an item }
  { contract = "]", quantity = 2 },
]
[[logins.accounts]]
id = "two"
[[logins]]
[[logins.accounts]]
id = 'three'
'''


def test_tables_keys_and_items_have_their_lines_and_strings_have_none() -> None:
    assert places(TEXT) == {
        "title": 1,
        "story": 2,
        "other": 6,
        "expect": 8,
        "expect.text": 9,
        "logins": 10,
        "logins[0]": 10,
        "logins[0].name": 11,
        "logins[0].accounts": 12,
        "logins[0].accounts[0]": 12,
        "logins[0].accounts[0].positions": 13,
        "logins[0].accounts[0].positions[0]": 14,
        "logins[0].accounts[0].positions[1]": 15,
        "logins[0].accounts[1]": 17,
        "logins[0].accounts[1].id": 18,
        "logins[1]": 19,
        "logins[1].accounts": 20,
        "logins[1].accounts[0]": 20,
        "logins[1].accounts[0].id": 21,
    }


def test_what_has_no_line_of_its_own_has_that_of_what_holds_it() -> None:
    found = places(TEXT)
    assert line_of(found, "logins[0].accounts[0].positions[1].quantity") == 15
    assert line_of(found, "logins[0].accounts[1].cash") == 17
    assert line_of(found, "nothing[3].like.it") is None
    assert line_of(found, "") is None


def paths(data: Any, prefix: str = "") -> list[str]:
    """Every key of a file's data."""
    if isinstance(data, dict):
        named = [(f"{prefix}.{key}".lstrip("."), value) for key, value in data.items()]
        return [path for name, value in named for path in (name, *paths(value, name))]
    if isinstance(data, list):
        return [path for index, item in enumerate(data) for path in paths(item, f"{prefix}[{index}]")]
    return []


@pytest.mark.parametrize("name", list_scenarios())
def test_every_key_of_the_ready_made_files_is_on_the_line_that_is_named(name: str) -> None:
    text = (resources.files("engine.simulator") / "scenarios" / f"{name}.toml").read_text()
    found, lines = places(text), text.splitlines()
    for path in paths(tomllib.loads(text)):
        number = line_of(found, path)
        assert number is not None
        key = path.rpartition(".")[2].partition("[")[0]
        assert key in lines[number - 1] or "[" in path, (path, number)
