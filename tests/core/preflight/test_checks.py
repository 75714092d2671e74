"""Each check by itself: what it refuses, with what it saw and what is allowed, and what it lets pass beside it."""

from __future__ import annotations

import msgspec
import pytest

from core.preflight.world import (
    BY_ID,
    CALL,
    CL,
    ES,
    FREE,
    HALTED,
    MES,
    NOK,
    NOW,
    PUT,
    SHUT_DOWN,
    SPY,
    D,
    desk,
    order,
    price,
    restricted,
    sell,
)
from engine.core.book import PositionHeard
from engine.core.exposure import Resting, Side
from engine.core.known import Known, Unknown
from engine.core.preflight.checks_contract import check_contract, last_trade_day_ends_ns
from engine.core.preflight.desk import Preflight
from engine.core.preflight.examine import CHECKS
from engine.core.preflight.intent import Intent, Leg, MarginPreview, Reference, Special
from engine.core.preflight.settings import SECOND_NS, Need, ProductLimits, Settings
from engine.core.preflight.texts import sentence, sentences
from engine.core.preflight.verdict import PASS, Code, Failure, Verdict
from engine.core.restrictions import Cause, Kind
from engine.core.units import BLANK, UNSET

DAY_NS = 86_400 * SECOND_NS


def failures(made: Preflight, intent: Intent, state: object = FREE, now_ns: int = NOW) -> tuple[Failure, ...]:
    return made.explain(intent, state, now_ns).failures


def codes(made: Preflight, intent: Intent, state: object = FREE, now_ns: int = NOW) -> tuple[Code, ...]:
    return made.explain(intent, state, now_ns).codes


def only(made: Preflight, intent: Intent, state: object = FREE, now_ns: int = NOW) -> Failure:
    (failure,) = failures(made, intent, state, now_ns)
    return failure


def working(order_id: int, con_id: int, side: Side, remaining: int, **more: object) -> Resting:
    plain = Resting(
        key=(1, order_id),
        account="DU1",
        con_id=con_id,
        side=side,
        remaining=D(remaining),
        product=BY_ID[con_id].product,
    )
    return msgspec.structs.replace(plain, **more)


# the table ------------------------------------------------------------------------------------------------------------


def test_every_code_belongs_to_exactly_one_check_and_has_its_words() -> None:
    rows = [code for _, given in CHECKS for code in given]
    assert sorted(rows, key=lambda code: code.value) == sorted(Code, key=lambda code: code.value)
    for code in Code:
        text = sentence(Failure(code, D(3), D(2)))
        assert text.startswith(f"{code.value}: ")
        assert text.count("; ") >= 1
        assert "{" not in text


def test_what_positions_and_orders_are_unknown_for_alike_is_said_once() -> None:
    gone = Failure(Code.POSITION_UNKNOWN, "TWS has lost its link to IBKR (1100)", None)
    assert sentences(Verdict((gone, gone))) == sentence(gone)


def test_a_sentence_names_the_leg_and_the_quantity_that_would_pass() -> None:
    failure = Failure(Code.WOULD_CROSS_ZERO, D(5), D(3), D("2E+1"), "contract 7")
    assert sentence(failure).startswith("would_cross_zero (contract 7): trading is halted, and 5 is more than")
    assert "; the largest quantity that would pass is 20; " in sentence(failure)
    other = Failure(Code.POSITION_UNKNOWN, "not read", None)
    assert sentences(Verdict((failure, other))) == f"{sentence(failure)}\n{sentence(other)}"
    assert str(Verdict((failure, other))) == f"{sentence(failure)}\n{sentence(other)}", "printed as it is"
    assert sentence(Failure(Code.MARGIN, D(3), D(2))) == (
        "margin: it would need 3 of margin, and there is 2; send less, or free margin first"
    )
    assert sentences(PASS) == str(PASS) == "passes"


def test_every_failed_check_is_told_at_once() -> None:
    made = desk(Settings(blocked_symbols=frozenset({"ES"}), collar=Need.REQUIRED))
    bad = order(ES, 11, limit="100.1", account="DU9")
    assert codes(made, bad) == (
        Code.ACCOUNT_NOT_IN_LOGIN,
        Code.SYMBOL_BLOCKED,
        Code.PRICE_OFF_GRID,
        Code.MAX_CONTRACTS,
        Code.REFERENCE_MISSING,
    )
    assert made.judge(bad, FREE, NOW) == made.explain(bad, FREE, NOW)


# state ----------------------------------------------------------------------------------------------------------------


def test_a_shutdown_lets_no_order_through() -> None:
    made = desk(positions={ES: 3})
    for intent in (order(), sell(), sell(special=Special(what_if=True))):
        assert made.judge(intent, SHUT_DOWN, NOW).failures == (Failure(Code.SHUT_DOWN, "manual: because", None),)
        assert only(made, intent, SHUT_DOWN).code is Code.SHUT_DOWN


@pytest.mark.parametrize("kind", [Kind.HALT, Kind.REDUCE_ONLY])
def test_a_halt_refuses_what_could_add_risk_and_lets_reducing_orders_pass(kind: Kind) -> None:
    state, made = restricted(kind), desk(positions={ES: 3, MES: -2})
    for intent in (sell(ES, 3), sell(ES, 1, limit="100"), order(MES, 2, order_type="STP", aux="100")):
        assert made.judge(intent, state, NOW) == PASS
    for intent in (order(ES, 1), sell(MES, 1), order(SPY, 1), sell(SPY, 1)):
        expected = (Failure(Code.HALTED, "manual: because", D(0), D(0)),)
        assert made.judge(intent, state, NOW).failures == expected
        assert failures(made, intent, state) == expected


def test_a_reducing_order_that_would_cross_zero_is_told_the_largest_that_would_pass() -> None:
    made = desk(positions={ES: 3})
    assert made.judge(sell(ES, 4), HALTED, NOW).failures == (Failure(Code.WOULD_CROSS_ZERO, D(4), D(3), D(3)),)
    made.book.working(working(7, ES, Side.SELL, 2))
    assert made.judge(sell(ES, 2), HALTED, NOW).failures == (Failure(Code.WOULD_CROSS_ZERO, D(2), D(3), D(1)),)
    assert made.judge(sell(ES, 1), HALTED, NOW) == PASS


def test_under_a_halt_an_order_of_which_nothing_is_known_is_refused() -> None:
    made = desk(positions={ES: 3})
    assert Code.HALTED in codes(made, sell(ES, 0), HALTED)
    assert made.judge(sell(ES, 0), HALTED, NOW).failures[0] == Failure(Code.HALTED, "manual: because", None)


def test_the_refusal_of_a_state_is_not_that_of_another() -> None:
    made, other = desk(), restricted(Kind.HALT, cause=Cause.DAILY_LOSS)
    assert made.judge(order(), HALTED, NOW).failures[0].observed == "manual: because"
    assert made.judge(order(), other, NOW).failures[0].observed == "daily_loss: because"
    assert made.judge(order(), SHUT_DOWN, NOW).codes == (Code.SHUT_DOWN,)


