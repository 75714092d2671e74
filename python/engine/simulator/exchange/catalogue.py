"""Which contracts exist, and how a partial description finds them.

Contract ids are a function of the contract alone (IBKR's own for a few well-known ones, a checksum of the identity
otherwise), so they are the same in every run and do not depend on the order of creation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from functools import cache

from engine.core.contracts import Contract
from engine.simulator.exchange import products
from engine.simulator.exchange.instruments import Instrument, SecType

Series = Callable[[], Iterable[Instrument]]


class Catalogue:
    """All contracts of one simulated broker. Option series are listed when somebody first asks for them."""

    def __init__(self) -> None:
        self._by_id: dict[int, Instrument] = {}
        self._by_symbol: dict[tuple[str, str], list[Instrument]] = {}
        self._unlisted: dict[tuple[str, str], Series] = {}
        self._combos: dict[int, Instrument] = {}  # beside the listed contracts: no search finds them

    @classmethod
    def standard(cls, today: date) -> Catalogue:
        """The ready-made catalogue as of a day: futures with their next months, stocks, FX, option series."""
        found = cls()
        for instrument in _listed(today):
            found.add(instrument)
        for symbol, sec_type, series in products.series(today):
            found._unlisted[symbol, sec_type] = series
        return found

    def add(self, instrument: Instrument) -> Instrument:
        """List a contract; the same one twice is the same one."""
        known = self._by_id.get(instrument.con_id)
        if known is not None:
            if known.contract != instrument.contract:
                raise ValueError(f"contract id {instrument.con_id} is taken by {known.contract.local_symbol}")
            return known
        self._by_id[instrument.con_id] = instrument
        self._by_symbol.setdefault((instrument.contract.symbol, instrument.sec_type), []).append(instrument)
        return instrument

    def stock(self, symbol: str, price: Decimal | int | str = 100) -> Instrument:
        """The stock of this symbol, listed at this price if it did not exist."""
        found = self._by_symbol.get((symbol, SecType.STOCK))
        return found[0] if found else self.add(products.stock(symbol, Decimal(price)))

    def option(self, underlying: Instrument, expiry: date, strike: Decimal | int | str, right: str) -> Instrument:
        """The option of these terms, listed if it did not exist."""
        return self.add(products.option(underlying, expiry, Decimal(strike), right))

    def add_combo(self, combo: Instrument) -> Instrument:
        """Remember a combination; the same legs are the same one."""
        return self._combos.setdefault(combo.con_id, combo)

    def get(self, con_id: int) -> Instrument | None:
        found = self._by_id.get(con_id) or self._combos.get(con_id)
        if found is None and self._unlisted:
            for key in list(self._unlisted):
                self._list_series(key)
            found = self._by_id.get(con_id)
        return found

    def __getitem__(self, con_id: int) -> Instrument:
        found = self.get(con_id)
        if found is None:
            raise KeyError(f"no contract has id {con_id}")
        return found

    def find(self, wanted: Contract) -> list[Instrument]:
        """Every contract that fits the description, as reqContractDetails answers. Empty: error 200."""
        if wanted.con_id:
            found = self.get(wanted.con_id)
            return [found] if found is not None else []
        if wanted.local_symbol and not wanted.symbol:
            pool = self._with_local_symbol(wanted.sec_type, wanted.local_symbol)
        else:
            sec_types = [wanted.sec_type] if wanted.sec_type else list(SecType)
            pool = [found for sec_type in sec_types for found in self._listed(wanted.symbol, sec_type)]
        return [instrument for instrument in pool if _fits(instrument, wanted)]

    def matching(self, pattern: str) -> list[Instrument]:
        """What a person may mean by a few letters: stocks, indices, nearest futures; exact symbols first."""
        wanted, found = pattern.strip().upper(), list[Instrument]()
        for (symbol, sec_type), listed in self._by_symbol.items():
            if sec_type not in (SecType.STOCK, SecType.INDEX, SecType.FUTURE) or not wanted:
                continue
            nearest = min(listed, key=lambda each: each.contract.last_trade_date)
            if symbol.startswith(wanted) or wanted in nearest.long_name.upper():
                found.append(nearest)
        return sorted(found, key=lambda each: (each.contract.symbol != wanted, each.contract.symbol, each.sec_type))

    def derivatives_of(self, symbol: str) -> tuple[str, ...]:
        """The kinds of contracts that exist beside this symbol's own."""
        kinds = (SecType.FUTURE, SecType.OPTION, SecType.FUTURE_OPTION)
        known = {*self._by_symbol, *self._unlisted}
        return tuple(kind.value for kind in kinds if (symbol, kind) in known)

    def options_on(self, symbol: str, under_con_id: int) -> list[Instrument]:
        """Every option on one underlying."""
        kinds = (SecType.OPTION, SecType.FUTURE_OPTION)
        found = [option for kind in kinds for option in self._listed(symbol, kind)]
        return [option for option in found if option.under_con_id == under_con_id]

    def future(self, symbol: str, nth: int = 0) -> Instrument:
        """The nth nearest month of a future."""
        months = sorted(self._listed(symbol, SecType.FUTURE), key=lambda found: found.contract.last_trade_date)
        return months[nth]

    def _listed(self, symbol: str, sec_type: str) -> list[Instrument]:
        self._list_series((symbol, sec_type))
        return self._by_symbol.get((symbol, sec_type), [])

    def _list_series(self, key: tuple[str, str]) -> None:
        series = self._unlisted.pop(key, None)
        if series is not None:
            for instrument in series():
                self.add(instrument)

    def _with_local_symbol(self, sec_type: str, local_symbol: str) -> list[Instrument]:
        for key in list(self._unlisted):
            if not sec_type or key[1] == sec_type:
                self._list_series(key)
        return [found for found in self._by_id.values() if found.contract.local_symbol == local_symbol]


@cache
def _listed(today: date) -> tuple[Instrument, ...]:
    """Made once a day: worlds are made by the thousand, and no instrument ever changes."""
    return tuple(products.listed(today))


def _fits(instrument: Instrument, want: Contract) -> bool:
    """Does every field that the description names agree? A blank field agrees with everything."""
    have = instrument.contract
    texts = (
        (want.sec_type, have.sec_type),
        (want.currency, have.currency),
        (want.local_symbol, have.local_symbol),
        (want.trading_class, have.trading_class),
        (want.primary_exchange, have.primary_exchange),
        (want.multiplier, have.multiplier),
        (want.right[:1].upper(), have.right),
    )
    if any(wanted and wanted != there for wanted, there in texts):
        return False
    if want.exchange and want.exchange not in instrument.valid_exchanges.split(","):
        return False
    if isinstance(want.strike, Decimal) and want.strike != 0 and want.strike != have.strike:
        return False
    if len(want.last_trade_date) == len("YYYYMM"):  # a month is the contract's month, not that of its last day
        return instrument.contract_month == want.last_trade_date
    return have.last_trade_date.startswith(want.last_trade_date)
