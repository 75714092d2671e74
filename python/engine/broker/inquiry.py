"""How TWS answers: lists without a number, one at a time; and answers with a number, side by side.

An end marker still owed to an abandoned list is never taken for the answer to the next one. A read that times out,
meets a message it cannot understand, or loses its connection has failed; silence is never an answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from engine.broker.collect import Collector, NumberedCollector
from engine.broker.link import Link
from engine.broker.outbox import Parcel
from engine.broker.progress import SLOW_S_MAX, Progress
from engine.broker.translate import Unclear
from engine.wire.errors import LocalError
from engine.wire.replies import CurrentTime, ErrorMessage, Reply
from engine.wire.requests import Request

T = TypeVar("T")

WAITING_MAX = 16  # lists of one kind that may stand in line
ASKS_MAX = 2_000  # numbered requests under way
QUIET_SHARE = 1 / 3  # of a read's time limit: silence that long means that nothing more is coming
LATE_FACTOR = 1.5
HELD_S = 0.25  # how long an end marker that may not be ours waits for another one, or for rows …
HELD_LONGER_S = 1.0  # … once TWS has shown that it came from before our question
FENCE_S = 2.0  # an end marker may come twice, and the second one so much later …
FENCED_FIRST = 2  # … which TWS shows by then; messages are few, and a fence costs one
SEND_PATIENCE_S = 15.0  # how long a request may wait for its turn to be sent

UNASKED_MAX = 10  # end markers beyond two for each read: who sends more does not answer what is asked

_HARMLESS = frozenset({10167, 399})
"""Codes that name a request and do not end it: delayed data is shown instead; order notices."""


class Complete(msgspec.Struct, Generic[T], frozen=True):
    """The whole answer. `broker_down`: TWS had no link to IBKR at some moment of the read, so it told its memory."""

    value: T
    broker_down: bool = False


class Failed(msgspec.Struct, frozen=True):
    """No answer, or none that was understood to the end: what was asked for is unknown.

    `refused`: TWS answered, with an error; asking again will hardly help.
    """

    why: str
    refused: bool = False


Outcome: TypeAlias = Complete[T] | Failed
Sure: TypeAlias = Callable[[], bool]
Then: TypeAlias = Callable[[Outcome[T]], None]


def always_sure() -> bool:
    return True


class _Read(Generic[T]):
    """One read from its request to its outcome, which comes exactly once."""

    def __init__(self, link: Link, progress: Progress, name: str, then: Then[T], timeout_s: float) -> None:
        self.sent = False
        self.done = False
        self.broker_down = not link.broker_up
        self.timeout_s = timeout_s
        self._progress = progress
        self._number = 0
        self.sent_at = 0.0
        self._rows = 0
        self._link = link
        self._name = name
        self._then = then
        self._loop = asyncio.get_running_loop()
        self._parcels: list[Parcel] = []
        self._timer: asyncio.TimerHandle | None = None
        self._give_up: Callable[[str], None] = self.fail

    def start(self, requests: tuple[Request, ...], give_up: Callable[[str], None]) -> None:
        """Send; the time for an answer begins when the bytes are with the socket."""
        self._give_up = give_up
        self._timer = self._loop.call_later(SEND_PATIENCE_S, give_up, "the request could not be sent in time")
        *first, last = requests
        try:
            self._parcels += [self._link.post(request) for request in first]
            self._parcels.append(self._link.post(last, told=self._told))
        except LocalError as error:  # this TWS is too old to be asked
            give_up(str(error))

    def await_answer(self, give_up: Callable[[str], None]) -> None:
        """It has been sent already, by somebody else."""
        self._give_up = give_up
        self._told(None)

    def finish(self, collector: Collector[T]) -> None:
        """The answer is complete."""
        self.moved()
        try:
            value = collector.result()
        except Unclear as unclear:
            self.fail(str(unclear), refused=True)
        else:
            self._settle(Complete(value, self.broker_down))

    def fail(self, why: str, *, refused: bool = False) -> None:
        self._settle(Failed(f"{self._name}: {why}", refused))

    def _told(self, why: str | None) -> None:
        if self.done:
            return
        if why is not None:
            self._give_up(why)
            return
        self.sent = True
        self._number, self.sent_at = self._progress.sent(), self._loop.time()
        self._watch()

    def _watch(self) -> None:
        """Give up when TWS has been silent for the time limit: an answer that is still coming is not late."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        until = min(
            max(self.sent_at + self.timeout_s, self._progress.moved_at(self._number) + self.timeout_s, self.coming),
            self.sent_at + max(SLOW_S_MAX, self.timeout_s),
        )
        if until > now + 1e-6:
            self._timer = self._loop.call_at(until, self._watch)
        elif now - self.sent_at > self.timeout_s + 1e-3:
            self._give_up(f"no complete answer within {now - self.sent_at:.0f} s")
        else:
            self._give_up(f"no complete answer within {self.timeout_s:g} s")

    @property
    def coming(self) -> float:
        """Bytes of a message that may be a row are arriving: until when the rest is awaited."""
        return self._link.trickled_at + self.timeout_s * QUIET_SHARE

    @property
    def quiet_at(self) -> float:
        """From then on nothing has come that could be the answer, or stand before it."""
        return max(self._progress.moved_at(self._number), self._link.trickled_at)

    def took(self, rows: int) -> None:
        """The answer has so many different rows by now: the same ones again and again are no progress."""
        if rows > self._rows:
            self.moved()
        self._rows = rows

    def moved(self) -> None:
        if self.sent:
            self._progress.moved(self._number, self._loop.time())

    def _settle(self, outcome: Outcome[T]) -> None:
        if self.done:
            return
        self.done = True
        if self._timer is not None:
            self._timer.cancel()
        for parcel in self._parcels:
            self._link.withdraw(parcel, "its read is over")
        self._then(outcome)


