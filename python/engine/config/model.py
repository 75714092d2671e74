"""What may stand in quant-engine.toml. The descriptions here are the documentation: `qe config init` prints them.

A key exists only if something uses it. Tables are what the file says; `Config` is what it comes to.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from engine.config.gateway_table import GatewayTable
from engine.config.guard_table import AlertsTable, GuardTable
from engine.config.limits_table import LimitsTable
from engine.config.preflight_table import PreflightTable
from engine.config.web_table import WebTable
from engine.names import CLIENT_ID_MAX

Mode: TypeAlias = Literal["paper", "live"]
Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
ClientId: TypeAlias = Annotated[int, Meta(ge=0, le=CLIENT_ID_MAX)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=86_400)]

LOCAL = "127.0.0.1"
TWS_PORTS: dict[Mode, int] = {"paper": 7497, "live": 7496}
GATEWAY_PORTS: dict[Mode, int] = {"paper": 4002, "live": 4001}
CLIENT_IDS: dict[Mode, int] = {"paper": 1, "live": 2}


class LoginTable(msgspec.Struct, frozen=True, kw_only=True):
    """One TWS or IB Gateway session."""

    mode: Annotated[
        Mode,
        Meta(
            description='"paper" or "live". A login whose account ids say otherwise is refused on connect; '
            "the kill asks nothing of the kind."
        ),
    ]
    host: Annotated[
        str,
        Meta(min_length=1, description="Where TWS runs. A number rather than a name: the kill starts faster with it."),
    ] = LOCAL
    port: Annotated[
        Port | UnsetType,
        Meta(description="Its API port. Unless set: 7497 (paper) or 7496 (live); with gateway = true 4002 or 4001."),
    ] = UNSET
    gateway: Annotated[bool, Meta(description="true: an IB Gateway, which has other default ports than TWS.")] = False
    client_id: Annotated[
        ClientId | UnsetType,
        Meta(
            description="The engine's API client id. Unless set: 1 (paper) or 2 (live). The kill uses ids of its own."
        ),
    ] = UNSET


class KillTable(msgspec.Struct, frozen=True, kw_only=True):
    """How the kill switch works."""

    deadline_s: Annotated[
        Seconds,
        Meta(description="After this many seconds the kill reports what is left, and why."),
    ] = 120.0
    watch_s: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)],
        Meta(description="After the result, go on watching for late fills this long, and close them. 0: do not."),
    ] = 0.0
    market_patience_s: Annotated[
        Annotated[float, Meta(ge=1, le=600)],
        Meta(
            description="A market order of the kill that nobody takes for this long, while the market is open and "
            "quoted live on both sides, is followed by a limit order."
        ),
    ] = 5.0
    take_over_s: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)],
        Meta(
            description="Where another kill has the right to close and gives no sign of life for this long, it is shut "
            "out and this one closes. 0: never; then a kill that hangs has to be ended by hand."
        ),
    ] = 3.0
    client_id: Annotated[
        ClientId,
        Meta(
            description="The first API client id a kill tries; if it is in use the next one, and so on. "
            "Keep it away from the ids your programs use: a crashed program still holds its own."
        ),
    ] = 9000


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A login with every default filled in."""

    name: str
    mode: Mode
    host: str
    port: int
    client_id: int


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, in force. `source` is the file it came from; empty: the defaults."""

    logins: tuple[Login, ...]
    kill: KillTable = KillTable()
    limits: LimitsTable = LimitsTable()
    preflight: PreflightTable = PreflightTable()
    guard: GuardTable = GuardTable()
    gateway: GatewayTable = GatewayTable()
    alerts: AlertsTable = AlertsTable()
    web: WebTable = WebTable()
    source: str = ""


def default_login(mode: Mode) -> Login:
    return Login(name=mode, mode=mode, host=LOCAL, port=TWS_PORTS[mode], client_id=CLIENT_IDS[mode])


def default_config() -> Config:
    """Both logins where TWS puts them. What holds when there is no file."""
    return Config(logins=(default_login("paper"), default_login("live")))


def login_from(name: str, table: LoginTable) -> Login:
    """Fill in what the table leaves to its mode."""
    ports = GATEWAY_PORTS if table.gateway else TWS_PORTS
    return Login(
        name=name,
        mode=table.mode,
        host=table.host,
        port=ports[table.mode] if isinstance(table.port, UnsetType) else table.port,
        client_id=CLIENT_IDS[table.mode] if isinstance(table.client_id, UnsetType) else table.client_id,
    )
