"""How connecting went, login by login. One login's failure is never another's, and never an exception."""

from __future__ import annotations

import msgspec

from engine.core.kill.events import Trouble


class ConnectOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One login. `trouble` is None when it is connected; `mode_mismatch`: it was reached, and refused by us."""

    name: str
    connected: bool
    accounts: tuple[str, ...] = ()
    client_id: int = 0
    trouble: Trouble | None = None
    mode_mismatch: bool = False
    text: str = ""

    def __bool__(self) -> bool:
        return self.connected

    def __str__(self) -> str:
        if self.connected:
            return f"{self.name}: connected as client {self.client_id}, accounts {', '.join(self.accounts)}"
        return f"{self.name}: NOT CONNECTED: {self.text}"


class Connections(dict[str, ConnectOutcome]):
    """Every login's outcome by name."""

    @property
    def all_connected(self) -> bool:
        return bool(self) and all(outcome.connected for outcome in self.values())

    def __str__(self) -> str:
        return "\n".join(str(outcome) for outcome in self.values()) or "no login is configured"
