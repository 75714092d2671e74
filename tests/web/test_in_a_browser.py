"""The cockpit in a real browser, over the real server, guard and simulated TWS, each a process of its own."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from cli.simulated import PATIENCE_S, Simulated, simulated, start_qe
from engine.guard.control import NoGuard, Request, ask

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, WALL = {"width": 360, "height": 740}, {"width": 1440, "height": 900}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium (Debian's package chromium)"),
]


class Here:
    """A simulated TWS with a cockpit before it."""

    def __init__(self, world: Simulated, url: str) -> None:
        self.world = world
        self.home = world.home
        self.url = url

    def is_flat(self) -> bool:
        return all(login.flat for login in self.world.truth().logins.values())


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def until(what: Callable[[], bool], text: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError(text)


def answers(url: str) -> bool:
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", int(url.rsplit(":", 1)[1]))) == 0


def guard_sees_everything(home: Path) -> bool:
    try:
        told = ask(home, Request("status"))
    except NoGuard:
        return False
    logins = told.get("logins", {})
    return bool(logins) and all(one["connected"] and one["position_list"] is not None for one in logins.values())


def press(url: str) -> None:
    """The kill as a form sends it, without a browser."""
    with httpx.Client(base_url=url) as caller:
        page = caller.get("/").text
        found = re.search(r'name="form_token" value="([^"]+)"', page)
        assert found is not None
        assert caller.post("/kill", data={"form_token": found[1], "reason": "a test"}).status_code == 303


@contextmanager
def process(*words: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (home / f"{words[0]}.log").open("ab") as log:
        started = start_qe(*words, home=home, stdout=log, stderr=log)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(PATIENCE_S)


@contextmanager
def cockpit(*, guard: bool, extra: str = "") -> Iterator[Here]:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, simulated("calm", Path(folder)) as world:
        home, port = Path(folder), free_port()
        world.config(f"{extra}\n[web]\nport = {port}\n")
        here = Here(world, f"http://127.0.0.1:{port}")
        with process("web", home=home):
            until(lambda: answers(here.url), "the cockpit did not start")
            if not guard:
                yield here
                return
            with process("guard", "run", home=home):
                until(lambda: guard_sees_everything(home), "the guard did not see everything")
                yield here


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


def ended_flat(page: Any, here: Here) -> None:
    playwright.expect(page.locator(".state")).to_have_text("FLAT", timeout=PATIENCE_S * 1000)
    assert here.is_flat()


def test_a_finger_that_holds_kills_and_one_that_taps_does_not(chromium: Any) -> None:
    with cockpit(guard=True) as here, chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto(here.url)
        page.locator("#kill").tap()
        box = page.locator("#kill").bounding_box()
        touch = context.new_cdp_session(page)
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        page.wait_for_timeout(700)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_timeout(1200)
        assert page.url == f"{here.url}/"
        assert not here.is_flat()
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        page.wait_for_url(re.compile("/kill$"))
        ended_flat(page, here)
        page.goto(f"{here.url}/incidents")
        page.locator(".rows a").first.click()
        rows = page.get_by_label("Positions before and after").locator("tbody tr").all_inner_texts()
        assert {row.split()[-1] for row in rows} == {"closed"}
        assert len(set(rows)) == len(rows) == 8


def test_a_key_that_is_held_kills_with_no_guard_at_all(chromium: Any) -> None:
    with cockpit(guard=False) as here, chromium.new_context(viewport=WALL) as context:
        page = context.new_page()
        page.goto(here.url)
        page.locator("#kill").focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        assert page.url == f"{here.url}/"
        page.keyboard.down(" ")
        page.wait_for_url(re.compile("/kill$"))
        ended_flat(page, here)


def test_the_word_typed_kills(chromium: Any) -> None:
    with cockpit(guard=False) as here, chromium.new_context(viewport=WALL) as context:
        page = context.new_page()
        page.goto(here.url)
        page.keyboard.type("kill")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/kill$"))
        ended_flat(page, here)


def test_without_javascript_one_press_kills(chromium: Any) -> None:
    with (
        cockpit(guard=True) as here,
        chromium.new_context(viewport=PHONE, java_script_enabled=False) as context,
    ):
        page = context.new_page()
        page.goto(here.url)
        page.locator("#kill").click()
        page.wait_for_url(re.compile("/kill$"))
        ended_flat(page, here)  # the page reloads itself until then


def test_a_kill_goes_on_although_the_cockpit_dies_and_the_next_cockpit_shows_it(chromium: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, simulated("calm", Path(folder)) as world:
        home, port = Path(folder), free_port()
        world.config(f"[web]\nport = {port}\n")
        here = Here(world, f"http://127.0.0.1:{port}")
        with process("web", home=home) as cockpit_process:
            until(lambda: answers(here.url), "the cockpit did not start")
            press(here.url)
            cockpit_process.send_signal(signal.SIGKILL)
            until(here.is_flat, "the kill ended with the cockpit")
        with process("web", home=home), chromium.new_context(viewport=PHONE) as context:
            until(lambda: answers(here.url), "the cockpit did not come back")
            page = context.new_page()
            page.goto(f"{here.url}/kill")
            ended_flat(page, here)


def test_a_halt_shows_in_every_open_page_within_a_second(chromium: Any) -> None:
    with cockpit(guard=True) as here, chromium.new_context(viewport=WALL) as one, chromium.new_context() as other:
        watching, acting = one.new_page(), other.new_page()
        watching.goto(here.url)
        acting.goto(f"{here.url}/logins/paper")
        acting.get_by_label("Reason").first.fill("news")
        acting.get_by_role("button", name="Halt paper").click()
        begun = time.monotonic()
        playwright.expect(watching.locator("#banner")).to_contain_text("paper: HALTED (manual): news", timeout=5000)
        assert time.monotonic() - begun < 1.0
        acting.get_by_label("Reason").last.fill("over")
        acting.get_by_role("button", name="Resume paper").click()
        playwright.expect(watching.locator("#banner")).not_to_contain_text("HALTED", timeout=5000)


def test_a_page_without_news_says_that_it_is_stale_and_recovers(chromium: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder, chromium.new_context(viewport=PHONE) as context:
        home, port = Path(folder), free_port()
        (home / "quant-engine.toml").write_text(f"[web]\nport = {port}\n", encoding="utf-8")
        url, page = f"http://127.0.0.1:{port}", context.new_page()
        with process("web", home=home):
            until(lambda: answers(url), "the cockpit did not start")
            page.goto(url)
            page.wait_for_timeout(1500)
            assert page.locator("#stale").is_hidden()
        playwright.expect(page.locator("#stale")).to_be_visible(timeout=15_000)
        with process("web", home=home):
            playwright.expect(page.locator("#stale")).to_be_hidden(timeout=30_000)


@pytest.mark.parametrize("size", [PHONE, WALL], ids=["phone", "wall"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_keeps_the_switch_in_sight_and_breaks_no_rule(
    chromium: Any, size: dict[str, int], scheme: str, pictures: Path
) -> None:
    with cockpit(guard=True) as here, chromium.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
        page.on("request", lambda one: complaints.append(one.url) if not one.url.startswith(here.url) else None)
        for path in ("/", "/logins/paper", "/kill", "/incidents", "/limits", "/drills", "/journal", "/runbook"):
            page.goto(here.url + path)
            page.wait_for_timeout(400)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px too wide"
            box = page.locator("#kill").bounding_box()
            assert box["y"] + box["height"] <= size["height"] and box["height"] >= 44, path
            page.screenshot(
                path=pictures / f"{path.strip('/').replace('/', '-') or 'overview'}-{size['width']}-{scheme}.png"
            )
        assert complaints == []


@pytest.fixture
def pictures(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Where screenshots go: QE_PICTURES keeps them."""
    import os

    folder = Path(os.environ.get("QE_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
