"""How much of a contract has been traded: seeded, minute by minute, and the same however it is asked.

The simulated customers' own trades are too small to count. Numbers to react to, not a model of a market.
"""

from __future__ import annotations

from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.prices import draw

MINUTE_NS = 60_000_000_000
_PER_MINUTE = 200  # of anything, on average; at least one


class Volumes:
    """Traded volume by session (whole minutes only), or in any stretch of time."""

    def __init__(self, *, seed: int, markets: Markets) -> None:
        self._seed, self._markets = seed, markets

    def of_session(self, instrument: Instrument, at_ns: int) -> int:
        """What was traded in the session that holds this instant; between sessions, in the one that ended."""
        phase = self._markets.phase(instrument.calendar, at_ns)
        if not phase.is_open:
            at_ns = phase.from_ns - 1
            phase = self._markets.phase(instrument.calendar, at_ns)
        return self._after(instrument, phase.from_ns, at_ns)

    def between(self, instrument: Instrument, from_ns: int, to_ns: int) -> int:
        """What was traded in this stretch; within a minute it trades evenly."""
        return self._evenly(instrument, to_ns) - self._evenly(instrument, from_ns)

    def _evenly(self, instrument: Instrument, at_ns: int) -> int:
        minute, rest_ns = divmod(at_ns, MINUTE_NS)
        began = self._until(instrument, minute)
        if not rest_ns:
            return began
        return began + (self._until(instrument, minute + 1) - began) * rest_ns // MINUTE_NS

    def _after(self, instrument: Instrument, since_ns: int, at_ns: int) -> int:
        """Traded from one instant to another. It grows with every minute: what chance adds is less than a minute's."""
        return self._until(instrument, at_ns // MINUTE_NS) - self._until(instrument, since_ns // MINUTE_NS)

    def _until(self, instrument: Instrument, minute: int) -> int:
        return minute * _PER_MINUTE + draw(self._seed, instrument.con_id, minute, 11) % _PER_MINUTE
