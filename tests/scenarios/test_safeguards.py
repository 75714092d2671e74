"""Each safeguard of the kill, taken away: the scenario that exists for it then comes to harm.

This is how we know that the scenarios can fail at all, and that no safeguard is decoration. The left column is also the
list of the failures that others have met in the field and of what prevents each of them here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.broker import inquiry, pacing
from engine.broker.closing_right import SIMULATED_WORLD
from engine.broker.failures import LinkFailure
from engine.core.kill import machine
from engine.core.kill.closes import closing, launching, lessons, lookups, reactions, tending
from engine.core.kill.held import ledger
from engine.core.kill.looks import witness
from engine.core.kill.outcome import ending
from engine.core.kill.report import LoginOutcome
from engine.simulator import faults
from engine.simulator.scenario import Scenario, load_scenario
from scenarios.rehearsal import Judged, rehearse

Patch = pytest.MonkeyPatch


def lied(judged: Judged) -> bool:
    return any(report.flat and not judged.flat[name] for name, report in judged.report.logins.items())


def crossed(judged: Judged) -> bool:
    return bool(judged.crossings)


def not_flat(judged: Judged) -> bool:
    return not judged.report.flat


def grown(judged: Judged) -> bool:
    return bool(judged.grown)


def dragged(judged: Judged) -> bool:
    return judged.seconds > 10


def said(kind: str, words: str) -> Callable[[Judged], bool]:
    """The timeline tells of it."""

    def harm(judged: Judged) -> bool:
        entries = [entry for report in judged.report.logins.values() for entry in report.timeline]
        return any(entry.kind == kind and words in entry.text for entry in entries)

    return harm


def unreached(judged: Judged) -> bool:
    return any(r.outcome is LoginOutcome.UNREACHABLE for r in judged.report.logins.values())


# what is taken away ---------------------------------------------------------------------------------------------------


def cancel_once(patch: Patch) -> None:
    """The global cancel is not repeated until the list of open orders is empty."""
    patch.setattr(machine.KillMachine, "_mind_orders", lambda *_: [])


def orders_do_not_count(patch: Patch) -> None:
    """Flat is said of positions alone, with resting orders live."""

    def judge(self: Any, survey: Any, now_ns: int, *, quiet_ns: int) -> None:
        self.proof.proven = self.ledger.all_zero()

    patch.setattr(ending.Ending, "judge", judge)


def believe_every_position(patch: Patch) -> None:
    """Positions are taken as read, though fills may not show in them yet."""
    patch.setattr(ledger.Ledger, "closable", lambda self, key: self.position(key))


def an_empty_answer_for_a_late_one(patch: Patch) -> None:
    """A read that timed out is an empty list, and the account values are not asked."""

    def fail(self: Any, why: str, *, refused: bool = False) -> None:
        self._settle(inquiry.Complete(self.make().result(), False))

    patch.setattr(inquiry._ListRead, "fail", fail)
    patch.setattr(witness.Witness, "says", lambda _self: witness.Says.NOTHING_HELD)


def the_link_is_always_up(patch: Patch) -> None:
    """1100 is ignored: what TWS remembers counts as what IBKR knows."""
    patch.setattr(machine.KillMachine, "_on_link", lambda *_: [])


def nobody_waits_for_resting_orders(patch: Patch) -> None:
    """A contract is closed while its own resting orders may still fill."""
    patch.setattr(closing.Closing, "_blocking_orders", lambda *_: {})


def queued_orders_stay(patch: Patch) -> None:
    """An order that waits for the next session is left where it is."""
    patch.setattr(reactions, "react", lambda *_: reactions.Reaction(reactions.Effect.ALIVE))
    patch.setattr("engine.core.kill.closes.item.react", reactions.react)
    patch.setattr(tending, "cancel", lambda *_: [])


def no_emergency_ids(patch: Patch) -> None:
    """The configured client id or none."""
    patch.setattr(
        LinkFailure, "other_id_may_help", property(lambda _self: False, lambda _self, _value: None), raising=False
    )


def no_exchange(patch: Patch) -> None:
    """The exchange goes back as `position` told it: empty."""
    patch.setattr(launching, "exchange_for", lambda contract, _details: contract.exchange or "SMART")
    patch.setattr(launching, "named_exchange", lambda _details: None)


def silence_is_patience(patch: Patch) -> None:
    """An order that nobody acknowledges is waited for."""
    patch.setattr(tending, "_mind_silence", lambda *_: [])


def no_pacing(patch: Patch) -> None:
    """As many messages as there are, at once."""
    patch.setattr(pacing.Pacer, "free", lambda *_args, **_more: 1_000)


def longs_first(patch: Patch) -> None:
    """Whatever covers a short option may go before it."""
    patch.setattr(closing.Closing, "_covers_short", lambda *_: False)
    patch.setattr(closing.Closing, "_is_short_option", lambda self, item: self.ledger.position(item.key) > 0)


def market_orders_wait(patch: Patch) -> None:
    """A market order that nobody takes is left to its luck."""
    patch.setattr(tending, "_prefer_limit", lambda *_: [])


def sized_once(patch: Patch) -> None:
    """What others close while an order waits does not concern it."""
    patch.setattr(tending, "_too_large", lambda *_: False)


def any_price_will_do(patch: Patch) -> None:
    """Limits are priced on the tick that contract details name, without the market rule."""
    patch.setattr(lookups, "_rule_id", lambda *_: None)


def further_and_further(patch: Patch) -> None:
    """A price that was too far through the market is followed by one that is further away."""

    def go_further(self: Any, _place: Any) -> None:
        self.level += 1

    patch.setattr(lessons.Lessons, "_come_nearer", go_further)


def orders_alone() -> Scenario:
    """Resting orders, no positions, and a global cancel that gets lost."""
    calm = load_scenario("calm")
    logins = tuple(
        msgspec.structs.replace(
            plan, accounts=tuple(msgspec.structs.replace(account, positions=()) for account in plan.accounts)
        )
        for plan in calm.logins
    )
    lost = faults.DropRequests(requests=("ReqGlobalCancel",), first=2)
    return msgspec.structs.replace(calm, logins=logins, faults=(lost,))


CASES: list[tuple[Callable[[Patch], None], str, Callable[[Judged], bool]]] = [
    (cancel_once, "global-cancel-lost", not_flat),
    (orders_do_not_count, "orders-alone", lied),
    (believe_every_position, "stale-positions", crossed),
    (an_empty_answer_for_a_late_one, "positions-unanswered", lied),
    (the_link_is_always_up, "link-down", said("finished", "residue")),
    (nobody_waits_for_resting_orders, "fill-race", grown),
    (queued_orders_stay, "weekend", dragged),
    (no_emergency_ids, "client-id-busy", unreached),
    (no_exchange, "calm", not_flat),
    (silence_is_patience, "silent-drop", not_flat),
    (no_pacing, "pacing", said("disconnected", "")),
    (longs_first, "margin-of-long-leg", said("close_ended", "201")),
    (market_orders_wait, "idle-market-orders", not_flat),
    (sized_once, "liquidation-mid-close", crossed),
    (further_and_further, "far-limits", not_flat),
    (any_price_will_do, "price-grid", said("close_ended", "110")),
]


@pytest.mark.parametrize(("take_away", "scenario", "harm"), CASES, ids=[case[0].__name__ for case in CASES])
def test_without_it_the_scenario_comes_to_harm(
    take_away: Callable[[Patch], None],
    scenario: str,
    harm: Callable[[Judged], bool],
    tmp_path: Path,
    monkeypatch: Patch,
) -> None:
    world = orders_alone() if scenario == "orders-alone" else load_scenario(scenario)
    assert not harm(rehearse(world, tmp_path, deadline_s=15))
    take_away(monkeypatch)
    patient = 2 if scenario == "positions-unanswered" else 1  # a read gets twice what the last answer took
    assert harm(rehearse(world, tmp_path, deadline_s=patient * 15))


HOURS = 3600


@pytest.mark.parametrize("off_s", [-8 * HOURS, 30 * 24 * HOURS])
def test_a_wrong_clock_of_this_machine_changes_no_order_and_is_said(
    off_s: int, tmp_path: Path, monkeypatch: Patch
) -> None:
    """Half past six in the evening: a stock is sold by a limit order at once, whatever this machine believes."""
    monkeypatch.delenv(SIMULATED_WORLD)
    evening = load_scenario("after-hours")
    queued = said("close_ended", "300 AAPL")
    right, wrong = rehearse(evening, tmp_path), rehearse(evening, tmp_path, clock_off_s=off_s)
    assert not queued(right) and not said("clock_differs", "")(right)
    assert not queued(wrong) and said("clock_differs", "judged by TWS's")(wrong)
    monkeypatch.setattr(machine.Clocks, "heard", lambda *_: "")
    assert queued(rehearse(evening, tmp_path, clock_off_s=off_s))
