"""From what a kill knows to what it reports. Pure; adds no judgement of its own about flat or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.core.contracts import short_name
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill.cancels.senders import Senders, stop
from engine.core.kill.closes.attempt import Attempt
from engine.core.kill.closes.item import Item, why_unseen
from engine.core.kill.held.ledger import Key, Ledger
from engine.core.kill.other_kills.rivals import Rivals
from engine.core.kill.outcome.ending import Ending
from engine.core.kill.outcome.evidence import describe
from engine.core.kill.outcome.notices import READ_ONLY_NOTE, Notices, in_words
from engine.core.kill.outcome.told_closed import ToldClosed
from engine.core.kill.report import LoginOutcome, LoginReport, ResidueItem, ResidueReason

ZERO = Decimal(0)
WHOLE_LOOK = ("open orders", "positions")  # without them there is none
NAMES_MAX = 3
NOT_LISTED = "by its trades; TWS's list shows none: look before you close it by hand"
FILLED_SINCE = "by this kill's fills nothing of it is left; TWS's last list shows it: look before you close it by hand"
OPEN_TO_US = (ResidueReason.OUT_OF_TIME, ResidueReason.ORDERS_UNREAD, ResidueReason.POSITION_UNCONFIRMED)
APART = "no lock keeps the two kills apart, as on two machines"
BOTH_SENT = (
    "both have sent orders and may have closed the same position: hold what is listed as closed against TWS, and press "
    "on one machine only"
)
SENT_NONE = "this one has sent no closing order"


@dataclass(slots=True, kw_only=True)
class Reporter:
    """The report of one login's kill, at whatever moment it is asked for."""

    name: str
    mode: str
    host: str
    port: int
    ending: Ending
    senders: Senders
    notices: Notices
    rivals: Rivals

    def report(self, accounts: tuple[str, ...], now_ns: int, *, resting: bool) -> LoginReport:
        """`resting`: the kill looks on, and sends nothing any more."""
        evidence, closing, ledger = self.ending.evidence, self.ending.closing, self.ending.ledger
        looking, ever_busy = self.ending.looking, self.ending.joining.ever_busy
        outcome = self.ending.told()
        flat = outcome is LoginOutcome.FLAT
        theirs = evidence.closed_by_others(joined=ever_busy)
        told = ToldClosed(closing, ledger, evidence.others_trades, theirs)
        held = {key: ledger.first_seen(key) for key in ledger.seen()}
        held |= {key: fact.quantity for key, fact in self._shown().items() if held.get(key, ZERO) == ZERO}
        held |= {key: closed.quantity for key, closed in theirs.items() if held.get(key, ZERO) == ZERO}
        cancelled = evidence.cancelled(held, looking.unread)
        return LoginReport(
            name=self.name,
            mode=self.mode,
            host=self.host,
            port=self.port,
            outcome=outcome,
            accounts=accounts,
            cancelled=cancelled,
            closed=told.closed(),
            partly_closed=told.partly(),
            residue=self._residue(outcome, now_ns, resting=resting),
            senders=self.senders.told(now_ns, evidence.pressed_ns),
            notes=(
                *self.notices.notes,
                *self._of_other_kills(any_cancelled=bool(cancelled)),
                *evidence.earlier_notes(),
                *evidence.notes(flat=flat),
                *list_may_be_short(looking.surveyor.failures),
                *self._of_orders_never_listed(),
            ),
            trouble="" if outcome in (LoginOutcome.FLAT, LoginOutcome.RESIDUE) else self._why_unknown(),
            joined=ever_busy and not closing.ever_placed and flat,
            timings=evidence.timings(),
            timeline=tuple(evidence.timeline),
        )

    def _of_orders_never_listed(self) -> tuple[str, ...]:
        """The cancel goes before the first list. Where none comes, nobody can name what it has taken."""
        cancelled = self.ending.evidence.timings().first_cancel_ms is not None
        if self.ending.looking.surveyor.orders_told or not cancelled:
            return ()
        return (
            "The global cancel was sent, and no list of orders could be read: orders that it has taken, protective "
            "stops among them, cannot be named",
        )

    def _of_other_kills(self, *, any_cancelled: bool) -> tuple[str, ...]:
        """Whose work what is listed may be, and what two may have done twice."""
        joining, met = self.ending.joining, self.rivals.met()
        if joining.has_right and met:
            what = BOTH_SENT if self.ending.closing.ever_placed else SENT_NONE
            return (f"closing orders of kill {', '.join(met)} were at work here too, and {APART}; {what}",)
        if not joining.ever_busy or not any_cancelled or self.ending.evidence.earlier:
            return ()
        who = f" ({joining.holder})" if joining.holder else ""
        return (f"another kill was at work here{who}: what is listed as cancelled may be its doing",)

    # what is left ---------------------------------------------------------------------------------------------------

    def _residue(self, outcome: LoginOutcome, now_ns: int, *, resting: bool) -> tuple[ResidueItem, ...]:
        """Everything that is open still, or may be, each with its one reason. Orders are those of the last look
        where it came to its end, and otherwise of the newest list there is."""
        whole = outcome is LoginOutcome.RESIDUE
        orders = self.ending.looking.orders if whole else self.ending.evidence.last_listed()
        shown = self._shown()
        seen = self.ending.ledger.seen()
        positions = [self._position(key, shown.get(key), now_ns, resting=resting) for key in seen]
        unsized = [self._unsized(fact) for key, fact in shown.items() if key not in seen]
        strays = map(_stray, self.ending.closing.strays)
        return (*filter(None, positions), *unsized, *map(_working, orders), *strays)

    def _shown(self) -> dict[Key, PositionFact]:
        """What is held by a list of positions that is newer than the last complete look."""
        return {self.ending.ledger.key_of(fact): fact for fact in self.ending.looking.shown.positions}

    def _unsized(self, fact: PositionFact) -> ResidueItem:
        """No complete look has shown it, so nothing has been sent for it."""
        reason, detail = self._in_the_way() or (self._not_begun(), "")
        return ResidueItem(
            account=fact.account,
            contract=fact.contract,
            quantity=fact.quantity,
            reason=reason,
            first_seen=fact.quantity,
            detail=detail,
        )

    def _position(self, key: Key, shown: PositionFact | None, now_ns: int, *, resting: bool) -> ResidueItem | None:
        """`shown`: by a list that is newer than the last complete look. That it shows nothing is not believed."""
        ledger = self.ending.ledger
        quantity = ledger.position(key) if shown is None else shown.quantity
        by_trades = quantity == ZERO and ledger.doubtful(key)
        if by_trades:
            quantity = ledger.expected(key)  # executions say so, and no list of positions shows it
        if quantity == ZERO:
            return None
        reason, detail = self._why_open(key, now_ns, resting=resting)
        if by_trades and reason is ResidueReason.POSITION_UNCONFIRMED:
            detail = NOT_LISTED  # whoever closes by hand what is not there opens something
        elif reason in OPEN_TO_US and ledger.expected(key) == ZERO and self.ending.closing.any_filled(key):
            reason, detail = ResidueReason.POSITION_UNCONFIRMED, FILLED_SINCE
        return ResidueItem(
            account=key[0],
            contract=ledger.contract(key),
            quantity=quantity,
            reason=reason,
            first_seen=ledger.first_seen(key),
            detail=detail,
        )

    def _why_open(self, key: Key, now_ns: int, *, resting: bool) -> tuple[ResidueReason, str]:
        """What stands in the way of everything comes before what stands in the way of this one."""
        item = self.ending.closing.items.get(key)
        if (of_all := self._in_the_way()) is not None:
            reason, detail = of_all
            return reason, detail or (item.lessons.detail if item is not None else "")
        doubtful = self.ending.ledger.doubtful(key)
        reason, detail = _reason(item, self.senders.still_in(key, now_ns), doubtful=doubtful, resting=resting)
        return (self._not_begun(), detail) if reason is ResidueReason.OUT_OF_TIME else (reason, detail)

    def _in_the_way(self) -> tuple[ResidueReason, str] | None:
        """Of every close of this login."""
        if not self.ending.reach.link_up:
            return ResidueReason.LINK_DOWN, ""
        if not self.ending.joining.may_close:
            return ResidueReason.ANOTHER_KILL, self.ending.joining.holder
        if READ_ONLY_NOTE in self.notices.notes:
            return ResidueReason.READ_ONLY, ""
        return None

    def _not_begun(self) -> ResidueReason:
        unread = self.ending.looking.surveyor.orders_unread
        return ResidueReason.ORDERS_UNREAD if unread else ResidueReason.OUT_OF_TIME

    def _why_unknown(self) -> str:
        if self.ending.reach.trouble:
            return self.ending.reach.trouble
        looking = self.ending.looking
        looked = looking.last is not None
        unread = tuple(map(in_words, looking.unread)) if looked else ()
        unloaded = self.ending.why_unloaded() if looked else ""
        return why_unknown(self.ending.ledger, looking.surveyor.failures, (*unread, unloaded))


