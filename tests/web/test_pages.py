"""What the forms of the cockpit come to: the journal has what a person wanted, and what was refused says why."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine.config.web_table import WebTable
from engine.core.restrictions import Cause, Kind, Scope
from engine.guard.day_line import FOLDER, Line, keep
from engine.journal.events import IncidentOpened, KillPressed, LimitChanged, LimitsTaken
from engine.journal.telling import moment
from engine.trading.rules import Rules
from engine.web.access_log import WAITING_MAX, AccessLog
from engine.web.cockpit import Place
from engine.web.drawing import pressed_ns_of
from engine.web.private_files import Unreadable
from engine.web.runs import AT_WORK_MAX, CannotStart, Runs
from engine.web.server import CALLERS_MAX, CannotServe, serve
from web.stage import Stage, form_token, stage, told

PAPER = Scope("paper")
GATEWAY = Path(__file__).parents[1] / "gateway"


def fill(here: Stage, path: str, page: str = "/logins/paper", **form: str) -> str:
    """Send a form from its page; what the answer, or the page it leads to, says."""
    browser = here.browser()
    answer = browser.post(path, data={"form_token": form_token(browser, page), **form})
    return told(browser.get(answer.headers["location"]) if answer.status_code == 303 else answer)


def rules(here: Stage) -> Rules:
    return here.cockpit.reading.rules


def test_a_halt_and_a_resume_are_in_the_journal_with_their_reasons(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        fill(here, "/logins/paper/halt", reason="news", cancel="on")
        (one,) = rules(here).state(PAPER).standing
        assert (one.reason, one.cancel) == ("news", True)
        assert "paper: lifted manual" in fill(here, "/logins/paper/resume", reason="over")
        assert rules(here).state(PAPER).kind is None


def test_a_resume_shows_what_is_in_the_way_before_and_after_it_is_tried(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        rules(here).halt(PAPER, "limit", cause=Cause.DAILY_LOSS)
        page = told(here.browser().get("/logins/paper"))
        assert "In the way:" in page and "to clear:" in page
        answer = fill(here, "/logins/paper/resume", reason="I want to")
        assert "Refused; everything stands as it did" in answer
        assert rules(here).state(PAPER).kind is Kind.HALT
        fill(here, "/logins/paper/resume", reason="hedged elsewhere", override="on")
        assert rules(here).state(PAPER).kind is None


def test_with_a_journal_that_cannot_be_read_nobody_says_that_nothing_is_in_the_way(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        fill(here, "/logins/paper/halt", reason="news")
    for path in (tmp_path / "journal").glob("journal.db*"):
        path.write_bytes(b"rubbish" * 1000)
    with stage(tmp_path) as here:
        page = told(here.browser().get("/logins/paper"))
        assert "HALTED" in page and "what else is in the way is not known" in page
        assert "Nothing is in the way" not in page


def test_after_a_kill_there_is_a_reset_and_no_resume(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        rules(here).halt(PAPER, "killed", cause=Cause.KILL_SWITCH, kind=Kind.SHUTDOWN)
        page = here.browser().get("/logins/paper").text
        assert "/reset" in page and "/resume" not in page
        assert "Refused" in fill(here, "/logins/paper/reset", reason="understood")


def test_a_login_that_is_not_there_is_told_and_nothing_is_halted(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        assert "there is no login 'papre'" in fill(here, "/logins/papre/halt")
        assert rules(here).state(Scope("papre")).kind is None


def test_a_limit_is_changed_with_a_reason_and_its_history_is_shown(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        rules(here).journal.append(LimitsTaken(scope=PAPER, values=(("daily_loss_pct", "2"),)))
        assert "History: 0 changes, on record since" in told(here.browser().get("/limits"))
        asked = {"login": "paper", "key": "daily_loss_pct"}
        assert "no reason was given" in fill(here, "/limits", value="3", **asked)
        assert "at once" in fill(here, "/limits", value="1.5", reason="thin market", **asked)
        (change,) = [one.event for one in here.cockpit.hands.records() if isinstance(one.event, LimitChanged)]
        assert (change.limit, change.new, change.reason) == ("daily_loss_pct", "1.5", "thin market")
        assert "thin market" in told(here.browser().get("/limits"))


def test_an_incident_is_noted_closed_and_shown(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        opened = IncidentOpened(incident_id="260311-1", scope=PAPER, trigger="daily_loss", what="2 % lost")
        rules(here).journal.append(opened)
        fill(here, "/incidents/260311-1/note", text="a fat finger")
        assert "OPEN" in told(here.browser().get("/incidents"))
        assert "missing: cause, action" in fill(here, "/incidents/260311-1/close", cause=" ", action="")
        page = fill(here, "/incidents/260311-1/close", cause="a typo", action="a collar")
        assert all(
            word in page for word in ("CLOSED", "a fat finger", "a typo", "a collar", "(cockpit, from 127.0.0.1)")
        )


def test_incidents_beside_a_damaged_archive_are_shown_and_closed_and_what_is_missing_is_told(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        rules(here).journal.append(IncidentOpened(incident_id="260311-1", scope=PAPER, trigger="blind", what="fog"))
        folder = here.cockpit.reading.home / "journal" / "archive"
        folder.mkdir()
        (folder / "00000000000000000001.jsonl.gz").write_bytes(b"no archive at all")
        for page in ("/incidents", "/incidents/260311-1"):
            answer = here.browser().get(page)
            assert answer.status_code == 200
            assert "fog" in answer.text and "NOT ALL IS HERE" in answer.text and "is damaged" in answer.text
        answer = here.browser().get("/incidents/other")
        assert answer.status_code == 503 and "is damaged" in told(answer), "it may be in what cannot be read"
        fill(here, "/incidents/260311-1/note", text="a gull")
        assert "CLOSED" in fill(here, "/incidents/260311-1/close", cause="weather", action="waited")
        found = here.browser().get("/api/v1/incidents").json()
        assert [one["id"] for one in found["incidents"]] == ["260311-1"] and "is damaged" in found["missing"][0]


def test_a_journal_whose_folder_is_gone_is_not_one_without_incidents(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        rules(here).journal.append(IncidentOpened(incident_id="260311-1", scope=PAPER, trigger="blind", what="fog"))
        shutil.rmtree(here.cockpit.reading.home / "journal")
        answer = here.browser().get("/incidents")
        assert answer.status_code == 503 and "was there and is gone" in told(answer)


def test_a_journal_of_which_nothing_can_be_read_is_not_one_without_incidents(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        folder = here.cockpit.reading.home / "journal" / "archive"
        folder.mkdir(parents=True)
        (folder / "00000000000000000001.jsonl.gz").write_bytes(b"no archive at all")
        answer = here.browser().get("/incidents")
        assert answer.status_code == 503 and "There was none" not in answer.text
        assert here.browser().get("/api/v1/incidents").status_code == 503


def test_the_journal_is_searched_by_all_words_and_shown_newest_first(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        for reason in ("alpha one", "beta", "alpha two"):
            rules(here).journal.append(KillPressed(kill_id=reason[-3:], scopes=(PAPER,), reason=reason))
        page = told(here.browser().get("/journal", params={"q": "ALPHA"}))
        assert page.index("alpha two") < page.index("alpha one") and "beta" not in page


def test_a_login_is_verified_from_its_page_and_what_came_of_it_stands_there(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        assert "paper is being verified" in fill(here, "/logins/paper/verify")
        (line,) = here.started()
        assert line.startswith("['verify', 'paper'")
        assert "FLAT" in told(here.browser().get("/logins/paper"))  # what the stage's program has said
        assert "there is no login 'papre'" in fill(here, "/logins/papre/verify")
        assert len(here.started()) == 1


def test_the_line_of_today_is_there_after_a_restart_and_begins_with_the_trading_day(tmp_path: Path) -> None:
    with stage(tmp_path) as first:
        first.browser().get("/")
        picture = first.cockpit.live.picture
    assert picture is not None and picture.cards[0].day_ns is not None
    day_s = picture.cards[0].day_ns // 10**9
    for at_s, value in ((day_s - 10, 9.0), (day_s + 10, -5.0), (day_s + 20, -7.0)):
        keep(tmp_path / FOLDER, Line(at_s, {"paper": value}))
    with stage(tmp_path) as here:
        browser = here.browser()
        browser.get("/")
        found = browser.get("/api/v1/pnl/paper").json()
        assert found["samples"] == [[day_s + 10, -5.0], [day_s + 20, -7.0]]
        assert found["at_s"] == here.now_ns // 10**9


def test_a_drill_is_named_and_never_a_path(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        page = told(here.browser().get("/drills"))
        assert "no-bid: " in page and "fill-race: " in page
        for bad in ("../../etc/passwd", "none-of-them", "/tmp/a.toml"):
            assert "nothing was started" in fill(here, "/drills", scenario=bad)
        assert "has begun" in fill(here, "/drills", scenario="no-bid")
        (line,) = here.started()
        assert "--scenario=no-bid" in line


def test_a_kill_reaches_the_guard_and_starts_a_process_that_says_who(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        heard: list[str] = []
        here.cockpit.hands._tell_guard = lambda request: heard.append(request.do)
        page = fill(here, "/kill", reason="panic\n--login=x")
        (line,) = here.started()
        assert "'kill', '--reason=panic --login=x [" in line and "(cockpit, from 127.0.0.1)]" in line
        assert heard == ["kill"]
        assert "AT WORK" in page or "FLAT" in page
        (pressed,) = [line for line in here.access_log().splitlines() if '"kill"' in line]
        assert "127.0.0.1" in pressed and '"logins":"all"' in pressed


def test_a_reason_commands_no_terminal_that_shows_it(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        fill(here, "/logins/paper/halt", reason="news\x1b[2J\r\x07 of the day")
        (one,) = rules(here).state(PAPER).standing
        assert one.reason == "news [2J of the day"


def test_what_is_started_goes_by_the_configuration_that_the_cockpit_was_given(tmp_path: Path) -> None:
    config = tmp_path / "desk-2.toml"
    config.write_text('[logins.second]\nmode = "paper"\n')
    with stage(tmp_path, config=config) as here:
        fill(here, "/kill", "/logins/second", logins="second")
        fill(here, "/logins/second/verify", "/logins/second")
        for line in here.started():
            assert f"--config={config}" in line
        assert len(here.started()) == 2


def test_flat_is_said_of_the_moment_at_which_it_was_so(tmp_path: Path) -> None:
    """Whoever opens the page the next day must not take yesterday's word for today's."""
    with stage(tmp_path) as here:
        fill(here, "/kill")
        here.started()
        run = here.cockpit.hands.kills.last()
        assert run is not None
        pressed_ns = pressed_ns_of(run)
        assert pressed_ns is not None and abs(pressed_ns / 1e9 - time.time()) < 3600
        assert f"FLAT Pressed {moment(pressed_ns, None)[:19]}" in (page := told(here.browser().get("/kill")))
        assert "The word is of its end; what is there now: paper" in page


def test_a_guard_that_hangs_keeps_no_kill_back(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        begun = threading.Event()
        runs, told_in_time = here.cockpit.hands.kills, queue.SimpleQueue[bool]()
        here.cockpit.hands._tell_guard = lambda _request: told_in_time.put(begun.wait(30))
        start = runs.start

        def starting(*words: Any) -> str:
            begun.set()
            return start(*words)

        runs.start = starting
        fill(here, "/kill")
        assert told_in_time.get(timeout=60), "the process was started behind the guard's answer"


def test_where_no_process_can_be_started_the_guard_is_told_and_the_page_says_what_to_do(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.cockpit.hands.kills = Runs(tmp_path / "web" / "kills", ("kill",), command=("/no/such/program",))
        page = fill(here, "/kill")
        assert "The guard was told" in page and "In a terminal: qe kill" in page


def test_a_configuration_with_faults_stops_no_halt_and_no_kill(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        (tmp_path / "quant-engine.toml").write_text('[logins.paper]\nmode = "paper"\n[kill]\nnonsense = 1\n')
        assert "nonsense" in told(here.browser().get("/"))
        fill(here, "/logins/paper/halt")
        assert rules(here).state(PAPER).kind is Kind.HALT
        fill(here, "/kill")
        assert len(here.started()) == 1


def test_a_stop_waits_behind_nothing_that_hangs_and_its_page_comes_up(tmp_path: Path) -> None:
    """A disk that hangs has every thread that reads; the switch has its own."""
    with stage(tmp_path) as here, here.browser() as browser:
        token, hangs, hung = form_token(browser), threading.Event(), threading.Semaphore(0)
        hooks = [here.token("halt"), here.token("halt", "live"), here.token("kill")]
        look = here.cockpit.reading.picture

        def hang() -> object:
            hung.release()
            hangs.wait(30)
            return look()

        here.cockpit.reading.picture = hang
        here.cockpit.hands.records = lambda _=None: hang() and []
        with ThreadPoolExecutor(60) as others:
            waiting = [others.submit(browser.get, "/journal") for _ in range(50)]
            try:
                for _ in range(40):  # as many as there are threads for reading
                    assert hung.acquire(timeout=20)
                assert browser.post("/kill", data={"form_token": token}).status_code == 303
                assert browser.post("/logins/paper/halt", data={"form_token": token}).status_code == 303
                for path in ("/api/v1/kill", "/api/v1/logins/live/halt"):
                    assert browser.post(path, headers={"x-form-token": token}).status_code in (200, 202)
                for hook in hooks:
                    assert browser.post("/hook", json={"token": hook}).status_code in (200, 202)
                page = browser.get("/kill")
                assert page.status_code == 200 and 'id="kill"' in page.text
                assert not any(one.done() for one in waiting)
            finally:
                hangs.set()
        assert len(here.started()) == 3


def test_a_fault_of_ours_leaves_the_switch_on_the_page(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.cockpit.reading.picture = lambda: 1 / 0
        page = here.browser().get("/")
        assert page.status_code == 200 and 'id="kill"' in page.text
        assert "could not read anything yet" in told(page)


def test_the_access_log_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(AccessLog, "_write", lambda *_: hangs.wait(30))
    log = AccessLog(tmp_path, lambda: 1)
    for _ in range(WAITING_MAX + 10):
        log.note("kill", "ann", "127.0.0.1")
    hangs.set()
    log.settle()


# processes ------------------------------------------------------------------------------------------------------------


def test_what_is_started_outlives_whoever_started_it_and_is_found_again(tmp_path: Path) -> None:
    script = (
        "import sys; sys.stderr.write('working'); sys.stderr.flush(); sys.stdin.read(); import time; time.sleep(60)"
    )
    runs = Runs(tmp_path, (), command=(sys.executable, "-c", script))
    name = runs.start([])
    process = runs._processes[name]
    try:
        assert os.getsid(process.pid) != os.getsid(0)
        again = Runs(tmp_path, ()).last()
        assert again is not None and again.id == name and again.at_work and again.code is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    ended = runs.look(name)
    assert ended is not None and not ended.at_work and ended.code == -signal.SIGKILL


def test_presses_without_end_do_not_start_processes_without_end(tmp_path: Path) -> None:
    runs = Runs(tmp_path, (), command=(sys.executable, "-c", "import time; time.sleep(60)"))
    try:
        for _ in range(AT_WORK_MAX):
            runs.start([])
        with pytest.raises(CannotStart, match="are at work already"):
            runs.start([])
    finally:
        for process in runs._processes.values():
            process.kill()
            process.wait(30)


def test_where_the_state_folder_takes_no_file_it_is_started_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("a file where a folder should be")
    runs = Runs(tmp_path / "full" / "kills", (), command=(sys.executable, "-c", "print('FLAT')"))
    name = runs.start([])
    assert runs._processes[name].wait(30) == 0
    found = runs.last()
    assert found is not None and (found.id, found.code, found.result) == (name, 0, "FLAT\n")
    shutil.rmtree(runs._spare)


def test_on_a_full_disk_a_report_is_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file can be made there, and takes nothing: the page would say that there is no report."""
    write, full = os.write, [True]

    def short(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:10] if full and full.pop() else data)

    monkeypatch.setattr("engine.web.runs.os.write", short)
    runs = Runs(tmp_path / "kills", (), command=(sys.executable, "-c", "print('FLAT')"))
    name = runs.start([])
    assert runs._processes[name].wait(30) == 0
    found = runs.last()
    assert found is not None and (found.id, found.result) == (name, "FLAT\n")
    assert list((tmp_path / "kills").glob("*.out")) == []
    assert runs._spare is not None
    shutil.rmtree(runs._spare)


