"""Coming and going: the log-in, the log-out, and whether the cockpit lives."""

from __future__ import annotations

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from engine.web.access import Need
from engine.web.doors import Asked, Door
from engine.web.pages.frame import Frame, inside


class Coming:
    """Sessions begin and end here."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def doors(self) -> list[Door]:
        return [
            Door("/login", "GET", Need.NOTHING, self.log_in_page),
            Door("/login", "POST", Need.NOTHING, self.log_in),
            Door("/logout", "POST", Need.SEE, self.log_out),
            Door("/alive", "GET", Need.NOTHING, self.alive),
        ]

    async def log_in_page(self, asked: Asked) -> Response:
        wanted = asked.request.query_params.get("wanted", "/")
        return HTMLResponse(self._frame.cockpit.drawing.page("log_in.html", error="", wanted=inside(wanted)))

    async def log_in(self, asked: Asked) -> Response:
        cockpit, form = self._frame.cockpit, asked.form
        name, address = form.get("name", "")[:64], asked.who.address
        keys, now_ns = (f"from {address}", f"as {name}"), cockpit.place.wall_ns()
        wanted = inside(form.get("wanted", "/"))
        wait_s = -(-cockpit.throttle.wait_ns(keys, now_ns) // 1_000_000_000)
        if wait_s > 0:
            text = f"too many tries; the next one is looked at in {wait_s} s. The kill needs no log-in: qe kill"
            return HTMLResponse(cockpit.drawing.page("log_in.html", error=text, wanted=wanted), 429)
        user = await cockpit.away(lambda: cockpit.users.verified(name, form.get("password", "")))
        if user is None:
            cockpit.throttle.failed(keys, now_ns)
            cockpit.access_log.note("log-in failed", name, address)
            text = "the name or the password is not right"
            return HTMLResponse(cockpit.drawing.page("log_in.html", error=text, wanted=wanted), 401)
        cockpit.throttle.succeeded(keys)
        cockpit.access_log.note("logged in", name, address)
        response = RedirectResponse(wanted, 303)
        cockpit.keeper.start(response, user.name, user.generation)
        return response

    async def log_out(self, asked: Asked) -> Response:
        keeper = self._frame.cockpit.keeper
        session = keeper.session(asked.request)
        if session is not None:
            await self._frame.cockpit.away(lambda: keeper.ended.add(session, keeper.wall_ns()))
        self._frame.cockpit.access_log.note("logged out", asked.who.name, asked.who.address)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(keeper.cookie, path="/", secure=keeper.tls, httponly=True, samesite="strict")
        return response

    async def alive(self, asked: Asked) -> Response:
        return PlainTextResponse("alive\n")