def test_a_preview_passes_a_halt_and_is_held_against_no_size() -> None:
    made = desk(Settings(session=Need.REQUIRED, order_notional=D(1)))
    assert codes(made, order(ES, 11, special=Special(what_if=True)), HALTED) == ()
    made.book.lost("gone")
    assert codes(made, order(ES, 11, special=Special(what_if=True)), HALTED) == ()


def test_a_halt_judges_every_leg() -> None:
    spread = Special(legs=(Leg(CALL, 1, Side.BUY), Leg(PUT, 2, Side.SELL)))
    bag = Intent("DU1", 28812380, "BAG", "SPY", Side.SELL, D(2), "LMT", D(1), special=spread)
    made = desk(positions={CALL: 2, PUT: -4})
    assert made.judge(bag, HALTED, NOW) == PASS
    made = desk(positions={CALL: 2, PUT: -3})
    assert failures(made, bag, HALTED) == (Failure(Code.WOULD_CROSS_ZERO, D(4), D(3), D(3), f"contract {PUT}"),)


def test_unknown_positions_are_not_flat_and_unknown_orders_are_not_none() -> None:
    made = Preflight()
    made.accounts = ("DU1",)
    assert failures(made, order()) == (Failure(Code.POSITION_UNKNOWN, "not read yet", None),) * 2
    made.book.read_positions((), made.book.mark(), NOW)
    assert made.judge(order(), FREE, NOW).failures == (Failure(Code.POSITION_UNKNOWN, "not read yet", None),)
    made.book.read_orders((), made.book.mark(), NOW)
    assert made.judge(order(), FREE, NOW) == PASS
    made.book.lost("link lost")
    assert made.judge(order(), FREE, NOW).failures == (Failure(Code.POSITION_UNKNOWN, "link lost", None),) * 2


def test_positions_grow_old_where_the_settings_say_so() -> None:
    made = desk(Settings(position_age_ns_max=10))
    assert made.explain(order(), FREE, NOW) == made.explain(order(), FREE, NOW + 10) == PASS
    assert made.judge(order(), FREE, NOW + 10) == PASS
    assert made.judge(order(), FREE, NOW + 11).failures == (Failure(Code.POSITION_STALE, 11, 10),) * 2
    assert made.judge(order(), FREE, NOW - 1).failures == (Failure(Code.POSITION_STALE, -1, 10),) * 2
    assert desk().judge(order(), FREE, NOW + 365 * DAY_NS) == PASS


# whose and what -------------------------------------------------------------------------------------------------------


def test_the_account_is_one_of_the_login() -> None:
    made = desk()
    made.accounts = ("DU1", "DU2")
    for account in ("DU9", "", "du1"):
        assert only(made, order(account=account)) == Failure(Code.ACCOUNT_NOT_IN_LOGIN, account, "DU1, DU2")
    assert codes(made, order(account="DU2")) == ()
    made.accounts = ("DU2",)
    assert made.judge(order(), FREE, NOW).codes == (Code.ACCOUNT_NOT_IN_LOGIN,)


def test_an_order_for_a_group_of_accounts_is_refused() -> None:
    assert only(desk(), order(special=Special(allocation="all"))) == Failure(Code.ALLOCATION, "all", None)


def test_a_contract_without_an_id_is_refused() -> None:
    nameless = msgspec.structs.replace(order(), con_id=0)
    assert only(desk(), nameless) == Failure(Code.CONTRACT_UNKNOWN, 0, None)


def test_a_contract_that_contradicts_its_id_is_refused() -> None:
    made = desk()
    assert made.judge(order(SPY), FREE, NOW) == PASS
    posing = msgspec.structs.replace(order(SPY), sec_type="FUT")
    assert made.judge(posing, FREE, NOW).failures == (Failure(Code.CONTRACT_CONTRADICTS, "SPY FUT", "SPY STK"),)
    assert codes(made, msgspec.structs.replace(order(SPY), symbol="QQQ")) == (Code.CONTRACT_CONTRADICTS,)
    legs = (Leg(CALL, 1, Side.BUY), Leg(PUT, 1, Side.SELL))
    bag = Intent("DU1", ES, "BAG", "ES", Side.BUY, D(1), "LMT", D(1), special=Special(legs=legs))
    assert only(made, bag) == Failure(Code.CONTRACT_CONTRADICTS, "ES BAG", "ES FUT"), "TWS may go by the id"


@pytest.mark.parametrize(
    ("legs", "observed"),
    [
        ((), 0),
        ((Leg(CALL, 1, Side.BUY), Leg(CALL, 1, Side.SELL)), 2),
        ((Leg(CALL, 1, Side.BUY), Leg(99, 1, Side.SELL)), 99),
        ((Leg(CALL, 1, Side.BUY), Leg(PUT, 0, Side.SELL)), PUT),
        ((Leg(0, 1, Side.BUY),), 0),
    ],
)
def test_a_combination_is_known_leg_by_leg(legs: tuple[Leg, ...], observed: int) -> None:
    bag = Intent("DU1", 28812380, "BAG", "SPY", Side.BUY, D(1), "LMT", D(1), special=Special(legs=legs))
    found = [one for one in failures(desk(), bag) if one.code is Code.LEGS_UNKNOWN]
    assert [one.observed for one in found] == [observed]
    assert codes(desk(), msgspec.structs.replace(bag, special=None)) == (Code.LEGS_UNKNOWN,)


def test_under_a_halt_a_preview_of_legs_that_nobody_knows_is_refused_for_these_alone() -> None:
    unknown = Special(what_if=True)
    bag = Intent("DU1", 28812380, "BAG", "SPY", Side.BUY, D(1), "LMT", D(1), special=unknown)
    assert codes(desk(), bag, HALTED) == (Code.LEGS_UNKNOWN,), "nothing of a bracket would be transmitted with it"


def test_allowed_and_blocked_symbols_bind_what_opens_and_not_what_closes() -> None:
    made = desk(
        Settings(allowed_symbols=frozenset({"ES", "SPY"}), blocked_symbols=frozenset({"SPY"})),
        positions={MES: 2, SPY: 5},
    )
    assert made.judge(order(ES), FREE, NOW) == PASS
    assert made.judge(order(MES), FREE, NOW).failures == (Failure(Code.SYMBOL_NOT_ALLOWED, "MES", "ES, SPY"),)
    assert made.judge(order(SPY), FREE, NOW).failures == (Failure(Code.SYMBOL_BLOCKED, "SPY", None),)
    assert made.judge(order(CALL), FREE, NOW).codes == (Code.SYMBOL_BLOCKED,)
    assert made.judge(sell(MES, 2), FREE, NOW) == PASS
    assert made.judge(sell(SPY, 5), FREE, NOW) == PASS
    spread = Special(legs=(Leg(CALL, 1, Side.BUY), Leg(MES, 1, Side.SELL)))
    bag = Intent("DU1", 28812380, "BAG", "ES", Side.BUY, D(1), "LMT", D(1), special=spread)
    assert codes(made, bag) == (Code.SYMBOL_NOT_ALLOWED, Code.SYMBOL_BLOCKED)


def expiring(settings: Settings, text: str, positions: dict[int, int] | None = None) -> Preflight:
    made = desk(settings, positions=positions)
    made.list_contract(msgspec.structs.replace(BY_ID[ES], last_trade_date=text))
    return made


