"""What a verification says in words."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.facts import ExecutionFact
from engine.trading.verification import Verdict, Verification

FILL = ExecutionFact(
    exec_id="0000e0d5.2.01.01", account="DU1", con_id=1, quantity=Decimal(4), price=Decimal(600), perm_id=1,
    client_id=1, order_id=2,
)  # fmt: skip


def test_what_was_missed_and_what_corrects_an_earlier_report_are_told_apart() -> None:
    correction = msgspec.structs.replace(FILL, exec_id="0000e0d5.2.01.02", quantity=Decimal(3))
    found = Verification(login="paper", verdict=Verdict.MATCH, at_ns=0, missed=(FILL, correction))
    first, second = [line for line in str(found).splitlines() if "taken into our records" in line]
    assert "+4 at 600" in first and first.endswith("(it had been missed)")
    assert "+3 at 600" in second and second.endswith("(it corrects an earlier report of it)")
