"""What a person sees when it matters: halted, a kill at work, an incident, a guard that died, a page that is stale.

Each state is looked at on a phone and on a wall, light and dark, and judged by axe-core.
"""

from __future__ import annotations

import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cli.simulated import qe, simulated
from ports import free_port
from web.axe import complaints
from web.browser import (
    PATIENCE_MS,
    PHONE,
    WALL,
    Here,
    guard_sees_everything,
    needs_chromium,
    opened,
    press,
    process,
    serving,
    until,
)

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
pytestmark = [pytest.mark.slow, needs_chromium]

LONG = (
    "the exchange has moved the close of the day to one o'clock and the strategy does not know of it, "
    "so nobody adds anything until Ann has looked at the calendar and said so on the phone"
)
CUT = """
    () => [...document.querySelectorAll("#banner *")].filter((one) =>
      one.checkVisibility() && (one.scrollHeight > one.clientHeight + 1 && one.clientHeight > 0
        && getComputedStyle(one).overflowY !== "visible"
      || one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)).map((one) => one.outerHTML)
"""
COVERED = """
    () => { const box = document.querySelector("#banner .head").getBoundingClientRect();
            const kill = document.getElementById("kill").getBoundingClientRect();
            return [box.top >= 0, kill.top - box.bottom]; }
"""


class Looker:
    """Looks at a page in every size and light, and keeps what is wrong."""

    def __init__(self, page: Any, url: str, pictures: Path) -> None:
        self.page, self._url, self._pictures = page, url, pictures
        self.wrong: list[str] = []

    def look(self, state: str, *paths: str) -> None:
        for path in paths:
            self.page.goto(self._url + path)
            self.page.wait_for_function("window.htmx !== undefined")
            self.judge(f"{state}-{path.strip('/').split('/')[0] or 'overview'}")

    def judge(self, name: str) -> None:
        page = self.page
        for size in (PHONE, WALL):
            page.set_viewport_size(size)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                self.wrong.append(f"{name} is {wide} px too wide at {size['width']}")
            self.wrong += [f"{name}, {size['width']}: cut: {one}" for one in page.evaluate(CUT)]
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                self.wrong += [f"{name}, {size['width']}, {scheme}: {one}" for one in complaints(page)]
                page.screenshot(path=self._pictures / f"{name}-{size['width']}-{scheme}.png")


def test_every_state_is_whole_on_a_phone_and_on_a_wall_and_breaks_no_rule(chromium: Any, pictures: Path) -> None:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qe-")))
        world = stack.enter_context(simulated("slow-fills", home))
        world.config("[guard]\nheartbeat_tell_s = 1\nheartbeat_halt_s = 0\nheartbeat_kill_s = 0\n")
        port = free_port()
        here = Here(world, f"http://127.0.0.1:{port}")
        cockpit = stack.enter_context(serving(home, port))
        guard = stack.enter_context(process("guard", "run", home=home))
        until(lambda: guard_sees_everything(home), "the guard did not see everything")
        looker = Looker(stack.enter_context(opened(chromium, viewport=PHONE, bypass_csp=True)), here.url, pictures)
        banner = playwright.expect(looker.page.locator("#banner"))

        (home / "heartbeats").mkdir(exist_ok=True)
        (home / "heartbeats" / "my-strategy").touch()
        for login in ("paper", "live"):
            assert qe("halt", login, "--reason", LONG, home=home).returncode == 0
        looker.page.goto(here.url)
        banner.to_contain_text("my-strategy", timeout=PATIENCE_MS)
        looker.look("halted", "/", "/logins/paper", "/alerts", "/limits", "/journal")
        looker.page.set_viewport_size(PHONE)
        looker.page.goto(here.url)
        looker.page.evaluate("window.scrollTo(0, 900)")
        seen, room = looker.page.evaluate(COVERED)
        assert seen, "the banner's word is out of sight"
        assert room > PHONE["height"] / 2, "the banner leaves no room for the page"

        press(here.url)
        banner.to_contain_text("A KILL IS AT WORK", timeout=PATIENCE_MS)
        looker.look("killing", "/", "/kill")
        until(here.is_flat, "the kill did not end")
        looker.page.goto(f"{here.url}/kill")
        playwright.expect(looker.page.locator(".state")).to_have_text("FLAT", timeout=PATIENCE_MS)
        looker.look("killed", "/", "/kill", "/logins/paper", "/incidents")
        looker.page.locator(".rows a").first.click()
        looker.page.get_by_role("heading", name="Timeline").wait_for()
        looker.judge("killed-incident")

        guard.send_signal(signal.SIGKILL)
        guard.wait()
        looker.page.goto(here.url)
        banner.to_contain_text("guard", timeout=PATIENCE_MS)
        looker.look("unguarded", "/", "/logins/paper")

        looker.page.goto(here.url)
        looker.page.wait_for_function("window.htmx !== undefined")
        cockpit.send_signal(signal.SIGKILL)
        playwright.expect(looker.page.locator("#stale")).to_be_visible(timeout=PATIENCE_MS)
        looker.judge("stale-overview")
        assert not looker.wrong, "\n".join(looker.wrong)