@pytest.mark.parametrize(
    ("text", "over_s"),
    [("20260529", 1_780_142_400), ("202605", 1_780_315_200)],  # noon of the next day in UTC
)
def test_a_contract_has_expired_when_its_last_day_is_over_everywhere(text: str, over_s: int) -> None:
    made = expiring(Settings(), text)
    over_ns = over_s * SECOND_NS
    assert made.judge(order(ES), FREE, over_ns - 1) == PASS
    assert made.judge(order(ES), FREE, over_ns).failures == (Failure(Code.EXPIRED, text, None, about="contract 1"),)
    assert expiring(Settings(expiry=Need.OFF), text).judge(order(ES), FREE, over_ns) == PASS
    holder = expiring(Settings(), text, {ES: 1})
    assert holder.judge(sell(ES), FREE, over_ns) == PASS


def test_expiry_and_sessions_are_judged_by_the_markets_clock_and_not_by_this_machines() -> None:
    """And what the quick way has remembered by another clock does not hold."""
    over_ns = last_trade_day_ends_ns("20260529")
    assert over_ns is not None
    made = expiring(Settings(), "20260529")
    year_ns = 365 * 86_400 * SECOND_NS
    assert made.judge(order(ES), FREE, over_ns - 1) == PASS
    assert made.judge(order(ES), FREE, over_ns + year_ns).codes == (Code.EXPIRED,)
    made.market_clock(-year_ns - SECOND_NS)
    assert made.judge(order(ES), FREE, over_ns + year_ns) == PASS
    assert made.judge(order(ES), FREE, over_ns + year_ns) == PASS  # by the quick way
    assert made.judge(order(ES), FREE, over_ns + year_ns + 2 * SECOND_NS).codes == (Code.EXPIRED,)
    made.market_clock(-year_ns - SECOND_NS + SECOND_NS)  # a second is no difference
    assert made.terms.market_ahead_ns == -year_ns - SECOND_NS
    made.market_clock(0)
    assert made.judge(order(ES), FREE, over_ns + year_ns).codes == (Code.EXPIRED,)


def test_days_that_must_be_left_until_expiry() -> None:
    made = expiring(Settings(expiry_days_min=2), "20260529")
    soon_ns = 1_780_142_400 * SECOND_NS - 2 * DAY_NS
    assert made.judge(order(ES), FREE, soon_ns - 1) == PASS
    assert made.judge(order(ES), FREE, soon_ns).failures == (
        Failure(Code.EXPIRES_SOON, "20260529", 2, about="contract 1"),
    )


@pytest.mark.parametrize(
    "text", ["", "soon", "20261301", "2026", "20260230", "99991231", "00000101", "２０２６０５２９"]
)
def test_an_expiry_that_is_not_known_is_refused_where_it_has_to_be_known(text: str) -> None:
    for made in (expiring(Settings(expiry=Need.REQUIRED), text), expiring(Settings(expiry_days_min=1), text)):
        assert only(made, order(ES)) == Failure(Code.EXPIRY_UNKNOWN, text, None, about="contract 1")
    assert expiring(Settings(), text).judge(order(ES), FREE, NOW) == PASS
    assert codes(desk(Settings(expiry=Need.REQUIRED), listed=False), order(ES)) == (Code.EXPIRY_UNKNOWN,)
    assert codes(desk(Settings(expiry=Need.REQUIRED)), order(SPY)) == ()


# NOW is 16:26:40 in New York
TRADING, LIQUID = "20260528:0400-20260528:2000", "20260528:0930-20260528:1600"


def at_hours(settings: Settings, con_id: int, zone: str = "US/Eastern", liquid: str = LIQUID) -> Preflight:
    made = desk(settings, positions={SPY: 3})
    hours = {"trading_hours": TRADING, "liquid_hours": liquid, "time_zone_id": zone}
    made.list_contract(msgspec.structs.replace(BY_ID[con_id], **hours))
    return made


CLOSED_SPY = (Failure(Code.MARKET_CLOSED, "closed", "open", about=f"contract {SPY}"),)


def test_while_the_market_is_closed_no_order_goes_without_a_limit() -> None:
    made = at_hours(Settings(), SPY)
    assert made.judge(order(SPY), FREE, NOW).failures == CLOSED_SPY
    assert made.judge(order(SPY, order_type="STP", aux=5), FREE, NOW).failures == CLOSED_SPY
    assert made.judge(order(SPY, limit=5), FREE, NOW) == PASS
    assert made.judge(order(SPY, outside_rth=True), FREE, NOW) == PASS
    assert made.judge(sell(SPY, 3), FREE, NOW) == PASS
    assert made.judge(order(SPY), FREE, NOW - 3600 * SECOND_NS) == PASS
    assert made.judge(order(SPY), FREE, NOW).failures == CLOSED_SPY
    assert made.judge(order(SPY, special=Special(what_if=True)), FREE, NOW) == PASS


def test_futures_trade_outside_regular_hours_and_options_do_not() -> None:
    assert at_hours(Settings(), ES).judge(order(ES), FREE, NOW) == PASS
    assert codes(at_hours(Settings(), CALL), order(CALL, outside_rth=True)) == (Code.MARKET_CLOSED,)
    assert codes(at_hours(Settings(), ES), order(ES), now_ns=NOW + 6 * 3600 * SECOND_NS) == (Code.MARKET_CLOSED,)


def test_hours_that_are_not_known_refuse_only_where_they_must_be_known() -> None:
    strict = Settings(session=Need.REQUIRED)
    for made in (at_hours(strict, SPY, zone="?"), desk(strict), desk(strict, listed=False)):
        for intent in (order(SPY), order(SPY, limit=5)):
            assert made.judge(intent, FREE, NOW).failures == (
                Failure(Code.SESSION_UNKNOWN, "unknown", "open", about=f"contract {SPY}"),
            )
    assert at_hours(Settings(), SPY, zone="?").judge(order(SPY), FREE, NOW) == PASS
    assert at_hours(strict, SPY).judge(order(SPY, limit=5), FREE, NOW).failures == CLOSED_SPY
    assert at_hours(strict, SPY).judge(order(SPY, limit=5), FREE, NOW - 3600 * SECOND_NS) == PASS
    assert at_hours(Settings(session=Need.OFF), SPY).judge(order(SPY), FREE, NOW) == PASS


# form -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [D(0), D(-1), D("NaN"), D("sNaN"), D("Infinity"), D("1e16"), BLANK, UNSET])
def test_a_quantity_is_a_number_above_zero(quantity: object) -> None:
    made = desk(positions={ES: 5})
    shown = quantity.value if quantity in (BLANK, UNSET) else str(quantity)
    for intent in (order(ES, quantity), sell(ES, quantity, limit=100)):
        assert made.judge(intent, FREE, NOW).failures == (Failure(Code.QUANTITY_NOT_POSITIVE, shown, None),)


