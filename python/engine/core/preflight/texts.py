"""What a failed check says to a person: what happened, and what to do next. Every sentence is here and nowhere else."""

from __future__ import annotations

from decimal import Decimal

from engine.core.preflight.verdict import Code, Failure, Value, Verdict

_WHAT: dict[Code, str] = {
    Code.SHUT_DOWN: "the login is shut down ({observed}): nothing but cancels",
    Code.HALTED: "trading is halted ({observed}), and this order could add risk",
    Code.WOULD_CROSS_ZERO: "trading is halted, and {observed} is more than what is left to close of {limit}",
    Code.POSITION_UNKNOWN: "positions or working orders are unknown: {observed}",
    Code.POSITION_STALE: "positions or working orders were read {observed} ago, at most {limit} are allowed",
    Code.ACCOUNT_NOT_IN_LOGIN: "{observed} is not of this login, which has {limit}",
    Code.ALLOCATION: "the order is for the group or model {observed!r}: which accounts it reaches is not known",
    Code.CONTRACT_UNKNOWN: "the contract has no id ({observed})",
    Code.CONTRACT_CONTRADICTS: "the order says {observed}, its contract id is of {limit}",
    Code.LEGS_UNKNOWN: "a leg of the combination is not known ({observed})",
    Code.SYMBOL_NOT_ALLOWED: "symbol {observed} is not among those allowed ({limit})",
    Code.SYMBOL_BLOCKED: "symbol {observed} is blocked",
    Code.EXPIRED: "the contract has expired ({observed})",
    Code.EXPIRES_SOON: "the contract expires on {observed}, less than {limit} days from now",
    Code.EXPIRY_UNKNOWN: "when the contract expires is not known ({observed!r})",
    Code.MARKET_CLOSED: "the market is closed",
    Code.SESSION_UNKNOWN: "whether the market is open is not known",
    Code.QUANTITY_NOT_POSITIVE: "the quantity is {observed}: it must be a number above zero",
    Code.QUANTITY_OFF_GRID: "the quantity is {observed}, which is no multiple of {limit}",
    Code.CASH_QUANTITY: "the order is for {observed} in money, and no fresh price says how many units that is",
    Code.PRICE_MISSING: "the {observed} price is missing",
    Code.PRICE_NOT_FINITE: "a price is {observed}, which is no number",
    Code.PRICE_NOT_POSITIVE: "the price is {observed}, and nothing shows that the market is there",
    Code.PRICE_OFF_GRID: "the price {observed} is no multiple of the tick, {limit}",
    Code.GRID_UNKNOWN: "the contract's tick is not known",
    Code.ORDER_UNKNOWN: "{observed}, which this one modifies, is not known to work",
    Code.SIDE_CHANGED: "a modify may not change side or contract ({observed}, was {limit})",
    Code.ORDER_QUANTITY: "the order is for {observed}, at most {limit} are allowed",
    Code.MAX_CONTRACTS: "the account could come to {observed}, at most {limit} are allowed",
    Code.ORDER_NOTIONAL: "the order is worth {observed}, at most {limit} is allowed",
    Code.ACCOUNT_NOTIONAL: "the account could come to {observed} in money, at most {limit} is allowed",
    Code.NOTIONAL_UNKNOWN: "what it is worth is not known ({observed})",
    Code.COLLAR: "the limit price {observed} is beyond {limit}, too far from the market",
    Code.REFERENCE_MISSING: "there is no price to hold the order against ({observed})",
    Code.REFERENCE_STALE: "the price to hold the order against is {observed} old, at most {limit} are allowed",
    Code.DUPLICATE: "the same order for the {observed}. time within moments, at most {limit} are allowed",
    Code.UNCONFIRMED: "one like it (order {observed}) was sent, and nobody has said what became of it: it may be live",
    Code.REPEATS: "the same size on the same side for the {observed}. time, at most {limit} are allowed",
    Code.RATE_PER_SECOND: "{observed} orders in a second, at most {limit} are allowed",
    Code.RATE_PER_MINUTE: "{observed} orders in a minute, at most {limit} are allowed",
    Code.MARGIN: "it would need {observed} of margin, and there is {limit}",
    Code.MARGIN_UNKNOWN: "what margin it would need is not known ({observed})",
}

_TIMES = frozenset({Code.POSITION_STALE, Code.REFERENCE_STALE})  # told in nanoseconds

_RESOLVE = "resolve the contract first (reqContractDetails)"
_FACTS = "wait until they are read; if they stay away, look at TWS"


def _less(key: str) -> str:
    return f"send less, or change {key} in [preflight] of quant-engine.toml"


def _slower(key: str) -> str:
    return f"find out why it is sent again; if it is meant, raise {key} in [preflight] of quant-engine.toml"


