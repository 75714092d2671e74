"""The pages that a person opens, and what becomes of the forms on them. Each answers from the newest state."""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from engine.config.limit_settings import limit_values
from engine.config.places import config_file
from engine.config.problems import ConfigError
from engine.config.reader import load
from engine.core.known import Unknown
from engine.desk import drill_record, incidents
from engine.desk.incidents import IncidentError
from engine.desk.kill_positions import position_rows
from engine.desk.page_html import html
from engine.desk.runbook import runbook
from engine.desk.runbook_facts import of_this_machine
from engine.guard.control import NoGuard
from engine.journal.events import Record
from engine.journal.loss_records import changes_of
from engine.journal.telling import Told, told
from engine.journal.trouble import JournalError
from engine.trading.errors import ResumeRefused, TradingError
from engine.trading.limit_source import in_force
from engine.web.access import Need, Refused, Who, may
from engine.web.cockpit import Cockpit
from engine.web.doors import WORDS, Asked, Door
from engine.web.drawing import clock
from engine.web.private_files import Unreadable
from engine.web.reading import NoSuchLogin
from engine.web.runs import CannotStart

CLONE = Path(__file__).resolve().parents[3]
FOUND_MAX = 200
EXPECTED = (NoGuard, NoSuchLogin, CannotStart, IncidentError, TradingError, JournalError, ConfigError)


