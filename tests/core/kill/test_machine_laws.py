"""What must hold whatever happens: thousands of random books, orders and faults against the model broker."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from core.kill.cases import models
from core.kill.faults import SILENCE, Faults
from core.kill.market import Resting, contract
from core.kill.model import Model
from core.kill.profile import examples
from engine.core.kill import events as ev
from engine.core.kill.commands import Command, GlobalCancel, ReadOrders, ReadWorth, Say, WakeAt
from engine.core.kill.machine import KillMachine
from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.core.kill.settings import MS, SECOND


@examples(900)
@given(models())
def test_never_claims_flat_falsely_never_crosses_zero_and_always_ends(model: Model) -> None:
    report = model.run()
    event(report.outcome.value)
    assert not model.violations
    assert model.machine.finished
    if report.flat:
        assert report.residue == ()
    if report.outcome is LoginOutcome.RESIDUE:
        assert report.residue


@examples(400)
@given(models(hopeful=True))
def test_is_flat_in_the_end_when_nothing_is_beyond_its_power(model: Model) -> None:
    report = model.run()
    assert not model.violations
    assert report.flat, (report.residue, report.trouble, report.timeline[-5:])
    assert model.market.flat


@pytest.mark.parametrize("action", ["BUY", "SELL"])
@pytest.mark.parametrize("frozen_ms", [10, 500, 900])
def test_a_fill_before_the_first_list_that_shows_late_is_not_closed_twice(action: str, frozen_ms: int) -> None:
    """The connection breaks, an order fills in its cancel meanwhile, and the positions do not show it yet."""
    story = broken_off(action, frozen_ms)
    assert story.run().flat and not story.violations


def test_a_part_of_a_position_that_closed_before_the_first_list_is_waited_for() -> None:
    story = broken_off("BUY", 5000)
    assert story.run().flat and not story.violations


@pytest.mark.parametrize("held", [5, 25, -5])
@pytest.mark.parametrize("completed_unread", [False, True])
@pytest.mark.parametrize("stubborn", [0, 1])
@pytest.mark.parametrize(("positions_ms", "executions_ms"), [(2000, 3000), (3000, 2000), (5000, 4500), (0, 3000)])
def test_a_fill_during_the_cancel_that_shows_late_everywhere_is_not_closed_twice(
    positions_ms: int, executions_ms: int, stubborn: int, completed_unread: bool, held: int
) -> None:
    """An order fills while it is being cancelled; the list of open orders is the first to know. Where nobody tells how
    it ended, time has to."""
    es = contract(1)
    action = "SELL" if held > 0 else "BUY"
    resting = Resting("DU1", es, action, Decimal(5), fills_on_cancel=True, stubborn=stubborn)
    faults = Faults(
        position_lag_ms=positions_ms,
        execution_lag_ms=executions_ms,
        completed_unread=completed_unread,
        position_hints=False,
        latency_ms=(1, 1),
        cancel_ms=(30, 30),
    )
    story = Model({("DU1", 1): Decimal(held)}, {1: es}, [resting], faults)
    assert story.run().flat and not story.violations


@pytest.mark.parametrize(("completed_unread", "earliest_s", "latest_s"), [(False, 0, 1), (True, 6, 9)])
def test_a_cancelled_order_that_could_have_closed_all_is_waited_for_only_where_nobody_tells_its_end(
    completed_unread: bool, earliest_s: int, latest_s: int
) -> None:
    es = contract(1)
    stop = Resting("DU1", es, "SELL", Decimal(25), order_type="STP")
    story = Model({("DU1", 1): Decimal(25)}, {1: es}, [stop], Faults(completed_unread=completed_unread))
    assert story.run().flat and not story.violations
    assert earliest_s * SECOND <= story.places[0][0] <= latest_s * SECOND


@pytest.mark.parametrize("words_pct", [0, 100])
def test_a_close_of_ours_whose_fill_shows_late_everywhere_is_not_sent_twice(words_pct: int) -> None:
    """The connection breaks behind the order, and nothing that is read later shows its fill for three seconds."""
    faults = Faults(
        position_lag_ms=2900,
        execution_lag_ms=2900,
        position_hints=False,
        disconnect_at_ms=(15,),
        lost_words_pct=words_pct,
        fill_ms=(3, 3),
    )
    story = Model({("DU1", 1): Decimal(25)}, {1: contract(1)}, [], faults)
    assert story.run().flat and not story.violations


@pytest.mark.parametrize("hold_ms", [9_000, 12_000, 20_000, 29_000])
def test_an_order_on_a_connection_that_fell_silent_is_not_sent_again_while_it_may_arrive(hold_ms: int) -> None:
    story = Model({("DU1", 1): Decimal(-10)}, {1: contract(1)}, [], Faults(stall_ms=(12, hold_ms)))
    report = story.run()
    assert report.flat and not story.violations
    assert all(at_ns >= hold_ms * MS for at_ns, place in story.places if place.key > 1)
    assert "stray_over" in {entry.kind for entry in report.timeline}


def test_it_is_sent_again_as_soon_as_tws_has_ended_the_connection_without_it() -> None:
    story = silent(ends_ms=12_000)
    assert story.run().flat and not story.violations
    again_ns = next(at_ns for at_ns, place in story.places if place.key == 2)
    assert 12 * SECOND <= again_ns <= 18 * SECOND


def test_after_half_a_minute_the_position_is_closed_and_yet_nothing_is_called_flat_while_it_may_arrive() -> None:
    story = silent(ends_ms=200_000)
    report = story.run()
    assert not report.flat and not story.violations
    assert story.market.flat
    again_ns = next(at_ns for at_ns, place in story.places if place.key == 2)
    assert again_ns >= 38 * SECOND  # silence is noticed after 8 s
    (left,) = report.residue
    assert (left.reason, left.quantity, left.order) == (ResidueReason.STRAY_CLOSE, 10, "BUY 10 MKT")
    assert report.outcome is LoginOutcome.RESIDUE


def silent(*, ends_ms: int) -> Model:
    """The first order is lost on a connection that falls silent, and that TWS ends after so long."""
    faults = Faults(stall_ms=(12, ends_ms), fates=(SILENCE,))
    return Model({("DU1", 1): Decimal(-10)}, {1: contract(1)}, [], faults)


@pytest.mark.parametrize(("held", "earliest_s", "latest_s"), [(0, 2, 3), (5, 0, 1)])
def test_lists_that_were_empty_from_the_first_are_believed_later(held: int, earliest_s: int, latest_s: int) -> None:
    positions = {("DU1", 1): Decimal(held)} if held else {}
    story = Model(positions, {1: contract(1)}, [], Faults())
    assert story.run().flat
    assert earliest_s * SECOND <= (story.finished_ns or 0) <= latest_s * SECOND


def broken_off(action: str, frozen_ms: int) -> Model:
    es = contract(1)
    resting = Resting("DU1", es, action, Decimal(1), fills_on_cancel=True)
    faults = Faults(position_frozen_ms=(1, 1 + frozen_ms), position_hints=False, disconnect_at_ms=(7,))
    return Model({("DU1", 1): Decimal(-25)}, {1: es}, [resting], faults)


@examples(250)
@given(models())
def test_whatever_is_left_is_named_with_a_reason(model: Model) -> None:
    """Every position and order that the last complete look before the result showed, or as it is by now, or as the
    newest list of a look that was under way showed it; and beyond it only what is in doubt."""
    model.run()
    report, look = model.report_at_finish, model.look_at_finish
    if report is None or report.outcome is not LoginOutcome.RESIDUE:
        return
    assert look is not None
    named = {(r.account, r.contract.con_id): r.quantity for r in report.residue if not r.order}
    shown = {(p.account, p.contract.con_id): p.quantity for p in look.positions if p.quantity != 0}
    lists = [e for at_ns, e in model.heard if isinstance(e, ev.PositionsRead) and at_ns <= (model.finished_ns or 0)]
    newest = {(p.account, p.contract.con_id): p.quantity for p in lists[-1].positions}
    by_now = {key for key, q in named.items() if q in (model.held_at_finish.get(key), newest.get(key))}
    assert all(named.get(key) == quantity for key, quantity in shown.items() if key not in by_now)
    assert named.keys() - shown.keys() <= model.doubtful_at_finish | by_now
    listed = [r for r in report.residue if r.order and r.reason is not ResidueReason.STRAY_CLOSE]  # no list has those
    orders = sorted(r.quantity for r in listed)
    assert orders == sorted(o.remaining if o.buys else -o.remaining for o in look.orders)


class Forked(Model):
    """A model that, at chosen moments, tells a copy of the machine something else and compares."""

    def fork(self, moments: Sequence[int], other: ev.Event | None) -> None:
        self.moments = set(moments)
        self.other = other
        self.told = 0
        self.differences: list[tuple[ev.Event, list[Command]]] = []

    def tell(self, told: ev.Event, *, another_follows: bool = False) -> None:
        self.told += 1
        chosen = self.told in self.moments and self.stopped_ns is None
        super().tell(told, another_follows=another_follows)
        if chosen and self.stopped_ns is None:
            self._compare(self.other or told)

    def _compare(self, extra: ev.Event) -> None:
        """Does `extra`, told now, do anything that the mere passing of time would not?"""
        idle, busy = copy.deepcopy(self.machine), copy.deepcopy(self.machine)
        expected = _deeds(idle.handle(ev.Woke(), self.now_ns))
        found = _deeds(busy.handle(extra, self.now_ns))
        if found != expected or _mind(busy) != _mind(idle):
            self.differences.append((extra, [c for c in found if c not in expected]))


def _deeds(commands: list[Command]) -> list[Command]:
    return [command for command in commands if not isinstance(command, WakeAt)]


def _mind(machine: KillMachine) -> list[object]:
    """What the machine thinks of positions and orders; not when it looks next."""
    return [machine._ledger, machine._closing, machine.report().residue]


def _forked(model: Model, moments: Sequence[int], other: ev.Event | None) -> Forked:
    forked = Forked(model.positions, model.contracts, model.orders, model.faults, model.seed, model.settings)
    forked.fork(moments, other)
    return forked


moments = st.lists(st.integers(1, 150), min_size=1, max_size=4)


@examples(150)
@given(models(), moments)
def test_a_second_press_changes_nothing_but_one_global_cancel_or_one_look(model: Model, at: list[int]) -> None:
    forked = _forked(model, at, ev.PressedAgain())
    forked.run()
    for _, extra in forked.differences:
        assert [type(command) for command in extra] in (
            [GlobalCancel, Say],
            [Say],
            [Say, ReadOrders],
            [Say, ReadOrders, ReadWorth],
        )


@examples(250)
@given(models(), moments)
def test_the_same_event_again_changes_nothing(model: Model, at: list[int]) -> None:
    forked = _forked(model, at, None)
    forked.run()
    again = [difference for difference in forked.differences if not _starts_anew(difference[0])]
    assert again == []


def _starts_anew(told: ev.Event) -> bool:
    """Events that mean something new every time they happen."""
    return isinstance(told, ev.Connected | ev.Disconnected | ev.PressedAgain | ev.CloseNotSent | ev.CloseOrphaned)


@pytest.mark.parametrize("cancel_ms", [30, 150, 400, 800])
@pytest.mark.parametrize("seed", range(5))
def test_lists_that_are_answered_in_any_order_do_not_size_a_close_from_before_a_fill(cancel_ms: int, seed: int) -> None:
    """An order fills as it is cancelled. Positions of before that, beside a list of orders of after it, would have it
    closed twice."""
    held = {1: -100, 2: 5, 3: 300, 4: -4}
    resting = [
        Resting("DU1", contract(number), "SELL" if q > 0 else "BUY", Decimal(abs(q) // 2), fills_on_cancel=True)
        for number, q in held.items()
    ]
    faults = Faults(lists_apart_ms=900, cancel_ms=(cancel_ms, cancel_ms))
    positions = {("DU1", number): Decimal(q) for number, q in held.items()}
    story = Model(positions, {number: contract(number) for number in held}, resting, faults, seed)
    assert story.run().flat and not story.violations