_NEXT: dict[Code, str] = {
    Code.SHUT_DOWN: "verify the positions, close the incident, then reset and resume",
    Code.HALTED: "cancel and reduce freely; to go on, clear what halts it and resume with a reason",
    Code.WOULD_CROSS_ZERO: "send no more than that, or cancel what works on this side first",
    Code.POSITION_UNKNOWN: _FACTS,
    Code.POSITION_STALE: _FACTS,
    Code.ACCOUNT_NOT_IN_LOGIN: "name one of these accounts",
    Code.ALLOCATION: "name an account, one order for each",
    Code.CONTRACT_UNKNOWN: _RESOLVE,
    Code.CONTRACT_CONTRADICTS: _RESOLVE,
    Code.LEGS_UNKNOWN: "resolve every leg first (reqContractDetails)",
    Code.SYMBOL_NOT_ALLOWED: "add it to allowed_symbols in [preflight] if it is meant",
    Code.SYMBOL_BLOCKED: "take it out of blocked_symbols in [preflight] if it is meant",
    Code.EXPIRED: "choose a contract that still trades",
    Code.EXPIRES_SOON: "choose a later contract; what you hold can still be closed",
    Code.EXPIRY_UNKNOWN: _RESOLVE,
    Code.MARKET_CLOSED: 'wait until it opens; a limit order may wait in TWS unless session = "required" in [preflight]',
    Code.SESSION_UNKNOWN: _RESOLVE,
    Code.QUANTITY_NOT_POSITIVE: "correct the quantity",
    Code.QUANTITY_OFF_GRID: "correct the quantity",
    Code.CASH_QUANTITY: "give a quantity in units, or subscribe to its price",
    Code.PRICE_MISSING: "give it, or choose an order type that has none",
    Code.PRICE_NOT_FINITE: "correct the price",
    Code.PRICE_NOT_POSITIVE: "correct the price; if the market is there, subscribe to its price",
    Code.PRICE_OFF_GRID: "round the price to the tick",
    Code.GRID_UNKNOWN: _RESOLVE,
    Code.ORDER_UNKNOWN: "look whether it still works; if it does not, send a new order",
    Code.SIDE_CHANGED: "cancel it and send another",
    Code.ORDER_QUANTITY: _less("max_order_futures, _options, _shares or _other"),
    Code.MAX_CONTRACTS: _less("max_futures, _options, _shares or _other"),
    Code.ORDER_NOTIONAL: _less("max_order_notional"),
    Code.ACCOUNT_NOTIONAL: _less("max_account_notional"),
    Code.NOTIONAL_UNKNOWN: "subscribe to its price, or take the money limits out of [preflight]",
    Code.COLLAR: "correct the price; if meant, widen collar_pct, option_collar_pct or collar_ticks in [preflight]",
    Code.REFERENCE_MISSING: 'subscribe to its price, or set collar = "when_known" in [preflight]',
    Code.REFERENCE_STALE: 'see why its price stands still, or set collar = "when_known" in [preflight]',
    Code.DUPLICATE: _slower("duplicates_max"),
    Code.UNCONFIRMED: "look for it in TWS; cancel it, or wait until its end is told, before sending another",
    Code.REPEATS: "trading halts until a person resumes: " + _slower("repeats_max"),
    Code.RATE_PER_SECOND: _slower("orders_per_second"),
    Code.RATE_PER_MINUTE: _slower("orders_per_minute"),
    Code.MARGIN: "send less, or free margin first",
    Code.MARGIN_UNKNOWN: "ask for the preview again, or send without one",
}


def sentence(failure: Failure) -> str:
    """One line: the code, what happened, what to do next."""
    where = f" ({failure.about})" if failure.about else ""
    what = _WHAT[failure.code].format(observed=_observed(failure), limit=_shown(failure.code, failure.limit))
    largest = failure.largest
    most = "" if largest is None else f"; the largest quantity that would pass is {_shown(failure.code, largest)}"
    return f"{failure.code.value}{where}: {what}{most}; {_NEXT[failure.code]}"


def _observed(failure: Failure) -> str:
    """What was seen; of what was not to be seen, that it was not."""
    match failure.code:
        case Code.ACCOUNT_NOT_IN_LOGIN:
            return f"account {failure.observed!r}" if failure.observed else "an order without an account"
        case Code.REFERENCE_MISSING if failure.observed is None:
            return "none was asked for"
        case _:
            return _shown(failure.code, failure.observed)


def _shown(code: Code, value: Value) -> str:
    """Times in seconds, numbers without the zeros that arithmetic leaves behind."""
    if isinstance(value, int) and code in _TIMES:
        value = Decimal(value).scaleb(-9)
    if not isinstance(value, Decimal) or not value.is_finite():
        return str(value)
    plain = f"{value:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return f"{plain} s" if code in _TIMES else plain


def sentences(verdict: Verdict) -> str:
    """All of them, a line each: what is the matter with positions and orders alike is said once. A verdict that passed
    says so.
    """
    return "\n".join(dict.fromkeys(map(sentence, verdict.failures))) or "passes"


def page() -> str:
    """The table of all codes in docs/how-to/preflight.md: a line each, what was seen and what is allowed left open."""
    return "".join(
        f"| `{code.value}` | {_WHAT[code].format(observed='…', limit='…')} | {_NEXT[code]} |\n".replace("'…'", "…")
        for code in Code
    )