def list_may_be_short(failures: Mapping[str, str]) -> tuple[str, ...]:
    """What the list of cancelled orders cannot have where TWS has not told its completed orders."""
    why = failures.get("completed orders")
    if why is None:
        return ()
    return (
        f"TWS has not told its completed orders ({why}): orders that were cancelled before the first list was read are "
        "missing among the cancelled",
    )


def why_unknown(ledger: Ledger, failures: Mapping[str, str], troubles: Iterable[str]) -> str:
    """`failures`: which reads failed last, and why; `troubles`: what else is wrong, in words. What a kill can do
    without comes last: it is no reason as long as something else is one."""
    failed = {what: f"{what} could not be read: {why.removeprefix(f'{what}: ')}" for what, why in failures.items()}
    needed = [failed.pop(what) for what in failures if what in WHOLE_LOOK]
    doubted = [short_name(ledger.contract(key)) for key in ledger.seen() if ledger.doubtful(key)]
    said = [*filter(None, troubles), *needed, *_not_confirmed(doubted)]
    return "; ".join([*said, *failed.values()]) or "the last reads are not complete, or do not agree with each other"


def _not_confirmed(names: list[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:NAMES_MAX]) + (f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else "")
    return [
        f"what is held in {shown} is not confirmed yet: the position and what has traded do not agree, or an order is "
        "gone and nobody has told whether it filled"
    ]


