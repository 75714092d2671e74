"""The judgement around the risk table: periods that begin, peaks, doubtful money, blindness, and what it says."""

from __future__ import annotations

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limit_worlds import (
    CLOCK,
    EVENING,
    NOON,
    SECOND,
    SETTINGS,
    D,
    books,
    chicago,
    judged,
    limits,
    worth,
)
from engine.core.books import Books, Flow, Jump
from engine.core.judgements import Judgement
from engine.core.known import Unknown
from engine.core.limit_rules import Action, Basis, Lasting, Limit, LimitSettings, Rule
from engine.core.limits import judge
from engine.core.periods import DAY_NS, Period
from engine.core.restrictions import Cause, Kind, Scope

LATER = NOON + SECOND
NOTHING = Books(arming="arming-1")


def jump(amount: object, at_ns: int = NOON + 1) -> Jump:
    return Jump(amount=D(str(amount)), currency="USD", at_ns=at_ns)


def changed(limit: Limit, **values: object) -> LimitSettings:
    """The default settings with one rule, or the settings, changed."""
    own = {key: values.pop(key) for key in ("loss_pct", "action", "lasting") if key in values}
    rules = tuple(msgspec.structs.replace(rule, **own) if rule.limit is limit else rule for rule in SETTINGS.rules)
    return msgspec.structs.replace(SETTINGS, rules=rules, **values)


def peak_of(judgement: Judgement) -> Decimal | None:
    return next((one.equity for one in judgement.baselines if one.basis is Basis.PEAK), None)


# where losses are counted from ----------------------------------------------------------------------------------------


def test_the_first_start_counts_from_now_and_says_how_late_that_is() -> None:
    first = judged(NOTHING, "100000", NOON)
    assert {one.basis: (one.equity, one.at_ns) for one in first.baselines} == dict.fromkeys(Basis, (100000, NOON))
    assert {one.basis: one.id for one in first.baselines} == {
        Basis.DAY: "2026-03-11",
        Basis.WEEK: "2026-W11",
        Basis.MONTH: "2026-03",
        Basis.PEAK: "arming-1",
    }
    late = {one.basis: one.late_ns for one in first.baselines}
    assert late == {
        Basis.DAY: NOON - chicago("2026-03-10 17:00"),
        Basis.WEEK: NOON - chicago("2026-03-06 17:00"),
        Basis.MONTH: NOON - chicago("2026-02-27 17:00"),
        Basis.PEAK: 0,
    }
    assert first.breaches == ()
    assert limits(judged(first.books, "98000")) == [Limit.DAILY]


def test_a_restart_in_mid_period_keeps_the_baseline() -> None:
    assert judged(books(), "99000").baselines == ()


def test_at_the_rollover_the_day_counts_from_the_first_equity_of_the_new_day() -> None:
    old = worth("98500", EVENING - 1)
    waiting = judged(books(), old, EVENING)
    assert waiting.baselines == ()
    assert waiting.gauges[0].unknown == "no equity of this period is known yet"
    assert (waiting.unknown, waiting.breaches) == ((), ())
    begun = judged(books(), "98400", EVENING)
    assert [(one.basis, one.id, one.equity, one.late_ns) for one in begun.baselines] == [
        (Basis.DAY, "2026-03-12", 98_400, 0)
    ]
    assert judged(begun.books, "98400", EVENING + 1).baselines == ()


def test_a_single_dollar_is_equity_that_is_waited_for() -> None:
    old = worth("1", EVENING - 1)
    assert judged(books(), old, EVENING).gauges[0].unknown == "no equity of this period is known yet"
    assert judged(books(), worth("0", EVENING - 1), EVENING).gauges[0].unknown.startswith("equity is 0.00 USD")


def test_yesterdays_baseline_judges_nothing_today() -> None:
    falling = judged(books(), worth("90000", EVENING - 1), EVENING)
    assert Limit.DAILY not in limits(falling)
    assert Limit.WEEKLY in limits(falling)


def test_a_clock_that_goes_back_begins_no_period_again() -> None:
    tomorrow = judged(books(), "99000", EVENING)
    assert judged(tomorrow.books, "99000", NOON).baselines == ()


