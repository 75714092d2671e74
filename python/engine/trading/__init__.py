"""What users of quant-engine import: the account manager, its kill switch, and what they hand back."""

from __future__ import annotations

from engine import own_packages  # noqa: F401 - first: what is behind it needs packages
from engine.broker.tickets import OrderTicket
from engine.broker.view import Known, Unknown
from engine.core.contracts import Contract
from engine.trading.errors import TradingError
from engine.trading.manager import IBKRAccountManager
from engine.trading.modes import TradingMode
from engine.trading.outcomes import Connections, ConnectOutcome
from engine.trading.reports import KillReport
from engine.wire.order import Order

__all__ = [
    "ConnectOutcome",
    "Connections",
    "Contract",
    "IBKRAccountManager",
    "KillReport",
    "Known",
    "Order",
    "OrderTicket",
    "TradingError",
    "TradingMode",
    "Unknown",
]
