"""What a guard says of itself and of its logins: plain data for status, cockpit and metrics. Decides nothing."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.core.facts import PositionFact, WorkingOrder
from engine.core.known import Known
from engine.core.limit_views import LimitsView
from engine.core.restrictions import Override
from engine.trading import IBKRAccountManager
from engine.trading.naming import name_of

if TYPE_CHECKING:
    from engine.guard.guard import Guard

SECOND_NS = 1_000_000_000


def told(guard: Guard, manager: IBKRAccountManager, *, now_ns: int, since_ns: int, lag_s: float) -> dict[str, Any]:
    """Times in Unix nanoseconds, spans in seconds, money and quantity as text."""
    return {
        "pid": os.getpid(),
        "at_ns": now_ns,
        "since_ns": since_ns,
        "lag_s": round(lag_s, 3),
        "logins": {name: _login(guard, manager, name) for name in manager.logins},
        "engines": [
            {
                "name": engine.name,
                "logins": list(engine.logins),
                "silent_s": round((guard.listening.now_ns() - engine.heard_ns) / SECOND_NS, 1),
                "reached": None if engine.reached is None else engine.reached.value,
            }
            for engine in guard.listening.man.engines.values()
        ],
        "alerts": guard.alerts.told(),
        "disk_unanswered_s": round(guard.records.unanswered_s, 1),
        "control": "closed" if guard.control is None else guard.control.trouble or "open",
    }


def _login(guard: Guard, manager: IBKRAccountManager, name: str) -> dict[str, Any]:
    keeper, state = guard.keepers[name], guard.records.state(name)
    positions, orders = manager.positions(name), manager.working_orders(name)
    held = [one for one in positions.value if one.quantity] if isinstance(positions, Known) else None
    return {
        "connected": manager.connected(name),
        "connected_s": keeper.connected_s(),
        "waiting_for": keeper.waiting_for,
        "state": None if state is None or state.kind is None else state.kind.value,
        "killing": manager.killing(name),
        "positions": None if held is None else len(held),
        "orders": len(orders.value) if isinstance(orders, Known) else None,
        "position_list": None if held is None else [_position(one) for one in held],
        "order_list": [_order(one) for one in orders.value] if isinstance(orders, Known) else None,
        "at_risk": guard.listening.at_risk(name),
        "verified": None if keeper.verified is None else keeper.verified.verdict.value,
        "limits": limits_data(manager.limits_now(name) or guard.records.limits(name)),
    }


def _position(one: PositionFact) -> dict[str, Any]:
    name = name_of(one.contract)
    return {"account": one.account, "con_id": one.contract.con_id, "name": name, "quantity": f"{one.quantity:f}"}


def _order(one: WorkingOrder) -> dict[str, Any]:
    return {
        "account": one.account,
        "name": name_of(one.contract),
        "action": one.action,
        "remaining": f"{one.remaining:f}",
        "order_type": one.order_type,
        "status": one.status,
        "client_id": one.client_id,
        "order_ref": one.order_ref,
    }


def limits_data(view: LimitsView | None) -> dict[str, Any]:
    """A login's limits in plain types. None: nobody has read them yet."""
    if view is None:
        return {
            "stale": True,
            "equity": None,
            "equity_at_ns": None,
            "currency": "",
            "unknown": ["the records were not read yet"],
            "limits": [],
        }
    equity = view.equity
    known = isinstance(equity, Known)
    return {
        "stale": view.stale,
        "equity": str(equity.value.amount) if isinstance(equity, Known) else None,
        "equity_at_ns": equity.at_ns if isinstance(equity, Known) else None,
        "currency": equity.value.currency if isinstance(equity, Known) else "",
        "unknown": list(view.unknown) if known else [*view.unknown, getattr(equity, "why", "")],
        "limits": [
            {
                "limit": one.limit.value,
                "limit_pct": str(one.limit_pct),
                "action": one.action.value,
                "loss": _text(one.loss),
                "allowed": _text(one.allowed),
                "left": _text(one.left),
                "used": _text(one.used),
                "acted": one.acted,
                "set_aside": one.set_aside,
                "override": _override(one.override),
                "until_ns": one.until_ns,
                "unknown": one.unknown,
            }
            for one in view.limits
        ],
    }


def _override(one: Override | None) -> dict[str, Any] | None:
    """Who has set aside what the limit had imposed, when, and why."""
    return None if one is None else {"actor": one.actor, "at_ns": one.at_ns, "reason": one.reason}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
