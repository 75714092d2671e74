"""The cockpit beside the guard: it comes back when it ends, is left alone where it answers, and ends no guard."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine.config.web_table import WebTable
from engine.core.alerting import Severity
from engine.guard import cockpit
from engine.guard.cockpit import Beside, answers

PATIENCE_S = 30
STARTED = """
import os, pathlib, sys, time
pathlib.Path(os.environ["QE_HOME"], "started").open("a").write(f"{os.getpid()} {sys.argv[1:]}\\n")
print("the certificate has expired", flush=True)
"""
LIVES = STARTED + "time.sleep(60)\n"
ENDS = STARTED + "sys.exit(2)\n"


class Told:
    """What the operator hears."""

    def __init__(self) -> None:
        self.alerts: list[str] = []
        self.cleared = 0

    def tell(self, key: str, severity: Severity, title: str, text: str, *, lasting: bool = True) -> None:
        assert (key, severity, lasting) == ("cockpit", Severity.WARNING, True)
        self.alerts.append(text)

    def clear(self, key: str, text: str) -> None:
        self.cleared += 1


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PAUSE_S", "PAUSE_S_MAX", "ALONE_LOOK_S", "WELL_AFTER_S"):
        monkeypatch.setattr(cockpit, name, 0.02)


def started(home: Path) -> list[str]:
    path = home / "started"
    return path.read_text().splitlines() if path.exists() else []


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 (what is waited for is another process)
            await asyncio.sleep(0.01)


def beside(home: Path, script: str, story: Callable[[Told], Awaitable[None]], *, config: str | None = None) -> Told:
    """Run it while a story goes on; port 1 answers nobody."""

    async def main() -> Told:
        told = Told()
        one = Beside(WebTable(port=1), home, config, told, log=lambda _: None, command=(sys.executable, "-c", script))
        task = asyncio.create_task(one.run())
        try:
            await story(told)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return told

    return asyncio.run(main())


@contextmanager
def answering(body: bytes) -> Iterator[WebTable]:
    """Something that listens where the cockpit should."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield WebTable(port=server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_runs_as_a_process_of_its_own_and_ends_with_the_guard(tmp_path: Path) -> None:
    pids: list[int] = []

    async def story(told: Told) -> None:
        await until(lambda: bool(started(tmp_path)))
        pids.append(int(started(tmp_path)[0].split()[0]))
        assert os.getsid(pids[0]) == pids[0] != os.getsid(0)
        await until(lambda: told.cleared > 0)

    told = beside(tmp_path, LIVES, story, config="/c.toml")
    assert started(tmp_path)[0].endswith("['web', '--config', '/c.toml']")
    assert told.alerts == []
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_one_that_ends_is_started_again_and_its_last_words_are_told(tmp_path: Path) -> None:
    async def story(told: Told) -> None:
        await until(lambda: len(started(tmp_path)) >= 3)

    told = beside(tmp_path, ENDS, story)
    assert "ended with 2" in told.alerts[0] and "the certificate has expired" in told.alerts[0]
    assert "The guard goes on" in told.alerts[0]


def test_one_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async def story(told: Told) -> None:
        await until(lambda: len(started(tmp_path)) == 1)
        os.kill(int(started(tmp_path)[0].split()[0]), signal.SIGKILL)
        await until(lambda: len(started(tmp_path)) == 2)

    assert "ended with -9" in beside(tmp_path, LIVES, story).alerts[0]


def test_one_that_cannot_be_started_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "web").write_text("a file where a folder should be")

    async def story(told: Told) -> None:
        await until(lambda: len(told.alerts) >= 2)
        (tmp_path / "web").unlink()
        await until(lambda: bool(started(tmp_path)))

    assert "could not be started" in beside(tmp_path, LIVES, story).alerts[0]


def test_one_that_answers_already_is_left_alone_until_it_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        told = Told()
        with answering(b"alive\n") as table:
            command = (sys.executable, "-c", LIVES)
            one = Beside(table, tmp_path, None, told, log=lambda _: None, command=command)
            task = asyncio.create_task(one.run())
            await until(lambda: told.cleared >= 3)
            assert started(tmp_path) == []
        await until(lambda: bool(started(tmp_path)))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_something_else_on_its_port_is_no_cockpit() -> None:
    with answering(b"a printer\n") as table:
        assert not answers(table)
    with answering(b"alive\n") as table:
        assert answers(table)
    assert not answers(table)
