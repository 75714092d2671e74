"""A kill report in words, for somebody who is frightened: FLAT or NOT FLAT first, then what to do, then the rest.

Nothing here decides; it only says what the report holds. No line is longer than `WIDTH`. Colour is decoration: every
word means the same without it.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Collection, Mapping

from engine.core.kill.report import (
    CancelledOrder,
    KillReport,
    LoginOutcome,
    LoginReport,
    ResidueItem,
    ResidueReason,
    Sender,
)
from engine.trading.by_hand import steps, those_not_flat
from engine.trading.closed_text import closed_row, partly_row
from engine.trading.naming import amount_of, name_of, number, readable

WIDTH = 80
ROWS_MAX = 12  # of one kind; the rest is counted (the report as data has them all)

NOTHING_CLOSED = "  closed    nothing"
NOTHING_FILLED = "  closed    nothing: no closing order has filled"
NO_ORDER_SEEN = "  cancelled nothing: no open order was seen"
NO_LIST_READ = "  cancelled not known: TWS has told no list of its open orders"
NOT_SAID_HOW = "TWS has not said how these ended, cancelled or filled:"
NO_ORDER_WENT = "  cancelled nothing of yours: the orders above are still open"
GONE_ENDED = (
    "Start TWS and log in, or put right what stands above, and kill again. 'qe kill --watch 600' keeps trying for ten "
    "minutes; a guard that runs kills by itself what it finds once it is connected."
)
LEFT_ENDED = "Close what is left in TWS, or kill again: 'qe kill --watch 600' keeps trying for ten minutes."
NOWHERE = "NOTHING TRIES IT, NOW OR LATER. Correct the configuration and kill again, or close it in TWS."
REACHED = "It was reached, and could not be proven flat."
NOT_PROVEN = "It could not be proven flat."
NOTHING_DONE = "Nothing was cancelled, nothing was closed."
REASONS: dict[ResidueReason, str] = {
    ResidueReason.WORKING_ORDER: "order still open",
    ResidueReason.WAITING_FOR_ORDERS: "not closed: an order in it could not be cancelled, and may fill",
    ResidueReason.ORDERS_UNREAD: "not closed: TWS does not tell its open orders, and one in it may fill",
    ResidueReason.STILL_SENDING: "not closed for good: a program keeps sending orders in it",
    ResidueReason.WAITING_TURN: "not closed: another closing order had to come first",
    ResidueReason.CLOSE_WORKING: "the closing order is at the exchange and not filled",
    ResidueReason.CLOSE_WITHDRAWN: "the closing order did not fill in time and was withdrawn: nothing works for it now",
    ResidueReason.CLOSE_CANCELLED: "the closing order was cancelled before it filled: nothing works for it now",
    ResidueReason.CLOSE_NOT_SENT: "the closing order never left for TWS",
    ResidueReason.CLOSE_UNACKNOWLEDGED: "TWS did not acknowledge the closing order: is a dialog open in its window?",
    ResidueReason.REJECTED: "the broker refuses the closing order",
    ResidueReason.READ_ONLY: "TWS's API is read-only: untick it in API settings, then run the kill again",
    ResidueReason.NO_BID: "nobody takes the other side of it",
    ResidueReason.NO_QUOTE: "a price was needed and no live quote was to be had",
    ResidueReason.MARKET_CLOSED: "its market is closed",
    ResidueReason.HALTED: "trading in it is halted",
    ResidueReason.FRACTIONAL: "a fraction cannot be closed by program",
    ResidueReason.EXPIRED: "it no longer trades",
    ResidueReason.UNRESOLVED: "the broker does not say where it trades",
    ResidueReason.POSITION_UNCONFIRMED: "what is held could not be confirmed",
    ResidueReason.ANOTHER_KILL: "another kill has the right to close it and has not finished",
    ResidueReason.NO_PERMISSION: "the account may not trade it",
    ResidueReason.STRAY_CLOSE: "a closing order that may yet arrive over a connection that fell silent: watch the "
    "contract, or restart TWS and run the kill again",
    ResidueReason.LINK_DOWN: "TWS has lost its link to IBKR",
    ResidueReason.OPENED_SINCE: "opened after the kill had done here what it can: kill again",
    ResidueReason.OUT_OF_TIME: "the time ran out first",
}

OF_ANOTHER = ("lock_busy", "gives_way", "took_over")  # steps that tell of another kill at work
_TOGETHER = "\N{NO-BREAK SPACE}"  # a number and its unit are never on two lines
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[1;97;41m", "\x1b[1;97;42m", "\x1b[1m", "\x1b[0m"


def colour_wanted(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """On a terminal that is not dumb, unless NO_COLOR says no or FORCE_COLOR yes."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (terminal and environ.get("TERM") != "dumb")


