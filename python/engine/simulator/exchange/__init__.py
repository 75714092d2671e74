"""A broker's back end and its markets in memory: pure, deterministic, and strict about money.

Commands and the time come in, events go out. Nothing here reads a clock, a socket or a file.
"""

from engine.simulator.exchange import combos
from engine.simulator.exchange.calendars import Calendar, Window
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.events import (
    AccountChanged,
    Commission,
    Correction,
    Event,
    Fill,
    OrderAccepted,
    OrderMessage,
    PositionChanged,
    Rejected,
    StatusChanged,
    TradingHalted,
    WhatIf,
)
from engine.simulator.exchange.exchange import Exchange
from engine.simulator.exchange.exercise import Instruction
from engine.simulator.exchange.instruments import Instrument, Leg, MarketRule, SecType
from engine.simulator.exchange.market import Quote
from engine.simulator.exchange.orders import Action, Execution, Movement, NewOrder, OrderType, OrderView, Status, Tif
from engine.simulator.exchange.refusals import Refusal
from engine.simulator.exchange.routing import Details
from engine.simulator.exchange.settings import AccountSpec, Behaviour, FarLimit, HaltedPolicy, Holding, Market
from engine.simulator.exchange.valuation import AccountValues, PositionView

__all__ = [
    "AccountChanged",
    "AccountSpec",
    "AccountValues",
    "Action",
    "Behaviour",
    "Calendar",
    "Catalogue",
    "Commission",
    "Correction",
    "Details",
    "Event",
    "Exchange",
    "Execution",
    "FarLimit",
    "Fill",
    "HaltedPolicy",
    "Holding",
    "Instruction",
    "Instrument",
    "Leg",
    "Market",
    "MarketRule",
    "Movement",
    "NewOrder",
    "OrderAccepted",
    "OrderMessage",
    "OrderType",
    "OrderView",
    "PositionChanged",
    "PositionView",
    "Quote",
    "Refusal",
    "Rejected",
    "SecType",
    "Status",
    "StatusChanged",
    "Tif",
    "TradingHalted",
    "WhatIf",
    "Window",
    "combos",
]