def test_a_quantity_is_on_the_grid() -> None:
    made = desk()
    for con_id in (ES, CALL):
        assert made.judge(order(con_id, D("2.5")), FREE, NOW).failures == (
            Failure(Code.QUANTITY_OFF_GRID, D("2.5"), D(1), D(2)),
        )
    assert made.judge(order(SPY, D("2.5")), FREE, NOW) == PASS
    assert codes(made, order(SPY, D("2.000000001"))) == (Code.QUANTITY_OFF_GRID,)
    made.list_contract(msgspec.structs.replace(BY_ID[SPY], size_increment=D(100)))
    assert made.judge(order(SPY, 250), FREE, NOW).failures == (Failure(Code.QUANTITY_OFF_GRID, D(250), D(100), D(200)),)
    bag = Special(legs=(Leg(SPY, 1, Side.BUY),))
    assert codes(desk(), Intent("DU1", 9, "BAG", "SPY", Side.BUY, D("0.5"), "MKT", special=bag)) == (
        Code.QUANTITY_OFF_GRID,
    )


def test_an_order_sized_by_money_needs_a_price_to_be_judged_by() -> None:
    made = desk(Settings(shares=ProductLimits(order=D(10))))
    intent = order(SPY, 0, special=Special(cash_qty=D(1001)))
    assert only(made, intent) == Failure(Code.CASH_QUANTITY, "1001", None)
    price(made, SPY, "100")
    assert only(made, intent) == Failure(Code.ORDER_QUANTITY, D(11), D(10), D(10))
    both = order(SPY, 12, special=Special(cash_qty=D(100)))
    assert only(made, both) == Failure(Code.ORDER_QUANTITY, D(12), D(10), D(10)), "of both the larger"
    price(made, SPY, "-100.1")
    assert codes(made, intent) == ()
    price(made, SPY, "100", NOW - 31 * SECOND_NS)
    assert codes(made, intent) == (Code.CASH_QUANTITY,)
    price(made, SPY, "0")
    assert codes(made, intent) == (Code.CASH_QUANTITY,)
    price(made, SPY, "100")
    for amount in (D(-5), D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D(10) ** 16):
        for quantity in (0, 1):  # its own quantity is not what it trades
            assert codes(made, order(SPY, quantity, special=Special(cash_qty=amount))) == (Code.CASH_QUANTITY,), amount
    for nothing in (BLANK, UNSET, D(0)):
        assert codes(made, order(SPY, 1, special=Special(cash_qty=nothing))) == ()
        assert codes(made, order(SPY, 0, special=Special(cash_qty=nothing))) == (Code.QUANTITY_NOT_POSITIVE,)
    made = desk(Settings(options=ProductLimits(order=D(10))))
    price(made, CALL, "2")
    assert codes(made, order(CALL, 0, special=Special(cash_qty=D(2000)))) == ()
    assert codes(made, order(CALL, 0, special=Special(cash_qty=D(2001)))) == (Code.ORDER_QUANTITY,)


@pytest.mark.parametrize("absent", [BLANK, UNSET])
def test_a_price_that_the_type_works_with_is_there(absent: object) -> None:
    made = desk()
    for order_type in ("LMT", "LOC"):
        assert only(made, order(ES, limit=absent, order_type=order_type)) == Failure(Code.PRICE_MISSING, "limit", None)
    for order_type in ("STP", "STP PRT", "MIT"):
        assert only(made, order(ES, aux=absent, order_type=order_type)).observed == "trigger"
    for order_type in ("STP LMT", "LIT"):
        assert [one.observed for one in failures(made, order(ES, order_type=order_type))] == ["limit", "trigger"]
    assert codes(made, order(ES, limit=absent, aux=absent, order_type="TRAIL")) == ()


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e16"])
def test_no_price_is_anything_but_a_number_whatever_the_type(text: str) -> None:
    made = desk()
    for intent in (
        order(ES, limit=D(text)),
        order(ES, limit=D(text), order_type="MKT"),
        order(ES, limit=5, aux=D(text)),
        order(ES, aux=D(text), order_type="STP"),
        order(ES, aux=D(text), order_type="TRAIL"),
    ):
        assert made.judge(intent, FREE, NOW).failures == (Failure(Code.PRICE_NOT_FINITE, str(D(text)), None),)


def test_a_price_at_or_below_zero_is_believed_only_where_it_can_be() -> None:
    made = desk()
    for con_id, text in ((SPY, "0"), (CALL, "-1"), (CL, "0"), (CL, "-37.63")):
        assert made.judge(sell(con_id, limit=text), FREE, NOW).failures == (
            Failure(Code.PRICE_NOT_POSITIVE, D(text), 0),
        )
    assert codes(made, order(SPY, order_type="STP", aux="-1")) == (Code.PRICE_NOT_POSITIVE,)
    price(made, SPY, "0.01")
    price(made, CL, "-37")
    assert codes(made, sell(SPY, limit="0")) == (Code.PRICE_NOT_POSITIVE,)
    assert made.judge(sell(CL, limit="-37.63"), FREE, NOW) == PASS
    assert codes(made, sell(CL, limit="-37.63"), now_ns=NOW + 31 * SECOND_NS) == (Code.PRICE_NOT_POSITIVE,)
    spread = Special(legs=(Leg(CALL, 1, Side.BUY), Leg(PUT, 1, Side.SELL)))
    bag = Intent("DU1", 9, "BAG", "SPY", Side.BUY, D(1), "LMT", D("-0.35"), special=spread)
    assert codes(made, bag) == ()
    assert codes(made, order(SPY, limit=0, order_type="MKT")) == ()  # clients send it, and nothing works with it


def test_prices_are_whole_ticks() -> None:
    made = desk()
    assert made.judge(order(ES, limit="100.1"), FREE, NOW).failures == (
        Failure(Code.PRICE_OFF_GRID, D("100.1"), D("0.25")),
    )
    stop = order(ES, limit="100.1", aux="100.2", order_type="STP LMT")
    assert [one.observed for one in failures(made, stop)] == [D("100.1"), D("100.2")]
    assert codes(made, order(ES, limit="100.25")) == ()
    assert codes(made, order(ES, limit="100.1", order_type="MKT")) == ()
    assert codes(desk(Settings(grid=Need.OFF)), order(ES, limit="100.1")) == ()
    assert codes(desk(listed=False), order(ES, limit="100.1")) == ()
    bag = Special(legs=(Leg(SPY, 1, Side.BUY),))
    strict = desk(Settings(grid=Need.REQUIRED))
    assert codes(strict, Intent("DU1", 9, "BAG", "SPY", Side.BUY, D(1), "LMT", D("1.003"), special=bag)) == ()


def test_a_tick_that_must_be_known_is_asked_of_orders_with_a_price_that_open() -> None:
    made = desk(Settings(grid=Need.REQUIRED), positions={PUT: 1})
    assert made.judge(order(PUT, limit="1"), FREE, NOW).failures == (Failure(Code.GRID_UNKNOWN, PUT, None),)
    assert codes(desk(Settings(grid=Need.REQUIRED), listed=False), order(ES, limit="1")) == (Code.GRID_UNKNOWN,)
    assert made.judge(order(PUT), FREE, NOW) == PASS
    assert made.judge(sell(PUT, limit="1"), FREE, NOW) == PASS
    assert made.judge(order(ES, limit="1"), FREE, NOW) == PASS


