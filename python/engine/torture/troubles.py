"""What may go wrong between a program and the exchange in a torture run: each kind of fault, with lots for its details.

None of these trades, and all of them pass, so that a kill can get done; who trades is in the script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from engine.simulator import faults as f
from engine.torture.draw import Lot

ORDER_MESSAGES = ("OrderStatus", "OpenOrder", "Execution", "ErrorMessage")
DEAD_SOCKETS = (f.HalfOpen, f.BlackHole)
FAULTS_MAX = 3
LONG_S = (30.0, 60.0)  # beyond every patience of a kill with a feed that is late


class When(msgspec.Struct, frozen=True):
    """The details that most kinds need."""

    after_s: float
    for_s: float
    few_s: float
    first: int


def troubles(lot: Lot, logins: Sequence[str], pressed_s: float) -> tuple[f.AnyFault, ...]:
    """The faults of one story, around the moment of its first press."""
    return consistent([_one(lot, logins, pressed_s) for _ in range(lot.few(FAULTS_MAX))])


def consistent(drawn: Sequence[f.AnyFault]) -> tuple[f.AnyFault, ...]:
    """Those of them that can be in one real world, and that a kill can get over."""
    # a dead socket that comes back has lost what was said meanwhile, which TCP does not do: if that was the word that
    # IBKR is linked again, nobody can know it
    if any(isinstance(fault, f.LinkLost) for fault in drawn):
        drawn = [fault for fault in drawn if not isinstance(fault, DEAD_SOCKETS)]
    refusals = [fault for fault in drawn if isinstance(fault, f.Reject)]
    return tuple(fault for fault in drawn if fault not in refusals[1:])  # six in a row are a broker's no


def _one(lot: Lot, logins: Sequence[str], pressed_s: float) -> f.AnyFault:
    when = _about(lot, pressed_s)
    return _somewhere(lot, logins, lot.pick(KINDS)(lot, when))


def _about(lot: Lot, pressed_s: float) -> When:
    return When(
        after_s=lot.soon(pressed_s - 0.5, 3.0),
        for_s=lot.pick((0.05, 0.2, 1.0, 5.0, 15.0)),
        few_s=lot.pick((0.05, 0.3, 1.5, 4.0)),
        first=lot.number(1, 4),
    )


def _somewhere(lot: Lot, logins: Sequence[str], fault: f.AnyFault) -> f.AnyFault:
    """At one login or at all."""
    return msgspec.structs.replace(fault, login=lot.pick(("", *logins))) if len(logins) > 1 else fault


def _latency(_: Lot, it: When) -> f.AnyFault:
    return f.Latency(seconds=it.few_s / 4, jitter_s=it.few_s / 4, after_s=it.after_s, for_s=it.for_s)


def _half_open(_: Lot, it: When) -> f.AnyFault:
    return f.HalfOpen(after_s=it.after_s, for_s=it.for_s)


def _black_hole(_: Lot, it: When) -> f.AnyFault:
    return f.BlackHole(after_s=it.after_s, for_s=it.for_s)


def _silent_accept(lot: Lot, it: When) -> f.AnyFault:
    if lot.chance(50):
        return f.SilentAccept(after_s=it.after_s, for_s=it.for_s, stage="handshake")
    return f.SilentAccept(after_s=it.after_s, for_s=it.for_s, stage="start")


def _restart(_: Lot, it: When) -> f.AnyFault:
    return f.Restart(down_s=it.few_s * 4, after_s=it.after_s)


def _id_busy(lot: Lot, it: When) -> f.AnyFault:
    return f.ClientIdBusy(as_eof=lot.chance(50), after_s=it.after_s, for_s=it.for_s)


def _disconnect(lot: Lot, it: When) -> f.AnyFault:
    after = lot.number(0, 25)
    if lot.chance(50):
        return f.Disconnect(after_messages=after, how="eof", times=it.first)
    return f.Disconnect(after_messages=after, how="reset", times=it.first)


def _link_lost(lot: Lot, it: When) -> f.AnyFault:
    kept = lot.chance(50)
    if lot.chance(50):
        return f.LinkLost(restored=1101, cancels_kept=kept, after_s=it.after_s, for_s=it.for_s)
    return f.LinkLost(restored=1102, cancels_kept=kept, after_s=it.after_s, for_s=it.for_s)


def _request_lost(lot: Lot, it: When) -> f.AnyFault:
    what = lot.pick(("PlaceOrder", "ReqGlobalCancel", "ReqPositions", "ReqAllOpenOrders"))
    return f.DropRequests(requests=(what,), first=it.first)


def _reply_lost(lot: Lot, it: When) -> f.AnyFault:
    return f.DropReplies(replies=(lot.pick(ORDER_MESSAGES),), first=it.first * 3)


def _request_late(lot: Lot, it: When) -> f.AnyFault:
    what = lot.pick(("PlaceOrder", "ReqGlobalCancel", "ReqPositions", "ReqExecutions"))
    return f.DelayRequests(requests=(what,), seconds=it.few_s / 4, after_s=it.after_s, for_s=it.for_s)


def _noise(_: Lot, it: When) -> f.AnyFault:
    return f.StatusNoise(duplicate_pct=40, reorder_pct=30, omit_pct=30, delay_s_max=it.few_s)


def _stale(_: Lot, it: When) -> f.AnyFault:
    return f.StalePositions(lag_s=it.few_s, after_s=it.after_s, for_s=it.for_s)


def old_picture(lot: Lot, logins: Sequence[str], pressed_s: float) -> f.AnyFault:
    """One more trouble, for worlds that shall have this one for certain."""
    fault = _old_picture(lot, _about(lot, pressed_s))
    return _somewhere(lot, logins, fault)


def _old_picture(lot: Lot, it: When) -> f.AnyFault:
    """TWS answers from a picture that is half a minute or a minute old: of positions, mostly, or of orders."""
    long_s = lot.pick(LONG_S)
    if lot.chance(30):
        return f.StalePositions(lag_s=long_s, after_s=it.after_s, for_s=lot.pick((5.0, 15.0)))
    if lot.chance(70):
        return f.StandingFeed(feed="positions", after_s=it.after_s, for_s=long_s)
    return f.StandingFeed(feed="orders", after_s=it.after_s, for_s=long_s)


def _not_yet(lot: Lot, it: When) -> f.AnyFault:
    return f.AnswerError(requests=("ReqPositions",), code=2151, text="Positions are not available yet", first=it.first)


KINDS: tuple[Callable[[Lot, When], f.AnyFault], ...] = (
    _latency,
    _half_open,
    _black_hole,
    _silent_accept,
    _restart,
    _id_busy,
    _disconnect,
    _disconnect,
    _link_lost,
    _link_lost,
    _request_lost,
    _request_late,
    _reply_lost,
    _noise,
    _stale,
    _old_picture,
    _old_picture,
    _not_yet,
    lambda _, it: f.SilentFills(),
    lambda _, it: f.LateCommissions(seconds=it.few_s),
    lambda _, it: f.Reject(first=it.first),
    lambda _, it: f.FillRace(window_s=max(it.few_s, 0.2), fill_s=0.1),
    lambda _, it: f.SlowCancel(seconds=it.few_s),
    lambda _, it: f.SlowAck(seconds=it.few_s),
    lambda _, it: f.SlowFill(seconds=it.few_s),
    lambda _, it: f.PartialFills(quantity=Decimal(it.first)),
)
