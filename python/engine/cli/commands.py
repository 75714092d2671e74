"""Every command but `kill`: parse with argparse, start what is asked for, return its exit code.

Each command is imported when it is called for, so that `qe version` does not load a simulator.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import NoReturn

from engine import __version__

EXIT_USAGE = 64
SPEED_MIN, SPEED_MAX = 0.1, 1000.0

DESCRIPTION = """\
The emergency brake for programs that trade on Interactive Brokers.

  qe kill      cancel every order, close every position, prove it: on every login, at once, without asking
  qe drill     practise that against a simulated TWS, and leave a dated record
  qe sim       run the simulated TWS, to trade against
  qe config    show, check or write quant-engine.toml
  qe journal   verify, show, export, archive or repair what was recorded
  qe version   print the version
"""


class Parser(argparse.ArgumentParser):
    """Usage errors exit with 64: 1 and 2 say something about positions here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(words: list[str]) -> int:
    """Run one command and return the process's exit code."""
    parser = build_parser()
    arguments = parser.parse_args(words or ["help"])
    match arguments.command:
        case "drill":
            from engine.cli.drill_command import drill

            return drill(arguments)
        case "sim":
            return _sim(arguments)
        case "config":
            from engine.cli.config_command import config

            return config(arguments)
        case "journal":
            from engine.cli.journal_command import journal

            return journal(arguments)
        case "version":
            print(f"quant-engine {__version__}")
        case _:
            parser.print_help()
    return 0


def build_parser() -> Parser:
    """All commands and their options. `kill` stands here for its help alone: it is parsed elsewhere."""
    parser = Parser(prog="qe", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    commands.add_parser("kill", help="the kill switch (see: qe kill --help)", add_help=False)
    commands.add_parser("help", help="this text")
    commands.add_parser("version", help="print the version")
    _add_drill(commands.add_parser("drill", help="practise the kill against a simulated TWS"))
    _add_sim(commands.add_parser("sim", help="run the simulated TWS"))
    _add_config(commands.add_parser("config", help="show, check or write quant-engine.toml"))
    _add_journal(commands.add_parser("journal", help="verify, show, export, archive or repair the journal"))
    return parser


def _add_drill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start a simulated TWS with two logins, let its market move, run `qe kill` against it, "
        "and hold the result against the exchange."
    )
    parser.epilog = "Exit: 0 passed · 1 failed · 2 the drill could not be held · 64 wrong arguments"
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--scenario", metavar="NAME|FILE", default="calm", help="what happens (default: calm)")
    which.add_argument("--all", action="store_true", help="every ready-made scenario, and a scorecard")
    which.add_argument("--list", action="store_true", help="name the ready-made scenarios")
    parser.add_argument("--json", action="store_true", help="the record as JSON on standard output, nothing else")
    parser.add_argument("--plain", action="store_true", help="lines instead of a moving picture")


def _add_sim(parser: argparse.ArgumentParser) -> None:
    parser.description = "Serve a simulated TWS on 7497 and 7496 (and 4002, 4001) until Ctrl-C."
    parser.add_argument("--scenario", metavar="NAME|FILE", default="calm", help="what happens (default: calm)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    for mode in ("paper", "live"):
        parser.add_argument(f"--{mode}-port", type=_port, metavar="PORT", help=f"where the {mode} login listens alone")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how fast time passes (default: 1; 0.1 to 1000)")
    parser.add_argument("--seed", type=int, help="another course of the market")
    parser.add_argument("--plain", action="store_true", help="lines instead of a moving picture")


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show", "check", "init"], help="what is in force; what is wrong; a new file")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def _add_journal(parser: argparse.ArgumentParser) -> None:
    parser.description = "The journal: what was decided, in order, each record sealing the one before."
    parser.epilog = "Exit: 0 well · 1 the journal is not as it should be · 2 not there, or cannot be read · 64 usage"
    parser.add_argument("--folder", metavar="FOLDER", help="where it is (default: journal in the state folder)")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    actions.add_parser("verify", help="walk the whole chain, archives first")
    tail = actions.add_parser("tail", help="the last records, one a line")
    tail.add_argument("-n", dest="count", type=_count, default=20, metavar="N", help="how many (default: 20)")
    tail.add_argument("-f", "--follow", action="store_true", help="go on with what is appended, until Ctrl-C")
    export = actions.add_parser("export", help="all records as JSON lines, archives first")
    export.add_argument("--after", type=_count, default=0, metavar="SEQ", help="only those behind this number")
    archive = actions.add_parser("archive", help="move old days out of the live file")
    archive.add_argument("--before", type=_day, required=True, metavar="DATE", help="2026-01-31: this day (UTC) stays")
    repair = actions.add_parser("repair", help="begin anew after damage, keeping what can be read; halts every login")
    repair.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded")


def _sim(arguments: argparse.Namespace) -> int:
    from engine.simulator.live import run_sim

    return run_sim(
        arguments.scenario,
        host=arguments.host,
        ports={mode: (port,) for mode in ("paper", "live") if (port := getattr(arguments, f"{mode}_port")) is not None},
        speed=arguments.speed,
        seed=arguments.seed,
        plain=True if arguments.plain else None,
    )


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {SPEED_MIN:g} to {SPEED_MAX:g}")
    return speed


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a whole number to 65535, or 0 for any that is free")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None
