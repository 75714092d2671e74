"""What users of quant-engine import: the account manager, its kill switch, and what they hand back."""

from __future__ import annotations

from engine.broker.tickets import OrderTicket
from engine.broker.view import Known, Unknown
from engine.trading.errors import TradingError
from engine.trading.manager import IBKRAccountManager
from engine.trading.modes import TradingMode
from engine.trading.outcomes import Connections, ConnectOutcome
from engine.trading.reports import KillReport

__all__ = [
    "ConnectOutcome",
    "Connections",
    "IBKRAccountManager",
    "KillReport",
    "Known",
    "OrderTicket",
    "TradingError",
    "TradingMode",
    "Unknown",
]
