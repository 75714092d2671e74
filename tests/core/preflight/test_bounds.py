"""What a login remembers of contracts and accounts stays bounded, whatever is asked of it; and what counts is kept."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from msgspec.structs import replace

from core.preflight.world import ES, NOW, D, desk, order
from engine.core.book import NOWHERE, PositionHeard
from engine.core.exposure import Resting, Side
from engine.core.preflight import desk as module
from engine.core.preflight.desk import Preflight
from engine.core.preflight.intent import Intent, Reference, Special
from engine.core.preflight.listing import Listing
from engine.core.preflight.settings import SECOND_NS
from engine.core.preflight.verdict import Code
from engine.core.restrictions import UNRESTRICTED


def asked(con_id: int, quantity: int = 1, account: str = "DU1", special: Special | None = None) -> Intent:
    return Intent(account, con_id, "STK", "X", Side.BUY, D(quantity), "LMT", D(100), special=special)


def size(made: Preflight) -> tuple[int, ...]:
    book, terms = made.book, made.terms
    return (
        *(len(book.spots), len(book._totals), len(book._worths), len(book._of_order), len(book._units)),
        *(len(made._lanes), len(made.activity), len(terms.listings), len(terms.references)),
    )


def test_asking_about_an_account_of_somebody_else_leaves_nothing_behind() -> None:
    made = desk()
    before = size(made)
    for n in range(50):
        for special in (None, Special(parent=(1, n)), Special(what_if=True)):
            verdict = made.judge(asked(1_000 + n, account=f"DU{n + 2}", special=special), UNRESTRICTED, NOW)
            assert Code.ACCOUNT_NOT_IN_LOGIN in verdict.codes
    assert size(made) == before


def test_orders_that_are_refused_leave_no_place_behind_them() -> None:
    made = desk()
    for n in range(50):
        assert not made.judge(asked(1_000 + n, 20_000, special=Special(oca_group="g")), UNRESTRICTED, NOW).passed
    assert not made.book.spots
    assert NOWHERE.exposure.worst == 0 and not NOWHERE.orders


def test_a_place_in_which_nothing_is_any_more_is_forgotten_with_the_next_reading() -> None:
    made = desk(positions={ES: 1})
    made.passed(asked(1_000), (1, 7), NOW)
    assert {con_id for _, con_id in made.book.spots} == {ES, 1_000}
    made.book.read_positions([], made.book.mark(), NOW)
    assert {con_id for _, con_id in made.book.spots} == {1_000}, "an order works there"
    made.book.ended((1, 7), filled=True)
    mark = made.book.mark() - 1
    made.book.read_positions([], mark, NOW)
    assert {con_id for _, con_id in made.book.spots} == {1_000}, "a fill is not shown yet"
    made.book.read_positions([PositionHeard("DU1", 1_000, D(1))], made.book.mark(), NOW)
    assert made.book.spots["DU1", 1_000].exposure.worst == 1
    made.book.read_positions([], made.book.mark(), NOW)
    assert not made.book.spots


def test_lanes_are_bounded_and_the_oldest_goes() -> None:
    made = desk()
    with patch.object(module, "LANES_MAX", 3):
        for con_id in (1_000, 1_001, 1_002, 1_000, 1_003):
            assert made.judge(asked(con_id), UNRESTRICTED, NOW).passed
    assert [*made._lanes] == [1_001, 1_002, 1_003]


@pytest.mark.parametrize("special", [None, Special(oca_group="g")])
def test_what_was_sent_is_forgotten_when_it_counts_no_longer_and_not_before(special: Special | None) -> None:
    made = desk()
    most, window_ns = made.settings.duplicates_max, 3_600 * SECOND_NS
    wanted = replace(asked(1_000), special=special)
    with patch.object(module, "LANES_MAX", 1), patch.object(module, "TRAILS_MAX", 2):
        for n in range(most):
            assert made.judge(wanted, UNRESTRICTED, NOW).passed
            made.passed(wanted, (1, n + 1), NOW)
        for con_id in range(1_001, 1_010):
            made.judge(asked(con_id), UNRESTRICTED, NOW)
            made.passed(replace(asked(con_id), special=Special(oca_group="g")), (2, con_id), NOW)
        assert Code.DUPLICATE in made.judge(wanted, UNRESTRICTED, NOW).codes
        made.passed(asked(1_011), (2, 1_011), NOW + window_ns)
        assert len(made.activity) <= 3
        assert Code.DUPLICATE not in made.judge(wanted, UNRESTRICTED, NOW + window_ns).codes


def test_what_goes_by_a_lane_is_counted_in_the_trail_that_the_lane_has() -> None:
    made = desk()
    most = made.settings.duplicates_max
    assert made.judge(order(ES), UNRESTRICTED, NOW).passed
    made.activity.forget(NOW, made._lanes)
    for n in range(most):
        assert made.clears(order(ES), UNRESTRICTED, NOW)
        made.passed(order(ES), (1, n + 1), NOW)
    assert not made.clears(order(ES), UNRESTRICTED, NOW)
    assert Code.DUPLICATE in made.judge(order(ES), UNRESTRICTED, NOW).codes


def test_lanes_that_are_made_and_never_used_leave_no_trails_behind() -> None:
    made = desk()
    with patch.object(module, "LANES_MAX", 1), patch.object(module, "TRAILS_MAX", 2):
        for con_id in range(1_000, 1_010):
            assert made.judge(asked(con_id), UNRESTRICTED, NOW).passed
        assert len(made.activity) <= 3


def test_what_was_sent_a_window_ago_counts_no_more_and_is_forgotten() -> None:
    made = desk()
    made.passed(asked(1_000), (1, 1), NOW)
    window_ns = max(made.settings.duplicate_window_ns, made.settings.repeat_window_ns)
    made.activity.forget(NOW + window_ns - 1, ())
    assert len(made.activity) == 1
    made.activity.forget(NOW + window_ns, ())
    assert len(made.activity) == 0


def test_terms_are_bounded_and_those_of_what_is_held_or_works_stay() -> None:
    made = desk(positions={ES: 1}, listed=False)
    listings = [Listing(con_id=n, sec_type="STK", symbol="X", currency="USD", multiplier=D(1)) for n in range(1, 6)]
    made.book.sent(Resting(key=(1, 1), account="DU1", con_id=2, side=Side.BUY, remaining=D(1)))
    with patch.object(module, "LISTINGS_MAX", 3):
        for one in listings:
            made.list_contract(one)
            made.refer(one.con_id, Reference(D(5), NOW))
        assert [*made.terms.listings] == [1, 2, 5] and [*made.terms.references] == [1, 2, 5]
        assert made.book.unit(3) is None and made.book.unit(1) == 5
        made.list_contract(listings[1])
        assert [*made.terms.listings] == [1, 5, 2], "heard of again, it is the last"
    with patch.object(module, "LISTINGS_MAX", 1):
        made.list_contract(listings[3])
        assert made.judge(asked(4), UNRESTRICTED, NOW).passed and 4 in made._lanes
        made.list_contract(listings[4])
        assert 4 not in made._lanes, "its lane goes by terms that are not kept"
        made.list_contract(listings[1])
    with patch.object(module, "LISTINGS_MAX", 0):
        made.book.sent(Resting(key=(1, 2), account="DU1", con_id=5, side=Side.BUY, remaining=D(1)))
        made.list_contract(listings[4])
        assert len(made.terms.listings) == 3, "all of them are needed"