def render(
    report: KillReport, *, unread: str = "", notes: tuple[str, ...] = (), goes_on_s: float = 0.0, colour: bool = False
) -> str:
    """The whole report: the verdict, what is left and what to do about it, and only then what was done.

    `unread`: why there may be logins that are not in the report. `goes_on_s`: so long the kill goes on behind it.
    """
    lines = [_headline(report, unread, colour=colour)]
    if report.flat:
        for step in _stop_senders(report):  # nobody may go home on the word FLAT while it trades on
            told = _wrap(f"NOT OVER: {step} It opens positions again.", "", "  ")
            lines += ["", *(_paint(line, _BOLD, colour) for line in told)]
    else:
        lines += ["", _paint("Do by hand, now:", _BOLD, colour)]
        where = those_not_flat(report.logins.values(), unread=bool(unread))
        for number, step in enumerate((*_stop_senders(report), *steps(where)), 1):
            lines += _wrap(f"{number}. {step}", "  ", "     ")
    shared = _shared_advice(report)
    for login in report.logins.values():
        if not login.flat:
            lines += ["", *_trouble(login, shared, colour=colour)]
    for advice, names in shared.items():
        lines += ["", *_wrap(f"{', '.join(names)}: {advice}", "", "  ")]
    lines += _how_to_go_on(report, goes_on_s)
    for login in report.logins.values():
        if login.outcome is not LoginOutcome.UNREACHABLE and _located(login):
            lines += ["", *_done(login, _closers_beside(report, login), colour=colour)]
    if notes:
        lines += ["", *(line for note in notes for part in note.splitlines() for line in _wrap(_clean(part), "", "  "))]
    lines += ["", *_wrap(f"kill {report.kill_id}, {report.started_at}, reason: {_clean(report.reason)}", "", "  ")]
    return "\n".join(lines)


def _stop_senders(report: KillReport) -> list[str]:
    """What comes before everything else: whatever a person cancels and closes, it would go on."""
    still = [
        f"client id {s.client_id} at {login.name}" for login in report.logins.values() for s in login.senders if s.still
    ]
    return [f"Stop the program that keeps sending orders: {', '.join(still)}."] if still else []


def _headline(report: KillReport, unread: str, *, colour: bool) -> str:
    if report.flat:
        who = f"all {len(report.logins)} logins" if len(report.logins) > 1 else "verified"
        who += " verified" if len(report.logins) > 1 else ""
        return _paint(" FLAT ", _GREEN, colour) + f" {who}: no position, no working order"
    flat = sum(login.flat for login in report.logins.values())
    if unread and flat == len(report.logins):
        return _paint(" NOT FLAT ", _RED, colour) + f" {unread}"
    beside = "; there may be other logins" if unread else ""  # what is known to be open comes first
    said = ", ".join(f"{name} {_short(login)}" for name, login in report.logins.items()) + beside
    verdict = " NOT FLAT "
    if len(verdict) + 1 + len(said) > WIDTH:
        said = f"{flat} of {len(report.logins)} logins verified flat{beside}"
    return _paint(verdict, _RED, colour) + f" {said or 'no login was named, nothing was done'}"


def _short(login: LoginReport) -> str:
    match login.outcome:
        case LoginOutcome.FLAT:
            return "flat"
        case LoginOutcome.RESIDUE:
            return f"has {len(login.residue)} left"
        case LoginOutcome.UNKNOWN:
            return "unknown"
        case LoginOutcome.UNREACHABLE:
            return "not reached"


