"""Read quant-engine.toml: strictly for everything that trades, and as far as it goes for the kill.

One walk gives both: every problem at once with its line, and whatever could be read for certain all the same.
`load` insists on no problems at all. `plan_for_kill` never refuses: what is uncertain is left out, and the default
logins stand in. Nothing here may guess: a login with any fault in its table is not used.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from engine.config.model import Config, KillTable, Login, LoginTable, login_from
from engine.config.plan import KillPlan, Place, default_plan
from engine.config.problems import ConfigError, Lines, Problem, nearest

OVERRIDE_PREFIXES = ("QE_LOGINS__", "QE_KILL__")
NAME_LENGTH_MAX = 32
Table = TypeVar("Table", bound=msgspec.Struct)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a file comes to. `certain`: every login it names was understood."""

    config: Config
    problems: tuple[Problem, ...]
    certain: bool


def load(path: str | None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in force; `ConfigError` with every problem at once if anything is wrong."""
    try:
        reading = interpret(_text_of(path), environ, source=path or "")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path or "", (_unreadable(error),)) from error
    if reading.problems:
        raise ConfigError(reading.config.source, reading.problems)
    return reading.config


def plan_for_kill(path: str | None, environ: Mapping[str, str] = os.environ) -> KillPlan:
    """The kill's plan as far as the file is certain, with the default logins for what is not. Never raises for it."""
    unreadable: list[Problem] = []
    try:
        text = _text_of(path)
    except (OSError, UnicodeDecodeError) as error:
        text, unreadable = "", [_unreadable(error)]
    reading = interpret(text, environ, source=path or "")
    plan = plan_of(reading.config)
    plan.faults += [problem.render(path or "environment") for problem in (*unreadable, *reading.problems)]
    if not reading.certain:
        _add_defaults(plan)
    return plan


def plan_of(config: Config) -> KillPlan:
    """What a kill needs of a configuration."""
    places = [Place(login.name, login.mode, login.host, login.port) for login in config.logins]
    return KillPlan(places, config.kill.client_id, config.kill.deadline_s, config.kill.watch_s)


def _add_defaults(plan: KillPlan) -> None:
    """Let the default logins stand in for what could not be read, unless a login that could is there already."""
    read = list(plan.places)
    for default in default_plan().places:
        if not any(_same_place(default, place) for place in read):
            if any(default.name == place.name for place in read):
                default.name = f"default-{default.name}"
            plan.places.append(default)


def interpret(text: str, environ: Mapping[str, str], *, source: str) -> Reading:
    """Read everything in `text` that can be read. Pure but for its arguments."""
    lines = Lines(text)
    problems: list[Problem] = []
    raw, certain = _parse(text, problems)
    if certain and not raw.get("logins"):
        raw["logins"] = {"paper": {"mode": "paper"}, "live": {"mode": "live"}}
    _override(raw, environ, problems)
    for key in raw.keys() - {"logins", "kill"}:
        problems.append(Problem(where=key, text=f"unknown table or key{nearest(key, ('logins', 'kill'))}"))
    kill = _read_table(KillTable, raw.get("kill", {}), "kill", problems) or KillTable()
    logins, all_read = _read_logins(raw.get("logins", {}), problems)
    return Reading(
        config=Config(logins=tuple(logins), kill=kill, source=source),
        problems=lines.locate(problems),
        certain=certain and all_read,
    )


def _text_of(path: str | None) -> str:
    return "" if path is None else Path(path).read_text(encoding="utf-8")


def _unreadable(error: Exception) -> Problem:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Problem(where="", text=f"cannot be read: {reason}")


def _parse(text: str, problems: list[Problem]) -> tuple[dict[str, Any], bool]:
    """The tables of the file. With a syntax error, those of its sections that are sound by themselves."""
    try:
        return _toml(text), True
    except _NotToml as error:
        problems.append(Problem.of_syntax(str(error)))
    raw: dict[str, Any] = {}
    certain = True
    for section in _sections(text):
        try:
            _merge(raw, _toml(section))
        except _NotToml:
            certain = certain and "logins" not in section
    return raw, certain


class _NotToml(Exception):
    """The text is not TOML, or more than the parser can hold."""


def _toml(text: str) -> dict[str, Any]:
    """Parse; the parser's own errors include those of monstrous numbers and of brackets without end."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _NotToml(str(error)) from error


def _sections(text: str) -> list[str]:
    """The text cut before each line that opens a table."""
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.lstrip().startswith("["):
            sections.append([])
        sections[-1].append(line)
    return ["\n".join(section) for section in sections]


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _override(raw: dict[str, Any], environ: Mapping[str, str], problems: list[Problem]) -> None:
    """Lay `QE_KILL__DEADLINE_S=60` and `QE_LOGINS__PAPER__PORT=7498` over what the file says."""
    for variable, text in sorted(environ.items()):
        if not variable.startswith(OVERRIDE_PREFIXES):
            continue
        *tables, key = variable.removeprefix("QE_").split("__")
        table = raw
        for name in tables:
            known = next((each for each in table if each.upper() == name), name.lower())
            table = table.setdefault(known, {}) if isinstance(table, dict) else {}
        if len(tables) > 2 or not isinstance(table, dict) or not key:
            problems.append(Problem(where=variable, text="names nothing that can be set"))
            continue
        try:
            table[key.lower()] = _toml(f"value = {text}")["value"]
        except _NotToml:
            table[key.lower()] = text


def _read_logins(raw: object, problems: list[Problem]) -> tuple[list[Login], bool]:
    """The logins without a fault, and whether those are all."""
    if not isinstance(raw, dict):
        problems.append(Problem(where="logins", text="must be a table of logins: [logins.paper]"))
        return [], False
    logins: list[Login] = []
    for name, values in raw.items():
        where = f"logins.{name}"
        table = _read_table(LoginTable, values, where, problems)
        if table is None:
            continue
        login = login_from(name, table)
        fault = _fault_of(login, logins)
        if fault:
            problems.append(Problem(where=where, text=fault))
        else:
            logins.append(login)
    return logins, len(logins) == len(raw)


def _fault_of(login: Login, others: list[Login]) -> str:
    plain = login.name.replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and len(login.name) <= NAME_LENGTH_MAX):
        return f"a login's name has at most {NAME_LENGTH_MAX} letters, digits, - or _"
    for other in others:
        if other.name.lower() == login.name.lower():
            return f"there is a login {other.name!r} already; names differ by more than capitals"
        if _same_place(login, other):
            return f"the same TWS as logins.{other.name} ({other.host}:{other.port}); each login has its own"
    return ""


def _same_place(one: Login | Place, other: Login | Place) -> bool:
    hosts = {"127.0.0.1" if login.host.lower() == "localhost" else login.host.lower() for login in (one, other)}
    return len(hosts) == 1 and one.port == other.port


def _read_table(kind: type[Table], raw: object, where: str, problems: list[Problem]) -> Table | None:
    """The table, or None with at least one problem more."""
    if not isinstance(raw, dict):
        problems.append(Problem(where=where, text="must be a table"))
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    hints = get_type_hints(kind, include_extras=True)
    before, values = len(problems), {}
    for key in raw.keys() - fields.keys():
        problems.append(Problem(where=f"{where}.{key}", text=f"unknown key{nearest(key, tuple(fields))}"))
    for name, field in fields.items():
        if name in raw:
            try:
                values[name] = msgspec.convert(raw[name], hints[name])
            except msgspec.ValidationError as error:
                problems.append(Problem.of_value(f"{where}.{name}", raw[name], str(error), _choices(hints[name])))
        elif field.required:
            problems.append(Problem(where=f"{where}.{name}", text="is missing"))
    return kind(**values) if len(problems) == before else None


def _choices(annotated: object) -> tuple[str, ...]:
    """The words a key is limited to, if it is."""
    hint = get_args(annotated)[0]
    return get_args(hint) if get_origin(hint) is Literal else ()
