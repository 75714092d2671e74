"""Makes pages from templates. Everything that is filled in is escaped; no page holds a script or a style of its own."""

from __future__ import annotations

import calendar
import time
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.journal.telling import moment
from engine.web.hanging import hanging
from engine.web.picture import Picture
from engine.web.runs import Run

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
SAID_LINES_MAX = 40


class Drawing:
    """The templates of the cockpit."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["moment"] = lambda ns: moment(ns, None)[:19]
        self._templates.filters["words"] = lambda text: str(text).replace("_", " ")
        self._templates.filters["hanging"] = hanging
        self._templates.globals["word_of"] = word_of
        self._templates.globals["pressed_ns_of"] = pressed_ns_of
        self._templates.globals["asset"] = address_of_asset
        self._templates.globals["last_lines"] = lambda text: "\n".join(text.splitlines()[-SAID_LINES_MAX:])

    def page(self, name: str, **values: Any) -> str:
        text: str = self._templates.get_template(name).render(**values)
        return text

    def parts(self, picture: Picture, run: Run | None) -> dict[str, str]:
        """What changes on an open page by itself, by the name of its place."""
        return {
            "banner": self.page("part_banner.html", picture=picture, run=run),
            "cards": self.page("part_cards.html", picture=picture),
            "guard": self.page("part_guard.html", picture=picture),
            "kill": self.page("part_kill.html", picture=picture, run=run),
            "kill-word": "" if run is None else word_of(run),
        }


@cache
def address_of_asset(name: str) -> str:
    """Another address when it is another file: a browser may keep what it has for ever."""
    return f"/assets/{name}?v={sha256((ASSETS / name).read_bytes()).hexdigest()[:12]}"


def word_of(run: Run) -> str:
    """How it stands with a kill, in a word or two: what a screen reader says when it changes."""
    if run.at_work:
        return "AT WORK"
    if not run.result:
        return "ENDED WITHOUT A REPORT"
    flat = run.result.lstrip().startswith("FLAT") and run.code in (0, None)  # None: an earlier cockpit saw it end
    return "FLAT" if flat else "NOT FLAT, OR NOT PROVEN"


def pressed_ns_of(run: Run) -> int | None:
    """When it was started, as its id tells: the word FLAT of another day must not look like today's."""
    try:
        return calendar.timegm(time.strptime(run.id[:15], "%Y%m%d-%H%M%S")) * 1_000_000_000
    except ValueError:
        return None


def clock(at_ns: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at_ns // 1_000_000_000))
