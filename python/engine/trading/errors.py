"""What can go wrong for a caller of engine.trading, as one tree. Each error says what happened, what holds now, and
what to do next. A broker that cannot be reached is no error here: connecting and killing report it as their result.

    TradingError
    ├── ConfigurationError (a ValueError)   an argument of add_account is wrong; nothing was changed
    │   ├── DuplicateLogin                  the name, or host + port + client id, is taken
    │   └── BadLogin                        name, mode, host, port or client id cannot be right
    ├── UnknownLogin (a LookupError)        no login of that name
    ├── NotConnected                        the login has no working connection
    ├── ResumeRefused                       something stands in the way of going on; `obstacles` has all of it
    │   └── ResetRefused                    the same, of a reset after a shutdown
    ├── AdoptionRefused                     the broker's positions were not made our records, and why
    ├── CashFlowRefused                     a deposit or withdrawal was not recorded, and why
    ├── LimitRefused                        a limit was not changed: no such limit, no such value, or no reason
    ├── RulesUnreadable                     the journal cannot be read or written: nobody may go on
    └── OrderError
        ├── OrderNotSent                    it never left this program
        ├── OrderDenied                     a check refused it, and it never left; `verdict` has every failed check
        │   ├── TradingHalted               a halt is in force, and the order may add risk
        │   └── KillPressed                 the kill switch has been pressed: cancels only, until reset and resumed
        ├── OrderRefused                    TWS refused it and does not list it
        ├── OrderUnconfirmed                it was sent and nobody knows whether it lives
        └── CancelUnconfirmed               the cancel was sent and the order has not been shown to end
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.broker.tickets import OrderTicket
    from engine.core.preflight.verdict import Verdict
    from engine.core.resume import Obstacle


class TradingError(Exception):
    """Root of all errors of engine.trading."""

    def __init__(self, what: str, now: str, then: str) -> None:
        super().__init__(" ".join(f"{part.rstrip('. ')}." for part in (what, now, then)))  # TWS's words end with a stop
        self.what = what
        self.now = now
        self.then = then

    def __reduce__(self) -> tuple[type[TradingError], tuple[str, str, str], dict[str, object]]:
        return type(self), (self.what, self.now, self.then), self.__dict__


class ConfigurationError(TradingError, ValueError):
    """An argument is wrong. Nothing was changed."""

    def __init__(self, what: str, now: str = "Nothing was changed", then: str = "Correct the call") -> None:
        super().__init__(what, now, then)


class DuplicateLogin(ConfigurationError):
    """A login of that name, or at that place with that client id, is there already."""


class BadLogin(ConfigurationError):
    """A login cannot be described like that."""


class UnknownLogin(TradingError, LookupError):
    """There is no login of that name."""


class NotConnected(TradingError):
    """The login has no working connection."""


class ResumeRefused(TradingError):
    """Something stands in the way of resuming. Nothing was lifted. `obstacles` has all of it."""

    obstacles: tuple[Obstacle, ...] = ()


class ResetRefused(ResumeRefused):
    """Something stands in the way of resetting a shutdown. Nothing was lifted."""


class AdoptionRefused(TradingError):
    """The broker's positions were not made our records: no reason, no reading, or nowhere to write it down."""


class CashFlowRefused(TradingError):
    """A deposit or withdrawal was not recorded: it cannot be right, or nobody knows whether it shows in equity."""


class LimitRefused(TradingError):
    """A limit was not changed: there is no such limit, it cannot have that value, or the reason is missing."""


class RulesUnreadable(TradingError):
    """The journal cannot be read or written, so nobody knows what may go on."""


class OrderError(TradingError):
    """Something about one order."""


class OrderNotSent(OrderError):
    """The order never left this program."""


class OrderDenied(OrderError):
    """A check refused the order before it was sent. `verdict` has every failed check: code, observed, limit."""

    verdict: Verdict

    @property
    def code(self) -> str:
        """The code of the first failed check: stable, for programs. All of them: `verdict.codes`."""
        return self.verdict.codes[0].value


class TradingHalted(OrderDenied):
    """The login is halted, and the order may add risk."""


class KillPressed(OrderDenied):
    """The kill switch has been pressed for this login: nothing but cancels, until it is reset and resumed."""


class OrderRefused(OrderError):
    """TWS refused the order, and a fresh list of open orders does not show it."""


class OrderUnconfirmed(OrderError):
    """The order was sent; nobody knows whether it lives. `ticket`: to watch or cancel it by."""

    ticket: OrderTicket


class CancelUnconfirmed(OrderError):
    """The cancel was sent; the order has not been shown to end."""
