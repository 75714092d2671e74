"""One run: play a story in a folder of its own, and judge it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from engine.simulator.virtual import VirtualTimeError
from engine.torture.invariants import Violation, violations
from engine.torture.stage import play
from engine.torture.story import Story

HANGS = "I0"  # the run itself: nothing waits for ever, and nothing spins


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to."""

    seed: int
    violations: tuple[Violation, ...]
    kills: int
    messages: int
    seconds: float  # of virtual time
    mark: int = 0  # another run of the same story has the same

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.violations)


def run_story(story: Story, scratch: Path) -> Outcome:
    """`scratch` has a folder for the run while it lasts."""
    with _place(scratch) as place:
        try:
            found = play(story, place)
        except VirtualTimeError as error:
            hangs = Violation(HANGS, str(error))
            return Outcome(seed=story.seed, violations=(hangs,), kills=0, messages=0, seconds=0.0)
    return Outcome(
        seed=story.seed,
        violations=tuple(violations(found)),
        kills=found.kills,
        messages=found.messages,
        seconds=found.seconds,
        mark=found.mark,
    )


@contextmanager
def _place(scratch: Path) -> Iterator[Path]:
    place = scratch / "run"
    place.mkdir()
    os.environ["QE_INCIDENT_LOG"] = str(place / "incidents.md")
    try:
        yield place
    finally:
        shutil.rmtree(place)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """In memory where the machine has such a place: thousands of runs are no work for a disk."""
    memory = Path("/dev/shm")  # noqa: S108
    made = tempfile.mkdtemp(prefix="qe-torture-", dir=memory if memory.is_dir() else None)
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made)
