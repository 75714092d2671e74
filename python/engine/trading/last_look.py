"""The last look at an order, as its bytes are about to be handed over: may it still leave?

What was judged may have waited. Must never let pass what the newest state forbids, nor what is not written down.
"""

from __future__ import annotations

from engine.core.exposure import OrderKey, Resting
from engine.core.preflight.verdict import PASS, Code, Failure, Verdict
from engine.core.restrictions import State
from engine.trading.entries import Entry
from engine.trading.order_checks import Asked, OrderChecks
from engine.trading.rules import Rules


class LastLook:
    """Of one order, however long it has waited (outbox.Permit).

    What adds risk passes the gate, and only if its intent is written down. An order that passes under any halt depends
    on neither.
    """

    def __init__(
        self,
        rules: Rules,
        checks: OrderChecks,
        entry: Entry,
        asked: Asked,
        key: OrderKey,
        before: tuple[Resting, ...] = (),
    ) -> None:
        """`before`: the order that this one modifies, as it stood."""
        self.verdict = PASS  # why it was held back
        self.recorded: int | None = None  # where its intent is durable
        self.announced = False  # or everybody has been told of it by a slip
        self._rules = rules
        self._checks = checks
        self._scope = entry.scope
        self._asked = asked
        self._key = key
        self._before = before
        self._held = False
        self._looked = False

    def enter(self) -> str | None:
        if self.recorded is None and not self.announced:
            return self._only_if_it_reduces("the journal cannot be written, or does not answer")
        why = self._rules.enter(self._scope, self._objection)
        self._held = why is None
        return why if why is None or self._looked else self._only_if_it_reduces(why)

    def leave(self) -> None:
        self._checks.has_left(self._asked, self._key)
        if self._held:
            self._held = False
            self._rules.leave()

    def _only_if_it_reduces(self, why: str) -> str | None:
        state = self._checks.with_own(self._rules.glance(self._scope))
        if self._checks.reduces(self._asked, self._key, state, self._before):
            return None
        self.verdict = self._checks.again(self._asked, self._key, state, None, self._before)
        if self.verdict.passed:
            self.verdict = Verdict((Failure(Code.HALTED, why, None),))
        return why

    def _objection(self, state: State) -> str | None:
        self._looked = True
        state = self._checks.with_own(state)
        verdict = self._checks.again(self._asked, self._key, state, self.recorded, self._before)
        if verdict.passed:
            return None
        self.verdict = verdict
        return "refused as it was about to leave"
