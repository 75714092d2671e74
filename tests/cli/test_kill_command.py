"""`qe kill` as an operator meets it: what it does, says, leaves behind, and exits with."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, PYTHON_PATH, environment, qe, simulated, start_qe
from engine.broker.closing_right import ClosingRight
from engine.cli import presses
from engine.cli.kill_arguments import KillArguments
from engine.cli.kill_run import KillRun, record_folders
from engine.config.places import FILE_NAME, config_file, state_folder
from engine.config.plan import Place, default_plan
from engine.trading import IBKRAccountManager
from ports import free_port


def records(home: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted((home / "kills").glob("*.json"))]


def unreachable(home: Path) -> None:
    """A configuration whose only login is not there: its kill tries for some seconds."""
    (home / "quant-engine.toml").write_text(f'[logins.gone]\nmode = "paper"\nport = {free_port()}\n', encoding="utf-8")


def read_until(process: subprocess.Popen[bytes], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line.decode():
            return
    raise AssertionError(f"it ended without saying {words!r}")


def test_every_login_is_flat_and_the_exchange_agrees(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        done = qe("kill", "--reason", "because", home=tmp_path)
        truth = world.truth()
    assert (done.returncode, done.stdout[:6]) == (0, " FLAT ")  # on the first line: of it alone somebody may look
    assert "because" in done.stdout
    assert all(login.flat and not login.crossings for login in truth.logins.values())
    [record] = records(tmp_path)
    assert record["flat"] is True and record["reason"] == "because"


def test_the_timeline_begins_with_the_first_strike(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        done = qe("kill", "--json", home=tmp_path)
    first, second, third = done.stderr.splitlines()[:3]
    assert first.startswith("KILL paper 127.0.0.1:")
    assert all("global cancel sent (client 9000)" in line for line in (second, third))
    report = json.loads(done.stdout)
    assert report["flat"] is True
    for login in report["logins"].values():
        assert login["timings"]["first_cancel_ms"] < login["timings"]["connected_ms"]
        assert [step["kind"] for step in login["timeline"][:2]] == ["pressed", "cancel_sent"]
    log = (tmp_path / "INCIDENT_LOG.md").read_text()
    told = re.findall(r"first cancel (\d+) ms", log)
    assert told == [f"{login['timings']['first_cancel_ms']:.0f}" for login in report["logins"].values()]


def test_one_login_can_be_killed_alone(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        done = qe("kill", "--login", "PAPER", home=tmp_path)
        truth = world.truth()
    assert done.returncode == 0
    assert truth.logins["paper"].flat
    assert truth.logins["live"].resting == world.before.logins["live"].resting


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--login", "lvie"], "there is no login 'lvie'; there are: paper, live"),
        (["--login", "paper", "--login", "lvie"], "there is no login 'lvie'"),
        (["--dry-run"], "unknown argument '--dry-run'"),
        (["papre"], "there is no login 'papre'"),
        (["--deadline", "soon"], "a number of seconds"),
        (["--deadline", "nan"], "a number of seconds"),
        (["--watch=-1"], "a number of seconds"),
        (["--reason"], "--reason needs a value"),
    ],
)
def test_what_it_does_not_understand_sends_nothing(tmp_path: Path, words: list[str], told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]
        done = qe("kill", *words, home=tmp_path, QE_LOGINS__PAPER__PORT=str(port), QE_LOGINS__LIVE__PORT=str(port + 1))
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert done.returncode == 64
    lines = done.stderr.splitlines()
    assert told in lines[0] and lines[-1] == "Nothing was sent."
    assert len(lines) <= 10 and "qe kill --help" in done.stderr, "what was wrong is not to be looked for"


def test_help_pulls_no_switch_and_fits_a_terminal(tmp_path: Path) -> None:
    done = qe("kill", "--help", home=tmp_path)
    assert done.returncode == 0 and "Exit: 0 every login verified flat" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_something_left_exits_with_1(tmp_path: Path) -> None:
    with simulated("weekend", tmp_path) as world:
        world.config()
        done = qe("kill", "--deadline", "3", home=tmp_path)
    assert done.returncode == 1
    assert "NOT FLAT" in done.stdout.splitlines()[0]
    assert "1-877-442-2757" in done.stdout


def test_an_unreachable_login_exits_with_2_and_delays_nobody(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config(f'[logins.gone]\nmode = "live"\nport = {free_port()}\n[kill]\ndeadline_s = 8\n')
        done = qe("kill", "--json", home=tmp_path)  # the time is that of a machine with much else to do
    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"] == 2
    outcomes = {name: login["outcome"] for name, login in report["logins"].items()}
    assert outcomes == {"paper": "flat", "live": "flat", "gone": "unreachable"}
    assert report["logins"]["paper"]["timings"]["first_cancel_ms"] < 1000


# --- configurations that are wrong ------------------------------------------------------------------------------


def test_a_faulty_configuration_is_told_first_and_used_as_far_as_it_goes(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config("[kill]\ndeadline_s = = 3\n")
        done = qe("kill", home=tmp_path)
        truth = world.truth()
    lines = done.stderr.splitlines()
    assert lines[0].startswith("THE CONFIGURATION HAS FAULTS")
    assert "quant-engine.toml:9: not valid TOML" in lines[1]
    assert done.returncode == 0
    assert all(login.flat for login in truth.logins.values())


def test_a_configuration_that_is_not_there_falls_back_to_the_defaults(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        ports = {name: str(login.port) for name, login in world.before.logins.items()}
        done = qe(
            "kill",
            "--config",
            str(tmp_path / "nowhere.toml"),
            home=tmp_path,
            QE_LOGINS__PAPER__PORT=ports["paper"],
            QE_LOGINS__LIVE__PORT=ports["live"],
        )
        truth = world.truth()
    assert "nowhere.toml: cannot be read" in done.stderr
    assert all(login.flat for login in truth.logins.values())
    assert done.returncode == 2
    first = done.stdout.splitlines()[0]
    assert first == " NOT FLAT  2 of 4 logins verified flat; there may be other logins"
    assert "cannot be read: No such file" in " ".join(done.stdout.split())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_configuration_that_never_comes_holds_nothing_up_and_is_told(tmp_path: Path, by: str) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    with simulated("calm", tmp_path) as world:
        ports = {f"QE_LOGINS__{name.upper()}__PORT": str(login.port) for name, login in world.before.logins.items()}
        words = ("--config", str(pipe)) if by == "option" else ()
        done = qe("kill", *words, home=tmp_path, **ports, **({} if words else {"QE_CONFIG": str(pipe)}))
        truth = world.truth()
    assert all(login.flat for login in truth.logins.values())
    assert done.returncode == 2
    assert "pipe.toml: cannot be read: nothing came within 1 s: it is a pipe, or its disk hangs" in done.stderr
    assert done.stdout.splitlines()[0] == " NOT FLAT  2 of 4 logins verified flat; there may be other logins"


def test_a_configuration_from_windows_notepad_is_read(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        path = tmp_path / "quant-engine.toml"
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        done = qe("kill", home=tmp_path)
    assert done.returncode == 0
    assert "FAULTS" not in done.stderr


def test_a_mode_that_is_not_one_is_told_as_unclear_and_not_as_live(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        port = world.before.logins["paper"].port
        (tmp_path / "quant-engine.toml").write_text(f'[logins.paper]\nmode = "papr"\nport = {port}\n', encoding="utf-8")
        done = qe("kill", home=tmp_path)
    assert "paper (mode unclear, " in done.stdout
    assert "paper (live" not in done.stdout
    assert "is set up as" not in done.stdout  # nobody has said as what


UNUSABLE = '[logins.family]\nmode = "live"\nport = "40O1"\n[kill]\ndeadline_s = 10\n'


def test_a_login_that_could_not_be_used_is_in_the_report_as_unknown(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config(UNUSABLE)
        again = qe("kill", "--json", home=tmp_path)
        truth = world.truth()
        done = qe("kill", "--deadline", "1", home=tmp_path)
    assert all(login.flat for login in truth.logins.values())
    assert (done.returncode, again.returncode) == (2, 2)
    assert "NOT FLAT" in done.stdout.splitlines()[0]
    assert "family: UNKNOWN\n  Where it is could not be determined, and nothing was sent to it:" in done.stdout
    assert 'logins.family.port is "40O1"' in done.stdout
    report = json.loads(again.stdout)
    assert (report["flat"], report["exit_code"]) == (False, 2)
    assert report["logins"]["family"]["outcome"] == "unknown"
    assert 'port is "40O1"' in report["logins"]["family"]["trouble"]
    assert report["logins"]["paper"]["outcome"] == report["logins"]["live"]["outcome"] == "flat"


def test_a_login_may_be_named_as_every_other_command_takes_it(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        done = qe("kill", "paper", home=tmp_path)
        truth = world.truth()
    assert (done.returncode, done.stdout.lstrip()[:4]) == (0, "FLAT")
    assert truth.logins["paper"].flat
    assert not truth.logins["live"].flat


def test_a_sound_login_asked_for_by_name_keeps_its_result(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config(UNUSABLE)
        done = qe("kill", "--login", "paper", home=tmp_path)
    assert (done.returncode, done.stdout.lstrip()[:4]) == (0, "FLAT")
    assert not re.search(r"^family\b", done.stdout, re.MULTILINE)  # no line of a login of its own


def test_two_logins_whose_names_differ_in_capitals_are_both_closed(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        first, second = (login.port for login in world.before.logins.values())
        tables = (
            f'[logins.{name}]\nmode = "live"\nport = {port}\n' for name, port in (("live", first), ("Live", second))
        )
        (tmp_path / "quant-engine.toml").write_text("".join(tables), encoding="utf-8")
        done = qe("kill", "--json", home=tmp_path)
        truth = world.truth()
    assert all(login.flat for login in truth.logins.values())
    report = json.loads(done.stdout)
    assert {name: login["outcome"] for name, login in report["logins"].items()} == {"live": "flat", "Live-2": "flat"}
    assert done.returncode == 0 and "differ by more than capitals" in done.stderr


class _NoHands(presses.Presses):
    def __init__(self) -> None:
        """Signals are left to whoever runs the tests."""
        self.unsaid = []


def test_a_login_that_was_struck_is_killed_under_another_name_where_the_manager_will_not_have_its_own() -> None:
    plan = default_plan()
    plan.places = [
        Place(name, "live", "127.0.0.1", 5000 + at) for at, name in enumerate(("live", "LIVE", "\x00", "n" * 99))
    ]
    run, manager = KillRun(KillArguments(), plan, _NoHands(), 0), IBKRAccountManager()
    for place in plan.places:
        run.take_in(manager, place)
    assert len(manager.logins) == 4


def test_a_login_asked_for_by_name_is_killed_where_it_reads_and_no_other_one_for_it(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        ports = {name: login.port for name, login in world.before.logins.items()}
        text = "".join(f'[logins.{name}]\nport = {port}\nmode = "{name}"\n' for name, port in ports.items())
        (tmp_path / "quant-engine.toml").write_text(text.replace("[logins.live]", 'colour = "red"\n[logins.live]'))
        done = qe("kill", "paper", "--json", home=tmp_path)
        truth = world.truth()
    assert truth.logins["paper"].flat
    assert truth.logins["live"].resting == world.before.logins["live"].resting
    report = json.loads(done.stdout)
    outcomes = {name: login["outcome"] for name, login in report["logins"].items()}
    assert (done.returncode, outcomes) == (2, {"paper": "flat", "paper-elsewhere": "unknown"})
    assert "logins.paper.colour unknown key" in report["logins"]["paper-elsewhere"]["trouble"]


def test_a_login_of_which_nobody_knows_where_it_is_costs_no_other_one_its_positions(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config(UNUSABLE)
        done = qe("kill", "--login", "family", "--deadline", "1", home=tmp_path)
        truth = world.truth()
    for name, login in truth.logins.items():
        assert login.resting == world.before.logins[name].resting
    assert done.returncode == 2
    assert "family: UNKNOWN" in done.stdout


def test_a_login_with_the_port_of_another_one_keeps_the_kill_from_calling_everything_flat(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        port = world.before.logins["paper"].port
        world.config(f"[logins.third]\nmode = 'paper'\nport = {port}\n")
        done = qe("kill", home=tmp_path)
        truth = world.truth()
    assert all(login.flat for login in truth.logins.values())
    assert done.returncode == 2 and done.stdout.lstrip().startswith("NOT FLAT")
    assert "third: UNKNOWN" in done.stdout
    said = " ".join(done.stdout.split())
    assert f"127.0.0.1:{port} is the place of 'paper', so where this one is meant to be nobody knows" in said


def test_a_login_that_a_faulty_configuration_may_have_named_is_no_reason_to_refuse(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config(UNUSABLE)
        done = qe("kill", "--login", "lvie", home=tmp_path)
        truth = world.truth()
    assert all(login.flat for login in truth.logins.values())
    assert done.returncode == 2
    assert "No login 'lvie' could be read in it, so every login that is known is killed." in done.stderr


def test_a_broken_installation_still_cancels_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "msgspec.py").write_text("raise ImportError('half an upgrade')")
    with simulated("calm", tmp_path) as world:
        world.config()
        paths = os.pathsep.join([str(tmp_path / "broken"), PYTHON_PATH])
        done = qe("kill", home=tmp_path, PYTHONPATH=paths)
        truth = world.truth()
    assert done.returncode == 2
    assert "NOT FLAT" in done.stderr and "half an upgrade" in done.stderr
    assert "global cancel was sent to: paper, live" in done.stderr
    places = [f"{name} (127.0.0.1:{login.port})" for name, login in world.before.logins.items()]
    assert f"Close the positions in TWS now, of {', '.join(places)}:" in done.stderr
    assert not any(login.resting for login in truth.logins.values())


# --- hands, terminals and signals -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1])
def test_one_interrupt_or_a_closed_window_does_not_stop_it(tmp_path: Path, number: signal.Signals) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        process = start_qe("kill", home=tmp_path)
        read_until(process, "global cancel sent")
        process.send_signal(number)
        printed, said = process.communicate(timeout=PATIENCE_S)
        truth = world.truth()
    assert process.returncode == 0
    assert b"FLAT" in printed
    assert (presses.GOES_ON.encode() in said) == (number in (signal.SIGINT, signal.SIGQUIT))
    assert all(login.flat for login in truth.logins.values())


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGQUIT])
def test_two_interrupts_stop_it_and_it_says_so(tmp_path: Path, second: signal.Signals) -> None:
    unreachable(tmp_path)
    process = start_qe("kill", home=tmp_path)
    read_until(process, "KILL gone")
    process.send_signal(signal.SIGINT)
    read_until(process, "The kill goes on")
    time.sleep(presses.SAME_PRESS_S + 0.05)  # real seconds: a second press is one that comes later
    process.send_signal(second)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert b"NOT VERIFIED FLAT" in said
    [record] = records(tmp_path)
    assert record["flat"] is False and record["stopped"] == presses.STOPPED
    assert b"gone: never reached" in said and b"no cancel and no closing order was sent" in said
    assert list(record["logins"]) == ["gone"]  # type: ignore[call-overload]


def test_ctrl_c_while_python_itself_is_loading_is_a_press_like_any_other(tmp_path: Path) -> None:
    """It was a traceback, and the exit code that means residue. Held back as the first line of `qe` has `env` do it."""
    with simulated("calm", tmp_path) as world:
        world.config()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            process = start_qe("kill", home=tmp_path)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=PATIENCE_S)
        truth = world.truth()
    assert process.returncode == 0 and b"FLAT" in printed
    assert presses.GOES_ON.encode() in said and b"Traceback" not in said
    assert all(login.flat for login in truth.logins.values())


STOPPED_EARLY = """
import os, signal, sys
from engine.cli import kill, main, presses, warm_guard
presses.SAME_PRESS_S = 0

