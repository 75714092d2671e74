"""What another kill has proven: behind exactly the same trades, and where this kill's own look shows nothing either."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.kill.book import BEGAN_NS, CLOSE, KEY, OTHER, Book
from core.kill.builders import ACCOUNT, ES, SECOND, D, Stage, ev, execution, held, order
from engine.core.facts import AccountWorth, ExecutionFact, UnreadPosition
from engine.core.kill.looks.survey import Survey
from engine.core.kill.other_kills.proven import ProvenFlat, trades_mark

OPENED, CLOSED = execution(ES, 5, "1.01", order_ref=OTHER), execution(ES, -5, "2.01", order_ref=CLOSE)
TRADES = (OPENED, CLOSED)
MARK = trades_mark(TRADES)


# the mark -------------------------------------------------------------------------------------------------------------


@given(st.permutations([execution(ES, n, f"{n}.01") for n in range(1, 6)]))
def test_the_mark_is_of_what_was_traded_in_whatever_order_it_is_listed(listed: list[ExecutionFact]) -> None:
    assert trades_mark(listed) == trades_mark(sorted(listed, key=lambda e: e.exec_id))
    assert len(trades_mark(listed)) == 8


@pytest.mark.parametrize(
    "others",
    [
        (OPENED,),
        (*TRADES, execution(ES, 1, "3.01")),
        (OPENED, replace(CLOSED, quantity=D(-4))),
        (OPENED, replace(CLOSED, account="DU2")),
        (OPENED, replace(CLOSED, con_id=ES.con_id + 1)),
        (OPENED, replace(CLOSED, exec_id="3.01")),
    ],
)
def test_other_trades_have_another_mark(others: tuple[ExecutionFact, ...]) -> None:
    assert trades_mark(others) != MARK


def test_a_correction_of_the_price_alone_is_no_other_trade() -> None:
    assert trades_mark((OPENED, replace(CLOSED, exec_id="2.02", price=D(7)))) == MARK


def test_of_no_trades_there_is_no_mark_for_a_list_that_never_shows_any_looks_the_same() -> None:
    assert trades_mark(()) == b""


# a look that it covers ------------------------------------------------------------------------------------------------


def survey(**more: object) -> Survey:
    shown = {"serial": 3, "begun_ns": 0, "orders": (), "positions": (held(ES, 0),), "executions": TRADES}
    return Survey(**(shown | more))  # type: ignore[arg-type]


def heard(mark: bytes = MARK) -> ProvenFlat:
    proven = ProvenFlat()
    proven.heard(mark, 2)
    return proven


def test_a_later_look_at_the_same_trades_that_shows_nothing_is_covered() -> None:
    proven = heard()
    assert proven.look(survey()) and proven.covers_last
    assert proven.look(survey(serial=4, positions=()))


@pytest.mark.parametrize(
    "more",
    [
        {"serial": 2},  # it began before the other had ended
        {"orders": (order(ES, "BUY", 1),)},
        {"positions": (held(ES, 1),)},
        {"unread": (UnreadPosition(ACCOUNT, 1, "ES", "blank"),)},
        {"executions": (*TRADES, execution(ES, 1, "3.01"))},
        {"executions": None},
        {"executions": ()},
    ],
)
def test_a_look_that_shows_anything_else_is_not_covered(more: dict[str, object]) -> None:
    proven = heard()
    assert proven.look(survey())
    assert not proven.look(survey(**more)) and not proven.covers_last


def test_without_the_word_of_another_kill_nothing_is_covered() -> None:
    assert not ProvenFlat().look(survey())
    assert not heard(b"").look(survey()) and not heard(b"").look(survey(executions=()))


# what the ledger makes of it ------------------------------------------------------------------------------------------


def contradicted() -> Book:
    """5 held at first, and others' trades of the day come to something else than the zero that is shown."""
    book = Book(first=5)
    book.traded(-3).surveyed(0, 1)
    assert not book.believed
    return book


def test_zero_behind_those_trades_is_believed_at_once_whatever_executions_come_to() -> None:
    book = contradicted()
    book.believe_nothing_held(BEGAN_NS + 2 * SECOND)
    assert book.believed and book.all_zero()
    assert book.surveyed(0, 3).all_zero()
    assert not book.surveyed(5, 4).believed, "what shows later is judged as ever"


def test_a_trade_just_before_the_press_is_in_it_too() -> None:
    book = Book(-5, first=0, recent=True)
    assert not book.believed
    book.believe_nothing_held(BEGAN_NS)
    assert book.surveyed(0, 1).all_zero()


