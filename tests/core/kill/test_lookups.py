"""What is asked of the broker about contracts: each thing once, and no answer serves a contract it is not about."""

from __future__ import annotations

from core.kill.builders import ES, Resolve, details, future, stock
from engine.core.kill.closes.lookups import Lookups

NQ = future(2, "NQ")


def test_an_answer_serves_the_group_of_its_contract_and_no_other() -> None:
    lookups = Lookups()
    lookups.want(ES)
    lookups.want(NQ)
    lookups.answered(ES.con_id, details(ES), [ES, NQ])
    assert lookups.details(ES, alone=False) == (details(ES), False)
    assert lookups.details(future(3), alone=False) == (details(ES), False)
    assert lookups.details(NQ, alone=False) == (None, True)


def test_a_contracts_own_rules_are_asked_for_once() -> None:
    lookups = Lookups()
    assert lookups.want_prices(stock(), "SMART") == [Resolve(stock())]
    assert lookups.want_prices(stock(), "SMART") == []
    assert lookups.prices(stock(), "SMART").pending
