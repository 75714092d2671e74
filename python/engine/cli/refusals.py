"""What the rules refuse, told to the person who asked, with the exit code that it has."""

from __future__ import annotations

import sys

from engine.cli.exits import EXIT_CANNOT, EXIT_REFUSED
from engine.trading.errors import CashFlowRefused, LimitRefused, RulesUnreadable

REFUSALS = (CashFlowRefused, LimitRefused, RulesUnreadable)


def tell(refusal: CashFlowRefused | LimitRefused | RulesUnreadable) -> int:
    """The exit code. A journal that cannot be used is no decision: nobody knows."""
    print(refusal, file=sys.stderr)
    return EXIT_CANNOT if isinstance(refusal, RulesUnreadable) else EXIT_REFUSED
