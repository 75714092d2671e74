"""Why a login cannot be reached or was lost, in words that say what to do next.

`Trouble` is for programs, `text` for people. Nothing here decides whether to try again.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.kill.events import Trouble
from engine.wire.errors import FrameTooLarge, NotTws, ProtocolError, Redirected, UnsupportedVersion

PORTS = "TWS listens on 7497 (paper) and 7496 (live), IB Gateway on 4002 and 4001, unless configured otherwise"
API_SETTINGS = "TWS: File > Global Configuration > API > Settings"


class LinkFailure(Exception):
    """A connection could not be made or was lost. `text` says what happened and what to do next."""

    def __init__(self, trouble: Trouble, text: str, *, other_id_may_help: bool = False) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.text = text
        self.other_id_may_help = other_id_may_help


def refused(host: str, port: int) -> LinkFailure:
    return LinkFailure(
        Trouble.REFUSED,
        f"nothing listens on {host}:{port}: start TWS or IB Gateway and log in, tick 'Enable ActiveX and Socket "
        f"Clients' ({API_SETTINGS}) and compare the port there. {PORTS}",
    )


def no_route(host: str, port: int, reason: str) -> LinkFailure:
    return LinkFailure(
        Trouble.FAILED,
        f"{host}:{port} cannot be reached ({reason}): check the host name and the network of the machine TWS runs on",
    )


def silent_host(host: str, port: int) -> LinkFailure:
    return LinkFailure(
        Trouble.SILENT,
        f"{host}:{port} does not answer at all: the machine is off, or a firewall drops the connection",
    )


def silent_names(host: str, port: int) -> LinkFailure:
    return LinkFailure(
        Trouble.SILENT,
        f"the name {host} (port {port}) could not be looked up, no name server answers: put the numeric address of the "
        "machine TWS runs on into the configuration, or check this computer's network",
    )


def unknown_name(host: str, port: int, reason: str) -> LinkFailure:
    return LinkFailure(
        Trouble.FAILED,
        f"the name {host} (port {port}) could not be looked up ({reason}): check its spelling in the configuration, or "
        "put the numeric address there",
    )


def half_answer(host: str, port: int, received_bytes: int) -> LinkFailure:
    return LinkFailure(
        Trouble.SILENT,
        f"{host}:{port} has sent the beginning of an answer ({received_bytes} bytes) and then nothing: TWS is frozen, "
        "or something on the way (a tunnel, a proxy, a firewall) holds the rest back. Look at its window",
    )


def silent_handshake(host: str, port: int) -> LinkFailure:
    return LinkFailure(
        Trouble.SILENT,
        f"{host}:{port} accepts the connection but says nothing: look for TWS's 'Accept incoming connection' dialog, "
        f"add this computer's address to the trusted ones ({API_SETTINGS}), or restart TWS if it is frozen",
    )


def silent_start(host: str, port: int, client_id: int, missing: Sequence[str], *, asked: bool) -> LinkFailure:
    """`missing`: what TWS sends when it is ready and has not sent. `asked`: it was asked for it again, in vain."""
    lacks = f"no {' and no '.join(missing)}{', though asked again' if asked else ''}"
    return LinkFailure(
        Trouble.SILENT,
        f"{host}:{port} answered the handshake but is not ready for client id {client_id} ({lacks}): TWS may "
        "still be logging in, show a dialog, or be frozen. Look at its window",
    )


def fell_silent(host: str, port: int, quiet_s: float) -> LinkFailure:
    return LinkFailure(
        Trouble.SILENT,
        f"{host}:{port} has sent nothing for {quiet_s:.0f} s, not even the time it was asked for: TWS is frozen or "
        "the connection is dead. Look at its window",
    )


def stuck_message(host: str, port: int, unfinished: tuple[int, int | None], stuck_s: float) -> LinkFailure:
    held, whole = unfinished
    part = f"{held} bytes" if whole is None else f"{held} of {whole} bytes"
    return LinkFailure(
        Trouble.SILENT,
        f"{host}:{port} began a message {stuck_s:.0f} s ago and has not completed it ({part} are there): TWS is "
        "frozen, or something on the way (a tunnel, a proxy, a firewall) holds the rest back. Look at its window",
    )


def closed_at_handshake(host: str, port: int) -> LinkFailure:
    return LinkFailure(
        Trouble.CLOSED,
        f"{host}:{port} closes the connection before answering: the API is switched off or this computer's address "
        f"is not trusted ({API_SETTINGS})",
    )


def closed_at_start(host: str, port: int, client_id: int) -> LinkFailure:
    return LinkFailure(
        Trouble.CLOSED,
        f"{host}:{port} closes the connection when client id {client_id} is named: the id may be in use by another "
        f"program, or this computer's address is not trusted ({API_SETTINGS})",
        other_id_may_help=True,
    )


def id_in_use(host: str, port: int, client_id: int) -> LinkFailure:
    return LinkFailure(
        Trouble.CLIENT_IDS_BUSY,
        f"client id {client_id} is in use at {host}:{port}: another program holds it; stop that program or name "
        "another client id",
        other_id_may_help=True,
    )


def closed_for_every_id(host: str, port: int) -> LinkFailure:
    return LinkFailure(
        Trouble.CLOSED,
        f"{host}:{port} closes the connection whichever client id is named: this computer's address is not trusted "
        f"({API_SETTINGS}), or other programs hold the ids",
    )


def ids_in_use(host: str, port: int, ids: Sequence[int]) -> LinkFailure:
    return LinkFailure(
        Trouble.CLIENT_IDS_BUSY,
        f"client ids {_ranges(ids)} are in use at {host}:{port}: close other API programs, or restart TWS",
    )


def _ranges(ids: Sequence[int]) -> str:
    """1, 9000-9007"""
    starts = [one for one in ids if one - 1 not in ids]
    ends = [one for one in ids if one + 1 not in ids]
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in zip(starts, ends, strict=True))


def lost(host: str, port: int, reason: str) -> LinkFailure:
    return LinkFailure(
        Trouble.CLOSED,
        f"the connection to {host}:{port} was lost ({reason}): is TWS still running, and logged in?",
    )


def closed_here(host: str, port: int, why: str) -> LinkFailure:
    return LinkFailure(Trouble.CLOSED, f"the connection to {host}:{port} was closed here: {why}")


def not_understood(host: str, port: int, error: ProtocolError) -> LinkFailure:
    """The wire layer's own words, under the trouble they belong to."""
    match error:
        case UnsupportedVersion():
            trouble = Trouble.UNSUPPORTED
        case NotTws() | Redirected() | FrameTooLarge():
            trouble = Trouble.NOT_TWS
        case _:
            trouble = Trouble.FAILED
    return LinkFailure(trouble, f"{host}:{port}: {error}")
