"""IBKR's error codes and texts for orders, as TWS sends them. One function a refusal; no rule is decided here."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    code: int
    text: str


def _rejected(reason: str) -> Refusal:
    return Refusal(201, f"Order rejected - reason:{reason}")


NO_SUCH_CONTRACT = Refusal(200, "No security definition has been found for the request")
AMBIGUOUS_CONTRACT = Refusal(
    200,
    "The contract description specified for {symbol} is ambiguous.\nYou must specify the multiplier or trading class.",
)
DUPLICATE_ORDER_ID = Refusal(103, "Duplicate order id")
MODIFY_FILLED = Refusal(104, "Cannot modify a filled order.")
MODIFY_MISMATCH = Refusal(105, "Order being modified does not match original order")
OFF_GRID = Refusal(110, "The price does not conform to the minimum price variation for this contract.")
BAD_CONDITION = Refusal(321, "Error validating request.-'bX' : cause - Invalid condition")
# These codes are IBKR's; nothing may depend on their words.
COMBO_INVALID = Refusal(312, "The combo details are invalid.")
COMBO_NEEDS_LEGS = Refusal(314, "Security type 'BAG' requires combo leg details.")
COMBO_WHAT_IF = Refusal(360, "What-if orders are not supported for SMART combinations.")
NO_PARENT = Refusal(135, "Can't find order with ID =")
HALTED = Refusal(154, "Orders cannot be transmitted for a halted security.")
MISSING_EXCHANGE = Refusal(321, "Error validating request.-'bX' : cause - Missing order exchange")
MISSING_ACCOUNT = Refusal(435, "You must specify an account.")
UNKNOWN_ACCOUNT = Refusal(321, "Error validating request.-'bX' : cause - The account code is not valid for this login.")
INVALID_SIDE = Refusal(321, "Error validating request.-'bX' : cause - Invalid side")
INVALID_TIF = Refusal(321, "Error validating request.-'bX' : cause - Invalid time in force")
NOT_ALLOWED_ORDER_TYPE = Refusal(387, "Unsupported order type for this exchange and security type.")
EXPIRED = Refusal(392, "Invalid order: contract expired.")
SIZE_ZERO = Refusal(434, "The order size cannot be zero.")
PRICE_NEEDED = Refusal(463, "You must enter a valid price.")
CONFLICTING_CON_ID = Refusal(478, "Parameters in request conflicts with contract parameters received by contract id")
FRACTIONAL = Refusal(
    10243, "Fractional-sized order cannot be placed via API. Please use desktop version to place this order."
)
CASH_QUANTITY = Refusal(10244, "Cash Quantity cannot be used for this order")
UNKNOWN_ALGORITHM = Refusal(439, "The order processing failed. Algorithm definition not found.")
BOTH_SIDES = _rejected("Cannot have open orders on both sides of the same US Option contract in the same account.")


# IBKR answers exercises with 322 and such words; nothing may depend on them.
def _not_exercised(cause: str) -> Refusal:
    return Refusal(322, f"Error processing request.-'bX' : cause - {cause}")


EXERCISE_QUANTITY = _not_exercised("Invalid exercise quantity")
EXERCISE_NOT_OPTION = _not_exercised("Only options can be exercised")
EXERCISE_ACTION = _not_exercised("Exercise action must be 1 (exercise) or 2 (lapse)")
EXERCISE_EUROPEAN = _not_exercised("This option can be exercised at its expiry only")
EXERCISE_WORTHLESS = _not_exercised("Exercise ignored because option is not in-the-money.")


def no_position_to_exercise(account: str) -> Refusal:
    return _not_exercised(f"No unlapsed position exists in this option in account {account}")


def ambiguous(symbol: str) -> Refusal:
    return Refusal(
        200,
        f"The contract description specified for {symbol} is ambiguous.\n"
        "You must specify the multiplier or trading class.",
    )


def combo_leg_invalid(number: int) -> Refusal:
    return Refusal(313, f"The combo details for '{number}' are invalid.")


def not_cancellable(perm_id: int) -> Refusal:
    return Refusal(161, f"Cancel attempted when order is not in a cancellable state.  Order permId ={perm_id}")


def size_below_minimum(size: Decimal, least: Decimal) -> Refusal:
    return Refusal(388, f"Order size {size} is smaller than the minimum required size of {least}.")


def too_many_orders(limit: int) -> Refusal:
    return _rejected(
        f"Your account has a minimum of {limit} orders working on either the buy or sell side "
        "for this particular contract"
    )


def margin_short(equity: Decimal, initial_margin: Decimal) -> Refusal:
    return _rejected(
        "We are unable to accept your order. Your Available Funds are in sufficient to cover the change in the "
        "account's margin requirements if this order executes. In order to obtain the desired position your Equity "
        f"with Loan Value [{equity:.2f} USD] must exceed the new total Initial Margin of [{initial_margin:.2f} USD]"
    )


def too_far(limit: Decimal, market: Decimal) -> Refusal:
    return Refusal(
        202,
        "Order Canceled - reason:In accordance with our regulatory obligations as a broker, we cannot accept your "
        f"order at the limit price {limit} you selected because it is too far through the market. Please submit your "
        f"order using a limit price that is closer to the current market price {market}",
    )


def cancelled(reason: str = "") -> Refusal:
    return Refusal(202, f"Order Canceled - reason:{reason}")


def price_capped(price: Decimal) -> Refusal:
    return Refusal(
        2161,
        "In accordance with our regulatory obligations as a broker, we will initially cap (or limit) the price of your "
        f"Limit Order to {price} or a more aggressive price still within your specified limit price.",
    )


def queued(action: str, quantity: Decimal, name: str, until: str) -> Refusal:
    return Refusal(
        399,
        f"Order Message:\n{action} {quantity} {name}\n"
        f"Warning: Your order will not be placed at the exchange until {until}.",
    )


OUTSIDE_RTH_IGNORED = Refusal(
    2109,
    "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order type and destination. "
    "PlaceOrder is now being processed.",
)
# The code is IBKR's; no source gives its text, so nothing may depend on these words.
HALTED_NOTICE = Refusal(2128, "Order was not placed: trading in the contract is halted")
TRAIL_NEEDS_ONE = Refusal(
    321, "Error validating request.-'bX' : cause - Trailing amount or percent must be set, not both"
)
PARENT_DONE = _rejected("Parent order is being cancelled.")
STILL_PROCESSING = Refusal(2102, "Unable to modify this order as it is still being processed.")


def cancel_too_late(order_id: int, state: str) -> Refusal:
    return Refusal(10148, f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {state}.")
