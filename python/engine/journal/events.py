"""What is written down: one record for each thing that must survive a crash. Data only.

A field is never renamed or given another meaning; what is new gets a default, so that old journals stay readable. What
a newer version wrote and this one does not know is never skipped: it is read as `NotUnderstood`, and entries stop.
Money is a decimal in its own currency, times are Unix nanoseconds.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from engine.core.restrictions import Restriction, Scope


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True, gc=False):
    """Root of all events."""


# restrictions ---------------------------------------------------------------------------------------------------------


class Restricted(Event, frozen=True, kw_only=True, tag="restricted"):
    """A login may do less from now on."""

    restriction: Restriction


class Lifted(Event, frozen=True, kw_only=True, tag="lifted"):
    """A restriction ended before its time. `override`: a limit's own halt was set aside by a person."""

    restriction_id: str
    scope: Scope
    reason: str
    override: bool = False


# the kill -------------------------------------------------------------------------------------------------------------


class KillPressed(Event, frozen=True, kw_only=True, tag="kill_pressed"):
    """The button. Written beside the first cancel, not before it."""

    kill_id: str
    scopes: tuple[Scope, ...]
    reason: str


class KillEnded(Event, frozen=True, kw_only=True, tag="kill_ended"):
    """What it came to. `report` is the kill report as JSON."""

    kill_id: str
    scopes: tuple[Scope, ...]
    flat: bool
    report: msgspec.Raw


class Reset(Event, frozen=True, kw_only=True, tag="reset"):
    """A shutdown was reset: arming is permitted, and has not happened."""

    scope: Scope
    reason: str


# limits ---------------------------------------------------------------------------------------------------------------


class BaselineSet(Event, frozen=True, kw_only=True, tag="baseline_set"):
    """From this equity the losses of a period are counted. `period` is day, week, month or peak; `period_id` names
    the one meant ("2026-03-11"); of the peak it is the arming that it belongs to. `as_of_ns`: what moment the equity is
    of (None: that of the record); `late_ns`: how long after the period began.
    """

    scope: Scope
    period: str
    period_id: str
    equity: Decimal
    currency: str
    as_of_ns: int | None = None
    late_ns: int = 0


class LimitBreached(Event, frozen=True, kw_only=True, tag="limit_breached"):
    """A limit was crossed, with its evidence. `unexplained`: money that nobody explained, counted like a deposit."""

    scope: Scope
    limit: str
    baseline: Decimal
    net_deposits: Decimal
    equity: Decimal
    currency: str
    loss_pct: Decimal
    limit_pct: Decimal
    period_id: str
    action: str = ""
    loss: Decimal | None = None
    unexplained: Decimal = Decimal(0)


class CashFlow(Event, frozen=True, kw_only=True, tag="cash_flow"):
    """Money that came in (positive) or went out, told by the operator: neither gain nor loss. `announced`: it does not
    show in equity yet, and counts from when it does.
    """

    scope: Scope
    amount: Decimal
    currency: str
    effective_ns: int
    note: str
    announced: bool = False


class JumpSuspected(Event, frozen=True, kw_only=True, tag="jump_suspected"):
    """Equity moved as no trade or price explains: perhaps a deposit or withdrawal that nobody recorded. `seen_ns`: when
    (None: the record's moment); it is the jump's name.
    """

    scope: Scope
    before: Decimal
    after: Decimal
    currency: str
    seen_ns: int | None = None


class JumpSettled(Event, frozen=True, kw_only=True, tag="jump_settled"):
    """A person looked into a jump: it was profit or loss after all, and counts as such."""

    scope: Scope
    seen_ns: int
    reason: str


class Rebased(Event, frozen=True, kw_only=True, tag="rebased"):
    """A person had every loss of a login counted from now on anew, as after a change of its base currency."""

    scope: Scope
    reason: str


class LimitChanged(Event, frozen=True, kw_only=True, tag="limit_changed"):
    """A limit has, or will have, another value. Values as they stand in the configuration."""

    scope: Scope
    limit: str
    old: str
    new: str
    reason: str
    effective_ns: int


class LimitsTaken(Event, frozen=True, kw_only=True, tag="limits_taken"):
    """The values that limits were first used with, by key, as they stand in the configuration."""

    scope: Scope
    values: tuple[tuple[str, str], ...]


# orders ---------------------------------------------------------------------------------------------------------------


class OrderIntent(Event, frozen=True, kw_only=True, tag="order_intent"):
    """An order is about to be sent. Durable before a byte of it leaves, or `announced`: told to every program of this
    machine before that (engine.trading.slips), and written down behind it.
    """

    scope: Scope
    account: str
    order_ref: str
    con_id: int
    symbol: str
    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None = None
    sec_type: str = ""
    client_id: int = 0  # with the order id what TWS calls it; 0 and 0: not told
    order_id: int = 0
    announced: bool = False


class OrderEnded(Event, frozen=True, kw_only=True, tag="order_ended"):
    """What became of an intent: not_sent, refused, acknowledged, unconfirmed."""

    scope: Scope
    order_ref: str
    outcome: str
    text: str = ""
    client_id: int = 0
    order_id: int = 0


