"""Incidents: the list, one with its timeline and positions, notes, and closing it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from engine.desk import incidents
from engine.desk.incidents import IncidentError
from engine.desk.kill_positions import position_rows
from engine.journal.events import Record
from engine.journal.telling import told
from engine.web.access import Need
from engine.web.doors import Asked, Door
from engine.web.pages.frame import Frame


class Incidents:
    """Over the journal, archives and all."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def doors(self) -> list[Door]:
        see, act = Need.SEE, Need.ACT
        return [
            Door("/incidents", "GET", see, self.incidents_page),
            Door("/incidents/{incident}", "GET", see, self.incident_page),
            Door("/incidents/{incident}/note", "POST", act, self.note),
            Door("/incidents/{incident}/close", "POST", act, self.close),
        ]

    async def incidents_page(self, asked: Asked) -> Response:
        records, missing = await self._read()
        found = sorted(incidents.incidents(records).values(), key=lambda one: (one.open, one.opened_ns), reverse=True)
        status = 503 if missing and not records else 200
        return await self._frame.page(asked, "incidents.html", "Incidents", status=status, found=found, missing=missing)

    async def _read(self) -> tuple[list[Record], list[str]]:
        """What can be read, and what cannot: a damaged archive of last year must not hide what happens today."""
        missing: list[str] = []
        hands = self._frame.cockpit.hands
        return await self._frame.cockpit.away(lambda: hands.records(missing=missing)), missing

    async def incident_page(self, asked: Asked, error: str = "") -> Response:
        records, missing = await self._read()
        try:
            one = incidents.pick(incidents.incidents(records), asked.request.path_params["incident"])
        except IncidentError as problem:
            status, why = (503, "; ".join(missing)) if missing else (404, str(problem))
            return await self._frame.page(asked, "missing.html", "Incident", status=status, error=why)
        belonging = incidents.timeline(records, one)
        return await self._frame.page(
            asked,
            "incident.html",
            f"Incident {one.id}",
            one=one,
            lines=[told(record, None) for record in belonging],
            rows=position_rows(belonging, one.logins),
            error=error,
            missing=missing,
        )

    async def note(self, asked: Asked) -> Response:
        name, text = asked.request.path_params["incident"], asked.form.get("text", "")

        def work() -> str:
            self._frame.cockpit.hands.note(asked.who, name, text)
            return "noted"

        return await self._frame.done(asked, work, f"/incidents/{quote(name)}", self.incident_page)

    async def close(self, asked: Asked) -> Response:
        name, form = asked.request.path_params["incident"], asked.form

        def work() -> str:
            missed = self._frame.cockpit.hands.close(asked.who, name, form.get("cause", ""), form.get("action", ""))
            return f"closed{'' if missed is None else f'; {missed}'}"

        return await self._frame.done(asked, work, f"/incidents/{quote(name)}", self.incident_page)
