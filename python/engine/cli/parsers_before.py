"""What may be typed before the worst day: looking, practising, printing. Parses, and starts nothing."""

from __future__ import annotations

import argparse

from engine.cli.typed_values import day_alone, minutes, port, some, speed


def add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Look at everything that a kill would need: this machine, and every login's TWS, under a client id of the "
        "kill's. Nothing is placed and nothing is changed."
    )
    parser.epilog = "Exit: 0 no fault · 1 something would make the switch fail, stop entries or lose records · 64 usage"
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.add_argument("--strict", action="store_true", help="a warning is a failure too")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def add_runbook(parser: argparse.ArgumentParser) -> None:
    parser.description = "The emergency page, made from the configuration in force. Print it whenever that changes."
    parser.epilog = "Exit: 0 well · 1 the configuration has problems · 2 the page could not be made · 64 usage"
    parser.add_argument("-o", "--output", metavar="FILE", help="page.pdf, page.html or page.md (default: the terminal)")
    parser.add_argument("--format", choices=["md", "html", "pdf", "png"], help="unless the file's name says it")
    parser.add_argument("--paper", choices=["a4", "letter"], default="a4", help="of the PDF (default: a4)")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    parser.add_argument("--generic", action="store_true", help="with the defaults, and no path of this machine")
    parser.add_argument("--date", type=day_alone, metavar="DATE", help="when it was updated (default: today)")


def add_drill(parser: argparse.ArgumentParser) -> None:
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


def add_torture(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Play simulated worlds in which everything goes wrong, one from each seed, and hold what happens against the "
        "invariants. No TWS is asked and nothing of yours is touched. A seed that fails is printed with the line that "
        "plays it again, and its story is made as short as it gets."
    )
    parser.epilog = "Exit: 0 everything held · 1 something broke · 64 usage · 130 stopped"
    parser.add_argument("--seed", type=int, metavar="N", help="play this one alone, and tell its story")
    parser.add_argument("--story", metavar="FILE", help="play a story that was kept as JSON")
    parser.add_argument("--first", type=int, metavar="N", help="the first of many seeds (default: its kind's first)")
    parser.add_argument("--kills", type=some, metavar="N", help="until so many kills (default: 1000)")
    parser.add_argument("--runs", type=some, metavar="N", help="until so many worlds")
    parser.add_argument("--minutes", type=minutes, metavar="M", help="until so much time has passed")
    parser.add_argument("--jobs", type=some, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--triples", action="store_true", help="every ordered triple of troubles about one kill")
    parser.add_argument("--only", choices=("kill",), help="worlds with no other program of ours; counted apart")
    parser.add_argument("--record", metavar="FILE", help="go on where this file says, and keep there how far it came")
    parser.add_argument("--no-shrink", action="store_true", help="leave stories as long as they are")
    parser.add_argument("--json", metavar="FILE", help="write the result there (-: to standard output)")


def add_sim(parser: argparse.ArgumentParser) -> None:
    parser.description = "Serve a simulated TWS on 7497 and 7496 (and 4002, 4001) until Ctrl-C."
    parser.epilog = "Exit: 0 stopped · 2 a port is taken · 64 usage, or no such scenario"
    parser.add_argument("--scenario", metavar="NAME|FILE", default="calm", help="what happens (default: calm)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    for mode in ("paper", "live"):
        parser.add_argument(f"--{mode}-port", type=port, metavar="PORT", help=f"where the {mode} login listens alone")
    parser.add_argument("--speed", type=speed, default=1.0, help="how fast time passes (default: 1; 0.1 to 1000)")
    parser.add_argument("--seed", type=int, help="another course of the market")
    parser.add_argument("--plain", action="store_true", help="lines instead of a moving picture")


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show", "check", "init"], help="what is in force; what is wrong; a new file")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
