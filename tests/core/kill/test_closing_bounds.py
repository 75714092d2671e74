"""How long what is known of a closing order holds: the bounds of each patience, to the nanosecond where it matters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from core.kill.builders import ES, D, Stage, ev, held, option
from core.kill.test_attempt import listed, sent, working
from engine.core.kill.closes.attempt import Attempt
from engine.core.kill.closes.closing import Closing
from engine.core.kill.closes.item import Item
from engine.core.kill.held.ledger import Ledger
from engine.core.kill.settings import MS, SECOND, KillSettings

KEY = ("DU1", ES.con_id)
NOW_NS = 1_000 * SECOND


def closing(attempt: Attempt, *, acknowledge_factor: int = 1, **settings: int) -> Closing:
    """One order, as far as these look."""
    these = KillSettings(**settings)
    item = cast(Item, SimpleNamespace(key=KEY, acknowledge_factor=acknowledge_factor))
    return Closing("k", these, Ledger(these), orders={1: (item, attempt)})


def test_a_contract_has_filled_when_something_has() -> None:
    attempt = working()
    assert not closing(attempt).any_filled(KEY)
    attempt.status("Submitted", D(1), 0, 1)
    assert closing(attempt).any_filled(KEY) and not closing(attempt).any_filled(("DU1", 99))


@pytest.mark.parametrize(("deadline_s", "surfaces_s"), [(40, 15), (120, 45), (400, 45)])
def test_an_acknowledged_order_may_surface_for_three_eighths_of_the_deadline_and_not_for_longer_than_its_time(
    deadline_s: int, surfaces_s: int
) -> None:
    made = closing(working(), deadline_ns=deadline_s * SECOND, acknowledged_lost_ns=45 * SECOND)
    assert made._surface_ns(NOW_NS, working()) == NOW_NS + surfaces_s * SECOND


def test_an_unanswered_order_holds_the_others_back_for_as_long_as_it_may_stay_silent() -> None:
    attempt = sent()
    attempt.sent_ns = NOW_NS
    for factor in (1, 2):
        made = closing(attempt, acknowledge_factor=factor, acknowledge_ns=3 * SECOND)
        assert not made._probed(9, NOW_NS + 3 * factor * SECOND - 1, alone=True)
        assert made._probed(9, NOW_NS + 3 * factor * SECOND, alone=True)


def told_ended() -> Attempt:
    attempt = sent()
    attempt.sent_ns, attempt.sends, attempt.perm_id, attempt.ended_ns = NOW_NS, 1, 77, NOW_NS + SECOND
    attempt.status("Cancelled", D(0), 77, 1)
    return attempt


def test_what_tws_has_told_to_be_cancelled_and_lists_still_is_worth_no_other_cancel_while_lists_may_be_late() -> None:
    attempt = told_ended()
    made = closing(attempt, late_feed_ns=20 * SECOND)
    order = listed(perm_id=77)
    assert attempt.end_told and made.worth_a_cancel([order], NOW_NS + 21 * SECOND - 1) == []
    assert made.worth_a_cancel([order], NOW_NS + 21 * SECOND) == [order]


def attempt_of(stage: Stage, key: int) -> Attempt:
    return stage.machine._closing.orders[key][1]


def test_how_long_tws_needs_for_a_first_word_is_how_patient_the_next_order_is() -> None:
    stage = Stage(held(ES, 3), held(option(11), 3), acknowledge_ns=3 * SECOND)
    stage.begin(details_for=(ES,))
    stage.run(2400)
    stage.acknowledge(stage.placed[0])
    stage.orders = [stage.listed(stage.placed[0])]
    second = stage.placed[1]
    assert attempt_of(stage, second.key).acknowledge_ns == 3600 * MS, "half as long again"
    stage.run(1500)
    stage.acknowledge(second)
    assert stage.machine._closing._answer_took_ns == 2400 * MS, "the longest"
    stage.tell(ev.CloseStatus(1, "Submitted", D(0), 901))
    assert stage.machine._closing._answer_took_ns == 2400 * MS, "and no later word"


def test_an_order_ended_when_it_was_told_and_not_when_something_else_was() -> None:
    stage = Stage(held(ES, 3)).begin(details_for=(ES,))
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    assert attempt_of(stage, 1).ended_ns is None
    stage.run(2000)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    ended_ns = stage.now_ns
    assert attempt_of(stage, 1).ended_ns == ended_ns
    stage.run(300)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    assert attempt_of(stage, 1).ended_ns == ended_ns
