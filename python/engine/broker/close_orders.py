"""Which broker messages belong to which closing order of a kill. Bookkeeping only: nothing is sent from here.

The orderRef decides where there is one: it is unique. Order ids mean something only together with their client, and
are used again (after a TWS restart, or by an earlier program with the same client id). So they count only as long as
nothing contradicts them: neither the permId, nor the account, the contract or the side; and no order of ours has a
permId that was met before it was sent, nor gets an order id that another one has.
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
    place: Place
    number: int  # how many were given before it

    def contradicts(self, account: str, con_id: int, action: str) -> bool:
        """Is what trades there another order? What a message does not say contradicts nothing."""
        mine = self.place
        return (
            account not in ("", mine.account)
            or con_id not in (0, mine.contract.con_id)
            or (action != "" and (action == "BUY") != (mine.action == "BUY"))
        )


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
        self._met_at: dict[int, int] = {}  # how many orders had been given out when a permId was first met
        self._others: set[tuple[int, int]] = set()  # client and order ids of orders that are none of these

    def assign(self, place: Place, link: Link) -> Placed:
        """Give a new closing order its connection and its order id, for good.

        TWS may begin again at a number it has given before (after a restart); this kill never does. Nor is one taken
        that another order has: that one would be changed, or this one refused as its duplicate (103).
        """
        link.take_ids_from(self._unused.get(link.client_id, 0))
        order_id = link.take_id()
        while (link.client_id, order_id) in self._others:
            order_id = link.take_id()
        placed = Placed(place.key, place.order_ref, link, link.client_id, order_id, place, len(self._placed))
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

    def find(
        self,
        *,
        client_id: int,
        order_id: int,
        perm_id: int,
        order_ref: str,
        account: str = "",
        con_id: int = 0,
        action: str = "",
    ) -> int | None:
        """The closing order with these marks, if it is one of ours. A permId is remembered, whosever it is: behind a
        message that says so comes one that says less."""
        if order_ref:
            key, certain = self._by_ref.get(order_ref), True
        else:
            key = self._by_perm_id.get(perm_id)
            if key is None:
                key = self._by_numbers(client_id, order_id, perm_id)
            certain = key is not None and self._placed[key].contradicts(account, con_id, action)
            key = None if certain else key
        if key is None:
            self._others.add((client_id, order_id))
        if perm_id and key is None:
            self._anothers(perm_id, certain=certain)
        elif perm_id and key is not None:
            self._by_perm_id[perm_id] = key
            self._perm_id_of.setdefault(key, perm_id)
        return key

    def _anothers(self, perm_id: int, *, certain: bool) -> None:
        """It is the permId of none of ours that has been sent; where that is certain, also of none to come."""
        self._met_at.setdefault(perm_id, len(self._placed))
        if certain:
            self._met_at[perm_id] = 0
            taken_for = self._by_perm_id.pop(perm_id, None)
            if taken_for is not None and self._perm_id_of.get(taken_for) == perm_id:
                del self._perm_id_of[taken_for]

    def _by_numbers(self, client_id: int, order_id: int, perm_id: int) -> int | None:
        key = self._by_ids.get((client_id, order_id))
        if key is None or not perm_id:
            return key
        met_before = self._met_at.get(perm_id, len(self._placed)) <= self._placed[key].number
        return None if met_before or self._perm_id_of.get(key, perm_id) != perm_id else key

    def with_ref(self, order: WorkingOrder) -> WorkingOrder:
        """The order with its orderRef, which not every answer repeats."""
        key = self.find(
            client_id=order.client_id,
            order_id=order.order_id,
            perm_id=order.perm_id,
            order_ref=order.order_ref,
            account=order.account,
            con_id=order.contract.con_id,
            action=order.action,
        )
        if key is None or order.order_ref:
            return order
        return msgspec.structs.replace(order, order_ref=self._placed[key].order_ref)

    def execution_with_ref(self, execution: ExecutionFact) -> ExecutionFact:
        key = self.of_execution(execution)
        if key is None or execution.order_ref:
            return execution
        return msgspec.structs.replace(execution, order_ref=self._placed[key].order_ref)

    def of_execution(self, execution: ExecutionFact) -> int | None:
        return self.find(
            client_id=execution.client_id,
            order_id=execution.order_id,
            perm_id=execution.perm_id,
            order_ref=execution.order_ref,
            account=execution.account,
            con_id=execution.con_id,
            action="BUY" if execution.quantity > 0 else "SELL",
        )
