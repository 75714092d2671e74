"""What a person does by hand, and in which TWS: a frightened person has several windows open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.core.kill.report import LoginReport
from engine.hosts import LOOPBACK, host_key

BY_HAND = (
    "In TWS: File > Global Cancel. Then right-click the portfolio and choose Close All Positions.",
    "Or IBKR Mobile: Account > Positions, close each of them.",
    "IBKR trade desk 1-877-442-2757. Overnight: 1-312-542-6901.",
)
ANY_OTHER = "any login of yours that is not listed here"
NAMED_MAX = 4  # more are no help in a sentence


def place_of(host: str, port: int) -> str:
    """Where a TWS is, for somebody who looks for its window: the host only where it is another machine."""
    return f"port {port}" if host_key(host) == LOOPBACK else f"{host}:{port}"


def which(name: str, place: str, accounts: Sequence[str] = ()) -> str:
    """A login as it can be told from others on a screen."""
    known = ", ".join(filter(None, [place, *accounts]))
    return f"{name} ({known})" if known else name


def those_not_flat(logins: Iterable[LoginReport], *, unread: bool) -> list[str]:
    """The logins of a report that a person has to look at. `unread`: there may be others."""
    named = [
        which(one.name, place_of(one.host, one.port) if one.port else "wherever it is", one.accounts)
        for one in logins
        if not one.flat
    ]
    return [*named, ANY_OTHER] if unread else named


def steps(where: Sequence[str]) -> tuple[str, ...]:
    """The steps, for these logins; none: for whichever it is."""
    if not where:
        return BY_HAND
    *most, last = where
    said = f"{', '.join(most)} and {last}" if most else last
    if len(where) > NAMED_MAX:
        said = f"{len(where)} logins, see below"
    return BY_HAND[0].replace("In TWS:", f"In the TWS of {said}:", 1), *BY_HAND[1:]
