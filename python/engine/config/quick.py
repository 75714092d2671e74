"""Read an ordinary quant-engine.toml without a TOML parser, or not at all.

The real reader takes longer to load than all of the kill's first strike. But the file is nearly always plain: tables
`[logins.NAME]` and `[kill]`, one known key a line, a plain string, number or true. Such a file means one thing only,
and is read here. Tables that are no concern of the kill are passed over if they are as plain, whatever they say. At the
first line that is anything else this gives up (None), and the real reader does the work.

It must never read a file differently from the real reader (tests/config/test_quick.py compares them over generated
files), report a fault, or import anything.
"""

from __future__ import annotations

from engine.config.plan import KillPlan, Place, default_plan
from engine.hosts import is_host, place_key
from engine.names import CLIENT_ID_MAX, PLAIN_CHARACTERS, is_plain, name_key

PORTS = {("paper", False): 7497, ("live", False): 7496, ("paper", True): 4002, ("live", True): 4001}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Windows Notepad writes one
SECONDS_MAX, DIGITS_MAX = 86_400, 12

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Value = str | int | float | bool
    Tables = dict[str, dict[str, Value]]

LOGIN_KEYS = frozenset(("mode", "host", "port", "gateway", "client_id"))
KILL_KEYS = frozenset(("deadline_s", "watch_s", "market_patience_s", "take_over_s", "client_id"))
PASSED_OVER = frozenset(
    ("limits", "preflight", "guard", "gateway", "alerts", "web")
)  # right or wrong, they change nothing for a kill
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # the 29th of February is for the real reader


class _NotPlain(Exception):
    """Something here is for the real reader."""


def read_quickly(written: bytes, overrides: Mapping[str, str]) -> KillPlan | None:
    """The plan that the file and the environment's overrides come to; None: ask the real reader."""
    try:
        tables = _tables(written.removeprefix(BYTE_ORDER_MARK).decode("utf-8"))
        if not any(name.startswith("logins.") for name in tables):
            tables |= {"logins.paper": {"mode": "paper"}, "logins.live": {"mode": "live"}}
        for variable, text in overrides.items():
            _override(tables, variable, text)
        return _plan(tables)
    except (_NotPlain, UnicodeDecodeError):
        return None


def _tables(text: str) -> Tables:
    """The plain tables of a plain file."""
    text = text.replace("\r\n", "\n")
    if any(sign < " " and sign not in "\t\n" for sign in text) or "\x7f" in text:
        raise _NotPlain
    tables: Tables = {}
    table: dict[str, Value] | None = None
    name = ""
    for line in text.split("\n"):
        line = line.strip(" \t")
        if not line or line[0] == "#":
            continue
        if line[0] == "[":
            header = _uncommented(line)
            name = header[1:-1]
            if header[-1] != "]" or name in tables or not _known_table(name):
                raise _NotPlain
            table = tables[name] = {}
            continue
        key, equals, value = line.partition("=")
        key = key.strip(" \t")
        if not equals or table is None or key in table:
            raise _NotPlain
        value = value.strip(" \t")
        table[key] = _pass_over(key, value) if name in PASSED_OVER else _value(value)
    return {name: table for name, table in tables.items() if name not in PASSED_OVER}


def _known_table(name: str) -> bool:
    login = name.removeprefix("logins.")
    if name in ("kill", login):
        return name == "kill" or name in PASSED_OVER
    return is_plain(login)


def _uncommented(text: str) -> str:
    return text.partition("#")[0].rstrip(" \t")


def _value(text: str) -> Value:
    """A plain string, a whole number, a number with a point, true or false."""
    if text[:1] == '"':
        inside, closing, behind = text[1:].partition('"')
        if not closing or "\\" in inside or _uncommented(behind.strip(" \t")) or text[:3] == '"""':
            raise _NotPlain
        return inside
    text = _uncommented(text)
    if text in ("true", "false"):
        return text == "true"
    whole, point, part = text.partition(".")
    digits = whole + part
    if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX):
        raise _NotPlain
    if not whole or (point and not part) or (whole[0] == "0" and whole != "0"):
        raise _NotPlain
    return float(text) if point else int(text)


def _pass_over(key: str, text: str) -> Value:
    """A value that nobody asks for, if it is one: plain, or a plain list of such, or of days."""
    if not key or not PLAIN_CHARACTERS.issuperset(key):
        raise _NotPlain
    if text[:1] != "[":
        return _value(text)
    text = _uncommented(text)
    if text[-1] != "]":
        raise _NotPlain
    *items, last = (item.strip(" \t") for item in text[1:-1].split(","))
    for item in [*items, last] if last else items:
        if not _is_day(item):
            _value(item)
    return False


def _is_day(text: str) -> bool:
    year, month, day = text[:4], text[5:7], text[8:]
    if len(text) != 10 or text[4] + text[7] != "--" or not (year + month + day).isdigit() or not text.isascii():
        return False
    return int(year) > 0 and 1 <= int(month) <= 12 and 1 <= int(day) <= MONTHS[int(month) - 1]


def _override(tables: Tables, variable: str, text: str) -> None:
    """Lay one `QE_KILL__KEY` or `QE_LOGINS__NAME__KEY` over the tables."""
    *parts, key = variable.removeprefix("QE_").split("__")
    table = ".".join(parts).lower()
    found = [name for name in tables if name.lower() == table]
    if len(found) > 1 or (not found and table != "kill"):
        raise _NotPlain
    tables.setdefault(found[0] if found else "kill", {})[key.lower()] = _value(text)


def _plan(tables: Tables) -> KillPlan:
    """The plan, if every value is one that the real reader takes."""
    plan = default_plan()
    kill = tables.pop("kill", {})
    _check(kill, KILL_KEYS)
    plan.client_id = _whole(kill, "client_id", 0, CLIENT_ID_MAX, plan.client_id)
    plan.deadline_s = _seconds(kill, "deadline_s", plan.deadline_s)
    plan.watch_s = _seconds(kill, "watch_s", plan.watch_s)
    plan.market_patience_s = _seconds(kill, "market_patience_s", plan.market_patience_s)
    plan.take_over_s = _seconds(kill, "take_over_s", plan.take_over_s)
    if not plan.deadline_s or not 1 <= plan.market_patience_s <= 600:
        raise _NotPlain
    plan.places = [_place(name.removeprefix("logins."), table) for name, table in tables.items()]
    names = {name_key(place.name) for place in plan.places}
    sites = {place_key(place.host, place.port) for place in plan.places}
    if len(names) < len(plan.places) or len(sites) < len(plan.places):
        raise _NotPlain
    return plan


def _place(name: str, table: dict[str, Value]) -> Place:
    _check(table, LOGIN_KEYS)
    mode, host, gateway = table.get("mode"), table.get("host", "127.0.0.1"), table.get("gateway", False)
    if not isinstance(mode, str) or not isinstance(host, str) or not isinstance(gateway, bool):
        raise _NotPlain
    host = host.strip()
    if mode not in ("paper", "live") or not is_host(host):
        raise _NotPlain
    _whole(table, "client_id", 0, CLIENT_ID_MAX, 0)
    return Place(name, mode, host, _whole(table, "port", 1, 65535, PORTS[mode, gateway]))


def _check(table: dict[str, Value], known: frozenset[str]) -> None:
    if not known.issuperset(table):
        raise _NotPlain


def _whole(table: dict[str, Value], key: str, least: int, most: int, default: int) -> int:
    value = table.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _NotPlain
    return value


def _seconds(table: dict[str, Value], key: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= SECONDS_MAX:
        raise _NotPlain
    return float(value)
