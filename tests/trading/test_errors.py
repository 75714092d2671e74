"""Errors in an operator's words: three sentences, whoever wrote the first."""

from __future__ import annotations

import pickle

from engine.trading.errors import OrderRefused


def test_a_sentence_ends_with_one_full_stop_also_where_tws_wrote_it() -> None:
    error = OrderRefused(
        "TWS refused the order: 201: Order rejected - reason: margin.", "It is not working", "Correct it"
    )
    assert str(error) == "TWS refused the order: 201: Order rejected - reason: margin. It is not working. Correct it."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
