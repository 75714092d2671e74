"""`qe web`: run the cockpit, and say who may use it (users with passwords, programs with tokens)."""

from __future__ import annotations

import argparse
import errno
import getpass
import sys
from pathlib import Path

import msgspec

from engine.cli.log_lines import LogLines
from engine.config.model import Config
from engine.config.places import config_file, incident_log, state_folder
from engine.config.problems import ConfigError
from engine.config.reader import load, plan_for_kill
from engine.config.web_table import WebTable
from engine.guard.service import COCKPIT, CannotInstall, install
from engine.web.access import Role
from engine.web.cockpit import Place
from engine.web.doors import TOKEN
from engine.web.private_files import FOLDER, Unreadable, secret
from engine.web.server import CannotServe, serve
from engine.web.sessions import Seals, Tokens
from engine.web.users import BadUser, Users

EXIT_PROBLEMS = 1
EXIT_CANNOT = 2
OF_THE_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT)


def web(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes stand in the help."""
    try:
        match arguments.action:
            case "user":
                return _user(arguments)
            case "token":
                return _token(arguments)
            case "install":
                return _install(arguments)
            case _:
                return _run(arguments)
    except (BadUser, Unreadable) as error:
        print(f"qe web: {error}. Nothing was changed.", file=sys.stderr)
        return EXIT_PROBLEMS
    except OSError as error:
        if error.filename is None and error.errno in OF_THE_OUTPUT:
            raise  # told where the output is written
        print(f"qe web: {error.filename or 'the state folder'}: {error.strerror or error}", file=sys.stderr)
        return EXIT_CANNOT


def _install(arguments: argparse.Namespace) -> int:
    config, home = config_file(arguments.config), Path(state_folder())
    try:
        print(install(config, home, service=COCKPIT, print_only=arguments.print_only))
    except CannotInstall as error:
        print(f"qe web install: {error}", file=sys.stderr)
        return EXIT_CANNOT
    return 0


def _run(arguments: argparse.Namespace) -> int:
    table = _table(arguments.config)
    if arguments.port is not None:
        table = msgspec.structs.replace(table, port=arguments.port)
    named = None if arguments.config is None else config_file(arguments.config)
    place = Place(home=Path(state_folder()), page=Path(incident_log()), config=named)
    lines = LogLines()
    try:
        serve(place, table, log=lines.log)
    except CannotServe as error:
        print(f"qe web: {error}", file=sys.stderr)
        return EXIT_CANNOT
    finally:
        lines.end()
    return 0


def _table(config: str | None) -> WebTable:
    """[web] of the configuration. Where that has faults the cockpit still comes up, on this machine alone."""
    try:
        found: Config = load(config_file(config))
    except ConfigError as error:
        print(error, file=sys.stderr)
        print("The cockpit starts with the defaults, on this machine alone.", file=sys.stderr)
        return WebTable()
    return found.web


def _user(arguments: argparse.Namespace) -> int:
    users = Users(Path(state_folder()) / FOLDER)
    match arguments.what:
        case "add":
            made = users.put(arguments.name, Role(arguments.role), _password())
            others = f"; whoever was logged in as {made.name} is logged out" if made.generation > 1 else ""
            print(f"{made.name} may log in as {made.role.value}{others}")
        case "remove":
            users.remove(arguments.name)
            print(f"{arguments.name} may log in no more")
        case _:
            print("\n".join(f"{one.name}  {one.role.value}" for one in users.all().values()) or "there is no user")
    return 0


def _password() -> str:
    """Typed twice, or one line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise BadUser("the two passwords differ")
    return first


def _token(arguments: argparse.Namespace) -> int:
    folder = Path(state_folder()) / FOLDER
    tokens = Tokens(folder)
    match arguments.what:
        case "add":
            known = [place.name for place in plan_for_kill(config_file(arguments.config)).places]
            unknown = [name for name in arguments.login if name not in known]
            if unknown:
                raise BadUser(f"there is no login {unknown[0]!r}; there are: {', '.join(known)}")
            if arguments.login and arguments.may in ("viewer", "operator"):
                raise BadUser("--login is for a token that may halt, kill or beat: viewer and operator see every login")
            token = tokens.add(arguments.name, arguments.may, tuple(arguments.login))
            print(Seals(secret(folder)).seal(TOKEN, token))
            print(f"token {token.id}: keep it secret; it is not shown again", file=sys.stderr)
        case "remove":
            if not tokens.remove(arguments.id):
                raise BadUser(f"there is no token {arguments.id!r}; see: qe web token list")
            print(f"token {arguments.id} is good for nothing now")
        case _:
            lines = [f"{one.id}  {one.may:<9}  {one.name}  {', '.join(one.logins)}" for one in tokens.all().values()]
            print("\n".join(lines) or "there is no token")
    return 0
