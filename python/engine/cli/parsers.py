"""What may be typed behind `qe`: every command with its options and its help. Parses, and starts nothing."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from engine.cli.exits import EXIT_USAGE

SPEED_MIN, SPEED_MAX = 0.1, 1000.0

GROUPS = {  # what a person is about to do: the commands for it, each with what it does
    "On the worst day": {
        "kill": "cancel every order, close every position, prove it: on every login, at once, without asking",
        "status": "what each login may do now, and why; --watch for a live view",
        "halt": "stop everything that adds risk, and close nothing",
        "engines": "which engines give signs of life; end one, and nothing else",
        "ack": "say that you have seen what the guard has called you for",
    },
    "The way back": {
        "verify": "our records of the positions against the broker's",
        "incident": "list, show, note or close what a person has to understand",
        "reset": "after a kill: end the shutdown, once it is verified and understood",
        "resume": "go on after a halt",
    },
    "What stands watch": {
        "guard": "run the guard: it watches while no engine does, and pulls the switch",
        "gateway": "run the gateway: programs connect to it in place of TWS, and their orders pass the checks",
        "web": "the cockpit: see every login in a browser, and stop it from a phone",
        "limits": "what may still be lost; another value for a limit; who has changed what",
        "cashflow": "record money that came in or went out: neither gain nor loss",
        "journal": "verify, tail, export, archive, take in or repair what was recorded",
    },
    "Before the worst day": {
        "doctor": "everything that would make the switch fail, found beforehand",
        "drill": "practise the kill against a simulated TWS, and leave a dated record",
        "runbook": "the emergency page, to be printed: Markdown, HTML or PDF",
        "config": "show, check or write quant-engine.toml",
        "sim": "run the simulated TWS, to trade against",
        "torture": "worlds by the thousand in which everything goes wrong, until something breaks that never may",
        "version": "print the version",
    },
}


def description() -> str:
    """What `qe` alone says: every command once, by what a person is about to do."""
    parts = ["The emergency brake for programs that trade on Interactive Brokers."]
    for group, commands in GROUPS.items():
        parts.append("\n".join([f"{group}:", *(f"  qe {command:<8}  {does}" for command, does in commands.items())]))
    return "\n\n".join(parts)


class Parser(argparse.ArgumentParser):
    """Usage errors exit with 64: 1 and 2 say something about positions here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What one command does not know is told by that command, with its own usage, and not by `qe`."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown


def build_parser() -> Parser:
    """All commands and their options. `kill` stands here for its help alone: it is parsed elsewhere."""
    parser = Parser(
        prog="qe",
        usage="qe COMMAND [OPTION ...]",
        description=description(),
        epilog="More about one: qe COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", prog="qe", metavar="COMMAND", help=argparse.SUPPRESS, parser_class=Parser
    )
    commands.add_parser("kill", add_help=False)
    commands.add_parser("help")
    commands.add_parser("version")
    _add_status(commands.add_parser("status"))
    _add_verify(commands.add_parser("verify"))
    _add_halt(commands.add_parser("halt"))
    _add_resume(commands.add_parser("resume"))
    _add_reset(commands.add_parser("reset"))
    _add_incident(commands.add_parser("incident"))
    _add_limits(commands.add_parser("limits"))
    _add_cash_flow(commands.add_parser("cashflow"))
    _add_guard(commands.add_parser("guard"))
    _add_gateway(commands.add_parser("gateway"))
    acknowledging = commands.add_parser("ack")
    acknowledging.add_argument("key", nargs="?", metavar="ALERT", help="only this one (default: all)")
    _add_engines(commands.add_parser("engines"))
    _add_web(commands.add_parser("web"))
    _add_doctor(commands.add_parser("doctor"))
    _add_runbook(commands.add_parser("runbook"))
    _add_drill(commands.add_parser("drill"))
    _add_sim(commands.add_parser("sim"))
    _add_torture(commands.add_parser("torture"))
    _add_config(commands.add_parser("config"))
    _add_journal(commands.add_parser("journal"))
    return parser


