"""The emergency page as HTML: what is typed stands on lines of its own, on a phone, on a wall and on paper."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from engine.config.model import Login, default_config
from engine.desk.page_html import html
from engine.desk.runbook import runbook
from engine.desk.runbook_facts import generic
from web.browser import needs_chromium

pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
pytestmark = [pytest.mark.slow, needs_chromium]

FRAMES = """
    () => [...document.querySelectorAll("pre")].map((one) => {
      const style = getComputedStyle(one), code = getComputedStyle(one.firstChild);
      const height = one.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
      return [Math.round(height / parseFloat(style.lineHeight)), one.textContent.split("\\n").length,
              one.scrollWidth - one.clientWidth, parseFloat(code.fontSize)]; })
"""  # lines shown, lines typed, how much wider than its frame, the size of its letters


@pytest.mark.parametrize(("width", "medium"), [(360, "screen"), (800, "screen"), (1440, "screen"), (720, "print")])
def test_no_line_that_is_typed_is_broken_or_cut(chromium: Any, width: int, medium: str) -> None:
    config = default_config()
    far = Login(name="swing", mode="live", host="10.20.30.40", port=4001, client_id=7)
    for logins in (config.logins, (*config.logins, far)):
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.emulate_media(media=medium)
        made = msgspec.structs.replace(config, logins=logins)
        page.set_content(html(runbook(generic(made, date(2026, 3, 31)))))
        for shown, typed, beyond, size in page.evaluate(FRAMES):
            assert shown == typed
            assert beyond <= 0 or size == 9  # hardly to be read if it were smaller: it can be moved
        page.close()
