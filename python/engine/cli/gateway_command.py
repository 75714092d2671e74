"""`qe gateway`: run the gateway, and show what passes through it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shlex
import signal
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.cli.log_lines import LogLines
from engine.config.gateway_table import listening_ports
from engine.config.model import Config
from engine.config.places import config_file, state_folder
from engine.config.problems import ConfigError
from engine.config.reader import load
from engine.gateway.absences import held_against
from engine.gateway.fence import SECRET_MIN, FenceError, fence_of, key_that_all_can_read
from engine.gateway.gateway import Gateway, read_status
from engine.gateway.tally import LoginLine, Status
from engine.temporary import make_private
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_checks import NO_GUARD
from engine.trading.order_settings import find_settings
from engine.trading.rules import open_rules

if TYPE_CHECKING:
    from engine.guard.alert_desk import AlertDesk

EXIT_PROBLEMS = 1
EXIT_CANNOT = 2
FRESH_NS = 5_000_000_000
SWITCH_S = 0.0002


def gateway(arguments: argparse.Namespace) -> int:
    """The exit codes stand in the help."""
    match arguments.action:
        case "run":
            return _run(arguments)
        case "connect":
            return _connect(arguments)
        case _:
            return _status(as_json=arguments.json)


# --- run ---------------------------------------------------------------------------------------------------------
def _run(arguments: argparse.Namespace) -> int:
    try:
        config = load(config_file(arguments.config))
        ports = listening_ports(config.gateway, [(one.name, one.port) for one in config.logins])
        fence_of(config.gateway)
    except (ConfigError, ValueError, FenceError) as error:
        print(error, file=sys.stderr)
        print("No gateway runs. Put this right, then: qe gateway run", file=sys.stderr)
        return EXIT_PROBLEMS
    if arguments.shadow:
        config = msgspec.structs.replace(config, gateway=msgspec.structs.replace(config.gateway, shadow=True))
    home = Path(state_folder())
    try:
        make_private(home)
    except OSError as error:
        print(f"qe gateway: the state folder {home} cannot be written: {error.strerror or error}", file=sys.stderr)
        return EXIT_CANNOT
    return _runner()(_serve(config, ports, home))


def _runner() -> Callable[[Coroutine[None, None, int]], int]:
    """uvloop's, which takes half as long between two sockets; Windows has none."""
    if sys.platform == "win32":
        return asyncio.run
    import uvloop

    return uvloop.run