def test_what_is_not_settled_is_measured_but_nothing_is_measured_from_it() -> None:
    assert judged(NOTHING, worth("100000", NOON, settled=False), NOON).baselines == ()
    assert peak_of(judged(books(), worth("120000", LATER, settled=False))) is None
    assert limits(judged(books(), worth("98000", LATER, settled=False))) == [Limit.DAILY]


@pytest.mark.parametrize("amount", ["0", "-5"])
def test_from_nothing_or_less_no_loss_can_be_counted(amount: str) -> None:
    first = judged(NOTHING, amount, NOON)
    assert first.baselines == ()
    assert first.unknown == (f"equity is {amount}.00 USD: no loss can be counted from that",)
    next_day = judged(books(), worth(amount, EVENING), EVENING)
    assert next_day.baselines == ()
    assert "no loss can be counted" in next_day.unknown[0]
    assert limits(judged(books(), amount)) == [Limit.BREAKER, Limit.MONTHLY, Limit.WEEKLY, Limit.DAILY]


def test_one_cent_is_enough_to_count_from() -> None:
    assert len(judged(NOTHING, "0.01", NOON).baselines) == 4


# the peak -------------------------------------------------------------------------------------------------------------


def test_the_peak_rises_with_equity_and_never_falls() -> None:
    up = judged(books(), "110000")
    assert peak_of(up) == 110_000
    assert judged(up.books, "110000").baselines == ()
    down = judged(up.books, "109999.99")
    assert down.baselines == ()
    assert limits(judged(up.books, "93500.01")) == [Limit.WEEKLY, Limit.DAILY]
    assert limits(judged(up.books, "93500"))[0] is Limit.BREAKER


def test_a_deposit_raises_the_peak_and_is_no_new_one() -> None:
    money = books().with_flow(Flow(amount=D(10_000), currency="USD", at_ns=NOON + 1))
    assert judged(money, "110000").baselines == ()
    higher = judged(money, "110000.01")
    assert peak_of(higher) == D("110000.01")
    assert [gauge.loss for gauge in judged(higher.books, "110000.01").gauges if gauge.limit is Limit.BREAKER] == [0]


def test_after_everything_was_withdrawn_the_peak_has_no_percent() -> None:
    money = books().with_flow(Flow(amount=D(-100_000), currency="USD", at_ns=NOON + 1))
    judgement = judged(money, "0")
    assert limits(judgement) == []
    assert judgement.unknown == ("losses would count from 0.00 USD after withdrawals: that has no percent",)
    nearly = books().with_flow(Flow(amount=D("-99999.99"), currency="USD", at_ns=NOON + 1))
    assert judged(nearly, "0.01").unknown == ()


# money that nobody explained ------------------------------------------------------------------------------------------


def test_an_unexplained_fall_is_no_loss_and_no_pass_but_unknown() -> None:
    fallen = books().with_jump(jump(-20_000))
    judgement = judged(fallen, "80000")
    assert (judgement.breaches, judgement.kill) == ((), False)
    assert judgement.unknown == (
        "equity fell by 20,000.00 USD without any profit or loss that explains it: "
        "record the withdrawal (qe cashflow), or say that it was a loss (qe limits settle)",
    )
    assert limits(judged(fallen, "78000")) == [Limit.DAILY]
    assert limits(judged(fallen, "68000.01"))[0] is Limit.MONTHLY
    assert limits(judged(fallen, "68000"))[0] is Limit.BREAKER  # 15 percent of what was left


@pytest.mark.parametrize("amount", ["0.75", "0"])
def test_a_jump_is_a_fall_only_below_zero(amount: str) -> None:
    assert judged(books().with_jump(jump(amount)), "100000").unknown == ()


def test_a_fall_that_was_a_loss_after_all_counts_as_one() -> None:
    settled = books().with_jump(jump(-20_000)).with_jump_settled(NOON + 1)
    judgement = judged(settled, "80000")
    assert judgement.unknown == ()
    assert limits(judgement)[0] is Limit.BREAKER


def test_an_unexplained_rise_hides_no_loss_of_a_period_and_kills_nobody() -> None:
    risen = books().with_jump(jump(20_000))
    judgement = judged(risen, "118000")
    assert limits(judgement) == [Limit.DAILY]
    assert judgement.unknown == ()
    assert peak_of(judgement) is None  # it may be a deposit
    assert judgement.breaches[0].unexplained == 20_000
    assert Limit.BREAKER not in limits(judged(risen, "85000.01"))
    assert Limit.BREAKER in limits(judged(risen, "85000"))


