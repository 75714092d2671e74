"""What of a login's clients was refused: told once, written down, and remembered for the sake of its children.

Must never remember an order that works: its children would be refused, and it would stand without its exits.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.core.exposure import OrderKey
from engine.gateway.tally import Tally
from engine.gateway.wishes import Refusal, Wish
from engine.trading.order_checks import Asked, OrderChecks

REFUSED_MAX = 10_000


class Refusals:
    """Of the login of that name. `shadow`: nothing is refused, and it is told what would be."""

    def __init__(
        self, name: str, checks: OrderChecks, tally: Tally, log: Callable[[str], None], *, shadow: bool
    ) -> None:
        self._name = name
        self._checks = checks
        self._tally = tally
        self._log = log
        self._shadow = shadow
        self._keys: dict[OrderKey, None] = {}

    def __contains__(self, key: object) -> bool:
        """It never left: its children must not go alone."""
        return key in self._keys

    def remember(self, key: OrderKey) -> None:
        self._keys.pop(key, None)
        self._keys[key] = None
        if len(self._keys) > REFUSED_MAX:
            del self._keys[next(iter(self._keys))]

    def forget(self, key: OrderKey) -> None:
        """It has left after all."""
        self._keys.pop(key, None)

    def tell(self, key: OrderKey, codes: tuple[str, ...], words: str) -> None:
        self._tally.refuse(codes)
        would = "would be refused (shadow)" if self._shadow else "refused"
        self._log(f"{self._name}: order {key[1]} of client {key[0]} {would}: {words}")

    async def refuse(self, wish: Wish, asked: Asked | None, refusal: Refusal, *, modifies: bool) -> None:
        """Refused by the checks (`refusal.verdict`), or before they could judge it."""
        order = wish.request.order
        if not modifies and order.what_if is not True:
            self.remember(wish.key)
        self.tell(wish.key, refusal.codes, refusal.words)
        if asked is not None and refusal.verdict is not None:
            await self._checks.deny(asked.intent, refusal.verdict)
        else:
            self._checks.records.not_judged(wish.request.contract.symbol, order.action, "+".join(refusal.codes))
