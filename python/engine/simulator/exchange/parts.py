"""What the exchange of one login is made of, put together. Nothing happens here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.simulator.exchange.admission import Admission
from engine.simulator.exchange.agenda import Agenda
from engine.simulator.exchange.bars import History
from engine.simulator.exchange.book import OrderBook
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.clearing import Clearing
from engine.simulator.exchange.endings import Endings
from engine.simulator.exchange.floor import Floor
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.power import BuyingPower
from engine.simulator.exchange.prices import draw
from engine.simulator.exchange.settings import AccountSpec, Behaviour
from engine.simulator.exchange.states import OrderStates
from engine.simulator.exchange.tape import Tape
from engine.simulator.exchange.ticks import TimeAndSales
from engine.simulator.exchange.valuation import Valuation
from engine.simulator.exchange.volumes import Volumes
from engine.simulator.exchange.watch import Watch

_FIRST_PERM_ID = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Each has its own file, which says what it is for."""

    catalogue: Catalogue
    tape: Tape
    markets: Markets
    book: OrderBook
    clearing: Clearing
    valuation: Valuation
    history: History
    volumes: Volumes
    sales: TimeAndSales
    states: OrderStates
    endings: Endings
    floor: Floor
    admission: Admission
    power: BuyingPower


def assemble(
    *, seed: int, start_ns: int, accounts: Sequence[AccountSpec], catalogue: Catalogue, behaviour: Behaviour
) -> Parts:
    """The parts of an exchange at its start, its first positions on the watch for their expiry."""
    tape, agenda = Tape(start_ns), Agenda()
    markets = Markets(seed=seed, start_ns=start_ns, catalogue=catalogue, behaviour=behaviour)
    book = OrderBook(_FIRST_PERM_ID + draw(seed, 9) % 1_000_000_000)
    clearing = Clearing(
        seed=seed, start_ns=start_ns, accounts=accounts, catalogue=catalogue, markets=markets, behaviour=behaviour
    )
    valuation = Valuation(ledgers=clearing.ledgers.values(), catalogue=catalogue, markets=markets)
    volumes = Volumes(seed=seed, markets=markets)
    states = OrderStates(tape, book)
    endings = Endings(tape=tape, agenda=agenda, markets=markets, book=book, clearing=clearing, states=states)
    floor = Floor(
        tape=tape,
        agenda=agenda,
        markets=markets,
        book=book,
        clearing=clearing,
        states=states,
        endings=endings,
        behaviour=behaviour,
        watch=Watch(markets=markets, catalogue=catalogue, clearing=clearing, valuation=valuation, volumes=volumes),
    )
    for spec in accounts:
        for holding in spec.holdings:
            endings.watch(catalogue[holding.con_id])
    return Parts(
        catalogue=catalogue,
        tape=tape,
        markets=markets,
        book=book,
        clearing=clearing,
        valuation=valuation,
        volumes=volumes,
        history=History(start_ns=start_ns, markets=markets, volumes=volumes),
        sales=TimeAndSales(markets),
        states=states,
        endings=endings,
        floor=floor,
        admission=Admission(catalogue=catalogue, markets=markets, book=book, clearing=clearing),
        power=BuyingPower(markets=markets, clearing=clearing, valuation=valuation),
    )