# --- what is wrong ---------------------------------------------------------------------------------


def split_advice(trouble: str) -> tuple[str, str]:
    """What is wrong, and what can be done about it: our texts have a colon between the two."""
    for colon in re.finditer(": ", trouble):
        if " " in trouble[: colon.start()]:  # and not just a place
            return trouble[: colon.start()], trouble[colon.end() :]
    return trouble, ""


def _shared_advice(report: KillReport) -> dict[str, list[str]]:
    """Advice that several logins have in common, with their names: nobody reads it twice."""
    names: dict[str, list[str]] = {}
    for login in report.logins.values():
        if login.trouble and not login.flat:
            names.setdefault(_said(split_advice(login.trouble)[1]), []).append(login.name)
    return {advice: several for advice, several in names.items() if advice and len(several) > 1}


def _trouble(login: LoginReport, shared: Collection[str], *, colour: bool) -> list[str]:
    verdict, words = {
        LoginOutcome.UNREACHABLE: ("NOT REACHED", _sent_in_advance(login) or NOTHING_DONE),
        LoginOutcome.UNKNOWN: ("UNKNOWN", _why_unproven(login)),
        LoginOutcome.RESIDUE: ("NOT FLAT", "This is left:"),
    }[login.outcome]
    place = f" ({login.mode}, {login.host}:{login.port})" if _located(login) else ""
    lines = _wrap(f"{login.name}{place}: {verdict}", "", "  ")
    lines[0] = _paint(lines[0], _BOLD, colour)
    if _located(login):
        lines += _wrap(words, "  ", "  ")
    if login.trouble:
        what, advice = split_advice(_said(login.trouble))
        lines += _wrap(f"{what} (see below)" if advice in shared else _said(login.trouble), "  ", "  ")
    if login.residue and login.outcome is not LoginOutcome.RESIDUE:
        lines.append("  Last seen, perhaps still there:")
    for (reason, detail), items in _by_reason(login).items():
        said = f"{REASONS[reason]} [{_said(detail)}]" if detail else REASONS[reason]
        lines += _wrap(f"{said}:", "  ", "    ")
        lines += _rows([_left(item, several=_several(login, item.account)) for item in items], "      ")
    return lines + _way_out(login)


def _reached(login: LoginReport) -> bool:
    """TWS has let a connection in, not only taken one."""
    told = any(entry.kind in ("connected", "cancel_sent") for entry in login.timeline)
    return told or bool(login.accounts) or login.timings.connected_ms is not None


def _why_unproven(login: LoginReport) -> str:
    if login.timings.flat_ms is None:
        return REACHED if _reached(login) else NOT_PROVEN
    return f"It was flat after {_seconds(login.timings.flat_ms)}, and could not be watched to the end of this kill."


def _sent_in_advance(login: LoginReport) -> str:
    kinds = {entry.kind for entry in login.timeline}
    if "cancel_sent" in kinds:
        return "A global cancel was sent, and TWS was gone before it said what that cancelled. Nothing was closed."
    if "cancel_early" in kinds:
        return "A global cancel was sent in advance; TWS may have dropped it. Nothing was closed."
    return ""


def _how_to_go_on(report: KillReport, goes_on_s: float) -> list[str]:
    """Whoever reads NOT REACHED or NOT FLAT must not believe that somebody is still trying, nor the reverse."""
    unflat = [login for login in report.logins.values() if not login.flat and _located(login)]
    nowhere = ", ".join(login.name for login in report.logins.values() if not _located(login))
    lines = ["", *_wrap(f"{nowhere}: {NOWHERE}", "", "  ")] if nowhere else []
    for gone, going_on, ended in (
        (True, "closes what it finds. Start TWS and log in, or put right what stands above.", GONE_ENDED),
        (False, "closes what it can.", LEFT_ENDED),
    ):
        who = ", ".join(login.name for login in unflat if (login.outcome is LoginOutcome.UNREACHABLE) is gone)
        if who and goes_on_s > 0:
            lines += ["", *_wrap(f"{who}: this kill keeps trying for {goes_on_s:g} s more, and {going_on}", "", "  ")]
        elif who:
            lines += ["", *_wrap(f"{who}: THIS KILL HAS ENDED, AND NOTHING GOES ON. {ended}", "", "  ")]
    return lines


