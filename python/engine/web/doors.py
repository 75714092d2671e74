"""Every way into the cockpit passes here: is it our name, our page, a person we know, and may he do this?

A door says what it needs and who is kept out; its handler is only called on an explicit yes. Must never let a handler
be reached around this.
"""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.config.web_table import WebTable
from engine.web import access, sessions
from engine.web.access import Need, Refused, Role, Who
from engine.web.private_files import Unreadable
from engine.web.sessions import Ended, Seals, Session, Token, Tokens
from engine.web.users import Users

BODY_BYTES_MAX = 65_536
FORM_FIELD = "form_token"
FORM_HEADER = "x-form-token"
SESSION, TOKEN = "session", "token"  # kinds of seals
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # not no-referrer: browsers would hide from us where a form comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
WORDS = {
    Refused.NOT_KNOWN: (401, "you are not logged in"),
    Refused.MAY_ONLY_LOOK: (403, "you may look, and not do this"),
    Refused.WRONG_HOST: (421, "the cockpit does not answer under this name (see web.names)"),
    Refused.CROSS_SITE: (403, "this was sent by a page that is not the cockpit's"),
    Refused.FORM_NOT_OURS: (403, "the page it was sent from is too old, or not ours: open it anew"),
}


class Asked(NamedTuple):
    """A request that has passed: who, and what he filled in."""

    request: Request
    who: Who
    form: dict[str, str]
    form_token: str


Handler = Callable[[Asked], Awaitable[Response]]


class Door(NamedTuple):
    """`api`: for programs, which get JSON and may show a token."""

    path: str
    method: str
    need: Need
    handler: Handler
    api: bool = False


class TooLong(Exception):
    """The request is longer than anybody needs."""


class Gatekeeper:
    """Knows whoever asks."""

    def __init__(
        self, table: WebTable, users: Users, seals: Seals, ended: Ended, tokens: Tokens, wall_ns: Callable[[], int]
    ) -> None:
        self.table = table
        self.users = users
        self.seals = seals
        self.ended = ended
        self.tokens = tokens
        self.wall_ns = wall_ns
        self._names = access.names_of(table.host, table.names)
        self.tls = bool(table.certificate and table.key)
        self.cookie = "__Host-qe" if self.tls else "qe"

    # --- who ----------------------------------------------------------------------------------------------------------
    def session(self, request: Request) -> Session | None:
        """The session of the cookie, if it is good still."""
        found = self.seals.open(SESSION, request.cookies.get(self.cookie, ""), Session)
        if found is None or found.until_ns <= self.wall_ns() or found.id in self.ended:
            return None
        if found.user:
            user = self.users.all().get(found.user)
            return found if user is not None and user.generation == found.generation else None
        return found

    def token(self, text: str) -> Token | None:
        """A program's token, if it stands on the list as it is."""
        found = self.seals.open(TOKEN, text, Token)
        return found if found is not None and self.tokens.all().get(found.id) == found else None

    def who(self, request: Request, *, api: bool) -> Who | None:
        """None: nobody whom we know. Raises Unreadable."""
        address = address_of(request)
        shown = request.headers.get("authorization", "")
        if shown:
            token = self.token(shown.removeprefix("Bearer ")) if api and shown.startswith("Bearer ") else None
            if token is None or token.role is None:
                return None
            return Who(name=f"token {token.name}", role=token.role, way="token", address=address)
        session, users = self.session(request), self.users.all()
        if not users:
            return self._local(request, session, address)
        if session is None or session.user not in users:
            return None
        return Who(name=session.user, role=users[session.user].role, session=session.id, address=address)

    def _local(self, request: Request, session: Session | None, address: str) -> Who | None:
        """Nobody has a password: whoever sits at this machine, and did not come through a proxy, is the operator."""
        direct = not any(name in request.headers for name in FORWARDED)
        if not (direct and access.is_loopback(address) and access.is_loopback(self.table.host)):
            return None
        return Who(
            name=_user(),
            role=Role.OPERATOR,
            session="" if session is None else session.id,
            way="local",
            address=address,
        )

    def start(self, response: Response, user: str, generation: int) -> Session:
        """A session begins: the cookie goes with the response."""
        session = sessions.new_session(user, generation, now_ns=self.wall_ns(), hours=self.table.session_hours)
        self.keep(response, session)
        return session

    def keep(self, response: Response, session: Session) -> None:
        response.set_cookie(
            self.cookie,
            self.seals.seal(SESSION, session),
            max_age=round(self.table.session_hours * 3600),
            path="/",
            secure=self.tls,
            httponly=True,
            samesite="strict",
        )

    # --- the door -----------------------------------------------------------------------------------------------------
    def refusal(self, door: Door, request: Request, who: Who | None, form_token: str) -> Refused | None:
        """Why it goes no further; None: it may."""
        if not access.host_is_ours(request.headers.get("host"), self._names):
            return Refused.WRONG_HOST
        by_token = who is not None and who.way == "token"
        changes = door.method != "GET"
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        if changes and not by_token and access.is_cross_site(request.headers, own):
            return Refused.CROSS_SITE
        refused = access.may(who, door.need, viewer_may_kill=self.table.viewer_may_kill)
        if refused is not None:
            return refused
        if changes and not by_token and who is not None and door.need is not Need.NOTHING:
            return None if self.seals.is_form_token(who.session, form_token) else Refused.FORM_NOT_OURS
        return None


