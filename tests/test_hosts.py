"""Which spellings of a host are one place: the configuration, the manager, the locks and the first strike ask here."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.broker.lock_names import login_key
from engine.cli.kill_under_way import key_of
from engine.config.reader import interpret, plan_for_kill, plan_of
from engine.hosts import host_key, place_key
from engine.trading import IBKRAccountManager, TradingMode, errors

HERE = ["127.0.0.1", "localhost", "LocalHost.", "::1", "0.0.0.0", "::", "127.1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"]
ELSEWHERE = [
    "127.0.0.2",
    "127.1.2.3",
    "::ffff:127.0.0.2",
    "::2",
    "192.168.1.7",
    "tws.example",
    "a:b",
    "1.2.3.4.5",
]
NO_HOST = "\0:"  # a program may name it; a configuration that does has a fault


@pytest.mark.parametrize("host", HERE)
def test_every_name_of_this_machine_is_one_place(host: str) -> None:
    assert place_key(host, 7497) == place_key("127.0.0.1", 7497) != place_key(host, 7496)


@pytest.mark.parametrize("host", [*ELSEWHERE, NO_HOST])
def test_another_address_is_another_place_where_another_tws_can_listen(host: str) -> None:
    assert place_key(host, 7497) != place_key("127.0.0.1", 7497)


def test_an_address_is_one_place_however_it_is_written() -> None:
    assert host_key("FE80:0::1") == host_key("fe80::1")
    assert host_key("Tws.Example.") == host_key("tws.example")
    assert host_key("::ffff:10.0.0.1") == host_key("10.0.0.1")


@pytest.mark.parametrize("host", HERE + ELSEWHERE)
def test_whoever_asks_for_a_place_gets_the_same_answer(host: str) -> None:
    """A configuration, a program's logins and the locks that judged differently left a login out of a kill."""
    one = place_key(host, 7497) == place_key("127.0.0.1", 7497)
    text = f'[logins.a]\nmode="paper"\n[logins.b]\nmode="paper"\nhost="{host}"'
    reading = interpret(text, {}, source="")
    assert ("the same TWS as logins.a" in str(reading.problems)) == one
    assert len(plan_of(reading.config).places) == (1 if one else 2)
    assert (login_key(host, 7497) == login_key("127.0.0.1", 7497)) == one
    assert (key_of(host, 7497) == key_of("127.0.0.1", 7497)) == one
    manager = IBKRAccountManager()
    manager.add_account("a", TradingMode.PAPER)
    try:
        manager.add_account("b", TradingMode.PAPER, host=host)
        refused = False
    except errors.DuplicateLogin:
        refused = True
    assert refused == one


def test_a_place_that_is_named_twice_is_killed_once_and_the_second_login_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_text("[logins.a]\nmode='paper'\n[logins.b]\nmode='paper'\nhost='0.0.0.0'\n")
    plan = plan_for_kill(str(path), {})
    assert [place.name for place in plan.places] == ["a", "live"]  # one of the two may be where a default is
    assert list(plan.unusable) == ["b"]
    assert "the same TWS as logins.a" in plan.faults[0]
