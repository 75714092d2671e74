"""Read quant-engine.toml: strictly for everything that trades, and as far as it goes for the kill.

One walk gives both: every problem at once with its line, and whatever could be read for certain all the same.
`load` insists on no problems at all. `plan_for_kill` never refuses: the default logins stand in for what is uncertain.
Nothing here may guess where a login is, or forget one that the file names.
"""

from __future__ import annotations

import codecs
import os
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_type_hints

import msgspec

from engine.config.gateway_table import GatewayTable, allowed_networks, listening_ports
from engine.config.guard_settings import dead_man_settings
from engine.config.guard_table import AlertsTable, GuardTable
from engine.config.limit_settings import period_clock
from engine.config.limits_table import LimitsTable
from engine.config.model import Config, KillTable, Login, LoginTable, login_from
from engine.config.places import read
from engine.config.plan import KillPlan, Place, default_plan
from engine.config.preflight_table import PreflightTable
from engine.config.problems import ConfigError, Lines, Problem, choices_of, nearest
from engine.config.salvage import (
    ALL_UNREAD,
    PART_UNREAD,
    line_by_line,
    login_of,
    may_hold_logins,
    may_name_logins,
    place_as_read,
    place_of,
)
from engine.config.web_table import WebTable
from engine.hosts import is_host, place_key
from engine.names import LENGTH_MAX, free_name, is_plain, name_key

TABLES: dict[str, type[msgspec.Struct]] = {  # beside the logins; fields of Config
    "kill": KillTable,
    "limits": LimitsTable,
    "preflight": PreflightTable,
    "guard": GuardTable,
    "gateway": GatewayTable,
    "alerts": AlertsTable,
    "web": WebTable,
}
OVERRIDE_PREFIXES = ("QE_LOGINS__", *(f"QE_{table.upper()}__" for table in TABLES))
Table = TypeVar("Table", bound=msgspec.Struct)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a file comes to: the logins without a fault in `config`, and what is certain of the others.

    `salvaged`: where a login with faults is all the same; it may be the place of another one. `doubtful`: where one is
    as it reads, and why it may be meant to be elsewhere. `unusable`: why that is open, by name. `unread`: why there may
    be logins beyond all these. `written`: what the file calls those that go by another name here.
    """

    config: Config
    problems: tuple[Problem, ...]
    salvaged: tuple[Place, ...] = ()
    doubtful: tuple[tuple[Place, str], ...] = ()
    unusable: dict[str, str] = {}
    unread: str = ""
    written: dict[str, str] = {}


def load(path: str | None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in force; `ConfigError` with every problem at once if anything is wrong."""
    try:
        text, encoding = _text_of(path)
    except OSError as error:
        raise ConfigError(path or "", (_unreadable(error),)) from error
    reading = interpret(text, environ, source=path or "")
    problems = (*encoding, *reading.problems, *Lines(text).locate(_not_of_this_machine(reading.config)))
    if problems:
        raise ConfigError(reading.config.source, problems)
    return reading.config


def _not_of_this_machine(config: Config) -> list[Problem]:
    """What is sound by itself and means nothing here, or beside the rest. No concern of the kill's."""
    problems = []
    try:
        period_clock(config.limits)
    except ValueError as error:
        problems.append(Problem(where="limits.time_zone", text=str(error)))
    try:
        dead_man_settings(config.guard)
    except ValueError as error:
        problems.append(Problem(where="guard.heartbeat_kill_s", text=f"beside the other heartbeats: {error}"))
    try:
        if config.gateway.ports:  # where they only follow from the logins, it is for `qe gateway run` to say
            listening_ports(config.gateway, ((one.name, one.port) for one in config.logins))
    except ValueError as error:
        problems.append(Problem(where="gateway.ports", text=str(error)))
    try:
        allowed_networks(config.gateway)
    except ValueError as error:
        problems.append(Problem(where="gateway.allow", text=str(error)))
    return problems


def plan_for_kill(path: str | None, environ: Mapping[str, str] = os.environ) -> KillPlan:
    """The kill's plan as far as the file is certain, with the default logins for what is not. Never raises for it."""
    try:
        text, encoding = _text_of(path)
    except OSError as error:
        return plan_without(path, error, environ)
    reading = interpret(text, environ, source=path or "")
    return plan_of_reading(msgspec.structs.replace(reading, problems=(*encoding, *reading.problems)), path)


def plan_without(path: str | None, error: Exception, environ: Mapping[str, str] = os.environ) -> KillPlan:
    """The same where the file cannot be read, and why."""
    return plan_of_reading(interpret("", environ, source=path or ""), path, [_unreadable(error)])


