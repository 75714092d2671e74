"""The cockpit as a web application: its doors, its assets, and the two tasks that look and tend."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import chain

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from engine.config.web_table import WebTable
from engine.trading.daemons import Daemons
from engine.web import access
from engine.web.api import Api
from engine.web.cockpit import Cockpit, Place
from engine.web.doors import HEADERS, Door, route
from engine.web.drawing import ASSETS
from engine.web.pages import Pages
from engine.web.users import Users

LAST_LINES_S_MAX = 1.0
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def application(
    place: Place, table: WebTable, *, log: Callable[[str], None], users: Users | None = None
) -> tuple[Starlette, Cockpit]:
    """Raises OSError, Unreadable: then there is no cockpit."""
    cockpit = Cockpit(place, table, log=log, users=users)
    pages, api = Pages(cockpit), Api(cockpit)
    routes = [route(door, cockpit.keeper, api.refuse if door.api else pages.frame.refuse) for door in doors(pages, api)]

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(cockpit.live.run()), asyncio.create_task(cockpit.tend())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            written = asyncio.get_running_loop().run_in_executor(Daemons(), cockpit.access_log.settle)
            await asyncio.wait({written}, timeout=LAST_LINES_S_MAX)

    names = access.names_of(table.host, table.names)
    return Starlette(
        routes=[*routes, Route("/assets/{name}", _asset(names))],
        lifespan=life,
        exception_handlers={404: _not_here(cockpit), 405: _not_here(cockpit)},
    ), cockpit


def _not_here(cockpit: Cockpit) -> Callable[[Request, Exception], Awaitable[Response]]:
    """A path or a method that no door has."""

    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        headers = {**(error.headers or {} if isinstance(error, HTTPException) else {}), **HEADERS}
        text = "there is nothing here; nothing was done"
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(cockpit.drawing.page("refused.html", error=text), status, headers=headers)
        return PlainTextResponse(f"{text}\n", status, headers=headers)

    return answer


def doors(pages: Pages, api: Api) -> list[Door]:
    return list(chain(pages.doors(), api.doors()))


def _asset(names: frozenset[str]) -> Callable[[Request], Awaitable[Response]]:
    """Scripts, styles and pictures: the same for everybody, and none of anybody's data."""
    known = {path.name: (path.read_bytes(), KINDS[path.suffix]) for path in ASSETS.iterdir() if path.suffix in KINDS}
    headers = {**HEADERS, "Cache-Control": "max-age=31536000, immutable"}  # its address changes with it

    async def asset(request: Request) -> Response:
        found = known.get(request.path_params["name"])
        if found is None or not access.host_is_ours(request.headers.get("host"), names):
            return Response("there is no such file\n", 404, headers=HEADERS)
        return Response(found[0], media_type=found[1], headers=headers)

    return asset
