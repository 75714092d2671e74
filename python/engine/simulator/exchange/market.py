"""The markets: where each contract is quoted at an instant, whether it trades, and how much there is to take.

Prices exist only when somebody asks. While a market is closed its price stands where the session left it.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec

from engine.simulator.exchange import combos, options
from engine.simulator.exchange.calendars import Calendar
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.prices import PricePath, Walk, draw
from engine.simulator.exchange.settings import Behaviour, Market

ZERO = Decimal(0)
_PLAIN = Market()
_DISPLAY_SIZE_MAX = 500


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A contract's market at one instant. None: there is no such side."""

    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal
    ask_size: Decimal
    last: Decimal
    close: Decimal  # of the last session that has ended
    halted: bool
    is_open: bool  # in its whole trading session


class Phase(msgspec.Struct, frozen=True):
    """A stretch of time in which a calendar's market is open, or closed since `since_ns`."""

    from_ns: int
    to_ns: int
    is_open: bool


class Markets:
    """Prices, sessions, halts and liquidity of every contract."""

    def __init__(self, *, seed: int, start_ns: int, catalogue: Catalogue, behaviour: Behaviour) -> None:
        self._seed, self._start_ns, self._step_ns = seed, start_ns, behaviour.step_ns
        self._moves = behaviour.moves
        self._catalogue = catalogue
        self._walks: dict[str, Walk] = {}
        self._paths: dict[int, PricePath] = {}
        self._settings: dict[int, Market] = {}
        self._halted: set[int] = set()
        self._phases: dict[tuple[str, bool], Phase] = {}
        self._taken: dict[tuple[int, int], tuple[int, Decimal]] = {}
        self._last: dict[int, tuple[int, Decimal]] = {}
        self._touches: dict[int, tuple[int, Decimal | None, Decimal | None]] = {}
        self._closes: dict[int, tuple[int, Decimal]] = {}
        self.revision = 0  # how often a hand has changed prices
        self.depth: Decimal | None = behaviour.depth

    # ---- sessions

    def phase(self, calendar: Calendar, at_ns: int, *, liquid: bool = False) -> Phase:
        """The open or closed stretch that holds this instant."""
        key = (calendar.name, liquid)
        known = self._phases.get(key)
        if known is not None and known.from_ns <= at_ns < known.to_ns:
            return known
        coming = calendar.current_or_next(at_ns, liquid=liquid)
        if coming.start_ns <= at_ns:
            found = Phase(coming.start_ns, coming.end_ns, True)
        else:
            found = Phase(calendar.current_or_last(at_ns, liquid=liquid).end_ns, coming.start_ns, False)
        self._phases[key] = found
        return found

    def is_open(self, instrument: Instrument, at_ns: int, *, liquid: bool = False) -> bool:
        """A combination trades while all its legs do."""
        if self.settings(instrument.con_id).closed:
            return False
        if not self.phase(instrument.calendar, at_ns, liquid=liquid).is_open:
            return False
        return all(self.is_open(leg.instrument, at_ns) for leg in instrument.legs)

    def session_end_ns(self, instrument: Instrument, at_ns: int, *, liquid: bool) -> int:
        """When the session that holds this instant, or else the next one, ends."""
        phase = self.phase(instrument.calendar, at_ns, liquid=liquid)
        if phase.is_open:
            return phase.to_ns
        return instrument.calendar.current_or_next(at_ns, liquid=liquid).end_ns

    def next_open_ns(self, instrument: Instrument, at_ns: int, *, liquid: bool) -> int:
        """When the next session after this instant opens."""
        phase = self.phase(instrument.calendar, at_ns, liquid=liquid)
        if not phase.is_open:
            return phase.to_ns
        return instrument.calendar.current_or_next(phase.to_ns, liquid=liquid).start_ns

    # ---- what a scenario may do

    def settings(self, con_id: int) -> Market:
        return self._settings.get(con_id, _PLAIN)

    def is_halted(self, instrument: Instrument) -> bool:
        """A combination is halted with any of its legs."""
        return any(part.instrument.con_id in self._halted for part in instrument.parts)

    def set_market(self, con_id: int, market: Market, now_ns: int) -> None:
        self._settings[con_id] = market
        if market.daily_move_pct is not None:
            instrument = self._catalogue[con_id]
            self._pin_now(instrument, self._price(instrument, now_ns), now_ns)
        self._forget_prices()

    def set_price(self, con_id: int, price: Decimal, now_ns: int) -> None:
        """Let the contract trade at this price now, and move on from there; of a combination, by its first leg."""
        instrument = self._catalogue[con_id]
        if instrument.legs:
            price = combos.first_leg_price(instrument, price, partial(self.last, at_ns=now_ns))
            instrument = instrument.legs[0].instrument
        self._pin_now(instrument, price, now_ns)
        self._forget_prices()

    def moved_with(self, con_id: int) -> set[int]:
        """The contracts whose own prices a hand moves when it sets this one's."""
        instrument = self._catalogue[con_id]
        return {con_id, instrument.parts[0].instrument.con_id}

    def instrument(self, con_id: int) -> Instrument:
        return self._catalogue[con_id]

    def underlying_of(self, con_id: int) -> int:
        """The contract whose price this one's follows; 0: none."""
        return self._catalogue[con_id].under_con_id

    def script_price(self, con_id: int, price: Decimal, at_ns: int) -> None:
        """Let the contract trade at this price at a later instant, whatever is scripted for its underlying then."""
        instrument = self._catalogue[con_id]
        self._path(instrument).pin(at_ns, price, self._daily_move(instrument))
        self._forget_prices()

    def halt(self, con_id: int, now_ns: int) -> None:
        instrument = self._catalogue[con_id]
        self._halted.add(con_id)
        self._pin_now(instrument, self._price(instrument, now_ns), now_ns, frozen=True)
        self._forget_prices()

    def resume(self, con_id: int, now_ns: int) -> None:
        instrument = self._catalogue[con_id]
        self._halted.discard(con_id)
        self._pin_now(instrument, self._price(instrument, now_ns), now_ns)
        self._forget_prices()

    def _pin_now(self, instrument: Instrument, price: Decimal, now_ns: int, *, frozen: bool = False) -> None:
        move = ZERO if frozen else self._daily_move(instrument)
        model = self._model(instrument, now_ns) if instrument.is_option else None
        self._path(instrument).pin(now_ns, price, move, frozen=frozen, model=model)

    # ---- prices

    def last(self, instrument: Instrument, at_ns: int) -> Decimal:
        """The last traded price, on the grid: what positions are marked at."""
        known = self._last.get(instrument.con_id)
        if known is not None and known[0] == at_ns:
            return known[1]
        price = instrument.rule.floor(self._price(instrument, at_ns))
        self._last[instrument.con_id] = (at_ns, price)
        return price

    def quote(self, instrument: Instrument, at_ns: int) -> Quote:
        bid, ask = self.touch(instrument, at_ns)
        phase = self.phase(instrument.calendar, at_ns)
        sizes = draw(self._seed, instrument.con_id, self._step(at_ns), 1)
        return Quote(
            bid=bid,
            ask=ask,
            bid_size=ZERO if bid is None else Decimal(1 + sizes % _DISPLAY_SIZE_MAX),
            ask_size=ZERO if ask is None else Decimal(1 + (sizes >> 32) % _DISPLAY_SIZE_MAX),
            last=self.last(instrument, at_ns),
            close=self._close(instrument, phase),
            halted=self.is_halted(instrument),
            is_open=self.is_open(instrument, at_ns),
        )

    def touch(self, instrument: Instrument, at_ns: int) -> tuple[Decimal | None, Decimal | None]:
        """Best bid and ask."""
        known = self._touches.get(instrument.con_id)
        if known is None or known[0] != at_ns:
            known = self._touches[instrument.con_id] = (at_ns, *self._touch(instrument, at_ns))
        return known[1], known[2]

    def _touch(self, instrument: Instrument, at_ns: int) -> tuple[Decimal | None, Decimal | None]:
        if instrument.legs:
            return combos.touch(instrument, partial(self.touch, at_ns=at_ns))
        last = self.last(instrument, at_ns)
        settings = self.settings(instrument.con_id)
        ticks = settings.spread_ticks if settings.spread_ticks is not None else instrument.spread_ticks
        tick = instrument.rule.increment_at(last)
        bid = instrument.rule.floor(last - ticks // 2 * tick)
        ask = instrument.rule.ceil(bid + ticks * tick)
        worthless = bid <= 0 and not instrument.may_be_negative
        return (
            None if settings.no_bid or worthless else bid,
            None if settings.no_ask else (max(ask, tick) if worthless else ask),
        )

    def next_change_ns(self, instrument: Instrument, after_ns: int) -> int | None:
        """The first instant after this one at which the contract's price may differ."""
        if instrument.legs:
            changes = [self.next_change_ns(leg.instrument, after_ns) for leg in instrument.legs]
            return min((at_ns for at_ns in changes if at_ns is not None), default=None)
        own = self._path(instrument).next_change_ns(after_ns)
        if not instrument.is_option:
            return own
        candidates = [own, self.next_change_ns(self._catalogue[instrument.under_con_id], after_ns)]
        if instrument.expiry_ns is not None and after_ns < instrument.expiry_ns:
            days = options.days_left(instrument.expiry_ns, after_ns)
            candidates.append(instrument.expiry_ns - (days - 1) * options.NS_PER_DAY)
        return min((at_ns for at_ns in candidates if at_ns is not None), default=None)

    # ---- liquidity

    def available(self, instrument: Instrument, sign: int, at_ns: int) -> Decimal | None:
        """How much can still be bought (sign 1) or sold (-1) in this step. None: any amount."""
        if instrument.legs:
            offers = [(leg.ratio, self.available(leg.instrument, sign * leg.sign, at_ns)) for leg in instrument.legs]
            return min((offer // ratio for ratio, offer in offers if offer is not None), default=None)
        own_depth = self.settings(instrument.con_id).depth
        depth = own_depth if own_depth is not None else self.depth
        if depth is None:
            return None
        if depth < 1:
            return ZERO
        step = self._step(at_ns)
        offered = Decimal(1 + draw(self._seed, instrument.con_id, step, 3 + sign) % int(depth))
        taken_step, taken = self._taken.get((instrument.con_id, sign), (step, ZERO))
        return offered - taken if taken_step == step else offered

    def take(self, instrument: Instrument, sign: int, at_ns: int, quantity: Decimal) -> None:
        step = self._step(at_ns)
        for part in instrument.parts:
            key = (part.instrument.con_id, sign * part.sign)
            taken_step, taken = self._taken.get(key, (step, ZERO))
            self._taken[key] = (step, (taken if taken_step == step else ZERO) + quantity * part.ratio)

    def next_step_ns(self, after_ns: int) -> int:
        return self._start_ns + (self._step(after_ns) + 1) * self._step_ns

    # ---- inside

    def _step(self, at_ns: int) -> int:
        return (at_ns - self._start_ns) // self._step_ns

    def _price(self, instrument: Instrument, at_ns: int) -> Decimal:
        """Where the price stands; in a closed market, where the session or a later script left it."""
        if instrument.legs:
            return combos.price(instrument, partial(self._price, at_ns=at_ns))
        path = self._path(instrument)
        phase = self.phase(instrument.calendar, at_ns)
        if not phase.is_open:
            at_ns = max(phase.from_ns - 1, path.pin_at(at_ns).at_ns)
        price = path.at(at_ns)
        if not instrument.is_option:
            return price if instrument.may_be_negative else max(price, instrument.min_tick)
        pin = path.pin_at(at_ns)
        if not pin.is_frozen:  # an option moves with its model from where a script left it
            price += self._model(instrument, at_ns)
            if pin.is_scripted:
                price -= self._model(instrument, pin.at_ns) if pin.model is None else pin.model
        return max(price, ZERO)

    def _forget_prices(self) -> None:
        self.revision += 1
        self._last.clear()
        self._touches.clear()

    def _close(self, instrument: Instrument, phase: Phase) -> Decimal:
        known = self._closes.get(instrument.con_id)
        if known is None or known[0] != phase.from_ns:
            price = instrument.rule.floor(self._price(instrument, phase.from_ns - 1))
            known = self._closes[instrument.con_id] = (phase.from_ns, price)
        return known[1]

    def _model(self, instrument: Instrument, at_ns: int) -> Decimal:
        underlying = self._catalogue[instrument.under_con_id]
        return options.value(instrument, self._price(underlying, at_ns), at_ns)

    def _daily_move(self, instrument: Instrument) -> Decimal:
        scripted = self.settings(instrument.con_id).daily_move_pct
        if scripted is not None:
            return scripted
        return instrument.daily_move_pct if self._moves and not instrument.is_option else ZERO

    def _path(self, instrument: Instrument) -> PricePath:
        found = self._paths.get(instrument.con_id)
        if found is None:
            walk = self._walks.get(instrument.price_key)
            if walk is None:
                walk = self._walks[instrument.price_key] = Walk(self._seed, instrument.price_key)
            found = self._paths[instrument.con_id] = PricePath(
                walk,
                start_ns=self._start_ns,
                step_ns=self._step_ns,
                price=instrument.reference_price,
                daily_move_pct=self._daily_move(instrument),
            )
        return found
