"""Each invariant sees what it is there for: evidence of a run in which all held is made untrue in one thing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.kill.report import LoginOutcome, ResidueItem, ResidueReason, Timings
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.chain import draft, seal, tip_of
from engine.journal.events import BaselineSet, Filled, LimitBreached, Restricted
from engine.simulator import faults as f
from engine.simulator.exchange import Movement
from engine.torture.disk import Acknowledged
from engine.torture.evidence import Arrived, Evidence, HaltSeen, Outside, Truth, WentOn
from engine.torture.generator import story_of
from engine.torture.invariants import INVARIANTS, RECORDS_PER_ACT, violations
from engine.torture.stage import play
from engine.torture.story import Press, Story
from engine.torture.worlds import ORDINARY

D = Decimal
KEY = ("DU1", 265598)
DOCS = Path(__file__).parents[2] / "docs" / "invariants.md"


def plain() -> Story:
    """Two people press, and nothing goes wrong."""
    story = next(one for one in map(story_of, range(100)) if len(one.scenario.logins) == 1 and one.lasts_s == 1)
    paper = replace(story.scenario.logins[0], orders=())
    scenario = replace(story.scenario, logins=(paper,), faults=(), moves=False, start=ORDINARY)
    return replace(story, scenario=scenario, acts=(Press(who="cli1", at_s=1.0), Press(who="cli2", at_s=30.0)))


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    monkeypatch.setenv("QE_INCIDENT_LOG", str(tmp_path / "incidents.md"))
    place = tmp_path / "run"
    place.mkdir()
    evidence = play(plain(), place)
    assert not violations(evidence)
    return evidence


def told(found: Evidence, **changes: object) -> None:
    """The first report said something else."""
    press = found.presses[0]
    assert press.report is not None
    login = replace(press.report.logins["paper"], **changes)
    press.report = replace(press.report, logins={"paper": login})


def order(found: Evidence, at_s: float) -> Arrived:
    return Arrived("paper", at_s, 1, "mine", KEY, D(1), D(0), D(0))


def halted(found: Evidence) -> None:
    """… and an order that adds risk came to TWS all the same."""
    found.halts.append(HaltSeen("paper", 15.0, "h1", durable=False))
    found.arrived.append(order(found, 20.0))


def fired(found: Evidence) -> None:
    """The daily limit, although nothing was lost."""
    event = LimitBreached(
        scope=Scope("paper"),
        limit="daily_loss",
        baseline=D(100),
        net_deposits=D(0),
        equity=D(97),
        currency="USD",
        loss_pct=D(3),
        limit_pct=D(2),
        period_id="2026-03-11",
    )
    found.records.append(seal(tip_of(found.records[-1]), draft(event, actor="test", at_ns=1)))


def silent_for_nothing(found: Evidence) -> None:
    """A guard halts for an engine that lives and beats."""
    found.lives["engine1"] = [(0.0, True)]
    found.beats["engine1"] = [float(at_s) for at_s in range(1, 60)]
    halted_for_silence(found, 50.0)


def halted_for_silence(found: Evidence, at_s: float) -> None:
    halt = Restriction(
        id=f"silence {at_s}",
        scope=Scope("paper"),
        kind=Kind.HALT,
        cause=Cause.DEAD_MAN,
        since_ns=1,
        actor="guard1",
        reason="engine1-1 has given no sign of life for 30 s, and there is something to lose",
    )
    record = seal(tip_of(found.records[-1]), draft(Restricted(restriction=halt), actor="guard1", at_ns=1))
    found.records.append(record)
    found.acknowledged.append(Acknowledged(at_s, "guard1", (record,)))


def moved(found: Evidence, signed: int, ref: str) -> None:
    at_ns = found.start_ns + round(found.presses[1].at_s * 1e9)
    found.movements["paper"].append(Movement(at_ns, *KEY, D(signed), ref))


UNTRUE: dict[str, Callable[[Evidence], None]] = {
    "I1": lambda it: it.presses[0].truth.update(paper=Truth({KEY: D(3)}, {})),
    "I2": lambda it: moved(it, 1, "QEKILL-cli1x1x1-1"),
    "I3": halted,
    "I4": lambda it: it.records.pop(),
    "I5a": lambda it: setattr(it.presses[1], "report", None),
    "I5b": lambda it: (
        told(it, outcome=LoginOutcome.RESIDUE),
        it.presses[0].truth.update(paper=Truth({KEY: D(3)}, {})),
    )[0],
    "I5c": lambda it: told(it, outcome=LoginOutcome.UNKNOWN, timings=Timings()),
    "I6": fired,
    "I7": lambda it: it.too_fast.append("51 messages"),
    "I8": lambda it: it.left_over.append("a task"),
    "I9": lambda it: it.arrived.append(order(it, 20.0)),
    "I10": lambda it: it.raised.append("ValueError"),
    "I11": lambda it: silent_for_nothing(it),
}


@pytest.mark.parametrize("name", list(INVARIANTS))
def test_each_invariant_sees_what_it_is_there_for(found: Evidence, name: str) -> None:
    UNTRUE[name](found)
    assert name in {one.name for one in violations(found)}


@pytest.mark.parametrize(("once", "broken"), [(True, False), (False, True)])
def test_a_journal_may_grow_by_one_record_for_an_execution(found: Evidence, once: bool, broken: bool) -> None:
    for number in range(RECORDS_PER_ACT * 4 * len(found.story.scenario.logins)):
        exec_id = str(number) if once else "the same"
        event = Filled(
            scope=Scope("paper"), account="DU1", identity=exec_id, exec_id=exec_id, con_id=1, quantity=D(1), price=D(1)
        )
        found.records.append(seal(tip_of(found.records[-1]), draft(event, actor="test", at_ns=1)))
    assert ("I8" in {one.name for one in violations(found)}) is broken


@pytest.mark.parametrize(("swallowed", "claimed"), [(3, True), (4, False)])
def test_nobody_is_blamed_for_waits_that_are_longer_than_the_story(
    found: Evidence, swallowed: int, claimed: bool
) -> None:
    fault = f.DropRequests(requests=("PlaceOrder",), first=swallowed)
    found.story = replace(found.story, scenario=replace(found.story.scenario, faults=(fault,)))
    told(found, outcome=LoginOutcome.UNKNOWN, timings=Timings())
    assert ("I5c" in {one.name for one in violations(found)}) is claimed


def test_a_late_report_is_no_report_in_time(found: Evidence) -> None:
    found.presses[0].reported_s = 200.0
    assert {one.name for one in violations(found)} == {"I5a"}


def test_what_others_do_just_before_the_report_is_nobodys_lie(found: Evidence) -> None:
    press = found.presses[0]
    press.truth["paper"] = Truth({KEY: D(3)}, {})
    found.outside.append(Outside("paper", press.reported_s - 0.1, Truth({}, {})))
    assert not [one for one in violations(found) if one.name == "I1"]
    found.outside[0].before.positions[KEY] = D(3)  # it was not flat before that either
    assert [one for one in violations(found) if one.name == "I1"]


def test_a_close_that_meets_somebody_elses_trade_is_nobodys_fault(found: Evidence) -> None:
    moved(found, 5, "FOREIGN")
    moved(found, -8, "QEKILL-cli1x1x1-1")
    assert not [one for one in violations(found) if one.name == "I2"]


def with_fault(found: Evidence, *faults: f.AnyFault) -> None:
    found.story = replace(found.story, scenario=replace(found.story.scenario, faults=faults))


def names(found: Evidence) -> list[str]:
    return [one.name for one in violations(found)]


OLD = f.StandingFeed(feed="positions", after_s=2.0, for_s=60.0)
LATE = f.StalePositions(lag_s=30.0)


@pytest.mark.parametrize(
    ("fault", "excused"),
    [
        (OLD, True),
        (LATE, True),
        (replace(OLD, after_s=6.0), True),  # ten seconds are given anyhow
        (replace(OLD, after_s=16.0), False),
        (replace(OLD, login="live"), False),
        (replace(LATE, lag_s=4.0), False),
    ],
)
def test_what_an_old_picture_hides_of_others_excuses_one_close_and_no_second(
    found: Evidence, fault: f.AnyFault, excused: bool
) -> None:
    with_fault(found, fault)
    found.movements["paper"].append(Movement(found.start_ns + 5 * 10**9, *KEY, D(-5), "FOREIGN"))
    moved(found, 8, "QEKILL-cli1x1x1-1")
    assert ("I2" not in names(found)) is excused
    found.movements["paper"].append(Movement(found.start_ns + 41 * 10**9, *KEY, D(8), "QEKILL-cli1x1x1-2"))
    assert "I2" in names(found)


LOST = f.LinkLost(after_s=2.0, for_s=60.0)
ERRORS_DROPPED = f.DropReplies(replies=("ErrorMessage",), first=6)


@pytest.mark.parametrize(
    ("faults", "excused"),
    [
        ((LOST, ERRORS_DROPPED), True),
        ((LOST,), False),  # 1100 tells of it
        ((ERRORS_DROPPED,), False),
        ((LOST, replace(ERRORS_DROPPED, replies=("Position",))), False),
        ((LOST, replace(ERRORS_DROPPED, login="live")), False),
        ((LOST, replace(ERRORS_DROPPED, after_s=3.0)), False),
        ((LOST, replace(ERRORS_DROPPED, for_s=1.0)), False),
    ],
)
def test_a_link_that_is_lost_without_a_word_shows_an_old_picture(
    found: Evidence, faults: tuple[f.AnyFault, ...], excused: bool
) -> None:
    with_fault(found, *faults)
    found.movements["paper"].append(Movement(found.start_ns + 5 * 10**9, *KEY, D(-5), "FOREIGN"))
    moved(found, 8, "QEKILL-cli1x1x1-1")
    assert ("I2" not in names(found)) is excused


@pytest.mark.parametrize(("fault", "excused"), [(OLD, True), (replace(OLD, after_s=16.0), False), (None, False)])
def test_the_fill_of_an_order_that_rested_excuses_a_close_only_where_an_old_picture_hides_it(
    found: Evidence, fault: f.AnyFault | None, excused: bool
) -> None:
    if fault is not None:
        with_fault(found, fault)
    found.movements["paper"].append(Movement(found.start_ns + 15 * 10**9, *KEY, D(-5), "rests"))
    moved(found, 8, "QEKILL-cli1x1x1-1")
    assert ("I2" not in names(found)) is excused


def test_an_old_picture_excuses_no_second_close_of_what_a_kill_itself_has_closed(found: Evidence) -> None:
    with_fault(found, OLD)
    moved(found, 3, "QEKILL-cli2x1x1-1")
    assert "I2" in names(found)


@pytest.mark.parametrize(
    ("died_s", "ref", "excused"),
    [
        (17.0, "QEKILL-cli2x1x1-1", True),
        (19.0, "QEKILL-cli2x1x1-1", False),  # it had the time to take its order back
        (None, "QEKILL-cli2x1x1-1", False),
        (17.0, "QEKILL-cli1x1x1-1", False),  # of one that lives
    ],
)
def test_nobody_takes_back_the_order_of_a_program_that_died_before_it_could_know(
    found: Evidence, died_s: float | None, ref: str, excused: bool
) -> None:
    found.movements["paper"].append(Movement(found.start_ns + 12 * 10**9, *KEY, D(1), "FOREIGN"))
    moved(found, 3, ref)
    found.presses[1].died_s = died_s
    assert ("I2" not in names(found)) is excused


@pytest.mark.parametrize(
    ("ref", "reason", "claimed"),
    [
        ("QEKILL-older-1", ResidueReason.POSITION_UNCONFIRMED, False),
        ("QEKILL-older-1", ResidueReason.REJECTED, True),
        ("QEKILL-cli1x1x1-1", ResidueReason.POSITION_UNCONFIRMED, True),
    ],
)
def test_an_order_that_only_says_that_it_is_a_kills_leads_astray(
    found: Evidence, ref: str, reason: ResidueReason, claimed: bool
) -> None:
    left = ResidueItem(reason=reason, account=KEY[0], contract=Contract(con_id=KEY[1]), quantity=D(1))
    told(found, outcome=LoginOutcome.UNKNOWN, residue=(left,))
    found.movements["paper"].append(Movement(found.start_ns, *KEY, D(0), ref))
    assert ("I5c" in names(found)) is claimed


def test_an_old_picture_excuses_no_flat_where_only_the_product_has_traded(found: Evidence) -> None:
    with_fault(found, OLD)
    press = found.presses[0]
    press.truth["paper"] = Truth({KEY: D(3)}, {})
    assert "I1" in names(found)
    found.outside.append(Outside("paper", 2.5, Truth({}, {})))  # somebody else did, when it was flat
    press.reported_s = 30.0
    assert "I1" not in names(found)


@pytest.mark.parametrize(
    ("ref", "at_s", "held", "excused"),
    [
        ("mine", 5.0, 0, True),
        ("mine", 5.0, 3, False),  # what is held is another matter
        ("mine", 1.0, 0, False),  # the picture shows it
        ("QEKILL-cli1x1x1-1", 5.0, 0, False),
    ],
)
def test_an_order_of_others_that_an_old_list_hides_is_nobodys_lie(
    found: Evidence, ref: str, at_s: float, held: int, excused: bool
) -> None:
    with_fault(found, replace(OLD, feed="orders"))
    press = found.presses[0]
    press.truth["paper"] = Truth({KEY: D(held)} if held else {}, {1: KEY})
    press.reported_s = 20.0
    found.arrived.append(dataclasses.replace(order(found, at_s), order_ref=ref))
    assert ("I1" not in names(found)) is excused


@pytest.mark.parametrize(
    ("fault", "deadline_s", "claimed"),
    [
        (replace(OLD, for_s=10.0), 60.0, True),
        (replace(OLD, for_s=100.0), 60.0, False),
        (replace(OLD, for_s=100.0, login="live"), 60.0, True),
        (LATE, 120.0, True),
        (LATE, 60.0, False),
        (replace(LATE, lag_s=15.0), 60.0, True),
        (replace(LATE, lag_s=60.0), 120.0, False),
    ],
)
def test_a_picture_that_is_old_until_the_end_leaves_no_time(
    found: Evidence, fault: f.AnyFault, deadline_s: float, claimed: bool
) -> None:
    with_fault(found, fault)
    found.story = replace(found.story, deadline_s=deadline_s)
    told(found, outcome=LoginOutcome.UNKNOWN, timings=Timings())
    assert ("I5c" in names(found)) is claimed


@pytest.mark.parametrize(("reported_s", "claimed"), [(40.0, False), (20.0, True)])
def test_a_press_that_joins_a_kill_has_that_kills_deadline(found: Evidence, reported_s: float, claimed: bool) -> None:
    """A picture that is old for forty seconds leaves no time by the first one's, and leaves it by its own."""
    first, second = found.presses[:2]
    with_fault(found, replace(OLD, for_s=40.0))
    second.who, second.at_s = first.who, first.at_s + 25.0
    first.reported_s, second.reported_s = reported_s, 65.0
    assert second.report is not None
    unknown = replace(second.report.logins["paper"], outcome=LoginOutcome.UNKNOWN, timings=Timings())
    second.report = replace(second.report, logins={"paper": unknown})
    assert ("I5c" in names(found)) is claimed