def plan_of_reading(reading: Reading, path: str | None = None, unreadable: Sequence[Problem] = ()) -> KillPlan:
    """The kill's plan that a reading comes to. Every login of it has a name of its own."""
    plan = plan_of(reading.config)
    plan.faults += [problem.render(path or "environment") for problem in (*unreadable, *reading.problems)]
    plan.unread = ALL_UNREAD if unreadable else reading.unread
    named = {login.name for login in reading.config.logins}
    plan.written = {name: written for name, written in reading.written.items() if name in named and name != written}
    unusable = list(reading.unusable.items())
    certain = [(place, "") for place in reading.salvaged]
    for place, why in (*certain, *reading.doubtful):
        other = next((other for other in plan.places if _same_place(place, other)), None)
        if other is not None:  # a table that was copied, and its port forgotten: its TWS elsewhere may hold anything
            told = f"{_site(place)} is the place of {other.name!r}, so where this one is meant to be nobody knows"
            unusable.append((place.name, f"{told} ({why})" if why else told))
            continue
        place.name = _named(place.name, plan, reading)
        plan.places.append(place)
        if why:
            plan.doubtful[place.name] = why
    for name, why in unusable:
        plan.unusable[_named(name, plan, reading)] = why
    if plan.unusable or plan.unread:
        _add_defaults(plan)
    return plan


def _named(name: str, plan: KillPlan, reading: Reading) -> str:
    """A name for one more login of the plan; what the file calls it is remembered where that is another one."""
    free = free_name(name, _taken(plan))
    written = reading.written.get(name, name)
    if free != written:
        plan.written[free] = written
    return free


def _site(place: Place) -> str:
    return f"{place.host}:{place.port}"


def _taken(plan: KillPlan) -> list[str]:
    return [*plan.unusable, *(place.name for place in plan.places)]


def plan_of(config: Config) -> KillPlan:
    """What a kill needs of a configuration."""
    places = [Place(login.name, login.mode, login.host, login.port) for login in config.logins]
    kill = config.kill
    return KillPlan(places, kill.client_id, kill.deadline_s, kill.watch_s, kill.market_patience_s, kill.take_over_s)


def _add_defaults(plan: KillPlan) -> None:
    """Let the default logins stand in for what could not be read, unless a login that could is there already."""
    read = list(plan.places)
    for default in default_plan().places:
        if not any(_same_place(default, place) for place in read):
            if free_name(default.name, _taken(plan)) != default.name:
                default.name = free_name(f"default-{default.name}", _taken(plan))
            plan.places.append(default)
            plan.stand_ins.add(default.name)


def interpret(text: str, environ: Mapping[str, str], *, source: str) -> Reading:
    """Read everything in `text` that can be read. Pure but for its arguments."""
    text = text.removeprefix("\ufeff")  # the byte order mark that Windows Notepad writes
    lines = Lines(text)
    problems: list[Problem] = []
    unusable: dict[str, str] = {}
    written: dict[str, str] = {}
    broken: dict[str, dict[str, Any]] = {}
    raw, unread = _parse(text, problems, unusable, written, broken)
    if not (raw.get("logins") or unusable or unread):
        raw["logins"] = {"paper": {"mode": "paper"}, "live": {"mode": "live"}}
    _override(raw, environ, problems)
    for key in raw.keys() - {"logins", *TABLES}:
        problems.append(Problem(where=key, text=f"unknown table or key{nearest(key, ('logins', *TABLES))}"))
        if may_hold_logins(key, raw[key]):
            unread = unread or PART_UNREAD
    found: dict[str, Any] = {
        name: _read_table(kind, raw.get(name, {}), name, problems) or kind() for name, kind in TABLES.items()
    }
    logins: list[Login] = []
    salvaged: list[Place] = []
    doubtful: list[tuple[Place, str]] = []
    tables = raw.get("logins", {})
    if not isinstance(tables, dict):
        problems.append(Problem(where="logins", text="must be a table of logins: [logins.paper]"))
        tables, unread = {}, unread or PART_UNREAD
    for name, table in tables.items():
        _read_login(name, table, problems, logins, salvaged, doubtful, unusable)
    for name, table in broken.items():
        place = place_as_read(name, table, _read_values(LoginTable, table, name, []))
        if place is not None:
            doubtful.append((place, unusable.pop(name)))
    return Reading(
        config=Config(logins=tuple(logins), source=source, **found),
        problems=lines.locate(problems),
        salvaged=tuple(salvaged),
        doubtful=tuple(doubtful),
        unusable=unusable,
        unread=unread,
        written=written,
    )


def _text_of(path: str | None) -> tuple[str, list[Problem]]:
    """The file, and that it is not in UTF-8, where it is not: signs that are lost stand as U+FFFD, which is part of no
    name, host or number; all the rest says what it says."""
    written = b"" if path is None else read(path)
    problems = []
    try:
        text = written.decode("utf-8")
    except UnicodeDecodeError as error:
        wide = written.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # "Unicode" in the Notepad of old
        text = written.decode("utf-16" if wide else "utf-8", errors="replace")
        line = None if wide else written.count(b"\n", 0, error.start) + 1
        problems = [Problem(where="", text="this is not UTF-8: save the file in that encoding", line=line)]
    return text.replace("\r\n", "\n").replace("\r", "\n"), problems


def _unreadable(error: Exception) -> Problem:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Problem(where="", text=f"cannot be read: {reason}")