def modify(key: tuple[int, int] = (1, 7)) -> Special:
    return Special(modifies=key)


def test_a_modify_is_of_an_order_that_works_in_the_same_contract_on_the_same_side() -> None:
    made = desk()
    assert failures(made, order(ES, 1, special=modify())) == (Failure(Code.ORDER_UNKNOWN, "order 7 of client 1", None),)
    made.book.working(working(7, ES, Side.BUY, 1))
    assert codes(made, order(ES, 2, special=modify())) == ()
    assert only(made, sell(ES, 1, special=modify())) == Failure(Code.SIDE_CHANGED, "sell", "buy")
    assert only(made, order(MES, 1, special=modify())) == Failure(Code.SIDE_CHANGED, "buy", None)


def test_a_modify_is_for_all_the_contracts_of_a_combination() -> None:
    """One leg alone would be judged by what the others have filled."""
    made = desk()
    made.book.working(working(7, ES, Side.BUY, 1))
    made.book.working(working(7, MES, Side.SELL, 5))
    assert only(made, order(ES, 1, special=modify())) == Failure(
        Code.SIDE_CHANGED, "left out", "sell", about="contract 2"
    )


# size -----------------------------------------------------------------------------------------------------------------


def test_one_order_is_bounded_by_its_product_under_the_size_factor() -> None:
    made = desk(Settings(futures=ProductLimits(order=D(4))), positions={ES: 9})
    half = restricted(Kind.SIZE_FACTOR, "0.5")
    assert made.judge(order(ES, 4), FREE, NOW) == PASS
    assert made.judge(order(ES, 5), FREE, NOW).failures == (Failure(Code.ORDER_QUANTITY, D(5), D(4), D(4)),)
    assert made.judge(order(ES, 2), half, NOW) == PASS
    assert made.judge(order(ES, 3), half, NOW).failures == (Failure(Code.ORDER_QUANTITY, D(3), D(2), D(2)),)
    assert made.judge(sell(ES, 9), half, NOW) == PASS
    assert made.judge(order(SPY, 10_000), FREE, NOW) == PASS
    assert made.judge(order(SPY, 10_001), FREE, NOW).codes == (Code.ORDER_QUANTITY,)


def test_the_account_is_bounded_by_the_worst_case_of_all_its_contracts() -> None:
    made = desk(positions={ES: 4, MES: -3})
    made.book.working(working(7, MES, Side.SELL, 1))
    made.book.sent(working(8, ES, Side.SELL, 5))  # could at worst make it one short: the long is worse
    assert made.judge(order(ES, 2), FREE, NOW) == PASS
    assert made.judge(order(ES, 3), FREE, NOW).failures == (Failure(Code.MAX_CONTRACTS, D(11), D(10), D(2), "futures"),)
    assert made.judge(sell(ES, 5), FREE, NOW) == PASS
    assert made.judge(sell(ES, 6), FREE, NOW).failures == (Failure(Code.MAX_CONTRACTS, D(11), D(10), D(5), "futures"),)
    assert made.judge(order(CALL, 50), FREE, NOW) == PASS
    assert made.judge(order(CALL, 51), FREE, NOW).failures == (
        Failure(Code.MAX_CONTRACTS, D(51), D(50), D(50), "options"),
    )


def test_accounts_are_bounded_each_by_itself() -> None:
    made = desk(positions={ES: 10})
    made.accounts = ("DU1", "DU2")
    assert codes(made, order(ES, 1)) == (Code.MAX_CONTRACTS,)
    assert codes(made, order(ES, 10, account="DU2")) == ()


@pytest.mark.parametrize(("factor", "most"), [("0.5", 5), ("0.25", 2), ("0.05", 0), ("0", 0)])
def test_the_size_factor_is_rounded_down(factor: str, most: int) -> None:
    state, made = restricted(Kind.SIZE_FACTOR, factor), desk()
    assert made.judge(order(ES, most + 1), state, NOW).failures == (
        Failure(Code.MAX_CONTRACTS, D(most + 1), D(most), D(most), "futures"),
    )
    assert most == 0 or made.judge(order(ES, most), state, NOW) == PASS


def test_beyond_the_limit_what_does_not_raise_the_worst_case_still_passes() -> None:
    made = desk(positions={ES: 30})
    assert made.judge(sell(ES, 40), FREE, NOW) == PASS
    assert made.judge(sell(ES, 60), FREE, NOW) == PASS
    assert made.judge(sell(ES, 61), FREE, NOW).failures == (
        Failure(Code.MAX_CONTRACTS, D(31), D(10), D(60), "futures"),
    )
    assert made.judge(order(ES, 1), FREE, NOW).failures == (Failure(Code.MAX_CONTRACTS, D(31), D(10), D(0), "futures"),)


def test_orders_of_the_other_side_hide_no_new_position_beyond_the_limit() -> None:
    """They may never fill: behind twenty sells of somebody else's, eleven bought were eleven long."""
    made = desk(positions={ES: -10, MES: 0})
    made.book.working(working(7, ES, Side.SELL, 10))  # by hand, beyond the limit
    made.book.working(working(8, ES, Side.BUY, 10))
    assert made.judge(order(ES, 10), FREE, NOW) == PASS
    assert made.judge(order(ES, 11), FREE, NOW).failures == (
        Failure(Code.MAX_CONTRACTS, D(11), D(10), D(10), "futures"),
    )
    assert only(made, order(ES, 21)).largest == 10  # and not as much as raises no worst case
    short = desk(positions={ES: 3})
    short.book.working(working(7, ES, Side.BUY, 20))
    short.book.working(working(8, MES, Side.BUY, 4))  # counts beside it
    assert short.judge(sell(ES, 9), FREE, NOW) == PASS
    assert short.judge(sell(ES, 10), FREE, NOW).failures == (
        Failure(Code.MAX_CONTRACTS, D(11), D(10), D(9), "futures"),
    )


def test_an_exit_beside_its_resting_stop_passes_however_small_the_limit_has_become() -> None:
    made = desk(positions={ES: 10})
    made.book.working(working(7, ES, Side.SELL, 10))
    half = restricted(Kind.SIZE_FACTOR, "0.5")
    assert made.judge(sell(ES, 10), half, NOW) == PASS
    assert Code.MAX_CONTRACTS in made.judge(sell(ES, 11), half, NOW).codes


def test_what_works_beyond_the_limit_already_can_be_made_smaller() -> None:
    made = desk()
    made.book.working(working(7, ES, Side.BUY, 20))
    made.book.working(working(8, ES, Side.SELL, 30))
    assert codes(made, order(ES, 15, special=modify())) == ()
    assert codes(made, order(ES, 20, special=modify())) == ()


def test_the_legs_of_a_combination_hide_behind_nothing_either() -> None:
    legs = (Leg(CALL, 1, Side.BUY), Leg(PUT, 1, Side.BUY))
    made = desk()
    made.book.working(working(7, CALL, Side.SELL, 60))
    made.book.working(working(8, PUT, Side.SELL, 60))
    bag = Intent("DU1", 9, "BAG", "SPY", Side.BUY, D(55), "LMT", D(1), special=Special(legs=legs))
    assert Failure(Code.MAX_CONTRACTS, D(115), D(50), None, "options") in made.judge(bag, FREE, NOW).failures