def _way_out(login: LoginReport) -> list[str]:
    """What to do about another kill that keeps the right to close to itself."""
    holder = _other_kill(login)
    if holder is None:
        return []
    found = re.search(r"process (\d+)", holder)
    if found is None:
        return _wrap(f"Another kill has the right to close ({_clean(holder)}). End it, then kill again.", "  ", "  ")
    end = f"taskkill /F /PID {found[1]}" if sys.platform == "win32" else f"kill -9 {found[1]}"
    said = f"Another kill, process {found[1]}, has the right to close. If it hangs, end it:"
    return [*_wrap(said, "  ", "  "), f"    {end}", "  and then run the kill again."]


def _other_kill(login: LoginReport) -> str | None:
    """Who has the right to close here, if it is another kill to the end."""
    told = [entry for entry in login.timeline if entry.kind in ("lock_busy", "lock_free", "took_over")]
    if told and told[-1].kind == "lock_busy":
        return told[-1].text
    return next((item.detail for item in login.residue if item.reason is ResidueReason.ANOTHER_KILL), None)


def _located(login: LoginReport) -> bool:
    """Somebody knows where it is; of a login without a place `trouble` says all there is to say."""
    return login.port > 0


def _by_reason(login: LoginReport) -> dict[tuple[ResidueReason, str], list[ResidueItem]]:
    groups: dict[tuple[ResidueReason, str], list[ResidueItem]] = {}
    for item in login.residue:
        groups.setdefault((item.reason, item.detail), []).append(item)
    return groups


def _several(login: LoginReport, account: str) -> bool:
    """The login alone does not say in which account: it has several, or this one is none of those TWS says it has."""
    return len(login.accounts) > 1 or account not in login.accounts


def _left(item: ResidueItem, *, several: bool) -> str:
    account = f" in {item.account}" if several and item.account else ""
    if item.order:
        return f"{name_of(item.contract)}: {_clean(item.order)}{account}"
    return f"{amount_of(item.quantity)} {name_of(item.contract)}{account}"


# --- what was done ---------------------------------------------------------------------------------


def _closers_beside(report: KillReport, login: LoginReport) -> dict[tuple[str, int], str]:
    """Which login of the same press has closed what this one saw closed: two connections may lead to one account."""
    return {
        (item.account, item.contract.con_id): other.name
        for other in report.logins.values()
        if other is not login and not set(other.accounts).isdisjoint(login.accounts)
        for item in other.closed
        if item.filled
    }


def _done(login: LoginReport, beside: dict[tuple[str, int], str], *, colour: bool) -> list[str]:
    verdict = "FLAT" if login.flat else "done so far"
    took = "" if login.timings.finished_ms is None else f" after {_seconds(login.timings.finished_ms)}"
    accounts = ", ".join(login.accounts) or "accounts unknown"
    lines = _wrap(f"{login.name} ({login.mode}, {accounts}): {verdict}{took}", "", "  ")
    lines[0] = _paint(lines[0], _BOLD, colour)
    several = len(login.accounts) > 1
    closed = [
        closed_row(item, several=several, beside=beside.get((item.account, item.contract.con_id), ""))
        for item in login.closed
    ]
    left = {(item.account, item.contract.con_id): item.quantity for item in login.residue if not item.order}
    partly = [
        partly_row(item, left.get((item.account, item.contract.con_id)), several=several)
        for item in login.partly_closed
    ]
    nothing = NOTHING_CLOSED if login.timings.last_close_ms is None else NOTHING_FILLED
    lines += _titled("closed", closed + partly) or [nothing]
    lines += _cancelled(login)
    if login.joined:
        did = "did the closing; this one watched and verified" if login.flat else "may be closing; this one watched"
        who = ", ".join(dict.fromkeys(beside.values())) or "another kill"
        lines += _titled("joined", [f"{who} {did}"])
    lines += _titled("sending", [_sender(sender) for sender in login.senders])
    for note in login.notes:
        lines += _titled("note", [_said(note)])
    return lines + _timings(login)


