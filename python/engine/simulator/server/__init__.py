"""A TWS server over the simulated exchange, which clients of the public API take for the real one."""

from engine.simulator.server.log import Entry, Kind, MessageLog
from engine.simulator.server.pacing import PacingRule
from engine.simulator.server.traders import Trader
from engine.simulator.server.tws import ServerOptions, TwsServer
from engine.simulator.server.world import GATEWAY_PORTS, TWS_PORTS, Login, LoginSetup, World

__all__ = [
    "GATEWAY_PORTS",
    "TWS_PORTS",
    "Entry",
    "Kind",
    "Login",
    "LoginSetup",
    "MessageLog",
    "PacingRule",
    "ServerOptions",
    "Trader",
    "TwsServer",
    "World",
]
