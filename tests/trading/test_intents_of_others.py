"""What is made of the intents in the journal: whose they are, how they count, and until when."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from core.preflight.world import ES, NOW, D, desk
from engine.core.exposure import Resting, Side
from engine.core.products import Product
from engine.core.restrictions import Scope
from engine.journal.events import AnyEvent, IncidentNoted, OrderEnded, OrderIntent, Record
from engine.trading import other_programs
from engine.trading.other_programs import UNHEARD_NS_MAX, OtherPrograms

OWN = Scope("paper", "tws:7497", ("DU1",))
INTENT = OrderIntent(
    scope=Scope("other name", "tws:7497"), account="DU1", order_ref="r", con_id=ES, symbol="ES", action="BUY",
    quantity=D(3), order_type="LMT", sec_type="FUT", client_id=7, order_id=5,
)  # fmt: skip
ENDED = OrderEnded(scope=INTENT.scope, order_ref="r", outcome="acknowledged", client_id=7, order_id=5)
SHOWN = Resting(key=(7, 5), account="DU1", con_id=ES, side=Side.BUY, remaining=D(2), filled=D(1))


def record(seq: int, event: AnyEvent, at_ns: int = NOW) -> Record:
    return Record(seq=seq, at_ns=at_ns, actor="somebody", event=event, digest=b"")


class Hearing:
    """A book of client 1, beside programs that write to the journal."""

    def __init__(self) -> None:
        self.now_ns = NOW
        self.desk = desk()
        self.others = OtherPrograms(self.desk, lambda: (OWN, {1}), lambda: self.now_ns)
        self.seq = 0

    def __call__(self, *events: AnyEvent, age_ns: int = 0) -> Decimal:
        """They write this; what the contract could come to then."""
        for event in events:
            self.seq += 1
            self.others.hear(record(self.seq, event, self.now_ns - age_ns))
        return self.worst()

    def worst(self) -> Decimal:
        self.others.take_in()
        return self.desk.book.spot(("DU1", ES)).worst

    def read(self, *listed: Resting) -> Decimal:
        """Complete readings of flat positions and these orders."""
        for _ in range(2):
            self.desk.book.read_positions((), self.desk.book.mark(), self.now_ns)
            self.desk.book.read_orders(listed, self.desk.book.mark(), self.now_ns)
        self.desk.book.read_positions((), self.desk.book.mark(), self.now_ns)
        return self.worst()


def test_an_intent_counts_until_it_is_refused() -> None:
    for outcome in ("refused", "not_sent"):
        hear = Hearing()
        assert hear(INTENT) == 3
        assert hear.read() == 3, "it may be on its way"
        assert hear(replace(ENDED, outcome=outcome)) == 0


@pytest.mark.parametrize("outcome", ["acknowledged", "unconfirmed"])
def test_shown_or_of_unknown_fate_the_next_readings_decide(outcome: str) -> None:
    hear = Hearing()
    assert hear(INTENT, replace(ENDED, outcome=outcome)) == 3
    assert hear.read(SHOWN) == 2
    assert hear.read() == 0


def test_it_counts_for_its_product_whether_or_not_its_terms_are_known() -> None:
    hear = Hearing()
    hear(INTENT)
    assert hear.desk.book.total("DU1", Product.FUTURES).contracts == 3
    hear(replace(INTENT, con_id=99, symbol="XX", sec_type="STK", order_id=6))
    assert hear.desk.book.total("DU1", Product.FUTURES).contracts == 3
    assert hear.desk.book.total("DU1", Product.SHARES).contracts == 3


UNCOUNTED: dict[str, Callable[[], AnyEvent]] = {
    "one of our own": lambda: replace(INTENT, client_id=1),
    "of another login": lambda: replace(INTENT, scope=Scope("x", "tws:4002", ("DU9",))),
    "a combination": lambda: replace(INTENT, con_id=0, sec_type="BAG"),
    "without an order id": lambda: replace(INTENT, order_id=0),
    "without a side": lambda: replace(INTENT, action="HOLD"),
    "not a number": lambda: replace(INTENT, quantity=D("NaN")),
    "of nothing": lambda: replace(INTENT, quantity=D(0)),
    "another event": lambda: IncidentNoted(incident_id="i", text="t"),
    "an end without a beginning": lambda: ENDED,
}


@pytest.mark.parametrize("what", UNCOUNTED)
def test_what_is_no_order_of_another_program_counts_nothing(what: str) -> None:
    assert Hearing()(UNCOUNTED[what]()) == 0


def test_an_old_intent_is_left_to_the_readings_and_one_from_the_future_too() -> None:
    assert Hearing()(INTENT, age_ns=UNHEARD_NS_MAX - 1) == 3
    assert Hearing()(INTENT, age_ns=UNHEARD_NS_MAX) == 0
    assert Hearing()(INTENT, age_ns=-1) == 0


def test_of_a_program_that_died_it_counts_until_it_is_old_and_the_readings_do_not_show_it() -> None:
    hear = Hearing()
    hear(INTENT)
    hear.now_ns += UNHEARD_NS_MAX - 1
    assert hear.read() == 3
    hear.now_ns += 1
    assert hear.worst() == 3
    assert hear.read() == 0
    assert hear.others.later_than(0) == ()


def test_what_is_heard_twice_counts_once() -> None:
    hear = Hearing()
    for _ in range(2):
        hear.others.hear(record(9, INTENT))
        assert hear.worst() == 3


def test_a_reading_that_was_faster_is_believed() -> None:
    hear = Hearing()
    hear.desk.book.read_orders((SHOWN,), hear.desk.book.mark(), NOW)
    assert hear(INTENT) == 2
    assert hear(replace(ENDED, outcome="acknowledged")) == 2


def test_an_order_id_that_tws_gives_a_second_time_is_another_order() -> None:
    hear = Hearing()
    hear(INTENT, ENDED)
    assert hear(replace(INTENT, action="SELL")) == 3
    assert hear.desk.book.spot(("DU1", ES)).exposure.sells == 3
    assert hear.desk.book.spot(("DU1", ES)).exposure.buys == 3, "the first may have filled"


def test_later_ones_are_named_to_give_way() -> None:
    hear = Hearing()
    hear(INTENT, replace(INTENT, order_id=6), replace(INTENT, order_id=7))
    assert hear.others.later_than(1) == ((7, 6), (7, 7))
    hear(replace(ENDED, order_id=6))
    assert hear.others.later_than(1) == ((7, 7),)


def test_orders_that_come_too_fast_to_be_counted_stop_entries_until_the_readings_have_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(other_programs, "WAITING_MAX", 2)
    hearing = Hearing()
    assert hearing(*(replace(INTENT, order_id=n) for n in (1, 2))) == 6
    assert hearing.others.unheard() == ""
    assert hearing(*(replace(INTENT, order_id=n) for n in (3, 4, 5)), age_ns=5) == 12, "one found no room"
    assert hearing.others.unheard().startswith("1 orders announced")
    hearing.now_ns += UNHEARD_NS_MAX - 6
    assert hearing.others.unheard() != ""
    hearing.now_ns += 1
    assert hearing.others.unheard() == ""
    hearing.now_ns -= 1
    assert hearing.others.unheard() == "", "it is over"


def test_an_end_that_is_not_heard_leaves_its_order_counted_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hearing = Hearing()
    assert hearing(INTENT) == 3
    monkeypatch.setattr(other_programs, "WAITING_MAX", 1)
    assert hearing(ENDED, replace(INTENT, order_id=6)) == 6
    assert hearing.others.unheard() == ""
