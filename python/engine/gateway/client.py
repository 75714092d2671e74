"""One client and its own connection to TWS: bytes from one to the other, whole messages only.

What is usual goes straight: one whole message that changes nothing, with nothing before it. That path is measured in
single microseconds, so it calls nothing of ours. Everything else is cut (cutting), policed (policing), heard (hearing).
Must never write half a message, nor keep an end open whose other end is gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from engine.gateway.cutting import Cut, Cutter
from engine.gateway.ends import Phase
from engine.gateway.heard import Heard
from engine.gateway.hearing import Hearing
from engine.gateway.house import House
from engine.gateway.opening import Opening
from engine.gateway.order_line import OrderLine
from engine.gateway.police import ORDER, READS, READS_OF_CLIENT_0
from engine.gateway.policing import Policing
from engine.gateway.upstream import Upstream, keep_alive
from engine.wire.errors import ProtocolError

ANSWERS_BYTES_MAX = 8_000_000  # of what a client does not read
AT_ONCE = 30  # messages of one client, before the others have their turn
_whole_number = int.from_bytes


class Host(House, Protocol):
    """The port that clients come in by."""

    def came(self, client: Client) -> str:
        """Why it is not let in; empty: it is."""

    def gone(self, client: Client) -> None: ...


class Client(asyncio.Protocol):
    """The client's end; engine.gateway.ends.Ends for its parts, engine.gateway.upstream.Owner for its other end."""

    def __init__(self, host: Host, clock: Callable[[], float]) -> None:
        self.peer = ""
        self.version = 0
        self.client_id: int | None = None
        self.ready = False
        self.backlog_paused = False  # TWS takes no more
        self.phase = Phase.GREETING
        self._straight: Callable[[bytes], object] | None = None  # to TWS, while nothing stands in between
        self._reads = READS
        self._host = host
        self._down: asyncio.Transport | None = None
        self._up: Upstream | None = None
        self._cutter = Cutter()
        self._rest: deque[bytes] = deque()  # whole messages whose turn comes
        heard = Heard()
        self._opening = Opening(self, host, self._make_upstream)
        self.line = OrderLine(self, host, heard, clock, self._straighten)
        self._policing = Policing(self, host, self.line)
        self._hearing = Hearing(self, host, heard)
        self.overheard = self._hearing.hear

    @property
    def backlog(self) -> int:
        return 0 if self._up is None else self._up.backlog

    # --- asyncio.Protocol --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._down = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.peer = str((transport.get_extra_info("peername") or ("?",))[0])
        keep_alive(self._down)
        turned_away = self._host.came(self)
        if turned_away:
            self.close(turned_away)
        else:
            self._opening.begin()

    def data_received(self, data: bytes) -> None:
        straight = self._straight
        if straight is not None:
            try:
                number = data[4 : data.index(b"\0", 4)]
                if _whole_number(data[:4], "big") == len(data) - 4:
                    if number in self._reads:
                        straight(data)
                        return
                    if number == ORDER:
                        if not self.line.express(data):
                            self._policing.order(data)
                        return
            except ValueError:
                pass  # no field has an end
        try:
            self._receive(data)
        except ProtocolError as error:
            self.close(str(error))
        self._straighten()

    def pause_writing(self) -> None:
        if self._up is not None:
            self._up.pause_reading()

    def resume_writing(self) -> None:
        if self._up is not None:
            self._up.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close("" if exc is None else str(exc))

    # --- from the client ---------------------------------------------------------------------------
    def _straighten(self) -> None:
        """May a read go straight? Asked anew whenever something has changed that it depends on."""
        clear = self.phase is Phase.OPEN and not (self._cutter.holds or self._rest or self.line.busy)
        self._reads = READS_OF_CLIENT_0 if self.client_id == 0 else READS
        self._straight = self._up.straight_to_tws() if clear and self._up is not None else None

    def _receive(self, data: bytes) -> None:
        if self.phase is not Phase.OPEN:
            self._opening.receive(data)
            return
        data, ends = self._cutter.feed(data)
        start, waiting, turn = 0, bool(self._rest), 0
        for stop in ends:
            if waiting or turn >= AT_ONCE:
                self._rest.append(data[start:stop])
            elif self.phase is Phase.OPEN:
                self._take(data[start:stop])
                turn += 1
            start = stop
        if self._rest and not waiting:
            self._pause()
        elif not self._rest and self._cutter.fault is not None:
            raise self._cutter.fault

    def _pause(self) -> None:
        """Others have their turn, and no more is taken from this one meanwhile."""
        if self._down is not None:
            self._down.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        try:
            for _ in range(min(AT_ONCE, len(self._rest))):
                message = self._rest.popleft()
                if self.phase is Phase.OPEN:
                    self._take(message)
            if not self._rest and self._cutter.fault is not None:
                raise self._cutter.fault
        except ProtocolError as error:
            self.close(str(error))
        if self.phase is Phase.CLOSED:
            self._rest.clear()
        elif self._rest:
            self._pause()
        elif self._down is not None and not self.backlog_paused:
            self._down.resume_reading()
        self._straighten()

    def _take(self, message: bytes) -> None:
        unnamed = self.client_id is None
        self._policing.take(message)
        if unnamed and self.client_id is not None:
            self._opening.named()

    # --- from TWS (engine.gateway.upstream.Owner) ----------------------------------------------------
    def answered(self, payload: bytes) -> None:
        """TWS's first word. Raises ProtocolError for what must not be passed on."""
        self._opening.answered(payload)
        self._straighten()

    def straight_to_client(self) -> Callable[[bytes], object] | None:
        return None if self._down is None or self.phase is not Phase.OPEN else self._down.write

    def told(self, cut: Cut) -> None:
        """Whole messages of TWS's."""
        data, ends = cut
        self.answer(data if ends[-1] == len(data) else data[: ends[-1]])
        self._hearing.hear_all(cut)

    def hung_up(self, why: str) -> None:
        """TWS's end is gone."""
        if self.phase is Phase.CALLING:
            self._opening.refuse(f"TWS ended the connection before it answered ({why}): is this machine trusted there?")
        else:
            self.close(why)

    def clogged(self, paused: bool) -> None:
        """TWS takes no more, or does again: neither does the gateway."""
        self.backlog_paused = paused
        if self._down is not None and self.phase is Phase.OPEN:
            if paused:
                self._down.pause_reading()
            elif not self._rest:
                self._down.resume_reading()

    # --- engine.gateway.ends.Ends --------------------------------------------------------------------
    def pass_on(self, messages: bytes) -> bool:
        return self._up is not None and self._up.write(messages)

    def pass_now(self, message: bytes) -> bool:
        return self._up is not None and self._up.write_now(message)

    def answer(self, messages: bytes) -> None:
        down = self._down
        if down is None or down.is_closing():
            return
        down.write(messages)
        if down.get_write_buffer_size() > ANSWERS_BYTES_MAX:
            self.close("it does not read what it is told")

    def close(self, why: str) -> None:
        """End both connections; what was handed over is still sent."""
        if self.phase is Phase.CLOSED:
            return
        if why:
            self._host.log(f"client {self.client_id} from {self.peer} ended: {why}")
        self.phase = Phase.CLOSED
        self._straight = None
        self._opening.end()
        self.line.end()
        if self._up is not None:
            self._up.close()
        if self._down is not None:
            self._down.close()
        if self.ready and self.client_id is not None:
            self._host.desk.dismiss(self.client_id)
        self._host.gone(self)

    def _make_upstream(self) -> Upstream:
        self._up = Upstream(self)
        return self._up
