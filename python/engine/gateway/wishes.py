"""An order as a client sent it, what stands in its way, and what became of it. Data only."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from engine.core.exposure import OrderKey
from engine.core.preflight.verdict import Code, Failure, Verdict
from engine.gateway.answers import in_words
from engine.wire.requests import PlaceOrder


class End(Enum):
    """How it ended here."""

    LEFT = "left"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # cancelled before it left
    LOST = "lost"  # the connection that it should have left over is gone


class Ruling(msgspec.Struct, frozen=True):
    """What became of a client's order, in words. `modifies`: an order that works is behind it."""

    end: End
    why: str = ""
    modifies: bool = False


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`message`: as it came. `write` hands it to the client's own connection to TWS and says whether it took
    them; `backlog`: how many bytes that connection still holds; `withdrawn`: why it is not wanted any more; `alive`:
    the client has been told that an order of this id works.
    """

    client_id: int
    version: int
    message: bytes
    request: PlaceOrder
    alive: bool
    write: Callable[[], bool]
    backlog: Callable[[], int]
    withdrawn: Callable[[], str]

    @property
    def key(self) -> OrderKey:
        return self.client_id, self.request.order_id

    @property
    def parent(self) -> OrderKey | None:
        parent_id = self.request.order.parent_id
        return (self.client_id, parent_id) if isinstance(parent_id, int) and parent_id else None

    @property
    def order_ref(self) -> str:
        return self.request.order.order_ref or f"client {self.client_id} order {self.request.order_id}"


class Refusal(msgspec.Struct, frozen=True):
    """Why it must not leave: by code, and in words. `verdict`: of the checks, if it was they."""

    codes: tuple[str, ...]
    words: str
    verdict: Verdict | None = None

    @classmethod
    def of(cls, verdict: Verdict, restricted: str = "") -> Refusal:
        """`restricted`: what halts the login, for an order that is told only what is left to close."""
        words = in_words(verdict)
        if restricted and Code.WOULD_CROSS_ZERO in verdict.codes:
            words = f"{words}; why trading is halted: {restricted}"
        return cls(tuple(code.value for code in verdict.codes), words, verdict)


def warming_up(why: str) -> Refusal:
    """The gateway does not know the account (yet)."""
    return Refusal.of(Verdict((Failure(Code.POSITION_UNKNOWN, f"warming up: {why}", None),)))


def parent_refused(parent: OrderKey) -> Refusal:
    """It belongs to an order that never left: alone it would open what it was to close."""
    return Refusal(("parent_refused",), f"parent_refused: its parent order {parent[1]} was refused; send both anew")


def parent_stays(parent: OrderKey) -> str:
    """What is left of a bracket whose leg was refused. It is not for us to cancel what a program has sent."""
    return f"its parent order {parent[1]} stays at TWS without it: send this one anew, or cancel the parent"