def test_a_modify_counts_in_the_place_of_what_it_replaces() -> None:
    made = desk()
    made.book.working(working(7, ES, Side.BUY, 8, filled=D(1)))
    assert codes(made, order(ES, 11, special=modify())) == ()  # of which one is filled already
    assert only(made, order(ES, 12, special=modify())) == Failure(Code.MAX_CONTRACTS, D(11), D(10), D(10), "futures")
    made.passed(order(ES, 10, special=modify()), (1, 7), NOW)
    assert made.book.order((1, 7))[0].remaining == 9
    assert codes(made, order(ES, 3)) == (Code.MAX_CONTRACTS,)


def test_a_bracket_passes_at_the_limit_order_by_order() -> None:
    made = desk()
    for order_id, intent in enumerate(
        (
            order(ES, 10, limit=100),
            sell(ES, 10, limit=110, special=Special(parent=(1, 0))),
            sell(ES, 10, order_type="STP", aux=90, special=Special(parent=(1, 0))),
        )
    ):
        assert made.judge(intent, FREE, NOW) == PASS
        made.passed(intent, (1, order_id), NOW)
    assert made.book.spot(("DU1", ES)).exposure.sells == 0
    assert made.judge(order(ES, 1), FREE, NOW).codes == (Code.MAX_CONTRACTS,)


def test_the_legs_of_a_combination_count_each_and_together() -> None:
    legs = (Leg(CALL, 1, Side.BUY), Leg(PUT, 2, Side.SELL))
    made = desk()

    def bag(quantity: int, side: Side = Side.BUY) -> Intent:
        return Intent("DU1", 9, "BAG", "SPY", side, D(quantity), "LMT", D(1), special=Special(legs=legs))

    assert codes(made, bag(16)) == ()
    assert only(made, bag(17)) == Failure(Code.MAX_CONTRACTS, D(51), D(50), None, "options")
    made.passed(bag(16, Side.SELL), (1, 7), NOW)
    assert made.book.exposures[("DU1", CALL)].sells == 16
    assert made.book.exposures[("DU1", PUT)].buys == 32


def test_only_with_deny_unlisted_is_a_limit_that_is_not_set_a_limit_of_zero() -> None:
    strict = desk(Settings(deny_unlisted=True), positions={SPY: 5})
    assert desk().judge(order(SPY, 100), FREE, NOW) == PASS
    assert strict.judge(order(SPY, 1), FREE, NOW).failures == (Failure(Code.MAX_CONTRACTS, D(6), D(0), D(0), "shares"),)
    assert strict.judge(sell(SPY, 5), FREE, NOW) == PASS
    assert strict.judge(order(ES, 10), FREE, NOW) == PASS
    assert desk(Settings(deny_unlisted=True, shares=ProductLimits(D(9)))).judge(order(SPY, 9), FREE, NOW) == PASS


def test_ten_micros_are_not_ten_large_ones_in_money() -> None:
    made = desk(Settings(account_notional=D(300_000)))
    price(made, ES, "6000")
    price(made, MES, "6000")
    assert made.judge(order(MES, 10), FREE, NOW) == PASS
    assert made.judge(order(ES, 1), FREE, NOW) == PASS
    assert made.judge(order(ES, 2), FREE, NOW).failures == (Failure(Code.ACCOUNT_NOTIONAL, D(600_000), D(300_000)),)
    made.passed(order(MES, 9), (1, 7), NOW)
    assert made.judge(order(ES, 1), FREE, NOW).failures == (Failure(Code.ACCOUNT_NOTIONAL, D(570_000), D(300_000)),)


def test_an_order_is_bounded_in_money_at_its_own_price_under_the_size_factor() -> None:
    made = desk(Settings(order_notional=D(10_000)))
    assert made.judge(order(SPY, 100, limit=100), FREE, NOW) == PASS
    assert made.judge(order(SPY, 100, limit="100.01"), FREE, NOW).failures == (
        Failure(Code.ORDER_NOTIONAL, D("10001.00"), D(10_000)),
    )
    assert made.judge(order(SPY, 101, order_type="STP", aux=100), FREE, NOW).codes == (Code.ORDER_NOTIONAL,)
    half = restricted(Kind.SIZE_FACTOR, "0.5")
    assert made.judge(order(SPY, 50, limit=100), half, NOW) == PASS
    assert made.judge(order(SPY, 51, limit=100), half, NOW).codes == (Code.ORDER_NOTIONAL,)
    assert made.judge(order(SPY, 1), FREE, NOW).failures == (Failure(Code.NOTIONAL_UNKNOWN, f"contract {SPY}", None),)
    price(made, SPY, "-100")
    assert made.judge(order(SPY, 100), FREE, NOW) == PASS
    assert made.judge(order(SPY, 101), FREE, NOW).codes == (Code.ORDER_NOTIONAL,)


def test_an_option_counts_by_its_strike_and_needs_no_market_data() -> None:
    made = desk(Settings(order_notional=D(60_000)))
    assert made.judge(order(CALL, 1), FREE, NOW) == PASS
    assert made.judge(order(CALL, 2, limit="0.01"), FREE, NOW).failures == (
        Failure(Code.ORDER_NOTIONAL, D(120_000), D(60_000)),
    )


def test_another_currency_needs_its_rate() -> None:
    made = desk(Settings(order_notional=D(1000)))
    intent = order(NOK, 1, limit=100)
    assert codes(made, intent) == (Code.NOTIONAL_UNKNOWN,)
    made.rate("NOK", D("0.1"))
    assert made.judge(intent, FREE, NOW) == PASS
    made.rate("NOK", D("0.11"))
    assert made.judge(intent, FREE, NOW).codes == (Code.ORDER_NOTIONAL,)
    made.rate("NOK", D("NaN"))
    assert made.judge(intent, FREE, NOW).codes == (Code.NOTIONAL_UNKNOWN,)


def test_what_a_contract_is_worth_is_unknown_without_its_terms() -> None:
    settings = Settings(order_notional=D(1000))
    assert codes(desk(settings, listed=False), order(ES, limit=1)) == (Code.NOTIONAL_UNKNOWN,)
    made = desk(settings)
    made.list_contract(msgspec.structs.replace(BY_ID[ES], multiplier=None))
    assert made.judge(order(ES, limit=1), FREE, NOW).codes == (Code.NOTIONAL_UNKNOWN,)
    made.list_contract(msgspec.structs.replace(BY_ID[CALL], strike=None))
    assert made.judge(order(CALL, limit=1), FREE, NOW).codes == (Code.NOTIONAL_UNKNOWN,)
    other = Intent("DU1", 77, "CASH", "EUR", Side.BUY, D(500), "LMT", D(2))
    made.list_contract(msgspec.structs.replace(BY_ID[SPY], con_id=77, sec_type="CASH", symbol="EUR"))
    assert made.judge(other, FREE, NOW) == PASS
    assert codes(made, msgspec.structs.replace(other, quantity=D(501))) == (Code.ORDER_NOTIONAL,)


