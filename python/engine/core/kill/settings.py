"""How patient a kill is. Every wait in the kill is one of these; all in nanoseconds of the driver's clock."""

from __future__ import annotations

import msgspec

MS = 1_000_000
SECOND = 1_000_000_000


class KillSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults suit a TWS on the same desktop. Only `deadline_ns`, `quarantine_ns`, `market_patience_ns` and
    `take_over_ns` are in the configuration; the others are here so that tests can name them.
    """

    deadline_ns: int = 120 * SECOND  # from the press to the report, whatever happens
    connect_patience_ns: int = 12 * SECOND  # how long a login that was never reached is tried
    refused_patience_ns: int = 5 * SECOND  # the same where nothing listens at all
    quarantine_ns: int = 0  # how long to watch for late fills after the result
    take_over_ns: int = 3 * SECOND  # without a sign of life another kill is taken to hang; 0: never

    survey_gap_first_ns: int = 40 * MS  # pause between surveys while something is awaited; doubles …
    survey_gap_max_ns: int = 500 * MS  # … up to this
    executions_patience_ns: int = 1500 * MS  # how long a survey waits for executions behind the positions, at first
    proof_gap_ns: int = 400 * MS  # between the two agreeing reads that prove flat
    nothing_seen_ns: int = 2 * SECOND  # the same where no list has ever shown a position: TWS may still be loading them
    unwitnessed_ns: int = 20 * SECOND  # … nor are account values told; at most three quarters of the deadline
    unacknowledged_lost_ns: int = 4 * SECOND  # how late TWS may list, or speak of, what had no answer when it broke
    acknowledged_lost_ns: int = 45 * SECOND  # how long a restarted TWS may take to list orders that it had acknowledged
    settle_ns: int = 1 * SECOND  # between two agreeing position reads where a recent fill may not show yet
    doubt_ns: int = 4 * SECOND  # how long an unexplained position must stand before it is believed
    reduced_lag_ns: int = 6 * SECOND  # the same where a trade of the last seconds may have closed it already
    expected_lag_ns: int = 10 * SECOND  # the same where a close that nobody has told the end of may have filled
    late_feed_ns: int = 20 * SECOND  # the same where a position feed that is late would look like it
    contradicted_ns: int = 90 * SECOND  # the same where executions or account values contradict it, which is worse
    standing_feed_ns: int = 180 * SECOND  # the same where it looks as before another kill's closes; TWS's own interval
    gone_order_ns: int = 6 * SECOND  # how long an order that is gone without a word may have filled unseen
    stray_ns: int = 30 * SECOND  # how long an order may be under way on a connection that TWS has not ended
    cancel_again_ns: int = 1 * SECOND  # first repeat of the global cancel for orders that stay; doubles up to 8 s
    cancel_new_ns: int = 100 * MS  # the same for orders that have come since the last one; never longer
    cancel_again_joined_ns: int = 4 * SECOND  # so much later where another kill closes, which repeats it itself
    press_look_ns: int = 1 * SECOND  # how long a press may look at the orders before its global cancel
    survey_gap_alive_ns: int = 150 * MS  # longest pause between surveys while a program keeps sending orders
    survey_age_alive_ns: int = 20 * MS  # … and how old a survey may be then that sizes an order
    orders_patience_ns: int = 8 * SECOND  # then a contract is closed around an order that will not go
    acknowledge_ns: int = 3 * SECOND  # silence after a closing order that means trouble; doubles on each repeat …
    acknowledge_slow_ns: int = 10 * SECOND  # … up to this where looks are seen to take that long
    resolve_patience_ns: int = 500 * MS  # how long an optional look-up may delay a close
    exchange_patience_ns: int = 2 * SECOND  # how long the broker is awaited where the exchange is common knowledge
    short_options_first_ns: int = 5 * SECOND  # how long the rest of an underlying waits for short options to fill …
    short_options_unsent_ns: int = 12 * SECOND  # … and for them to be sent: longer than most doubts of a position
    price_patience_ns: int = 500 * MS  # how long a limit price waits for the contract's own price steps
    reprice_ns: int = 2 * SECOND  # a limit order that has not filled gets a new price
    pending_patience_ns: int = 20 * SECOND  # one that TWS does not pass on is withdrawn, and followed by another
    market_patience_ns: int = 5 * SECOND  # a market order that has not filled is looked into, and may become a limit
    retry_first_ns: int = 500 * MS  # after a rejection; doubles
    tries_max: int = 6  # rejections of one contract without any progress before it is left to a person
    takeover_settle_ns: int = 1 * SECOND  # after another kill died: its last orders may still surface
    nothing_shared_settle_ns: int = 1500 * MS  # where no lock can be had: look twice before sending
    nothing_shared_spread_ns: int = 3 * SECOND  # … and up to so much later: who was pressed at the same time differs
    wrap_up_ns: int = 3 * SECOND  # before the deadline: withdraw our own unfilled orders
    clock_apart_ns: int = 5 * SECOND  # this machine's clock differs from TWS's by more: it is said
    read_age_max_ns: int = 10 * SECOND  # an older read describes nothing