def route(
    door: Door, keeper: Gatekeeper, refuse: Callable[[Door, Request, Who | None, Refused], Awaitable[Response]]
) -> Route:
    """The door as the web server knows it."""

    async def endpoint(request: Request) -> Response:
        response = await _pass(door, keeper, refuse, request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if keeper.tls:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    return Route(door.path, endpoint, methods=[door.method])


async def _pass(
    door: Door,
    keeper: Gatekeeper,
    refuse: Callable[[Door, Request, Who | None, Refused], Awaitable[Response]],
    request: Request,
) -> Response:
    try:
        form = {} if door.method == "GET" else await filled_in(request)
        who = keeper.who(request, api=door.api)
    except TooLong:
        error = f"longer than {BODY_BYTES_MAX} bytes; nothing was done"
        return JSONResponse({"error": error, "code": "too_long"}, 413)
    except Unreadable as error:
        return JSONResponse({"error": f"{error}. The kill needs none of this: qe kill", "code": "unreadable"}, 503)
    told = form.get(FORM_FIELD) or request.headers.get(FORM_HEADER, "")
    refused = keeper.refusal(door, request, who, told)
    if refused is not None:
        return await refuse(door, request, who, refused)
    session = keeper.session(request)
    fresh = None
    if session is None and who is not None and who.way == "local":
        fresh = sessions.new_session("", 0, now_ns=keeper.wall_ns(), hours=keeper.table.session_hours)
        who = msgspec.structs.replace(who, session=fresh.id)
    nobody = Who(name="", role=Role.VIEWER, address=address_of(request))
    form_token = keeper.seals.form_token(who.session) if who is not None and who.session else ""
    response = await door.handler(Asked(request, who or nobody, form, form_token))
    if fresh is not None:
        keeper.keep(response, fresh)
    elif door.method == "GET" and session is not None and who is not None and not door.api:
        _renew(keeper, session, response)
    return response


def _renew(keeper: Gatekeeper, session: Session, response: Response) -> None:
    """A session in use goes on: it must not end in the middle of an emergency."""
    span_ns = round(keeper.table.session_hours * 3600 * sessions.SECOND_NS)
    until_ns = keeper.wall_ns() + span_ns
    if until_ns - session.until_ns > span_ns // 20:
        keeper.keep(response, msgspec.structs.replace(session, until_ns=until_ns))


async def filled_in(request: Request) -> dict[str, str]:
    """The fields of a form, or of a JSON object (lists joined with commas), whatever it is said to be: `curl -d` and
    alerts of others call JSON a form, or a text. Raises TooLong. Where something is none of that there is the field "",
    which says what. What came is in `request.state.body`.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise TooLong
    request.state.body = body
    if request.headers.get("content-type", "").startswith("application/json") or body.lstrip()[:1] == b"{":
        try:
            found = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return {"": "not a JSON object"}
        known = {key: text for key, value in found.items() if (text := _text(value)) is not None}
        odd = [key for key in found if key not in known]
        return {**known, "": f"the field {odd[0]!r} is neither a text, nor true or false, nor texts"} if odd else known
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
    except (ValueError, UnicodeDecodeError):
        return {"": "not a form"}
    return {key: ",".join(values) for key, values in fields.items()}


def _text(value: object) -> str | None:
    """None: it is nothing that a field may be."""
    match value:
        case bool():
            return "on" if value else ""
        case str():
            return value
        case list() if all(isinstance(one, str) for one in value):
            return ",".join(value)
        case _:
            return None


def address_of(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return "somebody"
