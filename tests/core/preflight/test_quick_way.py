"""The quick way passes exactly what the whole examination passes, whatever the order and whatever is known."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from core.preflight.world import BY_ID, CALL, ES, FREE, HALTED, MES, NOW, SHUT_DOWN, SPY, D, desk, order, restricted
from engine.core.exposure import Resting, Side
from engine.core.preflight.desk import Preflight
from engine.core.preflight.intent import Intent, Leg, Reference, Special
from engine.core.preflight.listing import Listing
from engine.core.preflight.settings import SECOND_NS, Need, ProductLimits, Settings
from engine.core.preflight.verdict import Code
from engine.core.restrictions import Kind, State
from engine.core.units import BLANK, UNSET

HOURS = "20260528:0930-20260528:1600;20260529:CLOSED"
WILD = st.sampled_from(
    [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D("1e999999"), D("-1e30"), D("1e-999999"), BLANK, UNSET]
)
SMALL = st.sampled_from([D(text) for text in ("0", "1", "2", "5", "10", "11", "0.5", "-1", "10000", "444000000000")])
PRICES = st.sampled_from([D(text) for text in ("0", "-3", "0.25", "90", "99.75", "100", "100.1", "110", "111", "250")])
MOMENTS = st.sampled_from([0, 1, SECOND_NS // 2, SECOND_NS, 61 * SECOND_NS, 3600 * SECOND_NS, 48 * 3600 * SECOND_NS])
AHEAD = st.sampled_from([0, 0, 3600 * SECOND_NS, -3600 * SECOND_NS, -27 * 60 * SECOND_NS, -48 * 3600 * SECOND_NS])
STATES = st.sampled_from([FREE, restricted(Kind.SIZE_FACTOR, "0.5"), restricted(Kind.SIZE_FACTOR, "0")])
NEEDS = st.sampled_from(Need)
LIMITS = st.builds(
    ProductLimits, st.none() | SMALL.filter(lambda n: n >= 0), st.none() | SMALL.filter(lambda n: n >= 0)
)
MONEY = st.none() | st.sampled_from([D(1000), D(10**6), D(10**9)])
SETTINGS = st.builds(
    Settings,
    futures=LIMITS,
    options=LIMITS,
    shares=LIMITS,
    deny_unlisted=st.booleans(),
    order_notional=MONEY,
    account_notional=MONEY,
    notional_currency=st.sampled_from(["USD", "EUR"]),
    allowed_symbols=st.sampled_from([frozenset(), frozenset({"ES", "SPY"})]),
    blocked_symbols=st.sampled_from([frozenset(), frozenset({"SPY"})]),
    grid=NEEDS,
    collar=NEEDS,
    session=NEEDS,
    expiry=NEEDS,
    expiry_days_min=st.sampled_from([0, 0, 30]),
    position_age_ns_max=st.none() | st.just(30 * SECOND_NS),
    duplicates_max=st.sampled_from([1, 2]),
    repeats_max=st.sampled_from([1, 3]),
    orders_per_second_max=st.sampled_from([1, 4]),
    orders_per_minute_max=st.sampled_from([2, 6]),
)
SPECIALS = st.builds(
    Special,
    legs=st.sampled_from([(), (Leg(CALL, 1, Side.BUY), Leg(SPY, 100, Side.SELL)), (Leg(99, 1, Side.BUY),)]),
    parent=st.sampled_from([None, (1, 7), (1, 8)]),
    oca_group=st.sampled_from(["", "g"]),
    oca_type=st.sampled_from([0, 1]),
    modifies=st.sampled_from([None, (1, 7), (1, 9)]),
    cash_qty=st.sampled_from([BLANK, D(0), D(1000), D("NaN")]),
    what_if=st.booleans(),
    allocation=st.sampled_from(["", "", "group"]),
)
INTENTS = st.builds(
    Intent,
    account=st.sampled_from(["DU1", "DU1", "DU1", "DU2", ""]),
    con_id=st.sampled_from([ES, MES, SPY, CALL, 0, 99]),
    sec_type=st.sampled_from(["FUT", "STK", "OPT", "BAG", "CASH"]),
    symbol=st.sampled_from(["ES", "SPY", "MES"]),
    side=st.sampled_from(Side),
    quantity=SMALL | WILD,
    order_type=st.sampled_from(["LMT", "MKT", "STP", "STP LMT", "TRAIL", "?"]),
    limit=PRICES | WILD,
    aux=st.just(BLANK) | PRICES | WILD,
    outside_rth=st.booleans(),
    special=st.none() | SPECIALS,
)
USUAL = st.builds(
    order,
    st.sampled_from([ES, MES, SPY, CALL]),
    SMALL,
    side=st.sampled_from(Side),
    limit=st.just(BLANK) | PRICES,
    outside_rth=st.booleans(),
)
REFERENCES = st.builds(Reference, PRICES | st.just(D("NaN")), st.sampled_from([NOW, NOW - 29 * SECOND_NS, NOW + 1]))
ORDERS = st.builds(
    Resting,
    key=st.sampled_from([(1, 7), (1, 8)]),
    account=st.just("DU1"),
    con_id=st.sampled_from([ES, SPY]),
    side=st.sampled_from(Side),
    remaining=st.sampled_from([D(1), D(5)]),
    oca_group=st.sampled_from(["", "g"]),
    oca_type=st.just(1),
)


def listing_of(con_id: int, hours: str, tick: Decimal | None) -> Listing:
    return msgspec.structs.replace(
        BY_ID[con_id], trading_hours=hours, liquid_hours=hours, time_zone_id="US/Eastern", min_tick=tick
    )


def world(data: st.DataObject) -> Preflight:
    made = desk(
        data.draw(SETTINGS),
        positions=data.draw(st.dictionaries(st.sampled_from([ES, SPY, CALL]), st.sampled_from([-12, -1, 1, 12]))),
        listed=False,
    )
    for con_id in data.draw(st.sets(st.sampled_from([ES, MES, SPY, CALL]))):
        made.list_contract(
            listing_of(con_id, data.draw(st.sampled_from(["", HOURS])), data.draw(st.none() | st.just(D("0.25"))))
        )
    for con_id, reference in data.draw(st.dictionaries(st.sampled_from([ES, SPY, CALL]), REFERENCES)).items():
        made.refer(con_id, reference)
    made.market_clock(data.draw(AHEAD))
    for resting in data.draw(st.lists(ORDERS, max_size=2, unique_by=lambda one: one.key)):
        made.book.working(resting)
    return made


def change(data: st.DataObject, made: Preflight) -> None:
    """Anything a shell may tell in between."""
    match data.draw(st.integers(0, 7)):
        case 0:
            made.book.lost("gone")
        case 1:
            made.accounts = data.draw(st.sampled_from([(), ("DU1",), ("DU2",)]))
        case 2:
            made.refer(ES, data.draw(st.none() | REFERENCES))
        case 3:
            made.rate("USD", D("0.9"))
        case 4:
            made.list_contract(listing_of(SPY, HOURS, D("0.01")))
        case 5:
            resting = data.draw(ORDERS)
            known = made.book.order(resting.key)
            if all(one.con_id == resting.con_id and one.side is resting.side for one in known):
                made.book.working(resting)
        case 6:
            made.market_clock(data.draw(AHEAD))
        case _:
            made.book.read_positions((), made.book.mark(), NOW)


@settings(max_examples=400)
@given(st.data())
def test_the_quick_way_agrees_with_the_whole_examination(data: st.DataObject) -> None:
    made, now_ns = world(data), NOW
    for intent in data.draw(st.lists(USUAL | INTENTS, min_size=1, max_size=6)):
        state: State = data.draw(STATES)
        now_ns += data.draw(MOMENTS)
        whole = made.explain(intent, state, now_ns)
        assert made.judge(intent, state, now_ns) == whole
        if whole.passed and intent.special is None:
            made.passed(intent, (1, 100 + now_ns % 1000), now_ns)
        if data.draw(st.booleans()):
            change(data, made)


@settings(max_examples=200)
@given(st.data(), st.sampled_from([HALTED, SHUT_DOWN, restricted(Kind.REDUCE_ONLY)]))
def test_under_a_restriction_the_same_orders_pass_and_the_first_failure_is_the_same(
    data: st.DataObject, state: State
) -> None:
    made = world(data)
    intent = data.draw(USUAL | INTENTS)
    whole, quick = made.explain(intent, state, NOW), made.judge(intent, state, NOW)
    assert quick.passed == whole.passed
    if not whole.passed:
        assert quick.failures[0] in whole.failures or quick.codes[0] in (Code.HALTED, Code.SHUT_DOWN)