class Filled(Event, frozen=True, kw_only=True, tag="filled"):
    """An execution, ours or foreign, as the broker told it; a correction has the same `identity` and replaces it."""

    scope: Scope
    account: str
    identity: str
    exec_id: str
    con_id: int
    quantity: Decimal
    price: Decimal
    order_ref: str = ""


class OrderRefused(Event, frozen=True, kw_only=True, tag="order_refused"):
    """The pre-flight refused an order: every failed check by its code."""

    scope: Scope
    symbol: str
    action: str
    quantity: Decimal
    codes: tuple[str, ...]


class OrdersSwept(Event, frozen=True, kw_only=True, tag="orders_swept"):
    """A program has cancelled its own working orders that add risk, as restrictions asked for: `cancelled`, and the
    risk-adding orders that it saw working behind that, with the client whose they are (0: typed into TWS). `why`: what
    still works is not known. It is written anew when something that was left is `gone`: cancelled by others, or filled.
    """

    scope: Scope
    restrictions: tuple[str, ...]
    client_id: int
    cancelled: tuple[str, ...]
    left: tuple[tuple[int, str], ...] = ()
    gone: tuple[tuple[int, str], ...] = ()
    why: str = ""


# verification and incidents -------------------------------------------------------------------------------------------


class Verified(Event, frozen=True, kw_only=True, tag="verified"):
    """Our records were held against fresh reads of the broker. `positions` is what the broker showed, by account and
    contract id; `orders` how many working orders it listed. `counted`: executions, by identity, that the records which
    matched contain already. `unbegun`: accounts that there are no records of yet, if nothing else
    is wrong.
    """

    scope: Scope
    matches: bool
    positions: tuple[tuple[str, int, Decimal], ...]
    orders: int
    differences: tuple[str, ...] = ()
    counted: tuple[tuple[str, Decimal], ...] = ()
    unbegun: tuple[str, ...] = ()


class Adopted(Event, frozen=True, kw_only=True, tag="adopted"):
    """From now on the broker's positions are what our records say. `counted`: executions that they contain already;
    `orders`: permIds of working orders that are known from now on, whoever placed them.
    """

    scope: Scope
    positions: tuple[tuple[str, int, Decimal], ...]
    reason: str
    counted: tuple[tuple[str, Decimal], ...] = ()
    orders: tuple[int, ...] = ()


class IncidentOpened(Event, frozen=True, kw_only=True, tag="incident_opened"):
    """Something a person has to understand. `trigger` is a restriction's cause or a kind of its own. `also`: the other
    logins that it is about.
    """

    incident_id: str
    scope: Scope
    trigger: str
    what: str
    also: tuple[Scope, ...] = ()

    def concerns(self, scope: Scope) -> bool:
        """It is about this login."""
        return any(one.meets(scope) for one in (self.scope, *self.also))


class IncidentJoined(Event, frozen=True, kw_only=True, tag="incident_joined"):
    """Something more that belongs to an open incident; `data` is JSON for programs."""

    incident_id: str
    what: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class IncidentNoted(Event, frozen=True, kw_only=True, tag="incident_noted"):
    """What a person wrote."""

    incident_id: str
    text: str


class IncidentClosed(Event, frozen=True, kw_only=True, tag="incident_closed"):
    """Understood: why it happened and what is done about it."""

    incident_id: str
    cause: str
    action: str


# the journal itself ---------------------------------------------------------------------------------------------------


class JournalOpened(Event, frozen=True, kw_only=True, tag="journal_opened"):
    """The first record of a journal, or of a file that goes on where an archived one ended."""

    format: int = 1
    note: str = ""


class Repaired(Event, frozen=True, kw_only=True, tag="repaired"):
    """Something was wrong with the journal and this was done about it. `alarm`: the number of the alarm that was raised
    with it (`engine.journal.store`), so that the halt of every login is in the chain too; 0: none was.
    """

    what: str
    alarm: int = 0


class TakenIn(Event, frozen=True, kw_only=True, tag="taken_in"):
    """The records behind this one waited in a file of their own while there was no journal (`engine.journal.spool`)."""

    spool: str
    records: int


class Snapshot(Event, frozen=True, kw_only=True, tag="snapshot"):
    """What everything up to the record before this one comes to (`engine.journal.fold`), so that nobody has to read it
    all again. `fold` is the version of the rules that made it.
    """

    fold: int
    books: msgspec.Raw


class NotUnderstood(Event, frozen=True, kw_only=True, tag="not_understood"):
    """Never written: what a record is read as whose event this version does not know. `kind` is its name if it has
    one.
    """

    kind: str
    why: str


AnyEvent: TypeAlias = (
    Restricted
    | Lifted
    | KillPressed
    | KillEnded
    | Reset
    | BaselineSet
    | LimitBreached
    | CashFlow
    | JumpSuspected
    | JumpSettled
    | Rebased
    | LimitChanged
    | LimitsTaken
    | OrderIntent
    | OrderEnded
    | Filled
    | OrderRefused
    | OrdersSwept
    | Verified
    | Adopted
    | IncidentOpened
    | IncidentJoined
    | IncidentNoted
    | IncidentClosed
    | JournalOpened
    | Repaired
    | TakenIn
    | Snapshot
    | NotUnderstood
)


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event in its place. `digest` is the SHA-256 over the one before and everything here; 32 bytes."""

    seq: int
    at_ns: int
    actor: str
    event: AnyEvent
    digest: bytes
