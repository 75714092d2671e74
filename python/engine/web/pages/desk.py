"""The desk: drills held and on record, the journal searched, the runbook as it prints."""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from starlette.responses import HTMLResponse, Response

from engine.config.places import config_file
from engine.config.problems import ConfigError
from engine.config.reader import load
from engine.core.known import Unknown
from engine.desk import drill_record
from engine.desk.drill_list import drills
from engine.desk.page_html import html
from engine.desk.runbook import runbook
from engine.desk.runbook_facts import of_this_machine
from engine.journal.events import Record
from engine.journal.telling import Told, told
from engine.journal.trouble import JournalError
from engine.web.access import Need
from engine.web.cockpit import Cockpit
from engine.web.doors import Asked, Door
from engine.web.pages.frame import Frame

CLONE = Path(__file__).resolve().parents[4]
FOUND_MAX = 200


class Desk:
    """What is on record, and what is practised."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def doors(self) -> list[Door]:
        see, act = Need.SEE, Need.ACT
        return [
            Door("/drills", "GET", see, self.drills_page),
            Door("/drills", "POST", act, self.drill),
            Door("/journal", "GET", see, self.journal_page),
            Door("/runbook", "GET", see, self.runbook_page),
            Door("/runbook/page", "GET", see, self.runbook_sheet),
        ]

    async def drills_page(self, asked: Asked, error: str = "") -> Response:
        cockpit = self._frame.cockpit
        rows = await cockpit.away(lambda: _drills(cockpit.place.home / "drills" / drill_record.LIST_NAME))
        last = await cockpit.away(cockpit.hands.drills.last)
        known = await cockpit.away(drills)
        return await self._frame.page(asked, "drills.html", "Drills", known=known, rows=rows, last=last, error=error)

    async def drill(self, asked: Asked) -> Response:
        scenario = asked.form.get("scenario", "") or "calm"
        if scenario not in await self._frame.cockpit.away(drills):  # a name, never a path
            return await self.drills_page(asked, f"there is no scenario {scenario!r}; nothing was started")

        def work() -> str:
            self._frame.cockpit.hands.drill(scenario)
            return f"a drill of {scenario!r} has begun, on the simulator"

        return await self._frame.done(asked, work, "/drills", self.drills_page)

    async def journal_page(self, asked: Asked) -> Response:
        query = asked.request.query_params.get("q", "")[:200]
        try:
            found = await self._frame.cockpit.away(lambda: search(self._frame.cockpit, query))
        except JournalError as error:
            return await self._frame.page(asked, "missing.html", "Journal", status=503, error=str(error))
        return await self._frame.page(asked, "journal.html", "Journal", found=found, query=query, most=FOUND_MAX)

    async def runbook_page(self, asked: Asked) -> Response:
        return await self._frame.page(asked, "runbook.html", "Runbook")

    async def runbook_sheet(self, asked: Asked) -> Response:
        try:
            text = await self._frame.cockpit.away(self._sheet)
        except ConfigError as error:
            return HTMLResponse(self._frame.cockpit.drawing.page("refused.html", error=str(error)), 503)
        return HTMLResponse(text, headers=_sheet_headers(text))

    def _sheet(self) -> str:
        place, state = self._frame.cockpit.place, self._frame.cockpit.reading.rules.journal.state()
        facts = of_this_machine(
            load(config_file(place.config)),
            None if isinstance(state, Unknown) else state,
            clone=CLONE,
            drills=place.home / "drills",
            today=datetime.now(UTC).astimezone().date(),
            now_ns=place.wall_ns(),
        )
        return html(runbook(facts))


def _sheet_headers(text: str) -> dict[str, str]:
    """The printed sheet brings its own style: it is let in by its digest, and the sheet may stand in our frame."""
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'self'"
    return {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"}


def search(cockpit: Cockpit, query: str) -> list[Told]:
    """The newest lines of the journal that have all these words, the newest first. Raises JournalError."""
    words = query.lower().split()
    found: deque[Told] = deque(maxlen=FOUND_MAX)

    def take(record: Record) -> bool:
        line = told(record, None)
        if all(word in str(line).lower() for word in words):
            found.appendleft(line)
        return False  # the journal may be longer than the memory

    cockpit.hands.records(take)
    return list(found)


def _drills(path: Path) -> list[list[str]]:
    """The drills on record, the newest first."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    rows = [line.strip("| ").replace("**", "").split(" | ") for line in lines if line.startswith("| 2")]
    return [[cell.replace("\\|", "|") for cell in row[:4]] for row in reversed(rows)][:FOUND_MAX]