def test_a_jump_before_a_baseline_is_in_it_already() -> None:
    risen = books().with_jump(jump(20_000, NOON))
    assert limits(judged(risen, "98000.01")) == []


# once -----------------------------------------------------------------------------------------------------------------


def test_a_breach_is_told_once() -> None:
    first = judged(books(), "98000")
    assert limits(first) == [Limit.DAILY]
    assert limits(judged(first.books, "97000", LATER + SECOND)) == []


def test_a_limit_that_only_alerts_binds_nobody() -> None:
    judgement = judged(books(), "98000", settings=changed(Limit.DAILY, action=Action.ALERT))
    assert limits(judgement) == [Limit.DAILY]
    assert judgement.impositions == ()
    assert [one.basis for one in judgement.books.baselines if one.acted] == [Basis.DAY]


# what is imposed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lasting", "until_ns"),
    [
        (Lasting.DAY, EVENING),
        (Lasting.WEEK, CLOCK.span(Period.WEEK, NOON).end_ns),
        (Lasting.MONTH, CLOCK.span(Period.MONTH, NOON).end_ns),
        (Lasting.PAUSE, LATER + 7 * DAY_NS),
        (Lasting.LIFTED, None),
    ],
)
@pytest.mark.parametrize("action", [Action.REDUCE_SIZE, Action.REDUCE_ONLY, Action.HALT, Action.KILL])
def test_every_action_lasts_as_long_as_it_is_told(action: Action, lasting: Lasting, until_ns: int | None) -> None:
    judgement = judged(books(), "98000", settings=changed(Limit.DAILY, action=action, lasting=lasting))
    [imposed] = judgement.impositions
    kinds = dict(zip((Action.REDUCE_SIZE, Action.REDUCE_ONLY, Action.HALT, Action.KILL), Kind, strict=True))
    assert imposed.kind is kinds[action]
    assert imposed.until_ns == (None if action is Action.KILL else until_ns)
    assert imposed.size_factor == (D("0.5") if action is Action.REDUCE_SIZE else 1)
    assert imposed.cancel is (action in (Action.REDUCE_ONLY, Action.HALT))
    assert judgement.kill is (action is Action.KILL)


def test_what_is_configured_is_what_is_imposed() -> None:
    settings = changed(
        Limit.WEEKLY, loss_pct=D("0.5"), size_factor=D("0.25"), pause_ns=5, everywhere=True, lasting=Lasting.PAUSE
    )
    [imposed] = judged(books(), "99500", settings=settings).impositions
    assert (imposed.size_factor, imposed.until_ns, imposed.everywhere) == (D("0.25"), LATER + 5, True)
    assert limits(judged(books(), "99500.01", settings=settings)) == []


def test_an_imposition_becomes_a_restriction() -> None:
    [imposed] = judged(books(), "98000").impositions
    scope = Scope("paper")
    made = imposed.restriction(id_="r1", scope=scope, since_ns=LATER, actor="guard")
    assert (made.id, made.scope, made.since_ns, made.actor) == ("r1", scope, LATER, "guard")
    assert (made.kind, made.cause, made.until_ns) == (Kind.HALT, Cause.DAILY_LOSS, EVENING)
    assert (made.reason, made.size_factor) == (imposed.reason, 1)
    [smaller] = judged(books(day="95000"), "95000").impositions
    assert smaller.restriction(id_="r2", scope=scope, since_ns=LATER, actor="guard").size_factor == D("0.5")


def test_a_breach_carries_its_evidence() -> None:
    money = books().with_flow(Flow(amount=D(1_000), currency="USD", at_ns=NOON + 1))
    [breach] = judged(money, "98999.50").breaches
    assert msgspec.structs.asdict(breach) == {
        "limit": Limit.DAILY,
        "action": Action.HALT,
        "period_id": "2026-03-11",
        "baseline": 100_000,
        "net_deposits": 1_000,
        "unexplained": 0,
        "equity": D("98999.50"),
        "currency": "USD",
        "loss": D("2000.50"),
        "allowed": 2_000,
        "limit_pct": 2,
        "since_ns": NOON,
        "at_ns": LATER,
    }


