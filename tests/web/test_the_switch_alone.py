"""The switch in a real browser with nothing behind it: its own style and script, and a page that notes what is sent.

Quick: no cockpit and no simulated TWS are started. With all of them: test_in_a_browser.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import engine.web
from web.browser import PHONE, clock_in_hand, needs_chromium, opened

pytestmark = needs_chromium

ASSETS = Path(engine.web.__file__).parent / "assets"
HOLD_MS = 1500
TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
URL = "http://switch.invalid/"
PAGE = """<!doctype html><meta name="viewport" content="width=device-width"><link rel="stylesheet" href="cockpit.css">
<body><form method="post" action="/kill"><button id="kill" type="submit"><span class="word">KILL</span></button></form>
<p id="kill-said"></p><div style="height:2000px"></div><script src="cockpit.js" data-then=""></script>"""


class Switch:
    """A page with the switch and nothing else. `sent`: how often the form came."""

    def __init__(self, page: Any) -> None:
        self.page, self.sent = page, 0
        page.route("**/*", self._answer)
        clock_in_hand(page, URL)
        box = page.locator("#kill").bounding_box()
        self._x, self._y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self._session = page.context.new_cdp_session(page)

    def _answer(self, route: Any) -> None:
        name = route.request.url.removeprefix(URL)
        if route.request.method == "POST":
            self.sent += name == "kill"
            route.fulfill(status=204)
        elif name in ("cockpit.js", "cockpit.css"):
            route.fulfill(path=ASSETS / name)
        else:
            route.fulfill(body=PAGE if not name else "", content_type="text/html")

    def down(self) -> None:
        self._touch("touchStart", 0)

    def move(self, *ups_px: int) -> None:
        """So far up from where it went down."""
        for up_px in ups_px:
            self._touch("touchMove", up_px)

    def up(self) -> None:
        self._session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def hold(self) -> None:
        self.page.clock.run_for(HOLD_MS)

    def never_sends(self) -> bool:
        """However long one waits. The page says that it sends before anybody hears it."""
        self.hold()
        return self.page.locator("#kill.sent").count() == self.sent == 0

    def _touch(self, kind: str, up_px: int) -> None:
        points = [{"x": self._x, "y": self._y - up_px, "id": 0}]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@contextmanager
def switch(chromium: Any) -> Iterator[Switch]:
    with opened(chromium, **TOUCH) as page:
        yield Switch(page)


def test_a_finger_that_stays_on_the_switch_presses(chromium: Any) -> None:
    with switch(chromium) as here:
        here.down()
        here.move(3, 8, 5)  # a thumb that trembles
        with here.page.expect_response("**/kill"):
            here.hold()
        assert here.sent == 1


def test_a_finger_that_leaves_the_switch_does_not_press_however_often_and_long(chromium: Any) -> None:
    with switch(chromium) as here:
        for _ in range(4):
            here.down()
            here.move(20, 60, 140, 260)
            here.hold()
            here.up()
        assert here.never_sends()


@pytest.mark.parametrize("presses", [1, 2])
def test_a_finger_that_lets_go_too_soon_does_not_press(chromium: Any, presses: int) -> None:
    with switch(chromium) as here:
        for _ in range(presses):
            here.down()
            here.page.clock.run_for(HOLD_MS // 4)
            here.up()
        assert here.never_sends()
