"""The table [gateway] of quant-engine.toml, and the places that it comes to. Data only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from engine.names import CLIENT_ID_MAX

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
PORT_MAX = 65_535


class GatewayTable(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway, `qe gateway run`: any program that speaks to TWS connects to it instead, and cannot send an order
    that breaks the rules.
    """

    client_id: Annotated[
        Annotated[int, Meta(ge=0, le=CLIENT_ID_MAX)],
        Meta(
            description="Its own API client id on every login, to read with. If it is in use the next four are tried."
        ),
    ] = 95
    listen: Annotated[
        str,
        Meta(
            min_length=1,
            description="The address it listens on. Beyond this machine only with the three keys that follow.",
        ),
    ] = "127.0.0.1"
    tls_certificate: Annotated[
        str,
        Meta(description="Its certificate, a PEM file: programs elsewhere come by `qe gateway connect`, over TLS."),
    ] = ""
    tls_key: Annotated[str, Meta(description="The certificate's key, a PEM file.")] = ""
    secret: Annotated[
        str,
        Meta(
            description="What `qe gateway connect` has to say: 16 characters or more. QE_GATEWAY__SECRET keeps it out "
            "of the file."
        ),
    ] = ""
    port_offset: Annotated[
        Annotated[int, Meta(ge=-65_000, le=65_000)],
        Meta(description="A login is offered on its own port plus this: 7497 on 7597, IB Gateway's 4001 on 4101."),
    ] = 100
    ports: Annotated[
        tuple[str, ...],
        Meta(description='Logins that are offered elsewhere, as ["paper:7600", "live:7601"].'),
    ] = ()
    allow: Annotated[
        tuple[str, ...],
        Meta(description="Who may connect: addresses, or networks as 192.168.1.0/24."),
    ] = ("127.0.0.1", "::1")
    without_guard: Annotated[
        Literal["refuse", "alert"],
        Meta(
            description='While no guard gives signs of life. "refuse": nothing that adds risk passes. "alert": '
            "orders pass the checks as ever, and people are called ([alerts])."
        ),
    ] = "refuse"
    without_journal: Annotated[
        Literal["refuse", "alert"],
        Meta(
            description='While the journal cannot be written. "refuse": nothing that adds risk passes. "alert": '
            "orders pass the checks, and people are called. One that cannot be read lets nothing pass that adds risk."
        ),
    ] = "refuse"
    metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)],
        Meta(description="Prometheus metrics on this port of this machine alone. 0: none."),
    ] = 0
    shadow: Annotated[
        bool,
        Meta(description="true: orders are judged and what would be refused is told, and everything passes."),
    ] = False


def listening_ports(table: GatewayTable, logins: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The port that each login (name, TWS's port) is offered on. Raises ValueError in words."""
    of_login = dict(logins)
    given = dict(map(_name_and_port, table.ports))
    unknown = given.keys() - of_login.keys()
    if unknown:
        raise ValueError(f"there is no login {', '.join(sorted(unknown))}")
    found = {name: given.get(name, port + table.port_offset) for name, port in of_login.items()}
    for name, port in found.items():
        if not 1 <= port <= PORT_MAX:
            raise ValueError(f'{name} would be on port {port}: give it one of its own, as ports = ["{name}:7600"]')
    by_port = {port: name for name, port in found.items()}
    for name, port in found.items():
        if by_port[port] != name:
            other = by_port[port]
            raise ValueError(f"{name} and {other} would both be on port {port}: give one another, with ports")
    return found


def allowed_networks(table: GatewayTable) -> tuple[Network, ...]:
    """Raises ValueError for what is no address."""
    return tuple(ipaddress.ip_network(one, strict=False) for one in table.allow)


def _name_and_port(text: str) -> tuple[str, int]:
    name, colon, port = text.rpartition(":")
    if not colon or not name or not (port.isascii() and port.isdecimal()):
        raise ValueError(f'{text!r} is no login with its port, as "paper:7600"')
    return name, int(port)