def test_the_reason_says_all_of_it_in_words() -> None:
    money = books().with_flow(Flow(amount=D(1_000), currency="USD", at_ns=NOON + 1))
    assert [one.reason for one in judged(money, "85850").impositions] == [
        "lost 15,150.00 USD from the peak since arming, from 100,000.00 to 85,850.00; "
        "the circuit breaker limit is 15 %, 15,150.00; net deposits 1,000.00",
        "lost 15,150.00 USD in month 2026-03, from 100,000.00 to 85,850.00; "
        "the monthly limit is 10 %, 10,000.00; net deposits 1,000.00",
        "lost 15,150.00 USD in week 2026-W11, from 100,000.00 to 85,850.00; "
        "the weekly limit is 5 %, 5,000.00; net deposits 1,000.00",
        "lost 15,150.00 USD in trading day 2026-03-11, from 100,000.00 to 85,850.00; "
        "the daily limit is 2 %, 2,000.00; net deposits 1,000.00",
    ]
    [plain] = judged(books(), "98000").impositions
    assert plain.reason.endswith("the daily limit is 2 %, 2,000.00")


# gauges ---------------------------------------------------------------------------------------------------------------


def test_gauges_show_what_is_used_and_what_is_left() -> None:
    daily, weekly, _, breaker = judged(books(day="101000"), "100000").gauges
    assert (daily.baseline, daily.loss, daily.allowed, daily.left) == (101_000, 1_000, 2_020, 1_020)
    assert daily.used == D("0.495049504950")
    assert (daily.period_id, daily.limit_pct, daily.action, daily.unknown) == ("2026-03-11", 2, Action.HALT, "")
    assert (weekly.loss, weekly.used, weekly.left) == (0, 0, 5_000)
    assert (breaker.limit, breaker.period_id) == (Limit.BREAKER, "arming-1")


def test_a_gain_uses_nothing_and_leaves_more() -> None:
    daily = judged(books(), "101000").gauges[0]
    assert (daily.loss, daily.used, daily.left) == (-1_000, 0, 3_000)


def test_a_crossed_limit_shows_as_more_than_used_and_as_acted_on() -> None:
    daily, weekly, _, _ = judged(books(), "97000").gauges
    assert (daily.used, daily.left, daily.acted) == (D("1.5"), -1_000, True)
    assert not weekly.acted


def test_what_is_unknown_shows_why_and_no_number() -> None:
    acted = judged(books(), "98000").books
    gauges = judged(acted, Unknown("link lost")).gauges
    assert [gauge.unknown for gauge in gauges] == ["link lost"] * 4
    assert [gauge.acted for gauge in gauges] == [True, False, False, False]
    numbers = [(g.baseline, g.loss, g.allowed, g.left, g.used) for g in gauges]
    assert numbers == [(None,) * 5] * 4


# blind ----------------------------------------------------------------------------------------------------------------


def test_unknown_becomes_blind_after_the_grace_and_not_a_nanosecond_earlier() -> None:
    first = judged(books(), Unknown("link lost"), NOON)
    assert (first.books.unknown_since_ns, first.books.blind, first.impositions) == (NOON, False, ())
    almost = judged(first.books, Unknown("link lost"), NOON + 30 * SECOND - 1)
    assert (almost.impositions, almost.blind_since_ns, almost.unknown) == ((), None, ("link lost",))
    blind = judged(almost.books, Unknown("link lost"), NOON + 30 * SECOND)
    [halt] = blind.impositions
    assert (halt.kind, halt.cause, halt.until_ns, halt.reason) == (Kind.HALT, Cause.BLIND, None, "link lost")
    assert (halt.size_factor, halt.everywhere, halt.cancel) == (1, False, False)
    assert (blind.blind_since_ns, blind.books.blind) == (NOON, True)
    again = judged(blind.books, Unknown("still lost"), NOON + 90 * SECOND)
    assert (again.impositions, again.blind_since_ns, again.books.blind) == ((), None, True)


def test_sight_comes_back_at_once() -> None:
    blind = msgspec.structs.replace(books(), blind=True, unknown_since_ns=NOON - SECOND)
    back = judged(blind, "100000")
    assert (back.sees_again, back.unknown) == (True, ())
    assert (back.books.blind, back.books.unknown_since_ns) == (False, None)
    assert not judged(back.books, "100000").sees_again


