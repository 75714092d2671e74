"""Where, when and on which price steps contracts trade, as far as the broker has been asked.

Pure bookkeeping: one look-up serves a group, and nothing is asked twice while an answer may still come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from engine.core.contracts import Contract
from engine.core.facts import Details, PriceStep
from engine.core.kill.closes.routing import details_group, exchange_for
from engine.core.kill.commands import AskRule, Command, Resolve

Group: TypeAlias = tuple[str, ...]


def _own(contract: Contract) -> Group:
    return ("own", str(contract.con_id))


@dataclass(slots=True)
class Lookups:
    """Details by group, or by a contract of its own. None: asked, and nobody could say."""

    _details: dict[Group, Details | None] = field(default_factory=dict)
    _asked: set[Group] = field(default_factory=set)
    _rules: dict[int, tuple[PriceStep, ...]] = field(default_factory=dict)
    _rules_asked: set[int] = field(default_factory=set)

    def want(self, contract: Contract) -> list[Command]:
        """Ask for the group of a contract that has to be closed, once, if it matters for its order."""
        matters = contract.sec_type == "STK" or exchange_for(contract, None) is None
        group = details_group(contract)
        if not matters or group in self._asked:
            return []
        self._asked.add(group)
        return [Resolve(contract)]

    def asked_alone(self, contract: Contract) -> None:
        """The group's answer did not serve: this contract is asked for by itself, maybe again."""
        self._asked.add(_own(contract))
        self._details.pop(_own(contract), None)

    def answered(self, con_id: int, details: Details | None, contracts: Iterable[Contract]) -> None:
        """The broker has said it, or refused to; `contracts` are all that are being closed."""
        self._details["own", str(con_id)] = details
        for contract in contracts:
            if contract.con_id == con_id:
                self._details[details_group(contract)] = details

    def connection_lost(self) -> None:
        """What was asked and not answered has to be asked again."""
        self._asked = {group for group in self._asked if group in self._details}
        self._rules_asked = {rule_id for rule_id in self._rules_asked if rule_id in self._rules}

    def details(self, contract: Contract, *, alone: bool) -> tuple[Details | None, bool]:
        """What is known of a contract, and whether an answer is still to come."""
        group = _own(contract) if alone else details_group(contract)
        known = self._details.get(group) or self._details.get(_own(contract))
        return known, group in self._asked and group not in self._details

    # price steps ----------------------------------------------------------------------------------------------------

    def want_prices(self, contract: Contract, exchange: str) -> list[Command]:
        """Ask for what a limit price on `exchange` has to fit, step by step: the contract's own rules, then the price
        steps they name. Each is asked once."""
        own = _own(contract)
        if own not in self._asked and own not in self._details:
            self._asked.add(own)
            return [Resolve(contract)]
        rule_id = _rule_id(self._details.get(own), exchange)
        if rule_id is None or rule_id in self._rules_asked:
            return []
        self._rules_asked.add(rule_id)
        return [AskRule(rule_id)]

    def heard_rule(self, rule_id: int, steps: tuple[PriceStep, ...]) -> None:
        if rule_id in self._rules_asked:  # nobody else's rules are kept: there may be any number of them
            self._rules[rule_id] = steps

    def prices(self, contract: Contract, exchange: str) -> Prices:
        own = _own(contract)
        details = self._details.get(own)
        rule_id = _rule_id(details, exchange)
        pending = own not in self._details or (rule_id is not None and rule_id not in self._rules)
        return Prices(details, self._rules.get(rule_id, ()) if rule_id is not None else (), pending)


class Prices(NamedTuple):
    """What a contract's limit prices have to fit, as far as it is known; `pending`: there may be more to hear."""

    details: Details | None
    steps: tuple[PriceStep, ...]
    pending: bool


def _rule_id(details: Details | None, exchange: str) -> int | None:
    """The market rule of a contract on an exchange. Where the broker's two lists do not match, nobody knows."""
    if details is None or len(details.market_rule_ids) != len(details.valid_exchanges):
        return None
    return dict(zip(details.valid_exchanges, details.market_rule_ids, strict=True)).get(exchange)