def test_a_halt_that_was_acknowledged_and_binds_nobody_is_lost(found: Evidence) -> None:
    found.halts.append(HaltSeen("paper", 15.0, "h1", durable=True))
    assert {one.name for one in violations(found)} == {"I4"}
    found.halts[0].lifted_s = 16.0
    assert not violations(found)


def test_behind_a_halt_reducing_orders_pass_and_so_does_what_meets_a_surprise(found: Evidence) -> None:
    found.state["paper"] = Kind.SHUTDOWN
    found.presses.clear()
    found.acknowledged.clear()
    found.halts.append(HaltSeen("paper", 15.0, "h1", durable=False))
    reducing = dataclasses.replace(order(found, 20.0), held=D(-1))
    found.arrived.append(reducing)
    assert not violations(found)
    larger = dataclasses.replace(reducing, signed=D(2), at_s=50.0)
    found.arrived.append(larger)
    assert [one.name for one in violations(found)] == ["I3"]
    found.movements["paper"].append(Movement(found.start_ns + 49 * 10**9, *KEY, D(1), "FOREIGN"))
    assert not violations(found)


def test_a_limit_that_was_crossed_while_a_guard_watched_and_did_not_fire_is_told(found: Evidence) -> None:
    found.acknowledged.clear()
    baseline = BaselineSet(scope=Scope("paper"), period="day", period_id="x", equity=D(100_000), currency="USD")
    found.records.append(seal(tip_of(found.records[-1]), draft(baseline, actor="test", at_ns=1)))
    found.worth.append(("paper", 60.0, D(97_900)))
    assert not violations(found)
    found.watched = True
    assert [one.name for one in violations(found)] == ["I6"]
    found.worth.append(("paper", 61.0, D(98_100)))
    assert not violations(found)