def _add_logins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("logins", nargs="*", metavar="LOGIN", help="which")
    parser.add_argument("--all", action="store_true", help="every login")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.description = "What each login may do now, and why: from the journal, without asking any TWS."
    parser.epilog = "Exit: 0 every login may trade · 1 something holds one · 2 the journal cannot be read · 64 usage"
    parser.add_argument("--watch", action="store_true", help="a live view, with what a running guard sees")
    parser.add_argument("logins", nargs="*", metavar="LOGIN", help="only these (default: every login)")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    parser.add_argument("--json", action="store_true", help="the same as JSON")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Hold our records of positions and orders against fresh reads of the broker. A difference that no execution "
        "explains halts the login."
    )
    parser.epilog = "Exit: 0 all match · 1 something differs · 2 something could not be read · 64 usage"
    parser.add_argument("logins", nargs="*", metavar="LOGIN", help="only these (default: every login)")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument("--no-halt", action="store_true", help="only look: a difference halts nothing")
    parser.add_argument("--adopt", action="store_true", help="from now on the broker's positions are our records")
    parser.add_argument("--reason", metavar="TEXT", help="why they are adopted; it is recorded")


def _add_halt(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Stop everything that adds risk, in every program on this machine, from the very next order. "
        "Cancels and reducing orders go on; nothing is closed."
    )
    parser.epilog = "Exit: 0 it binds and is written down · 1 it binds, and something is wrong: see there · 64 usage"
    _add_logins(parser)
    parser.add_argument("--reason", metavar="TEXT", default="Manual halt", help="why; it is recorded")
    parser.add_argument(
        "--cancel",
        choices=["none", "risk_adding"],
        default="none",
        help="risk_adding: working orders that add risk are cancelled by the programs that placed them",
    )


def _add_resume(parser: argparse.ArgumentParser) -> None:
    parser.description = "Lift what halts a login. Refused, with everything that is in the way, if anything is."
    parser.epilog = "Exit: 0 resumed · 1 refused, nothing lifted · 2 the journal cannot be used · 64 usage"
    _add_logins(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; needed with --override")
    parser.add_argument("--override", action="store_true", help="set a loss limit's halt aside")


def _add_reset(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "End the shutdown that a kill or the circuit breaker has left, once the positions are verified and the "
        "incident is closed. The login stays halted until it is resumed."
    )
    parser.epilog = "Exit: 0 reset · 1 refused, nothing lifted · 2 the journal cannot be used · 64 usage"
    _add_logins(parser)
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why; it is recorded")


def _add_incident(parser: argparse.ArgumentParser) -> None:
    parser.description = "What a person has to understand before trading goes on: every kill, breach and difference."
    parser.epilog = "Exit: 0 well · 1 refused, nothing changed · 2 the journal cannot be used · 64 usage"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    every = actions.add_parser("list", help="those that are open (default)")
    every.add_argument("--all", action="store_true", help="closed ones too")
    every.add_argument("--json", action="store_true", help="the same as JSON")
    show = actions.add_parser("show", help="one of them: timeline, positions, notes")
    show.add_argument("--json", action="store_true", help="the same as JSON")
    note = actions.add_parser("note", help="keep what you found out")
    close = actions.add_parser("close", help="it is understood, and something was done about it")
    for one in (show, note, close):
        one.add_argument("incident", metavar="ID", help="its id, or as much of its start or end as is enough")
    note.add_argument("text", metavar="TEXT", help="what you found out")
    close.add_argument("--cause", metavar="TEXT", required=True, help="why it happened")
    close.add_argument("--action", dest="action_taken", metavar="TEXT", required=True, help="what was done about it")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.description = "The loss limits: how much of each is used, another value, and every change on record."
    parser.epilog = "Exit: 0 well · 1 refused, nothing changed · 2 the journal or the file cannot be read · 64 usage"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    show = actions.add_parser("show", help="how much of each limit is used, and what is left (default)")
    show.add_argument("--json", action="store_true", help="the same as JSON")
    history = actions.add_parser("history", help="who has changed what, and why")
    change = actions.add_parser("set", help="tighter: at once; looser: with a reason, from the next trading day")
    change.add_argument("login", metavar="LOGIN", help="whose")
    change.add_argument("key", metavar="KEY", help="a key of [limits], such as daily_loss_pct")
    change.add_argument("value", metavar="VALUE", help="its new value")
    change.add_argument("--reason", metavar="TEXT", default="", help="why; needed to loosen, and recorded")
    for one in (show, history):
        one.add_argument("logins", nargs="*", metavar="LOGIN", help="only these (default: every login)")
    for one in (show, history, change):
        one.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def _add_cash_flow(parser: argparse.ArgumentParser) -> None:
    parser.description = "Record money that came in or went out of a login, so that it is neither gain nor loss."
    parser.epilog = "Exit: 0 recorded · 1 refused · 2 the journal cannot be used · 64 usage"
    parser.add_argument("login", metavar="LOGIN", help="whose")
    parser.add_argument("amount", metavar="AMOUNT", help="10000 came in, -2500.50 went out")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="what it was; it is recorded")
    parser.add_argument("--currency", default="", help="unless it is the login's base currency")
    shows = parser.add_mutually_exclusive_group(required=True)
    shows.add_argument("--shows", action="store_true", default=None, help="net liquidation contains it already")
    shows.add_argument("--announced", dest="shows", action="store_false", help="it is still to come, or to go")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def _add_guard(parser: argparse.ArgumentParser) -> None:
    parser.description = "A process of its own that watches every login and enforces its limits. It needs no engine."
    parser.epilog = "Exit: 0 well · 1 the configuration has problems · 2 it could not be done · 64 usage"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    run = actions.add_parser("run", help="guard until Ctrl-C, or until it is told to end")
    service = actions.add_parser("install", help="write a systemd unit or a launchd agent that restarts it")
    service.add_argument("--print", dest="print_only", action="store_true", help="show the file, and write nothing")
    for one in (run, service):
        one.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    actions.add_parser("test-alert", help="send an alert that means nothing over every channel, and say which took it")


