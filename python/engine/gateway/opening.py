"""How a client's connection begins: its first words, the call to TWS, TWS's answer; or the refusal, which it can read.

Must never connect to TWS for what is no client, nor leave a refused one without the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.gateway import answers
from engine.gateway.ends import Ends, Phase
from engine.gateway.handshake import API, FirstWords, Offer, own_answer, read_answer, read_offer
from engine.gateway.house import House
from engine.gateway.upstream import Upstream
from engine.wire.errors import MalformedMessage
from engine.wire.frames import frame

GREETING_S = 10.0  # a client that has not named itself by then is sent away
FAREWELL_S = 1.0  # a client that is refused has so long to say its first word, to which the reason is the answer


class Opening:
    """Of one client. `call` makes its end at TWS."""

    def __init__(self, ends: Ends, house: House, call: Callable[[], Upstream]) -> None:
        self._ends = ends
        self._house = house
        self._make = call
        self._loop = asyncio.get_running_loop()
        self._first = FirstWords(API)
        self._offer = Offer(0, 0)
        self._why = ""  # why it is refused
        self._calling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """It has connected, and has so long to say who it is."""
        self._timer = self._loop.call_later(GREETING_S, self._ends.close, "it did not say who it is")

    def named(self) -> None:
        self._stop_timer()

    def receive(self, data: bytes) -> None:
        """Bytes of a client that is not let in yet. Raises ProtocolError."""
        match self._ends.phase:
            case Phase.GREETING:
                first = self._first.feed(data)
                if first is not None:
                    self._greet(first[0], first[1])
            case Phase.CALLING:
                raise MalformedMessage(None, "handshake", 0, "it speaks before it was answered")
            case Phase.REFUSING:
                self._say_why()
            case _:
                return

    def answered(self, payload: bytes) -> None:
        """TWS's first word. Raises ProtocolError for what must not be passed on."""
        self._ends.version = read_answer(payload, self._offer)
        self._ends.phase = Phase.OPEN
        self._ends.answer(frame(payload))  # alone: the official Python client throws away what comes with it

    def refuse(self, why: str) -> None:
        """Speak in TWS's place, so that the client can read why. The reason follows its first word."""
        if self._ends.phase is Phase.CLOSED:
            return
        self._why, self._ends.phase = why, Phase.REFUSING
        self._house.log(f"a client from {self._ends.peer} was refused: {why}")
        self._ends.version, hello = own_answer(self._offer, self._house.time())
        self._ends.answer(hello)
        self._stop_timer()
        self._timer = self._loop.call_later(FAREWELL_S, self._say_why)

    def end(self) -> None:
        """The connection is closed."""
        self._stop_timer()
        if self._calling is not None and self._calling is not asyncio.current_task():
            self._calling.cancel()

    # --- inside ------------------------------------------------------------------------------------
    def _greet(self, payload: bytes, behind: bytes) -> None:
        self._offer = read_offer(payload)
        if behind:
            raise MalformedMessage(None, "handshake", 0, "it speaks before it was answered")
        if self._offer.refusal:
            self.refuse(self._offer.refusal)
            return
        self._ends.phase = Phase.CALLING
        self._calling = self._loop.create_task(self._call(), name="call TWS for a client")

    async def _call(self) -> None:
        host, port = self._house.tws
        up = self._make()
        try:
            async with asyncio.timeout(GREETING_S / 2):
                await self._loop.create_connection(lambda: up, host, port)
        except (OSError, TimeoutError) as error:
            self.refuse(f"TWS cannot be reached at {host}:{port} ({error or 'no answer'}). Nothing was sent")
            return
        if self._ends.phase is not Phase.CALLING:
            up.close()
            return
        up.write(self._offer.passed_on())

    def _say_why(self) -> None:
        code = answers.UPGRADE if self._offer.refusal else answers.NO_CONNECTION
        self._ends.answer(answers.error(self._ends.version, answers.NO_ID, code, self._why))
        self._ends.close("")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