def _sender(sender: Sender) -> str:
    sent = f"client {sender.client_id} sent at least {sender.orders} orders after the press"
    if sender.still:
        return f"{sent}, the last one just before this report: stop that program"
    return f"{sent}, the last at {_seconds(sender.last_ms)}: make sure that program is stopped"


def _cancelled(login: LoginReport) -> list[str]:
    plain = [_order(order) for order in login.cancelled if order.protective is False and order.confirmed]
    gone = [_order(order) for order in login.cancelled if order.protective is False and not order.confirmed]
    stops = [f"{_order(order)}: {_unprotected(order)}" for order in login.cancelled if order.protective is not False]
    still = sum(item.reason is ResidueReason.WORKING_ORDER for item in login.residue)
    if login.cancelled:
        left = [f"{still} of {len(login.cancelled) + still} orders, see above"] if still else []
        titled = {
            "cancelled": plain,
            "gone": [NOT_SAID_HOW, *gone] if gone else [],
            "stops off": stops,
            "left open": left,
        }
        return [line for title, rows in titled.items() for line in _titled(title, rows)]
    if login.outcome is LoginOutcome.UNKNOWN and login.timings.orders_gone_ms is None and not still:
        return [NO_LIST_READ]  # one that was read names orders, or none at all
    return [NO_ORDER_WENT if still else NO_ORDER_SEEN]


def _unprotected(order: CancelledOrder) -> str:
    return "no longer protects" if order.protective else "no longer protects what may be open"


def _order(order: CancelledOrder) -> str:
    size = "" if order.quantity is None else f" {number(order.quantity)}"
    text = f"{order.action}{size} {name_of(order.contract)} {order.order_type}"
    if order.quantity is None:
        text += ", size not told by TWS"
    if order.client_id < 0:  # TWS does not tell whose an ended order was
        return text
    return f"{text} ({'TWS' if order.client_id == 0 and order.order_id <= 0 else f'client {order.client_id}'})"


def _timings(login: LoginReport) -> list[str]:
    timings = login.timings
    beside = any(entry.kind in OF_ANOTHER for entry in login.timeline)  # whose cancel may have come first
    parts = [
        ("own first cancel" if beside else "first cancel", timings.first_cancel_ms),
        ("orders gone", timings.orders_gone_ms),
        ("last close sent", timings.last_close_ms),  # filled or not
        ("flat", timings.flat_ms),
    ]
    in_order = sorted(((ms, name) for name, ms in parts if ms is not None), key=lambda part: part[0])
    said = ", ".join(f"{name} {_seconds(ms)}" for ms, name in in_order)
    return _titled("times", [said]) if said else []


# --- words -----------------------------------------------------------------------------------------


def _titled(title: str, rows: list[str]) -> list[str]:
    """Rows under a title that stands before the first."""
    lines = _rows(rows, " " * 12)
    return [f"  {title:<10}{lines[0].strip()}", *lines[1:]] if lines else []


def _rows(rows: list[str], indent: str) -> list[str]:
    shown = rows if len(rows) <= ROWS_MAX else rows[: ROWS_MAX - 1]
    lines = [line for row in shown for line in _wrap(row, indent, f"{indent}  ")]
    if len(shown) < len(rows):
        lines.append(f"{indent}and {len(rows) - len(shown)} more (all of them: its record in kills/, or to_json())")
    return lines


def _seconds(ms: float) -> str:
    return f"{ms:.0f}{_TOGETHER}ms" if ms < 1000 else f"{ms / 1000:.1f}{_TOGETHER}s"


def _wrap(text: str, first: str, later: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
    return [line.replace(_TOGETHER, " ") for line in lines]


def _clean(text: str) -> str:
    """The broker's words without what could move the cursor."""
    return "".join(char if char.isprintable() else " " for char in text)


def _said(text: str) -> str:
    """A sentence of the kill's: its options are named as in the lists."""
    return readable(_clean(text))


def _paint(text: str, colour_code: str, colour: bool) -> str:
    return f"{colour_code}{text}{_PLAIN}" if colour else text
