"""What the broker's objections have taught about one contract: what the next closing order has to do differently.

Pure. A lesson is learned once for each order that failed, when that order is over; a success forgets the impatience
but not the lesson.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from engine.core.kill.closes.reactions import Reaction, Remedy
from engine.core.kill.closes.routing import LEVEL_MAX, LEVEL_MIN
from engine.core.kill.commands import OrderType, Place
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import KillSettings

MAY_PASS = frozenset({ResidueReason.HALTED, ResidueReason.READ_ONLY})
"""What can change within minutes, by the exchange or by a hand in TWS's settings: tried until the deadline."""

RETRY_DOUBLINGS_MAX = 4
SAME_AGAIN_MAX = 2  # then a market order that is refused for a reason nobody has a remedy for becomes a limit


@dataclass(slots=True)
class Lessons:
    """`reason` and `detail` say why the contract is not closed yet, in the broker's words where there are any."""

    settings: KillSettings
    reason: ResidueReason | None = None
    detail: str = ""
    given_up: bool = False  # only a person can close it
    not_before_ns: int = 0
    tries: int = 0  # failures without any progress
    market_refused: bool = False
    too_far: bool = (
        False  # a market order was, through a thin market: a limit, or the same again where no quote is live
    )
    market_idle: bool = False  # market orders come to nothing in an open market: a limit, where a live quote gives one
    hours_over: bool = False  # an order that stays inside regular hours would wait for the next ones
    level: int = 0  # how far through the market a limit has to go …
    level_max: int = LEVEL_MAX  # … and how far the broker lets it go
    coarser: int = 0  # price grids that were refused
    size_max: Decimal | None = None
    whole: bool = False  # fractions were refused
    lot: bool = False  # a size was refused that is not a multiple of the contract's size step
    alone: bool = False  # the group's contract details did not serve …
    ask_alone: bool = False  # … and this contract's own are still to be asked for

    @property
    def wants_limit(self) -> bool:
        return self.market_refused or self.market_idle or self.too_far

    def further(self) -> int:
        """The next level of a limit that has not filled."""
        return min(self.level + 1, self.level_max)

    def no_further(self) -> None:
        """The order lives, but its price is as far through the market as the broker lets it be."""
        self.level_max = min(self.level_max, self.level)

    def objection(self, reaction: Reaction, code: int, text: str) -> None:
        self.reason = reaction.reason
        self.detail = "" if reaction.reason is ResidueReason.CLOSE_CANCELLED else f"{code}: {text}"

    def no_price(self, why: str, *, newest: bool) -> None:
        """No limit can be priced. `newest`: that is told behind what was known of it before, too."""
        if not self.detail:
            self.detail = why
        elif newest and "the quote is" not in self.detail:
            self.detail = f"{self.detail}; {why}"

    def learn(self, reaction: Reaction, place: Place, now_ns: int) -> None:
        """Change what the broker objected to in `place`, and wait a little longer each time."""
        if reaction.remedy is Remedy.NONE:
            self.wait(now_ns, self.settings.retry_first_ns)
            return
        self.tries += 1
        if self.reason is ResidueReason.MARKET_CLOSED and (place.outside_rth or place.contract.sec_type != "STK"):
            self.given_up = True  # it would wait for the next session, and there is no other way to trade it now
        self.hours_over = self.hours_over or self.reason is ResidueReason.MARKET_CLOSED
        self._mend(reaction.remedy, place)
        thin = reaction.remedy is Remedy.THIN and place.limit_price is None
        may_pass = self.reason in MAY_PASS or reaction.remedy is Remedy.OTHERWISE or thin
        worn_out = self.tries >= self.settings.tries_max and not may_pass
        self.given_up = self.given_up or worn_out
        self.wait(now_ns, self.settings.retry_first_ns * 2 ** min(self.tries - 1, RETRY_DOUBLINGS_MAX))

    def _mend(self, remedy: Remedy, place: Place) -> None:
        match remedy:
            case Remedy.LIMIT:
                self.market_refused = True
            case Remedy.THIN if place.limit_price is None:
                self.too_far = True
            case Remedy.NEARER | Remedy.THIN:
                self._come_nearer(place)
            case Remedy.COARSER:
                self.coarser += 1
            case Remedy.SMALLER:
                self._halve(place.quantity)
            case Remedy.WHOLE:
                self.given_up = self.given_up or place.quantity % 1 == 0  # whole units were sent already
                self.whole = True
            case Remedy.LOT if not self.lot:
                self.lot = True
            case Remedy.LOT:
                self._halve(place.quantity)
            case Remedy.REROUTE:
                self.alone = self.ask_alone = True
            case Remedy.GIVE_UP:
                self.given_up = self.given_up or self.reason not in MAY_PASS
            case Remedy.OTHERWISE if place.order_type is OrderType.MARKET:
                self.market_idle = self.market_idle or self.tries >= SAME_AGAIN_MAX
            case _:
                pass

    def _come_nearer(self, place: Place) -> None:
        """A price was too far through the market, or further than TWS's precautions allow: never that far again."""
        if place.limit_price is not None:
            self.level_max = max(self.level - 1, LEVEL_MIN)
            self.level = self.level_max
        self.market_refused = True

    def _halve(self, quantity: Decimal) -> None:
        self.size_max = (quantity / 2).to_integral_value(ROUND_CEILING)
        if self.size_max < quantity:
            self.tries = 0  # it cannot go on for long, and one of them will pass

    def wait(self, now_ns: int, wait_ns: int) -> None:
        self.not_before_ns = now_ns + wait_ns

    def succeeded(self) -> None:
        self.tries = 0
        self.reason = None
        self.detail = ""

    def progress(self) -> None:
        self.tries = 0

    def leave(self, reason: ResidueReason, detail: str) -> None:
        """Leave it to a person."""
        self.given_up = True
        self.reason = reason
        self.detail = detail

    def others_filled(self, now_ns: int) -> None:
        """Something else filled: what was refused for margin may pass now, and gets one more try."""
        if self.reason is not ResidueReason.REJECTED:
            return
        self.not_before_ns = min(self.not_before_ns, now_ns)
        if self.given_up:
            self.given_up = False
            self.tries = self.settings.tries_max - 1
