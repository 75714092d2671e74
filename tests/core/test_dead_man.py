"""An engine that falls silent with something to lose is escalated step by step, once each, and never by mistake."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.dead_man import ENGINES_MAX, STEPS, Back, DeadMan, DeadManSettings, Escalation, Step
from engine.core.limit_rules import SECOND_NS as S

ALL = DeadManSettings(tell_after_ns=10 * S, halt_after_ns=30 * S, kill_after_ns=60 * S)
RISK: dict[str, bool | None] = {"paper": True}


class Listener:
    """A dead man that is judged every second, as the guard does."""

    def __init__(self, settings: DeadManSettings = ALL, risk: dict[str, bool | None] = RISK, begins: int = 0) -> None:
        self.settings, self.risk, self.now_ns = settings, dict(risk), begins * S
        self.man, self.steps = DeadMan(), list[tuple[int, Step]]()

    def beat(self, name: str = "main", logins: tuple[str, ...] = ("paper",)) -> Back | None:
        self.man, back = self.man.beat(name, logins, self.now_ns)
        return back

    def look(self) -> tuple[Escalation, ...]:
        self.man, due = self.man.judge(self.settings, self.risk, self.now_ns)
        self.steps += ((self.now_ns // S, one.step) for one in due)
        return due

    def listen(self, seconds: int) -> Listener:
        for _ in range(seconds):
            self.now_ns += S
            self.look()
        return self


def listening(**options: object) -> Listener:
    made = Listener(**options)
    made.look()
    made.beat()
    made.look()
    return made


def test_a_silence_is_told_halted_and_killed_each_once_and_at_its_time() -> None:
    assert listening().listen(200).steps == [(10, Step.TOLD), (30, Step.HALTED), (60, Step.KILLED)]


def test_an_engine_that_beats_is_left_alone() -> None:
    here = listening()
    for _ in range(100):
        here.listen(9)
        here.beat()
    assert here.steps == []


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        (DeadManSettings(), [(10, Step.TOLD), (30, Step.HALTED)]),  # the default kills nobody
        (DeadManSettings(tell_after_ns=None, halt_after_ns=None, kill_after_ns=5 * S), [(5, Step.KILLED)]),
        (DeadManSettings(tell_after_ns=None, halt_after_ns=None), []),
        (DeadManSettings(tell_after_ns=5 * S, halt_after_ns=5 * S, kill_after_ns=5 * S), [(5, Step.KILLED)]),
    ],
)
def test_steps_that_are_not_configured_are_not_taken(settings: DeadManSettings, steps: list[object]) -> None:
    assert listening(settings=settings).listen(200).steps == steps


@pytest.mark.parametrize("times", [(5, 4, None), (5, None, 4), (0, None, None), (None, -1, None), (0, 5, None)])
def test_a_severer_step_before_a_milder_one_cannot_be_configured(times: tuple[int | None, ...]) -> None:
    tell, halt, kill = times
    with pytest.raises(ValueError, match="silences"):
        DeadManSettings(tell_after_ns=tell, halt_after_ns=halt, kill_after_ns=kill)


def test_without_risk_nobody_is_escalated_and_risk_that_comes_later_counts_from_then() -> None:
    here = listening(risk={"paper": False}).listen(300)
    assert here.steps == []
    here.risk["paper"] = True
    here.listen(70)
    assert here.steps == [(310, Step.TOLD), (330, Step.HALTED), (360, Step.KILLED)]


def test_risk_that_appeared_while_nobody_looked_counts_from_the_look_that_shows_it() -> None:
    here = listening(risk={"paper": False}).listen(50)
    here.now_ns += 100 * S
    here.risk["paper"] = True
    assert here.look() == ()
    assert here.listen(10).steps == [(160, Step.TOLD)]


def test_an_engine_that_has_no_risk_is_silent_since_it_was_last_heard() -> None:
    here = listening(risk={"paper": False}, begins=7)
    assert here.man.engines["main"].silent_since_ns == 7 * S


def test_a_step_says_for_how_long_the_engine_was_silent_and_which_process_it_is() -> None:
    here = Listener(begins=1000)
    here.look()
    here.man, _ = here.man.beat("main", ("paper",), here.now_ns, pid=4711)
    here.listen(9)
    here.now_ns += S
    assert [(one.silent_ns, one.engine.pid) for one in here.look()] == [(10 * S, 4711)]
    here.beat()
    assert here.man.engines["main"].pid == 0  # who does not say


def test_any_silence_that_is_longer_than_none_can_be_configured() -> None:
    settings = DeadManSettings(tell_after_ns=1, halt_after_ns=1, kill_after_ns=2)
    assert settings.times == {Step.TOLD: 1, Step.HALTED: 1, Step.KILLED: 2}


def test_risk_that_is_not_known_is_risk() -> None:
    assert listening(risk={"paper": None}).listen(10).steps == [(10, Step.TOLD)]


def test_risk_of_other_logins_is_other_engines_business() -> None:
    here = listening(risk={"paper": False, "live": True}).listen(100)
    assert here.steps == []
    here.beat("everything", ())
    assert here.listen(10).steps == [(110, Step.TOLD)]


def test_an_engine_that_comes_back_is_told_and_begins_anew() -> None:
    here = listening(begins=1000).listen(40)
    back = here.beat()
    assert back is not None
    assert back.engine.reached is Step.HALTED
    assert back.silent_ns == 40 * S
    assert here.beat() is None
    here.steps.clear()
    assert here.listen(10).steps == [(1050, Step.TOLD)]


def test_an_engine_that_says_good_bye_is_not_expected() -> None:
    here = listening()
    here.man = here.man.goodbye("main")
    assert here.listen(100).steps == []
    here.man = here.man.goodbye("nobody")


@pytest.mark.parametrize("gap", [6 * S, 3600 * S, -5 * S])
def test_while_the_listener_was_away_nobody_was_silent(gap: int) -> None:
    here = listening().listen(8)
    here.now_ns += gap
    assert here.look() == ()
    began = here.now_ns // S
    assert here.listen(2).steps == [(began + 2, Step.TOLD)]


def test_a_short_delay_of_the_listener_hides_no_silence() -> None:
    here = listening().listen(8)
    here.now_ns += 5 * S
    assert [one.step for one in here.look()] == [Step.TOLD]


def test_engines_are_bounded_and_one_that_was_escalated_is_not_pushed_out() -> None:
    here = listening().listen(40)
    for number in range(ENGINES_MAX + 10):
        here.now_ns += 1
        here.beat(f"engine-{number}")
    assert len(here.man.engines) == ENGINES_MAX
    assert "main" in here.man.engines
    assert "engine-0" not in here.man.engines
    assert f"engine-{ENGINES_MAX + 9}" in here.man.engines


def test_when_all_were_escalated_the_one_silent_for_longest_is_forgotten() -> None:
    here = Listener()
    here.look()
    for number in range(ENGINES_MAX):
        here.now_ns += 1
        here.beat(f"engine-{number}")
    here.listen(40)
    here.beat("new")
    assert "engine-0" not in here.man.engines
    assert "new" in here.man.engines
    assert len(here.man.engines) == ENGINES_MAX


@given(st.lists(st.sampled_from(["beat", "second", "risk", "flat", "unknown", "away"]), max_size=120))
def test_steps_only_go_up_between_two_beats_and_never_without_silence(moves: list[str]) -> None:
    here = listening()
    since_beat: list[Step] = []
    for move in moves:
        before = len(here.steps)
        match move:
            case "beat":
                here.beat()
                since_beat.clear()
            case "second":
                here.listen(1)
            case "away":
                here.now_ns += 100 * S
                here.look()
            case _:
                here.risk["paper"] = {"risk": True, "flat": False, "unknown": None}[move]
        new = [step for _, step in here.steps[before:]]
        since_beat += new
        assert all(STEPS.index(one) < STEPS.index(two) for one, two in pairwise(since_beat))
        if new:
            engine = here.man.engines["main"]
            assert here.now_ns - engine.heard_ns >= 10 * S
            assert here.risk["paper"] is not False
