"""What the account values say where no list has ever shown a position of an account: is nothing held, or is nothing
loaded yet? Pure.

A TWS that has just been started answers with an empty list until it has loaded the positions. What an account is worth
comes to it by another way. Margin and gross position value prove that something is held; that nothing is, is believed
only of an account that has told what it is worth, and only beside lists that are empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from engine.core.facts import AccountWorth, ExecutionFact
from engine.core.kill.commands import Command, ReadWorth, Say
from engine.core.kill.looks.old_values import that_may_have_opened, with_old_values

NET_LIQUIDATION = "NetLiquidation"
GROSS_VALUE = "GrossPositionValue"  # stocks and options
UNREALIZED = "UnrealizedPnL"  # told with the cash: hardly ever zero where a future is held
MARGINS = ("MaintMarginReq", "FullMaintMarginReq")  # futures too; that of open orders is not among them
CASH_MARGIN_MAX = Decimal("0.25")  # of what cash in another currency is worth: the most that IBKR asks for it
LONG = "the list of positions has to stay empty for twenty seconds"
LONGER = "the list of positions has to stay empty for a minute and a half"
TRIES_MAX = 3  # questions in a row without an answer; then this TWS does not tell


class Says(Enum):
    """By the newest answer."""

    NOTHING_HELD = "nothing_held"  # every account has told what it is worth behind its trades, and none holds anything
    SOMETHING_HELD = "something_held"
    MAY_BE_NOTHING = "may_be_nothing"  # something, of before the last trades or asked for cash, as far as one can tell
    NOTHING_TOLD = "nothing_told"  # or not of every account, or of before a trade that may have opened something


@dataclass(slots=True)
class Witness:
    """`accounts`: those that TWS manages. `shown`: those of which a list has shown a contract; only the others matter
    here. `age_ns_max`: how old a value may be."""

    accounts: tuple[str, ...] = ()
    age_ns_max: int = field(kw_only=True)
    shown: set[str] = field(default_factory=set)
    _asked: int = 0
    _awaited: int | None = None
    _failed: int = 0
    _worth: dict[str, AccountWorth] = field(default_factory=dict)  # by the newest answer
    _old: frozenset[str] = frozenset()  # accounts whose values may be those of before their last trades …
    _opened: frozenset[str] = frozenset()  # … and of these, those which may have opened something
    _traded: bool = False  # are today's trades known?
    _asked_cash: bool = False
    _refused_cash: bool = False  # the question for it came to nothing once
    _said: bool = False
    _said_old: bool = False
    _said_cash: bool = False

    @property
    def blank(self) -> tuple[str, ...]:
        """Accounts of which no list has shown a contract."""
        return tuple(account for account in self.accounts if account not in self.shown)

    def _told_of(self) -> list[AccountWorth]:
        return [worth for worth in self._worth.values() if worth.account not in self.shown]

    def ask(self) -> list[Command]:
        """One question at a time. Its numbers are below zero, where no survey's are."""
        if self._awaited is not None or self._failed >= TRIES_MAX:
            return []
        self._asked += 1
        self._awaited = -self._asked
        holders = [worth for worth in self._told_of() if _sign(worth)]
        self._asked_cash = not self._refused_cash and any(map(_only_margin, holders))
        return [ReadWorth(self._awaited, self._asked_cash)]

    def heard(self, read_id: int, told: tuple[AccountWorth, ...]) -> list[Command]:
        if read_id != self._awaited:
            return []
        self._awaited, self._failed = None, 0
        self._worth = {worth.account: worth for worth in told}
        cash = ", ".join(_cash_words(worth) for worth in self._told_of() if _sign(worth) and _asked_for_cash(worth))
        if cash and not self._said_cash:
            self._said_cash = True
            return [Say("margin_of_cash", f"the margin may be that of cash ({cash}): {LONGER}")]
        if not self._said and self.says() is Says.SOMETHING_HELD:
            self._said = True
            return [Say("positions_missing", self.words())]
        why = "" if self.shown else self._why_old()
        if self._said_old or not why or self.says() is Says.SOMETHING_HELD:
            return []
        self._said_old = True
        return [Say("values_old", f"account values may be those of before the last trades ({why}")]

    def _why_old(self) -> str:
        """And what follows from it. Empty: they are not taken to be old, or nobody has told any."""
        old = ", ".join(sign for worth in self._told_of() if worth.account in self._old for sign in _sign(worth))
        if old:
            return f"{old}): {LONGER}"
        opened = ", ".join(account for account in self.blank if account in self._opened and account in self._worth)
        return f"{opened} may have opened something since): {LONG}" if opened else ""

    def traded(self, listed: Sequence[ExecutionFact] | None) -> None:
        """A complete list of executions, as the newest look shows it; None where they could not be read."""
        self._traded = listed is not None
        self._old = with_old_values(listed or (), self.age_ns_max)
        self._opened = that_may_have_opened(listed or (), self.age_ns_max)

    def failed(self, read_id: int) -> None:
        """It may be any read's number."""
        if read_id != self._awaited:
            return
        self._awaited = None
        if self._asked_cash:
            self._refused_cash = True  # what was told without that question stays: it is a contradiction
            return
        self._failed += 1
        self._worth = {}

    def forget(self) -> None:
        """The connection or the link behind it is gone, and the answers with it. Perhaps for being asked."""
        self._failed += self._awaited is not None
        self._awaited = None
        self._worth = {}

    def says(self) -> Says:
        """By the newest answer."""
        holders = [worth for worth in self._told_of() if _sign(worth)]
        if holders:
            explained = all(worth.account in self._old or _asked_for_cash(worth) for worth in holders)
            return Says.MAY_BE_NOTHING if explained else Says.SOMETHING_HELD
        told = bool(self.blank) and all(_told(self._worth.get(account)) for account in self.blank)
        fresh = self._traded and self._opened.isdisjoint(self.blank)
        return Says.NOTHING_HELD if told and fresh else Says.NOTHING_TOLD

    def words(self) -> str:
        """Why an empty list is not believed."""
        newer = [worth for worth in self._told_of() if worth.account not in self._old]
        signs = [_cash_words(worth) if _asked_for_cash(worth) else sign for worth in newer for sign in _sign(worth)]
        nothing = "no list has shown a position" + (f" of {', '.join(self.blank)}" if self.shown else "")
        if not signs:
            return f"{nothing}, and TWS has told nothing of what its accounts hold that confirms it"
        return (
            f"{nothing}, and the account values say that something is held ({', '.join(signs)}): "
            "TWS may not have loaded its positions; look at the portfolio in its window"
        )


