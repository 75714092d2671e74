"""Which broker messages belong to which closing order of a kill. Bookkeeping only: nothing is sent from here.

The orderRef decides where there is one: it is unique. Order ids mean something only together with their client, and
may be used again after a TWS restart, so they count only as long as the permId does not contradict them.
"""

from __future__ import annotations

import msgspec

from engine.broker.link import Link
from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.commands import Place
from engine.core.kill.events import Trouble


class Placed(msgspec.Struct, frozen=True, eq=False):
    """A closing order and the connection it must stay on."""

    key: int
    order_ref: str
    link: Link
    client_id: int
    order_id: int


class CloseOrders:
    """All closing orders of one kill of one login."""

    def __init__(self) -> None:
        self._placed: dict[int, Placed] = {}
        self._by_ids: dict[tuple[int, int], int] = {}
        self._by_ref: dict[str, int] = {}
        self._by_perm_id: dict[int, int] = {}
        self._perm_id_of: dict[int, int] = {}
        self._carried: set[int] = set()  # whose connection TWS has ended, as far as that is known
        self._unused: dict[int, int] = {}  # the lowest order id not used yet, by client id

    def assign(self, place: Place, link: Link) -> Placed:
        """Give a new closing order its connection and its order id, for good.

        TWS may begin again at a number it has given before (after a restart); this kill never does.
        """
        link.take_ids_from(self._unused.get(link.client_id, 0))
        placed = Placed(place.key, place.order_ref, link, link.client_id, link.take_id())
        self._placed[place.key] = placed
        self._by_ids[placed.client_id, placed.order_id] = place.key
        self._by_ref[place.order_ref] = place.key
        self._unused[placed.client_id] = placed.order_id + 1
        return placed

    def get(self, key: int) -> Placed | None:
        return self._placed.get(key)

    def on(self, link: Link) -> list[int]:
        """The orders that were sent on this connection."""
        return [key for key, placed in self._placed.items() if placed.link is link]

    def carried_before(self, link: Link) -> list[int]:
        """The orders that were sent on earlier connections under the client id of this one; each is named once."""
        keys = [
            key
            for key, placed in self._placed.items()
            if placed.client_id == link.client_id and placed.link is not link and key not in self._carried
        ]
        self._carried.update(keys)
        return keys

    def silent_ids(self) -> list[int]:
        """The client ids of connections that fell silent and that TWS is not known to have ended."""
        return sorted(
            {
                placed.client_id
                for key, placed in self._placed.items()
                if key not in self._carried and placed.link.failure is not None
                if placed.link.failure.trouble is Trouble.SILENT
            }
        )

    def by_order_id(self, link: Link, order_id: int) -> int | None:
        """The order an error on this connection names."""
        key = self._by_ids.get((link.client_id, order_id))
        return key if key is not None and self._placed[key].link is link else None

    def find(self, *, client_id: int, order_id: int, perm_id: int, order_ref: str) -> int | None:
        """The closing order with these marks, if it is one of ours. A permId met here is remembered."""
        if order_ref:
            key = self._by_ref.get(order_ref)
        elif perm_id in self._by_perm_id:
            key = self._by_perm_id[perm_id]
        else:
            key = self._by_ids.get((client_id, order_id))
            if key is not None and perm_id and self._perm_id_of.get(key, perm_id) != perm_id:
                key = None
        if key is not None and perm_id:
            self._by_perm_id[perm_id] = key
            self._perm_id_of.setdefault(key, perm_id)
        return key

    def with_ref(self, order: WorkingOrder) -> WorkingOrder:
        """The order with its orderRef, which not every answer repeats."""
        key = self._key_without_ref(order)
        return order if key is None else msgspec.structs.replace(order, order_ref=self._placed[key].order_ref)

    def execution_with_ref(self, execution: ExecutionFact) -> ExecutionFact:
        key = self._key_without_ref(execution)
        return execution if key is None else msgspec.structs.replace(execution, order_ref=self._placed[key].order_ref)

    def of_execution(self, execution: ExecutionFact) -> int | None:
        return self.find(
            client_id=execution.client_id,
            order_id=execution.order_id,
            perm_id=execution.perm_id,
            order_ref=execution.order_ref,
        )

    def _key_without_ref(self, fact: WorkingOrder | ExecutionFact) -> int | None:
        if fact.order_ref:
            return None
        return self.find(client_id=fact.client_id, order_id=fact.order_id, perm_id=fact.perm_id, order_ref="")
