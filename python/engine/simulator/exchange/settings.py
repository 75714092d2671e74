"""How the simulated broker and its markets behave: everything a scenario may turn."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from enum import Enum

import msgspec


class FarLimit(Enum):
    """What happens to a limit price far through the market."""

    CANCEL = "cancel"  # 202
    CAP = "cap"  # accepted at a nearer price, with 2161
    ACCEPT = "accept"


class HaltedPolicy(Enum):
    """What happens to an order for a halted contract."""

    REJECT = "reject"  # 154
    HOLD = "hold"  # accepted with 2128, works when trading resumes


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    step_ns: int = 1_000_000_000  # prices move once a step; read at the start and then fixed
    moves: bool = True  # False: prices move only by script; read at the start
    ack_latency_ns: int = 0  # from place to acknowledgement
    fill_latency_ns: int = 0  # from working to the first chance of a fill
    cancel_latency_ns: int = 0  # PendingCancel, in which the order may still fill
    modify_latency_ns: int = 0
    depth: Decimal | None = None  # largest quantity filled per contract, side and step; None: all there is
    far_limit: FarLimit = FarLimit.CANCEL
    far_limit_pct: Decimal = Decimal(10)
    far_limit_ticks_min: int = 40  # nearer than this is never far: options are cheap
    halted: HaltedPolicy = HaltedPolicy.REJECT
    orders_per_side_max: int = 20
    enforce_margin: bool = True
    day_begins: time = time(0)  # when daily P&L starts anew and futures are settled; read at the start
    day_zone: str = "America/New_York"
    cancel_untransmitted: bool = False  # does a global cancel reach orders that were never transmitted?


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario says about one contract's market. None: as the product or the behaviour says."""

    spread_ticks: int | None = None
    depth: Decimal | None = None
    no_bid: bool = False
    no_ask: bool = False
    daily_move_pct: Decimal | None = None
    idle: bool = False  # market orders are taken and find nobody; limits trade as ever
    closed: bool = False  # outside its sessions, whatever the calendar says


class Holding(msgspec.Struct, frozen=True):
    """A position an account has from the start. Quantity is signed."""

    con_id: int
    quantity: Decimal
    avg_price: Decimal


class AccountSpec(msgspec.Struct, frozen=True):
    """An account at the start of the simulation."""

    account: str
    cash: Decimal
    holdings: tuple[Holding, ...] = ()
