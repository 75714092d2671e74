"""What a login's TWS says of contracts: which one is meant, its terms, its price. Asked once, kept, waited for a while.

What does not come in time is not known, and the checks then say what that means; nobody waits for it a second time
within a moment. Must never guess which contract is meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from engine.broker.inquiry import Complete, Outcome, Then
from engine.broker.reads import Reads
from engine.core.contracts import Contract
from engine.core.facts import Details, Quote, QuoteKind
from engine.core.known import Fact, Known, Unknown
from engine.core.preflight.desk import Preflight
from engine.core.preflight.intent import Reference
from engine.core.preflight.listing import Listing
from engine.core.preflight.settings import SECOND_NS

T = TypeVar("T")

TERMS_AGE_NS_MAX = 6 * 3600 * SECOND_NS  # trading hours are told for some days ahead
RETRY_NS = 30 * SECOND_NS  # how long a question that was not answered is not asked again
QUOTE_RETRY_NS = SECOND_NS
CONTRACTS_MAX = 10_000  # then the oldest are forgotten


class ContractTerms:
    """Of one login, over all its connections. Whatever becomes known is told to the desk."""

    def __init__(self, desk: Preflight, patience_s: float, wall_ns: Callable[[], int]) -> None:
        self._desk = desk
        self._patience_s = patience_s
        self._wall_ns = wall_ns
        self._known_ns: dict[int, int] = {}  # when the details of a contract came
        self._ids: dict[Contract, int] = {}
        self._contracts: dict[int, Contract] = {}  # as an order may name them
        self._not_before_ns: dict[object, int] = {}
        self._why_not: dict[object, str] = {}
        self._asking: dict[object, asyncio.Future[None]] = {}

    async def identify(self, reads: Reads, contract: Contract) -> Fact[int]:
        """The contract's id: its own, or that of the only contract that fits its description."""
        if contract.con_id > 0:
            return Known(contract.con_id, self._wall_ns())
        found = self._ids.get(contract)
        if found is None:
            await self._ask(contract, RETRY_NS, reads.find_contract, contract, lambda it: self._found(contract, it))
            found = self._ids.get(contract)
        if found is None:
            return Unknown(self._why_not.get(contract, "TWS has not said in time which contract that is"))
        return Known(found, self._wall_ns())

    def named(self, contract: Contract, con_id: int) -> Contract:
        """The contract with the id that it was found to have. Its date is the broker's then: the month by which a
        future was described (CL 202604, which ends in March) contradicts its own id (478).
        """
        found = self._contracts.get(con_id)
        if contract.con_id > 0 or found is None:
            return msgspec.structs.replace(contract, con_id=con_id)
        return msgspec.structs.replace(contract, con_id=con_id, last_trade_date=found.last_trade_date)

    async def learn(self, reads: Reads, con_ids: tuple[int, ...]) -> None:
        """Have the terms of these contracts, if they can be had."""
        now_ns = self._wall_ns()
        missing = [one for one in con_ids if not 0 <= now_ns - self._known_ns.get(one, -1) < TERMS_AGE_NS_MAX]
        if missing:
            asks = (self._ask(one, RETRY_NS, reads.contract_details, one, self._learned) for one in missing)
            await asyncio.gather(*asks)

    def until_ns(self, con_id: int) -> int:
        """When a contract's terms have to be asked for again; 0: now."""
        at_ns = self._known_ns.get(con_id)
        return 0 if at_ns is None else at_ns + TERMS_AGE_NS_MAX

    async def price(self, reads: Reads, contract: Contract) -> None:
        """Have a fresh price of a contract, if one can be had. Delayed and frozen ones are none."""
        con_id = contract.con_id
        have = self._desk.terms.references.get(con_id)
        age_max_ns = self._desk.settings.reference_age_ns_max // 2
        if have is None or not 0 <= self._wall_ns() - have.at_ns <= age_max_ns:
            key = ("price", con_id)
            await self._ask(key, QUOTE_RETRY_NS, reads.quote, contract, lambda quote: self._priced(con_id, quote))

    def why_no_price(self, con_id: int) -> str:
        """What TWS said when it was asked for a contract's price last, if it gave none; empty: it was not asked."""
        return self._why_not.get(("price", con_id), "")

    async def price_all(self, reads: Reads, con_ids: tuple[int, ...]) -> None:
        """Have a fresh price of each of these contracts, as far as they can be had."""
        await self.learn(reads, con_ids)
        contracts = [self._contracts[one] for one in con_ids if one in self._contracts]
        await asyncio.gather(*(self.price(reads, one) for one in contracts))

    # --- inside -------------------------------------------------------------------------------------
    async def _ask(
        self,
        key: object,
        retry_ns: int,
        read: Callable[[Any, Then[T], float], None],
        about: object,
        take: Callable[[T], None],
    ) -> None:
        """Ask, or join who asks already, and wait as long as patience allows."""
        waiting = self._asking.get(key)
        if waiting is None:
            if self._wall_ns() < self._not_before_ns.get(key, 0):
                return
            waiting = self._asking[key] = asyncio.get_running_loop().create_future()
            read(about, lambda outcome: self._answered(key, retry_ns, outcome, take), self._patience_s)
        await asyncio.wait({waiting}, timeout=self._patience_s)

    def _answered(self, key: object, retry_ns: int, outcome: Outcome[T], take: Callable[[T], None]) -> None:
        if isinstance(outcome, Complete):
            self._why_not.pop(key, None)
            take(outcome.value)
        else:
            _keep(self._why_not, key, outcome.why)
            _keep(self._not_before_ns, key, self._wall_ns() + retry_ns)
        waiting = self._asking.pop(key)
        if not waiting.done():
            waiting.set_result(None)

    def _found(self, contract: Contract, details: Details) -> None:
        _keep(self._ids, contract, details.contract.con_id)
        self._learned(details)

    def _learned(self, details: Details) -> None:
        self._desk.list_contract(Listing.of_details(details))
        _keep(self._contracts, details.contract.con_id, details.contract)
        _keep(self._known_ns, details.contract.con_id, self._wall_ns())

    def _priced(self, con_id: int, quote: Quote) -> None:
        price = _middle(quote)
        if price is None:
            _keep(self._why_not, ("price", con_id), _why_none(quote))
        self._desk.refer(con_id, None if price is None else Reference(price, self._wall_ns()))


def _middle(quote: Quote) -> Decimal | None:
    """Where the market is; None: it is not live, or there is neither bid nor ask."""
    if quote.kind is not QuoteKind.LIVE or quote.halted:
        return None
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2
    return quote.bid if quote.bid is not None else quote.ask


def _why_none(quote: Quote) -> str:
    if quote.kind is not QuoteKind.LIVE:
        return f"TWS has {quote.kind.name.lower()} prices only"
    return "trading in it is halted" if quote.halted else "there is neither bid nor offer"


def _keep(kept: dict[Any, Any], key: object, value: object) -> None:
    """Put it last, and forget the oldest of too many."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > CONTRACTS_MAX:
        del kept[next(iter(kept))]
