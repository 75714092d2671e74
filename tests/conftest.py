"""Fixtures that every part may use: a virtual loop, and a runner that fails on anything left unhandled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.simulator import virtual


@pytest.fixture
def virtual_loop() -> Iterator[virtual.VirtualLoop]:
    """A fresh virtual loop, closed afterwards. For whole programs `run_virtual` is simpler."""
    loop = virtual.VirtualLoop()
    yield loop
    loop.close()


@pytest.fixture
def run_virtual() -> Callable[..., Any]:
    """`engine.simulator.virtual.run`: runs a coroutine to its end in virtual time, strictly."""
    return virtual.run
