"""What a torture run leaves for the invariants: what was said to whom, and what was true at the exchange meanwhile.

Everything is seen from outside: from the exchange, from the wire as TWS sees it, from the disk, and from what the
product's own calls returned. Times are the loop's, in seconds since the world began. Judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from engine.core.restrictions import Kind
from engine.journal.chain import Sealed
from engine.simulator.exchange import Movement
from engine.torture.disk import Acknowledged
from engine.torture.story import Story
from engine.trading.reports import KillReport

ZERO = Decimal(0)
Key = tuple[str, int]
"""(account, contract id)."""


@dataclass
class Truth:
    """One login as it really was at one moment."""

    positions: dict[Key, Decimal]
    working: dict[int, Key]  # by permanent id

    @property
    def flat(self) -> bool:
        return not self.positions and not self.working


@dataclass
class PressSeen:
    """One press of the kill switch. Without a report: whoever pressed has died, or stopped waiting."""

    who: str
    logins: tuple[str, ...]
    at_s: float
    report: KillReport | None = None
    reported_s: float = 0.0
    truth: dict[str, Truth] = field(default_factory=dict)  # when the report was there
    open: frozenset[str] = frozenset()  # the logins that held or worked anything when it was pressed
    excused: bool = False  # it died, was frozen, or stopped waiting: it owes nothing any more
    died_s: float | None = None  # nobody is there any more to take back what it has sent


@dataclass
class Outside:
    """Somebody traded whom no kill can know of beforehand. `before` is how the login was until then."""

    login: str
    at_s: float
    before: Truth


@dataclass
class Arrived:
    """An order as it came to TWS from a client, with what the account had of the contract then."""

    login: str
    at_s: float
    client_id: int
    order_ref: str
    key: Key
    signed: Decimal
    held: Decimal
    working: Decimal  # signed, what could still fill on the order's side

    @property
    def adds_risk(self) -> bool:
        """It could make the position larger than it is, or turn it round."""
        end = self.held + self.working + self.signed
        return not (min(self.held, ZERO) <= end <= max(self.held, ZERO))


@dataclass
class HaltSeen:
    """A halt that was acknowledged, and when it was lifted."""

    login: str
    at_s: float
    restriction_id: str
    durable: bool
    lifted_s: float | None = None


@dataclass
class WentOn:
    """A person's way back after a kill: when the shutdown was lifted, and when the login was armed; None: never."""

    who: str
    login: str
    began_s: float
    reset_s: float | None = None
    ok_s: float | None = None


@dataclass
class Evidence:
    """One run."""

    story: Story
    presses: list[PressSeen] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    halts: list[HaltSeen] = field(default_factory=list)
    went_on: list[WentOn] = field(default_factory=list)
    too_fast: list[str] = field(default_factory=list)  # broken message limits, as TWS noted them
    movements: dict[str, list[Movement]] = field(default_factory=dict)  # by login, since the start
    at_first: dict[str, dict[Key, Decimal]] = field(default_factory=dict)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    records: list[Sealed] = field(default_factory=list)  # the disk at the end
    state: dict[str, Kind | None] = field(default_factory=dict)  # what a new program finds at the end
    standing: dict[str, frozenset[str]] = field(default_factory=dict)  # … and the ids of the restrictions it finds
    worth_at_first: dict[str, Decimal] = field(default_factory=dict)
    worth: list[tuple[str, float, Decimal]] = field(default_factory=list)  # login, from when on, equity
    raised: list[str] = field(default_factory=list)  # what came out of a call that raises nothing, or out of nowhere
    left_over: list[str] = field(default_factory=list)  # tasks and connections of programs that had ended
    watched: bool = False  # a guard ran at the end, and had for so long that it must have seen what there is
    beats: dict[str, list[float]] = field(default_factory=dict)  # each engine's signs of life, as they were written
    lives: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)  # from then on a program runs, or does not
    byes: dict[str, float] = field(default_factory=dict)  # … and when it was told to come to its end
    story_ended_s: float = 0.0  # then programs were still as the story had left them
    seconds: float = 0.0  # of virtual time
    messages: int = 0  # between TWS and its clients
    mark: int = 0  # of every message, when and between whom: another run of the story has the same
    start_ns: int = 0

    @property
    def kills(self) -> int:
        """Logins killed that had something to cancel or close; presses that joined a kill are one with it."""
        return len(
            {
                (press.report.kill_id, login)
                for press in self.presses
                if press.report is not None
                for login in press.report.logins
                if login in press.open
            }
        )

    def at(self, movement: Movement) -> float:
        return (movement.at_ns - self.start_ns) / 1e9
