"""What must hold in every run, whatever goes wrong: one function for each invariant, listed in docs/invariants.md.

Each looks at the evidence of a run, from the exchange's side and over the journal, and yields every violation in words.
What nobody could have known at the time excuses (`excuses`); nothing else does. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from engine.core.kill.commands import CLOSE_REF_PREFIX
from engine.core.kill.held.close_marks import by_a_kill
from engine.core.kill.report import LoginOutcome, LoginReport, ResidueReason
from engine.core.limit_rules import Limit
from engine.core.restrictions import Kind
from engine.journal import chain
from engine.journal.events import BaselineSet, Filled, KillEnded, KillPressed, Lifted, LimitBreached, Restricted
from engine.torture.evidence import Arrived, Evidence, Key, PressSeen, Truth
from engine.torture.excuses import (
    UNKNOWABLE_S,
    all_passes,
    latency_s,
    left_in_doubt,
    moved_lately,
    old_picture,
    shown_until_s,
    slow_disk,
    unheard,
)
from engine.torture.hearing import silence_is_heard
from engine.torture.story import DiskFails

ZERO = Decimal(0)
IN_FLIGHT_S = 10.0  # behind somebody else's trade: a close that was on its way may meet it
DEADLINE_GRACE_S = 5.0  # behind the deadline: the driver's own grace, and the paper that a report waits for
RECORDS_PER_ACT = 40
WITHDRAWN_S = 6.0  # so long after a trade that made it too large a closing order is certainly taken back
UNHEARD_MAX = 4  # swallowed orders: the waits are longer by then than the minute that a story gives a kill
ROUNDING_PCT = Decimal("0.01")  # P&L comes in cents, and a moment after the price
LIMITS_PCT = {
    Limit.DAILY.value: Decimal(2),
    Limit.WEEKLY.value: Decimal(5),
    Limit.MONTHLY.value: Decimal(10),
    Limit.BREAKER.value: Decimal(15),
}
LIMIT_OF_PERIOD = {one.basis.value: one.value for one in Limit}
OLDER_REF = f"{CLOSE_REF_PREFIX}-older"  # an order that a kill of another day has left, working at the start


class Violation(msgspec.Struct, frozen=True):
    """One invariant that does not hold. `name` is its number in docs/invariants.md."""

    name: str
    text: str


Check = Callable[[Evidence], Iterator[str]]


def violations(found: Evidence) -> list[Violation]:
    """Everything that does not hold in a run."""
    return [Violation(name, text) for name, check in INVARIANTS.items() for text in check(found)]


# I1 -------------------------------------------------------------------------------------------------------------------
def flat_is_flat(found: Evidence) -> Iterator[str]:
    """I1: no login is called flat while it holds a position or works an order."""
    for press, login, report, truth in _reports(found):
        if report.flat and not truth.flat and not _others_did_it(found, login, press.reported_s, truth):
            yield f"{press.who} was told at {press.reported_s:.3f} s that {login} is flat; it has {_words(truth)}"


def _others_did_it(found: Evidence, login: str, at_s: float, truth: Truth) -> bool:
    """It was flat until somebody else traded, too late to be read; or orders of others are hidden by an old list."""
    shown_s = shown_until_s(found, login, at_s)
    hidden = {
        order.key
        for order in found.arrived
        if order.login == login and shown_s <= order.at_s and not by_a_kill(order.order_ref)
    }
    if not truth.positions and shown_s < at_s and hidden.issuperset(truth.working.values()):
        return True
    since = shown_s - UNKNOWABLE_S
    return any(one.before.flat for one in found.outside if one.login == login and since <= one.at_s <= at_s)


# I2 -------------------------------------------------------------------------------------------------------------------
def closes_only_reduce(found: Evidence) -> Iterator[str]:
    """I2: no closing order makes a position larger or turns it round, whoever pressed and however often."""
    for login, movements in found.movements.items():
        held = dict(found.at_first[login])
        others = _others_orders(found, login)
        traded: dict[Key, float] = {}
        rested: dict[Key, float] = {}  # … and of orders that all could know of
        crossed: dict[Key, float] = {}
        for moved in movements:
            key, at_s = (moved.account, moved.con_id), found.at(moved)
            was = held.get(key, ZERO)
            now = held[key] = was + moved.signed
            if not by_a_kill(moved.order_ref) or moved.order_ref.startswith(OLDER_REF):
                rested[key] = at_s
                if moved.order_ref in others:
                    traded[key] = at_s
                continue
            reduces = was * now >= ZERO and abs(now) < abs(was)
            if reduces:
                continue
            shown_s = shown_until_s(found, login, at_s)
            hidden = traded.get(key, -IN_FLIGHT_S - 1) >= shown_s - IN_FLIGHT_S or shown_s <= rested.get(key, -1) < at_s
            if not (hidden or _orphaned(found, moved.order_ref, traded.get(key))) or (
                at_s - IN_FLIGHT_S > crossed.get(key, at_s)
            ):
                yield f"{login} {key}: {was:+f} became {now:+f} at {at_s:.3f} s by {moved.order_ref}"
            crossed.setdefault(key, at_s)


def _orphaned(found: Evidence, order_ref: str, traded_s: float | None) -> bool:
    """Whoever sent the order died before it could know of the trade that made it too large."""
    return traded_s is not None and any(
        one.died_s is not None and one.died_s - WITHDRAWN_S <= traded_s and order_ref.startswith(_marks_of(one.who))
        for one in found.presses
    )


def _marks_of(who: str) -> str:
    return f"{CLOSE_REF_PREFIX}-{who}x"


def _others_orders(found: Evidence, login: str) -> set[str]:
    """References of orders that nobody could know of beforehand: others', IBKR's own, and what came about the press."""
    first = min((one.at_s for one in found.presses if login in one.logins), default=0.0)
    late = {one.order_ref for one in found.arrived if one.login == login and one.at_s >= first - 1.0}
    return {"", "FOREIGN", *late}


# I3 -------------------------------------------------------------------------------------------------------------------
def halts_bind(found: Evidence) -> Iterator[str]:
    """I3: behind an acknowledged halt no order that adds risk reaches TWS from a guarded program."""
    for halt in found.halts:
        from_s = halt.at_s + 2 * latency_s(found)
        until_s = float("inf") if halt.lifted_s is None else halt.lifted_s
        for order in found.arrived:
            if order.login != halt.login or not from_s < order.at_s < until_s or not order.adds_risk:
                continue
            if not by_a_kill(order.order_ref) and not _surprised(found, order):
                yield (
                    f"{halt.login} is halted since {halt.at_s:.3f} s; client {order.client_id} sent {order.signed:+f} "
                    f"of {order.key} at {order.at_s:.3f} s, with {order.held:+f} held and {order.working:+f} working"
                )


def _surprised(found: Evidence, order: Arrived) -> bool:
    """Something happened in the contract that whoever sent the order could not know yet."""
    since = shown_until_s(found, order.login, order.at_s) - IN_FLIGHT_S
    moved = any(
        (one.account, one.con_id) == order.key and since <= found.at(one) <= order.at_s
        for one in found.movements[order.login]
    )
    return moved or any(
        one is not order and (one.login, one.key) == (order.login, order.key) and since <= one.at_s <= order.at_s
        for one in found.arrived
    )


# I4 -------------------------------------------------------------------------------------------------------------------
def nothing_acknowledged_is_lost(found: Evidence) -> Iterator[str]:
    """I4: every record that a program was told is durable stands in the journal at the end, and the chain is whole."""
    there = {record.seq: record for record in found.records}
    for ack in found.acknowledged:
        for record in ack.records:
            if there.get(record.seq) != record:
                yield f"record {record.seq}, acknowledged to {ack.who} at {ack.at_s:.3f} s, is not in the journal"
    broken = _break(found)
    if broken:
        yield f"the journal's chain: {broken}"
    for halt in found.halts:
        if halt.durable and halt.lifted_s is None and halt.restriction_id not in found.standing.get(halt.login, ()):
            yield f"the halt {halt.restriction_id}, acknowledged at {halt.at_s:.3f} s, binds nobody any more"
    if not any(isinstance(act, DiskFails) for act in found.story.acts):
        ended = {event.kill_id for event in _events(found) if isinstance(event, KillEnded)}
        for press in found.presses:
            if press.report is not None and press.report.kill_id not in ended and not slow_disk(found):
                yield f"the report of kill {press.report.kill_id} is not in the journal"


# I5 -------------------------------------------------------------------------------------------------------------------
def kills_end_in_time(found: Evidence) -> Iterator[str]:
    """I5a: every kill has its report by its deadline."""
    for press in found.presses:
        if press.excused:
            continue
        if press.report is None:
            yield f"{press.who} pressed at {press.at_s:.3f} s and never had a report"
        elif press.reported_s - press.at_s > found.story.deadline_s + DEADLINE_GRACE_S:
            yield f"{press.who} had its report {press.reported_s - press.at_s:.1f} s after the press"


def residue_is_true(found: Evidence) -> Iterator[str]:
    """I5b: what a report says is left is what is left, and nothing is left that it does not name."""
    for press, login, report, truth in _reports(found):
        if report.outcome is not LoginOutcome.RESIDUE:
            continue
        said: dict[Key, Decimal] = {}
        for item in report.residue:
            if not item.order:
                key = (item.account, item.contract.con_id)
                said[key] = said.get(key, ZERO) + item.quantity
        for key in said.keys() | truth.positions.keys():
            if said.get(key, ZERO) != truth.positions.get(key, ZERO) and not moved_lately(found, login, key, press):
                yield (
                    f"{press.who} was told at {press.reported_s:.3f} s that {login} has {said.get(key, ZERO):+f} of "
                    f"{key} left; it has {truth.positions.get(key, ZERO):+f}"
                )


def passing_trouble_is_overcome(found: Evidence) -> Iterator[str]:
    """I5c: where all trouble passes and the markets are open, a login that can be reached ends flat."""
    if not all_passes(found):
        return
    for press, login, report, _ in _reports(found):
        ends_s = press.at_s + found.story.deadline_s
        outside = [one.at_s for one in found.outside if one.login == login]
        if any(at_s > ends_s - 30 for at_s in outside) or old_picture(found, login, press):
            continue
        if unheard(found) + bool(outside) >= UNHEARD_MAX:
            continue
        unsure = {item.reason for item in report.residue} == {ResidueReason.POSITION_UNCONFIRMED}
        if unsure and any(one.order_ref.startswith(OLDER_REF) for one in found.movements[login]):
            continue  # no kill would have sized it so: what it says of itself leads astray
        if unsure and any(abs(at_s - press.at_s) <= UNKNOWABLE_S for at_s in outside):
            continue  # it looks like a feed that is late, and may be one
        if unsure and left_in_doubt(found, login, report, ends_s):
            continue  # it may be that rest, or an old picture of the part that was closed
        if report.outcome is LoginOutcome.UNKNOWN and report.timings.flat_ms is not None and not report.residue:
            continue  # it was flat, and its connection was lost while another login was worked on
        if report.outcome not in (LoginOutcome.FLAT, LoginOutcome.UNREACHABLE):
            left = ", ".join(sorted({item.reason.value for item in report.residue}))
            yield f"{press.who}: {login} ended {report.outcome.value} ({left or report.trouble}); it could be flat"


# I6 -------------------------------------------------------------------------------------------------------------------
def limits_fire_when_the_money_says_so(found: Evidence) -> Iterator[str]:
    """I6: a loss limit is crossed in the records if and only if it was crossed at the exchange."""
    breached = [event for event in _events(found) if isinstance(event, LimitBreached)]
    for event in breached:
        fallen = _worst_fall_pct(found, event.scope.login)
        if fallen + ROUNDING_PCT < LIMITS_PCT[event.limit]:
            yield f"{event.scope.login}: {event.limit} fired at {event.loss_pct:f} %; the worst fall was {fallen:.4f} %"
    if not found.watched:
        return
    for number, baseline in _newest_baselines(found):
        name, login = LIMIT_OF_PERIOD[baseline.period], baseline.scope.login
        lost_pct = max(ZERO, (baseline.equity - _worth_at_end(found, login)) / baseline.equity * 100)
        if lost_pct < LIMITS_PCT[name] + ROUNDING_PCT or _killed(found, login):
            continue
        since = [event for event in _events(found)[number:] if isinstance(event, LimitBreached)]
        if not any(event.scope.login == login and event.limit == name for event in since):
            yield f"{login} has lost {lost_pct:.4f} % and the limit {name} did not fire"


def _newest_baselines(found: Evidence) -> Iterator[tuple[int, BaselineSet]]:
    """Of each period the one that counts in the end, and the number of the first record of that same period."""
    newest: dict[tuple[str, str], tuple[int, BaselineSet]] = {}
    for number, event in enumerate(_events(found)):
        if isinstance(event, BaselineSet) and event.period in LIMIT_OF_PERIOD:
            key = (event.scope.login, event.period)
            first, before = newest.get(key, (number, event))
            newest[key] = (first if before.period_id == event.period_id else number, event)
    yield from newest.values()


def _worst_fall_pct(found: Evidence, login: str) -> Decimal:
    """From the highest worth to a later one."""
    peak = worst = ZERO
    for name, _, worth in found.worth:
        if name == login:
            peak = max(peak, worth)
            worst = max(worst, (peak - worth) / peak * 100)
    return worst


def _worth_at_end(found: Evidence, login: str) -> Decimal:
    return [worth for name, _, worth in found.worth if name == login][-1]


def _killed(found: Evidence, login: str) -> bool:
    """Whoever is killed is watched no more."""
    return login in _bound(found)


# I7 -------------------------------------------------------------------------------------------------------------------
def message_limit_is_kept(found: Evidence) -> Iterator[str]:
    """I7: TWS never sees more messages a second than it allows."""
    yield from found.too_fast


# I8 -------------------------------------------------------------------------------------------------------------------
def nothing_is_left_over(found: Evidence) -> Iterator[str]:
    """I8: what has ended leaves no task and no connection, and the journal grows with what people do."""
    yield from found.left_over
    most = RECORDS_PER_ACT * (1 + len(found.story.acts)) * len(found.story.scenario.logins)
    executions = {event.exec_id for event in _events(found) if isinstance(event, Filled)}  # each once, by right
    if len(found.records) - len(executions) > most:
        told = f"{len(found.records)} records in the journal, {len(executions)} executions among them"
        yield f"{told}, after {len(found.story.acts)} acts"


# I9 -------------------------------------------------------------------------------------------------------------------
def nobody_goes_on_by_itself(found: Evidence) -> Iterator[str]:
    """I9: after a kill nothing is traded and nothing is lifted until a person has verified, reset and resumed."""
    for login, bound in _bound(found).items():
        resets = [one.reset_s for one in found.went_on if one.login == login and one.reset_s is not None]
        for order in found.arrived:
            if order.login != login or by_a_kill(order.order_ref):
                continue
            since = max((at for at in bound if at < order.at_s - 2 * latency_s(found)), default=None)
            if since is not None and not any(since <= at <= order.at_s for at in resets):
                who = f"client {order.client_id} ordered at {order.at_s:.3f} s"
                yield f"{login} is shut down since {since:.3f} s; {who}"
        if not any(at >= bound[-1] for at in resets) and found.state.get(login) is not Kind.SHUTDOWN:
            yield f"{login} was killed and nobody went on, yet a new program finds {found.state.get(login)}"
    if not any(one.reset_s is not None for one in found.went_on):
        restricted = (one.restriction for one in _events(found) if isinstance(one, Restricted))
        shutdowns = {one.id for one in restricted if one.kind is Kind.SHUTDOWN}
        for event in _events(found):
            if isinstance(event, Lifted) and event.restriction_id in shutdowns:
                yield f"{event.restriction_id} was lifted, and no person did it"


def _bound(found: Evidence) -> dict[str, list[float]]:
    """When each login's shutdowns were durable, in order."""
    bound: dict[str, list[float]] = {}
    for ack in found.acknowledged:
        for record in ack.records:
            event = chain.opened(record).event
            if isinstance(event, KillPressed):
                for scope in event.scopes:
                    bound.setdefault(scope.login, []).append(ack.at_s)
    return bound


