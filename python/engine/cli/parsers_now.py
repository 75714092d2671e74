"""What may be typed on the worst day, and on the way back. Parses, and starts nothing."""

from __future__ import annotations

import argparse

from engine.cli.parser import Parser


def add_logins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("logins", nargs="*", metavar="LOGIN", help="which")
    parser.add_argument("--all", action="store_true", help="every login")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def add_status(parser: argparse.ArgumentParser) -> None:
    parser.description = "What each login may do now, and why: from the journal, without asking any TWS."
    parser.epilog = "Exit: 0 every login may trade · 1 something holds one · 2 the journal cannot be read · 64 usage"
    parser.add_argument("--watch", action="store_true", help="a live view, with what a running guard sees")
    parser.add_argument("logins", nargs="*", metavar="LOGIN", help="only these (default: every login)")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    parser.add_argument("--json", action="store_true", help="the same as JSON")


def add_engines(parser: argparse.ArgumentParser) -> None:
    parser.description = "The engines of this machine, by their signs of life; and ending one without ending the guard."
    parser.epilog = "Exit: 0 well · 1 one did not end · 2 the signs of life cannot be read · 64 usage"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    listed = actions.add_parser("list", help="all of them (default)")
    listed.add_argument("--json", action="store_true", help="the same as JSON")
    stop = actions.add_parser("stop", help="ask it to end; after five seconds end it by force")
    stop.add_argument("names", nargs="*", metavar="NAME", help="as they are listed")
    stop.add_argument("--all", action="store_true", help="every engine")


def add_verify(parser: argparse.ArgumentParser) -> None:
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


def add_halt(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Stop everything that adds risk, in every program on this machine, from the very next order. "
        "Cancels and reducing orders go on; nothing is closed."
    )
    parser.epilog = "Exit: 0 it binds and is written down · 1 it binds, and something is wrong: see there · 64 usage"
    add_logins(parser)
    parser.add_argument("--reason", metavar="TEXT", default="Manual halt", help="why; it is recorded")
    parser.add_argument(
        "--cancel",
        choices=["none", "risk_adding"],
        default="none",
        help="risk_adding: working orders that add risk are cancelled by the programs that placed them",
    )


def add_resume(parser: argparse.ArgumentParser) -> None:
    parser.description = "Lift what halts a login. Refused, with everything that is in the way, if anything is."
    parser.epilog = "Exit: 0 resumed · 1 refused, nothing lifted · 2 the journal cannot be used · 64 usage"
    add_logins(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; needed with --override")
    parser.add_argument("--override", action="store_true", help="set a loss limit's halt aside")


def add_reset(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "End the shutdown that a kill or the circuit breaker has left, once the positions are verified and the "
        "incident is closed. The login stays halted until it is resumed."
    )
    parser.epilog = "Exit: 0 reset · 1 refused, nothing lifted · 2 the journal cannot be used · 64 usage"
    add_logins(parser)
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why; it is recorded")


def add_incident(parser: argparse.ArgumentParser) -> None:
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
