"""The kill's hands over a scripted TWS, with what they told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from broker.scripted import (
    HOST,
    PORT,
    ScriptedTws,
    open_order,
    order_status,
    scripted,
)
from broker.test_translate import place
from engine.broker.closer_lock import CloserLock
from engine.broker.kill_hands import Hands, HandsSettings
from engine.broker.link import LinkSettings
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.simulator.virtual import settle
from engine.wire import replies, requests


class OpenRight:
    """A right to close that lets everything pass, unless it is told why not."""

    def __init__(self) -> None:
        self.why = ""

    def enter(self) -> tuple[CloserLock, ...] | str:
        return self.why or ()


class Kill:
    """Hands with what they told."""

    def __init__(self, **options: Any) -> None:
        self.told: list[ev.Event] = []
        self.faults: list[BaseException] = []
        settings = HandsSettings(link=LinkSettings(tcp_s=1, handshake_s=1, ready_s=1))
        self.right = OpenRight()
        self.hands = Hands(
            HOST, PORT, 1, settings, self.told.append, self.faults.append, right=self.right, pressed_at=0.0, **options
        )

    def do(self, *commands: cmd.Command) -> None:
        for command in commands:
            assert self.hands.do(command)

    def heard(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def news(self) -> list[ev.Event]:
        """What was told beside that TWS has answered the handshake, which each try tells."""
        return [event for event in self.told if not isinstance(event, ev.Greeted)]

    async def connect(self) -> Kill:
        self.do(cmd.Connect())
        await settle(100)
        assert self.heard(ev.Connected)
        return self


def run_kill(test: Callable[[ScriptedTws, Kill], Awaitable[None]], **options: Any) -> None:
    async def main(tws: ScriptedTws) -> None:
        kill = Kill()
        await test(tws, kill)
        kill.hands.let_go("the test is over")
        assert not kill.faults

    scripted(main, **options)


def acknowledge(tws: ScriptedTws) -> None:
    """Every order is shown and filled at once."""

    def answer(peer: Any, request: Any) -> list[replies.Reply]:
        order = request.order
        shown = open_order(
            perm_id=1000 + request.order_id, client_id=peer.client_id, order_id=request.order_id, ref=order.order_ref
        )
        return [shown, order_status("Submitted", perm_id=shown.order.perm_id, client_id=peer.client_id, order_id=request.order_id)]  # fmt: skip  # noqa: E501

    tws.answers[requests.PlaceOrder] = answer


def place_command(key: int, **fields: Any) -> cmd.Place:
    return place(key=key, order_ref=f"QEKILL-k-{key}", **fields)
