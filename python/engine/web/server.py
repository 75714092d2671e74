"""The cockpit as a process: may it listen there, then serve until it is told to end. Raises CannotServe before it does.

Nothing is left open when it is refused: the check comes before the socket.
"""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable

import uvicorn

from engine.config.tls_files import others_can_read, why_unusable
from engine.config.web_table import WebTable
from engine.web.access import is_loopback, why_not_listen
from engine.web.app import application
from engine.web.cockpit import Place
from engine.web.private_files import FOLDER, Unreadable
from engine.web.users import Users

ENDING_S_MAX = 2  # open pages are not waited for: they come back by themselves
CALLERS_MAX = 512


class CannotServe(Exception):
    """The cockpit was not started; the text says why, and what to do."""


def serve(place: Place, table: WebTable, *, log: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM. Raises CannotServe."""
    try:
        users = Users(place.home / FOLDER)
        refused = why_not_listen(table.host, users=len(users.all()), tls=bool(table.certificate and table.key))
        if refused is not None:
            raise CannotServe(refused)
        _look_at_tls(table)
        app, cockpit = application(place, table, log=log, users=users)
        bound = _bound(table)
    except (OSError, Unreadable) as error:
        raise CannotServe(f"{error}. The kill needs no cockpit: qe kill") from error
    scheme = "https" if cockpit.keeper.tls else "http"
    host = f"[{table.host}]" if ":" in table.host else table.host
    log(f"the cockpit is at {scheme}://{host}:{table.port}/")
    if others_can_read(table.key):
        log(f"every user of this machine can read the TLS key: chmod 600 {shlex.quote(table.key)}")
    if not users.all():
        log("nobody has a password: whoever can use this machine may do everything (qe web user add NAME ends that)")
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # paths may hold what was searched for; who did what has a log of its own
        proxy_headers=False,  # an address that a stranger claims is none
        server_header=False,
        date_header=False,
        ssl_certfile=table.certificate or None,
        ssl_keyfile=table.key or None,
        timeout_graceful_shutdown=ENDING_S_MAX,
        limit_concurrency=CALLERS_MAX,
        timeout_keep_alive=30,
    )
    uvicorn.Server(config).run(sockets=[bound])
    bound.close()


def _look_at_tls(table: WebTable) -> None:
    if bool(table.certificate) != bool(table.key):
        raise CannotServe("TLS needs both web.certificate and web.key; the cockpit was not started")
    if not table.certificate:
        return
    if (why := why_unusable(table.certificate, table.key)) is not None:
        raise CannotServe(f"web.certificate and web.key cannot be used ({why}); it was not started")


def _bound(table: WebTable) -> socket.socket:
    """The socket. A name is looked up once, and what it comes to is held to the same rule as the name."""
    found = socket.getaddrinfo(table.host, table.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, number, _, address = found[0]
    if is_loopback(table.host) and not is_loopback(str(address[0])):
        raise CannotServe(f"{table.host} is {address[0]} here, which is not this machine alone; it was not started")
    bound = socket.socket(family, kind, number)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        where, why = f"{table.host}:{table.port}", error.strerror or error
        raise CannotServe(f"{where} cannot be had ({why}): set web.port, or end what has it") from error
    return bound