def _parse(
    text: str,
    problems: list[Problem],
    unusable: dict[str, str],
    written: dict[str, str],
    broken: dict[str, dict[str, Any]],
) -> tuple[dict[str, Any], str]:
    """The tables of the file, and why they may not be all. With a syntax error, those of its sections that are sound by
    themselves; a login whose section is not goes to `unusable`, and what its lines say to `broken`."""
    try:
        return _toml(text), ""
    except _NotToml as error:
        problems.append(Problem.of_syntax(str(error)))
    raw: dict[str, Any] = {}
    unread = ""
    for section in _sections(text):
        try:
            _merge(raw, _toml(section), written)
        except _NotToml as error:
            name = login_of(section)
            if name is not None:
                free = free_name(name, unusable)
                unusable[free], written[free] = f"[logins.{name}] is not valid TOML: {error}", name
                broken[free] = line_by_line(section)
            elif may_name_logins(section):
                unread = PART_UNREAD
    return raw, unread if raw.get("logins") or unusable else ALL_UNREAD


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


def _merge(into: dict[str, Any], new: dict[str, Any], written: dict[str, str]) -> None:
    """Add the tables of one more section. A login that is there already is another one: two of a name are an error."""
    logins = new.pop("logins", {})
    into.update(new)
    known = into.setdefault("logins", {})
    if not isinstance(known, dict) or not isinstance(logins, dict):
        into["logins"] = None  # not a table of logins, which is told where they are read
        return
    for name, table in logins.items():
        free = free_name(name, known) if name in known else name
        known[free], written[free] = table, name


def overrides(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The variables of the environment that stand over the file."""
    return tuple(sorted(name for name in environ if name.startswith(OVERRIDE_PREFIXES)))


def _override(raw: dict[str, Any], environ: Mapping[str, str], problems: list[Problem]) -> None:
    """Lay `QE_KILL__DEADLINE_S=60` and `QE_LOGINS__PAPER__PORT=7498` over what the file says."""
    for variable in overrides(environ):
        text = environ[variable]
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


def _read_login(
    name: str,
    raw: object,
    problems: list[Problem],
    logins: list[Login],
    salvaged: list[Place],
    doubtful: list[tuple[Place, str]],
    unusable: dict[str, str],
) -> None:
    """Put one login where it belongs: among those without a fault, or those whose place is certain, or may be another,
    or the rest."""
    where, before = f"logins.{name}", len(problems)
    sound = _read_values(LoginTable, raw, where, problems)
    if "host" in sound:
        written, host = sound["host"], sound["host"].strip()
        sound["host"] = host
        if not is_host(host):
            del sound["host"]
            problems.append(Problem.of_value(f"{where}.host", written, "expected a name or an address, without blanks"))
    if len(problems) == before:
        login = login_from(name, LoginTable(**sound))
        fault = _fault_of(login, logins)
        if not fault:
            logins.append(login)
            return
        problems.append(Problem(where=where, text=fault))
    place = place_of(name, raw, sound) if isinstance(raw, dict) else None
    if place is not None:
        salvaged.append(place)
        return
    why = "; ".join(f"{problem.where} {problem.text}" for problem in problems[before:])
    place = place_as_read(name, raw, sound) if isinstance(raw, dict) else None
    if place is not None:
        doubtful.append((place, why))
    else:
        unusable[free_name(name, unusable)] = why


def _fault_of(login: Login, others: list[Login]) -> str:
    if not is_plain(login.name):
        return f"a login's name has at most {LENGTH_MAX} letters, digits, - or _"
    for other in others:
        if name_key(other.name) == name_key(login.name):
            return f"there is a login {other.name!r} already; names differ by more than capitals"
        if _same_place(login, other):
            return f"the same TWS as logins.{other.name} ({other.host}:{other.port}); each login has its own"
    return ""


def _same_place(one: Login | Place, other: Login | Place) -> bool:
    return place_key(one.host, one.port) == place_key(other.host, other.port)


def _read_table(kind: type[Table], raw: object, where: str, problems: list[Problem]) -> Table | None:
    """The table, or None with at least one problem more."""
    before = len(problems)
    values = _read_values(kind, raw, where, problems)
    return kind(**values) if len(problems) == before else None


def _read_values(kind: type[Table], raw: object, where: str, problems: list[Problem]) -> dict[str, Any]:
    """Those values of a table that are as they should be; whatever else is wrong with it goes to `problems`."""
    if not isinstance(raw, dict):
        problems.append(Problem(where=where, text="must be a table"))
        return {}
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    hints = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    for key in raw.keys() - fields.keys():
        problems.append(Problem(where=f"{where}.{key}", text=f"unknown key{nearest(key, tuple(fields))}"))
    for name, field in fields.items():
        if name in raw:
            try:
                values[name] = msgspec.convert(raw[name], hints[name])
            except msgspec.ValidationError as error:
                problems.append(Problem.of_value(f"{where}.{name}", raw[name], str(error), choices_of(hints[name])))
        elif field.required:
            problems.append(Problem(where=f"{where}.{name}", text="is missing"))
    return values
