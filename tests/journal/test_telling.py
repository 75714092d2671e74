"""A record in one line: what was done to whom, and nothing that could command a terminal."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

import msgspec
import pytest

from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import (
    Adopted,
    AnyEvent,
    Filled,
    IncidentNoted,
    KillEnded,
    KillPressed,
    Lifted,
    LimitBreached,
    NotUnderstood,
    OrderEnded,
    OrderIntent,
    Record,
    Restricted,
    Verified,
)
from engine.journal.telling import TEXT_MAX, Tone, moment, told

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


def tell(event: AnyEvent) -> tuple[str, Tone]:
    found = told(Record(seq=1, at_ns=0, actor="a", event=event, digest=b""), UTC)
    return f"{found.what}: {found.about}", found.tone


@pytest.mark.parametrize(
    ("event", "line", "tone"),
    [
        (Restricted(restriction=FACTOR), "restricted: paper: size_factor 0.5 by weekly_loss: 5 % lost", Tone.STOPS),
        (Adopted(scope=PAPER, positions=(), reason="flat"), "adopted: paper, positions 0, flat", Tone.PLAIN),
        (Lifted(restriction_id="f", scope=PAPER, reason="r"), "lifted: paper, restriction_id f, r", Tone.FREES),
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
            "verified: paper: 1 differences, 0 positions, 0 orders",
            Tone.STOPS,
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
            "limit breached: paper: daily: 3 % lost of 100 USD, limit 2 %",
            Tone.STOPS,
        ),
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
