"""Others who trade on a simulated login: programs on other client ids, and hands in the TWS window (client 0).

They act inside the simulator, without a socket, and see nothing; what they place is real to the exchange.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from engine.simulator.exchange import Event, NewOrder, OrderView
from engine.simulator.server.naming import find_contract

if TYPE_CHECKING:
    from engine.simulator.server.tws import TwsServer

BY_HAND = 0


class Trader:
    """One client id's orders on one account."""

    def __init__(self, server: TwsServer, client_id: int, account: str = "") -> None:
        self._server = server
        self.client_id = client_id
        self.account = account or server.exchange.accounts[0]

    def place(
        self,
        contract: str,
        action: str,
        quantity: Decimal | int,
        order_type: str = "MKT",
        limit: Decimal | None = None,
        *,
        stop: Decimal | None = None,
        tif: str = "DAY",
        transmit: bool = True,
        order_ref: str = "",
    ) -> list[Event]:
        """Place an order; the contract is written as in scenario files."""
        instrument = find_contract(self._server.exchange.catalogue, contract)
        return self._server.orders.submit(
            NewOrder(
                client_id=self.client_id,
                order_id=self._free_id(),
                account=self.account,
                con_id=instrument.con_id,
                action=action,
                quantity=Decimal(quantity),
                order_type=order_type,
                lmt_price=limit,
                aux_price=stop,
                tif=tif,
                transmit=transmit,
                order_ref=order_ref,
                exchange=instrument.contract.exchange,
            )
        )

    def cancel_all(self) -> None:
        """Cancel what this trader has working."""
        for view in self.working():
            self._server.act(partial(self._server.exchange.cancel, perm_id=view.perm_id))

    def working(self) -> list[OrderView]:
        views = self._server.exchange.open_orders(include_untransmitted=True)
        return [view for view in views if view.request.client_id == self.client_id]

    def _free_id(self) -> int:
        if self.client_id != BY_HAND:
            return self._server.orders.next_id(self.client_id)
        return self._server.orders.next_manual_id()  # the API's ids are positive
