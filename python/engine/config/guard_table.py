"""The tables [guard] and [alerts] of quant-engine.toml: what watches while nobody looks, whom it calls. Data only."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from engine.names import CLIENT_ID_MAX

Silence: TypeAlias = Annotated[float, Meta(ge=0, le=86_400)]
Every: TypeAlias = Annotated[float, Meta(ge=0, le=86_400)]


class GuardTable(msgspec.Struct, frozen=True, kw_only=True):
    """The guard, `qe guard run`: a process of its own that enforces the limits when the engine hangs, dies or lies."""

    client_id: Annotated[
        Annotated[int, Meta(ge=0, le=CLIENT_ID_MAX)],
        Meta(description="Its API client id on every login. If it is in use the next seven are tried."),
    ] = 90
    required: Annotated[
        bool,
        Meta(
            description="true: without a guard that has given a sign of life in the last seconds, nothing that adds "
            "risk is sent."
        ),
    ] = False
    heartbeat_tell_s: Annotated[
        Silence,
        Meta(
            description="Engines say that they are alive (manager.heartbeat, or a touched file). One that is silent "
            "for this long while its logins hold positions or orders is told to the operator. 0: never."
        ),
    ] = 10.0
    heartbeat_halt_s: Annotated[Silence, Meta(description="After this long its logins are halted. 0: never.")] = 30.0
    heartbeat_kill_s: Annotated[
        Silence, Meta(description="After this long the kill switch is pressed on its logins. 0: never.")
    ] = 0.0
    foreign_orders: Annotated[
        Literal["cancel", "alert"],
        Meta(
            description="What becomes of an order of another program, or typed into TWS, that adds risk while the "
            'login is halted. "cancel": a global cancel; where it would take an order with it that protects a '
            "position, one by one under the client ids of the programs that are gone, and of those that live it is "
            'told. "alert": it is only told.'
        ),
    ] = "cancel"
    quarantine: Annotated[
        Literal["close", "alert"],
        Meta(
            description="What becomes of a position or an order that appears after a kill, before the login is reset. "
            '"close": the kill is pressed again. "alert": it is only told.'
        ),
    ] = "close"
    verify_every_s: Annotated[
        Every,
        Meta(
            description="Our records are held against the broker after each connection, and every so many seconds. "
            "0: only after each connection."
        ),
    ] = 300.0
    metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)],
        Meta(description="Prometheus metrics on this port of this machine alone. 0: none."),
    ] = 0


class AlertsTable(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the guard calls. Without an address it tells its own log."""

    urls: Annotated[
        tuple[str, ...],
        Meta(
            description='Addresses in the notation of Apprise, such as ["mailto://…", "tgram://…", "pover://…"]. They '
            "hold secrets: QE_ALERTS__URLS='[\"…\"]' keeps them out of the file."
        ),
    ] = ()
    repeat_after_s: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)],
        Meta(description="An alert is repeated after so many seconds until somebody says `qe ack`. 0: never."),
    ] = 300.0
    messages_per_minute: Annotated[
        Annotated[int, Meta(ge=4, le=600)],
        Meta(
            description="No more messages than this in a minute; three of them are kept for what is critical. The "
            "first few go one by one; behind them what comes is gathered: with 20 nothing new waits for five seconds, "
            "with 10 for ten."
        ),
    ] = 20
    unseen_halt_s: Annotated[
        Silence,
        Meta(
            description="A critical alert that nobody has acknowledged for this long halts every login. 0: it does not."
        ),
    ] = 0.0
    ping_url: Annotated[
        str,
        Meta(
            description="Asked for every minute while the guard is well (healthchecks.io and the like call you when it "
            "stops). Empty: nobody is asked."
        ),
    ] = ""