def test_the_accounts_worth_is_unknown_while_any_of_its_contracts_has_no_price() -> None:
    made = desk(Settings(account_notional=D(10**7)), positions={ES: 1})
    assert made.judge(order(SPY, 1, limit=100), FREE, NOW).failures == (
        Failure(Code.NOTIONAL_UNKNOWN, "the account's other contracts", None),
    )
    price(made, ES, "6000")
    assert made.judge(order(SPY, 1, limit=100), FREE, NOW) == PASS
    made.refer(ES, None)
    assert made.judge(order(SPY, 1, limit=100), FREE, NOW).codes == (Code.NOTIONAL_UNKNOWN,)
    assert made.judge(sell(ES, 2), FREE, NOW).codes == (Code.NOTIONAL_UNKNOWN,)
    assert made.judge(sell(ES, 1), FREE, NOW) == PASS
    price(made, ES, "NaN")
    assert made.judge(order(SPY, 1, limit=100), FREE, NOW).codes == (Code.NOTIONAL_UNKNOWN,)


def test_in_money_the_smallest_excess_counts() -> None:
    made = desk(Settings(account_notional=D("0.5")))
    assert made.judge(order(SPY, 1, limit="0.50"), FREE, NOW) == PASS
    assert made.judge(order(SPY, 1, limit="0.51"), FREE, NOW).failures == (
        Failure(Code.ACCOUNT_NOTIONAL, D("0.51"), D("0.5")),
    )


def test_a_leg_without_a_price_hides_no_excess_of_another() -> None:
    made = desk(Settings(order_notional=D(1000), account_notional=D(1000)))
    legs = Special(legs=(Leg(ES, 1, Side.BUY), Leg(CALL, 1, Side.BUY)))
    bag = Intent("DU1", 9, "BAG", "ES", Side.BUY, D(1), "LMT", D(1), special=legs)
    assert failures(made, bag) == (
        Failure(Code.NOTIONAL_UNKNOWN, f"contract {ES}", None),
        Failure(Code.ORDER_NOTIONAL, D(60_000), D(1000)),
        Failure(Code.ACCOUNT_NOTIONAL, D(60_000), D(1000)),
    )


def test_in_money_too_what_does_not_raise_the_worst_case_passes() -> None:
    made = desk(Settings(account_notional=D(1000)), positions={ES: 2})
    price(made, ES, "6000")
    assert made.judge(sell(ES, 4, limit="6000"), FREE, NOW) == PASS
    assert made.judge(sell(ES, 5, limit="6000"), FREE, NOW).codes == (Code.ACCOUNT_NOTIONAL,)


def test_in_money_too_orders_of_the_other_side_hide_no_new_position_beyond_the_limit() -> None:
    made = desk(Settings(account_notional=D(1000)))
    price(made, SPY, "100")
    made.book.working(working(7, SPY, Side.SELL, 20))
    assert made.judge(order(SPY, 10), FREE, NOW) == PASS
    assert made.judge(order(SPY, 11), FREE, NOW).failures == (Failure(Code.ACCOUNT_NOTIONAL, D(1100), D(1000)),)
    assert made.judge(order(SPY, 10, limit=101), FREE, NOW).failures == (
        Failure(Code.ACCOUNT_NOTIONAL, D(1010), D(1000)),  # at its own price
    )
    made.book.working(working(8, SPY, Side.BUY, 4))
    assert made.judge(order(SPY, 6), FREE, NOW) == PASS
    assert made.judge(order(SPY, 7), FREE, NOW).codes == (Code.ACCOUNT_NOTIONAL,)
    made.book.working(working(9, ES, Side.BUY, 1))  # counts beside it
    price(made, ES, "1")
    assert made.judge(order(SPY, 6), FREE, NOW).failures == (Failure(Code.ACCOUNT_NOTIONAL, D(1050), D(1000)),)


def test_behind_a_short_that_is_bought_back_only_what_is_opened_counts_in_money() -> None:
    made = desk(Settings(account_notional=D(1000)), positions={SPY: -5})
    price(made, SPY, "100")
    made.book.working(working(7, SPY, Side.SELL, 20))
    assert made.judge(order(SPY, 15, limit=90), FREE, NOW) == PASS
    assert made.judge(order(SPY, 17, limit=90), FREE, NOW).failures == (
        Failure(Code.ACCOUNT_NOTIONAL, D(1080), D(1000)),
    )


def test_in_money_too_an_exit_beside_its_resting_stop_passes_beyond_the_limit() -> None:
    made = desk(Settings(account_notional=D(1000)), positions={SPY: 20})
    price(made, SPY, "100")
    made.book.working(working(7, SPY, Side.SELL, 20))
    assert made.judge(sell(SPY, 20), FREE, NOW) == PASS
    assert made.judge(sell(SPY, 21), FREE, NOW).codes == (Code.ACCOUNT_NOTIONAL,)


def test_the_legs_of_a_combination_raise_the_accounts_worth_together() -> None:
    made = desk(Settings(account_notional=D("0.8")))
    price(made, ES, "0.01")
    price(made, MES, "0.1")
    legs = Special(legs=(Leg(ES, 1, Side.BUY), Leg(MES, 1, Side.BUY)))
    bag = Intent("DU1", 9, "BAG", "ES", Side.BUY, D(1), "LMT", D(1), special=legs)
    assert Failure(Code.ACCOUNT_NOTIONAL, D("1.00"), D("0.8")) in failures(made, bag)


def test_behind_the_other_side_too_the_accounts_worth_has_to_be_known() -> None:
    made = desk(Settings(account_notional=D(1000)), positions={ES: 1})
    price(made, SPY, "100")
    made.book.working(working(7, SPY, Side.SELL, 20))
    assert made.judge(order(SPY, 1), FREE, NOW).failures == (
        Failure(Code.NOTIONAL_UNKNOWN, "the account's other contracts", None),
    )


# price ----------------------------------------------------------------------------------------------------------------


def test_a_collar_holds_a_limit_to_the_market_on_the_side_that_costs() -> None:
    made = desk()
    price(made, ES, "100")
    assert made.judge(order(ES, limit=110), FREE, NOW) == PASS
    assert made.judge(order(ES, limit="110.25"), FREE, NOW).failures == (Failure(Code.COLLAR, D("110.25"), D(110)),)
    assert made.judge(sell(ES, limit=90), FREE, NOW) == PASS
    assert made.judge(sell(ES, limit="89.75"), FREE, NOW).failures == (Failure(Code.COLLAR, D("89.75"), D(90)),)
    assert made.judge(order(ES, limit="0.25"), FREE, NOW) == PASS
    assert made.judge(sell(ES, limit=9000), FREE, NOW) == PASS
    assert made.judge(order(ES), FREE, NOW) == PASS
    off = desk(Settings(collar=Need.OFF))
    price(off, ES, "100")
    assert off.judge(order(ES, limit=5000), FREE, NOW) == PASS