def test_after_a_way_back_the_login_trades_again(found: Evidence) -> None:
    found.arrived.append(order(found, 40.0))
    assert {one.name for one in violations(found)} == {"I9"}
    found.went_on.append(WentOn("cli1", "paper", 35.0, reset_s=36.0, ok_s=36.0))
    assert not violations(found)


def test_every_invariant_is_in_the_documentation_with_the_function_that_checks_it() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name, check in INVARIANTS.items():
        assert f"| {name} |" in text and f"`{check.__name__}`" in text, name


@pytest.mark.parametrize(
    ("ref", "at_s", "died_s", "con_id", "claimed"),
    [
        ("QEKILL-cli1x1x1.1-2of1", 2.0, 2.5, KEY[1], False),
        ("QEKILL-cli1x1x1.1-2of2", 2.0, 2.5, KEY[1], True),  # it was for all that was there
        ("QEKILL-cli1x1x1.1-2", 2.0, 2.5, KEY[1], True),  # it does not say
        ("mine", 2.0, 2.5, KEY[1], True),
        ("QEKILL-cli1x1x1.1-2of1", 2.0, None, KEY[1], True),  # it lives, and could have closed the rest
        ("QEKILL-cli9x1x1.1-2of1", 2.0, 2.5, KEY[1], True),  # another one died
        ("QEKILL-cli1x1x1.1-2of1", -150.0, 2.5, KEY[1], True),  # three minutes were over
        ("QEKILL-cli1x1x1.1-2of1", 2.0, 2.5, 99, True),  # in another contract
    ],
)
def test_the_rest_that_a_dead_kill_had_left_in_doubt_may_be_an_old_picture(
    found: Evidence, ref: str, at_s: float, died_s: float | None, con_id: int, claimed: bool
) -> None:
    found.presses[1].who, found.presses[1].died_s = "cli1", died_s
    close = dataclasses.replace(order(found, at_s), order_ref=ref, key=(KEY[0], con_id), signed=D(-1), held=D(2))
    found.arrived.append(close)
    item = ResidueItem(
        account=KEY[0], contract=Contract(con_id=KEY[1]), quantity=D(1), reason=ResidueReason.POSITION_UNCONFIRMED
    )
    told(found, outcome=LoginOutcome.RESIDUE, residue=(item,))
    assert ("I5c" in names(found)) is claimed


@pytest.mark.parametrize(
    ("outcome", "flat_ms", "claimed"),
    [
        (LoginOutcome.UNKNOWN, 480.0, False),
        (LoginOutcome.UNKNOWN, None, True),
        (LoginOutcome.RESIDUE, 480.0, True),
    ],
)
def test_who_was_flat_and_cannot_be_seen_any_more_owes_no_flat(
    found: Evidence, outcome: LoginOutcome, flat_ms: float | None, claimed: bool
) -> None:
    told(found, outcome=outcome, timings=Timings(flat_ms=flat_ms))
    assert ("I5c" in names(found)) is claimed
