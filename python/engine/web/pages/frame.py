"""The frame of every page: drawn from the newest state; how somebody is refused; what becomes of a form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from engine.config.problems import ConfigError
from engine.desk.incidents import IncidentError
from engine.guard.control import NoGuard
from engine.journal.trouble import JournalError
from engine.trading.errors import ResumeRefused, TradingError
from engine.web.access import Need, Refused, Who, may
from engine.web.cockpit import Cockpit
from engine.web.doors import WORDS, Asked, Door
from engine.web.drawing import clock
from engine.web.hands import short
from engine.web.reading import NoSuchLogin
from engine.web.runs import CannotStart

EXPECTED = (NoGuard, NoSuchLogin, CannotStart, IncidentError, TradingError, JournalError, ConfigError)


class Frame:
    """Over one cockpit."""

    def __init__(self, cockpit: Cockpit) -> None:
        self.cockpit = cockpit

    async def page(
        self, asked: Asked, name: str, title: str, *, status: int = 200, error: str = "", **values: Any
    ) -> Response:
        """A page with its frame. `error`: what was refused, or failed; then the status is 409 unless it is told."""
        cockpit = self.cockpit
        picture, run = await cockpit.live.fresh()
        text = cockpit.drawing.page(
            name,
            title=title,
            path=asked.request.url.path,
            who=asked.who,
            form_token=asked.form_token,
            may_kill=_may(asked.who, Need.STOP, cockpit),
            may_act=_may(asked.who, Need.ACT, cockpit),
            picture=picture,
            run=run,
            as_of=clock(picture.at_ns),
            message=self._message(asked),
            error=error,
            **values,
        )
        return HTMLResponse(text, 409 if error and status == 200 else status)

    async def refuse(self, door: Door, request: Request, who: Who | None, why: Refused) -> Response:
        """What somebody sees who may not. A press that did not count says so first."""
        status, text = WORDS[why]
        cockpit = self.cockpit
        address = "" if request.client is None else request.client.host
        cockpit.access_log.note("refused", "" if who is None else who.name, address, why=why.value, path=door.path)
        undone = "" if door.method == "GET" else "NOTHING WAS DONE: "
        if door.path == "/kill" and door.method == "POST":
            undone = "THE KILL WAS NOT SENT: "
        sentence = f"{undone}{text}."
        if door.path == "/events":
            return PlainTextResponse(sentence, status)
        if why is Refused.NOT_KNOWN and await cockpit.away(lambda: bool(cockpit.users.all())):
            wanted = request.url.path if door.method == "GET" else "/"
            return HTMLResponse(cockpit.drawing.page("log_in.html", error=sentence, wanted=wanted), status)
        return HTMLResponse(cockpit.drawing.page("refused.html", error=sentence), status)

    async def done(
        self,
        asked: Asked,
        work: Callable[[], str],
        back: str,
        again: Callable[[Asked, str], Any],
        *,
        stops: bool = False,
    ) -> Response:
        """Do it and go back with what came of it; what was refused is told on the page it was asked on. `stops`: it
        waits behind nothing else.
        """
        try:
            message = short(await (self.cockpit.at_once if stops else self.cockpit.away)(work), lines=True)
        except EXPECTED as error:
            self.cockpit.pressed("refused by the rules", asked.who, path=asked.request.url.path)
            response: Response = await again(asked, _told(error))
            return response
        self.cockpit.pressed("done", asked.who, path=asked.request.url.path)
        seal = self.cockpit.seals.mark(asked.who.session, message)
        return RedirectResponse(f"{back}?{urlencode({'done': message, 'seal': seal})}", 303)

    def _message(self, asked: Asked) -> str:
        """What came of a form, if it is we who have said it, to this browser: a link must not put words in our mouth,
        such as that everything is flat.
        """
        told, query = "", asked.request.query_params
        if self.cockpit.seals.is_mark(asked.who.session, query.get("done", ""), query.get("seal", "")):
            told = query["done"]
        return told


def _may(who: Who, need: Need, cockpit: Cockpit) -> bool:
    return may(who, need, viewer_may_kill=cockpit.table.viewer_may_kill) is None


def _told(error: Exception) -> str:
    if isinstance(error, ResumeRefused):
        lines = [f"{one.what} (to clear: {one.clear})" for one in error.obstacles]
        return f"Refused; everything stands as it did. In the way: {'; '.join(lines)}"
    return str(error)


def inside(path: str) -> str:
    """A page of ours: a log-in must not send anybody elsewhere."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"
