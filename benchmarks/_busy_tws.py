"""Many TWSs that never stop talking: so many logins with so many positions each, and so many updates a second in all.

A process of its own. It prints its ports as one JSON line. Then each line on standard input is a command: `go N` sends
N updates a second from now on, `fall N` lets a login lose a fifth of what it is worth, and any other asks what
was seen. Answers are one JSON line each. What is sent was encoded before; it must never be the measured part.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from decimal import Decimal
from itertools import cycle, islice

from engine.core.contracts import Contract
from engine.wire.order import Order, OrderState
from engine.wire.replies import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountValue,
    CompletedOrdersEnd,
    CurrentTime,
    ExecutionsEnd,
    ManagedAccounts,
    NextValidId,
    OpenOrder,
    OpenOrderEnd,
    OrderStatus,
    PnL,
    PortfolioValue,
    Position,
    PositionEnd,
    Reply,
)
from engine.wire.requests import (
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqCurrentTime,
    ReqExecutions,
    ReqGlobalCancel,
    ReqOpenOrders,
    ReqPnL,
    ReqPositions,
)
from engine.wire.sessions import ClientHello, ServerSession, Started

HELLO_TIME = "20260311 10:30:00 EST"
WORTH = Decimal(1_000_000)
ORDERS = 10  # working orders of each login
TICK_S = 0.02
ORDER_NEWS_EVERY = 10  # one of so many updates is about an order and makes a client read anew; the rest about money


def stock(number: int) -> Contract:
    return Contract(
        con_id=1000 + number, symbol=f"S{number:03d}", sec_type="STK", exchange="NYSE", currency="USD",
        local_symbol=f"S{number:03d}", trading_class=f"S{number:03d}",
    )  # fmt: skip


class Login:
    """One TWS: its account, its one client, and its stock of updates."""

    def __init__(self, number: int, positions: int) -> None:
        self.account = f"DU{1_000_000 + number}"
        self.stocks = [stock(each) for each in range(positions)]
        self.cancelled_ns = 0
        self.fell_ns = 0
        self._lost = Decimal(0)
        self._pnl_id = 0
        self._writer: asyncio.StreamWriter | None = None
        self._session = ServerSession()
        self._updates: cycle[bytes] | None = None
        self._encoded: dict[str, bytes] = {}

    async def called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer, self._session, self._pnl_id, self._updates = writer, ServerSession(), 0, None
        try:
            while data := await reader.read(65_536):
                at_ns = time.monotonic_ns()
                for event in self._session.receive(data):
                    if isinstance(event, ReqGlobalCancel):
                        self.cancelled_ns = self.cancelled_ns or at_ns
                    elif isinstance(event, ClientHello):
                        writer.write(self._session.accept(HELLO_TIME))
                        await asyncio.sleep(0)
                    else:
                        writer.write(self._answer(event))
        except ConnectionError:
            pass
        finally:
            writer.close()

    def update(self, how_many: int) -> int:
        """Say so much. Returns the bytes that the client has not taken yet."""
        if self._writer is None or not self._pnl_id:
            return 0
        if self._updates is None:
            self._updates = cycle(self._stock_of_updates())
        self._writer.write(b"".join(islice(self._updates, how_many)))
        return self._writer.transport.get_write_buffer_size()

    def fall(self) -> None:
        assert self._writer is not None
        self._lost = WORTH / 5
        for _ in range(2):
            self._writer.write(self._session.send(self._pnl()))
        self.fell_ns = time.monotonic_ns()
        self._updates = None

    def _pnl(self, cents: int = 0) -> PnL:
        moved = -self._lost + Decimal(cents)
        return PnL(self._pnl_id, moved, moved, Decimal(0))

    def _stock_of_updates(self) -> list[bytes]:
        """As account updates, profit and loss and orders come: mostly positions that are worth something else."""
        said: list[Reply] = []
        for number in range(2 * ORDER_NEWS_EVERY):
            if number % ORDER_NEWS_EVERY == 0:
                said.append(self._status(number // ORDER_NEWS_EVERY % ORDERS))
            elif number % 50 == 1:
                said.append(self._pnl(number))
            elif number % 5 == 2:
                said.append(AccountValue("UnrealizedPnL", f"{number}.00", "USD", self.account))
            else:
                price = Decimal(100) + Decimal(number) / 100
                value = self.stocks[number % len(self.stocks)]
                said.append(
                    PortfolioValue(
                        value, Decimal(100), price, price * 100, Decimal(100), Decimal(number), Decimal(0), self.account
                    )
                )
        return [self._session.send(one) for one in said]

    def _status(self, number: int) -> OrderStatus:
        return OrderStatus(
            order_id=number + 1, status="Submitted", filled=Decimal(0), remaining=Decimal(1), avg_fill_price=Decimal(0),
            perm_id=5000 + number, parent_id=0, last_fill_price=Decimal(0), client_id=7, why_held="",
        )  # fmt: skip

    def _order(self, number: int) -> OpenOrder:
        order = Order(
            client_id=7, perm_id=5000 + number, action="SELL", total_quantity=Decimal(1),
            order_type="STP", aux_price=Decimal(50), tif="GTC", account=self.account,
        )  # fmt: skip
        return OpenOrder(number + 1, self.stocks[number], order, OrderState(status="Submitted"))

    def _answer(self, event: object) -> bytes:
        match event:
            case ReqPositions():
                return self._once(
                    "positions",
                    *(Position(self.account, each, Decimal(100), Decimal(100)) for each in self.stocks),
                    PositionEnd(),
                )
            case ReqOpenOrders() | ReqAllOpenOrders():
                return self._once("orders", *(self._order(number) for number in range(ORDERS)), OpenOrderEnd())
            case _:
                return b"".join(map(self._session.send, self._replies(event)))

    def _once(self, key: str, *replies: Reply) -> bytes:
        """Encoded once: a real TWS is on another core."""
        if key not in self._encoded:
            self._encoded[key] = b"".join(map(self._session.send, replies))
        return self._encoded[key]

    def _replies(self, event: object) -> tuple[Reply, ...]:
        match event:
            case Started():
                return (ManagedAccounts((self.account,)), NextValidId(1))
            case ReqAccountSummary():
                worth = str(WORTH - self._lost)
                row = AccountSummary(event.req_id, self.account, "NetLiquidation", worth, "USD")
                return (row, AccountSummaryEnd(event.req_id))
            case ReqPnL():
                self._pnl_id = event.req_id
                return (self._pnl(), self._pnl())
            case ReqAccountUpdates() if event.subscribe:
                ready = AccountValue("AccountReady", "true", "", self.account)
                return (ready, AccountDownloadEnd(event.account))
            case ReqCompletedOrders():
                return (CompletedOrdersEnd(),)
            case ReqExecutions():
                return (ExecutionsEnd(event.req_id),)
            case ReqCurrentTime():
                return (CurrentTime(int(time.time())),)
            case _:
                return ()


class Talk:
    """All of them at once, at a steady rate."""

    def __init__(self, logins: list[Login]) -> None:
        self._logins = logins
        self.rate = 0
        self.sent = 0
        self.untaken = 0

    async def run(self) -> None:
        loop, owed = asyncio.get_running_loop(), 0.0
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            owed += (now - before) * self.rate
            before = now
            each, owed = divmod(owed, len(self._logins))
            if each:
                untaken = sum(login.update(int(each)) for login in self._logins)
                self.untaken = max(untaken, 0)
                self.sent += int(each) * len(self._logins)


async def main(logins: int, positions: int) -> None:
    made = [Login(number, positions) for number in range(logins)]
    servers = [await asyncio.start_server(login.called, "127.0.0.1", 0) for login in made]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    talk = Talk(made)
    talking = asyncio.create_task(talk.run())
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := (await commands.readline()).decode():
        match line.split():
            case ["go", rate]:
                talk.rate, talk.sent = int(rate), 0
            case ["fall", number]:
                made[int(number)].fall()
        seen = {
            "sent": talk.sent,
            "untaken": talk.untaken,
            "fell_ns": [login.fell_ns for login in made],
            "cancelled_ns": [login.cancelled_ns for login in made],
        }
        print(json.dumps(seen), flush=True)
    talking.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
