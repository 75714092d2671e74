"""How much of a contract has been traded: seeded, minute by minute, and the same however it is asked.

The simulated customers' own trades are too small to count. Numbers to react to, not a model of a market.
"""

from __future__ import annotations

from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.prices import draw

MINUTE_NS = 60_000_000_000
_MINUTE_MAX = 400  # traded in one minute, of anything
_SESSIONS_KEPT = 256


class Volumes:
    """Traded volume by session, whole minutes only."""

    def __init__(self, *, seed: int, markets: Markets) -> None:
        self._seed, self._markets = seed, markets
        self._sums: dict[tuple[int, int], list[int]] = {}  # contract, start of the session -> volume after each minute

    def of_session(self, instrument: Instrument, at_ns: int) -> int:
        """What was traded in the session that holds this instant; between sessions, in the one that ended."""
        phase = self._markets.phase(instrument.calendar, at_ns)
        if not phase.is_open:
            at_ns = phase.from_ns - 1
            phase = self._markets.phase(instrument.calendar, at_ns)
        return self._after(instrument, phase.from_ns, (at_ns - phase.from_ns) // MINUTE_NS)

    def between(self, instrument: Instrument, from_ns: int, to_ns: int) -> int:
        """What was traded in this stretch of one session; minutes that have begun but not ended do not count."""
        session_ns = self._markets.phase(instrument.calendar, from_ns).from_ns
        until = self._after(instrument, session_ns, (to_ns - session_ns) // MINUTE_NS)
        return until - self._after(instrument, session_ns, (from_ns - session_ns) // MINUTE_NS)

    def _after(self, instrument: Instrument, session_ns: int, minutes: int) -> int:
        key = (instrument.con_id, session_ns)
        if key not in self._sums and len(self._sums) >= _SESSIONS_KEPT:
            self._sums.clear()
        sums = self._sums.setdefault(key, [0])
        while len(sums) <= minutes:
            minute = session_ns // MINUTE_NS + len(sums)
            sums.append(sums[-1] + 1 + draw(self._seed, instrument.con_id, minute, 11) % _MINUTE_MAX)
        return sums[minutes]
