"""Who may do what in the cockpit, and where it may listen at all. Pure: no clock, socket or file.

Acts only on an explicit yes: whoever is not known may see the log-in page and nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from enum import Enum

import msgspec

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Role(Enum):
    VIEWER = "viewer"
    OPERATOR = "operator"


class Need(Enum):
    """What a door asks of whoever comes through it."""

    NOTHING = "nothing"  # the log-in page, its style, and whether the cockpit lives
    SEE = "see"
    STOP = "stop"  # halt and kill
    ACT = "act"  # everything else that changes something


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever asks. `session` is empty for a program with a token; `way` is how he is known."""

    name: str
    role: Role
    session: str = ""
    way: str = "password"
    address: str = ""

    @property
    def actor(self) -> str:
        """As it is written into the journal."""
        return f"{self.name} (cockpit, from {self.address or 'an unknown address'})"


class Refused(Enum):
    """Why a request goes no further."""

    NOT_KNOWN = "not_known"
    MAY_ONLY_LOOK = "may_only_look"
    WRONG_HOST = "wrong_host"
    CROSS_SITE = "cross_site"
    FORM_NOT_OURS = "form_not_ours"


def may(who: Who | None, need: Need, *, viewer_may_kill: bool) -> Refused | None:
    """None: yes."""
    if need is Need.NOTHING:
        return None
    if who is None:
        return Refused.NOT_KNOWN
    if who.role is Role.OPERATOR or need is Need.SEE or (need is Need.STOP and viewer_may_kill):
        return None
    return Refused.MAY_ONLY_LOOK


def is_loopback(host: str) -> bool:
    """Nobody but this machine reaches what listens there. A name that may be anything is not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def why_not_listen(host: str, *, users: int, tls: bool) -> str | None:
    """Why the cockpit may not listen there; None: it may."""
    if is_loopback(host):
        return None
    missing = []
    if not users:
        missing.append("there is no user who could log in (qe web user add NAME)")
    if not tls:
        missing.append("there is no TLS (web.certificate and web.key)")
    if not missing:
        return None
    return (
        f"the cockpit would be open to others at {host}, and {' and '.join(missing)}. "
        'It was not started. Put this right, or set web.host = "127.0.0.1" and reach it through an SSH tunnel'
    )


def host_is_ours(header: str | None, names: frozenset[str]) -> bool:
    """Is the Host header one of our names? Under a stranger's name a page of his could read us (DNS rebinding)."""
    if not header:
        return False
    host = header.lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return host in names


def names_of(host: str, more: tuple[str, ...]) -> frozenset[str]:
    """The names under which a cockpit that listens at `host` answers."""
    wild = host in ("0.0.0.0", "::")  # noqa: S104
    return frozenset(
        {*LOOPBACK_NAMES, *(name.lower() for name in more), *(() if wild else (host.lower().strip("[]"),))}
    )


def is_cross_site(headers: Mapping[str, str], own: str) -> bool:
    """Did a page of somebody else's make the browser send this? `own`: our origin, as the browser names it."""
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin != own