def _working(order: WorkingOrder) -> ResidueItem:
    return ResidueItem(
        account=order.account,
        contract=order.contract,
        quantity=order.remaining if order.buys else -order.remaining,
        reason=ResidueReason.WORKING_ORDER,
        order=describe(order),
    )


def _stray(attempt: Attempt) -> ResidueItem:
    place = attempt.place
    return ResidueItem(
        account=place.account,
        contract=place.contract,
        quantity=place.quantity * attempt.sign,
        reason=ResidueReason.STRAY_CLOSE,
        order=f"{place.action} {place.quantity} {place.order_type.value}",
    )


def _reason(item: Item | None, sending: tuple[int, ...], *, doubtful: bool, resting: bool) -> tuple[ResidueReason, str]:
    """The one reason that explains this best, and its detail. `item` is None where nothing has ever been shown as
    open; `sending`: the clients whose orders keep coming in the contract."""
    if sending and (item is None or not item.lessons.given_up):
        return ResidueReason.STILL_SENDING, stop(*sending)
    if item is None:
        return ResidueReason.POSITION_UNCONFIRMED, ""
    said, detail = item.why_open()
    return (said, detail) if said is not None else (_under_way(item, doubtful=doubtful, resting=resting), "")


def _under_way(item: Item, *, doubtful: bool, resting: bool) -> ResidueReason:
    """What the kill was about to do with it."""
    if doubtful:
        return ResidueReason.POSITION_UNCONFIRMED
    if resting:
        return ResidueReason.OPENED_SINCE
    if item.attempt is not None and item.live:
        return ResidueReason.CLOSE_WORKING if item.attempt.acknowledged else why_unseen(item.attempt)
    if item.blocked:
        return ResidueReason.WAITING_FOR_ORDERS
    if item.waiting_since_ns is not None:
        return ResidueReason.WAITING_TURN
    return ResidueReason.OUT_OF_TIME