@pytest.mark.parametrize("at_s", [3, 8])
def test_what_was_in_it_explains_nothing_that_shows_later(at_s: int) -> None:
    """Sold 5 just before the press. Short 5 behind the proof is news and no trade that was missing: four seconds."""
    book = Book(-5, first=0, recent=True)
    book.believe_nothing_held(BEGAN_NS)
    for second in range(1, at_s + 1):
        book.surveyed(-5, second)
    assert book.believed is (at_s == 8)


def nothing_traded() -> Book:
    return Book(first=5).surveyed(0, 1)


def held_still() -> Book:
    return Book(-3, first=5, recent=True)


def an_order_tells_of_more() -> Book:
    book = contradicted()
    book.traces.listed([order(ES, "BUY", 6, perm_id=5)], BEGAN_NS)
    book.traces.completed([order(ES, "BUY", 6, filled=D(1), perm_id=5)], BEGAN_NS)
    return book


def an_order_is_gone_without_a_word() -> Book:
    book = contradicted()
    book.traces.patience_ns = 6 * SECOND
    book.traces.listed([order(ES, "BUY", 6, perm_id=5)], BEGAN_NS)
    book.traces.listed([], BEGAN_NS)
    return book.surveyed(0, 1)


@pytest.mark.parametrize("case", [nothing_traded, held_still, an_order_tells_of_more, an_order_is_gone_without_a_word])
def test_not_where_no_trade_of_it_is_listed_or_anything_says_more(case: Callable[[], Book]) -> None:
    book = case()
    book.believe_nothing_held(BEGAN_NS + SECOND)
    assert not book.believed and book.position(KEY) is not None


# what a press that joins makes of it ----------------------------------------------------------------------------------


def joined() -> Stage:
    """Another kill has closed what was held; this one saw the position, and zero at its next look."""
    stage = Stage(held(ES, 5)).press()
    stage.tell(ev.LockBusy("pid 7"), ev.Connected((ACCOUNT,), 9000))
    stage.run(200)
    stage.positions, stage.executions = [], [execution(ES, -3, "2.01", order_ref=CLOSE)]
    stage.run(500)
    return stage


def flat_after_ms(stage: Stage, taken: ev.LockTaken, *, at_most_ms: int = 5000) -> int | None:
    stage.tell(taken)
    began_ns = stage.now_ns
    while not stage.finished and stage.now_ns - began_ns < at_most_ms * 1_000_000:
        stage.run(20)
    return (stage.now_ns - began_ns) // 1_000_000 if stage.finished and stage.report.flat else None


def test_a_press_that_joined_is_flat_right_behind_the_first() -> None:
    stage = joined()
    took_ms = flat_after_ms(stage, ev.LockTaken(left=ev.Left.FLAT, proven=trades_mark(stage.executions)))
    assert took_ms is not None and took_ms <= 1100


@pytest.mark.parametrize("more", [{"proven": MARK}, {}, {"taken_from": "pid 7, was shut out"}])
def test_not_behind_other_trades_nor_by_the_word_of_one_who_hung(more: dict[str, object]) -> None:
    stage = joined()
    said = {"left": ev.Left.FLAT, "proven": trades_mark(stage.executions) if "taken_from" in more else b""} | more
    assert flat_after_ms(stage, ev.LockTaken(**said)) is None  # type: ignore[arg-type]


def test_who_is_flat_tells_the_next_one_behind_which_trades() -> None:
    stage = joined()
    assert stage.machine.proven_trades() == b""
    flat_after_ms(stage, ev.LockTaken(left=ev.Left.FLAT, proven=trades_mark(stage.executions)))
    assert stage.machine.proven_trades() == trades_mark(stage.executions)


@pytest.mark.parametrize("worth", [None, AccountWorth(ACCOUNT, {"NetLiquidation": D(1000), "MaintMarginReq": D(5)})])
def test_a_later_press_does_not_wait_for_account_values_that_are_silent_or_old(worth: AccountWorth | None) -> None:
    traded = [
        replace(execution(ES, q, f"{n}.01"), recent=False, age_ns_min=400 * SECOND) for n, q in enumerate((5, -5))
    ]

    def flat_in_time(proven: bytes) -> bool:
        stage = Stage(nothing_seen_ns=2 * SECOND, unwitnessed_ns=20 * SECOND).press()
        stage.executions, stage.worth = [*traded], None if worth is None else [worth]
        stage.tell(ev.LockTaken(proven=proven))
        stage.tell(ev.Connected((ACCOUNT,), 9000))
        stage.run(1000)
        return stage.finished and stage.report.flat

    assert flat_in_time(trades_mark(traded))
    assert not flat_in_time(b"") and not flat_in_time(MARK)
