"""What a kill saw and did, kept for its report."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.kill.builders import ES, MS, D, execution, future, order, stock
from engine.core.kill.held.traces import name_of
from engine.core.kill.looks.looking import NOTHING_READ
from engine.core.kill.outcome import evidence as module
from engine.core.kill.outcome.evidence import Evidence, describe
from engine.core.kill.report import Timings

KEY = ("DU1", ES.con_id)


def test_an_order_is_named_by_its_permid_or_by_its_clients_numbers_while_it_has_none() -> None:
    assert name_of(order(ES, "BUY", 1)) == (501, 0, 0)
    assert name_of(order(ES, "BUY", 1, perm_id=0)) == (0, 7, 3)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "client 7: BUY 3 LMT (Submitted)"),
        ({"filled": D(1)}, "client 7: BUY 2 LMT (Submitted)"),
        ({"client_id": 0, "order_id": -5}, "TWS: BUY 3 LMT (Submitted)"),
        ({"client_id": 0, "order_id": 0}, "TWS: BUY 3 LMT (Submitted)"),
        ({"client_id": 0, "order_id": 1}, "client 0: BUY 3 LMT (Submitted)"),
        ({"client_id": 0, "order_id": 5}, "client 0: BUY 3 LMT (Submitted)"),
        ({"client_id": 4, "order_id": 0}, "client 4: BUY 3 LMT (Submitted)"),
    ],
)
def test_an_order_is_described_in_the_words_of_a_trader(more: dict[str, object], words: str) -> None:
    assert describe(order(ES, "BUY", 3, **more)) == words


def test_times_count_from_the_press() -> None:
    evidence = Evidence(100 * MS)
    evidence.say(150 * MS, "kind", "text")
    assert [(e.at_ms, e.kind, e.text) for e in evidence.timeline] == [(50.0, "kind", "text")]
    evidence.mark("connected", 103 * MS)
    evidence.mark("connected", 200 * MS)  # only the first time counts …
    evidence.mark_last("last_close", 110 * MS)
    evidence.mark_last("last_close", 120 * MS)  # … or the last
    assert evidence.timings() == Timings(connected_ms=3.0, last_close_ms=20.0)
    assert evidence.has("connected") and not evidence.has("flat")


@pytest.mark.parametrize(
    "name", ["connected", "first_cancel", "orders_gone", "first_close", "last_close", "flat", "finished"]
)
def test_every_time_has_its_place_in_the_report(name: str) -> None:
    evidence = Evidence(0)
    evidence.mark(name, 7 * MS)
    assert evidence.timings() == Timings(**{f"{name}_ms": 7.0})
    evidence.unmark(name)
    evidence.unmark(name)
    assert evidence.timings() == Timings()


def test_a_timeline_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMELINE_MAX", 3)
    evidence = Evidence(0)
    for n in range(5):
        evidence.say(n, "kind", str(n))
    assert [entry.text for entry in evidence.timeline] == ["0", "1", "2"]


def test_an_order_seen_open_and_no_longer_listed_was_cancelled() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 3, filled=D(1))])
    assert evidence.cancelled({}) == ()
    evidence.orders_listed([])
    (gone,) = evidence.cancelled({})
    assert (gone.account, gone.contract, gone.client_id, gone.order_id, gone.perm_id) == ("DU1", ES, 7, 3, 501)
    assert (gone.action, gone.quantity, gone.order_type, gone.protective) == ("SELL", 2, "LMT", False)


def test_an_order_that_was_executed_whole_was_not_cancelled() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 3)])
    evidence.orders_listed([])
    evidence.executions((execution(ES, -2, "1.01"),))
    assert len(evidence.cancelled({})) == 1
    evidence.executions((execution(ES, -1, "1.01"), execution(ES, -2, "2.01")))
    assert evidence.cancelled({}) == ()


def test_executions_without_a_permid_are_told_by_the_clients_numbers() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 3, perm_id=0)])
    evidence.orders_listed([])
    evidence.executions((execution(ES, -3, perm_id=0),))
    assert evidence.cancelled({}) == ()


def test_others_executions_do_not_count() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 3)])
    evidence.orders_listed([])
    evidence.executions((execution(ES, -3, perm_id=777),))
    assert len(evidence.cancelled({})) == 1


def test_orders_that_were_cancelled_before_they_could_be_seen_are_told_by_the_broker() -> None:
    evidence = Evidence(0)
    seen = order(ES, "SELL", 3, order_type="STP")
    evidence.orders_listed([seen])
    evidence.orders_listed([])
    evidence.completed((order(ES, "SELL", 3, client_id=-1), order(future(2), "BUY", 1, perm_id=502)))
    assert [(c.client_id, c.perm_id) for c in evidence.cancelled({})] == [(7, 501), (7, 502)]  # what was seen is kept


def test_what_was_open_as_the_first_cancel_left_was_cancelled_once_a_list_shows_that_it_has_gone() -> None:
    evidence = Evidence(0)
    evidence.first_look([order(ES, "SELL", 3, order_type="STP"), order(future(2), "BUY", 1, perm_id=502)])
    evidence.completed((order(ES, "SELL", 0, client_id=-1),))
    assert [one.perm_id for one in evidence.cancelled({})] == [501], "nobody has told that the other one is gone"
    evidence.orders_listed([order(future(2), "BUY", 1, perm_id=502)])
    assert [one.perm_id for one in evidence.cancelled({})] == [501]
    evidence.orders_listed([])
    assert [one.perm_id for one in evidence.cancelled({})] == [501, 502]


@pytest.mark.parametrize(("kind", "protective"), [("STP", None), ("TRAIL", None), ("LMT", False)])
def test_of_a_stop_nobody_knows_what_it_protected_while_positions_have_not_been_read(
    kind: str, protective: bool | None
) -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 3, order_type=kind)])
    evidence.orders_listed([])
    assert [one.protective for one in evidence.cancelled({}, (NOTHING_READ,))] == [protective]
    assert [one.protective for one in evidence.cancelled({})] == [False]
    assert [one.protective for one in evidence.cancelled({KEY: D(3)}, (NOTHING_READ,))] == [kind != "LMT"]


def test_what_was_open_as_the_first_cancel_left_is_what_was_last_seen_until_a_list_follows() -> None:
    evidence = Evidence(0)
    assert evidence.last_listed() == ()
    evidence.first_look([order(ES, "SELL", 3)])
    assert evidence.last_listed() == (order(ES, "SELL", 3),)
    close = order(ES, "SELL", 3, order_ref="QEKILL-k-1")
    evidence.orders_listed([], all_open=(close,))
    assert evidence.last_listed() == (close,)


def test_an_order_of_which_tws_tells_no_size_has_none_and_no_execution_fills_it_whole() -> None:
    evidence = Evidence(0)
    evidence.completed((order(ES, "SELL", 0, client_id=-1),))
    evidence.executions((execution(ES, -1),))
    [one] = evidence.cancelled({})
    assert one.quantity is None


@pytest.mark.parametrize("listed", [True, False])
def test_a_closing_order_of_a_kill_is_no_order_of_the_users(listed: bool) -> None:
    """One press cancels what another has sent: that is said, but it is nothing that a person has lost."""
    evidence = Evidence(0)
    close = order(ES, "SELL", 3, order_ref="QEKILL-k-1")
    if listed:
        evidence.orders_listed([close])
        assert evidence.notes(flat=True) == ()
        evidence.orders_listed([])
    else:
        evidence.completed((close,))
    assert evidence.cancelled({}) == ()
    assert evidence.notes(flat=True) == (
        "1 closing order of a kill went with a global cancel; what was still needed was sent again",
    )


def test_several_closing_orders_that_went_are_counted() -> None:
    evidence = Evidence(0)
    evidence.completed(tuple(order(ES, "SELL", 3, order_ref=f"QEKILL-k-{n}", perm_id=n) for n in (1, 2)))
    assert evidence.notes(flat=True) == (
        "2 closing orders of a kill went with a global cancel; what was still needed was sent again",
    )


def test_a_closing_order_that_filled_did_not_go_with_a_cancel() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 3, order_ref="QEKILL-k-1")])
    evidence.orders_listed([])
    evidence.executions((execution(ES, -3),))
    assert evidence.notes(flat=True) == ()


@pytest.mark.parametrize(
    ("order_type", "action", "position", "protective"),
    [
        ("STP", "SELL", 3, True),
        ("STP", "SELL", 1, True),
        ("STP LMT", "SELL", 3, True),
        ("TRAIL", "BUY", -3, True),
        ("TRAIL LIMIT", "BUY", -3, True),
        ("STP", "SELL", -3, False),
        ("STP", "BUY", 3, False),
        ("STP", "SELL", 0, False),
        ("STP", "BUY", 0, False),
        ("LMT", "SELL", 3, False),
    ],
)
def test_a_stop_that_reduced_a_position_protected_it(
    order_type: str, action: str, position: int, protective: bool
) -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, action, 3, order_type=order_type)])
    evidence.orders_listed([])
    assert evidence.cancelled({KEY: D(position)})[0].protective is protective


def test_a_stop_in_another_contract_protects_nothing() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(stock(), "SELL", 3, order_type="STP")])
    evidence.orders_listed([])
    assert not evidence.cancelled({KEY: D(3)})[0].protective


STOP = {"order_type": "STP"}


@pytest.mark.parametrize(
    ("earlier", "protective"), [((), False), (("old",), True), (("others", "old"), True), (("ol",), False)]
)
def test_a_stop_protected_what_an_earlier_kill_that_is_told_of_has_closed(
    earlier: tuple[str, ...], protective: bool
) -> None:
    evidence = Evidence(0)
    evidence.earlier |= dict.fromkeys(earlier, 1)
    evidence.orders_listed([order(ES, "SELL", 3, **STOP)])
    evidence.executions((execution(ES, -3, "9.01", perm_id=900, order_ref="QEKILL-old.1", recent=False),))
    evidence.orders_listed([])
    (gone,) = evidence.cancelled({})
    assert gone.protective is protective


def test_a_kills_close_that_was_recent_once_stays_so() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 3, **STOP)])
    close = execution(ES, -3, "9.01", perm_id=900, order_ref="QEKILL-old.1", recent=True)
    evidence.executions((close,))
    evidence.executions((replace(close, recent=False),))
    evidence.orders_listed([])
    (gone,) = evidence.cancelled({})
    assert gone.protective is True


def test_an_order_for_a_single_contract_that_was_executed_was_not_cancelled() -> None:
    evidence = Evidence(0)
    evidence.orders_listed([order(ES, "SELL", 1)])
    evidence.orders_listed([])
    evidence.executions((execution(ES, -1, "1.01"),))
    assert evidence.cancelled({}) == ()


def test_the_brokers_last_word_is_of_the_order_that_it_names() -> None:
    evidence = Evidence(0)
    evidence.first_look([order(ES, "SELL", 3, perm_id=501), order(ES, "SELL", 4, perm_id=502)])
    evidence.last_word(502, "Cancelled")
    assert {name: one.status for name, one in evidence.ended.items()} == {(502, 0, 0): "Cancelled"}
