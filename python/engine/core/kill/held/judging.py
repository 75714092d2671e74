"""How long must a position stand, read after read, before it is believed? Pure; times are arguments.

| the read …                                              | believed …                                       |
| ------------------------------------------------------- | ------------------------------------------------ |
| obeys the law                                            | at once                                          |
| obeys it, but a trade may not show in it yet             | after the patience it was unsettled with; others |
|                                                          | trading on does not make it longer               |
| obeys it, with fills of our own which may as well be     | … and not before `reduced_lag_ns` since those    |
| what may not have shown yet                              | fills                                            |
| may miss an order that is gone without a word            | like any; closed is what is there in either case |
| is less than each of another kill's closes, which alone  |                                                  |
| traded before it                                         | at once                                          |
| shows our own fills, and no trades just before the kill  |                                                  |
| could be mistaken for a part of them                     | at once                                          |
| can only be what all trades, those just before the kill  |                                                  |
| included or excluded, come to                            | at once                                          |
| obeys it, but our own fills show `reduced_lag_ns` behind |                                                  |
| themselves, and may be trades to that side just before   |                                                  |
| the kill, which a later feed shows first                 | after `late_feed_ns`                             |
| breaks it, and no late feed explains that                | after `doubt_ns` and three reads                 |
| is zero without an execution, of everything at once or   |                                                  |
| of what is no option                                     | after `contradicted_ns` and three reads          |
| breaks it as a fill of ours would that nobody has told   | after `late_feed_ns` and three reads             |
| looks like a late view of others' executions             | after `late_feed_ns` and three reads             |
| is zero, and nothing but another kill's closes, filled   |                                                  |
| whole, is told behind it: to one side, or by one kill    | after `late_feed_ns` and three reads             |
| is zero, and executions say that something is there; or  |                                                  |
| has not moved by our fills, but trades before may be why | after `contradicted_ns` and three reads          |
| goes through trades that were believed lately            | not for `late_feed_ns` since then, zero neither  |
| is zero, and another kill was proven flat behind exactly |                                                  |
| the executions that are listed (proven.py)               | at once                                          |
| shows nothing of what another kill has closed, and is    |                                                  |
| not what its orders have left (hidden_closes.py)         | after `standing_feed_ns` from the close          |
| looks like a late view that misses our own fills         | never: a second close could cross zero; but like  |
|                                                          | others' for exactly what may be included or       |
|                                                          | excluded, and for what no executions, each whole  |
|                                                          | or not at all, come to without all of ours        |

What was traded just before the kill (`trades_before`) may be in the first read or not, and what was traded while
executions could not be read (`unsure`) in the position that was believed meanwhile or not. What was traded just before
leaves a part that is safe to close under either view, at once; the rest waits until it shows which one is right, and no
longer than since the trade itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine.core.kill.held.explaining import closed_by_others, in_pieces, maybe_missed, surely_shown, what_shows
from engine.core.kill.held.holding import Holding, Missed
from engine.core.kill.held.sums import hull
from engine.core.kill.held.traces import NOTHING, Flow, Key
from engine.core.kill.held.traded import Traded
from engine.core.kill.settings import KillSettings

ZERO = Decimal(0)
DOUBT_READS = 3
ENDS_UNTOLD = ("OPT", "FOP", "WAR", "IOPT")


@dataclass(slots=True)
class Judge:
    """Of one login's reads."""

    traded: Traded
    settings: KillSettings
    nothing_held: bool = False  # by the last read, of anything

    def see_executions(self, key: Key, holding: Holding) -> None:
        """Executions are known again. Those that are new may be older than the position that was believed."""
        holding.blind = False
        new = self.traded.since.get(key, NOTHING)
        if new != holding.base_foreign:
            holding.shows.discard(Missed.UNSURE)
            holding.unsure = unsure = new.since(holding.base_foreign)
            holding.base_foreign = new
            holding.unsettle(self.traded.recent.lag_ns(unsure, holding.position))

    def judge(self, key: Key, holding: Holding, quantity: Decimal, now_ns: int) -> None:
        """Believe the read, or start (or go on) doubting it."""
        agreeing = quantity == holding.position and key not in self.traded.anew and holding.doubted_since_ns is not None
        self.traded.anew.discard(key)
        holding.position = quantity
        if not holding.settled and holding.unsettled_ns is None:
            holding.unsettled_ns = now_ns
        if holding.own_seen_ns is None:
            holding.own_seen_ns = now_ns
        expected = self.traded.expected(key, holding)
        lawful = quantity == expected
        shown = surely_shown(self.traded, key, holding, expected)
        began_ns = holding.doubted_since_ns if agreeing and holding.doubted_since_ns is not None else now_ns
        late = lawful and not shown and self._shows_late(key, holding, began_ns)
        if shown or (lawful and holding.settled and not late):
            self._believe(key, holding, now_ns)
            holding.shows |= shown
            if shown and Missed.LATE in maybe_missed(self.traded, key, holding):
                holding.unsettle(self.settings.expected_lag_ns)  # the rest may still come
                holding.recent_only = True
            return
        if holding.doubted_since_ns is None or not agreeing:
            holding.doubted_since_ns = now_ns
            holding.agreeing_reads = 0
        holding.agreeing_reads += 1
        if late and now_ns - holding.doubted_since_ns < self.settings.late_feed_ns:
            return
        if lawful and self._may_miss_own(key, holding, now_ns):
            return
        if lawful and self._traded_on(key, holding, now_ns):
            self._believe(key, holding, now_ns)
            return
        patience_ns = self._given_ns(key, holding) if lawful else self._patience_ns(key, holding, now_ns)
        if patience_ns is None or now_ns - holding.doubted_since_ns < patience_ns:
            return
        if lawful or holding.agreeing_reads >= DOUBT_READS:
            explaining = what_shows(self.traded, key, holding, expected)
            holding.shows |= explaining  # and explain nothing later
            self._believe(key, holding, now_ns)

    def take_as_proven(self, key: Key, holding: Holding, now_ns: int) -> None:
        """What it shows is all that there is: every trade that could be missing is in it."""
        holding.shows |= {Missed.RECENT, Missed.LATE, Missed.UNSURE}
        self._believe(key, holding, now_ns)

    def _given_ns(self, key: Key, holding: Holding) -> int:
        """How long what obeys the law has to stand. The long time is for what looks as before another kill's closes:
        it is over when something else shows."""
        if self.traded.closes.may_miss_one(key, holding.position, self.traded.traces):
            return holding.patience_ns
        return min(holding.patience_ns, max(self.settings.expected_lag_ns, self.settings.reduced_lag_ns))

    def _may_miss_own(self, key: Key, holding: Holding, now_ns: int) -> bool:
        """What shows may be a trade just before ours, and ours still to come: as long as a feed may be late by them.
        Not where it began to show when that trade had had its time."""
        own, since_ns = self.traded.own_since(key, holding), holding.doubted_since_ns
        missed = (part for flow in maybe_missed(self.traded, key, holding).values() for part in flow)
        if holding.settled or not any(ours * part > ZERO for part in missed for ours in own):
            return False
        assert since_ns is not None and holding.unsettled_ns is not None and holding.own_seen_ns is not None
        in_time = since_ns - holding.unsettled_ns < self._given_ns(key, holding)
        return in_time and now_ns - holding.own_seen_ns < self.settings.reduced_lag_ns

    def _shows_late(self, key: Key, holding: Holding, began_ns: int) -> bool:
        """Our own fills show at last, long behind themselves: the feed is later than the time after which trades just
        before the kill were taken to be in the first position. It may be those that show, and ours still to come."""
        own = self.traded.own_since(key, holding)
        missed = (part for flow in maybe_missed(self.traded, key, holding).values() for part in flow)
        assert holding.own_seen_ns is not None
        return began_ns - holding.own_seen_ns > self.settings.reduced_lag_ns and any(
            ours * part > ZERO for part in missed for ours in own
        )

    def _traded_on(self, key: Key, holding: Holding, now_ns: int) -> bool:
        """Others trade on, and no two reads are alike: none of them could ever stand for as long as it takes. One that
        obeys the law when what may have been missed has had its time is as good."""
        if self.traded.foreign_since(key, holding) == NOTHING or holding.unsettled_ns is None:
            return False
        return now_ns - holding.unsettled_ns >= self._given_ns(key, holding)

    def _patience_ns(self, key: Key, holding: Holding, now_ns: int) -> int | None:
        """How long a position that executions do not explain must stand; None: it is not believed."""
        own = self.traded.own_since(key, holding)
        missed = [part for flow in maybe_missed(self.traded, key, holding).values() for part in flow]
        # any part of which a late feed may not show
        maybe = self.traded.maybe.get(key, NOTHING)
        low, high = hull((*own, *self.traded.foreign_since(key, holding), *missed, *maybe))
        moved = holding.position - holding.base
        if not low <= moved <= high:
            echo = self._echo(holding, now_ns)  # a late feed may go through these once more
            low, high = low - echo.bought, high - echo.sold
            sold, bought = self.traded.in_flight.get(key, (ZERO, ZERO))
            if low + sold <= moved <= high + bought:  # a fill of ours that nobody has told yet?
                return self.settings.late_feed_ns
            return self.settings.contradicted_ns if self._vanished(holding) else self.settings.doubt_ns
        if self.traded.closes.may_miss_one(key, holding.position, self.traded.traces):
            return self.settings.standing_feed_ns
        if own == NOTHING and holding.position != ZERO:
            return self.settings.late_feed_ns
        if what_shows(self.traded, key, holding, self.traded.expected(key, holding)):
            return self.settings.late_feed_ns if moved != ZERO else self.settings.contradicted_ns
        if holding.position == ZERO:  # nothing would be sent, but it would be called flat
            return (
                self.settings.late_feed_ns
                if closed_by_others(self.traded, key, holding)
                else self.settings.contradicted_ns
            )
        if self._echo(holding, now_ns) != NOTHING or in_pieces(self.traded, key, holding):
            return None  # a feed that misses some of our own fills would look like this
        return self.settings.late_feed_ns

    def _vanished(self, holding: Holding) -> bool:
        """Gone without an execution: an option can end so, by exercise, assignment or expiry. What else is held cannot,
        nor can everything at once: a TWS that has not loaded the account shows none of it."""
        return holding.position == ZERO and (self.nothing_held or holding.contract.sec_type not in ENDS_UNTOLD)

    def _echo(self, holding: Holding, now_ns: int) -> Flow:
        """What a late feed may still go through."""
        return holding.echo if now_ns - holding.echo_ns < self.settings.late_feed_ns else NOTHING

    def _believe(self, key: Key, holding: Holding, now_ns: int) -> None:
        sold, bought = hull((*self.traded.own_since(key, holding), *self.traded.foreign_since(key, holding)))
        if sold or bought:
            echo = self._echo(holding, now_ns)
            holding.echo, holding.echo_ns = Flow(echo.bought + bought, echo.sold + sold), now_ns
        holding.base = holding.position
        holding.base_foreign = self.traded.since.get(key, NOTHING)
        holding.base_own = self.traded.own.get(key, NOTHING)
        holding.blind = not self.traded.known
        holding.settled = True
        holding.doubted_since_ns = None
