"""Paper or live: what a login is meant to be, and what its account ids say it is.

IBKR's paper account ids begin with D and live ones with U or F. That is custom, not a statement of IBKR's, so it is
only ever used to refuse, and to tell: the kill goes ahead all the same.
"""

from __future__ import annotations

from enum import Enum


class TradingMode(Enum):
    """What a login trades with."""

    PAPER = "paper"
    LIVE = "live"

    @property
    def default_port(self) -> int:
        """TWS's; IB Gateway uses 4002 and 4001."""
        return 7497 if self is TradingMode.PAPER else 7496

    @property
    def default_client_id(self) -> int:
        return 1 if self is TradingMode.PAPER else 2


def misplaced_accounts(mode: TradingMode, accounts: tuple[str, ...]) -> tuple[str, ...]:
    """Accounts that do not belong behind a login of this mode.

    Behind PAPER everything that does not look like paper is refused, known prefix or not: that is the safe side.
    """
    paper = [account for account in accounts if account.startswith("D")]
    if mode is TradingMode.LIVE:
        return tuple(paper)
    return tuple(account for account in accounts if account not in paper)


def misplaced_note(mode: TradingMode, accounts: tuple[str, ...]) -> str:
    """What a kill says of them, which goes ahead all the same; empty: each of them belongs there."""
    wrong = misplaced_accounts(mode, accounts)
    is_what = "live" if mode is TradingMode.PAPER else "paper"
    return f"this login is set up as {mode.value}, and {', '.join(wrong)} looks {is_what}" if wrong else ""
