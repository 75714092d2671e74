"""What the incident log tells of a kill: the report turned into a story. Words only; nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.core.contracts import Contract
from engine.core.facts import PositionFact
from engine.core.kill.report import LoginOutcome, LoginReport, ResidueItem, TimelineEntry
from engine.core.restrictions import Scope
from engine.journal.incident_log import Story
from engine.trading.naming import amount_of, name_of, readable
from engine.trading.repeats import Repeats
from engine.trading.reports import KillReport

KILL_TRIGGER = "kill switch"
_ORDER_STEPS = ("close_sent", "close_repriced", "close_repeated")
_MS_NS = 1_000_000


class Pressed(msgspec.Struct, frozen=True):
    """One press, for the records. `beside`: logins with a press of their own for the same reason in the same moment.
    `at_ns`: when the kill began to be written down; what was verified before that proves nothing of it. The button was
    pressed `ago_ns` earlier, while the program was still being loaded."""

    kill_id: str
    reason: str
    scopes: tuple[Scope, ...]
    at_ns: int
    beside: tuple[Scope, ...] = ()
    ago_ns: int = 0


def unfinished_story(press: Pressed, *, incident_id: str, joined: bool) -> Story:
    """The section of a kill whose program died before it could report."""
    return Story(
        incident_id=incident_id,
        at_ns=press.at_ns,
        trigger=KILL_TRIGGER,
        logins=tuple(scope.login for scope in press.scopes),
        what=f"The kill switch was pressed: {press.reason}. ITS PROGRAM ENDED BEFORE IT COULD REPORT, so nothing is "
        f"proven: press again, or verify the positions (kill {press.kill_id})",
        joined=joined,
    )


def kill_story(report: KillReport, *, incident_id: str, pressed_ns: int, joined: bool = False) -> Story:
    """The section of a kill. Positions of a login whose state is not known make all of them not known."""
    logins = tuple(report.logins.values())
    steps = sorted(_steps(logins), key=lambda step: step[1].at_ms)
    repeats = Repeats()
    return Story(
        incident_id=incident_id,
        at_ns=pressed_ns,
        trigger=KILL_TRIGGER,
        logins=tuple(report.logins),
        what=f"The kill switch was pressed: {report.reason}",
        joined=joined,
        timeline=tuple(
            (pressed_ns + int(step.at_ms * _MS_NS), f"{name}: {readable(repeats.shortened(name, step).text)}")
            for name, step in steps
        ),
        before=_before(logins),
        after=_after(logins),
        orders=tuple(f"{name}: {readable(step.text)}" for name, step in steps if step.kind in _ORDER_STEPS),
        report=report.to_text(colour=False),
    )


def position_lines(login: str, positions: Iterable[PositionFact]) -> tuple[str, ...]:
    """Positions as lines of a section."""
    return tuple(
        f"{login} {position.account}: {amount_of(position.quantity)} {name_of(position.contract)}"
        for position in positions
        if position.quantity != 0
    )


def _steps(logins: Iterable[LoginReport]) -> Iterable[tuple[str, TimelineEntry]]:
    return ((login.name, step) for login in logins for step in login.timeline)


def _known(logins: Iterable[LoginReport]) -> bool:
    return all(login.outcome in (LoginOutcome.FLAT, LoginOutcome.RESIDUE) for login in logins)


def _before(logins: tuple[LoginReport, ...]) -> tuple[str, ...] | None:
    """As first read: what is closed now, and what is left of what was not. What was opened since is not among it."""
    if not _known(logins):
        return None
    rows = [
        _line(login, item.account, item.quantity, item.contract)
        for login in logins
        for item in login.closed
        if item.at_press != 0 or item.by_other_kill
    ]
    for login, item in _left(logins):
        rows.append(_line(login, item.account, item.first_seen or item.quantity, item.contract))
    return tuple(rows)


def _after(logins: tuple[LoginReport, ...]) -> tuple[str, ...] | None:
    if not _known(logins):
        return None
    return tuple(_line(login, item.account, item.quantity, item.contract) for login, item in _left(logins))


def _left(logins: Iterable[LoginReport]) -> Iterable[tuple[LoginReport, ResidueItem]]:
    return ((login, item) for login in logins for item in login.residue if not item.order)


def _line(login: LoginReport, account: str, quantity: Decimal, contract: Contract) -> str:
    return f"{login.name} {account}: {amount_of(quantity)} {name_of(contract)}"
