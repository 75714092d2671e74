"""How large: of one order, and of what the account could come to.

What raises no worst case passes, so that what is beyond a limit can be brought back; but behind orders of the other
side, which may never fill, no new position beyond the limit is hidden.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from engine.core.exposure import ZERO
from engine.core.preflight.checks_state import about, previews
from engine.core.preflight.facts import Facts, Touched
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import Settings
from engine.core.preflight.verdict import Code, Failure
from engine.core.products import Product


def check_order_quantity(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Of one order, under the size factor. What only reduces is bounded by the position."""
    if not facts.adds_risk:
        return
    for one in facts.touched:
        limit = settings.limits(one.product).order
        if limit is not None and one.change.quantity > (scaled := facts.state.scaled(limit)):
            yield Failure(Code.ORDER_QUANTITY, one.change.quantity, scaled, scaled, about(one.con_id, facts))


OTHER_CONTRACTS = "the account's other contracts"


def check_contracts(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Of the account's product, worst case, under the size factor: a sum over its contracts, whatever their side."""
    by_product: dict[Product, list[Touched]] = defaultdict(list)
    for one in facts.touched:
        by_product[one.product].append(one)
    for product, several in by_product.items():
        limit = settings.limits(product).account
        raised = sum((one.change.after.worst - one.change.before.worst for one in several), ZERO)
        if limit is None or previews(intent):
            continue
        scaled, before = facts.state.scaled(limit), several[0].total
        if raised <= 0:
            yield from _check_hidden(several, product, scaled)
        elif before + raised > scaled:
            yield Failure(Code.MAX_CONTRACTS, before + raised, scaled, _largest(several, scaled), product.value)


def _check_hidden(several: list[Touched], product: Product, limit: Decimal) -> Iterator[Failure]:
    """What this order's own side could come to, where the other side's worst case is larger."""
    for one in several:
        others, after = one.total - one.change.before.worst, one.change.after.reach(one.change.side)
        if after > _most(one, limit):
            yield Failure(Code.MAX_CONTRACTS, others + after, limit, _largest(several, limit), product.value)


def _most(one: Touched, limit: Decimal) -> Decimal:
    """How far its side may go: to the limit; beyond it no further than it could before, or than the position that is
    there, as an exit beside a resting stop does.
    """
    before = one.change.before
    return max(limit - (one.total - before.worst), before.reach(one.change.side), abs(before.position))


def _largest(several: list[Touched], limit: Decimal) -> Decimal | None:
    """The largest quantity that would pass; of a combination nobody says it."""
    return several[0].change.largest_reaching(_most(several[0], limit)) if len(several) == 1 else None


def check_notional(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """The same in money: of the order, and of the account's worst case. Without a price it cannot be said."""
    if not facts.touched or not facts.adds_risk or previews(intent):
        return
    order_max, account_max = (
        None if limit is None else limit * facts.state.size_factor
        for limit in (settings.order_notional, settings.account_notional)
    )
    if order_max is None and account_max is None:
        return
    for one in facts.touched:
        if one.unit is None:
            yield Failure(Code.NOTIONAL_UNKNOWN, f"contract {one.con_id}", None)
    value = sum((one.change.quantity * (one.unit or ZERO) for one in facts.touched), ZERO)
    if order_max is not None and value > order_max:
        yield Failure(Code.ORDER_NOTIONAL, value, order_max)
    if account_max is not None:
        yield from _check_account_notional(facts, account_max)


def _check_account_notional(facts: Facts, limit: Decimal) -> Iterator[Failure]:
    changes = ((one.change.after.worst - one.change.before.worst) * (one.unit or ZERO) for one in facts.touched)
    raised = sum(changes, ZERO)
    if raised <= 0:
        yield from _check_hidden_worth(facts, limit)
    elif facts.notional is None:
        yield Failure(Code.NOTIONAL_UNKNOWN, OTHER_CONTRACTS, None)
    elif facts.notional + raised > limit:
        yield Failure(Code.ACCOUNT_NOTIONAL, facts.notional + raised, limit)


def _check_hidden_worth(facts: Facts, limit: Decimal) -> Iterator[Failure]:
    """As `_check_hidden`, in money: what the order's own side could come to, what it adds at the order's price."""
    for one in facts.touched:
        before, after = one.change.before, one.change.after.reach(one.change.side)
        if after <= max(before.reach(one.change.side), abs(before.position)):
            continue
        if facts.notional is None:
            yield Failure(Code.NOTIONAL_UNKNOWN, OTHER_CONTRACTS, None)
            continue
        stands = max(before.reach(one.change.side), ZERO)
        held = (stands - before.worst) * (one.unit_held or ZERO)  # without a price nothing stands there
        reached = facts.notional + held + (after - stands) * (one.unit or ZERO)
        if reached > limit:
            yield Failure(Code.ACCOUNT_NOTIONAL, reached, limit)
