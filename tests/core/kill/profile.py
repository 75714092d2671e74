"""How many examples the property tests run: few by default, `KILL_EXAMPLES` times as many for a long run.

`KILL_EXAMPLES=100 python -m pytest tests/core/kill` takes about an hour.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings


def examples(count: int, **more: Any) -> settings:
    """`count` examples, times the factor of a long run."""
    factor = int(os.environ.get("KILL_EXAMPLES", "1"))
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=count * factor, deadline=None, suppress_health_check=unhurried, **more)
