"""A program that dies, as by SIGKILL, before each of its own steps in turn; the world and the disk live on.

What a program and its steps are is in `engine.torture.programs`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from engine.torture.programs import Program, run_and_bury
from engine.torture.programs import ProgramLoop as CrashLoop

__all__ = ["CrashLoop", "Program", "at_every_step", "run_and_bury"]


def at_every_step(run: Callable[[int | None], int], samples: int) -> int:
    """Run once to its end to count the steps, then once for each of them, or for so many spread over all.

    `run` takes the step to die at and returns how many there were. QE_EVERY_CALL=1 takes each.
    """
    total = run(None)
    stride = 1 if os.environ.get("QE_EVERY_CALL") else max(1, total // samples)
    for step in range(1, total + 1, stride):
        run(step)
    return total
