"""What must hold of engines that fall silent under a guard, whatever goes wrong: I11 of docs/invariants.md. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from engine.core.restrictions import Cause, Restriction
from engine.journal import chain
from engine.journal.events import KillPressed, Restricted
from engine.torture.evidence import Evidence
from engine.torture.story import Deed, Die, DiskSlow, Freeze

ZERO = Decimal(0)
HALTS_S = 30.0  # the guard's own default
HEARD_S = 3.0  # between a sign of life, or its absence, and whoever hears it
SLOW_S = 25.0  # … more where the disk is slow: a sign of life that takes ten seconds to write dies with who writes it


def silence_is_heard(found: Evidence) -> Iterator[str]:
    """I11: an engine that falls silent while there is something to lose is halted for in time, and pressed for where
    that is wanted; none that lives is.
    """
    halts = list(_halts(found))
    slow = any(isinstance(act, DiskSlow) for act in found.story.acts)
    before_s = HALTS_S - HEARD_S + (SLOW_S if slow else 0.0)
    for at_s, halt in halts:
        for who in found.beats:
            if halt.reason.startswith(who) and _lived(found, who, at_s - before_s, at_s - HEARD_S):
                yield f"{halt.scope.login} was halted at {at_s:.3f} s for the silence of {who}, which lived"
    if not found.watched or not _guards_are_steady(found) or slow:
        return
    for who in found.beats:
        for since_s, until_s in _silences(found, who):
            for login in _at_risk(found, since_s, until_s):
                if until_s - since_s > HALTS_S + 2 * HEARD_S and not _bound(found, login, until_s):
                    yield f"{who} was silent from {since_s:.3f} to {until_s:.3f} s, and nobody halted {login}"
                kills_s = found.story.silence_kills_s
                if kills_s and until_s - since_s > kills_s + 2 * HEARD_S and login not in _pressed(found, until_s):
                    yield f"{who} was silent from {since_s:.3f} to {until_s:.3f} s, and nobody pressed for {login}"


def _halts(found: Evidence) -> Iterator[tuple[float, Restriction]]:
    for ack in found.acknowledged:
        for event in (chain.opened(record).event for record in ack.records):
            if isinstance(event, Restricted) and event.restriction.cause is Cause.DEAD_MAN:
                yield ack.at_s, event.restriction


def _bound(found: Evidence, login: str, until_s: float) -> bool:
    """A halt for a silence stands then, or the login is shut down."""
    return any(at_s <= until_s and halt.scope.login == login for at_s, halt in _halts(found)) or (
        login in _pressed(found, until_s)
    )


def _pressed(found: Evidence, until_s: float) -> set[str]:
    """Logins that were killed until then, by whomever."""
    pressed: set[str] = set()
    for ack in found.acknowledged:
        if ack.at_s <= until_s:
            events = (chain.opened(record).event for record in ack.records)
            pressed |= {scope.login for event in events if isinstance(event, KillPressed) for scope in event.scopes}
    return pressed


def _lived(found: Evidence, who: str, since_s: float, until_s: float) -> bool:
    """It had beaten by then, and nothing had ended or stopped it in all that time."""
    lives = found.lives.get(who, [])
    began_s, alive = max((one for one in lives if one[0] <= since_s), default=(0.0, False))
    if not alive or any(since_s < at_s <= until_s and not lived for at_s, lived in lives):
        return False
    return any(began_s <= at_s <= since_s for at_s in found.beats[who]) and found.byes.get(who, until_s) >= until_s


def _silences(found: Evidence, who: str) -> Iterator[tuple[float, float]]:
    """From a sign of life to the next one, or to the end of the story; behind a good-bye nothing is owed."""
    for since_s, until_s in pairwise((*found.beats[who], found.story_ended_s)):
        if not since_s - HEARD_S <= found.byes.get(who, -1.0) <= until_s:
            yield since_s, until_s


def _at_risk(found: Evidence, since_s: float, until_s: float) -> Iterator[str]:
    """Logins that held something all that time."""
    for login, movements in found.movements.items():
        held = dict(found.at_first[login])
        always = True
        for moved in movements:
            if found.at(moved) > since_s:
                always = always and any(held.values())
            if found.at(moved) <= until_s:
                key = (moved.account, moved.con_id)
                held[key] = held.get(key, ZERO) + moved.signed
        if always and any(held.values()):
            yield login


def _guards_are_steady(found: Evidence) -> bool:
    """Nobody ended or stopped one: whoever is away hears no silence."""
    deeds = (act for act in found.story.acts if isinstance(act, Deed) and act.who.startswith("guard"))
    return not any(isinstance(act, Die | Freeze) for act in deeds)
