"""What the cockpit shows of what it was told: nothing unknown is shown as a number, nothing old as new."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.core.restrictions import Cause, Kind, Restriction, Scope, effective
from engine.journal.telling import moment
from engine.journal.trouble import Code, Trouble
from engine.web.drawing import Drawing
from engine.web.picture import GuardWord, LoginRecord, Picture, picture

NOTHING = GuardWord(told=None, age_s=None, fresh=False)


def limits(
    loss: str | None = "150", left: str | None = "850", *, acted: bool = False, stale: bool = False
) -> dict[str, Any]:
    used = None if loss is None else str(Decimal(loss) / 1000)
    row = {
        "limit": "daily_loss",
        "limit_pct": "2.0",
        "action": "halt",
        "loss": loss,
        "allowed": "1000",
        "left": left,
        "used": used,
        "acted": acted,
        "unknown": "" if loss else "not read yet",
    }
    equity = None if loss is None else "49850.5"
    return {"stale": stale, "equity": equity, "currency": "USD", "unknown": [], "limits": [row]}


def record(*kinds: Kind, incidents: tuple[str, ...] = (), **more: Any) -> LoginRecord:
    scope = Scope("paper")
    standing = [
        Restriction(id=kind.value, scope=scope, kind=kind, cause=Cause.MANUAL, since_ns=1, actor="ann", reason="news")
        for kind in kinds
    ]
    return LoginRecord(
        name="paper",
        mode="paper",
        state=effective(standing, scope, 2),
        limits=more.get("limits", limits(stale=True)),
        notes=(),
        incidents=incidents,
        obstacles=(),
    )


def guard(**login: Any) -> GuardWord:
    seen = {
        "connected": True,
        "waiting_for": "",
        "killing": False,
        "limits": limits(),
        "position_list": [{"account": "DU1", "con_id": 1, "name": "ESH6", "quantity": "3"}],
        "order_list": [],
        **login,
    }
    told = {"pid": 7, "logins": {"paper": seen}, "alerts": {"standing": []}, "engines": []}
    return GuardWord(told=told, age_s=0.1, fresh=True)


def shown(one: LoginRecord, word: GuardWord, *, trouble: str | None = None, faults: tuple[str, ...] = ()) -> Picture:
    return picture((one,), word, now_ns=5, journal_trouble=trouble, last_drill="", faults=faults)


def test_where_all_is_well_no_banner_stands() -> None:
    made = shown(record(), guard())
    assert (made.banner, made.tone, made.guard) == ((), "ok", "live")
    (card,) = made.cards
    assert (card.word, card.equity, card.pnl_text) == ("MAY TRADE", "$49,850.50", "-$150.00")
    assert (card.bars[0].used_pct, card.bars[0].left, card.bars[0].level) == (15, "$850.00 left", -1000.0)
    assert not card.stale and not card.money_stale


def test_without_a_guard_the_record_is_shown_as_old_and_positions_as_not_known() -> None:
    made = shown(record(), NOTHING)
    (card,) = made.cards
    assert card.stale and card.money_stale and card.positions is None and card.orders is None
    assert any("No guard runs" in line for line in made.banner)
    page = Drawing().parts(made, None)["cards"]
    assert page.count("not known") >= 2 and page.count("last on record") == 2 and " old" in page


def test_a_login_behind_a_silent_guard_may_not_look_well() -> None:
    made = shown(record(), GuardWord(told=None, age_s=66.0, fresh=False))
    (card,) = made.cards
    assert (card.word, card.tone) == ("NOT SEEN", "unknown")
    assert made.banner == ("The guard has been SILENT for 66 s: it hangs or has died",)
    halted = shown(record(Kind.HALT), GuardWord(told=None, age_s=66.0, fresh=False))
    assert halted.cards[0].word == "HALTED"


def test_a_guard_that_has_died_stands_above_what_was_stopped_before_and_incidents_stand_below() -> None:
    died = GuardWord(told=None, age_s=66.0, fresh=False, died=True)
    stopped = [msgspec.structs.replace(record(Kind.SHUTDOWN), incidents=(f"i{number}",)) for number in range(5)]
    made = picture(stopped, died, now_ns=5, journal_trouble="broken", last_drill="", faults=())
    guard_, journal, *rest = made.banner
    assert guard_.startswith("The guard HAS DIED") and journal == "The journal: broken"
    assert all("SHUT DOWN" in line for line in rest[:5]) and all("is open" in line for line in rest[5:])


@pytest.mark.parametrize(
    ("at_s", "text", "at_ns"), [(90, "-$700.00", 90 * 10**9), (20, "-$150.00", 50 * 10**9)], ids=["newer", "older"]
)
def test_of_what_is_old_the_newest_is_shown_with_its_time(at_s: int, text: str, at_ns: int) -> None:
    old = {**limits(stale=True), "equity_at_ns": 50 * 10**9}
    one = msgspec.structs.replace(record(limits=old), last_pnl=(at_s, -700.0))
    (card,) = shown(one, NOTHING).cards
    assert (card.pnl_text, card.pnl_at_ns, card.equity_at_ns) == (text, at_ns, 50 * 10**9)
    (live,) = shown(one, guard()).cards
    assert live.pnl_text == "-$150.00", "the guard's own word, while it has one"


def test_what_nobody_knows_is_never_a_number() -> None:
    made = shown(
        record(limits=limits(None, None)), guard(limits=limits(None, None), position_list=None, order_list=None)
    )
    (card,) = made.cards
    assert (card.equity, card.pnl, card.pnl_text, card.positions, card.bars[0].used_pct) == (None,) * 5
    page = Drawing().parts(made, None)["cards"]
    assert "<dd" in page and page.count("not known") >= 5 and "$0" not in page and ">0<" not in page


def test_no_position_is_another_thing_than_positions_nobody_knows() -> None:
    (none,) = shown(record(), guard(position_list=[])).cards
    (unknown,) = shown(record(), guard(position_list=None)).cards
    assert (none.positions, unknown.positions) == ((), None)


@pytest.mark.parametrize(
    ("kind", "word", "tone"),
    [
        (Kind.SIZE_FACTOR, "SMALLER", "warn"),
        (Kind.REDUCE_ONLY, "REDUCE ONLY", "warn"),
        (Kind.HALT, "HALTED", "stop"),
        (Kind.SHUTDOWN, "SHUT DOWN", "stop"),
    ],
)
def test_each_restriction_has_its_word_and_stands_in_the_banner(kind: Kind, word: str, tone: str) -> None:
    made = shown(record(kind), guard())
    assert (made.cards[0].word, made.cards[0].tone) == (word, tone)
    assert f"paper: {word} (manual): news" in made.banner
    assert made.tone == tone


def test_a_login_that_the_guard_has_lost_may_not_look_well() -> None:
    made = shown(record(), guard(connected=False, waiting_for="TWS does not answer"))
    (card,) = made.cards
    assert (card.word, card.tone) == ("NOT SEEN", "unknown")
    assert card.stale and card.money_stale
    assert "paper: NOT CONNECTED: TWS does not answer" in made.banner


def test_a_kill_at_work_comes_before_everything() -> None:
    made = shown(record(Kind.HALT), guard(killing=True))
    assert made.cards[0].word == "KILLING"
    assert made.banner[0] == "paper: a KILL is at work"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (GuardWord(told=None, age_s=12.0, fresh=False), "SILENT for 12 s"),
        (GuardWord(told=None, age_s=0.4, fresh=False, died=True), "HAS DIED"),
        (GuardWord(told=None, age_s=0.2, fresh=True, why="timed out"), "does not answer: timed out"),
    ],
)
def test_a_guard_that_does_not_answer_is_worse_than_none(word: GuardWord, text: str) -> None:
    made = shown(record(), word)
    assert (made.tone, made.word) == ("stop", "NOT WATCHED") and any(text in line for line in made.banner)
    assert shown(record(Kind.HALT), word).word == "STOPPED"


@pytest.mark.parametrize(("loss", "tone"), [("749", "ok"), ("750", "warn"), ("999", "warn"), ("1000", "stop")])
def test_a_bar_warns_before_its_limit_is_used_up(loss: str, tone: str) -> None:
    (card,) = shown(record(), guard(limits=limits(loss, str(1000 - int(loss))))).cards
    assert card.bars[0].tone == tone


def test_a_crossed_limit_that_a_person_set_aside_is_another_thing_than_one_that_binds() -> None:
    crossed = limits("1100", "-100", acted=True)
    (card,) = shown(record(), guard(limits=crossed)).cards
    assert (card.bars[0].tone, card.bars[0].crossed, card.bars[0].overridden) == ("stop", True, "")
    row = {**crossed["limits"][0], "override": {"actor": "ann", "at_ns": 10**18, "reason": "a hedge"}}
    (card,) = shown(record(), guard(limits={**crossed, "limits": [row]})).cards
    assert (card.bars[0].tone, card.bars[0].overridden) == ("warn", f"by ann, {moment(10**18, None)[:16]}: a hedge")


def test_an_alert_says_since_when_it_stands_by_the_clock_on_the_wall() -> None:
    word = guard()
    standing = {"key": "k", "severity": "critical", "title": "t", "text": "first\nsecond", "standing_s": 60.4}
    told = {**word.told, "alerts": {"standing": [{**standing, "acknowledged": True}]}}
    made = picture(
        (record(),), msgspec.structs.replace(word, told=told), now_ns=100 * 10**9, journal_trouble=None, last_drill="",
        faults=(),
    )  # fmt: skip
    assert made.alerts[0]["since_ns"] == 40 * 10**9
    assert made.alerts[0]["first"] == "first"


def test_everything_that_is_not_normal_is_told() -> None:
    made = shown(record(incidents=("260311-1",)), guard(), trouble="the disk is full", faults=("line 3: no such key",))
    assert made.banner == (
        "The journal: the disk is full",
        "paper: incident 260311-1 is open",
        "Configuration: line 3: no such key",
    )
    assert made.tone == "warn"
    said = str(Trouble(Code.FULL, "the disk is full"))
    assert shown(record(), guard(), trouble=said).banner[0].startswith("The journal: the disk is full. ")
