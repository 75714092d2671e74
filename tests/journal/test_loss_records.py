"""What is written down of the loss limits comes to the same books again, after any number of restarts."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limit_worlds import CLOCK, NOON, SECOND, SETTINGS, D, worth
from engine.core.books import Books, Flow, Jump
from engine.core.equity import Equity
from engine.core.known import Known, Unknown
from engine.core.limit_changes import Change, standing
from engine.core.limit_rules import Basis
from engine.core.limits import judge
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal import fold
from engine.journal.books import Books as Working
from engine.journal.events import (
    AnyEvent,
    BaselineSet,
    JumpSettled,
    JumpSuspected,
    KillEnded,
    KillPressed,
    Lifted,
    LimitBreached,
    LimitsTaken,
    Rebased,
    Record,
    Reset,
    Restricted,
)
from engine.journal.loss_records import (
    NEVER_RESET,
    baseline_set,
    books_of,
    cash_flow,
    changes_of,
    jump_suspected,
    last_equity,
    limit_breached,
    limit_changed,
    limits_changed,
    owed_kill,
)
from engine.journal.state import view

PAPER, LIVE = Scope("paper"), Scope("live")


class Kept:
    """A journal in memory: every record through its bytes."""

    def __init__(self) -> None:
        self.books, self.records = Working(), list[Record]()

    def write(self, event: AnyEvent, at_ns: int = NOON) -> None:
        record = Record(seq=self.books.seq + 1, at_ns=at_ns, actor="test", event=event, digest=bytes(32))
        read = msgspec.json.decode(msgspec.json.encode(record), type=Record)
        self.books = fold.apply(self.books, read)
        self.records.append(read)

    def books_of(self, scope: Scope = PAPER) -> Books:
        return books_of(view(self.books), scope)


def blind(id_: str = "b1", cause: Cause = Cause.BLIND, scope: Scope = PAPER) -> Restricted:
    return Restricted(
        restriction=Restriction(
            id=id_, scope=scope, kind=Kind.HALT, cause=cause, since_ns=NOON, actor="guard", reason="link lost"
        )
    )


STEPS = st.lists(
    st.one_of(
        st.decimals(D("60000"), D("130000"), places=2).map(lambda amount: ("worth", amount)),
        st.sampled_from([D(-9000), D(-500), D(700), D(9000)]).map(lambda amount: ("jump", amount)),
        st.tuples(st.just("flow"), st.sampled_from([D(-9000), D(700), D(9000)]), st.booleans()),
        st.just(("settle",)),
        st.just(("reset",)),
        st.just(("rebase",)),
        st.integers(1, 400_000).map(lambda pause_s: ("wait", pause_s)),
    ),
    max_size=25,
)


@given(STEPS)
def test_a_restart_between_any_two_steps_changes_no_judgement(steps: list[tuple[object, ...]]) -> None:
    kept, live, now = Kept(), Books(arming=NEVER_RESET), NOON
    for step in steps:
        now += SECOND
        match step:
            case ("worth", Decimal() as amount):
                equity = worth(amount, now)
                one = judge(SETTINGS, CLOCK, live, equity, now)
                other = judge(SETTINGS, CLOCK, kept.books_of(), equity, now)
                assert (one.baselines, one.breaches, one.impositions, one.kill, one.gauges, one.unknown) == (
                    other.baselines,
                    other.breaches,
                    other.impositions,
                    other.kill,
                    other.gauges,
                    other.unknown,
                )
                for baseline in one.baselines:
                    kept.write(baseline_set(PAPER, baseline), now)
                for breach in one.breaches:
                    kept.write(limit_breached(PAPER, breach), now)
                live = one.books
            case ("jump", Decimal() as amount):
                jump = Jump(amount=amount, currency="USD", at_ns=now)
                kept.write(jump_suspected(PAPER, jump, D("98000.01")), now)
                live = live.with_jump(jump)
            case ("flow", Decimal() as amount, bool() as announced):
                flow = Flow(amount=amount, currency="USD", at_ns=now, announced=announced)
                kept.write(cash_flow(PAPER, flow, "wire"), now)
                live = live.with_flow(flow)
            case ("settle",) if live.jumps:
                kept.write(JumpSettled(scope=PAPER, seen_ns=live.jumps[0].at_ns, reason="a fee"), now)
                live = live.with_jump_settled(live.jumps[0].at_ns)
            case ("reset",):
                kept.write(Reset(scope=PAPER, reason="understood"), now)
                live = live.armed(kept.books_of().arming)
            case ("rebase",):
                kept.write(Rebased(scope=PAPER, reason="euros"), now)
                live = live.rebased()
            case ("wait", int() as pause_s):
                now += pause_s * SECOND
    assert kept.books_of(LIVE) == Books(arming=NEVER_RESET)


def test_what_was_acted_on_before_everything_is_counted_anew_may_be_acted_on_again() -> None:
    kept = Kept()
    for at_ns, amount in ((NOON, "61224.49"), (NOON + 1, "60000")):
        judged = judge(SETTINGS, CLOCK, kept.books_of(), worth(amount, at_ns), at_ns)
        for baseline in judged.baselines:
            kept.write(baseline_set(PAPER, baseline), at_ns)
        for breach in judged.breaches:
            kept.write(limit_breached(PAPER, breach), at_ns)
    assert judged.breaches
    kept.write(Rebased(scope=PAPER, reason="euros"), NOON + 2)
    assert kept.books_of() == Books(arming=NEVER_RESET)
    anew = judge(SETTINGS, CLOCK, kept.books_of(), worth("60000", NOON + 3), NOON + 3)
    for baseline in anew.baselines:
        kept.write(baseline_set(PAPER, baseline), NOON + 3)
    assert judge(SETTINGS, CLOCK, kept.books_of(), worth("58800", NOON + 4), NOON + 4).breaches


def test_a_peak_that_rose_after_its_limit_was_acted_on_stays_acted_on() -> None:
    kept = Kept()
    first = judge(SETTINGS, CLOCK, kept.books_of(), worth("100000", NOON), NOON)
    crossed = judge(SETTINGS, CLOCK, first.books, worth("80000", NOON + 1), NOON + 1)
    higher = judge(SETTINGS, CLOCK, crossed.books, worth("120000", NOON + 2), NOON + 2)
    for judgement in (first, crossed, higher):
        for baseline in judgement.baselines:
            kept.write(baseline_set(PAPER, baseline))
        for breach in judgement.breaches:
            kept.write(limit_breached(PAPER, breach))
    again = judge(SETTINGS, CLOCK, kept.books_of(), worth("70000", NOON + 3), NOON + 3)
    assert again.breaches == ()
    assert [gauge.acted for gauge in again.gauges] == [True] * 4


def test_the_percentage_of_a_breach_is_written_down() -> None:
    first = judge(SETTINGS, CLOCK, Books(), worth("100000", NOON), NOON)
    [breach] = judge(SETTINGS, CLOCK, first.books, worth("97500", NOON + 1), NOON + 1).breaches
    written = limit_breached(PAPER, breach)
    assert (written.limit, written.action, written.period_id) == ("daily_loss", "halt", "2026-03-11")
    assert (written.loss, written.loss_pct, written.limit_pct) == (2_500, D("2.5"), 2)


@pytest.mark.parametrize("cause", Cause)
def test_a_login_is_blind_after_a_restart_if_it_was_before(cause: Cause) -> None:
    kept = Kept()
    kept.write(blind(cause=cause))
    kept.write(blind("b2", scope=LIVE))
    assert kept.books_of().blind is (cause is Cause.BLIND)
    kept.write(Lifted(restriction_id="b1", scope=PAPER, reason="seen again"))
    assert not kept.books_of().blind
    assert kept.books_of(LIVE).blind


def test_a_reset_of_one_login_is_no_arming_of_another() -> None:
    kept = Kept()
    kept.write(Reset(scope=LIVE, reason="understood"))
    assert (kept.books_of().arming, kept.books_of(LIVE).arming) == (NEVER_RESET, "reset-1")
    kept.write(Reset(scope=LIVE, reason="again"))
    assert kept.books_of(LIVE).arming == "reset-2"


def test_counting_anew_is_for_one_login() -> None:
    kept = Kept()
    for scope in (PAPER, LIVE):
        first = judge(SETTINGS, CLOCK, Books(arming=NEVER_RESET), worth("100000", NOON), NOON)
        for baseline in first.baselines:
            kept.write(baseline_set(scope, baseline))
        kept.write(cash_flow(scope, Flow(amount=D(1), currency="USD", at_ns=NOON + 1), "wire"))
        kept.write(jump_suspected(scope, Jump(amount=D(9), currency="USD", at_ns=NOON + 1), D(5)))
    kept.write(Rebased(scope=PAPER, reason="euros"))
    assert kept.books_of() == Books(arming=NEVER_RESET)
    assert (len(kept.books_of(LIVE).baselines), len(kept.books_of(LIVE).flows), len(kept.books_of(LIVE).jumps)) == (
        4,
        1,
        1,
    )


def test_records_without_a_moment_of_their_own_are_of_the_moment_they_were_written() -> None:
    kept = Kept()
    kept.write(BaselineSet(scope=PAPER, period="day", period_id="d", equity=D(7), currency="USD"), NOON + 5)
    kept.write(JumpSuspected(scope=PAPER, before=D(1), after=D(3), currency="USD"), NOON + 6)
    books = kept.books_of()
    assert [(one.basis, one.at_ns) for one in books.baselines] == [(Basis.DAY, NOON + 5)]
    assert books.jumps == (Jump(amount=D(2), currency="USD", at_ns=NOON + 6),)


def shut_down(id_: str, cause: Cause, since_ns: int) -> Restricted:
    return Restricted(
        restriction=Restriction(
            id=id_, scope=PAPER, kind=Kind.SHUTDOWN, cause=cause, since_ns=since_ns, actor="limits", reason="15 %"
        )
    )


def test_a_kill_is_owed_until_one_was_begun_for_this_shutdown_of_this_login() -> None:
    kept = Kept()
    assert owed_kill(view(kept.books), PAPER, NOON) is None
    kept.write(shut_down("s1", Cause.KILL_SWITCH, NOON))
    assert owed_kill(view(kept.books), PAPER, NOON) is None, "a kill shut it down, and no limit"
    kept.write(shut_down("s2", Cause.CIRCUIT_BREAKER, NOON))
    kept.write(KillPressed(kill_id="other", scopes=(LIVE,), reason="r"), NOON + 1)
    owed = owed_kill(view(kept.books), PAPER, NOON)
    assert owed is not None and owed.id == "s2"
    kept.write(KillEnded(kill_id="old", scopes=(PAPER,), flat=True, report=msgspec.Raw(b"{}")), NOON - 1)
    assert owed_kill(view(kept.books), PAPER, NOON) is not None, "it ended before the limit acted"
    kept.write(KillPressed(kill_id="k", scopes=(LIVE, PAPER), reason="r"), NOON - 5)
    assert owed_kill(view(kept.books), PAPER, NOON) is None, "one that is open is its own program's"
    kept.write(KillEnded(kill_id="k", scopes=(LIVE, PAPER), flat=False, report=msgspec.Raw(b"{}")), NOON + 2)
    assert owed_kill(view(kept.books), PAPER, NOON) is None, "and so is one that ended since"


def test_the_last_equity_is_the_youngest_of_its_login_that_was_written_down_anywhere() -> None:
    kept = Kept()
    assert isinstance(last_equity(view(kept.books), PAPER), Unknown)

    def baseline(amount: int, period: str, as_of_ns: int | None, scope: Scope = PAPER) -> BaselineSet:
        return BaselineSet(
            scope=scope, period=period, period_id="p", equity=D(amount), currency="USD", as_of_ns=as_of_ns
        )

    kept.write(baseline(100, "day", NOON + 5), NOON + 9)
    kept.write(baseline(200, "week", NOON + 1), NOON + 10)
    kept.write(baseline(300, "day", NOON + 20, LIVE), NOON + 20)
    assert last_equity(view(kept.books), PAPER) == Known(Equity(D(100), "USD"), NOON + 5)
    kept.write(baseline(400, "month", None), NOON + 7)
    assert last_equity(view(kept.books), PAPER) == Known(Equity(D(400), "USD"), NOON + 7)
    breach = LimitBreached(
        scope=PAPER, limit="daily_loss", baseline=D(400), net_deposits=D(0), equity=D(380), currency="USD",
        loss_pct=D(5), limit_pct=D(2), period_id="p",
    )  # fmt: skip
    kept.write(breach, NOON + 8)
    assert last_equity(view(kept.books), PAPER) == Known(Equity(D(380), "USD"), NOON + 8)


def test_what_limits_are_first_used_with_is_one_record_and_each_later_change_one_of_its_own() -> None:
    def change(key: str, old: str, new: str) -> Change:
        return Change(key=key, old=old, new=new, reason="r", told_ns=NOON, effective_ns=NOON)

    changes = [change("a", "", "1"), change("b", "2", "3"), change("c", "", "4")]
    first, later = limits_changed(PAPER, changes)
    assert first == LimitsTaken(scope=PAPER, values=(("a", "1"), ("c", "4")))
    assert later == limit_changed(PAPER, changes[1])
    assert tuple(limits_changed(PAPER, ())) == ()


def test_changes_of_limits_come_back_in_the_order_in_which_they_were_told() -> None:
    kept = Kept()
    told = [
        Change(key="daily_loss_pct", old="2", new="3", reason="r", told_ns=NOON, effective_ns=NOON + 100),
        Change(key="daily_loss_pct", old="2", new="1", reason="", told_ns=NOON + 1, effective_ns=NOON + 1),
    ]
    for change in told:
        kept.write(limit_changed(PAPER, change), change.told_ns)
    kept.write(limit_changed(LIVE, told[0]))
    assert changes_of(kept.records, PAPER) == changes_of(kept.books.limit_changes, PAPER) == tuple(told)
    assert standing(changes_of(kept.records, PAPER), NOON + 200)["daily_loss_pct"].value == "1"
