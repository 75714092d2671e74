"""Every page in a real browser: on a phone and on a wall, light and dark, by keyboard, and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from web.axe import complaints
from web.browser import PATIENCE_MS, PHONE, WALL, Here, cockpit, needs_chromium, opened, until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
pytestmark = [pytest.mark.slow, needs_chromium]

PAGES = (
    "/",
    "/logins/paper",
    "/kill",
    "/alerts",
    "/incidents",
    "/limits",
    "/drills",
    "/journal",
    "/runbook",
    "/none",
    "/login",
)
REACHABLE = """
    [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, "
      + "[tabindex='0']")]
      .filter((one) => one.checkVisibility({visibilityProperty: true}) && one.tabIndex >= 0)
"""
FOCUSED = f"{REACHABLE}.indexOf(document.activeElement)"


@pytest.mark.parametrize("size", [PHONE, WALL], ids=["phone", "wall"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_keeps_the_switch_in_sight_and_breaks_no_rule(
    chromium: Any, watched: Here, size: dict[str, int], scheme: str, pictures: Path
) -> None:
    with opened(chromium, viewport=size, color_scheme=scheme) as page:
        wrong: list[str] = []
        page.on("console", lambda one: wrong.append(one.text) if one.type in ("error", "warning") else None)
        page.on("request", lambda one: wrong.append(one.url) if not one.url.startswith(watched.url) else None)
        for path in PAGES:
            if path == "/none":
                continue
            page.goto(watched.url + path)
            playwright.expect(page.locator(".chart-note", has_text="waiting")).to_have_count(0)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px too wide"
            if path != "/login":
                box = page.locator("#kill").bounding_box()
                assert box["y"] + box["height"] <= size["height"] and box["height"] >= 44, path
            name = path.strip("/").replace("/", "-") or "overview"
            page.screenshot(path=pictures / f"{name}-{size['width']}-{scheme}.png")
        assert wrong == []


@pytest.mark.parametrize("size", [PHONE, WALL], ids=["phone", "wall"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(chromium: Any, watched: Here, size: dict[str, int], scheme: str) -> None:
    found: list[str] = []
    with opened(chromium, viewport=size, color_scheme=scheme, bypass_csp=True) as page:
        for path in PAGES:
            page.goto(watched.url + path)
            found += complaints(page)
    assert found == []


@pytest.mark.parametrize("path", ["/", "/logins/paper", "/limits"])
def test_everything_is_reached_by_tab_in_order_and_is_seen_to_have_the_focus(
    chromium: Any, watched: Here, path: str
) -> None:
    with opened(chromium, viewport=WALL) as page:
        page.goto(watched.url + path)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        count = page.evaluate(f"{REACHABLE}.length")
        reached = []
        for _ in range(count):
            reached.append(page.evaluate(FOCUSED))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", page.evaluate("document.activeElement.outerHTML")
            page.keyboard.press("Tab")
        assert reached == list(range(count))


KEEPS_FOCUS = """
    () => {
      const section = document.querySelector("[sse-swap]:has(a[href])");
      const link = section.querySelector("a[href]");
      link.focus();
      htmx.swap(section, section.innerHTML, {swapStyle: "innerHTML"});
      return !link.isConnected && document.activeElement.id === link.id && link.id !== "";
    }
"""


def test_a_page_that_brings_itself_up_to_date_takes_the_focus_from_nobody(chromium: Any, watched: Here) -> None:
    with opened(chromium, viewport=WALL, bypass_csp=True) as page:
        for path in PAGES:
            page.goto(watched.url + path)
            lost = page.evaluate(f"{REACHABLE}.filter((one) => one.closest('[sse-swap]') && !one.id)"
                                 ".map((one) => one.outerHTML)")  # fmt: skip
            assert lost == [], path
        page.goto(watched.url)
        page.wait_for_function("window.htmx !== undefined")
        assert page.evaluate(KEEPS_FOCUS)


def test_the_page_of_the_limits_draws_them_as_bars(chromium: Any, watched: Here) -> None:
    with opened(chromium, viewport=PHONE) as page:

        def drawn() -> bool:
            page.goto(f"{watched.url}/limits")
            bars = page.locator(".bars svg.bar[role=img]")
            assert bars.count() == 8, "four of each login"
            labels = [bars.nth(place).get_attribute("aria-label") for place in range(8)]
            return all(re.fullmatch(r"\d+(\.\d+)? percent used", label) for label in labels)

        until(drawn, "the bars say how much is used as soon as the guard knows")


def test_without_javascript_everything_can_be_done_on_a_phone(chromium: Any) -> None:
    """From a halt to going on after a kill: every form is a plain form."""
    with cockpit(guard=False) as here, opened(chromium, viewport=PHONE, java_script_enabled=False) as page:
        done = page.locator(".done")
        page.goto(f"{here.url}/limits")
        limits = page.locator("section", has=page.get_by_role("heading", name="paper"))
        limits.get_by_label("New value").fill("1.5")
        limits.get_by_label("Reason").fill("thin market")
        limits.get_by_role("button", name="Set").click()
        playwright.expect(done).to_contain_text("paper: daily_loss_pct 2")

        page.goto(f"{here.url}/logins/paper")
        page.get_by_label("Reason").first.fill("news")
        page.get_by_role("button", name="Halt paper").click()
        playwright.expect(done).to_contain_text("paper: halt (manual): news")
        page.get_by_label("Reason").last.fill("over")
        page.get_by_role("button", name="Resume paper").click()
        playwright.expect(done).to_contain_text("paper: lifted manual")

        page.locator("#kill").click()
        playwright.expect(page.locator(".state")).to_have_text("FLAT", timeout=PATIENCE_MS)
        assert here.is_flat()

        page.goto(f"{here.url}/logins/paper")
        in_the_way = page.get_by_role("list").filter(has_text="to clear:")
        playwright.expect(in_the_way).to_contain_text("have not been verified since")
        page.get_by_role("button", name="Verify paper now").click()
        playwright.expect(done).to_contain_text("is being verified")
        verified = page.get_by_role("region", name="Verification")
        for _ in range(60):
            if "MATCH" in verified.inner_text().upper():
                break
            page.reload()
        page.get_by_role("link", name=re.compile("Understand and close incident")).click()
        page.get_by_label("What you found").fill("it was a test")
        page.get_by_role("button", name="Keep the note").click()
        playwright.expect(done).to_contain_text("noted")
        page.get_by_label("Cause").fill("a test")
        page.get_by_label("What was done about it").fill("nothing")
        page.get_by_role("button", name="Close the incident").click()
        playwright.expect(page.locator(".state")).to_have_text("CLOSED")

        page.goto(f"{here.url}/logins/paper")
        page.get_by_label("Reason").last.fill("understood")
        page.get_by_role("button", name=re.compile("Reset paper")).click()
        playwright.expect(done).to_contain_text("paper: halt (reset)")
        page.get_by_label("Reason").last.fill("on we go")
        page.get_by_role("button", name="Resume paper").click()
        playwright.expect(page.locator(".state")).to_have_text("MAY TRADE")

        page.goto(f"{here.url}/journal")
        page.get_by_label("All of these words").fill("thin market")
        page.get_by_role("button", name="Search").click()
        playwright.expect(page.locator(".lines li")).to_have_count(1)