class Pages:
    """Over one cockpit."""

    def __init__(self, cockpit: Cockpit) -> None:
        self._cockpit = cockpit

    def doors(self) -> list[Door]:
        see, stop, act = Need.SEE, Need.STOP, Need.ACT
        return [
            Door("/", "GET", see, self.overview),
            Door("/events", "GET", see, self.events),
            Door("/kill", "GET", see, self.kill_page),
            Door("/kill", "POST", stop, self.kill),
            Door("/logins/{login}", "GET", see, self.login_page),
            Door("/logins/{login}/halt", "POST", stop, self.halt),
            Door("/logins/{login}/resume", "POST", act, self.resume),
            Door("/logins/{login}/reset", "POST", act, self.reset),
            Door("/alerts", "POST", act, self.acknowledge),
            Door("/alerts", "GET", see, self.alerts_page),
            Door("/incidents", "GET", see, self.incidents_page),
            Door("/incidents/{incident}", "GET", see, self.incident_page),
            Door("/incidents/{incident}/note", "POST", act, self.note),
            Door("/incidents/{incident}/close", "POST", act, self.close),
            Door("/limits", "GET", see, self.limits_page),
            Door("/limits", "POST", act, self.set_limit),
            Door("/drills", "GET", see, self.drills_page),
            Door("/drills", "POST", act, self.drill),
            Door("/journal", "GET", see, self.journal_page),
            Door("/runbook", "GET", see, self.runbook_page),
            Door("/runbook/page", "GET", see, self.runbook_sheet),
            Door("/login", "GET", Need.NOTHING, self.log_in_page),
            Door("/login", "POST", Need.NOTHING, self.log_in),
            Door("/logout", "POST", see, self.log_out),
            Door("/alive", "GET", Need.NOTHING, self.alive),
        ]

    # --- the frame ----------------------------------------------------------------------------------------------------
    async def _page(self, asked: Asked, name: str, title: str, *, status: int = 200, **values: Any) -> Response:
        cockpit = self._cockpit
        picture = await cockpit.live.look()
        run = await cockpit.away(cockpit.hands.kills.last)
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
            message=values.pop("message", ""),
            error=values.pop("error", ""),
            **values,
        )
        return HTMLResponse(text, status)

    async def refuse(self, door: Door, request: Request, who: Who | None, why: Refused) -> Response:
        """What somebody sees who may not. A press that did not count says so first."""
        status, text = WORDS[why]
        cockpit = self._cockpit
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

    async def _done(
        self, asked: Asked, work: Callable[[], str], back: str, again: Callable[[Asked, str], Any]
    ) -> Response:
        """Do it and go back with what came of it; what was refused is told on the page it was asked on."""
        try:
            message = await self._cockpit.away(work)
        except EXPECTED as error:
            self._cockpit.pressed("refused by the rules", asked.who, path=asked.request.url.path)
            response: Response = await again(asked, _told(error))
            return response
        self._cockpit.pressed("done", asked.who, path=asked.request.url.path)
        return RedirectResponse(f"{back}{'&' if '?' in back else '?'}done={quote(message)}", 303)

    # --- overview and stops -------------------------------------------------------------------------------------------
    async def overview(self, asked: Asked) -> Response:
        return await self._page(asked, "overview.html", "Overview", message=_message(asked))

    async def events(self, asked: Asked) -> Response:
        keeper, request = self._cockpit.keeper, asked.request

        def alive() -> bool:
            try:
                return keeper.who(request, api=False) is not None
            except Unreadable:
                return False

        return StreamingResponse(self._cockpit.live.events(alive), media_type="text/event-stream")

    async def kill_page(self, asked: Asked) -> Response:
        return await self._page(asked, "kill.html", "Kill", message=_message(asked))

    async def kill(self, asked: Asked) -> Response:
        logins = tuple(filter(None, asked.form.get("logins", "").split(",")))
        reason = asked.form.get("reason", "")
        self._cockpit.pressed("kill", asked.who, logins=", ".join(logins) or "all")
        try:
            await self._cockpit.away(lambda: self._cockpit.hands.kill(asked.who, reason, logins))
        except NoSuchLogin as error:
            text = f"THE KILL WAS NOT SENT: {error}"
            return await self._page(asked, "kill.html", "Kill", status=409, error=text)
        except CannotStart as error:
            text = f"The guard was told, if one runs. No process of our own: {error}. In a terminal: qe kill"
            return await self._page(asked, "kill.html", "Kill", status=503, error=text)
        return RedirectResponse("/kill", 303)

    async def login_page(self, asked: Asked, error: str = "") -> Response:
        picture = await self._cockpit.live.look()
        name = asked.request.path_params["login"]
        card = next((one for one in picture.cards if one.name == name), None)
        if card is None:
            return await self._page(asked, "missing.html", "Not here", status=404, error=f"there is no login {name!r}")
        status = 409 if error else 200
        return await self._page(
            asked, "login.html", name, status=status, card=card, error=error, message=_message(asked)
        )

    async def halt(self, asked: Asked) -> Response:
        name, reason = asked.request.path_params["login"], asked.form.get("reason", "")
        cancel = bool(asked.form.get("cancel"))
        work = lambda: str(self._cockpit.hands.halt(asked.who, name, reason, cancel=cancel))  # noqa: E731
        return await self._done(asked, work, f"/logins/{quote(name)}", self.login_page)

    async def resume(self, asked: Asked) -> Response:
        name, reason = asked.request.path_params["login"], asked.form.get("reason", "")
        override = bool(asked.form.get("override"))
        work = lambda: str(self._cockpit.hands.resume(asked.who, name, reason, override=override))  # noqa: E731
        return await self._done(asked, work, f"/logins/{quote(name)}", self.login_page)

    async def reset(self, asked: Asked) -> Response:
        name, reason = asked.request.path_params["login"], asked.form.get("reason", "")
        work = lambda: str(self._cockpit.hands.reset(asked.who, name, reason))  # noqa: E731
        return await self._done(asked, work, f"/logins/{quote(name)}", self.login_page)

    async def alerts_page(self, asked: Asked, error: str = "") -> Response:
        status = 409 if error else 200
        return await self._page(asked, "alerts.html", "Alerts", status=status, error=error, message=_message(asked))

    async def acknowledge(self, asked: Asked) -> Response:
        key = asked.form.get("key") or None
        work = lambda: self._cockpit.hands.acknowledge(asked.who, key)  # noqa: E731
        return await self._done(asked, work, "/alerts", self.alerts_page)

    # --- incidents ----------------------------------------------------------------------------------------------------
    async def incidents_page(self, asked: Asked) -> Response:
        try:
            records = await self._cockpit.away(self._cockpit.hands.records)
        except JournalError as error:
            return await self._page(asked, "missing.html", "Incidents", status=503, error=str(error))
        found = sorted(incidents.incidents(records).values(), key=lambda one: (one.open, one.opened_ns), reverse=True)
        return await self._page(asked, "incidents.html", "Incidents", found=found)

    async def incident_page(self, asked: Asked, error: str = "") -> Response:
        try:
            records = await self._cockpit.away(self._cockpit.hands.records)
            one = incidents.pick(incidents.incidents(records), asked.request.path_params["incident"])
        except (JournalError, IncidentError) as problem:
            return await self._page(asked, "missing.html", "Incident", status=404, error=str(problem))
        belonging = incidents.timeline(records, one)
        return await self._page(
            asked,
            "incident.html",
            f"Incident {one.id}",
            status=409 if error else 200,
            one=one,
            lines=[told(record, None) for record in belonging],
            rows=position_rows(belonging, one.logins),
            error=error,
            message=_message(asked),
        )

    async def note(self, asked: Asked) -> Response:
        name, text = asked.request.path_params["incident"], asked.form.get("text", "")

        def work() -> str:
            self._cockpit.hands.note(asked.who, name, text)
            return "noted"

        return await self._done(asked, work, f"/incidents/{quote(name)}", self.incident_page)

    async def close(self, asked: Asked) -> Response:
        name, form = asked.request.path_params["incident"], asked.form

        def work() -> str:
            missed = self._cockpit.hands.close(asked.who, name, form.get("cause", ""), form.get("action", ""))
            return f"closed{'' if missed is None else f'; {missed}'}"

        return await self._done(asked, work, f"/incidents/{quote(name)}", self.incident_page)

    # --- limits -------------------------------------------------------------------------------------------------------
    async def limits_page(self, asked: Asked, error: str = "") -> Response:
        try:
            rows = await self._cockpit.away(self._limits)
        except ConfigError as problem:
            return await self._page(asked, "missing.html", "Limits", status=503, error=str(problem))
        status = 409 if error else 200
        return await self._page(
            asked, "limits.html", "Limits", status=status, rows=rows, error=error, message=_message(asked)
        )

    def _limits(self) -> list[dict[str, Any]]:
        """The values in force of each login, and who has changed what. Raises ConfigError."""
        reading, now_ns = self._cockpit.reading, self._cockpit.place.wall_ns()
        source, state, rows = reading.source(), reading.rules.journal.state(), []
        for name, (scope, _) in reading.scopes().items():
            changes = () if isinstance(state, Unknown) else changes_of(state.limit_changes, scope)
            held = in_force(source, changes, now_ns)
            rows.append(
                {
                    "login": name,
                    "values": limit_values(held.table),
                    "changes": list(reversed(changes)),
                    "now_ns": now_ns,
                    "trouble": held.unreadable or (state.why if isinstance(state, Unknown) else ""),
                }
            )
        return rows

    async def set_limit(self, asked: Asked) -> Response:
        form, now_ns = asked.form, self._cockpit.place.wall_ns()

        def work() -> str:
            login, key, value = form.get("login", ""), form.get("key", ""), form.get("value", "")
            change = self._cockpit.hands.set_limit(asked.who, login, key, value, form.get("reason", ""), now_ns)
            when = "at once" if change.effective_ns <= now_ns else "from the next trading day"
            return f"{login}: {change.key} {change.old} → {change.new}, {when}"

        return await self._done(asked, work, "/limits", self.limits_page)

    # --- drills, journal, runbook -------------------------------------------------------------------------------------
    async def drills_page(self, asked: Asked, error: str = "") -> Response:
        cockpit = self._cockpit
        rows = await cockpit.away(lambda: _drills(cockpit.place.home / "drills" / drill_record.LIST_NAME))
        last = await cockpit.away(cockpit.hands.drills.last)
        return await self._page(
            asked,
            "drills.html",
            "Drills",
            status=409 if error else 200,
            rows=rows,
            last=last,
            error=error,
            message=_message(asked),
        )

    async def drill(self, asked: Asked) -> Response:
        scenario = asked.form.get("scenario", "") or "calm"
        plain = scenario.replace("-", "").replace("_", "")
        if not (plain.isascii() and plain.isalnum()):  # a name, never a path
            return await self.drills_page(asked, f"there is no scenario {scenario!r}; nothing was started")

        def work() -> str:
            self._cockpit.hands.drill(scenario)
            return f"a drill of {scenario!r} has begun, on the simulator"

        return await self._done(asked, work, "/drills", self.drills_page)

    async def journal_page(self, asked: Asked) -> Response:
        query = asked.request.query_params.get("q", "")[:200]
        try:
            found = await self._cockpit.away(lambda: search(self._cockpit, query))
        except JournalError as error:
            return await self._page(asked, "missing.html", "Journal", status=503, error=str(error))
        return await self._page(asked, "journal.html", "Journal", found=found, query=query, most=FOUND_MAX)

    async def runbook_page(self, asked: Asked) -> Response:
        return await self._page(asked, "runbook.html", "Runbook")

    async def runbook_sheet(self, asked: Asked) -> Response:
        try:
            text = await self._cockpit.away(self._sheet)
        except ConfigError as error:
            return HTMLResponse(self._cockpit.drawing.page("refused.html", error=str(error)), 503)
        return HTMLResponse(text, headers=_sheet_headers(text))

    def _sheet(self) -> str:
        place, state = self._cockpit.place, self._cockpit.reading.rules.journal.state()
        facts = of_this_machine(
            load(config_file(place.config)),
            None if isinstance(state, Unknown) else state,
            clone=CLONE,
            drills=place.home / "drills",
            today=datetime.now(UTC).astimezone().date(),
            now_ns=place.wall_ns(),
        )
        return html(runbook(facts))

    # --- coming and going ---------------------------------------------------------------------------------------------
    async def log_in_page(self, asked: Asked) -> Response:
        wanted = asked.request.query_params.get("wanted", "/")
        return HTMLResponse(self._cockpit.drawing.page("log_in.html", error="", wanted=_inside(wanted)))

    async def log_in(self, asked: Asked) -> Response:
        cockpit, form = self._cockpit, asked.form
        name, address = form.get("name", "")[:64], asked.who.address
        keys, now_ns = (f"from {address}", f"as {name}"), cockpit.place.wall_ns()
        wanted = _inside(form.get("wanted", "/"))
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
        keeper = self._cockpit.keeper
        session = keeper.session(asked.request)
        if session is not None:
            await self._cockpit.away(lambda: keeper.ended.add(session, keeper.wall_ns()))
        self._cockpit.access_log.note("logged out", asked.who.name, asked.who.address)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(keeper.cookie, path="/", secure=keeper.tls, httponly=True, samesite="strict")
        return response

    async def alive(self, asked: Asked) -> Response:
        return PlainTextResponse("alive\n")


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


def _may(who: Who, need: Need, cockpit: Cockpit) -> bool:
    return may(who, need, viewer_may_kill=cockpit.table.viewer_may_kill) is None


def _told(error: Exception) -> str:
    if isinstance(error, ResumeRefused):
        lines = [f"{one.what} (to clear: {one.clear})" for one in error.obstacles]
        return f"Refused; everything stands as it did. In the way: {'; '.join(lines)}"
    return str(error)


def _message(asked: Asked) -> str:
    text: str = asked.request.query_params.get("done", "")
    return text[:500]


def _inside(path: str) -> str:
    """A page of ours: a log-in must not send anybody elsewhere."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"
