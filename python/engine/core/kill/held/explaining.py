"""What could a read of a position be: what it should be, with what missing, and what else could look like it? Pure.

A feed shows trades in their order and each of them whole; which of them it shows already nobody says. How long to wait
where more than one answer fits is not decided here (judging.py).
"""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

from engine.core.kill.held.holding import Holding, Missed
from engine.core.kill.held.sums import SUMS_MAX, hull, sums_of_any, sums_of_some
from engine.core.kill.held.traces import NOTHING, Flow, Key
from engine.core.kill.held.traded import Traded

ZERO = Decimal(0)


def maybe_missed(traded: Traded, key: Key, holding: Holding) -> dict[Missed, Flow]:
    """Trades that the base contains or not."""
    late = traded.recent.late.get(key, NOTHING)
    flows = {
        Missed.RECENT: traded.recent.flows.get(key, NOTHING).since(late),
        Missed.LATE: late,
        Missed.UNSURE: holding.unsure,
    }
    return {which: flow for which, flow in flows.items() if flow != NOTHING and which not in holding.shows}


def surely_shown(traded: Traded, key: Key, holding: Holding, expected: Decimal) -> set[Missed]:
    """Which of them the read contains, for nothing else looks like it."""
    lawful = holding.recent_only and holding.position == expected
    if lawful and (_left_behind(traded, key, holding) or _only_closed(traded, key, holding)):
        return {Missed.RECENT, Missed.LATE}
    return _caught_up(traded, key, holding, expected)


def what_shows(traded: Traded, key: Key, holding: Holding, expected: Decimal) -> set[Missed]:
    """Which of them the position shows beside all that has been traded since; the fewest that explain it."""
    flows = maybe_missed(traded, key, holding)
    choices = (some for count in range(len(flows) + 1) for some in combinations(flows, count))
    unseen = holding.position - expected
    return next((set(some) for some in choices if sum(flows[which].net for which in some) == unseen), set())


def _caught_up(traded: Traded, key: Key, holding: Holding, expected: Decimal) -> set[Missed]:
    """The base missed what it may have missed; now exactly that shows, and nothing else looks like it: not a part
    of what was missed together with a part of what has been traded since. A base that has stood long enough is
    closed from: there it may as well be a fill of our own that nobody has told yet."""
    shown = set() if holding.settled else what_shows(traded, key, holding, expected)
    missed = holding.position - expected
    low, high = hull(part for flow in maybe_missed(traded, key, holding).values() for part in flow)
    moved = expected - holding.base
    moved_low, moved_high = hull((*traded.own_since(key, holding), *traded.foreign_since(key, holding)))
    unique = (missed == low or moved == moved_high) and (missed == high or moved == moved_low)
    return shown if unique and _nothing_cancels_out(traded, key, holding) else set()


def _nothing_cancels_out(traded: Traded, key: Key, holding: Holding) -> bool:
    """Of what may have been missed, only all comes to what all comes to: without some of it a part could look the
    same, and the rest would still come."""
    flows = maybe_missed(traded, key, holding)
    if ZERO in (sum(flow.bought for flow in flows.values()), sum(flow.sold for flow in flows.values())):
        return True
    sums = sums_of_any(traded.recent.sizes(key)) if flows.keys() == {Missed.RECENT} else None
    return sums is not None and ZERO not in sums


def _left_behind(traded: Traded, key: Key, holding: Holding) -> bool:
    """The base contained what was traded just before it: without that, the position could not be what it is.

    A feed shows trades in their order, and each whole: what was traded before ours shows before ours. So our own
    fills could look like themselves, with a trade missing that was before them, only where some of them are as
    much as some of those.
    """
    if traded.since.get(key, NOTHING) != holding.base_foreign:
        return False
    own, recent = traded.own_since(key, holding), traded.recent.flows.get(key, NOTHING)
    if not any(ours * part > ZERO for ours in own for part in recent):
        return own != NOTHING  # they went the other way
    pieces = [signed for owner, signed in traded.own_executions.values() if owner == key]
    if key in traded.recent.late or sum(pieces, ZERO) != own.net:
        return False  # how they were executed is not known
    ours, theirs = sums_of_any(pieces), sums_of_any(traded.recent.sizes(key))
    return ours is not None and theirs is not None and ours.isdisjoint(theirs)


def _only_closed(traded: Traded, key: Key, holding: Holding) -> bool:
    """Nothing is left, and all that has traded is another kill's closes, to one side: they end at zero."""
    if holding.position != ZERO or key in traded.mixed or traded.own_since(key, holding) != NOTHING:
        return False
    recent, since = traded.recent.flows.get(key, NOTHING), traded.since.get(key, NOTHING)
    return ZERO in (recent.bought + since.bought, recent.sold + since.sold)


def closed_by_others(traded: Traded, key: Key, holding: Holding) -> bool:
    """Zero, and executions of another kill's closes that are told behind it: it contained them, for a close opens
    nothing. Not where such an order has something left, which says that something is there. To both sides it has closed
    only where something moved the position that no execution tells (an assignment); then its last order has to say that
    nothing was left."""
    if key in traded.maybe or traded.closes.have_left(key, traded.traces):
        return False
    return _only_closed(traded, key, holding) or _closed_at_last(traded, key, holding)


def _closed_at_last(traded: Traded, key: Key, holding: Holding) -> bool:
    """Nothing but one kill's closes has traded, and the last of them has ended at nothing by its own mark."""
    only_theirs = key not in traded.mixed and traded.own_since(key, holding) == NOTHING
    return only_theirs and holding.position == ZERO and traded.closes.ended_at_nothing(key, traded.traces)


def in_pieces(traded: Traded, key: Key, holding: Holding) -> bool:
    """A feed shows each execution whole or not at all: could some of them together, or none, have moved the
    position so, without all of our own among them? What only orders have told, and what may have traded beyond that,
    came in pieces that nobody knows: any part of it may show. Where not all of ours are known one by one, anything
    could."""
    own = traded.own_pieces_since(key, holding)
    if own is None:
        return True
    ours = sums_of_some(own)
    theirs = sums_of_any(signed for _, owner, signed in traded.foreign.values() if owner == key)
    if ours is None or theirs is None or len(ours) * len(theirs) > SUMS_MAX:
        return True
    vague = (signed for _, owner, signed in traded.traces.hidden() if owner == key)
    low, high = hull((*vague, *traded.maybe.get(key, NOTHING)))
    moved = holding.position - holding.base
    return any(low <= moved - part - some <= high for part in {ZERO, *theirs} for some in ours)
