"""How one of our programs starts another: by the same Python, and shut off from its surroundings as well as we are.

The folder that somebody happens to stand in may hold an `engine.py` of his own, and `python -m` looks there first: the
kill that a cockpit starts would end before it began. Must never be gone around: no other place names a Python.
"""

from __future__ import annotations

import sys


def module(name: str, *words: str) -> tuple[str, ...]:
    """The command line of one of our modules. `qe` itself takes nothing from the environment (-I), and what it starts
    does neither; a Python that was given its paths hands them on.
    """
    return (sys.executable, "-I" if sys.flags.isolated else "-P", "-m", name, *words)


def qe(*words: str) -> tuple[str, ...]:
    """The command line of `qe`."""
    return module("engine.cli", *words)
