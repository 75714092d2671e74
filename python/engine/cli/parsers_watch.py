"""What may be typed to have somebody stand watch, and of the records. Parses, and starts nothing."""

from __future__ import annotations

import argparse

from engine.cli.parser import Parser
from engine.cli.typed_values import count, day, port


def add_limits(parser: argparse.ArgumentParser) -> None:
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
    settle = actions.add_parser("settle", help="equity fell and nothing explained it: it was a loss, and counts as one")
    settle.add_argument("login", metavar="LOGIN", help="whose")
    settle.add_argument("--reason", metavar="TEXT", required=True, help="how you know; it is recorded")
    rebase = actions.add_parser("rebase", help="its base currency is another one now: count every loss anew")
    rebase.add_argument("login", metavar="LOGIN", help="whose")
    rebase.add_argument("--currency", metavar="CCY", required=True, help="the base currency that it has now")
    rebase.add_argument("--reason", metavar="TEXT", required=True, help="what has changed; it is recorded")
    for one in (show, history, change, settle, rebase):
        one.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def add_cash_flow(parser: argparse.ArgumentParser) -> None:
    parser.description = "Record money that came in or went out of a login, so that it is neither gain nor loss."
    parser.epilog = "Exit: 0 recorded · 1 refused · 2 the journal cannot be used · 64 usage"
    parser.add_argument("login", metavar="LOGIN", help="whose")
    parser.add_argument("amount", metavar="AMOUNT", help="10000 came in, -2500.50 went out")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="what it was; it is recorded")
    parser.add_argument("--currency", default="", help="the login's base currency, while nobody knows it")
    shows = parser.add_mutually_exclusive_group(required=True)
    shows.add_argument("--shows", action="store_true", default=None, help="net liquidation contains it already")
    shows.add_argument("--announced", dest="shows", action="store_false", help="it is still to come, or to go")
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")


def add_guard(parser: argparse.ArgumentParser) -> None:
    parser.description = "A process of its own that watches every login and enforces its limits. It needs no engine."
    parser.epilog = "Exit: 0 well · 1 the configuration has problems · 2 it could not be done · 64 usage"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    run = actions.add_parser("run", help="guard until Ctrl-C, or until it is told to end")
    service = actions.add_parser("install", help="write a systemd unit or a launchd agent that restarts it")
    service.add_argument("--print", dest="print_only", action="store_true", help="show the file, and write nothing")
    for one in (run, service):
        one.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    actions.add_parser("test-alert", help="send an alert that means nothing over every channel, and say which took it")


def add_gateway(parser: argparse.ArgumentParser) -> None:
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


def add_web(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "The cockpit: the state of every login in a browser, and the kill switch. Beyond this machine's loopback it "
        "needs users and TLS."
    )
    parser.epilog = "Exit: 0 ended as told, or done · 1 refused, nothing changed · 2 it could not be started · 64 usage"
    parser.add_argument("--config", metavar="FILE", help="the file (default: QE_CONFIG, ./quant-engine.toml, …)")
    parser.add_argument("--port", type=port, metavar="PORT", help="instead of web.port")
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


def add_journal(parser: argparse.ArgumentParser) -> None:
    parser.description = "The journal: what was decided, in order, each record sealing the one before."
    parser.epilog = "Exit: 0 well · 1 the journal is not as it should be · 2 not there, or cannot be read · 64 usage"
    parser.add_argument("--folder", metavar="FOLDER", help="where it is (default: journal in the state folder)")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    actions.add_parser("verify", help="walk the whole chain, archives first")
    tail = actions.add_parser("tail", help="the last records, one a line")
    tail.add_argument("-n", dest="count", type=count, default=20, metavar="N", help="how many (default: 20)")
    tail.add_argument("-f", "--follow", action="store_true", help="go on with what is appended, until Ctrl-C")
    export = actions.add_parser("export", help="all records as JSON lines, archives first")
    export.add_argument("--after", type=count, default=0, metavar="SEQ", help="only those behind this number")
    archive = actions.add_parser("archive", help="move old days out of the live file")
    archive.add_argument("--before", type=day, required=True, metavar="DATE", help="2026-01-31: this day (UTC) stays")
    back = actions.add_parser(
        "take-in", help="take in what a program printed because nothing could take it; never twice"
    )
    back.add_argument("file", metavar="FILE", help="where it is kept; other lines may stand between")
    repair = actions.add_parser("repair", help="begin anew after damage, keeping what can be read; halts every login")
    repair.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded")