def test_a_band_of_no_percentage_is_one_of_ticks_alone_and_none_where_the_tick_is_not_known() -> None:
    made = desk(Settings(collar_pct=D(0), collar_ticks=D(4)))
    price(made, ES, "5000")
    assert made.judge(order(ES, limit=5001), FREE, NOW) == PASS
    assert made.judge(order(ES, limit="5001.25"), FREE, NOW).failures == (Failure(Code.COLLAR, D("5001.25"), D(5001)),)
    assert made.judge(sell(ES, limit="4998.75"), FREE, NOW).codes == (Code.COLLAR,)
    made.list_contract(msgspec.structs.replace(BY_ID[ES], min_tick=None))
    assert made.judge(order(ES, limit=5000), FREE, NOW) == PASS
    assert made.judge(order(ES, limit="5000.25"), FREE, NOW).codes == (Code.COLLAR,)


def test_an_exit_is_held_to_the_market_too() -> None:
    made = desk(positions={ES: 1})
    price(made, ES, "100")
    assert made.judge(sell(ES, limit=1), HALTED, NOW).codes == (Code.COLLAR,)


def test_the_band_is_a_percentage_or_ticks_whichever_is_wider() -> None:
    made = desk(Settings(collar_ticks=D(8)))
    price(made, ES, "10")
    assert made.judge(order(ES, limit=12), FREE, NOW) == PASS
    assert made.judge(order(ES, limit="12.25"), FREE, NOW).failures == (Failure(Code.COLLAR, D("12.25"), D(12)),)
    made.list_contract(msgspec.structs.replace(BY_ID[ES], min_tick=None))
    assert made.judge(order(ES, limit=11), FREE, NOW) == PASS
    assert made.judge(order(ES, limit="11.01"), FREE, NOW).codes == (Code.COLLAR,)
    unlisted = desk(listed=False)
    price(unlisted, ES, "10")
    assert unlisted.judge(order(ES, limit="11.01"), FREE, NOW).codes == (Code.COLLAR,)


def test_options_have_a_band_of_their_own() -> None:
    made = desk()
    price(made, CALL, "2")
    assert made.judge(order(CALL, limit=3), FREE, NOW) == PASS
    assert made.judge(order(CALL, limit="3.01"), FREE, NOW).codes == (Code.COLLAR,)


def test_a_limit_behind_a_trigger_is_held_to_the_trigger_where_that_is_further() -> None:
    made = desk()
    price(made, ES, "100")
    assert codes(made, sell(ES, limit=68, aux=70, order_type="STP LMT")) == ()
    assert codes(made, sell(ES, limit=60, aux=70, order_type="STP LMT")) == (Code.COLLAR,)
    assert codes(made, order(ES, limit=131, aux=130, order_type="STP LMT")) == ()
    assert codes(made, order(ES, limit=150, aux=130, order_type="STP LMT")) == (Code.COLLAR,)
    assert codes(made, order(ES, limit=110, aux=50, order_type="LIT")) == ()
    assert codes(made, order(ES, limit=111, aux=50, order_type="LMT")) == (Code.COLLAR,)
    assert codes(made, order(ES, limit=111, aux=BLANK, order_type="STP LMT")) == (Code.PRICE_MISSING, Code.COLLAR)
    assert codes(made, order(ES, limit=111, aux=130, order_type="LMT")) == (Code.COLLAR,)


def test_a_price_that_must_be_there_is_asked_of_limit_orders_that_open() -> None:
    made = desk(Settings(collar=Need.REQUIRED), positions={ES: 1})
    intent = order(ES, limit=100)
    assert made.judge(intent, FREE, NOW).failures == (Failure(Code.REFERENCE_MISSING, None, 30 * SECOND_NS),)
    assert made.judge(order(ES), FREE, NOW) == PASS
    assert made.judge(sell(ES, limit=1), FREE, NOW) == PASS
    price(made, ES, "100")
    assert made.judge(intent, FREE, NOW + 30 * SECOND_NS) == PASS
    assert made.explain(intent, FREE, NOW + 30 * SECOND_NS) == PASS
    late = NOW + 30 * SECOND_NS + 1
    assert made.judge(intent, FREE, late).failures == (
        Failure(Code.REFERENCE_STALE, 30 * SECOND_NS + 1, 30 * SECOND_NS),
    )
    made.refer(ES, Reference(D(100), late + 1))
    assert made.judge(intent, FREE, late).codes == (Code.REFERENCE_STALE,)


def test_a_price_from_the_past_or_the_future_is_none() -> None:
    made = desk()
    for at_ns in (NOW - 31 * SECOND_NS, NOW + 1):
        price(made, ES, "100", at_ns)
        assert made.judge(order(ES, limit=5000), FREE, NOW) == PASS
    price(made, ES, "100")
    assert made.judge(order(ES, limit=5000), FREE, NOW).codes == (Code.COLLAR,)
    assert made.judge(order(ES, limit=5000), FREE, NOW + 31 * SECOND_NS) == PASS


# margin ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        (None, ()),
        (Known(MarginPreview(D(100), D(100)), NOW), ()),
        (Known(MarginPreview(D(100), D("100.01")), NOW), (Failure(Code.MARGIN, D("100.01"), D(100)),)),
        (Unknown("360"), (Failure(Code.MARGIN_UNKNOWN, "360", None),)),
        (Known(MarginPreview(D("NaN"), D(1)), NOW), (Failure(Code.MARGIN_UNKNOWN, "NaN of 1", None),)),
        (Known(MarginPreview(D(1), D("Infinity")), NOW), (Failure(Code.MARGIN_UNKNOWN, "1 of Infinity", None),)),
    ],
)
def test_a_margin_preview_that_was_asked_for_must_cover_the_order(margin: object, expected: object) -> None:
    made = desk(positions={ES: 1})
    made.judge(order(ES), FREE, NOW)
    assert made.judge(order(ES), FREE, NOW, margin).failures == expected
    assert made.judge(sell(ES), FREE, NOW, margin) == PASS
    assert made.judge(sell(ES), HALTED, NOW, margin) == PASS


def test_what_came_of_a_position_is_judged_at_once() -> None:
    made = desk()
    assert made.judge(order(ES, 10), FREE, NOW) == PASS
    made.book.position(PositionHeard("DU1", ES, D(1), BY_ID[ES].product))
    assert made.judge(order(ES, 10), FREE, NOW).codes == (Code.MAX_CONTRACTS,)


def test_a_leg_without_an_id_or_a_ratio_is_unknown_whatever_else_is_known() -> None:
    legs = (Leg(0, 1, Side.BUY), Leg(CALL, 0, Side.SELL), Leg(PUT, 1, Side.SELL))
    bag = Intent("DU1", 28812380, "BAG", "SPY", Side.BUY, D(1), "LMT", D(1), special=Special(legs=legs))
    facts = msgspec.structs.replace(desk().facts(bag, FREE, NOW), touched=())
    assert list(check_contract(bag, facts, Settings())) == [
        Failure(Code.LEGS_UNKNOWN, 0, None, about="contract 0"),
        Failure(Code.LEGS_UNKNOWN, CALL, None, about=f"contract {CALL}"),
    ]


def test_of_a_contract_without_terms_no_expiry_is_shown() -> None:
    unlisted = desk(Settings(expiry=Need.REQUIRED), listed=False)
    assert only(unlisted, order(ES)) == Failure(Code.EXPIRY_UNKNOWN, "", None, about="contract 1")
