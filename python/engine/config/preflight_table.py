"""The table [preflight] of quant-engine.toml: what an order is held against before it is sent. Data only.

The descriptions are the documentation. What the values come to is in `preflight_settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Size: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000)] | Literal["none"]
Money: TypeAlias = Annotated[float, Meta(ge=0, le=1e12)] | Literal["none"]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=10_000)]
Window: TypeAlias = Annotated[float, Meta(gt=0, le=3_600)]
NeedWord: TypeAlias = Literal["off", "when_known", "required"]


class PreflightTable(msgspec.Struct, frozen=True, kw_only=True):
    """What every order is held against before it is sent. Sizes are multiplied by the size factor that a loss limit
    may have set. An order that only reduces a position is held against its form, its account and the collar alone."""

    max_futures: Annotated[
        Size,
        Meta(
            description="Futures contracts of one account: of each contract the position with all working orders of "
            'its worse side, added up, whether long or short. "none": no limit.'
        ),
    ] = 10
    max_options: Annotated[Size, Meta(description="The same for options, those on futures included.")] = 50
    max_shares: Annotated[Size, Meta(description="The same for shares.")] = "none"
    max_other: Annotated[Size, Meta(description="The same for whatever else there is: currencies, bonds, crypto.")] = (
        "none"
    )
    deny_unlisted: Annotated[
        bool,
        Meta(description='true: of those four, what has the limit "none" may not be traded at all.'),
    ] = False
    max_order_futures: Annotated[Size, Meta(description="Contracts of one order in futures.")] = "none"
    max_order_options: Annotated[Size, Meta(description="The same for options.")] = "none"
    max_order_shares: Annotated[Size, Meta(description="The same for shares. A slip of the finger has more.")] = 10_000
    max_order_other: Annotated[Size, Meta(description="The same for whatever else there is, in its own units.")] = (
        1_000_000
    )
    max_order_notional: Annotated[
        Money,
        Meta(
            description="Worth of one order: price, times multiplier, times quantity; of an option its strike instead "
            "of its price. An order without a price of its own then needs the market's."
        ),
    ] = "none"
    max_account_notional: Annotated[
        Money,
        Meta(
            description="Worth of one account's contracts, each at its worst case: ten micro contracts are not ten "
            "large ones. Needs a price for everything that is held."
        ),
    ] = "none"
    notional_currency: Annotated[
        Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")],
        Meta(description="What those two are in. Contracts in another currency need its rate."),
    ] = "USD"
    allowed_symbols: Annotated[
        tuple[str, ...], Meta(description='Nothing else may be opened, such as ["ES", "SPY"]. Empty: everything may.')
    ] = ()
    blocked_symbols: Annotated[tuple[str, ...], Meta(description="These may only be closed.")] = ()
    grid: Annotated[
        NeedWord,
        Meta(
            description='Prices are whole ticks. "off": not checked. "when_known": where the contract\'s terms have '
            'been read. "required": they must have been.'
        ),
    ] = "when_known"
    collar: Annotated[
        NeedWord,
        Meta(
            description="A limit price may pay so much more, or take so much less, than the market's. The same words; "
            '"required" needs live market data for every contract with a limit order.'
        ),
    ] = "when_known"
    collar_pct: Annotated[
        Annotated[float, Meta(ge=0, le=1_000)],
        Meta(
            description="How much, in percent of the market's price. A market order has no price to be wrong. 0: "
            "collar_ticks alone."
        ),
    ] = 10.0
    option_collar_pct: Annotated[
        Annotated[float, Meta(ge=0, le=1_000)], Meta(description="The same for options, which move more.")
    ] = 50.0
    collar_ticks: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)],
        Meta(description="Or so many ticks, if that is more: a percentage of next to nothing is nothing."),
    ] = 20
    reference_age_s: Annotated[Window, Meta(description="A market price that is older than this is none.")] = 30.0
    session: Annotated[
        NeedWord,
        Meta(
            description='Market hours. "when_known": no order without a limit price while the market is closed; it '
            'would be filled at whatever it opens with. "required": no order at all unless it is known to be open.'
        ),
    ] = "when_known"
    expiry: Annotated[NeedWord, Meta(description="Contracts that have expired. The same words as for the grid.")] = (
        "when_known"
    )
    expiry_days: Annotated[
        Annotated[int, Meta(ge=0, le=366)],
        Meta(
            description="Nothing is opened with fewer days than this to go until the last trading day is over. 0: up "
            "to the end. More than 0 needs to know the day."
        ),
    ] = 0
    position_age_s: Annotated[
        Window | Literal["none"],
        Meta(
            description='Positions and working orders that were read longer ago are not known any more. "none": they '
            "are known for as long as the connection is sound."
        ),
    ] = "none"
    duplicates_max: Annotated[
        Count, Meta(description="The same order, price and all, may be sent so many times within duplicate_window_s.")
    ] = 2
    duplicate_window_s: Annotated[
        Window,
        Meta(
            description="That window, in seconds. An order not answered within it may be live: no like of it is sent."
        ),
    ] = 1.0
    repeats_max: Annotated[
        Count,
        Meta(
            description="The same size on the same side of a contract, whatever the price, may be sent so many times "
            "within repeat_window_s. One more halts the login until a person resumes it."
        ),
    ] = 30
    repeat_window_s: Annotated[Window, Meta(description="That window, in seconds.")] = 60.0
    orders_per_second: Annotated[
        Count, Meta(description="Orders and modifies of the login in any second. Cancels are free.")
    ] = 40
    orders_per_minute: Annotated[Count, Meta(description="The same in any minute.")] = 300
    rate_breaches: Annotated[
        Annotated[int, Meta(ge=1, le=60)],
        Meta(
            description="In so many different seconds of one minute the two above, or duplicates_max, may be hit, or "
            "an order that may be live be sent again: with the last of them the login is halted until a person "
            "resumes it."
        ),
    ] = 3
