"""Where and when contracts trade, as far as the broker has been asked. Pure bookkeeping; one look-up serves a group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.core.contracts import Contract
from engine.core.facts import Details
from engine.core.kill.commands import Command, Resolve
from engine.core.kill.routing import details_group, exchange_for

Group: TypeAlias = tuple[str, ...]


def _own(contract: Contract) -> Group:
    return ("own", str(contract.con_id))


@dataclass(slots=True)
class Lookups:
    """Details by group, or by a contract of its own. None: asked, and nobody could say."""

    _details: dict[Group, Details | None] = field(default_factory=dict)
    _asked: set[Group] = field(default_factory=set)

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

    def details(self, contract: Contract, *, alone: bool) -> tuple[Details | None, bool]:
        """What is known of a contract, and whether an answer is still to come."""
        group = _own(contract) if alone else details_group(contract)
        known = self._details.get(group) or self._details.get(_own(contract))
        return known, group in self._asked and group not in self._details
