"""A ledger with a clock in seconds, read by short words."""

from __future__ import annotations

from decimal import Decimal

from core.kill.builders import ES, D, execution, held, order
from engine.core.facts import ExecutionFact
from engine.core.kill.held.ledger import Ledger
from engine.core.kill.settings import SECOND, KillSettings

KEY = ("DU1", ES.con_id)
SETTLE, DOUBT, REDUCED, EXPECTED, LATE, CONTRADICTED, STANDING = (n * SECOND for n in (1, 4, 6, 10, 20, 90, 180))
BEGAN_NS = 1_000 * SECOND  # the clock shows no zero when a kill begins
CLOSE, OTHER = "QEKILL-other-1", "engine"


class Book(Ledger):
    """A ledger with a clock in seconds, read by short words."""

    def __init__(self, *executions: int, first: int | None = None, recent: bool = False, listed: bool = True) -> None:
        super().__init__(
            KillSettings(
                settle_ns=SETTLE,
                doubt_ns=DOUBT,
                reduced_lag_ns=REDUCED,
                expected_lag_ns=EXPECTED,
                late_feed_ns=LATE,
                contradicted_ns=CONTRADICTED,
                standing_feed_ns=STANDING,
                gone_order_ns=0,
            )
        )
        self.listed = [execution(ES, q, f"early.{n}.01", recent=recent) for n, q in enumerate(executions)]
        if listed:
            self.executions(tuple(self.listed))
        if first is not None:
            self.read(first)

    def executions(self, listed: tuple[ExecutionFact, ...], now_ns: int = BEGAN_NS) -> None:
        super().executions(listed, now_ns)

    def read(self, quantity: int, at_s: float = 0) -> Book:
        self.positions((held(ES, quantity),) if quantity else (), BEGAN_NS + int(at_s * SECOND))
        return self

    def surveyed(self, quantity: int, at_s: float = 0) -> Book:
        """A whole look: executions, as they were told until now, and the position."""
        self.executions(tuple(self.listed))
        return self.read(quantity, at_s)

    def surveyed_until(self, quantity: int, until_s: int) -> Book:
        """A look each second, from the second second on, that always shows the same."""
        for at_s in range(2, until_s + 1):
            self.surveyed(quantity, at_s)
        return self

    def traded(self, quantity: int, order_ref: str = "") -> Book:
        """Somebody else's execution shows up in the list."""
        self.listed.append(execution(ES, quantity, f"since.{len(self.listed)}.01", order_ref=order_ref))
        self.executions(tuple(self.listed))
        return self

    def filled(self, quantity: int) -> Book:
        self.own_fill(KEY, D(quantity))
        return self

    def executed(self, *quantities: int) -> Book:
        """Our own order fills in these pieces."""
        for quantity in quantities:
            self.own_execution(execution(ES, quantity, f"own.{len(self._traded.own_executions)}.01"))
        return self.filled(sum(quantities))

    @property
    def can_close(self) -> Decimal:
        return self.closable(KEY)

    @property
    def believed(self) -> bool:
        return not self.doubtful(KEY)


def after_the_press_before(*trades: tuple[int, str], shows: int) -> Book:
    """Trades of the last seconds by orders of these marks, and a first survey that shows so much."""
    book = Book(listed=False)
    listed = [execution(ES, q, f"{n}.01", recent=True, order_ref=ref) for n, (q, ref) in enumerate(trades)]
    book.executions(tuple(listed))
    return book.read(shows)


def ended_before(filled: int, *executions: int, shows: int) -> Book:
    """An order to sell 5 has ended by its own word, and the first executions show only these of it, then a position."""
    book = Book(listed=False)
    book.traces.completed([order(ES, "SELL", 5, filled=D(filled))], 0)
    book.executions(tuple(execution(ES, q, f"{n}.01", recent=True) for n, q in enumerate(executions)))
    return book.read(shows)
