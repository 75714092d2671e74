"""What TWS keeps while its link to IBKR is lost: orders it will submit, cancels it may send. Plain data."""

from __future__ import annotations

from engine.wire.requests import PlaceOrder

Key = tuple[int, int]  # client id, order id


class KeptOrders:
    """Orders in the order of their arrival; the same id again replaces."""

    def __init__(self) -> None:
        self._orders: dict[Key, tuple[PlaceOrder, str]] = {}
        self._cancels: list[int | None] = []  # None: all

    def keep(self, client_id: int, request: PlaceOrder, account: str) -> None:
        self._orders[client_id, request.order_id] = (request, account)

    def keep_cancel(self, perm_id: int | None) -> None:
        if perm_id not in self._cancels:
            self._cancels.append(perm_id)

    def listed(self) -> list[Key]:
        return list(self._orders)

    def __getitem__(self, key: Key) -> tuple[PlaceOrder, str]:
        return self._orders[key]

    def drop(self, client_id: int, order_id: int) -> PlaceOrder | None:
        found = self._orders.pop((client_id, order_id), None)
        return found[0] if found else None

    def take_orders(self) -> list[tuple[int, PlaceOrder, str]]:
        orders, self._orders = self._orders, {}
        return [(client_id, request, account) for (client_id, _), (request, account) in orders.items()]

    def take_cancels(self) -> list[int | None]:
        cancels, self._cancels = self._cancels, []
        return cancels