def _settle_process() -> None:
    """No message is held up for long by a thread that writes into the journal, or for what was made so far and stays to
    be looked through for garbage.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()


async def _serve(config: Config, ports: dict[str, int], home: Path) -> int:
    """A log that nobody takes holds up no order: refusals are told in it, and cancels pass on the same loop."""
    lines = LogLines()
    logins = {
        LoginConfig(
            name=one.name, mode=TradingMode(one.mode), host=one.host, port=one.port, client_id=config.gateway.client_id
        ): ports[one.name]
        for one in config.logins
    }
    alerts = _alerts(config, home, lines.log)
    made = Gateway(
        logins,
        config.gateway,
        held_against(config.gateway, find_settings()),
        open_rules(home),
        home=home,
        wall_ns=time.time_ns,
        clock=time.perf_counter,
        log=lines.log,
        tell=alerts,
    )
    try:
        await made.open()
    except OSError as error:
        print(
            f"qe gateway: cannot listen on {config.gateway.listen}, ports {', '.join(map(str, ports.values()))}: "
            f"{error.strerror or error}. Nothing runs. Is a gateway running already? Other ports: [gateway] ports",
            file=sys.stderr,
        )
        return EXIT_CANNOT
    if config.gateway.tls_certificate:
        lines.log(f"listening on {config.gateway.listen} behind TLS and a secret: programs come by qe gateway connect")
        if key := key_that_all_can_read(config.gateway):
            lines.log(f"every user of this machine can read the TLS key: chmod 600 {shlex.quote(key)}")
    for door in made.doors:
        name, (host, port) = door.desk.entry.config.name, door.address
        where = f"on port {port}" if config.gateway.tls_certificate else f"to {host}:{port}"
        lines.log(f"{name}: connect programs {where}")
    if config.gateway.shadow:
        lines.log("shadow mode: what would be refused is told, and everything passes")
    _settle_process()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    telling = asyncio.get_running_loop().create_task(alerts.run(), name="alerts") if alerts is not None else None
    await made.run(ended)
    if telling is not None:
        telling.cancel()
    lines.log("the gateway has ended, as it was told to")
    lines.end()
    return 0


def _alerts(config: Config, home: Path, log: Callable[[str], None]) -> AlertDesk | None:
    """Loaded only if somebody is to be called: the library for it is large."""
    if not config.alerts.urls:
        return None
    from engine.config.guard_settings import alert_settings
    from engine.guard.alert_channels import AppriseChannel
    from engine.guard.alert_desk import AlertDesk

    channels = tuple(AppriseChannel(number, url, home) for number, url in enumerate(config.alerts.urls, start=1))
    return AlertDesk(channels, alert_settings(config.alerts), log=log, now_ns=time.monotonic_ns)


# --- connect -----------------------------------------------------------------------------------------------------
def _connect(arguments: argparse.Namespace) -> int:
    from engine.gateway.tunnel import trusting

    host, _, port = arguments.to.rpartition(":")
    if not host or not port.isdecimal():
        print(f"qe gateway connect: {arguments.to!r} is no HOST:PORT", file=sys.stderr)
        return EXIT_CANNOT
    try:
        secret = os.environ.get("QE_GATEWAY__SECRET") or load(config_file(arguments.config)).gateway.secret
        context = trusting(Path(arguments.certificate))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_PROBLEMS
    except (OSError, ssl.SSLError) as error:
        print(f"qe gateway connect: {arguments.certificate} is no certificate to be used: {error}", file=sys.stderr)
        return EXIT_CANNOT
    if len(secret) < SECRET_MIN:
        print("qe gateway connect: the gateway's secret is needed, in QE_GATEWAY__SECRET", file=sys.stderr)
        return EXIT_PROBLEMS
    here = int(port) if arguments.port is None else arguments.port
    return asyncio.run(_tunnel(host, int(port), here, context, secret))


async def _tunnel(host: str, port: int, here: int, context: ssl.SSLContext, secret: str) -> int:
    from engine.gateway.tunnel import Tunnel

    lines = LogLines()
    tunnel = Tunnel(host, port, context, secret.encode(), log=lines.log)
    try:
        await tunnel.open(here)
    except OSError as error:
        print(
            f"qe gateway connect: port {here} cannot be used: {error.strerror or error}. Another: --port",
            file=sys.stderr,
        )
        return EXIT_CANNOT
    lines.log(f"connect programs to 127.0.0.1:{tunnel.port}: it leads to {host}:{port}")
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await tunnel.close()
    lines.end()
    return 0


# --- status ------------------------------------------------------------------------------------------------------
def _status(*, as_json: bool) -> int:
    found = read_status(Path(state_folder()))
    fresh = found is not None and 0 <= time.time_ns() - found.at_ns < FRESH_NS
    if found is None or not fresh:
        print("no gateway runs here. Start it with: qe gateway run", file=sys.stderr)
        return EXIT_CANNOT
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        print("\n".join(_lines(found)))
    return EXIT_PROBLEMS if found.missing or any(login.waiting_for for login in found.logins) else 0


def _lines(status: Status) -> list[str]:
    lasted = _lasted((status.at_ns - status.since_ns) // 1_000_000_000)
    lines = [f"gateway, process {status.pid}, for {lasted}" + (", shadow mode" if status.shadow else "")]
    lines += status.missing.values()
    for login in status.logins:
        lines += _login_lines(login)
    return lines


def _lasted(seconds: int) -> str:
    """As long as a person would say it."""
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _login_lines(login: LoginLine) -> list[str]:
    ready = f"waiting: {login.waiting_for}; nothing that adds risk passes" if login.waiting_for else "ready"
    lines = [f"{login.name}: port {login.port} for {login.tws}, {ready}"]
    restricted = "; ".join(part for part in login.state.split("; ") if NO_GUARD not in part)  # that is told above
    if restricted:
        lines.append(f"  restricted: {restricted}")
    for one in login.clients:
        name = "not named yet" if one.client_id is None else f"client {one.client_id}"
        lines.append(f"  {name} from {one.peer}" + (f", {one.waiting} waiting" if one.waiting else ""))
    lines += [f"  {number} {what}" for what, number in sorted(login.counts.items())]
    lines += [f"  {number} refused: {rule}" for rule, number in sorted(login.refused.items())]
    if login.order_us:
        held = ", ".join(f"{name} {value} µs" for name, value in login.order_us.items())
        lines.append(f"  orders were held for {held}")
    return lines
