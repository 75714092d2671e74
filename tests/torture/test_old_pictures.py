"""Stories with an old picture that once broke something, and must not again."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from engine.simulator import faults as f
from engine.simulator.scenario import PositionSetup
from engine.torture.one import run_story
from engine.torture.story import Press, Start, Trade
from torture.test_invariants import plain


def test_a_late_picture_that_goes_through_zero_is_not_flat(tmp_path: Path) -> None:
    """A program sells all just before the press, positions are half a minute late, and the kill sells once more: what
    shows zero at last is the program's sale."""
    story = plain()
    (paper,) = story.scenario.logins
    account = replace(paper.accounts[0], positions=(PositionSetup(contract="MSFT", quantity=Decimal(3)),))
    late = f.StalePositions(lag_s=30.0, after_s=2.1, for_s=15.0)
    scenario = replace(story.scenario, logins=(replace(paper, accounts=(account,)),), faults=(late,))
    acts = (
        Start(who="engine1", at_s=0.9),
        Trade(who="engine1", login="paper", contract="MSFT", action="SELL", quantity=Decimal(3), at_s=2.43),
        Press(who="cli2", at_s=2.58),
    )
    outcome = run_story(replace(story, scenario=scenario, acts=acts, deadline_s=120.0), tmp_path)
    assert not outcome.violations
