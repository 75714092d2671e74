"""The same reads and intents for programs, as JSON, and two doors for those that can only post a text: the
webhook, which stops, and the heartbeat.

A webhook's token says what it may do and to whom, and that is only ever to stop: whoever finds it, or sends the same
message again, can stop too, and nothing else. A heartbeat's token is one program's sign of life, and nothing else. The
answer to a stop comes when it is on its way, not when it is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.desk import incidents
from engine.guard.day_line import SECOND_NS, drawn
from engine.journal.trouble import JournalError
from engine.trading.errors import ResumeRefused
from engine.trading.heartbeats import beat_for, good_bye_of
from engine.web.access import Need, Refused, Who
from engine.web.cockpit import Cockpit
from engine.web.doors import FORM_FIELD, WORDS, Asked, Door, Handler
from engine.web.openapi import BASE, openapi
from engine.web.pages.desk import search
from engine.web.pages.frame import EXPECTED
from engine.web.reading import NoSuchLogin
from engine.web.sessions import Token

TOKEN_IN_TEXT = re.compile(rb"[0-9a-f]{40,2000}\.[0-9A-Za-z_-]{43}")


class Api:
    """Over one cockpit."""

    def __init__(self, cockpit: Cockpit) -> None:
        self._cockpit = cockpit

    def doors(self) -> list[Door]:
        see, stop, act = Need.SEE, Need.STOP, Need.ACT
        return [
            Door(f"{BASE}/state", "GET", see, _asks(self.state), api=True),
            Door(f"{BASE}/pnl/{{login}}", "GET", see, _asks(self.pnl), api=True),
            Door(f"{BASE}/kill", "GET", see, _asks(self.killed), api=True),
            Door(f"{BASE}/kill", "POST", stop, self.kill, api=True),
            Door(f"{BASE}/logins/{{login}}/halt", "POST", stop, self.halt, api=True),
            Door(f"{BASE}/logins/{{login}}/resume", "POST", act, self.resume, api=True),
            Door(f"{BASE}/incidents", "GET", see, _asks(self.incidents), api=True),
            Door(f"{BASE}/journal", "GET", see, _asks(self.journal, "q"), api=True),
            Door(f"{BASE}/openapi.json", "GET", see, _asks(self.description), api=True),
            Door("/hook", "POST", Need.NOTHING, self.hook, api=True),
            Door("/beat", "POST", Need.NOTHING, self.beat, api=True),
        ]

    async def refuse(self, door: Door, request: Request, who: Who | None, why: Refused) -> Response:
        status, text = WORDS[why]
        address = "" if request.client is None else request.client.host
        self._cockpit.access_log.note(
            "refused", "" if who is None else who.name, address, why=why.value, path=door.path
        )
        return JSONResponse({"error": f"{text}; nothing was done", "code": why.value}, status)

    # --- reads --------------------------------------------------------------------------------------------------------
    async def state(self, _: Asked) -> Response:
        return _json(await self._cockpit.live.look())

    async def pnl(self, asked: Asked) -> Response:
        """Today's P&L as the guard has written it down, and the levels at which each limit is crossed."""
        name, picture = asked.request.path_params["login"], self._cockpit.live.picture
        card = next((one for one in picture.cards if one.name == name), None) if picture is not None else None
        if picture is None or card is None:
            return _json({"error": f"there is no login {name!r}", "code": "NoSuchLogin"}, 404)
        at_s = picture.at_ns // SECOND_NS
        day_s = 0 if card.day_ns is None else card.day_ns // SECOND_NS  # before it the profit was another day's
        samples = self._cockpit.reading.day_lines.of(name, day_s)
        if card.pnl is not None and not card.money_stale and (not samples or samples[-1][0] < at_s):
            samples.append((at_s, card.pnl))
        points = drawn(samples)
        levels = [{"name": one.name, "level": one.level} for one in card.bars]
        return _json({"at_s": at_s, "samples": points, "levels": [one for one in levels if one["level"] is not None]})

    async def killed(self, _: Asked) -> Response:
        run = await self._cockpit.away(self._cockpit.hands.kills.last)
        return _json({"kill": run})

    async def incidents(self, _: Asked) -> Response:
        missing: list[str] = []
        records = await self._cockpit.away(lambda: self._cockpit.hands.records(missing=missing))
        if missing and not records:  # that there is none is not known
            return _json({"error": "; ".join(missing), "code": "unreadable"}, 503)
        return _json({"incidents": list(incidents.incidents(records).values()), "missing": missing})

    async def journal(self, asked: Asked) -> Response:
        query = asked.request.query_params.get("q", "")[:200]
        try:
            found = await self._cockpit.away(lambda: search(self._cockpit, query))
        except JournalError as error:
            return _json({"error": str(error), "code": "unreadable"}, 503)
        return _json({"records": found})

    async def description(self, _: Asked) -> Response:
        return _json(openapi())

    # --- intents ------------------------------------------------------------------------------------------------------
    async def kill(self, asked: Asked) -> Response:
        wrong = _not_understood(asked.form, {"reason", "logins"})
        if wrong is not None:
            return wrong
        return await self._kill(asked.who, asked.form.get("reason", ""), _names(asked.form))

    async def _kill(self, who: Who, reason: str, logins: tuple[str, ...]) -> Response:
        answer = await self._do(lambda: {"kill": self._cockpit.hands.kill(who, reason, logins)}, 202, stops=True)
        self._cockpit.pressed("kill", who, logins=", ".join(logins) or "all")
        return answer

    async def halt(self, asked: Asked) -> Response:
        form, login = asked.form, asked.request.path_params["login"]
        wrong = _not_understood(form, {"reason", "cancel"})
        if wrong is not None:
            return wrong
        return await self._halt(asked.who, login, form.get("reason", ""), cancel=bool(form.get("cancel")), no_login=404)

    async def _halt(self, who: Who, login: str, reason: str, *, cancel: bool, no_login: int = 409) -> Response:
        def work() -> dict[str, Any]:
            done = self._cockpit.hands.halt(who, login, reason, cancel=cancel)
            return {"halted": login, "durable": done.durable, "drained": done.drained, "notes": list(done.notes)}

        answer = await self._do(work, stops=True, no_login=no_login)
        self._cockpit.pressed("halt", who, login=login)
        return answer

    async def resume(self, asked: Asked) -> Response:
        form, login = asked.form, asked.request.path_params["login"]
        wrong = _not_understood(form, {"reason", "override"})
        if wrong is not None:
            return wrong
        self._cockpit.pressed("resume", asked.who, login=login)

        def work() -> dict[str, Any]:
            override = bool(form.get("override"))
            done = self._cockpit.hands.resume(asked.who, login, form.get("reason", ""), override=override)
            return {"resumed": login, "lifted": [one.cause.value for one in done.lifted]}

        return await self._do(work, no_login=404)

    async def hook(self, asked: Asked) -> Response:
        """A stop by a token that is good for this stop alone. What else stands in the message, and whether it is JSON,
        is of no account: one quotation mark in somebody's alert makes it none, and a stop is not lost over it.
        """
        token, cockpit, form = await self._token(asked, "halt", "kill"), self._cockpit, asked.form
        if isinstance(token, Response):
            return token
        who = msgspec.structs.replace(asked.who, name=f"webhook {token.name}", way="webhook")
        if token.may == "kill":
            return await self._kill(who, form.get("reason", ""), token.logins)
        logins = token.logins or tuple(await cockpit.at_once(cockpit.reading.scopes))
        answers = [await self._halt(who, login, form.get("reason", ""), cancel=False) for login in logins]
        return max(answers, key=lambda one: one.status_code)

    async def beat(self, asked: Asked) -> Response:
        """A sign of life of the program that the token is named after, or with `goodbye` its end on purpose."""
        token = await self._token(asked, "heartbeat")
        if isinstance(token, Response):
            return token
        home, engine, goodbye = self._cockpit.reading.home, token.name, bool(asked.form.get("goodbye"))

        def work() -> dict[str, Any]:
            if goodbye:
                good_bye_of(home, engine)
            else:
                beat_for(home, engine, token.logins)
            return {"heard": engine, "goodbye": goodbye}

        try:
            return _json(await self._cockpit.away(work))
        except OSError as error:
            why = f"it could not be written down ({error.strerror}): to the guard {engine} is silent"
            return _json({"error": why, "code": "unwritable"}, 409)

    async def _token(self, asked: Asked, *may: str) -> Token | Response:
        """The token that stands anywhere in the message, if it is good for one of these; else the refusal."""
        cockpit, form = self._cockpit, asked.form
        shown = form.get("token") or asked.request.headers.get("authorization", "").removeprefix("Bearer ")
        if not shown:
            found = TOKEN_IN_TEXT.search(asked.request.state.body)
            shown = "" if found is None else found[0].decode()
        token = await cockpit.at_once(lambda: cockpit.keeper.token(shown))
        if token is not None and token.may in may:
            return token
        keys, now_ns = (f"hook from {asked.who.address}",), cockpit.place.wall_ns()
        wait_ns = cockpit.throttle.wait_ns(keys, now_ns)
        cockpit.throttle.failed(keys, now_ns)
        cockpit.access_log.note("hook refused", "", asked.who.address)
        why = "this token is not good for that" if shown else "there is no token in the message"
        error = {"error": f"{why}; nothing was done", "code": Refused.NOT_KNOWN.value}
        return _json(error, 429 if wait_ns else 401)

    async def _do(
        self, work: Callable[[], dict[str, Any]], status: int = 200, *, stops: bool = False, no_login: int = 409
    ) -> Response:
        try:
            return _json(await (self._cockpit.at_once if stops else self._cockpit.away)(work), status)
        except ResumeRefused as error:
            return _json({"error": str(error), "code": "refused", "obstacles": error.obstacles}, 409)
        except EXPECTED as error:
            failed = no_login if isinstance(error, NoSuchLogin) else 409
            return _json({"error": str(error), "code": type(error).__name__}, failed)


def _asks(handler: Handler, *known: str) -> Handler:
    """A read that has these parameters, and no other."""

    async def asked(one: Asked) -> Response:
        unknown = sorted(set(one.request.query_params) - set(known))
        if unknown:
            error = f"there is no parameter {unknown[0]!r}; there are: {', '.join(known) or 'none'}"
            return _json({"error": error, "code": "not_understood"}, 400)
        return await handler(one)

    return asked


def _not_understood(form: dict[str, str], known: set[str]) -> Response | None:
    """Whoever sends `dry_run` must not get a kill."""
    unknown = sorted(form.keys() - known - {FORM_FIELD})
    if not unknown:
        return None
    why = form[""] if "" in form else f"there is no field {unknown[0]!r}; there are: {', '.join(sorted(known))}"
    return _json({"error": f"{why}; nothing was done", "code": "not_understood"}, 400)


def _names(form: dict[str, str]) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip() for one in form.get("logins", "").split(","))))


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value, enc_hook=str), status, media_type="application/json")