class _ListRead(_Read[T]):
    """A read in a line of its kind."""

    def __init__(
        self,
        link: Link,
        progress: Progress,
        name: str,
        then: Then[T],
        timeout_s: float,
        make: Callable[[], Collector[T]],
        requests: Callable[[], tuple[Request, ...]],
    ) -> None:
        super().__init__(link, progress, name, then, timeout_s)
        self.make = make
        self.collector = make()
        self.requests = requests
        self.touched_at = 0.0  # when anything of this kind last came
        self.sure: Sure = always_sure  # is an end marker that comes now surely ours?
        self.held = False  # one has come that may not be …
        self.held_until = 0.0  # … until then


class Lists(Generic[T]):
    """Reads of one kind of list. `_owed` counts the end markers that abandoned reads have still to get.

    When a client starts, TWS may send a list nobody asked for, with an end marker of its own; and an end marker may
    come twice. So where a `fence` is given, an end marker that is not surely of this question is held for a moment:
    rows that follow are of its list, and another one that follows ends it. Of two lists all is taken: an order too many
    is seen gone by the next look, one too few is not seen at all.
    """

    def __init__(
        self,
        link: Link,
        progress: Progress,
        name: str,
        end: type[Reply],
        fence: Callable[[bool], Sure] = lambda _soon: always_sure,
    ) -> None:
        self._fence = fence
        self._ended_at = -FENCE_S  # when the last end marker came
        self._link = link
        self._progress = progress
        self._name = name
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._line: deque[_ListRead[T]] = deque()
        self._owed = 0
        self._ended = 0  # reads that an end marker has ended, believed or not
        self._unasked = 0  # end markers that came while nothing was asked

    @property
    def babbles(self) -> bool:
        """What answers there sends end markers of its own accord: none of them shows that a question was heard. One
        that says everything twice does not, and one that did so for a moment is believed again after some reads."""
        return self._unasked > UNASKED_MAX + 2 * self._ended

    @property
    def busy(self) -> bool:
        return bool(self._line)

    def ask(
        self,
        make: Callable[[], Collector[T]],
        requests: Callable[[], tuple[Request, ...]],
        then: Then[T],
        timeout_s: float,
    ) -> None:
        read = _ListRead(self._link, self._progress, self._name, then, timeout_s, make, requests)
        if not self._link.up:
            read.fail(_why_down(self._link))
        elif len(self._line) >= WAITING_MAX:
            read.fail(f"{WAITING_MAX} reads are waiting already")
        else:
            self._line.append(read)
            if len(self._line) == 1:
                self._begin(read)

    def expect(self, make: Callable[[], Collector[T]], then: Then[T], timeout_s: float) -> None:
        """The answer to a question that was asked before this connection was ours."""
        read = _ListRead(self._link, self._progress, self._name, then, timeout_s, make, lambda: ())
        read.sure = self._fence(False)
        self._line.append(read)
        read.await_answer(lambda why: self._give_up(read, why))

    def heard(self, reply: Reply) -> None:
        read = self._line[0] if self._line else None
        if isinstance(reply, self._end):
            self._heard_end(read)
        elif read is not None and read.held and isinstance(reply, CurrentTime):
            self._hold(read, HELD_LONGER_S)  # asked before the list, and answered behind
        elif read is not None and read.collector.take(reply):
            read.touched_at = self._loop.time()
            read.took(read.collector.rows)
            if read.held:
                self._hold(read, HELD_S)

    def _heard_end(self, read: _ListRead[T] | None) -> None:
        self._ended_at = self._loop.time()
        if self._owed:
            self._owed -= 1
            if read is not None:
                read.touched_at = self._loop.time()
                read.moved()
                read.collector = read.make()  # those rows were the answer to an earlier question
                self._loop.call_later(read.timeout_s * QUIET_SHARE, self._presume_lost, read)
        elif read is not None and read.sent and not read.held and not read.sure():
            self._hold(read, HELD_S)
        elif read is None or not read.sent:
            self._unasked += 1
        elif self.babbles:
            self._ended += 1
            self._close(lambda: read.fail("what answers there sends lists that nobody asked for: is it TWS?"))
        else:
            self._ended += 1
            self._close(lambda: read.finish(read.collector))

    def _hold(self, read: _ListRead[T], hold_s: float) -> None:
        read.held = True
        read.held_until = max(read.held_until, self._loop.time() + hold_s)
        self._loop.call_later(hold_s, self._accept_held, read)

    def _accept_held(self, read: _ListRead[T]) -> None:
        """No other end marker has come: the one that did was ours."""
        current = bool(self._line) and self._line[0] is read and self._loop.time() >= read.held_until - 1e-6
        if current:
            self._close(lambda: read.finish(read.collector))

    def spoiled(self, message_id: int | None, why: str) -> None:
        """A message that may have belonged to the answer could not be read."""
        if self._line and (message_id is None or message_id in self._line[0].collector.message_ids):
            self.abandon(why)

    def abandon(self, why: str) -> None:
        """Give up the read under way. If it was sent, its end marker is still to come."""
        if self._line:
            read = self._line[0]
            self._owed += read.sent
            self._close(lambda: read.fail(why))

    def abandon_all(self, why: str) -> None:
        reads, self._line = self._line, deque()
        for read in reads:
            self._owed += read.sent
            read.fail(why)

    def broker_lost(self) -> None:
        for read in self._line:
            read.broker_down = True

    def _begin(self, read: _ListRead[T]) -> None:
        soon = self._loop.time() - self._ended_at < FENCE_S
        read.sure = self._fence(soon and (self._ended < FENCED_FIRST or self._unasked > 0))
        read.start(read.requests(), lambda why: self._give_up(read, why))

    def _close(self, settle: Callable[[], None]) -> None:
        self._line.popleft()
        following = self._line[0] if self._line else None
        settle()
        if following is not None and self._line and self._line[0] is following:
            self._begin(following)

    def _give_up(self, read: _ListRead[T], why: str) -> None:
        if self._line and self._line[0] is read:
            self.abandon(why)

    def _presume_lost(self, read: _ListRead[T]) -> None:
        """TWS has answered an earlier question, and is quiet since: the answers still owed are not late, but lost. None
        comes sooner than answers take on this link, as those to the time show.

        Were one merely late after all, it would come whole, and be a little older than the question it then answers.
        """
        if not self._line or self._line[0] is not read or not read.sent:
            return
        quiet = max(read.touched_at, read.quiet_at) + read.timeout_s * QUIET_SHARE
        wait_s = max(quiet, read.sent_at + LATE_FACTOR * self._link.clock.late_s) - self._loop.time()
        if wait_s > 1e-6:
            self._loop.call_later(wait_s, self._presume_lost, read)
            return
        self._owed = 0
        self._close(lambda: read.fail("TWS has left out an answer; asking anew"))


