"""The cockpit: how soon a page is painted, and what fifty open pages cost it and the guard.

A simulated TWS runs in this process, a guard and a cockpit in processes of their own. Fifty pages are open while a kill
reports twenty things a second, so that each look of the cockpit finds something new. Pages are connections that read
what a browser would; the paint is that of a real Chromium, without a cache, in turn with that of one sentence:
what is more than that is ours. Run it on an idle machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from _table import Row, show
from engine.broker.closing_right import SIMULATED_WORLD
from engine.guard.control import NoGuard, Request, ask
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World

PAGES = 50
UPDATES_PER_S = 10
SPAN_S = 10.0
PAINTS = 15
CHANGE_EVERY_S = 0.05
RUN = "20990101-000000-abcdef"
PATIENCE_S = 60.0
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SENTENCE = b"<!doctype html><title>A page</title><p>A page of one sentence.</p>"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


class Both:
    """The cockpit's and the guard's process, and how to reach them."""

    def __init__(self, world: World, home: Path, port: int, web: int, guard: int) -> None:
        self.world = world
        self.home = home
        self.port = port
        self.web = web
        self.guard = guard


def cores_s(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


async def until(holds: Any, text: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if await asyncio.to_thread(holds):
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(text)


@asynccontextmanager
async def running() -> AsyncIterator[Both]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        home = Path(folder)
        plan = load_scenario("calm")
        world = build_world(plan, ports={login.name: (0,) for login in plan.logins})
        async with world:
            lines = [
                f'[logins.{name}]\nmode = "{name}"\nport = {world.login(name).ports[0]}' for name in ("paper", "live")
            ]
            (home / "quant-engine.toml").write_text("\n".join(lines) + "\n")
            with socket.socket() as found:
                found.bind(("127.0.0.1", 0))
                port = found.getsockname()[1]
            environment = {
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(home),
                "QE_HOME": str(home),
                "QE_INCIDENT_LOG": str(home / "log.md"),
                SIMULATED_WORLD: str(home),
            }
            started = []
            for words in (("web", f"--port={port}"), ("guard", "run")):
                command = [sys.executable, "-m", "engine.cli", *words, "--config", str(home / "quant-engine.toml")]
                quiet = asyncio.subprocess.DEVNULL
                started.append(
                    await asyncio.create_subprocess_exec(*command, env=environment, stdout=quiet, stderr=quiet)
                )
            try:
                both = Both(world, home, port, *(one.pid for one in started))
                await until(lambda: told(both) is not None, "the guard did not come to know everything")
                await until(lambda: answers(port), "the cockpit did not start")
                yield both
            finally:
                for one in started:
                    one.send_signal(signal.SIGTERM)
                    await one.wait()


def told(both: Both) -> dict[str, Any] | None:
    """What the guard says, once it knows what each login is worth."""
    with contextlib.suppress(NoGuard):
        found = ask(both.home, Request("status"))
        if all(one["limits"]["equity"] is not None for one in found["logins"].values()):
            return found
    return None


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=5).status == 200)
    return False


def report(home: Path, line: int) -> None:
    """A kill that was started from here says one thing more."""
    folder = home / "web" / "kills"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{RUN}.out").touch()
    with (folder / f"{RUN}.err").open("a") as said:
        said.write(f"{line / 20:8.3f} s  paper    SELL 3 ESH6 STP is cancelled, and that was line {line}\n")


async def change(home: Path) -> None:
    """A kill reports twenty things a second."""
    line = 0
    while True:
        line += 1
        await asyncio.to_thread(report, home, line)
        await asyncio.sleep(CHANGE_EVERY_S)


async def page(port: int, heard: list[int], number: int) -> None:
    """One open page: it counts what it hears of the kill."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if line == b"event: kill\n":
                heard[number] += 1
    finally:
        writer.close()


class Span:
    """What one span of time has cost."""

    def __init__(self) -> None:
        self.web = self.guard = self.lag_ms = self.lag_ms_max = 0.0
        self.heard: list[int] = []