def _add_gateway(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Programs connect to it in place of TWS, unchanged but for the port. Every order passes the same checks as "
        "those of the library; what is read passes as it comes."
    )
    parser.epilog = (
        "Exit: 0 well · 1 the configuration has problems, or a login is not ready · 2 it could not be done, or none "
        "runs · 64 usage"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    run = actions.add_parser("run", help="let programs in until Ctrl-C")
    run.add_argument("--shadow", action="store_true", help="judge and tell, and refuse nothing")
    run.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    connect = actions.add_parser("connect", help="on a program's machine: a port that leads to a gateway elsewhere")
    connect.add_argument("to", metavar="HOST:PORT", help="the gateway's")
    connect.add_argument("--certificate", required=True, metavar="FILE", help="the gateway's, as it was handed over")
    connect.add_argument("--port", type=int, metavar="PORT", help="on this machine (default: the gateway's)")
    connect.add_argument(
        "--config", metavar="FILE", help="the file that has the secret, unless QE_GATEWAY__SECRET does"
    )
    status = actions.add_parser("status", help="clients, orders passed and refused, latencies")
    status.add_argument("--json", action="store_true", help="the same as JSON")


def _add_engines(parser: argparse.ArgumentParser) -> None:
    parser.description = "The engines of this machine, by their signs of life; and ending one without ending the guard."
    parser.epilog = "Exit: 0 well · 1 one did not end · 2 the signs of life cannot be read · 64 usage"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    listed = actions.add_parser("list", help="all of them (default)")
    listed.add_argument("--json", action="store_true", help="the same as JSON")
    stop = actions.add_parser("stop", help="ask it to end; after five seconds end it by force")
    stop.add_argument("names", nargs="*", metavar="NAME", help="as they are listed")
    stop.add_argument("--all", action="store_true", help="every engine")


def _add_web(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "The cockpit: the state of every login in a browser, and the kill switch. Beyond this machine's loopback it "
        "needs users and TLS."
    )
    parser.epilog = "Exit: 0 ended as told, or done · 1 refused, nothing changed · 2 it could not be started · 64 usage"
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    parser.add_argument("--port", type=_port, metavar="PORT", help="instead of web.port")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=Parser)
    actions.add_parser("run", help="serve until Ctrl-C (default)")
    service = actions.add_parser("install", help="write a systemd unit or a launchd agent that restarts it")
    service.add_argument("--print", dest="print_only", action="store_true", help="show the file, and write nothing")
    users = actions.add_parser("user", help="who may log in").add_subparsers(
        dest="what", metavar="WHAT", required=True, parser_class=Parser
    )
    adding = users.add_parser("add", help="a new user, or another password for one; it is asked for, or read")
    adding.add_argument("--role", choices=["viewer", "operator"], default="operator", help="(default: operator)")
    removing = users.add_parser("remove", help="who may log in no more")
    for one in (adding, removing):
        one.add_argument("name", metavar="NAME", help="whom")
    users.add_parser("list", help="all of them")
    tokens = actions.add_parser("token", help="for programs: the JSON API, and the webhook").add_subparsers(
        dest="what", metavar="WHAT", required=True, parser_class=Parser
    )
    making = tokens.add_parser("add", help="make one, and print it")
    making.add_argument("name", metavar="NAME", help="what it is for; it is recorded beside what is done with it")
    making.add_argument(
        "--may",
        choices=["viewer", "operator", "halt", "kill", "heartbeat"],
        required=True,
        help="halt, kill: the webhook alone; heartbeat: the sign of life of the program NAME alone",
    )
    making.add_argument("--login", action="append", default=[], metavar="LOGIN", help="only this login")
    tokens.add_parser("remove", help="make one worthless").add_argument("id", metavar="ID", help="as listed")
    tokens.add_parser("list", help="all of them, without what is secret")


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Look at everything that a kill would need: this machine, and every login's TWS, under a client id of the "
        "kill's. Nothing is placed and nothing is changed."
    )
    parser.epilog = "Exit: 0 no fault · 1 something would make the switch fail, stop entries or lose records · 64 usage"
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.add_argument("--strict", action="store_true", help="a warning is a failure too")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def _add_runbook(parser: argparse.ArgumentParser) -> None:
    parser.description = "The emergency page, made from the configuration in force. Print it whenever that changes."
    parser.epilog = "Exit: 0 well · 1 the configuration has problems · 2 the page could not be made · 64 usage"
    parser.add_argument("-o", "--output", metavar="FILE", help="page.pdf, page.html or page.md (default: the terminal)")
    parser.add_argument("--format", choices=["md", "html", "pdf", "png"], help="unless the file's name says it")
    parser.add_argument("--paper", choices=["a4", "letter"], default="a4", help="of the PDF (default: a4)")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    parser.add_argument("--generic", action="store_true", help="with the defaults, and no path of this machine")
    parser.add_argument("--date", type=_date, metavar="DATE", help="when it was updated (default: today)")