class Numbered:
    """Reads whose answers carry the number of the request."""

    def __init__(self, link: Link, progress: Progress) -> None:
        self._link = link
        self._progress = progress
        self._reads: dict[int, tuple[_Read[Any], NumberedCollector[Any]]] = {}

    def owns(self, req_id: int) -> bool:
        return req_id in self._reads

    def ask(
        self,
        name: str,
        req_id: int,
        request: Request,
        collector: NumberedCollector[T],
        then: Then[T],
        timeout_s: float,
    ) -> None:
        read = _Read(self._link, self._progress, name, then, timeout_s)
        if not self._link.up:
            read.fail(_why_down(self._link))
        elif len(self._reads) >= ASKS_MAX:
            read.fail(f"{ASKS_MAX} requests are under way already")
        else:
            self._reads[req_id] = (read, collector)
            read.start((request,), lambda why: self._give_up(req_id, why))

    def heard(self, reply: Reply) -> None:
        req_id = getattr(reply, "req_id", None)
        if req_id not in self._reads:
            return
        read, collector = self._reads[req_id]
        if collector.take(reply):
            read.took(collector.rows)
        if collector.complete(reply):
            del self._reads[req_id]
            read.finish(collector)

    def heard_error(self, error: ErrorMessage) -> None:
        if error.req_id in self._reads and error.code not in _HARMLESS and not 2100 <= error.code < 2200:
            self._reads.pop(error.req_id)[0].fail(f"{error.text} ({error.code})", refused=True)

    def spoiled(self, message_id: int | None, why: str) -> None:
        for req_id, (read, collector) in tuple(self._reads.items()):
            if message_id is None or message_id in collector.message_ids:
                self._reads.pop(req_id, None)
                read.fail(why)

    def fail_all(self, why: str) -> None:
        reads, self._reads = self._reads, {}
        for read, _ in reads.values():
            read.fail(why)

    def broker_lost(self) -> None:
        for read, _ in self._reads.values():
            read.broker_down = True

    def _give_up(self, req_id: int, why: str) -> None:
        read, collector = self._reads.pop(req_id, (None, None))
        if read is None or collector is None:
            return
        if collector.usable:
            read.finish(collector)
        else:
            read.fail(why)


def _why_down(link: Link) -> str:
    return link.failure.text if link.failure is not None else "the connection is not ready"
