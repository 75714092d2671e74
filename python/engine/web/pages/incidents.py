"""Incidents: the list, one with its timeline and positions, notes, and closing it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from engine.desk import incidents
from engine.desk.incidents import IncidentError
from engine.desk.kill_positions import position_rows
from engine.journal.telling import told
from engine.journal.trouble import JournalError
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
        try:
            records = await self._frame.cockpit.away(self._frame.cockpit.hands.records)
        except JournalError as error:
            return await self._frame.page(asked, "missing.html", "Incidents", status=503, error=str(error))
        found = sorted(incidents.incidents(records).values(), key=lambda one: (one.open, one.opened_ns), reverse=True)
        return await self._frame.page(asked, "incidents.html", "Incidents", found=found)

    async def incident_page(self, asked: Asked, error: str = "") -> Response:
        try:
            records = await self._frame.cockpit.away(self._frame.cockpit.hands.records)
            one = incidents.pick(incidents.incidents(records), asked.request.path_params["incident"])
        except (JournalError, IncidentError) as problem:
            return await self._frame.page(asked, "missing.html", "Incident", status=404, error=str(problem))
        belonging = incidents.timeline(records, one)
        return await self._frame.page(
            asked,
            "incident.html",
            f"Incident {one.id}",
            one=one,
            lines=[told(record, None) for record in belonging],
            rows=position_rows(belonging, one.logins),
            error=error,
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
