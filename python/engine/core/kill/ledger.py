"""What is really held? Position reads checked against executions, so that a late position feed cannot double a close.

The law: position now = position at the base read + executions since. Where a read obeys it, the read is believed.
Where it does not, either the feed is late, or something moved the position without an execution; until that is
settled only the quantity that is safe under *both* views may be closed. Pure; times are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, PositionFact

Key: TypeAlias = tuple[str, int]
"""(account, conId)."""

ZERO = Decimal(0)


@dataclass(slots=True)
class _Account:
    """One contract in one account."""

    contract: Contract
    position: Decimal = ZERO  # as last read
    read_at_ns: int = 0
    base: Decimal = ZERO  # a position that was believed …
    base_foreign: Decimal = ZERO  # … and the executions it already contains
    base_own: Decimal = ZERO
    unsettled_since_ns: int | None = None  # first of the agreeing reads that are not yet believed
    agreeing_reads: int = 0
    first_seen: Decimal = ZERO
    settled: bool = True  # False: first read while a recent execution may not show in it yet


@dataclass(slots=True)
class Ledger:
    """Positions of one login. Own fills are told by `own_fill`, others' executions come with the reads."""

    settle_ns: int
    doubt_ns: int
    _accounts: dict[Key, _Account] = field(default_factory=dict)
    _foreign: dict[str, tuple[Key, Decimal]] = field(default_factory=dict)  # by execution identity
    _before: dict[Key, Decimal] | None = None  # sums of the first list: trades of the day before the kill
    _since: dict[Key, Decimal] = field(default_factory=dict)  # others' executions since the first list
    _own: dict[Key, Decimal] = field(default_factory=dict)
    _own_executions: set[str] = field(default_factory=set)
    _recent: set[Key] = field(default_factory=set)
    _read: bool = False
    executions_known: bool = False

    @property
    def read(self) -> bool:
        """True once a complete list of positions has been seen."""
        return self._read

    def own_fill(self, key: Key, signed: Decimal) -> None:
        """Our own closing orders filled `signed` more in this contract."""
        self._own[key] = self._own.get(key, ZERO) + signed

    def own_execution(self, identity: str) -> None:
        """This execution belongs to one of our closing orders: `own_fill` counts it."""
        self._own_executions.add(identity)
        if self._foreign.pop(identity, None) is not None:
            self._sum_up()

    def executions(self, listed: tuple[ExecutionFact, ...]) -> None:
        """A complete list of executions. Corrections replace what they correct."""
        for execution in listed:
            identity = execution.identity
            if identity in self._own_executions:
                continue
            key = (execution.account, execution.con_id)
            if identity not in self._foreign and execution.recent:
                self._recent.add(key)
            self._foreign[identity] = (key, execution.quantity)
        self._sum_up()
        self.executions_known = True

    def executions_unknown(self) -> None:
        """Executions could not be read: the law cannot be checked against others' trades."""
        self.executions_known = False

    def positions(self, listed: tuple[PositionFact, ...], now_ns: int) -> None:
        """A complete list of positions. A contract that is not in it is at zero."""
        seen: dict[Key, PositionFact] = {}
        for fact in listed:
            key = (fact.account, fact.contract.con_id)
            seen[key] = fact
        foreign = self._since
        for key, fact in seen.items():
            if key not in self._accounts:
                # what the first complete list did not name was at zero then
                self._accounts[key] = _Account(
                    contract=fact.contract,
                    base=ZERO if self._read else fact.quantity,
                    first_seen=fact.quantity,
                    settled=self._read or key not in self._recent,
                )
        self._read = True
        for key, account in self._accounts.items():
            quantity = seen[key].quantity if key in seen else ZERO
            self._judge(key, account, quantity, foreign.get(key, ZERO), now_ns)

    def _judge(self, key: Key, account: _Account, quantity: Decimal, foreign: Decimal, now_ns: int) -> None:
        """Believe the read, or start (or go on) doubting it."""
        agreeing = quantity == account.position and account.unsettled_since_ns is not None
        account.position = quantity
        account.read_at_ns = now_ns
        lawful = quantity == self._expected(key, account, foreign)
        if lawful and account.settled:
            self._believe(key, account, foreign)
            return
        if not agreeing:
            account.unsettled_since_ns = now_ns
            account.agreeing_reads = 1
            return
        account.agreeing_reads += 1
        stood_ns = now_ns - account.unsettled_since_ns if account.unsettled_since_ns is not None else 0
        if lawful:
            enough = stood_ns >= self.settle_ns
        else:
            enough = stood_ns >= self.doubt_ns and account.agreeing_reads >= 3 and self._may_believe(key, account)
        if enough:
            self._believe(key, account, foreign)

    def _may_believe(self, key: Key, account: _Account) -> bool:
        """May a position that executions do not explain be believed after all?

        Not if it looks like a late view of our own fills, that is, lies between the position before them and the
        position after them: then a second close could cross zero. Zero is always believed: nothing is sent for it.
        """
        own = self._own.get(key, ZERO) - account.base_own
        if account.position == ZERO or own == ZERO:
            return True
        low, high = sorted((account.base, account.base + own))
        return not low <= account.position <= high

    def _believe(self, key: Key, account: _Account, foreign: Decimal) -> None:
        account.base = account.position
        account.base_foreign = foreign
        account.base_own = self._own.get(key, ZERO)
        account.settled = True
        account.unsettled_since_ns = None
        account.agreeing_reads = 0

    def _sum_up(self) -> None:
        sums: dict[Key, Decimal] = {}
        for key, quantity in self._foreign.values():
            sums[key] = sums.get(key, ZERO) + quantity
        if self._before is None:
            self._before = sums
        before = self._before
        self._since = {key: total - before.get(key, ZERO) for key, total in sums.items()}

    def _expected(self, key: Key, account: _Account, foreign: Decimal) -> Decimal:
        own = self._own.get(key, ZERO) - account.base_own
        return account.base + own + foreign - account.base_foreign

    def seen(self) -> tuple[Key, ...]:
        """Every contract seen since the kill began, in the order first seen."""
        return tuple(self._accounts)

    def contract(self, key: Key) -> Contract:
        return self._accounts[key].contract

    def position(self, key: Key) -> Decimal:
        """As last read, believed or not."""
        return self._accounts[key].position

    def first_seen(self, key: Key) -> Decimal:
        """As first read, for the report."""
        return self._accounts[key].first_seen

    def doubtful(self, key: Key) -> bool:
        """True while the last read of this contract is not believed."""
        return self._accounts[key].unsettled_since_ns is not None

    def closable(self, key: Key) -> Decimal:
        """Signed position that may be closed now without crossing zero, whichever view is right."""
        account = self._accounts[key]
        if not account.settled:
            return ZERO
        expected = self._expected(key, account, self._since.get(key, ZERO))
        position = account.position
        if position * expected <= 0:
            return ZERO
        return position if abs(position) <= abs(expected) else expected

    def all_zero(self) -> bool:
        """True when every contract read so far is at zero and none is in doubt."""
        return self._read and all(a.position == ZERO and a.unsettled_since_ns is None for a in self._accounts.values())
