"""The limits of each login: what is in force, who has changed what, and changing one."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from engine.config.limit_settings import limit_values
from engine.config.problems import ConfigError
from engine.core.known import Unknown
from engine.core.limit_changes import FIRST_REASON
from engine.journal.loss_records import changes_of
from engine.trading.limit_source import in_force
from engine.web.access import Need
from engine.web.doors import Asked, Door
from engine.web.pages.frame import Frame


class Limits:
    """The rules of a change are those of `qe limits set`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def doors(self) -> list[Door]:
        return [Door("/limits", "GET", Need.SEE, self.limits_page), Door("/limits", "POST", Need.ACT, self.set_limit)]

    async def limits_page(self, asked: Asked, error: str = "") -> Response:
        try:
            rows = await self._frame.cockpit.away(self._limits)
        except ConfigError as problem:
            return await self._frame.page(asked, "missing.html", "Limits", status=503, error=str(problem))
        return await self._frame.page(asked, "limits.html", "Limits", rows=rows, error=error)

    def _limits(self) -> list[dict[str, Any]]:
        """The values in force of each login, and who has changed what. Raises ConfigError."""
        reading, now_ns = self._frame.cockpit.reading, self._frame.cockpit.place.wall_ns()
        source, state, rows = reading.source(), reading.rules.journal.state(), []
        for name, (scope, _) in reading.scopes().items():
            changes = () if isinstance(state, Unknown) else changes_of(state.limit_changes, scope)
            held = in_force(source, changes, now_ns)
            rows.append(
                {
                    "login": name,
                    "values": limit_values(held.table),
                    "changes": [one for one in reversed(changes) if one.reason != FIRST_REASON],
                    "first_ns": min((one.told_ns for one in changes), default=None),
                    "trouble": held.unreadable or (state.why if isinstance(state, Unknown) else ""),
                }
            )
        return rows

    async def set_limit(self, asked: Asked) -> Response:
        form, now_ns = asked.form, self._frame.cockpit.place.wall_ns()

        def work() -> str:
            login, key, value = form.get("login", ""), form.get("key", ""), form.get("value", "")
            change = self._frame.cockpit.hands.set_limit(asked.who, login, key, value, form.get("reason", ""), now_ns)
            when = "at once" if change.effective_ns <= now_ns else "from the next trading day"
            return f"{login}: {change.key} {change.old} → {change.new}, {when}"

        return await self._frame.done(asked, work, "/limits", self.limits_page)