def _told(worth: AccountWorth | None) -> bool:
    """Zero is what an account has that is not loaded either: it is there when it is worth something."""
    if worth is None or not worth.values.get(NET_LIQUIDATION):
        return False
    return GROSS_VALUE in worth.values and any(margin in worth.values for margin in MARGINS)


def _sign(worth: AccountWorth) -> list[str]:
    """What shows first that something is held; empty: nothing."""
    values = worth.values
    return [f"{worth.account} {tag} {values[tag]}" for tag in (GROSS_VALUE, *MARGINS) if values.get(tag)][:1]


def _margins(worth: AccountWorth) -> list[Decimal]:
    return [abs(worth.values[tag]) for tag in MARGINS if worth.values.get(tag)]


def _only_margin(worth: AccountWorth) -> bool:
    """It has told that it holds nothing of value: futures, or cash in other currencies, which need margin as well."""
    return GROSS_VALUE in worth.values and not worth.values[GROSS_VALUE] and bool(_margins(worth))


def _asked_for_cash(worth: AccountWorth) -> bool:
    """May all of its margin be that of its cash, and does nothing it holds gain or lose?"""
    cash = worth.foreign_cash
    if cash is None or not _only_margin(worth) or worth.values.get(UNREALIZED) != 0:
        return False
    return max(_margins(worth)) <= cash * CASH_MARGIN_MAX


def _cash_words(worth: AccountWorth) -> str:
    return f"{_sign(worth)[0]}, and {worth.foreign_cash:.0f} of cash in other currencies"
