"""What margin an order would need: TWS is asked by whatIf, and nothing is placed.

Must never send anything but a whatIf. What TWS does not say is not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from engine.broker.link import Link, Listener
from engine.core.contracts import Contract
from engine.core.known import Fact, Known, Unknown
from engine.core.preflight.intent import MarginPreview
from engine.core.units import known
from engine.wire.errors import LocalError
from engine.wire.events import ClientEvent
from engine.wire.order import Order, OrderState
from engine.wire.replies import ErrorMessage, OpenOrder
from engine.wire.requests import PlaceOrder

ORDER_NOTICE = 399


async def preview_margin(
    link: Link, contract: Contract, order: Order, *, patience_s: float, wall_ns: Callable[[], int]
) -> Fact[MarginPreview]:
    """The account's margin and equity after the order, were it filled."""
    order_id = link.take_id()
    answered: asyncio.Future[Fact[MarginPreview]] = asyncio.get_running_loop().create_future()

    def settle(fact: Fact[MarginPreview]) -> None:
        if not answered.done():
            answered.set_result(fact)

    def heard(event: ClientEvent) -> None:
        match event:
            case OpenOrder() if event.order_id == order_id and event.order.client_id == link.client_id:
                settle(_preview_of(event.state, wall_ns()))
            case ErrorMessage() if event.req_id == order_id and not _is_notice(event.code):
                settle(Unknown(f"{event.text} ({event.code})"))

    def told(why: str | None) -> None:
        if why is not None:
            settle(Unknown(why))

    listener = Listener(heard, lambda failure: settle(Unknown(failure.text)))
    link.listen(listener)
    try:
        asked = msgspec.structs.replace(order, what_if=True, transmit=True)
        parcel = link.post(PlaceOrder(order_id, contract, asked), told=told)
        async with asyncio.timeout(patience_s):
            return await answered
    except LocalError as error:
        return Unknown(f"the order cannot be written: {error}")
    except TimeoutError:
        link.withdraw(parcel, "nobody waits for it any more")
        return Unknown(f"TWS has not answered within {patience_s:g} s")
    finally:
        link.forget(listener)


def _is_notice(code: int) -> bool:
    """Something beside the answer: an order notice, or a warning."""
    return code == ORDER_NOTICE or 2100 <= code < 2200


def _preview_of(state: OrderState, at_ns: int) -> Fact[MarginPreview]:
    equity, margin = known(state.equity_with_loan_after), known(state.init_margin_after)
    if equity is None or margin is None:
        return Unknown(state.warning_text or "TWS did not say what margin it would need")
    return Known(MarginPreview(equity, margin), at_ns)
