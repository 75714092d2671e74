"""Orders of others under a halt that no global cancel is sent for: met first, then told once, with what came of it.

Those of programs that are gone are cancelled under their client ids. Where the halt asks for it, programs that live
cancel their own within seconds: the gateway over its clients' connections, this library by itself. A person is called
for what is left then, and told of the rest in one sentence. Must never keep a person waiting for a program that hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from engine.core.alerting import Severity
from engine.core.facts import WorkingOrder
from engine.core.foreign import Answer, Found
from engine.guard.borrowing import Borrowed, cancel_under_its_id
from engine.guard.keeper import Telling
from engine.trading.naming import amount_of, name_of
from engine.trading.shortly import shortly
from engine.trading.verification import order_text

ALIVE_AGAIN_S = 8.0  # so long a client that lives is left alone: less than what stands between two meetings
SWEPT_S = 3.0  # by then who lives has cancelled its own, where the halt asks for it
LOOK_AGAIN_S = 0.5
TOLD_S_MAX = 4.0  # by then a person is told, whatever is still under way

FoundNow = Callable[[], Awaitable[Found | None]]
"""What is there now that may not be; None: nobody knows."""


class OrdersOfOthers:
    """Of all logins. `places`: host and port of each."""

    def __init__(self, alerts: Telling, places: Mapping[str, tuple[str, int]], log: Callable[[str], None]) -> None:
        self._alerts = alerts
        self._places = places
        self._log = log
        self._alive_at: dict[tuple[str, int], float] = {}

    async def meet(self, name: str, found: Found, found_now: FoundNow, *, swept: bool, again: bool) -> None:
        """`swept`: the halt asks everybody to cancel what adds risk. `again`: the same has been met already; what
        nothing is done about does not fill the log as long as it stands.
        """
        if found.answer is Answer.CANCEL_EACH and not again:
            self._log(told(name, found, "; ".join(things(found))))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        each = loop.create_task(self._cancel_each(name, found), name=f"orders of others on {name}")
        try:
            while swept and loop.time() - began_s < SWEPT_S:
                await asyncio.sleep(LOOK_AGAIN_S)
                left = await found_now()
                if left is not None and not _still(found, left):
                    break
            await asyncio.wait({each}, timeout=max(0.0, began_s + TOLD_S_MAX - loop.time()))
            if not each.done():
                self._call(name, found, shortly(things(found)))
            came = await each
        finally:
            each.cancel()
        left = await found_now()
        still = found.orders if left is None else _still(found, left)
        if still and found.answer is Answer.TELL and not again:
            self._log(told(name, found, "; ".join(map(order_text, still))))
        self._tell(name, found, came, still)

    async def _cancel_each(self, name: str, found: Found) -> tuple[Borrowed, ...]:
        """Under the ids of their clients: one that lives keeps its own, and is not asked again for a while."""
        if found.answer is not Answer.CANCEL_EACH:
            return ()
        host, port = self._places[name]
        now = asyncio.get_running_loop().time()
        free, living = {}, []
        for client_id, orders in found.by_client.items():
            if now - self._alive_at.get((name, client_id), -ALIVE_AGAIN_S) >= ALIVE_AGAIN_S:
                free[client_id] = orders
            else:
                living.append(Borrowed(client_id=client_id, left=tuple(one.perm_id for one in orders), alive=True))
        came = await asyncio.gather(*(cancel_under_its_id(host, port, one, orders) for one, orders in free.items()))
        for one in came:
            if not (one.alive and (name, one.client_id) in self._alive_at):  # one that lives on fills no log
                self._log(f"{name}: {one}")
            if one.alive:
                self._alive_at[name, one.client_id] = now
            else:
                self._alive_at.pop((name, one.client_id), None)
        return (*came, *living)

    # --- telling ------------------------------------------------------------------------------------
    def _tell(self, name: str, found: Found, came: tuple[Borrowed, ...], still: tuple[WorkingOrder, ...]) -> None:
        own = _swept_by_themselves(found, came, still)
        done = [str(one) for one in came if not one.alive or any(order.client_id == one.client_id for order in still)]
        if own:
            done.append(f"{shortly(list(map(order_text, own)))}: cancelled by whoever placed them, as the halt asks")
        what = "; ".join(done)
        if still:
            self._call(name, found, f"{shortly(list(map(order_text, still)))}: {what or 'nothing was done about it'}")
        elif any(not one.alive for one in came):
            title = f"{name}: what became of others' orders"
            self._alerts.tell(f"{name}: others' orders", Severity.CRITICAL, title, f"{name}: {what}", lasting=False)
        else:
            title = f"{name}: orders that add risk were cancelled"
            self._log(f"{name}: {what}")
            self._alerts.tell(f"{name}: others' orders", Severity.WARNING, title, f"{name}: {what}", lasting=False)

    def _call(self, name: str, found: Found, what: str) -> None:
        title = f"{name}: somebody else trades where nobody may"
        text = f"{name}: {what}{beside(found)}"
        self._alerts.tell(f"{name}: foreign", Severity.CRITICAL, title, text, about=found.about)


def _still(found: Found, left: Found) -> tuple[WorkingOrder, ...]:
    there = {one.perm_id for one in left.orders}
    return tuple(one for one in found.orders if one.perm_id in there)


def _swept_by_themselves(
    found: Found, came: tuple[Borrowed, ...], still: tuple[WorkingOrder, ...]
) -> tuple[WorkingOrder, ...]:
    """What is gone and was not cancelled here."""
    here = {perm_id for one in came for perm_id in one.gone} | {one.perm_id for one in still}
    return tuple(one for one in found.orders if one.perm_id not in here)


# words ------------------------------------------------------------------------------------------------------------


def things(found: Found) -> list[str]:
    held = [f"{one.account} {amount_of(one.quantity)} {name_of(one.contract)}" for one in found.positions]
    return [*held, *map(order_text, found.orders)]


def told(name: str, found: Found, what: str) -> str:
    then = {
        Answer.TELL: "nothing was done about it",
        Answer.CANCEL_ALL: "a global cancel is sent",
        Answer.CANCEL_EACH: "each is cancelled by itself where its program is gone",
        Answer.KILL: "the kill is pressed again",
        Answer.NOTHING: "",
    }[found.answer]
    return f"{name}: {what}: {then}{beside(found)}"


def beside(found: Found) -> str:
    taken = [
        _counted(len(orders), what)
        for orders, what in ((found.protected, "protective order"), (found.staying, "older order"))
        if orders
    ]
    return f" (a global cancel would take {' and '.join(taken)} with it)" if taken else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"
