"""Alerts: told at once, repeated until somebody has seen them, never a flood, and nothing grave behind what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting import (
    GATHERED_MAX,
    GATHERED_TEXT_MAX,
    MINUTE_NS,
    NEWS_AFTER_NS,
    NEWS_BURST,
    NEWS_SOON_NS,
    NEWS_WINDOW_NS,
    STANDING_MAX,
    TEXT_MAX,
    Alert,
    Alerting,
    AlertSettings,
    Message,
    Severity,
)
from engine.core.limit_rules import SECOND_NS as S

SETTINGS = AlertSettings()
NOON = 12 * 60 * MINUTE_NS


def alert(key: str = "k", severity: Severity = Severity.WARNING, text: str = "x", lasting: bool = True) -> Alert:
    return Alert(key=key, severity=severity, title=key.upper(), text=text, lasting=lasting)


class Desk:
    def __init__(self, settings: AlertSettings = SETTINGS) -> None:
        self.state, self.settings, self.now_ns = Alerting(), settings, NOON

    def told(self, *alerts: Alert) -> tuple[str, ...]:
        for one in alerts:
            self.state = self.state.told(one, self.now_ns)
        return self.titles()

    def cleared(self, key: str) -> tuple[str, ...]:
        self.state = self.state.cleared(key, "it is back", self.now_ns)
        return self.titles()

    def move(self, what: str, number: int, severity: Severity) -> None:
        match what:
            case "told":
                self.state = self.state.told(alert(f"k{number}", severity), self.now_ns)
            case "clear":
                self.state = self.state.cleared(f"k{number}", "x", self.now_ns)
            case "ack":
                self.state, _ = self.state.acknowledged(f"k{number}", "ann")
            case _:
                self.now_ns += number * 7 * S

    def due(self) -> tuple[Message, ...]:
        self.state, messages = self.state.due(self.settings, self.now_ns)
        return messages

    def titles(self) -> tuple[str, ...]:
        return tuple(message.title for message in self.due())

    def later(self, seconds: int) -> tuple[str, ...]:
        """Everything that is told in this time, looked at every second."""
        found: tuple[str, ...] = ()
        for _ in range(seconds):
            self.now_ns += S
            found += self.titles()
        return found


def test_an_alert_is_told_at_once_and_repeated_until_it_is_acknowledged() -> None:
    desk = Desk()
    assert desk.told(alert()) == ("K",)
    assert desk.later(299) == ()
    assert desk.later(1) == ("Still: K",)
    desk.now_ns += 300 * S
    (again,) = desk.due()
    assert again.text == "x\n(for 10 min; qe ack stops this)"
    desk.state, seen = desk.state.acknowledged("k", "ann")
    assert seen == ("k",)
    assert desk.later(1000) == ()
    assert desk.state.acknowledged("k", "ben")[1] == ()


def test_the_same_thing_told_again_is_one_thing() -> None:
    desk = Desk()
    desk.told(alert())
    assert desk.told(alert(text="y"), alert(text="z")) == ()
    assert desk.later(300) == ("Still: K",)


def test_what_has_become_graver_is_told_anew_although_it_was_acknowledged() -> None:
    desk = Desk()
    desk.told(alert())
    desk.state, _ = desk.state.acknowledged(None, "ann")
    assert desk.told(alert(severity=Severity.CRITICAL)) == ("K",)
    assert desk.told(alert(severity=Severity.INFO)) == ()
    assert desk.later(300) == ("Still: K",)
    assert desk.state.standing["k"].told == 2


def test_what_goes_by_another_title_is_told_anew_although_it_was_acknowledged() -> None:
    desk = Desk()
    desk.told(alert())
    desk.state, _ = desk.state.acknowledged(None, "ann")
    ended = Alert(key="k", severity=Severity.WARNING, title="K: NOT FLAT", text="y")
    assert desk.told(ended) == ("K: NOT FLAT",)
    assert desk.told(ended) == ()
    assert desk.later(300) == ("Still: K: NOT FLAT",)


def about(*things: str) -> Alert:
    return Alert(key="k", severity=Severity.CRITICAL, title="K", text=" ".join(things), about=frozenset(things))


def test_what_has_come_to_an_alert_is_told_although_the_rest_was_acknowledged() -> None:
    desk = Desk()
    assert desk.told(about("a")) == ("K",)
    desk.state, _ = desk.state.acknowledged(None, "ann")
    assert desk.told(about("a")) == desk.later(400) == ()
    assert desk.told(about("a", "b")) == ("More: K",)
    desk.now_ns += 300 * S
    (again,) = desk.due()
    assert again == Message(Severity.CRITICAL, "Still: K", "a b\n(for 5 min; qe ack stops this)")
    assert desk.state.unacknowledged_since(Severity.CRITICAL) == desk.now_ns - 300 * S  # not since before the ack


def test_what_comes_to_an_alert_is_told_within_five_seconds_and_what_comes_fast_in_one() -> None:
    desk = Desk()
    began_ns = desk.now_ns
    assert NEWS_SOON_NS == 4 * S
    desk.told(about("a"))
    assert (*desk.told(about("a", "b")), *desk.later(3), *desk.told(about("a", "b", "c"))) == ()
    assert desk.later(1) == ("More: K",)
    assert desk.told(about("b", "c")) == desk.later(299) == ()  # one is gone, and nothing has come
    assert desk.later(1) == ("Still: K",)
    assert desk.state.unacknowledged_since(Severity.CRITICAL) == began_ns


def test_of_a_storm_of_one_kind_the_fifth_message_within_two_minutes_waits_for_half_a_minute() -> None:
    desk = Desk()
    assert (NEWS_BURST, NEWS_AFTER_NS, NEWS_WINDOW_NS) == (4, 30 * S, 120 * S)
    desk.told(about("a"))
    told = [
        second for second in range(1, 140) if (*desk.told(about("a", *map(str, range(second)))), *desk.later(1)) != ()
    ]
    assert told == [4, 8, 12, 16, 46, 76, 106, 136]
    desk.now_ns += 121 * S
    desk.due()
    desk.told(about("z"))
    assert desk.later(4) == ("More: K",)  # the storm is long over


def test_while_messages_are_gathered_whatever_leaves_takes_along_what_has_come_to_others() -> None:
    desk = Desk()
    assert desk.told(about("a"), alert("w1"), alert("w2")) == ("K", "W1", "W2")
    assert (*desk.told(about("a", "b")), *desk.later(2)) == ()
    assert desk.told(alert("c", Severity.CRITICAL)) == ("C", "More: K")
    assert desk.told(about("a", "b", "c"), alert("w3")) == ()
    assert desk.later(5) == ("W3 (and 1 more)",)
    assert desk.state.standing["k"].news is False


def test_what_is_over_is_said_once_and_begins_anew_when_it_comes_back() -> None:
    desk = Desk()
    desk.told(alert())
    assert desk.cleared("k") == ("Over: K",)
    assert desk.cleared("k") == ()
    assert desk.later(1000) == ()
    assert desk.told(alert()) == ("K",)


def test_what_is_over_before_anybody_was_told_is_told_only_if_it_was_critical_and_then_with_what_it_was() -> None:
    desk = Desk()
    desk.state = desk.state.told(alert(severity=Severity.WARNING), desk.now_ns).cleared("k", "it is back", desk.now_ns)
    assert desk.due() == ()
    desk.state = desk.state.told(alert(severity=Severity.CRITICAL), desk.now_ns).cleared("k", "it is back", desk.now_ns)
    assert desk.due() == (Message(Severity.CRITICAL, "K", "x\n(over already: it is back)"),)
    assert desk.later(1000) == ()


def test_an_alert_that_does_not_last_is_told_once_and_cannot_be_cleared() -> None:
    desk = Desk()
    desk.state = desk.state.told(alert(lasting=False), NOON)
    assert desk.state.acknowledged(None, "ann")[1] == ()
    assert desk.cleared("k") == ("K",)
    assert desk.later(1000) == ()
    assert desk.state.standing == {}


def test_without_repetition_it_is_told_once() -> None:
    desk = Desk(AlertSettings(repeat_after_ns=None))
    assert desk.told(alert()) == ("K",)
    assert desk.later(1000) == ()


def test_many_at_once_are_told_at_once_and_what_has_no_message_of_its_own_in_one() -> None:
    desk = Desk()
    told = desk.told(*(alert(f"w{number}") for number in range(20)))
    assert told == ("W0", "W1", "W2 (and 17 more)")
    assert desk.state.waiting == 0
    assert desk.later(299) == ()
    assert desk.later(1) == ("Still: W0", "Still: W1", "Still: W2 (and 17 more)")


def test_what_is_gathered_names_each_with_its_text() -> None:
    desk = Desk(AlertSettings(messages_per_minute=1, reserved=0))
    desk.state = desk.state.told(alert("w", text="one\ntwo"), NOON).told(alert("i", Severity.INFO, lasting=False), NOON)
    (message,) = desk.due()
    assert message == Message(Severity.WARNING, "W (and 1 more)", "- W: one two\n- I: x")
    assert list(desk.state.standing) == ["w"]


def test_what_is_gathered_is_not_too_long_for_a_messenger() -> None:
    desk = Desk(AlertSettings(messages_per_minute=1, reserved=0))
    for number in range(GATHERED_MAX + 2):
        desk.state = desk.state.told(alert(f"w{number}", text="y" * 200), NOON)
    (message,) = desk.due()
    lines = message.text.splitlines()
    assert (len(lines), {len(line) for line in lines[:-1]}) == (GATHERED_MAX + 1, {140})
    assert lines[0].endswith("y…")
    assert lines[-1] == "2 more wait: qe status shows them"
    assert message.title == f"W0 (and {GATHERED_MAX + 1} more)"
    assert desk.state.waiting == 2
    assert GATHERED_TEXT_MAX == 3_500  # Telegram takes 4,096
    assert desk.later(60) == ("W25 (and 1 more)",)


def test_the_places_kept_for_what_is_critical_are_not_taken_by_what_is_not() -> None:
    desk = Desk()
    assert desk.told(*(alert(f"w{number}") for number in range(3))) == ("W0", "W1", "W2")
    assert desk.told(alert("w3")) == ()
    assert desk.state.waiting == 1
    assert desk.told(alert("c0", Severity.CRITICAL)) == ("C0 (and 1 more)",)  # what waits goes with it
    assert desk.told(alert("c1", Severity.CRITICAL), alert("c2", Severity.CRITICAL)) == ("C1", "C2")
    assert desk.told(alert("c3", Severity.CRITICAL)) == desk.later(4) == ()
    assert desk.later(1) == ("C3",)


def test_what_waits_for_its_minute_is_told_when_there_is_room() -> None:
    desk = Desk(AlertSettings(messages_per_minute=1, reserved=0))
    assert desk.told(alert("a")) == ("A",)
    assert desk.told(alert("b")) == desk.later(59) == ()
    assert desk.later(1) == ("B",)


def test_the_gravest_comes_first_and_what_was_never_told_before_what_is_repeated() -> None:
    desk = Desk(AlertSettings(messages_per_minute=20, reserved=0))
    desk.told(alert("old", Severity.CRITICAL))
    desk.now_ns += 300 * S
    assert desk.told(alert("new"), alert("graver", Severity.CRITICAL)) == ("GRAVER", "NEW", "Still: OLD")


def test_two_that_do_not_last_and_go_by_one_key_are_told_both() -> None:
    desk = Desk()
    for text in ("one", "two", "one"):
        desk.state = desk.state.told(alert(text=text, lasting=False), NOON)
    assert [message.text for message in desk.due()] == ["one\ntwo"]
    for number in range(2 * TEXT_MAX):
        desk.state = desk.state.told(alert(text=f"{number}", lasting=False), NOON)
    (message,) = desk.due()
    assert TEXT_MAX - 10 < len(message.text) < TEXT_MAX + 10  # bounded: what came last is left out, and it says so
    assert message.text.endswith("\n…")


@pytest.mark.parametrize(("more", "end"), [(TEXT_MAX - 1001, "b"), (TEXT_MAX - 1000, "…")])
def test_two_texts_are_told_in_one_while_they_have_room(more: int, end: str) -> None:
    desk = Desk()
    for text in ("a" * 1000, "b" * more):
        desk.state = desk.state.told(alert(text=text, lasting=False), NOON)
    (message,) = desk.due()
    assert message.text.startswith("a" * 1000 + "\n") and message.text.endswith(end)


@pytest.mark.parametrize(("length", "end"), [(1745, "z"), (1746, "y…")])
def test_of_two_that_are_gathered_each_has_half_the_message(length: int, end: str) -> None:
    desk = Desk(AlertSettings(messages_per_minute=1, reserved=0))
    text = "y" * (length - 1) + "z"
    desk.state = desk.state.told(alert("w", text=text), NOON).told(alert("i", Severity.INFO), NOON)
    (message,) = desk.due()
    first = message.text.splitlines()[0]
    assert len(first) == GATHERED_TEXT_MAX // 2 and first.endswith(end)


def test_what_waits_is_gathered_when_its_time_has_come_and_not_before() -> None:
    desk = Desk()
    desk.told(*(alert(f"w{number}") for number in range(3)))
    assert desk.told(alert("w3")) == ()
    desk.now_ns += SETTINGS.gather_ns - 1
    assert desk.titles() == ()
    desk.now_ns += 1
    assert desk.titles() == ("W3",)


def test_one_that_does_not_last_under_the_key_of_one_that_does_takes_its_place() -> None:
    desk = Desk()
    desk.state = desk.state.told(alert(text="stands"), NOON).told(alert(text="passes", lasting=False), NOON)
    assert [message.text for message in desk.due()] == ["passes"]


def test_since_when_nobody_has_looked() -> None:
    desk = Desk()
    assert desk.state.unacknowledged_since(Severity.INFO) is None
    desk.told(alert("w"))
    desk.now_ns += 5
    desk.told(alert("c", Severity.CRITICAL), alert("once", Severity.CRITICAL, lasting=False))
    assert desk.state.unacknowledged_since(Severity.INFO) == NOON
    assert desk.state.unacknowledged_since(Severity.CRITICAL) == NOON + 5
    desk.state, _ = desk.state.acknowledged("c", "ann")
    assert desk.state.unacknowledged_since(Severity.CRITICAL) is None


def test_what_is_over_and_comes_back_before_that_was_told_is_both() -> None:
    desk = Desk()
    desk.told(alert())
    desk.state = desk.state.cleared("k", "it is back", desk.now_ns)
    assert desk.told(alert()) == ("K", "Over: K")


def test_of_too_many_one_that_was_told_goes_before_one_that_waits() -> None:
    desk = Desk(AlertSettings(messages_per_minute=1, reserved=0))
    assert desk.told(alert("told")) == ("TOLD",)
    assert desk.told(alert("waits")) == ()
    for number in range(STANDING_MAX - 1):
        desk.state = desk.state.told(alert(f"w{number}"), desk.now_ns)
    assert "told" not in desk.state.standing
    assert "waits" in desk.state.standing


def test_any_repetition_that_comes_later_can_be_configured() -> None:
    assert AlertSettings(repeat_after_ns=1, messages_per_minute=1, reserved=0).repeat_after_ns == 1


def test_alerts_are_bounded_and_the_gravest_stay() -> None:
    state = Alerting().told(alert("grave", Severity.CRITICAL), 0)
    for number in range(STANDING_MAX + 5):
        state = state.told(alert(f"w{number}"), number)
    assert len(state.standing) == STANDING_MAX
    assert "grave" in state.standing
    assert f"w{STANDING_MAX + 4}" in state.standing
    assert "w0" not in state.standing


@pytest.mark.parametrize(("per_minute", "reserved", "repeat"), [(3, 3, None), (3, -1, None), (3, 1, -5), (3, 1, 0)])
def test_settings_that_would_silence_everything_are_refused(per_minute: int, reserved: int, repeat: int | None) -> None:
    with pytest.raises(ValueError, match="room"):
        AlertSettings(messages_per_minute=per_minute, reserved=reserved, repeat_after_ns=repeat)


MOVES = st.lists(
    st.tuples(st.sampled_from(["told", "clear", "ack", "wait"]), st.integers(0, 9), st.sampled_from(list(Severity))),
    max_size=80,
)


@given(MOVES)
def test_no_minute_has_more_than_its_messages_and_everything_that_stands_is_told_in_time(
    moves: list[tuple[str, int, Severity]],
) -> None:
    desk = Desk(AlertSettings(messages_per_minute=4, reserved=1))
    sent: list[int] = []
    for what, number, severity in moves:
        desk.move(what, number, severity)
        sent += [desk.now_ns for _ in desk.due()]
        assert len([at_ns for at_ns in sent if desk.now_ns - at_ns < MINUTE_NS]) <= 4
    for _ in range(20):
        desk.now_ns += MINUTE_NS
        desk.due()
    assert all(one.told_ns is not None for one in desk.state.standing.values())


STORM = st.lists(
    st.tuples(st.sampled_from(["told", "told", "clear", "ack"]), st.integers(0, 20), st.sampled_from(list(Severity))),
    min_size=1,
    max_size=12,
)


@given(st.lists(STORM, min_size=1, max_size=30), st.integers(1, 20))
def test_however_much_comes_nothing_new_waits_for_five_seconds_and_no_minute_has_more_than_its_messages(
    storms: list[list[tuple[str, int, Severity]]], quarters: int
) -> None:
    """The guard looks four times a second."""
    desk = Desk()
    sent: list[int] = []
    untold_since: dict[str, int] = {}
    for storm in storms:
        for move in storm:
            desk.move(*move)
        for _ in range(quarters):
            sent += [desk.now_ns for _ in desk.due()]
            untold = {key for key, one in desk.state.standing.items() if one.told_ns is None}
            untold_since = {key: untold_since.get(key, desk.now_ns) for key in untold}
            assert all(desk.now_ns - since_ns < 5 * S for since_ns in untold_since.values())
            desk.now_ns += S // 4
        recent = [at_ns for at_ns in sent if desk.now_ns - at_ns <= MINUTE_NS]
        assert len(recent) <= SETTINGS.messages_per_minute


def test_the_bounds_are_what_people_and_messengers_take() -> None:
    assert (TEXT_MAX, STANDING_MAX, [one.value for one in Severity]) == (2_000, 1_000, [1, 2, 3])
    assert AlertSettings(messages_per_minute=1, reserved=0).gather_ns == MINUTE_NS
    assert Alerting().waiting == 0
