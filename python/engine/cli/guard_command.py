"""`qe guard`: run the guard, install it as a service of this machine, try its alerts. And `qe ack`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from engine.cli.exits import EXIT_CANNOT, EXIT_PROBLEMS
from engine.cli.who import actor
from engine.config.model import Config
from engine.config.places import config_file, incident_log, state_folder
from engine.config.problems import ConfigError
from engine.config.reader import load
from engine.guard.control import NoGuard, Request, ask
from engine.guard.only_one import OnlyOne
from engine.guard.service import CannotInstall, install
from engine.trading import presence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.guard.alert_desk import Channel

NOT_TAKEN = "it was not taken: "  # as engine.guard.alert_channels begins, which is loaded where it is needed
TEST_S_MAX = 30.0  # every channel has twenty seconds


def guard(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes stand in the help."""
    match arguments.action:
        case "run":
            return _run(arguments.config)
        case "install":
            return _install(arguments.config, print_only=arguments.print_only)
        case _:
            return _test_alert()


def acknowledge(arguments: argparse.Namespace) -> int:
    """`qe ack`: 0 well; 2 no guard answers."""
    try:
        answer = ask(Path(state_folder()), Request("ack", key=arguments.key, who=actor("ack")))
    except NoGuard as error:
        told = f"qe ack: {error}. Nothing was acknowledged, and a guard goes on calling until it is."
        print(f"{told} See what stands with: qe status; start one with: qe guard run", file=sys.stderr)
        return EXIT_CANNOT
    seen = answer.get("titles") or answer.get("acknowledged", [])  # a guard from before an update tells its keys alone
    print("\n".join(f"acknowledged: {one}" for one in seen) or "nothing stands that was not acknowledged already")
    return 0


def _run(config_name: str | None) -> int:
    try:
        config = load(config_file(config_name))
    except ConfigError as error:
        print(error, file=sys.stderr)
        print("No guard runs. Put these right, then: qe guard run", file=sys.stderr)
        return EXIT_PROBLEMS
    home = Path(state_folder())
    try:
        only = OnlyOne(home)
    except OSError as error:
        print(f"qe guard: the state folder {home} cannot be written: {error.strerror or error}", file=sys.stderr)
        return EXIT_CANNOT
    if not only.held:
        other = presence.read(home)
        which = "" if other is None else f" (process {other.pid})"
        print(f"a guard runs already{which}; it was left alone", file=sys.stderr)
        return EXIT_CANNOT
    asyncio.run(_guard(config, home))
    only.release()
    return 0


async def _guard(config: Config, home: Path) -> None:
    from engine.cli.log_lines import LogLines
    from engine.guard.guard import Guard, Outside, add_logins
    from engine.trading import IBKRAccountManager
    from engine.trading.manager import ManagerSettings

    lines = LogLines()
    channels, ping = _ways_out(config, home)
    manager = IBKRAccountManager(
        settings=ManagerSettings(heartbeat=False, trades=False, tells=False), home=home, limits=config.limits
    )
    add_logins(manager, config)
    outside = Outside(channels=channels, ping=ping)
    made = Guard(config, manager, home, Path(incident_log()), outside=outside, log=lines.log)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    lines.log(f"guarding {', '.join(manager.logins)}")
    await made.run(ended)
    lines.log("the guard has ended, as it was told to")
    lines.end()


def _ways_out(config: Config, home: Path) -> tuple[tuple[Channel, ...], Callable[[str], str | None] | None]:
    """Loaded only if somebody is to be called: the library for it is large."""
    if not (config.alerts.urls or config.alerts.ping_url):
        return (), None
    from engine.guard.alert_channels import AppriseChannel, ping

    return tuple(AppriseChannel(number, url, home) for number, url in enumerate(config.alerts.urls, start=1)), ping


def _install(config_name: str | None, *, print_only: bool) -> int:
    try:
        told = install(config_file(config_name), Path(state_folder()), print_only=print_only)
    except CannotInstall as error:
        print(f"qe guard install: {error}", file=sys.stderr)
        return EXIT_CANNOT
    print(told)
    return 0


def _test_alert() -> int:
    try:
        request = Request("test_alert", who=actor("guard"))
        answer = ask(Path(state_folder()), request, timeout_s=TEST_S_MAX)
    except NoGuard as error:
        print(f"qe guard test-alert: {error}. Start it with: qe guard run", file=sys.stderr)
        return EXIT_CANNOT
    channels = answer.get("channels")
    if not isinstance(channels, dict):
        print("the guard that runs is of another version: restart it, then try again", file=sys.stderr)
        return EXIT_CANNOT
    if not channels:
        print("the guard has no address to send to: set alerts.urls (qe config init shows how)", file=sys.stderr)
        return EXIT_PROBLEMS
    for name, why in channels.items():
        told = "taken; look whether it arrives" if why is None else f"NOT DELIVERED: {why.removeprefix(NOT_TAKEN)}"
        print(f"{name}: {told}")
    return EXIT_PROBLEMS if any(channels.values()) else 0