def test_where_no_file_can_be_made_at_all_it_is_started_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").write_text("a file where a folder should be")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    runs = Runs(tmp_path / "full" / "kills", (), command=(sys.executable, "-c", "print('FLAT')"))
    name = runs.start([])
    assert runs._processes[name].wait(30) == 0
    found = runs.last()
    assert found is not None and (found.id, found.code, found.result) == (name, 0, "")


@pytest.mark.parametrize("name", ["../secret", "", "a/b", "."])
def test_a_run_is_named_by_its_own_id_only(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    for other in ("secret.out", "runs/.out", "runs/a/b.out", "runs/..out"):
        (tmp_path / other).write_text("not for anybody")
    assert Runs(tmp_path / "runs", ()).look(name) is None


# the process of the cockpit -------------------------------------------------------------------------------------------


def refused(tmp_path: Path, **table: str) -> str:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CannotServe) as told:
        patch.setattr("uvicorn.Server.run", lambda *_, **__: None)  # one that is not refused does not run for ever
        serve(Place(home=tmp_path, page=tmp_path / "log"), WebTable(**table), log=lambda _: None)
    return str(told.value)


def test_so_many_callers_are_served_at_once_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int | None] = []
    monkeypatch.setattr("uvicorn.Server.run", lambda server, **_: found.append(server.config.limit_concurrency))
    serve(Place(home=tmp_path, page=tmp_path / "log"), WebTable(port=0), log=lambda _: None)
    assert found == [CALLERS_MAX]


