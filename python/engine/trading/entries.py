"""The logins a manager knows: what the user said about each, checked, and the connection it has, if any."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from engine.broker.lock_names import login_key
from engine.broker.login import Login
from engine.broker.tickets import Tickets
from engine.broker.view import LoginView
from engine.core.known import Known
from engine.core.restrictions import Scope
from engine.hosts import is_host, place_key
from engine.names import CLIENT_ID_MAX, LENGTH_MAX, is_usable, name_key
from engine.trading.errors import BadLogin, DuplicateLogin, UnknownLogin
from engine.trading.modes import TradingMode
from engine.trading.outcomes import ConnectOutcome


class LoginConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the user said about one login."""

    name: str
    mode: TradingMode
    host: str
    port: int
    client_id: int
    account: str | None = None  # for orders that name none
    spare_ids: tuple[int, ...] = ()  # client ids to try when the first is in use


class Entry:
    """One login of the manager."""

    def __init__(self, config: LoginConfig) -> None:
        self.config = config
        self.view = LoginView()
        self.login: Login | None = None
        self.tickets: Tickets | None = None
        self.connecting: asyncio.Task[ConnectOutcome] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # that the connection lives on
        self.kill_pressed = False  # until the rules have it
        self.close_after_kill = False

    @property
    def scope(self) -> Scope:
        """Whom a restriction of this login means: its name, its place, and its accounts as far as they are known."""
        accounts = self.view.accounts
        known = accounts.value if isinstance(accounts, Known) else ()
        return Scope(self.config.name, login_key(self.config.host, self.config.port), known)

    @property
    def connected(self) -> bool:
        return self.login is not None and self.login.link.up


class Entries:
    """All logins, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._by_name.values()))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def get(self, name: str) -> Entry:
        """The login of that name; UnknownLogin says which ones there are."""
        entry = self._by_name.get(name) if isinstance(name, str) else None
        if entry is None:
            there_are = ", ".join(map(repr, self._by_name)) or "none"
            raise UnknownLogin(
                f"There is no login {name!r}",
                f"Nothing was done. The logins are: {there_are}",
                "Use one of these names",
            )
        return entry

    def add(self, config: LoginConfig) -> Entry:
        """Take a login in, if it can be right and collides with none."""
        check(config)
        for other in self:
            self._check_against(config, other.config)
        entry = self._by_name[config.name] = Entry(config)
        return entry

    def _check_against(self, new: LoginConfig, old: LoginConfig) -> None:
        if name_key(new.name) == name_key(old.name):  # commands take a name whatever its capitals
            raise DuplicateLogin(
                f"There is a login {old.name!r} already ({old.mode.value}, {old.host}:{old.port}); names differ by "
                "more than capitals",
                then="Choose another name",
            )
        same_place = place_key(new.host, new.port) == place_key(old.host, old.port)
        if same_place and new.client_id == old.client_id:
            raise DuplicateLogin(
                f"Login {old.name!r} uses {old.host}:{old.port} with client id {old.client_id} already",
                then="Choose another client id, or another port if it is another TWS",
            )


def check(config: LoginConfig) -> None:
    """Refuse what cannot be right, saying why."""
    name, mode = config.name, config.mode
    if not is_usable(name):
        raise BadLogin(f"A login's name is 1 to {LENGTH_MAX} printable characters, not {name!r}")
    if not isinstance(mode, TradingMode):
        raise BadLogin(f"The mode of {name!r} is {mode!r}", then="Use TradingMode.PAPER or TradingMode.LIVE")
    if not is_host(config.host):
        raise BadLogin(f"The host of {name!r} is {config.host!r}", then="Give a host name or address, or leave it out")
    if not (config.account is None or isinstance(config.account, str)):
        raise BadLogin(f"The account of {name!r} is {config.account!r}", then="Give its id as a text, or leave it out")
    spare = config.spare_ids
    if not isinstance(spare, tuple) or not all(_whole(one) and 0 <= one <= CLIENT_ID_MAX for one in spare):
        raise BadLogin(f"The spare ids of {name!r} are {spare!r}", then="Give a tuple of client ids, or leave it out")
    if not _whole(config.port) or not 1 <= config.port <= 65535:
        raise BadLogin(
            f"The port of {name!r} is {config.port!r}",
            then="Give TWS's API port: 7497 (paper) or 7496 (live), IB Gateway 4002 or 4001",
        )
    if not _whole(config.client_id) or not 0 <= config.client_id <= CLIENT_ID_MAX:
        raise BadLogin(
            f"The client id of {name!r} is {config.client_id!r}", then=f"Give a whole number from 0 to {CLIENT_ID_MAX}"
        )


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