def test_unknown_for_less_than_the_grace_begins_anew_each_time() -> None:
    first = judged(books(), Unknown("x"), NOON)
    between = judged(first.books, "100000", NOON + 20 * SECOND)
    assert not between.sees_again
    later = judged(between.books, Unknown("x"), NOON + 40 * SECOND)
    assert (later.impositions, later.books.unknown_since_ns) == ((), NOON + 40 * SECOND)


def test_a_clock_that_goes_back_does_not_lengthen_the_grace() -> None:
    first = judged(books(), Unknown("x"), NOON)
    back = judged(first.books, Unknown("x"), NOON - 100 * SECOND)
    assert back.books.unknown_since_ns == NOON - 100 * SECOND
    assert judged(back.books, Unknown("x"), NOON - 70 * SECOND).blind_since_ns == NOON - 100 * SECOND


def test_without_a_grace_blind_is_at_once() -> None:
    settings = msgspec.structs.replace(SETTINGS, blind_grace_ns=0)
    assert judged(books(), Unknown("x"), NOON, settings).blind_since_ns == NOON


def test_positions_that_are_not_known_blind_too_but_losses_are_judged_on() -> None:
    judgement = judge(SETTINGS, CLOCK, books(), worth("98000", LATER), LATER, unknown=("positions: timed out",))
    assert judgement.unknown == ("positions: timed out",)
    assert limits(judgement) == [Limit.DAILY]
    blind = judge(
        SETTINGS, CLOCK, judgement.books, Unknown("link lost"), LATER + 30 * SECOND, unknown=("positions: timed out",)
    )
    assert blind.impositions[0].reason == "positions: timed out; link lost"


@pytest.mark.parametrize(
    ("equity", "now_ns", "why"),
    [
        (worth("100000", NOON), NOON + 60 * SECOND + 1, "equity is 60 s old"),
        (worth("100000", NOON + 1), NOON, "equity is dated in the future: the clock went back"),
        (worth("NaN", NOON), NOON, "equity is no plausible amount: NaN"),
        (worth("-Infinity", NOON), NOON, "equity is no plausible amount: -Infinity"),
        (worth("1.7976931348623157E308", NOON), NOON, "equity is no plausible amount: 1.7976931348623157E+308"),
        (worth("-1E15", NOON), NOON, "equity is no plausible amount: -1E+15"),
    ],
)
def test_what_cannot_be_judged_is_unknown(equity: object, now_ns: int, why: str) -> None:
    judgement = judged(NOTHING, equity, now_ns)
    assert (judgement.unknown, judgement.breaches, judgement.baselines) == ((why,), (), ())


def test_equity_may_be_exactly_as_old_as_it_may_be() -> None:
    assert judged(books(), worth("98000", NOON), NOON + 60 * SECOND).breaches != ()


def test_another_currency_is_unknown_until_a_person_has_it_counted_anew() -> None:
    euros = worth("60000", LATER, currency="EUR")
    judgement = judged(books(), euros)
    assert (judgement.breaches, judgement.kill, judgement.baselines) == ((), False, ())
    (told,) = judgement.unknown
    assert told.startswith("equity is in EUR, but was 100,000.00 USD before: ")
    assert "qe limits rebase" in told
    next_day = judged(books(), worth("60000", EVENING, currency="EUR"), EVENING)
    assert [(one.basis, one.currency) for one in next_day.baselines] == [(Basis.DAY, "EUR")]
    assert next_day.unknown == judgement.unknown
    assert judged(books().rebased(), euros).unknown == ()
    money = books().with_flow(Flow(amount=D(1), currency="USD", at_ns=NOON + 1))
    assert peak_of(judged(money, worth("999999", LATER, currency="EUR"))) is None


# settings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": SETTINGS.rules[:3]},
        {"rules": (*SETTINGS.rules[:3], SETTINGS.rules[0])},
        {"rules": (*SETTINGS.rules, SETTINGS.rules[0])},
        *(
            {"rules": (Rule(Limit.DAILY, D(pct), Action.HALT, Lasting.DAY), *SETTINGS.rules[1:])}
            for pct in ("0", "-1", "100.01", "NaN", "Infinity")
        ),
        *({"size_factor": D(factor)} for factor in ("-0.1", "1", "NaN")),
        {"pause_ns": 0},
        {"blind_grace_ns": -1},
        {"equity_age_ns_max": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"limit|factor|positive"):
        LimitSettings(**wrong)


