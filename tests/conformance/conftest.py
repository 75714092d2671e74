"""ib_async makes itself an event loop where it finds none, and never closes it: here it finds one, and it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def loop_for_ib_async() -> Iterator[None]:
    ours = asyncio.new_event_loop()
    asyncio.set_event_loop(ours)
    yield
    ours.close()
    try:
        left = asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        return  # a runner has cleared it already
    left.close()
    asyncio.set_event_loop(None)
