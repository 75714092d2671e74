"""What a client needs to know of the port that it came in by. Types only."""

from __future__ import annotations

from typing import Protocol

from engine.gateway.order_desk import OrderDesk


class House(Protocol):
    """One login's port."""

    desk: OrderDesk

    @property
    def tws(self) -> tuple[str, int]: ...

    def time(self) -> str:
        """As TWS would say it."""

    def withdraw_all(self, why: str) -> None:
        """Of every client of this login: what has not left yet stays here."""

    def log(self, text: str) -> None: ...