def _add_drill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start a simulated TWS with two logins, let its market move, run `qe kill` against it, "
        "and hold the result against the exchange."
    )
    parser.epilog = (
        "Exit: 0 passed · 1 failed · 2 it could not be held, or its record not kept · 64 usage, or no such scenario"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--scenario", metavar="NAME|FILE", default="calm", help="what happens (default: calm)")
    which.add_argument("--all", action="store_true", help="every ready-made scenario, and a scorecard")
    which.add_argument("--list", action="store_true", help="name the ready-made scenarios")
    which.add_argument(
        "--paper",
        nargs="?",
        const="",
        metavar="LOGIN",
        help="on your own paper TWS: buys one share, and pulls the switch",
    )
    parser.add_argument("--config", metavar="FILE", help="for --paper: the file (default: QE_CONFIG, …)")
    parser.add_argument("--json", action="store_true", help="the record as JSON on standard output, nothing else")
    parser.add_argument("--plain", action="store_true", help="lines instead of a moving picture")


def _add_torture(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Play simulated worlds in which everything goes wrong, one from each seed, and hold what happens against the "
        "invariants. No TWS is asked and nothing of yours is touched. A seed that fails is printed with the line that "
        "plays it again, and its story is made as short as it gets."
    )
    parser.epilog = "Exit: 0 everything held · 1 something broke · 64 usage · 130 stopped"
    parser.add_argument("--seed", type=int, metavar="N", help="play this one alone, and tell its story")
    parser.add_argument("--story", metavar="FILE", help="play a story that was kept as JSON")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="the first of many seeds (default: 1)")
    parser.add_argument("--kills", type=_some, metavar="N", help="until so many kills (default: 1000)")
    parser.add_argument("--runs", type=_some, metavar="N", help="until so many worlds")
    parser.add_argument("--minutes", type=_minutes, metavar="M", help="until so much time has passed")
    parser.add_argument("--jobs", type=_some, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--triples", action="store_true", help="every ordered triple of troubles about one kill")
    parser.add_argument("--only", choices=("kill",), help="worlds with no other program of ours; counted apart")
    parser.add_argument("--record", metavar="FILE", help="go on where this file says, and keep there how far it came")
    parser.add_argument("--no-shrink", action="store_true", help="leave stories as long as they are")
    parser.add_argument("--json", metavar="FILE", help="write the result there (-: to standard output)")


def _some(text: str) -> int:
    number = _count(text)
    if not number:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def _add_sim(parser: argparse.ArgumentParser) -> None:
    parser.description = "Serve a simulated TWS on 7497 and 7496 (and 4002, 4001) until Ctrl-C."
    parser.epilog = "Exit: 0 stopped · 2 a port is taken · 64 usage, or no such scenario"
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
    back = actions.add_parser(
        "take-in", help="take in what a program printed because nothing could take it; never twice"
    )
    back.add_argument("file", metavar="FILE", help="where it is kept; other lines may stand between")
    repair = actions.add_parser("repair", help="begin anew after damage, keeping what can be read; halts every login")
    repair.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded")


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


def _date(text: str) -> date:
    return _day(text).date()


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None
