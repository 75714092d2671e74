"""`qe cashflow`: money that came in or went out, so that it is neither gain nor loss."""

from __future__ import annotations

import argparse
import sys
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path

from engine.cli.exits import EXIT_USAGE
from engine.cli.login_names import choose_or_tell
from engine.cli.refusals import REFUSALS, tell
from engine.cli.who import actor
from engine.config.places import state_folder
from engine.core.amounts import money_text
from engine.trading.cash_flows import record_cash_flow
from engine.trading.rules import open_rules


def cash_flow(arguments: argparse.Namespace) -> int:
    """0 recorded; 1 refused; 2 the journal cannot be used."""
    chosen = choose_or_tell("cashflow", [arguments.login], arguments.config)
    if chosen is None:
        return EXIT_USAGE
    try:
        amount = Decimal(arguments.amount)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        print(f"qe cashflow: {arguments.amount!r} is no amount, such as 10000 or -2500.50", file=sys.stderr)
        return EXIT_USAGE
    rules = open_rules(Path(state_folder()), actor=actor("cashflow"))
    try:
        flow = record_cash_flow(
            rules,
            chosen.logins[0].scope,
            amount,
            arguments.reason,
            currency=arguments.currency,
            shows=arguments.shows,
            watched=None,
            now_ns=time.time_ns(),
        )
    except REFUSALS as refusal:
        return tell(refusal)
    word = "came into" if flow.amount > 0 else "went out of"
    counts = "when it shows in equity" if flow.announced else "at once"
    money = money_text(abs(flow.amount), flow.currency)
    print(f"{money} {word} {flow.scope.login}: it counts {counts}, and is neither gain nor loss")
    return 0
