"""Nobody can change a record behind a check's back, and what a shell leaves out is not known or not there."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.core.book import PositionHeard
from engine.core.exposure import Exposure, Resting, Side
from engine.core.preflight.facts import Facts, Pace, Touched
from engine.core.preflight.intent import Intent, Leg, MarginPreview, Reference, Special
from engine.core.preflight.listing import Listing
from engine.core.preflight.settings import Need, ProductLimits, Settings
from engine.core.preflight.verdict import Failure, Verdict
from engine.core.reduce_only import Change
from engine.core.units import BLANK

RECORDS = (Exposure, Failure, Intent, Leg, MarginPreview, Pace, PositionHeard, ProductLimits, Reference, Verdict)
BY_KEYWORD = (Change, Facts, Listing, Resting, Settings, Special, Touched)


@pytest.mark.parametrize("kind", [*RECORDS, *BY_KEYWORD])
def test_records_are_frozen(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize("kind", BY_KEYWORD)
def test_records_of_many_parts_are_made_by_keyword(kind: type[msgspec.Struct]) -> None:
    with pytest.raises(TypeError, match="positional"):
        kind(*[0] * len(kind.__struct_fields__))


@pytest.mark.parametrize("kind", [Intent, Leg, Special])
def test_what_is_kept_of_every_order_is_no_work_for_the_garbage_collector(kind: type[msgspec.Struct]) -> None:
    assert not kind.__struct_config__.gc


def test_what_is_left_out_is_not_there() -> None:
    order = Resting(key=(1, 2), account="DU1", con_id=3, side=Side.BUY, remaining=Decimal(1))
    assert (order.filled, order.parent, order.product) == (0, None, None)
    assert (order.oca_group, order.oca_type, order.order_type, order.place) == ("", 0, "", ("DU1", 3))
    intent = Intent("DU1", 3, "FUT", "ES", Side.SELL, Decimal(1), "MKT")
    assert (intent.limit, intent.aux, intent.tif, intent.outside_rth, intent.special) == (BLANK, BLANK, "", False, None)
    assert (intent.buys, msgspec.structs.replace(intent, side=Side.BUY).buys) == (False, True)
    special = Special()
    assert (special.legs, special.parent, special.oca_group, special.oca_type) == ((), None, "", 0)
    assert (special.modifies, special.cash_qty, special.what_if, special.allocation) == (None, BLANK, False, "")
    listing = Listing(con_id=3, sec_type="FUT", symbol="ES")
    assert {getattr(listing, name) for name in ("currency", "last_trade_date", "trading_hours")} == {""}
    assert {getattr(listing, name) for name in ("liquid_hours", "time_zone_id")} == {""}
    assert {getattr(listing, name) for name in ("multiplier", "strike", "min_tick", "size_increment")} == {None}
    assert Pace() == Pace(0, 0, 0, 0)


def test_words_that_others_rely_on() -> None:
    assert [side.value for side in Side] == ["buy", "sell"]
    assert [need.value for need in Need] == ["off", "when_known", "required"]