async def span(both: Both, pages: int) -> Span:
    found, heard = Span(), [0] * pages
    open_pages = [asyncio.create_task(page(both.port, heard, number)) for number in range(pages)]
    await asyncio.sleep(2.0)
    before, web, guard, began = list(heard), cores_s(both.web), cores_s(both.guard), time.monotonic()
    lags = []
    while time.monotonic() - began < SPAN_S:
        await asyncio.sleep(0.5)
        lags.append((await asyncio.to_thread(ask, both.home, Request("status")))["lag_s"])
    took = time.monotonic() - began
    found.web, found.guard = (cores_s(both.web) - web) / took, (cores_s(both.guard) - guard) / took
    found.lag_ms, found.lag_ms_max = 1000 * statistics.median(lags), 1000 * max(lags)
    found.heard = sorted(round((after - first) / took * 1000) for first, after in zip(before, heard, strict=True))
    for one in open_pages:
        one.cancel()
    await asyncio.gather(*open_pages, return_exceptions=True)
    return found


class Sentence(BaseHTTPRequestHandler):
    """A page of one sentence."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(SENTENCE)))
        self.end_headers()
        self.wfile.write(SENTENCE)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def a_sentence() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Sentence) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def paints(port: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the navigation to the first paint, in a new browser profile each time: ours, the sentence's."""
    from playwright.sync_api import sync_playwright

    ours, plain = [], []
    with a_sentence() as sentence, sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        for _ in range(PAINTS + 1):
            plain.append(paint(browser, sentence))
            ours.append(paint(browser, f"http://127.0.0.1:{port}/"))
        browser.close()
    return ours[1:], plain[1:]  # the first one started the browser


def paint(browser: Any, url: str) -> float:
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        opened = context.new_page()
        opened.goto(url)
        while (at_ms := opened.evaluate(PAINTED)) is None:  # the page's policy lets no condition in
            time.sleep(0.02)
        return float(at_ms)


async def measure() -> list[Row]:
    async with running() as both:
        rows = []
        if await asyncio.to_thread(CHROMIUM.exists):
            painted, plain = await asyncio.to_thread(paints, both.port)
            median, of_plain = statistics.median(painted), statistics.median(plain)
            rows += [
                Row("first paint of the overview, median, ms", median, 300.0),
                Row("first paint of a page of one sentence, median, ms", of_plain, None),
                Row("first paint of the overview against that page, times", median / of_plain, None),
                Row(f"first paint of the overview, worst of {PAINTS}, ms", max(painted), None),
            ]
        changing = asyncio.create_task(change(both.home))
        alone, crowded = await span(both, 0), await span(both, PAGES)
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        per_s = [one / 1000 for one in crowded.heard]
        return [
            *rows,
            Row(
                f"{PAGES} pages: time between updates, median page, ms",
                1000 / statistics.median(per_s),
                1050 / UPDATES_PER_S,
            ),
            Row(
                f"{PAGES} pages: time between updates, slowest page, ms",
                1000 / max(per_s[0], 0.001),
                1200 / UPDATES_PER_S,
            ),
            Row(f"{PAGES} pages: the cockpit's processor, cores", crowded.web, 1.0),
            Row("no page: the cockpit's processor, cores", alone.web, None),
            Row(f"{PAGES} pages: more of the guard's processor than without, cores", crowded.guard - alone.guard, 0.1),
            Row("no page: the guard's processor, cores", alone.guard, None),
            Row(f"{PAGES} pages: the guard's lag, median, ms", crowded.lag_ms, max(5.0, 2 * alone.lag_ms)),
            Row("no page: the guard's lag, median, ms", alone.lag_ms, None),
            Row(f"{PAGES} pages: the guard's lag, worst, ms", crowded.lag_ms_max, None),
            Row("no page: the guard's lag, worst, ms", alone.lag_ms_max, None),
        ]


if __name__ == "__main__":
    rows = asyncio.run(measure())
    sys.exit(show(f"The cockpit, Python {sys.version.split()[0]}", rows))
