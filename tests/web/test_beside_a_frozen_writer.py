"""A process that is stopped with the journal in its hand holds up whoever writes, and no page of the cockpit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.restrictions import Scope
from engine.journal.spool import Spool
from engine.journal.turn import Turn, TurnTaken
from engine.trading.rules import open_rules
from web.stage import stage

LIVE = Scope("live")
PATIENCE_S = 30.0


class FrozenWriter:
    """It has the turn, and whoever asks for it is counted."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.asked = 0
        patch.setattr(Turn, "take", self._refuse)

    def _refuse(self) -> None:
        self.asked += 1
        raise TurnTaken

    def goes_on(self) -> None:
        self._patch.undo()


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[FrozenWriter]:
    """Behind a first record, and before a halt of another program that has to wait beside the journal."""
    open_rules(tmp_path, actor="first").halt(Scope("paper"), "news")
    with pytest.MonkeyPatch.context() as patch:
        writer = FrozenWriter(patch)
        open_rules(tmp_path, actor="another").halt(LIVE, "a fall")
        assert writer.asked
        assert Spool(tmp_path / "journal").waiting()
        yield writer


def test_no_page_waits_for_it_and_each_shows_what_binds(tmp_path: Path, frozen: FrozenWriter) -> None:
    with stage(tmp_path) as here:
        frozen.asked = 0
        shown = {card.name: card.word for card in here.cockpit.reading.picture().cards}
        assert (shown, frozen.asked) == ({"paper": "HALTED", "live": "HALTED"}, 0)


def test_a_cockpit_takes_in_what_waited_when_it_goes_on(tmp_path: Path, frozen: FrozenWriter) -> None:
    """It may be the only program of ours that runs."""
    with stage(tmp_path) as here:
        frozen.goes_on()
        ends = time.monotonic() + PATIENCE_S
        with here.browser():
            while (waiting := Spool(tmp_path / "journal").waiting()) and time.monotonic() < ends:
                time.sleep(0.01)
        assert not waiting
        assert any(
            one.scope == LIVE and one.reason == "a fall" for one in here.cockpit.reading.rules.state(LIVE).standing
        )
