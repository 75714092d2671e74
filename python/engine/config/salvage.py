"""What a kill may still take for certain from a configuration that has faults.

A login is used if nothing that is wrong with its table leaves open where it is: a bad client id or a port in quotes do
not, a port that is no number does. What is left open is named, never dropped: a login that nobody mentions would pass
for flat. Pure.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from engine.config.model import GATEWAY_PORTS, LOCAL, TWS_PORTS, Mode
from engine.config.plan import Place

ALL_UNREAD = "the configuration could not be read: there may be other logins"
PART_UNREAD = "the configuration could not all be read: there may be other logins"

PORT_MAX = 65535
_KEYS = ("mode", "host", "port", "gateway", "client_id")
_SPELLED_ALMOST = 0.8  # difflib's ratio from which an unknown key is a known one with a slip of the finger
_LOGIN_HEADER = re.compile(r"""\s*\[\s*logins\s*\.\s*(["']?)([A-Za-z0-9_-]+)\1\s*(?:[]#\n]|$)""")
_LOGIN_WORDS = re.compile("login|mode|host|port|gateway", re.IGNORECASE)
_PORT = re.compile(r"\s*[0-9]{1,5}\s*")
_COMMENT = re.compile(r"#[^\n]*")
_CAUTIOUS_MODE: Mode = "live"  # where the file does not say; the kill itself does the same on both


def place_of(name: str, raw: Mapping[str, object], sound: Mapping[str, Any]) -> Place | None:
    """Where a login is, if its table leaves no doubt. `sound`: those of its values that are as they should be."""
    doubtful = set(raw.keys() & set(_KEYS)) - sound.keys()
    if "mode" not in raw:
        doubtful.add("mode")
    for key in raw.keys() - set(_KEYS):
        doubtful |= _may_stand_for(key, raw[key]) - sound.keys()
    if "host" in doubtful:
        return None
    mode: Mode = sound.get("mode", _CAUTIOUS_MODE)
    port = sound.get("port", _port_in_quotes(raw.get("port")))
    if port is None:
        if doubtful & {"port", "gateway", "mode"}:
            return None
        port = (GATEWAY_PORTS if sound.get("gateway") else TWS_PORTS)[mode]
    return Place(name, mode, sound.get("host", LOCAL), port, mode_known="mode" in sound)


def place_as_read(name: str, raw: Mapping[str, object], sound: Mapping[str, Any]) -> Place | None:
    """Where a login is as its table reads, if that says a port and nothing about its host that cannot be: it may be
    meant to be elsewhere, and is not left alone for that."""
    port = sound.get("port", _port_in_quotes(raw.get("port")))
    if port is None or ("host" in raw and "host" not in sound):
        return None
    mode: Mode = sound.get("mode", _CAUTIOUS_MODE)
    return Place(name, mode, sound.get("host", LOCAL), port, mode_known="mode" in sound)


def _port_in_quotes(value: object) -> int | None:
    """Whoever writes "7497" means 7497."""
    if not isinstance(value, str) or not _PORT.fullmatch(value) or not 0 < int(value) <= PORT_MAX:
        return None
    return int(value)


def _may_stand_for(key: str, value: object) -> set[str]:
    """Which of a login's keys an unknown one may have been meant for: by its spelling, or else by its value."""
    meant = difflib.get_close_matches(key.lower(), _KEYS, n=1, cutoff=_SPELLED_ALMOST)
    if meant:
        return set(meant)
    match value:
        case bool():
            return {"gateway"}
        case int():
            return {"port", "client_id"}
        case _:
            return set(_KEYS)


def may_name_logins(text: str) -> bool:
    """Text that was not understood, and may have been meant as a login."""
    return _LOGIN_WORDS.search(_COMMENT.sub("", text)) is not None


def may_hold_logins(key: str, value: object) -> bool:
    """The same of something unknown at the top of the file. No deeper than logins stand: nesting has no bound."""
    words: list[str] = [key]
    inside: list[object] = [*value] if isinstance(value, list) else [value]
    for _ in range(3):
        tables = [each for each in inside if isinstance(each, dict)]
        words += [str(word) for table in tables for word in table]
        inside = [each for table in tables for each in table.values()]
        inside += [each for several in inside if isinstance(several, list) for each in several]
    return any(may_name_logins(word) for word in words)


def login_of(section: str) -> str | None:
    """The login whose table this section of a file opens, be it without the bracket at its end."""
    found = _LOGIN_HEADER.match(section)
    return found[2] if found else None


def line_by_line(section: str) -> dict[str, Any]:
    """What the lines below the header of a broken section say, each by itself. A key of a login that may be meant in a
    line that says nothing, or that is there twice with two values, has none: it must not pass for left out."""
    table: dict[str, Any] = {}
    for line in section.splitlines()[1:]:
        try:
            said = tomllib.loads(line)
        except (ValueError, RecursionError):
            said = {key: None for key in _KEYS if key in _COMMENT.sub("", line).lower()}
        table |= {key: value if key not in table or table[key] == value else None for key, value in said.items()}
    return table
