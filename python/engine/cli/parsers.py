"""What may be typed behind `qe`: every command by what a person is about to do. Their options: `parsers_now`,
`parsers_watch`, `parsers_before`. Parses, and starts nothing.
"""

from __future__ import annotations

import argparse

from engine.cli.parser import Parser
from engine.cli.parsers_before import add_config, add_doctor, add_drill, add_runbook, add_sim, add_torture
from engine.cli.parsers_now import add_engines, add_halt, add_incident, add_reset, add_resume, add_status, add_verify
from engine.cli.parsers_watch import add_cash_flow, add_gateway, add_guard, add_journal, add_limits, add_web

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
    add_status(commands.add_parser("status"))
    add_verify(commands.add_parser("verify"))
    add_halt(commands.add_parser("halt"))
    add_resume(commands.add_parser("resume"))
    add_reset(commands.add_parser("reset"))
    add_incident(commands.add_parser("incident"))
    add_limits(commands.add_parser("limits"))
    add_cash_flow(commands.add_parser("cashflow"))
    add_guard(commands.add_parser("guard"))
    add_gateway(commands.add_parser("gateway"))
    acknowledging = commands.add_parser("ack")
    acknowledging.add_argument("key", nargs="?", metavar="ALERT", help="only this one (default: all)")
    add_engines(commands.add_parser("engines"))
    add_web(commands.add_parser("web"))
    add_doctor(commands.add_parser("doctor"))
    add_runbook(commands.add_parser("runbook"))
    add_drill(commands.add_parser("drill"))
    add_sim(commands.add_parser("sim"))
    add_torture(commands.add_parser("torture"))
    add_config(commands.add_parser("config"))
    add_journal(commands.add_parser("journal"))
    return parser