def test_beyond_this_machine_it_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    text = refused(tmp_path, host="0.0.0.0")
    assert "no user" in text and "no TLS" in text and "It was not started" in text


def test_half_a_tls_and_a_tls_that_is_none_are_refused(tmp_path: Path) -> None:
    assert "both" in refused(tmp_path, certificate="a.pem")
    assert "no such file" in refused(tmp_path, certificate="/none.pem", key="/none.key")
    (tmp_path / "a.pem").write_text("not a certificate")
    assert "cannot be used" in refused(tmp_path, certificate=str(tmp_path / "a.pem"), key=str(tmp_path / "a.pem"))


def test_a_key_with_a_passphrase_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    certificate, locked = GATEWAY / "fence_certificate.pem", Path(__file__).with_name("locked_key.pem")
    assert "passphrase" in refused(tmp_path, certificate=str(certificate), key=str(locked))


def test_a_key_that_every_user_can_read_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    key = tmp_path / "key.pem"
    key.write_bytes((GATEWAY / "fence_key.pem").read_bytes())
    lines: list[str] = []
    table = WebTable(port=0, certificate=str(GATEWAY / "fence_certificate.pem"), key=str(key))
    for mode in (0o600, 0o644):
        key.chmod(mode)
        serve(Place(home=tmp_path, page=tmp_path / "log"), table, log=lines.append)
    assert [line for line in lines if "TLS key" in line] == [
        f"every user of this machine can read the TLS key: chmod 600 {key}"
    ]


def test_users_that_cannot_be_read_let_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "users.json").write_text("{")
    assert "cannot be read" in refused(tmp_path)
    (tmp_path / "web" / "users.json").unlink()
    with stage(tmp_path) as here:
        (tmp_path / "web" / "users.json").write_text("{")
        assert here.browser().get("/").status_code == 503
        with pytest.raises(Unreadable):
            here.users.all()