# I10 ------------------------------------------------------------------------------------------------------------------
def nothing_raises(found: Evidence) -> Iterator[str]:
    """I10: pressing, halting and connecting never raise, and no task of the product fails unseen."""
    yield from found.raised


INVARIANTS: dict[str, Check] = {
    "I1": flat_is_flat,
    "I2": closes_only_reduce,
    "I3": halts_bind,
    "I4": nothing_acknowledged_is_lost,
    "I5a": kills_end_in_time,
    "I5b": residue_is_true,
    "I5c": passing_trouble_is_overcome,
    "I6": limits_fire_when_the_money_says_so,
    "I7": message_limit_is_kept,
    "I8": nothing_is_left_over,
    "I9": nobody_goes_on_by_itself,
    "I10": nothing_raises,
    "I11": silence_is_heard,
}


# --- reading the evidence -------------------------------------------------------------------------------------------
def _reports(found: Evidence) -> Iterator[tuple[PressSeen, str, LoginReport, Truth]]:
    """Every login's report that somebody was given, with the truth of that moment."""
    for press in found.presses:
        if press.report is not None:
            for login, report in press.report.logins.items():
                yield press, login, report, press.truth[login]


def _events(found: Evidence) -> list[object]:
    return [chain.opened(record).event for record in found.records]


def _break(found: Evidence) -> str:
    _, broken = chain.verify(found.records)
    return "" if broken is None else f"at record {broken.seq}: {broken.what}"


def _words(truth: Truth) -> str:
    held = [f"{quantity:+f} of {key}" for key, quantity in truth.positions.items()]
    return ", ".join([*held, *([f"{len(truth.working)} working orders"] if truth.working else [])]) or "nothing"
