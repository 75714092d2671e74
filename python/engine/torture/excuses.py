"""What nobody could have known at the time, or done in the time there was: it excuses what an invariant would forbid.

Read from the evidence of a run and from its story. Pure. Must never excuse what is only unlikely.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.kill.held.close_marks import read_close_mark
from engine.core.kill.report import LoginReport
from engine.simulator import faults as f
from engine.torture.evidence import Arrived, Evidence, Key, PressSeen
from engine.torture.story import Assign, DiskSlow, Freeze

ZERO = Decimal(0)
UNKNOWABLE_S = 8.0  # before a report: what others did then may have come too late for its reads
STANDING_S = 180.0  # behind a kill's close: until then an old picture may be of before it
PICTURE_S = 30.0  # before the deadline: a picture that is older leaves no time for what it shows at last
SHARES_OF_AN_OPTION = 100  # an assignment leaves so many to close
SATURDAY, AFTERNOON = 5, 14  # from then on some market may be closed


def moved_lately(found: Evidence, login: str, key: Key, press: PressSeen) -> bool:
    since = shown_until_s(found, login, press.reported_s) - UNKNOWABLE_S
    return any(
        (moved.account, moved.con_id) == key and since <= found.at(moved) <= press.reported_s
        for moved in found.movements[login]
    )


def shown_until_s(found: Evidence, login: str, at_s: float) -> float:
    """What is told of positions and orders at that moment may be no newer than this."""
    shown_s = at_s
    for fault in found.story.scenario.faults:
        if fault.login in ("", login) and fault.after_s <= at_s:
            if isinstance(fault, f.StalePositions):
                shown_s = min(shown_s, at_s - fault.lag_s)
            elif at_s <= _ends_s(fault) + UNKNOWABLE_S and (
                isinstance(fault, f.StandingFeed) or (isinstance(fault, f.LinkLost) and _untold(found, login, fault))
            ):
                shown_s = min(shown_s, fault.after_s)
    return shown_s


def _untold(found: Evidence, login: str, lost: f.LinkLost) -> bool:
    """TWS has lost IBKR and its word for that may have vanished: what it tells from memory looks like any answer."""
    return any(
        isinstance(fault, f.DropReplies)
        and fault.login in ("", login)
        and "ErrorMessage" in fault.replies
        and fault.after_s <= lost.after_s <= _ends_s(fault)
        for fault in found.story.scenario.faults
    )


def _ends_s(fault: f.Fault) -> float:
    return fault.after_s + (float("inf") if fault.for_s is None else fault.for_s)


def left_in_doubt(found: Evidence, login: str, report: LoginReport, ends_s: float) -> bool:
    """Has a kill whose program died closed only a part of each of these, too lately for three minutes to be over?"""
    parts = {
        one.key
        for one in found.arrived
        if one.login == login and one.at_s + STANDING_S > ends_s and _of_a_dead_kill_in_doubt(found, one)
    }
    return all((item.account, item.contract.con_id) in parts for item in report.residue)


def _of_a_dead_kill_in_doubt(found: Evidence, order: Arrived) -> bool:
    """The mark says what was safe to close, and more was there: what had traded just before was shown or not."""
    mark = read_close_mark(order.order_ref)
    if mark is None or mark.held is None or mark.held >= abs(order.held):
        return False
    return any(one.died_s is not None and mark.kill_id.startswith(f"{one.who}x") for one in found.presses)


def old_picture(found: Evidence, login: str, press: PressSeen) -> bool:
    """The broker itself says something old for so long that the minute of a story is over."""
    began_s = min(  # of the kill that the press joined: whoever presses again in the same program has its deadline
        one.at_s
        for one in found.presses
        if one.who == press.who and login in one.logins and one.at_s <= press.at_s <= one.reported_s
    )
    latest_s = began_s + found.story.deadline_s - PICTURE_S
    late_s = min(PICTURE_S, found.story.deadline_s - PICTURE_S - 0.1)  # and what it goes through is waited for as well
    return any(
        fault.login in ("", login)
        and (
            (isinstance(fault, f.StandingFeed) and _ends_s(fault) > latest_s)
            or (isinstance(fault, f.StalePositions) and fault.lag_s > late_s)
        )
        for fault in found.story.scenario.faults
    )


def latency_s(found: Evidence) -> float:
    """How long a message may be on its way."""
    late = (fault.seconds + fault.jitter_s for fault in found.story.scenario.faults if isinstance(fault, f.Latency))
    return sum(late, 0.01)


def slow_disk(found: Evidence) -> bool:
    return any(isinstance(act, DiskSlow) for act in found.story.acts)


def unheard(found: Evidence) -> int:
    """How many messages in a row are lost without a word. Each costs twice the wait of the one before."""
    faults = found.story.scenario.faults
    lost = sum(fault.first or 0 for fault in faults if isinstance(fault, f.DropRequests))
    if any(isinstance(fault, f.DropReplies) and "ErrorMessage" in fault.replies for fault in faults):
        lost += sum(fault.first or 0 for fault in faults if isinstance(fault, f.Reject))
    return lost


def all_passes(found: Evidence) -> bool:
    """Markets are open and take what there is in time, and nobody holds the right to close without moving."""
    scenario = found.story.scenario
    if scenario.start.weekday() >= SATURDAY or scenario.start.hour >= AFTERNOON:
        return False
    held = [abs(one.quantity) for login in scenario.logins for account in login.accounts for one in account.positions]
    held += [SHARES_OF_AN_OPTION * act.quantity for act in found.story.acts if isinstance(act, Assign)]
    slowest_s = max(
        (max(held, default=ZERO) / fault.quantity for fault in scenario.faults if isinstance(fault, f.PartialFills)),
        default=ZERO,
    )
    return slowest_s < found.story.deadline_s / 3 and not any(isinstance(act, Freeze) for act in found.story.acts)
