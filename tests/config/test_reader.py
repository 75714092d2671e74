"""quant-engine.toml: strict for everything that trades, and never in the way of the kill."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import places as files
from engine.config.model import default_config
from engine.config.plan import KillPlan, default_plan
from engine.config.problems import ConfigError
from engine.config.reader import interpret, load, plan_for_kill, plan_of, plan_of_reading
from engine.config.salvage import ALL_UNREAD
from engine.names import name_key
from engine.trading import IBKRAccountManager, TradingMode

GOOD = """
[logins.paper]
mode = "paper"

[logins.gateway]
mode = "live"
host = "192.168.1.20"
gateway = true
client_id = 12

[kill]
deadline_s = 60
client_id = 9100
"""


def saved(folder: Path, text: str) -> str:
    path = folder / "quant-engine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def places(path: str) -> list[tuple[str, str, int]]:
    return rows(plan_for_kill(path, {}))


def rows(plan: KillPlan) -> list[tuple[str, str, int]]:
    return [(place.name, place.host, place.port) for place in plan.places]


def test_defaults_fill_what_the_file_leaves_out(tmp_path: Path) -> None:
    config = load(saved(tmp_path, GOOD), {})
    assert rows(plan_of(config)) == [("paper", "127.0.0.1", 7497), ("gateway", "192.168.1.20", 4001)]
    assert (plan_of(config).client_id, plan_of(config).deadline_s) == (9100, 60)
    assert [login.client_id for login in config.logins] == [1, 12]
    assert config.kill.deadline_s == 60


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_in_another_encoding_is_complained_of_and_its_logins_are_killed_where_they_are(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_bytes(GOOD.replace("[kill]", "# für später\n[kill]").encode(encoding))
    plan = plan_for_kill(str(path), {})
    assert rows(plan) == [("paper", "127.0.0.1", 7497), ("gateway", "192.168.1.20", 4001)]
    assert (plan.client_id, plan.unread, plan.unusable, plan.stand_ins) == (9100, "", {}, set())
    line = ":11" if encoding == "latin-1" else ""
    [fault] = plan.faults
    assert fault.startswith(f"{path}{line}: this is not UTF-8: save the file in that encoding")
    with pytest.raises(ConfigError, match="this is not UTF-8"):
        load(str(path), {})


def test_what_another_encoding_has_lost_is_never_taken_for_a_host(tmp_path: Path) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_bytes('[logins.far]\nmode = "live"\nhost = "späth"\nport = 7001\n'.encode("latin-1"))
    plan = plan_for_kill(str(path), {})
    assert "far" in plan.unusable and plan.stand_ins == {"paper", "live"}


def test_without_a_file_both_logins_of_the_printed_page_hold() -> None:
    assert load(None, {}) == default_config()
    assert [(login.name, login.port, login.client_id) for login in default_config().logins] == [
        ("paper", 7497, 1),
        ("live", 7496, 2),
    ]


def test_a_file_that_names_logins_has_only_those(tmp_path: Path) -> None:
    assert [login.name for login in load(saved(tmp_path, '[logins.a]\nmode = "paper"'), {}).logins] == ["a"]


def test_all_errors_are_told_at_once_with_line_and_nearest_match(tmp_path: Path) -> None:
    text = '[logins.paper]\nmode = "papr"\nprot = 7498\n[logins.live]\nport = 70000\n[kil]\n[kill]\nwatch_s = -1\n'
    with pytest.raises(ConfigError) as caught:
        load(saved(tmp_path, text), {})
    told = [(problem.where, problem.line) for problem in caught.value.problems]
    assert told == [
        ("logins.paper.mode", 2),
        ("logins.paper.prot", 3),
        ("logins.live.mode", 4),
        ("logins.live.port", 5),
        ("kil", 6),
        ("kill.watch_s", 8),
    ]
    assert "did you mean 'port'?" in str(caught.value)
    assert "    prot = 7498" in str(caught.value)
    assert 'expected "paper" or "live"' in str(caught.value)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[logins.a]\nmode = 'paper'\nport = '19100'", 'is "19100": expected a whole number, without quotes'),
        ("[logins.a]\nmode = 'paper'\nport = 'x'", 'is "x": expected a whole number\n'),
        ("[logins.a]\nmode = 'paper'\nport = 70000", "is 70000: expected a whole number of at most 65535"),
        ("[logins.a]\nmode = 'paper'\nport = -1", "is -1: expected a whole number of at least 1"),
        ("[logins.a]\nmode = 'paper'\ngateway = 'yes'", 'is "yes": expected true or false'),
        ("[logins.a]\nmode = 'paper'\nhost = 3", "is 3: expected a text in quotes"),
        ("[kill]\ndeadline_s = -1", "is -1: expected a number"),
        ("[kill]\ndeadline_s = 'soon'", 'is "soon": expected a number'),
    ],
)
def test_what_is_expected_is_said_in_words_and_not_in_the_names_of_types(
    tmp_path: Path, table: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(saved(tmp_path, table), {})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("[logins.PAPER]\nmode = 'paper'\nport = 9", "differ by more than capitals"),
        ("[logins.other]\nmode = 'paper'", "the same TWS as logins.paper"),
        ("[logins.other]\nmode = 'paper'\nhost = 'localhost'", "the same TWS as logins.paper"),
        ("[logins.'no spaces']\nmode = 'live'", "letters, digits"),
    ],
)
def test_two_logins_never_share_a_name_or_a_tws(tmp_path: Path, second: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(saved(tmp_path, f"[logins.paper]\nmode = 'paper'\n{second}"), {})


@pytest.mark.parametrize("text", ["logins = 3", "[logins]\npaper = 4", "kill = 'x'", "[logins.paper]\nmode = 1"])
def test_a_value_of_the_wrong_shape_is_a_problem_and_not_a_crash(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load(saved(tmp_path, text), {})
    assert plan_for_kill(saved(tmp_path, text), {}).places


def test_environment_overrides_reach_every_key(tmp_path: Path) -> None:
    environ = {"QE_KILL__DEADLINE_S": "30", "QE_LOGINS__GATEWAY__HOST": "10.0.0.1", "QE_LOGINS__PAPER__PORT": "7500"}
    config = load(saved(tmp_path, GOOD), environ)
    assert config.kill.deadline_s == 30
    assert [(login.host, login.port) for login in config.logins] == [("127.0.0.1", 7500), ("10.0.0.1", 4001)]
    assert load(None, {"QE_LOGINS__LIVE__PORT": "7000"}).logins[1].port == 7000


@pytest.mark.parametrize("variable", ["QE_KILL__DEDLINE_S", "QE_LOGINS__PAPER", "QE_LOGINS__A__B__C", "QE_KILL__"])
def test_an_override_that_names_nothing_is_an_error(variable: str) -> None:
    with pytest.raises(ConfigError):
        load(None, {variable: "1"})


# --- for the kill -----------------------------------------------------------------------------------------------


def test_the_kill_uses_both_defaults_when_the_file_cannot_be_read_at_all(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00[logins")
    for path in (tmp_path / "missing.toml", tmp_path, tmp_path / "binary.toml"):
        plan = plan_for_kill(str(path), {})
        assert rows(plan) == rows(default_plan())
        assert plan.unread == ALL_UNREAD
        assert ("is not UTF-8" if path.name == "binary.toml" else "cannot be read") in plan.faults[0]


def test_a_fault_elsewhere_leaves_the_kill_its_logins(tmp_path: Path) -> None:
    broken = GOOD.replace("deadline_s = 60", "deadline_s = = 60")
    assert places(saved(tmp_path, broken)) == [("paper", "127.0.0.1", 7497), ("gateway", "192.168.1.20", 4001)]
    unknown = GOOD + "colour = 'red'\n"
    assert places(saved(tmp_path, unknown)) == [("paper", "127.0.0.1", 7497), ("gateway", "192.168.1.20", 4001)]


def test_a_login_that_may_be_anywhere_is_replaced_by_the_defaults_that_are_not_named_yet(tmp_path: Path) -> None:
    text = '[logins.mine]\nmode = "paper"\nport = 7497\n[logins.live]\nmode = "live"\nprot = 4444\n'
    assert places(saved(tmp_path, text)) == [("mine", "127.0.0.1", 7497), ("default-live", "127.0.0.1", 7496)]


def test_a_default_never_takes_the_name_of_a_login_that_was_read(tmp_path: Path) -> None:
    text = '[logins.live]\nmode = "live"\nport = 5555\n[logins.x]\nmode = 3\n'
    assert places(saved(tmp_path, text)) == [
        ("live", "127.0.0.1", 5555),
        ("paper", "127.0.0.1", 7497),
        ("default-live", "127.0.0.1", 7496),
    ]


def test_a_syntax_error_in_a_login_keeps_the_other_logins(tmp_path: Path) -> None:
    text = '[logins.a]\nmode = "live"\nport = 5001\n[logins.b]\nmode = "paper\nport = 5002\n'
    assert places(saved(tmp_path, text)) == [("a", "127.0.0.1", 5001), ("b", "127.0.0.1", 5002)]


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet="[]{}=\"'.#\n loginskp1"), st.dictionaries(st.just("QE_KILL__WATCH_S"), st.text()))
def test_no_text_makes_the_kill_fail(text: str, environ: dict[str, str]) -> None:
    reading = interpret(text, environ, source="x")
    assert reading.config.logins or reading.salvaged or reading.doubtful or reading.unusable or reading.unread


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "[" + ".".join("a" * 5000) + "]", "a = " + "9" * 5000])
def test_a_monstrous_text_is_a_problem_and_not_a_crash(text: str) -> None:
    assert interpret(text, {}, source="x").problems
    assert interpret(text + GOOD, {}, source="x").problems


def test_interpreting_never_raises_on_any_prefix_of_a_file() -> None:
    for end in range(len(GOOD)):
        interpret(GOOD[:end], {}, source="x")


# --- a login that the file names is killed or named, never dropped -----------------------------------------------

SOUND = '[logins.a]\nmode = "paper"\nport = 5001\n'


@pytest.mark.parametrize(
    "table",
    [
        'mode = "live"\nport = 4001\ngatway = true',
        'mode = "live"\nport = 4001\nclient_id = -3',
        'mode = "live"\nport = 4001\nclientid = "x"',
        'mode = "live"\nport = 4001\ngateway = "yes"',
        'mode = "lvie"\nport = 4001',
        "port = 4001",
        'mode = "live"\nhost = "127.0.0.1"\nport = 4001\ncolour = "red"',
        'mode = "live"\ngateway = true\nclient_id = "x"',
        'mode = "live"\nport = 4001\nclient_no = 4',
        'mode = "live"\nport = "4001"',
        'mode = "live"\nport = " 4001 "',
    ],
)
def test_a_fault_that_leaves_no_doubt_where_the_login_is_does_not_save_it(tmp_path: Path, table: str) -> None:
    plan = plan_for_kill(saved(tmp_path, f"{SOUND}[logins.family]\n{table}\n"), {})
    assert rows(plan) == [("a", "127.0.0.1", 5001), ("family", "127.0.0.1", 4001)]
    assert plan.faults and not plan.unusable and not plan.unread


@pytest.mark.parametrize(
    "table",
    [
        'mode = "live"\nport = "40O1"',
        'mode = "live"\nport = "0"',
        'mode = "live"\nport = "65536"',
        'mode = "live"\nprot = 4001',
        'mode = "live"\ngatway = true',
        'mode = "lvie"',
        "",
        'mode = "live"\nport = 4001\nhost = 7',
        'mode = "live"\nport = 4001\nhost = "no where"',
        'mode = "live"\nport = 4001\nhost = "127.0.0.1\\u0000"',
        'mode = "live"\nport = 4001\nhost = " "',
        'mode = "live"\nport = 4001\nport = 4002',
        'mode = "live"\nport = 4001\nhost: 10.0.0.1',
        'mode = "live"\nport = 4001\nport = "4001',
        'mode = "live\nprot = 4001',
        "[logins.family.tws]\nport = 4001",
    ],
)
def test_a_login_that_may_be_anywhere_is_named_with_the_reason(tmp_path: Path, table: str) -> None:
    plan = plan_for_kill(saved(tmp_path, f"{SOUND}[logins.family]\n{table}\n"), {})
    assert rows(plan) == [("a", "127.0.0.1", 5001), *rows(default_plan())]
    assert list(plan.unusable) == ["family"] and plan.unusable["family"] and plan.faults
    assert plan.stand_ins == {"paper", "live"}


@pytest.mark.parametrize(
    "table",
    [
        'mode = "live"\nport = 4001\ncolour = "red"',
        'mode = "live"\nport = "4001"\nhots = "10.0.0.1"',
        'mode = "live"\nport = 4001\nip = "10.0.0.1"',
    ],
)
def test_a_login_that_may_be_meant_to_be_elsewhere_is_killed_where_it_reads(tmp_path: Path, table: str) -> None:
    plan = plan_for_kill(saved(tmp_path, f"{SOUND}[logins.family]\n{table}\n"), {})
    assert rows(plan) == [("a", "127.0.0.1", 5001), ("family", "127.0.0.1", 4001)]
    assert list(plan.doubtful) == ["family"] and plan.doubtful["family"] and plan.faults and not plan.unusable


@pytest.mark.parametrize(
    "section",
    [
        '[logins.family\nmode = "live"\nport = 4001\n',
        '[logins.family # ours\nmode = "live"\nport = 4001\n',
        '[logins.family]\nmode = "live\nport = 4001\n',
        '[logins.family]\nmode = "live"\nport = 4001\nclient_id\n',
        '[logins.family]\nmode = "live"\nport = 4001\nport = 4001\n',
    ],
)
def test_a_login_whose_section_is_broken_is_killed_where_its_lines_say(tmp_path: Path, section: str) -> None:
    plan = plan_for_kill(saved(tmp_path, f"{SOUND}{section}"), {})
    assert rows(plan) == [("a", "127.0.0.1", 5001), ("family", "127.0.0.1", 4001)]
    assert "not valid TOML" in plan.doubtful["family"] and plan.faults and not plan.unusable


def test_a_login_that_may_be_elsewhere_and_reads_like_another_one_is_where_nobody_knows(tmp_path: Path) -> None:
    plan = plan_for_kill(saved(tmp_path, f'{SOUND}[logins.b]\nmode = "paper"\nport = 5001\nhots = "10.0.0.1"\n'), {})
    assert rows(plan) == [("a", "127.0.0.1", 5001), *rows(default_plan())]
    assert list(plan.unusable) == ["b"] and not plan.doubtful


@pytest.mark.parametrize(
    "table",
    [
        '[logins.b]\nmode = "paper"\nport = 5001',
        '[logins.b]\nmode = "live"\nhost = "localhost"\nport = 5001',
        '[logins.b]\nmode = "paper"\nport = "5001"\nclient_id = -3',
        '[logins.b]\nmode = "paper"\nport = 5001\n[logins.c]\nport = = 3',
    ],
)
def test_a_login_with_the_port_of_another_one_is_where_nobody_knows(tmp_path: Path, table: str) -> None:
    """A table that was copied, and its port forgotten: it was dropped, and the kill of the others called FLAT."""
    plan = plan_for_kill(saved(tmp_path, f"{SOUND}{table}\n"), {})
    assert rows(plan) == [("a", "127.0.0.1", 5001), *rows(default_plan())]
    assert "5001 is the place of 'a', so where this one is meant to be nobody knows" in plan.unusable["b"]
    assert plan.stand_ins == {"paper", "live"} and plan.faults and not plan.doubtful


def test_three_logins_of_one_port_are_one_that_is_killed_and_two_that_are_named(tmp_path: Path) -> None:
    text = SOUND + "".join(f'[logins.{name}]\nmode = "paper"\nport = 5001\n' for name in ("a", "A", "b"))
    plan = plan_for_kill(saved(tmp_path, text), {})
    assert rows(plan)[0] == ("a", "127.0.0.1", 5001)
    assert list(plan.unusable) == ["a-2", "A-3", "b"]
    assert (plan.written["a-2"], plan.written["A-3"]) == ("a", "A")


def test_a_port_set_from_outside_that_is_another_logins_leaves_that_one_unknown(tmp_path: Path) -> None:
    plan = plan_for_kill(
        saved(tmp_path, GOOD), {"QE_LOGINS__GATEWAY__HOST": "127.0.0.1", "QE_LOGINS__GATEWAY__PORT": "7497"}
    )
    assert list(plan.unusable) == ["gateway"]


def test_blanks_around_a_host_are_no_part_of_it(tmp_path: Path) -> None:
    path = saved(tmp_path, '[logins.a]\nmode = "live"\nhost = " 127.0.0.2\t"\n')
    assert [login.host for login in load(path, {}).logins] == ["127.0.0.2"]
    assert places(path) == [("a", "127.0.0.2", 7496)]


@pytest.mark.parametrize("host", ["no where", "127.0.0.1\\u0000", "\\n", " "])
def test_a_host_that_can_be_none_is_a_fault(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="a name or an address, without blanks"):
        load(saved(tmp_path, f'[logins.a]\nmode = "live"\nhost = "{host}"\n'), {})


@pytest.mark.parametrize(
    "part",
    [
        "[login.family]\nmode = 'live'\n",
        "[[logins]]\nport = 4001\n",
        "[lgoins.family\nport = 4001\n",
        "[[tws]]\nport = 4001\n",
        "[tws.family]\nport = 4001\n",
        "[logins.'fam ily']\nport = = 4001\n",
    ],
)
def test_a_part_that_may_name_logins_is_not_passed_over(tmp_path: Path, part: str) -> None:
    plan = plan_for_kill(saved(tmp_path, SOUND + part), {})
    assert "there may be other logins" in plan.unread
    assert {"paper", "live"} <= {place.name for place in plan.places}


def test_a_file_that_says_nothing_at_all_may_have_named_other_logins(tmp_path: Path) -> None:
    for text in ("this is not TOML", "\x00", '{"logins": {"family": {"port": 4001}}}', "logins:\n  family:\n"):
        assert plan_for_kill(saved(tmp_path, text), {}).unread == ALL_UNREAD
    assert plan_for_kill(str(tmp_path / "missing.toml"), {}).unread == ALL_UNREAD


def test_two_tables_of_one_name_are_two_logins(tmp_path: Path) -> None:
    text = '[logins.a]\nmode = "live"\nport = 4001\n[logins.a]\nmode = "live"\nport = 4002\n'
    assert places(saved(tmp_path, text)) == [("a", "127.0.0.1", 4001), ("a-2", "127.0.0.1", 4002)]
    text = '[logins.a]\nmode = "live"\nport = 4001\n[logins.A]\nmode = "live"\nport = 4002\n'
    assert places(saved(tmp_path, text)) == [("a", "127.0.0.1", 4001), ("A-2", "127.0.0.1", 4002)]
    assert plan_for_kill(saved(tmp_path, text), {}).written == {"A-2": "A"}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["live", "Live", "LIVE", "paper", "default-live", "Default-Live", "l" * 45, "\u00fc \u0001"]
            ),
            st.sampled_from(['mode = "live"', "mode = 3", 'mode = "live"\ncolour = "red"', "mode = "]),
        ),
        max_size=6,
    )
)
def test_every_login_of_a_plan_has_a_name_that_the_manager_takes(tables: list[tuple[str, str]]) -> None:
    """Or it would be struck and left out, with its positions open and their stops gone."""
    text = "".join(f"[logins.{quoted(name)}]\nport = {5000 + at}\n{rest}\n" for at, (name, rest) in enumerate(tables))
    plan = plan_of_reading(interpret(text, {}, source="x"))
    manager = IBKRAccountManager()
    for place in plan.places:
        manager.add_account(place.name, TradingMode(place.mode), host=place.host, port=place.port, client_id=9000)
    names = [*manager.logins, *plan.unusable]
    assert len({name_key(name) for name in names}) == len(names) >= len({name for name, _ in tables})


def quoted(name: str) -> str:
    return f'"{name}"' if name.isprintable() else f'"{name[0]} \\u0001"'


def test_values_nested_without_end_are_a_problem_and_not_a_crash() -> None:
    for key in ("logins.a.port", "tws", "kill.deadline_s"):
        assert interpret("[" + key + ".a" * 3000 + "]", {}, source="x").problems


@pytest.mark.parametrize(
    "text",
    [
        '[alerts]\nurls = "mailto://ann:hunter2@example.org"',
        '[alerts]\nurls = ["mailto://ann:hunter2@example.org", 7]',
        '[alerts]\nurl = ["mailto://ann:hunter2@example.org"]',
        '[alerts]\nping_url = ["https://hc.example/hunter2"]',
        '[alerts]\nurls = ["mailto://ann:hunter2@example.org"',
        '[gateway]\nsecret = ["hunter2"]',
        '[gateway]\nsecrets = "hunter2"',
    ],
)
def test_what_may_be_a_secret_is_never_quoted_in_a_complaint(tmp_path: Path, text: str) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load(str(path))
    assert "hunter2" not in str(told.value) and "hunter2" not in str(plan_for_kill(str(path)).faults)


def test_a_disk_that_hangs_is_waited_for_a_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, over = saved(tmp_path, SOUND), threading.Event()

    def never(_path: str) -> bytes:
        over.wait(30)
        return b""

    monkeypatch.setattr(files, "_contents", never)
    try:
        with pytest.raises(OSError, match=r"nothing came within 0\.01 s"):
            files.read(path, 0.01)
        with pytest.raises(OSError, match=r"nothing came within 0\.01 s") as late:
            files.find_and_read(path, 0.01)
        assert late.value.filename == path
    finally:
        over.set()


def test_what_is_no_file_name_is_a_file_that_cannot_be_read() -> None:
    with pytest.raises(OSError, match="not the name of a file"):
        files.read("a\0b")
