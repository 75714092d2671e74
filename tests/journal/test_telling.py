"""A record in one line: what was done to whom, and nothing that could command a terminal."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import (
    Adopted,
    AnyEvent,
    BaselineSet,
    CashFlow,
    Filled,
    IncidentNoted,
    JumpSettled,
    JumpSuspected,
    KillEnded,
    KillPressed,
    Lifted,
    LimitBreached,
    LimitChanged,
    LimitsTaken,
    NotUnderstood,
    OrderEnded,
    OrderIntent,
    OrderRefused,
    OrdersSwept,
    Record,
    Repaired,
    Restricted,
    Snapshot,
    Verified,
)
from engine.journal.telling import MINUTE_NS, TEXT_MAX, Tone, moment, told

PAPER = Scope("paper", "", ("DU1",))
D = Decimal
FACTOR = Restriction(
    id="f",
    scope=PAPER,
    kind=Kind.SIZE_FACTOR,
    cause=Cause.WEEKLY_LOSS,
    since_ns=0,
    actor="a",
    reason="5 % lost",
    size_factor=D("0.5"),
)


NOON, NOON_TEXT = 1_773_230_400 * 10**9, "2026-03-11 12:00"


def baseline(period: str, period_id: str, as_of_ns: int | None = None, late_ns: int = 0) -> BaselineSet:
    return BaselineSet(
        scope=PAPER,
        period=period,
        period_id=period_id,
        equity=D("1000.5"),
        currency="USD",
        as_of_ns=as_of_ns,
        late_ns=late_ns,
    )


def tell(event: AnyEvent) -> tuple[str, Tone]:
    found = told(Record(seq=1, at_ns=0, actor="a", event=event, digest=b""), UTC)
    return f"{found.what}: {found.about}", found.tone


@pytest.mark.parametrize(
    ("event", "line", "tone"),
    [
        (Restricted(restriction=FACTOR), "restricted: paper: size_factor 0.5 by weekly_loss: 5 % lost", Tone.STOPS),
        (Adopted(scope=PAPER, positions=(), reason="flat"), "adopted: paper, positions 0, flat", Tone.PLAIN),
        (Lifted(restriction_id="f", scope=PAPER, reason="r"), "lifted: paper: f: r", Tone.FREES),
        (
            Lifted(restriction_id="f", scope=PAPER, reason="r", override=True),
            "lifted: paper: f (a limit was overridden): r",
            Tone.FREES,
        ),
        (
            KillPressed(kill_id="k", scopes=(PAPER, Scope("live")), reason="r"),
            "kill pressed: paper, live, kill_id k, r",
            Tone.STOPS,
        ),
        (
            KillEnded(kill_id="k", scopes=(PAPER,), flat=True, report=msgspec.Raw(b"{}")),
            "kill ended: paper: flat (kill k)",
            Tone.FREES,
        ),
        (
            KillEnded(kill_id="k", scopes=(PAPER,), flat=False, report=msgspec.Raw(b"{}")),
            "kill ended: paper: NOT flat (kill k)",
            Tone.STOPS,
        ),
        (
            Verified(scope=PAPER, matches=True, positions=(), orders=2),
            "verified: paper: matches, 0 positions, 2 orders",
            Tone.PLAIN,
        ),
        (
            Verified(scope=PAPER, matches=False, positions=(), orders=0, differences=("x",)),
            "verified: paper: 1 difference, 0 positions, 0 orders",
            Tone.STOPS,
        ),
        (
            Verified(scope=PAPER, matches=False, positions=(), orders=0, differences=("x", "y")),
            "verified: paper: 2 differences, 0 positions, 0 orders",
            Tone.STOPS,
        ),
        (
            Verified(scope=PAPER, matches=False, positions=(), orders=0, differences=("x",), unbegun=("DU1",)),
            "verified: paper: no records of DU1 yet, 0 positions, 0 orders",
            Tone.PLAIN,
        ),
        (
            OrderIntent(
                scope=PAPER,
                account="DU1",
                order_ref="e-1",
                con_id=1,
                symbol="ES",
                action="BUY",
                quantity=D(2),
                order_type="LMT",
                limit_price=D("9.5"),
            ),
            "order intent: paper: BUY 2 ES LMT 9.5 (e-1)",
            Tone.PLAIN,
        ),
        (
            OrderRefused(scope=PAPER, symbol="ES", action="BUY", quantity=D(11), codes=("max_contracts", "collar")),
            "order refused: paper: BUY 11 ES: max_contracts, collar",
            Tone.PLAIN,
        ),
        (
            OrderEnded(scope=PAPER, order_ref="e-1", outcome="refused"),
            "order ended: paper, order_ref e-1, outcome refused",
            Tone.PLAIN,
        ),
        (
            Filled(scope=PAPER, account="DU1", identity="x", exec_id="x.1", con_id=7, quantity=D(-3), price=D(5)),
            "filled: DU1: -3 of contract 7 at 5",
            Tone.PLAIN,
        ),
        (
            LimitBreached(
                scope=PAPER,
                limit="daily",
                baseline=D(100),
                net_deposits=D(0),
                equity=D(97),
                currency="USD",
                loss_pct=D(3),
                limit_pct=D(2),
                period_id="p",
            ),
            "limit breached: paper: daily: 3 % lost of $100.00, limit 2 %",
            Tone.STOPS,
        ),
        (
            LimitBreached(
                scope=PAPER,
                limit="daily",
                baseline=D(10000),
                net_deposits=D(0),
                equity=D("9789.9"),
                currency="EUR",
                loss_pct=D("2.1010000000001"),
                limit_pct=D("2.50"),
                period_id="p",
                loss=D("210.1"),
            ),
            "limit breached: paper: daily: 2.1 % lost (210.10 EUR) of 10,000.00 EUR, limit 2.5 %",
            Tone.STOPS,
        ),
        (
            baseline("day", "2026-03-11"),
            "baseline set: paper: losses of the day 2026-03-11 count from $1,000.50",
            Tone.PLAIN,
        ),
        (
            baseline("week", "2026-03-09", as_of_ns=NOON, late_ns=150 * MINUTE_NS),
            "baseline set: paper: losses of the week 2026-03-09 count from $1,000.50, "
            f"equity of {NOON_TEXT}, 2 h after it began",
            Tone.PLAIN,
        ),
        (
            baseline("month", "2026-03", late_ns=119 * MINUTE_NS),
            "baseline set: paper: losses of the month 2026-03 count from $1,000.50, 119 min after it began",
            Tone.PLAIN,
        ),
        (
            baseline("month", "2026-03", late_ns=49 * 60 * MINUTE_NS),
            "baseline set: paper: losses of the month 2026-03 count from $1,000.50, 2 days after it began",
            Tone.PLAIN,
        ),
        (
            baseline("peak", "reset-7", late_ns=MINUTE_NS - 1),
            "baseline set: paper: losses since the highest equity count from $1,000.50",
            Tone.PLAIN,
        ),
        (
            CashFlow(scope=PAPER, amount=D(-5000), currency="USD", effective_ns=NOON, note="rent"),
            f"cash flow: paper: $5,000.00 out, {NOON_TEXT}: rent",
            Tone.PLAIN,
        ),
        (
            CashFlow(scope=PAPER, amount=D(1), currency="USD", effective_ns=NOON, note="x", announced=True),
            f"cash flow: paper: $1.00 in, {NOON_TEXT}, announced: x",
            Tone.PLAIN,
        ),
        (
            JumpSuspected(scope=PAPER, before=D(10), after=D("12.5"), currency="USD"),
            "jump suspected: paper: equity went from $10.00 to $12.50 and nothing explains it",
            Tone.PLAIN,
        ),
        (
            JumpSuspected(scope=PAPER, before=D(10), after=D(9), currency="USD", seen_ns=NOON),
            f"jump suspected: paper: equity went from $10.00 to $9.00 and nothing explains it, seen {NOON_TEXT}",
            Tone.PLAIN,
        ),
        (
            JumpSettled(scope=PAPER, seen_ns=NOON, reason="a dividend"),
            f"jump settled: paper: the jump of {NOON_TEXT} was profit or loss: a dividend",
            Tone.PLAIN,
        ),
        (
            LimitChanged(scope=PAPER, limit="daily_loss_pct", old="2", new="3", reason="r", effective_ns=NOON),
            f"limit changed: paper: daily_loss_pct 2 → 3 from {NOON_TEXT}: r",
            Tone.PLAIN,
        ),
        (
            LimitChanged(scope=PAPER, limit="daily_loss_pct", old="", new="3", reason="r", effective_ns=0),
            "limit changed: paper: daily_loss_pct (none) → 3: r",
            Tone.PLAIN,
        ),
        (
            OrdersSwept(scope=PAPER, restrictions=("a",), client_id=7, cancelled=("BUY 2 ES", "BUY 1 GC")),
            "orders swept: paper: client 7 cancelled BUY 2 ES, BUY 1 GC",
            Tone.PLAIN,
        ),
        (
            OrdersSwept(scope=PAPER, restrictions=("a",), client_id=7, cancelled=(), left=((0, "BUY 2 ES"),), why="w"),
            "orders swept: paper: client 7 cancelled nothing; left BUY 2 ES; not known what still works: w",
            Tone.PLAIN,
        ),
        (
            OrdersSwept(scope=PAPER, restrictions=("a",), client_id=7, cancelled=(), gone=((0, "BUY 2 ES"),)),
            "orders swept: paper: client 7 cancelled nothing; gone since: BUY 2 ES",
            Tone.PLAIN,
        ),
        (
            LimitsTaken(scope=PAPER, values=(("a", "1"), ("b", "2"))),
            "limits taken: paper: first used with a 1, b 2",
            Tone.PLAIN,
        ),
        (
            Snapshot(fold=3, books=msgspec.Raw(b"{}")),
            "snapshot: what everything before comes to, in one record",
            Tone.PLAIN,
        ),
        (Repaired(what="mended"), "repaired: mended", Tone.PLAIN),
        (Repaired(what="mended", alarm=7), "repaired: mended; every login was halted", Tone.PLAIN),
        (NotUnderstood(kind="new_thing", why="w"), "new thing: kind new_thing, w", Tone.STOPS),
    ],
)
def test_what_a_line_says(event: AnyEvent, line: str, tone: Tone) -> None:
    assert tell(event) == (line, tone)


def test_a_line_is_one_line_and_has_an_end() -> None:
    line, _ = tell(IncidentNoted(incident_id="i", text="a\n\x1b[31mb\u202e" + "x" * 500))
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert len(line) <= TEXT_MAX + len("incident noted: ")


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [(0, "1970-01-01 00:00:00.000"), (1_500_999_999, "1970-01-01 00:00:01.500"), (10**25, f"{10**25} ns")],
)
def test_a_time_is_to_the_millisecond_and_never_an_error(at_ns: int, text: str) -> None:
    assert moment(at_ns, UTC) == text


def test_a_record_shows_no_raw_nanoseconds_and_its_times_in_the_zone_asked_for() -> None:
    until = msgspec.structs.replace(FACTOR, until_ns=NOON)
    assert f"until {NOON_TEXT}" in tell(Restricted(restriction=until))[0]
    plus_one = timezone(timedelta(hours=1))
    record = Record(seq=1, at_ns=NOON, actor="a", event=Restricted(restriction=until), digest=b"")
    assert "until 2026-03-11 13:00" in told(record, plus_one).about