def test_settings_at_their_edges_are_taken() -> None:
    rules = (Rule(Limit.DAILY, D(100), Action.HALT, Lasting.DAY), *SETTINGS.rules[1:])
    assert LimitSettings(rules=rules, size_factor=D(0), blind_grace_ns=0, pause_ns=1, equity_age_ns_max=1)


# laws -----------------------------------------------------------------------------------------------------------------

AMOUNTS = st.decimals(D("-10000"), D("300000"), places=2)


@given(AMOUNTS, AMOUNTS, st.decimals(D("0.01"), D("99"), places=2))
def test_a_limit_is_crossed_exactly_when_the_loss_has_the_percentage(
    base: Decimal, equity: Decimal, pct: Decimal
) -> None:
    if base <= 0:
        return
    settings = changed(Limit.DAILY, loss_pct=pct)
    crossed = Limit.DAILY in limits(judged(books(day=base), equity, settings=settings))
    assert crossed == ((base - equity) * 100 >= base * pct)


@given(AMOUNTS, AMOUNTS, st.decimals(D("-50000"), D("50000"), places=2))
def test_money_in_or_out_that_shows_changes_no_loss_of_a_period(base: Decimal, equity: Decimal, money: Decimal) -> None:
    if base <= 0 or not money:
        return
    plain = judged(books(day=base), equity).gauges[0]
    moved = books(day=base).with_flow(Flow(amount=money, currency="USD", at_ns=NOON + 1))
    assert judged(moved, equity + money).gauges[0] == plain


@given(st.lists(AMOUNTS, max_size=12))
def test_no_limit_acts_twice_in_a_period_however_equity_moves(path: list[Decimal]) -> None:
    kept, acted = books(), []
    for number, amount in enumerate(path):
        judgement = judged(kept, amount, LATER + number * SECOND)
        kept = judgement.books
        acted += limits(judgement)
    assert len(acted) == len(set(acted))


@given(st.lists(st.tuples(AMOUNTS, st.integers(1, 3 * 86_400)), max_size=10))
def test_a_restart_between_any_two_judgements_changes_nothing(path: list[tuple[Decimal, int]]) -> None:
    kept, stored, now = NOTHING, NOTHING, NOON
    for amount, pause_s in path:
        now += pause_s * SECOND
        one, other = judged(kept, amount, now), judged(stored, amount, now)
        assert one == other
        kept, stored = one.books, msgspec.json.decode(msgspec.json.encode(other.books), type=Books)


def test_nothing_is_rounded_away() -> None:
    with localcontext(prec=100):
        base = D("100000.000000000000000000000000001")
        floor = base - base * 2 / 100
        above, below = floor + D("1E-60"), floor - D("1E-60")
    assert limits(judged(books(day=base), above)) == []
    assert limits(judged(books(day=base), floor)) == limits(judged(books(day=base), below)) == [Limit.DAILY]


def test_money_that_equity_has_in_it_is_not_counted_once_more_from_a_baseline_set_with_it() -> None:
    """The jump is found when the report is read, a moment after the broker's last word."""
    told = books().with_flow(Flow(amount=D(10_000), currency="USD", at_ns=NOON, announced=True))
    seen = told.with_jump(Jump(amount=D(10_000), currency="USD", at_ns=NOON + 2 * SECOND))
    first = judged(seen, worth("120000", NOON + SECOND), NOON + 2 * SECOND)
    assert [(one.basis, one.equity) for one in first.baselines] == [(Basis.PEAK, D(120_000))]
    assert Limit.BREAKER not in limits(judged(first.books, "102000.01", NOON + 3 * SECOND))
    assert Limit.BREAKER in limits(judged(first.books, "102000.00", NOON + 3 * SECOND))


def test_money_that_went_out_is_counted_in_the_very_judgement_that_sees_it() -> None:
    told = books().with_flow(Flow(amount=D(-10_000), currency="USD", at_ns=NOON, announced=True))
    seen = told.with_jump(Jump(amount=D(-10_000), currency="USD", at_ns=NOON + 2 * SECOND))
    assert judged(seen, worth("90000", NOON + SECOND), NOON + 2 * SECOND).breaches == ()
