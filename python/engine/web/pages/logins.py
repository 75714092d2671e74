"""The overview, each login with its halt and resume, and the alerts of the guard."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from engine.web.access import Need
from engine.web.doors import Asked, Door
from engine.web.pages.frame import Frame
from engine.web.private_files import Unreadable


class Logins:
    """What may be seen of the logins, and done with one of them."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def doors(self) -> list[Door]:
        see, stop, act = Need.SEE, Need.STOP, Need.ACT
        return [
            Door("/", "GET", see, self.overview),
            Door("/events", "GET", see, self.events),
            Door("/logins/{login}", "GET", see, self.login_page),
            Door("/logins/{login}/halt", "POST", stop, self.halt),
            Door("/logins/{login}/resume", "POST", act, self.resume),
            Door("/logins/{login}/reset", "POST", act, self.reset),
            Door("/logins/{login}/verify", "POST", act, self.verify),
            Door("/alerts", "GET", see, self.alerts_page),
            Door("/alerts", "POST", act, self.acknowledge),
        ]

    async def overview(self, asked: Asked) -> Response:
        return await self._frame.page(asked, "overview.html", "Overview")

    async def events(self, asked: Asked) -> Response:
        keeper, request = self._frame.cockpit.keeper, asked.request

        def alive() -> bool:
            try:
                return keeper.who(request, api=False) is not None
            except Unreadable:
                return False

        return StreamingResponse(self._frame.cockpit.live.events(alive), media_type="text/event-stream")

    async def login_page(self, asked: Asked, error: str = "") -> Response:
        picture, _ = await self._frame.cockpit.live.fresh()
        name = asked.request.path_params["login"]
        card = next((one for one in picture.cards if one.name == name), None)
        if card is None:
            return await self._frame.page(
                asked, "missing.html", "Not here", status=404, error=f"there is no login {name!r}"
            )
        verified = await self._frame.cockpit.away(self._frame.cockpit.hands.verifications.last)
        return await self._frame.page(asked, "login.html", name, card=card, verified=verified, error=error)

    async def halt(self, asked: Asked) -> Response:
        name, reason = asked.request.path_params["login"], asked.form.get("reason", "")
        cancel = bool(asked.form.get("cancel"))
        work = lambda: str(self._frame.cockpit.hands.halt(asked.who, name, reason, cancel=cancel))  # noqa: E731
        return await self._frame.done(asked, work, f"/logins/{quote(name)}", self.login_page, stops=True)

    async def resume(self, asked: Asked) -> Response:
        name, reason = asked.request.path_params["login"], asked.form.get("reason", "")
        override = bool(asked.form.get("override"))
        work = lambda: str(self._frame.cockpit.hands.resume(asked.who, name, reason, override=override))  # noqa: E731
        return await self._frame.done(asked, work, f"/logins/{quote(name)}", self.login_page)

    async def reset(self, asked: Asked) -> Response:
        name, reason = asked.request.path_params["login"], asked.form.get("reason", "")
        work = lambda: str(self._frame.cockpit.hands.reset(asked.who, name, reason))  # noqa: E731
        return await self._frame.done(asked, work, f"/logins/{quote(name)}", self.login_page)

    async def verify(self, asked: Asked) -> Response:
        name = asked.request.path_params["login"]

        def work() -> str:
            self._frame.cockpit.hands.verify(name)
            return f"{name} is being verified: what comes of it stands on this page in some seconds"

        return await self._frame.done(asked, work, f"/logins/{quote(name)}", self.login_page)

    async def alerts_page(self, asked: Asked, error: str = "") -> Response:
        return await self._frame.page(asked, "alerts.html", "Alerts", error=error)

    async def acknowledge(self, asked: Asked) -> Response:
        key = asked.form.get("key") or None
        work = lambda: self._frame.cockpit.hands.acknowledge(asked.who, key)  # noqa: E731
        return await self._frame.done(asked, work, "/alerts", self.alerts_page)
