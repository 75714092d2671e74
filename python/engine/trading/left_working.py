"""Orders that add risk and worked still behind a sweep: followed for as long as the halt stands that asked for it.

Others see to them: a guard under the client id of a program that is gone, a gateway, a person in TWS. Who asks what a
halt has come to must not be sent to look for an order that is gone. By complete lists alone: while none is known
nothing is said to be gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from engine.core.exposure import OrderKey
from engine.core.facts import WorkingOrder
from engine.core.known import Fact, Known
from engine.core.restrictions import Restriction
from engine.journal.events import OrdersSwept
from engine.trading.order_intent import key_of

Left = tuple[OrderKey, ...]


class LeftWorking:
    """What one program has said that it left, and what has become of it."""

    def __init__(self) -> None:
        self._answers: list[tuple[OrdersSwept, Left]] = []

    def begin(self, answer: OrdersSwept, left: Iterable[WorkingOrder]) -> None:
        """Follow these; `answer.left` tells of the same ones in the same order."""
        keys = tuple(map(_key, left))
        if keys:
            self._answers.append((answer, keys))

    def look(self, standing: Iterable[Restriction], orders: Fact[tuple[WorkingOrder, ...]]) -> tuple[OrdersSwept, ...]:
        """The answers that are to be given anew, because something of what they left is gone."""
        if not self._answers or not isinstance(orders, Known):
            return ()
        stands, there = {one.id for one in standing}, set(map(_key, orders.value))
        followed, anew = [], []
        for answer, keys in self._answers:
            if stands.isdisjoint(answer.restrictions):
                continue
            left = tuple((key, told) for key, told in zip(keys, answer.left, strict=True) if key in there)
            if len(left) < len(keys):
                gone = tuple(told for key, told in zip(keys, answer.left, strict=True) if key not in there)
                answer = replace(answer, left=tuple(told for _, told in left), gone=(*answer.gone, *gone))
                anew.append(answer)
            if left:
                followed.append((answer, tuple(key for key, _ in left)))
        self._answers = followed
        return tuple(anew)


def _key(order: WorkingOrder) -> OrderKey:
    return key_of(order.client_id, order.order_id, order.perm_id)
