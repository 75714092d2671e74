"""The words of the core: the journal, the reports and other programs keep them, so none changes by accident."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from enum import Enum

import pytest

import engine.core
from engine.core.facts import QuoteKind
from engine.core.kill.commands import OrderType
from engine.core.limit_rules import Limit

SPELLED_BY_OTHERS = {
    OrderType: {"MARKET": "MKT", "LIMIT": "LMT"},  # IBKR
    QuoteKind: {"LIVE": 1, "FROZEN": 2, "DELAYED": 3, "DELAYED_FROZEN": 4},  # IBKR's marketDataType
    Limit: {  # the causes of the restrictions they impose
        "DAILY": "daily_loss",
        "WEEKLY": "weekly_loss",
        "MONTHLY": "monthly_loss",
        "BREAKER": "circuit_breaker",
    },
}


def enums() -> Iterator[type[Enum]]:
    for found in pkgutil.walk_packages(engine.core.__path__, "engine.core."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Enum) and value.__module__ == found.name:
                yield value


@pytest.mark.parametrize("words", list(enums()), ids=lambda words: f"{words.__module__}.{words.__name__}")
def test_a_word_is_its_name_in_small_letters_or_is_spelled_by_others(words: type[Enum]) -> None:
    found = {name: member.value for name, member in words.__members__.items()}
    if words in SPELLED_BY_OTHERS:
        assert found == SPELLED_BY_OTHERS[words]
    elif str in map(type, found.values()):
        assert found == {name: name.lower() for name in found}
