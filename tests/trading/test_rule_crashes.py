"""A program killed at every system call of a halt, a resume, a reset and a breach: what was acknowledged stands.

QE_EVERY_CALL=1 takes each of them; otherwise it is one of every few. Linux alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from engine.core.known import Unknown
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal import chain
from engine.journal.events import (
    AnyEvent,
    IncidentClosed,
    IncidentOpened,
    LimitBreached,
    Restricted,
    Verified,
)
from engine.journal.sqlite_store import SqliteStore
from engine.trading import IBKRAccountManager, TradingMode
from journal.killed import killed_at, needs_tracing
from journal.test_crashes import at_every_stop

pytestmark = needs_tracing

D = Decimal
Deed = Callable[[IBKRAccountManager], object]


def program(home: Path) -> IBKRAccountManager:
    mgr = IBKRAccountManager(home=home)
    mgr.add_account("paper", TradingMode.PAPER)
    mgr.add_account("live", TradingMode.LIVE)
    return mgr


def scope(mgr: IBKRAccountManager, name: str = "paper") -> Scope:
    return mgr._entries.get(name).scope


def killed_doing(home: Path, stop: int, deed: Deed) -> tuple[bool, bool]:
    """In a program of its own, killed at that stop. Whether it was, and whether the deed was acknowledged before."""

    def work(say: int) -> None:
        mgr = program(home)
        deed(mgr)
        os.write(say, b".")

    killed, acknowledged = killed_at(stop, work)
    return killed, bool(acknowledged)


def agreed(home: Path, watcher: IBKRAccountManager, name: str = "paper") -> tuple[Kind | None, ...]:
    """What two programs make of a login: one that had looked before, and one that starts now. They must agree."""
    found = [mgr.state(name).kind for mgr in (watcher, program(home))]
    assert found[0] is found[1], "whoever watched and whoever starts see the same"
    return tuple(found)


def events(home: Path) -> list[AnyEvent]:
    store = SqliteStore(home / "journal")
    records = list(store.read())
    store.close()
    assert chain.verify(records)[1] is None
    return [chain.opened(one).event for one in records]


def at_every_call(tmp_path: Path, step: int, run: Callable[[Path, int], bool]) -> None:
    assert at_every_stop(step, lambda stop: run(tmp_path / str(stop), stop)) > 40


def test_killed_at_every_call_of_a_halt(tmp_path: Path) -> None:
    def run(home: Path, stop: int) -> bool:
        watcher = program(home)
        assert watcher.state("paper").may_add_risk
        killed, acknowledged = killed_doing(home, stop, lambda mgr: mgr.halt_trading("paper", "Manual halt"))
        kind, _ = agreed(home, watcher)
        assert kind in (None, Kind.HALT)
        assert kind is Kind.HALT or not acknowledged
        assert agreed(home, watcher, "live") == (None, None)
        again = watcher.halt_trading("paper", "once more")
        assert again.durable and again.drained, "the dead one holds up nobody"
        reasons = [event.restriction.reason for event in events(home) if isinstance(event, Restricted)]
        assert reasons == [*["Manual halt"] * (kind is not None), "once more"]
        return killed

    at_every_call(tmp_path, 9, run)


def test_killed_at_every_call_of_halting_every_login_the_first_ones_stand(tmp_path: Path) -> None:
    def run(home: Path, stop: int) -> bool:
        watcher = program(home)
        assert watcher.state("paper").may_add_risk

        def work(say: int) -> None:
            mgr = program(home)
            for name in mgr.logins:
                mgr.halt_trading(name, "Manual halt")
                os.write(say, b".")

        killed, acknowledged = killed_at(stop, work)
        halted = [agreed(home, watcher, name)[0] is Kind.HALT for name in ("paper", "live")]
        assert halted >= [len(acknowledged) > 0, len(acknowledged) > 1]
        assert halted != [False, True]
        return killed

    at_every_call(tmp_path, 13, run)


def test_killed_at_every_call_of_a_resume(tmp_path: Path) -> None:
    def run(home: Path, stop: int) -> bool:
        watcher = program(home)
        watcher.halt_trading("paper", "Manual halt")
        watcher.halt_trading("live", "Manual halt")
        killed, acknowledged = killed_doing(home, stop, lambda mgr: mgr.resume_trading("paper"))
        kind, _ = agreed(home, watcher)
        assert kind in (None, Kind.HALT)
        assert kind is None or not acknowledged
        assert agreed(home, watcher, "live") == (Kind.HALT, Kind.HALT)
        watcher.resume_trading("paper")
        assert agreed(home, watcher) == (None, None)
        return killed

    at_every_call(tmp_path, 9, run)


def test_killed_at_every_call_of_a_reset_it_is_shut_down_or_halted_and_never_free(tmp_path: Path) -> None:
    def run(home: Path, stop: int) -> bool:
        watcher = program(home)
        paper = scope(watcher)
        watcher.rules.halt(paper, "EMERGENCY", kind=Kind.SHUTDOWN, cause=Cause.KILL_SWITCH)
        watcher.rules.journal.append(
            IncidentOpened(incident_id="i1", scope=paper, trigger="kill switch", what="pressed"),
            Verified(scope=paper, matches=True, positions=(), orders=0),
            IncidentClosed(incident_id="i1", cause="a drill", action="none"),
        )
        killed, acknowledged = killed_doing(home, stop, lambda mgr: mgr.reset("paper", "understood"))
        kind, _ = agreed(home, watcher)
        assert kind in (Kind.SHUTDOWN, Kind.HALT)
        assert kind is Kind.HALT or not acknowledged
        if kind is Kind.SHUTDOWN:
            watcher.reset("paper", "understood")
        assert agreed(home, watcher) == (Kind.HALT, Kind.HALT)
        return killed

    at_every_call(tmp_path, 11, run)


def breach(paper: Scope) -> tuple[AnyEvent, ...]:
    """What a daily loss of two percent leaves: the evidence, the halt, the incident."""
    halt = Restriction(
        id="b1", scope=paper, kind=Kind.HALT, cause=Cause.DAILY_LOSS, since_ns=1000, actor="guard", reason="2 % lost"
    )
    return (
        LimitBreached(
            scope=paper, limit="daily", baseline=D(100), net_deposits=D(0), equity=D(97), currency="USD", loss_pct=D(3),
            limit_pct=D(2), period_id="2026-03-11", action="halt", loss=D(3), unexplained=D(0),
        ),
        Restricted(restriction=halt),
        IncidentOpened(incident_id="i1", scope=paper, trigger="daily loss", what="2 % lost"),
    )  # fmt: skip


def test_killed_at_every_call_of_a_breachs_records_all_of_them_are_there_or_none(tmp_path: Path) -> None:
    def run(home: Path, stop: int) -> bool:
        watcher = program(home)
        assert watcher.state("paper").may_add_risk
        paper = scope(watcher)
        killed, acknowledged = killed_doing(home, stop, lambda mgr: mgr.rules.journal.append(*breach(paper)))
        kind, _ = agreed(home, watcher)
        found = events(home) if kind is not None or (home / "journal").exists() else []
        assert len(found) in (0, 3)
        assert (kind is Kind.HALT) == bool(found)
        assert found or not acknowledged
        state = watcher.rules.journal.state()
        assert not isinstance(state, Unknown)
        assert state.incidents(paper) == (("i1",) if found else ())
        assert (state.breach(paper, "daily") is not None) == bool(found)
        return killed

    at_every_call(tmp_path, 11, run)
