"""What TWS says in errors and notices: codes and texts. One function each; nothing is decided here."""

from __future__ import annotations

from engine.wire.replies import ErrorMessage

NO_ID = -1
NO_REQUEST_ID = 2147483647  # what TWS writes when a request that carries no id fails

FARMS = (
    ErrorMessage(NO_ID, 2104, "Market data farm connection is OK:usfarm"),
    ErrorMessage(NO_ID, 2106, "HMDS data farm connection is OK:ushmds"),
    ErrorMessage(NO_ID, 2158, "Sec-def data farm connection is OK:secdefnj"),
)
FILLER = FARMS[-1]  # harmless at any time

LINK_LOST = ErrorMessage(NO_ID, 1100, "Connectivity between IBKR and Trader Workstation has been lost.")
LINK_RESTORED_LOST = ErrorMessage(
    NO_ID,
    1101,
    "Connectivity between IBKR and Trader Workstation has been restored - data lost. "
    "Please re-request the data subscriptions.",
)
LINK_RESTORED = ErrorMessage(
    NO_ID,
    1102,
    "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
    "All data farms are connected.",
)
CLIENT_ID_IN_USE = ErrorMessage(
    NO_ID, 326, "Unable to connect as the client id is already in use. Retry with a unique client id."
)
ACCOUNT_UNSUBSCRIBED = ErrorMessage(NO_ID, 2100, "API client has been unsubscribed from account data.")
TOO_MANY_CLIENTS = ErrorMessage(NO_ID, 507, "Bad Message Length: the maximum of 32 API clients is reached")

READ_ONLY = "Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode."
NO_ACCOUNT = "You must specify an account."
INVALID_ACCOUNT = "Error validating request.-'cq' : cause - Invalid account code"
NO_CONTRACT = "No security definition has been found for the request"
NOT_LINKED = "Error processing request.-'bX' : cause - Not connected to IBKR"
NOT_SUBSCRIBED = (
    "Requested market data is not subscribed. Check API status by selecting the Account menu then under Management "
    "choose Market Data Subscription Manager and/or availability of delayed data."
)
DELAYED_SHOWN = "Requested market data is not subscribed. Displaying delayed market data."
NO_DELAYED = "Requested market data is not subscribed. Delayed market data is not enabled."

HISTORY = "Historical Market Data Service error message:"


def rate_exceeded(limit: int, received: int, breach: int) -> ErrorMessage:
    text = f"Max rate of messages per second has been exceeded:max={limit} rec={received} ({breach})"
    return ErrorMessage(NO_ID, 100, text)


def unreadable(why: str) -> ErrorMessage:
    return ErrorMessage(NO_ID, 320, f"Error reading request. {why}")


def beyond_32_bits(number: int) -> ErrorMessage:
    """TWS does not get as far as whose number it is: the error names nobody."""
    return unreadable(f'Unable to parse data. java.lang.NumberFormatException: For input string: "{number}"')


def cancel_not_found(order_id: int) -> ErrorMessage:
    return ErrorMessage(order_id, 10147, f"OrderId {order_id} that needs to be cancelled is not found.")


def cancel_too_late(order_id: int, state: str) -> ErrorMessage:
    text = f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {state}."
    return ErrorMessage(order_id, 10148, text)


def no_subscription(req_id: int, what: str) -> ErrorMessage:
    return ErrorMessage(req_id, 300, f"Can't find EId with tickerId:{req_id} ({what})")


def history_failed(cause: str) -> str:
    return f"{HISTORY}{cause}"
