"""The seed page's trader trades at once, with the default settings and no market data."""

from __future__ import annotations

import pytest

from core.preflight.world import CALL, ES, FREE, NOW, SPY, desk, order, sell
from engine.core.preflight.intent import Intent


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    "intent",
    [
        order(ES, 1),
        sell(ES, 10, limit="6000.25"),
        order(ES, 1, order_type="STP", aux="6100"),
        order(CALL, 50, limit="1.25"),
        sell(CALL, 1),
        order(SPY, 100, limit="500.01"),
        sell(SPY, 100, limit="500", order_type="STP LMT", aux="501"),
    ],
)
def test_a_plain_order_in_futures_options_and_shares_passes_by_default(intent: Intent, listed: bool) -> None:
    made = desk(listed=listed)
    assert made.judge(intent, FREE, NOW).failures == ()