def twice(*_):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)

setattr(*{where})
sys.argv = ["qe", "kill"]
main()
"""


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ('(kill, "make_plan", twice)', presses.NOTHING_SENT),
        ('(warm_guard, "hand_over", twice)', presses.ONLY_THE_CANCEL),
    ],
)
def test_stopped_before_any_closing_order_it_says_what_was_sent(tmp_path: Path, where: str, words: str) -> None:
    unreachable(tmp_path)
    code = STOPPED_EARLY.format(where=where)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), cwd=tmp_path, capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 130
    assert done.stderr.decode() == f"\nSTOPPED BY YOU, NOT VERIFIED FLAT.\n{words}\n"


def test_ctrl_z_does_not_leave_it_standing(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        process = start_qe("kill", home=tmp_path)
        read_until(process, "global cancel sent")
        for number in (signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
            process.send_signal(number)
        printed, said = process.communicate(timeout=PATIENCE_S)
        truth = world.truth()
    assert process.returncode == 0 and b"FLAT" in printed
    assert presses.STAYS.encode() in said
    assert all(login.flat for login in truth.logins.values())


@pytest.mark.parametrize("text", [presses.STOPPED, presses.TERMINATED])
def test_last_words_say_that_orders_may_live_and_what_comes_before_closing_by_hand(text: str) -> None:
    assert "may still fill" in text
    assert text.index("NOT VERIFIED FLAT") < text.index("by hand") < text.index("File > Global Cancel")
    assert "may still fill" in presses.GOES_ON
    assert all(len(line) <= 80 for line in f"{text}\n{presses.GOES_ON}".splitlines())


def test_sigterm_stops_it_and_it_says_so(tmp_path: Path) -> None:
    unreachable(tmp_path)
    process = start_qe("kill", home=tmp_path)
    read_until(process, "KILL gone")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143
    assert b"NOT VERIFIED FLAT" in said


def kill_in_a_shell(home: Path, redirection: str) -> subprocess.CompletedProcess[bytes]:
    command = shlex.join([sys.executable, "-m", "engine.cli", "kill"])
    return subprocess.run(
        ["/bin/sh", "-c", f"{command} {redirection}"],
        env=environment(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_stop_it_and_nothing_is_written_into_the_wire(tmp_path: Path, redirection: str) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        done = kill_in_a_shell(tmp_path, redirection)
        truth = world.truth()
    assert done.returncode == 0
    assert all(login.flat for login in truth.logins.values())
    assert len(records(tmp_path)) == 1


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "| true"])
def test_what_standard_output_does_not_take_is_told_to_standard_error(tmp_path: Path, redirection: str) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        done = kill_in_a_shell(tmp_path, redirection)
    assert b"FLAT  all 2 logins verified" in done.stderr and not done.stdout


def test_a_terminal_that_takes_nothing_holds_nothing_up(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 65536)
    except BlockingIOError:
        os.set_blocking(writer, True)
    with simulated("calm", tmp_path) as world:
        world.config()
        process = start_qe("kill", home=tmp_path, stdout=writer, stderr=writer)
        assert process.wait(PATIENCE_S) == 0
        truth = world.truth()
    os.close(reader)
    os.close(writer)
    assert all(login.flat for login in truth.logins.values())
    [record] = records(tmp_path)
    assert record["flat"] is True


def test_a_window_that_is_closed_does_not_stop_it(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        ours, terminal = os.openpty()
        process = start_qe("kill", home=tmp_path, stdout=terminal, stderr=terminal)
        os.close(terminal)
        assert b"KILL" in os.read(ours, 4)
        os.close(ours)
        assert process.wait(PATIENCE_S) == 0
        truth = world.truth()
    assert all(login.flat for login in truth.logins.values())
    [record] = records(tmp_path)
    assert record["flat"] is True


def test_on_a_terminal_the_verdict_is_the_first_and_the_last_thing_said(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        ours, terminal = os.openpty()
        process = start_qe("kill", home=tmp_path, stdout=terminal, stderr=subprocess.DEVNULL)
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # the end of a terminal is an error
            while part := os.read(ours, 1 << 16):
                shown += part
        os.close(ours)
        assert process.wait(PATIENCE_S) == 0
    lines = [line for line in shown.decode().splitlines() if line.strip()]
    assert "FLAT" in lines[0] and lines[0] == lines[-1]
    assert "\x1b[" in lines[0]  # in colour


def test_a_record_that_cannot_be_kept_is_told_and_changes_nothing(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        (tmp_path / "kills").write_text("a file where a folder should be")
        done = qe("kill", home=tmp_path, HOME=str(tmp_path / "user"))
    assert done.returncode == 0
    assert "no record of this kill could be left" in done.stderr
    (record,) = (tmp_path / "user" / "quant-engine-kills").iterdir()  # … there, but elsewhere it could
    assert f"It is in {record}" in done.stderr
    assert json.loads(record.read_text())["flat"]


NO_ROOM = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); os.execv(sys.argv[1], sys.argv[1:])"
)


def test_a_disk_that_is_full_everywhere_makes_no_fault_of_a_kill(tmp_path: Path) -> None:
    """No file of more than no bytes: its records, the incident log and the temporary folder are all on that disk."""
    with simulated("calm", tmp_path) as world:
        world.config()
        full = [sys.executable, "-c", NO_ROOM, sys.executable, "-m", "engine.cli", "kill", "--watch", "1"]
        done = subprocess.run(full, env=environment(tmp_path), capture_output=True, timeout=PATIENCE_S, check=False)
    said = done.stderr.decode()
    assert "Traceback" not in said and "FAULT OF THIS PROGRAM" not in said
    assert "no record of this kill could be left" in said and "nor anywhere else" in said
    assert "Watching for late fills" in said and done.returncode == 0
    assert done.stdout.decode().count("FLAT") >= 2  # before the watch and after it
    last = said[said.index("WRITTEN DOWN NOWHERE") :]  # with the process ends what it holds: on the screen it is kept
    assert all(f'"event":"{one}"' in last for one in ("kill_pressed", "restricted", "incident_opened", "kill_ended"))
    assert "INCIDENT_LOG.md:\n## " in last
    (tmp_path / "said").write_text(said)
    back = [sys.executable, "-m", "engine.cli", "journal", "take-in", str(tmp_path / "said")]
    done = subprocess.run(back, env=environment(tmp_path), capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert all(what in done.stdout.decode() for what in ("kill pressed", "restricted", "incident opened", "kill ended"))


def test_a_user_without_a_home_has_the_state_in_the_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container that runs under a number that no name belongs to."""
    monkeypatch.delenv("QE_HOME")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert state_folder() == str(tmp_path / f"quant-engine-{os.geteuid()}")
    assert record_folders() == (tmp_path / f"quant-engine-{os.geteuid()}" / "kills", tmp_path)
    Path(state_folder()).mkdir()
    (Path(state_folder()) / FILE_NAME).write_text("[[[")  # where anybody may have put it
    monkeypatch.chdir(tmp_path)
    assert config_file() is None


# --- twice ------------------------------------------------------------------------------------------------------


def test_two_terminals_at_once_both_end_flat_and_nothing_crosses_zero(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        both = [start_qe("kill", home=tmp_path) for _ in range(2)]
        for process in both:
            process.communicate(timeout=PATIENCE_S)
        truth = world.truth()
    assert [process.returncode for process in both] == [0, 0]
    assert all(login.flat and not login.crossings for login in truth.logins.values())


def test_a_press_held_up_by_another_kill_names_its_process_and_the_way_out(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config("[kill]\ntake_over_s = 0\n")
        other = ClosingRight("127.0.0.1", world.before.logins["paper"].port, "kill of a test")
        other.take()
        try:
            done = qe("kill", "--login", "paper", "--deadline", "8", home=tmp_path)
        finally:
            other.release()
    assert done.returncode != 0 and "NOT FLAT" in done.stdout.splitlines()[0]
    assert f"kill -9 {os.getpid()}\n" in done.stdout
    assert "did the closing" not in done.stdout


def test_watching_ends_with_everything_verified_once_more(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        done = qe("kill", "--watch", "0.2", home=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("all 2 logins verified") == 2
    assert "Watching for late fills" in done.stderr
