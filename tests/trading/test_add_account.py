"""Adding logins: sensible defaults, and every mistake refused in words, with nothing changed."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from engine.trading import IBKRAccountManager, TradingError, TradingMode, errors


def test_the_defaults_are_those_of_the_emergency_page() -> None:
    manager = IBKRAccountManager()
    manager.add_account("paper", TradingMode.PAPER)
    manager.add_account("live", TradingMode.LIVE)
    configs = [manager._entries.get(name).config for name in manager.logins]
    assert [(c.host, c.port, c.client_id) for c in configs] == [("127.0.0.1", 7497, 1), ("127.0.0.1", 7496, 2)]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": "a" * 41}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": None}, "name"),
        ({"mode": "paper"}, "TradingMode.PAPER"),
        ({"mode": None}, "TradingMode.PAPER"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": "7497"}, "port"),
        ({"port": True}, "port"),
        ({"client_id": -1}, "client id"),
        ({"client_id": 2**31}, "client id"),
        ({"client_id": 1.5}, "client id"),
        ({"host": ""}, "host"),
        ({"host": "two words"}, "host"),
        ({"host": None}, "host"),
    ],
)
def test_what_cannot_be_right_is_refused_and_says_what_to_do(arguments: dict[str, Any], word: str) -> None:
    manager = IBKRAccountManager()
    with pytest.raises(errors.BadLogin, match=word) as caught:
        manager.add_account(**({"name": "paper", "mode": TradingMode.PAPER} | arguments))
    assert isinstance(caught.value, ValueError)
    assert "Nothing was changed" in str(caught.value)
    assert manager.logins == ()


def test_a_name_is_used_once() -> None:
    manager = IBKRAccountManager()
    manager.add_account("paper", TradingMode.PAPER)
    with pytest.raises(errors.DuplicateLogin, match="'paper' already"):
        manager.add_account("paper", TradingMode.LIVE)
    assert manager.logins == ("paper",)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_place_and_client_id_are_used_once_whatever_the_host_is_called(host: str) -> None:
    manager = IBKRAccountManager()
    manager.add_account("paper", TradingMode.PAPER)
    with pytest.raises(errors.DuplicateLogin, match="client id 1"):
        manager.add_account("other", TradingMode.PAPER, host=host)
    manager.add_account("other", TradingMode.PAPER, host=host, client_id=3)
    assert manager.logins == ("paper", "other")


def test_an_unknown_login_is_named_together_with_those_there_are() -> None:
    manager = IBKRAccountManager()
    manager.add_account("paper", TradingMode.PAPER)
    for read in (manager.accounts, manager.positions, manager.working_orders, manager.account_values):
        with pytest.raises(errors.UnknownLogin, match="'paper'") as caught:
            read("papre")
        assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type)])
def test_every_error_says_what_happened_what_holds_and_what_to_do(kind: type[TradingError]) -> None:
    error = kind("The order was refused", "It is not working", "Correct it")
    assert str(error) == "The order was refused. It is not working. Correct it."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert kind.__name__ in (errors.__doc__ or "")


def test_names_differ_by_more_than_capitals() -> None:
    manager = IBKRAccountManager()
    manager.add_account("paper", TradingMode.PAPER)
    with pytest.raises(errors.DuplicateLogin, match=r"'paper' already .* differ by more than capitals"):
        manager.add_account("Paper", TradingMode.LIVE)
    assert manager.logins == ("paper",)
