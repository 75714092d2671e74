"""The report in words: the verdict first, what to do next, and nothing wider than a narrow terminal."""

from __future__ import annotations

import io
import json
import re
import sys
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.salvage import PART_UNREAD
from engine.core.contracts import Contract
from engine.core.kill.report import (
    CancelledOrder,
    ClosedPosition,
    LoginOutcome,
    LoginReport,
    PartlyClosed,
    ResidueItem,
    ResidueReason,
    Sender,
    TimelineEntry,
    Timings,
    Trade,
    Trader,
)
from engine.trading.naming import name_of
from engine.trading.report_text import REASONS, WIDTH, render
from engine.trading.reports import KillReport

ES = Contract(con_id=1, symbol="ES", sec_type="FUT", local_symbol="ESH6", exchange="CME", currency="USD")
PUT = Contract(con_id=2, symbol="SPY", sec_type="OPT", last_trade_date="20260417", strike=Decimal("560.5"), right="PUT")
AAPL = Contract(con_id=3, symbol="AAPL", sec_type="STK")


def login(name: str = "paper", outcome: LoginOutcome = LoginOutcome.FLAT, **fields: Any) -> LoginReport:
    defaults: dict[str, Any] = {"accounts": ("DU1234567",), "timings": Timings(finished_ms=480.0, first_cancel_ms=3.2)}
    return LoginReport(name=name, mode="paper", host="127.0.0.1", port=7497, outcome=outcome, **(defaults | fields))


def report(*logins: LoginReport) -> KillReport:
    return KillReport(
        kill_id="k1",
        reason="EMERGENCY",
        started_at="2026-03-11T14:30:03+00:00",
        logins={one.name: one for one in logins},
    )


def left(reason: ResidueReason = ResidueReason.REJECTED, **fields: Any) -> ResidueItem:
    defaults = {"account": "DU1234567", "contract": ES, "quantity": Decimal(3)}
    return ResidueItem(reason=reason, **(defaults | fields))


def cancelled(**fields: Any) -> CancelledOrder:
    defaults: dict[str, Any] = {
        "account": "DU1234567", "contract": ES, "client_id": 7, "order_id": 5, "perm_id": 9, "action": "SELL",
        "quantity": Decimal(3), "order_type": "STP",
    }  # fmt: skip
    return CancelledOrder(**(defaults | fields))


BAD = login(
    "live",
    LoginOutcome.RESIDUE,
    residue=(
        left(detail="201: Order rejected - reason: restricted"),
        left(contract=AAPL, quantity=Decimal("-0.5"), reason=ResidueReason.FRACTIONAL),
        left(reason=ResidueReason.WORKING_ORDER, order="client 7: SELL 500 LMT (Submitted)"),
    ),
)
GONE = login("live", LoginOutcome.UNREACHABLE, accounts=(), trouble="nothing listens on 127.0.0.1:7496: start TWS")
PADDED = "SPY   260417P00560500"


def test_a_contract_has_one_name_in_the_sentences_and_in_the_lists() -> None:
    item = left(contract=PUT, reason=ResidueReason.REJECTED, detail=f"no bid for {PADDED}")
    vague = login(
        "live", LoginOutcome.UNKNOWN, trouble=f"{PADDED} is not confirmed: look", residue=(item,), notes=(PADDED,)
    )
    said = " ".join(render(report(vague)).split())
    assert said.count("SPY 20260417 560.5P") == 4 and "P00560500" not in said


@pytest.mark.parametrize(
    ("accounts", "account", "named"),
    [(("DU1",), "DU1", False), (("DU1", "DU2"), "DU1", True), (("DU1",), "DU9", True), ((), "DU9", True)],
)
def test_the_account_is_named_where_the_login_alone_does_not_say_it(
    accounts: tuple[str, ...], account: str, named: bool
) -> None:
    text = render(report(login("live", LoginOutcome.RESIDUE, accounts=accounts, residue=(left(account=account),))))
    assert (f"long 3 ESH6 in {account}" in text) == named


VAGUE = login("live", LoginOutcome.UNKNOWN, trouble="TWS has lost its link to IBKR", residue=(left(),))


@pytest.mark.parametrize(
    ("logins", "first"),
    [
        ((login(), login("live")), " FLAT  all 2 logins verified: no position, no working order"),
        ((login(),), " FLAT  verified: no position, no working order"),
        ((login(), BAD), " NOT FLAT  paper flat, live has 3 left"),
        ((login(), GONE), " NOT FLAT  paper flat, live not reached"),
        ((login(), VAGUE), " NOT FLAT  paper flat, live unknown"),
        ((), " NOT FLAT  no login was named, nothing was done"),
    ],
)
def test_the_first_line_is_the_verdict(logins: tuple[LoginReport, ...], first: str) -> None:
    assert str(report(*logins)).splitlines()[0] == first


def test_many_logins_are_counted_on_the_first_line() -> None:
    many = report(*(login(f"family-{number}") for number in range(9)), GONE)
    assert str(many).splitlines()[0] == " NOT FLAT  9 of 10 logins verified flat"


def test_a_report_that_may_lack_logins_is_not_flat_whatever_they_are() -> None:
    full = msgspec.structs.replace(report(login()), unread=PART_UNREAD, notes=("quant-engine.toml:3: not valid TOML",))
    assert (full.flat, full.exit_code) == (False, 2)
    assert str(full).splitlines()[0] == f" NOT FLAT  {PART_UNREAD}"
    assert "quant-engine.toml:3" in str(full) and "by hand" in str(full)
    data = json.loads(full.to_json())
    assert (data["flat"], data["exit_code"], data["unread"]) == (False, 2, PART_UNREAD)


def test_what_is_known_to_be_open_comes_before_what_may_be() -> None:
    bad = msgspec.structs.replace(report(login(), GONE), unread=PART_UNREAD)
    assert str(bad).splitlines()[0] == " NOT FLAT  paper flat, live not reached; there may be other logins"
    many = report(*(login(f"family-{number}") for number in range(9)), GONE)
    first = str(msgspec.structs.replace(many, unread=PART_UNREAD)).splitlines()[0]
    assert first == " NOT FLAT  9 of 10 logins verified flat; there may be other logins"


def test_of_a_login_without_a_place_nobody_says_that_anything_keeps_trying() -> None:
    lost = LoginReport(name="family", mode="", host="", port=0, outcome=LoginOutcome.UNKNOWN, trouble="port is 40O1")
    text = " ".join(str(msgspec.structs.replace(report(lost), goes_on_s=600)).split())
    assert "family: NOTHING TRIES IT, NOW OR LATER. Correct the configuration" in text
    assert "keeps trying" not in text and "keeps trying" not in " ".join(str(report(lost)).split())


def test_what_another_login_of_the_same_press_has_closed_is_not_called_another_kills() -> None:
    mine = ClosedPosition(account="DU1234567", contract=ES, quantity=Decimal(3), orders_sent=1, filled=Decimal(3))
    seen = msgspec.structs.replace(mine, orders_sent=0, filled=None, by_other_kill=True, filled_by_other=Decimal(3))
    both = str(report(login(closed=(mine,)), login("second", closed=(seen,), joined=True)))
    assert "another kill" not in both and "paper did the closing; this one watched" in both
    apart = str(report(login(closed=(mine,)), login("other", accounts=("DU7",), closed=(seen,), joined=True)))
    assert "by another kill" in apart and "another kill did the closing" in apart


def test_a_login_without_a_place_says_only_why() -> None:
    one = LoginReport(name="family", mode="", host="", port=0, outcome=LoginOutcome.UNKNOWN, trouble="no port")
    text = str(report(one))
    assert "family: UNKNOWN\n  no port\n" in text
    assert "was reached" not in text and "done so far" not in text


def test_what_is_left_and_what_to_do_come_before_what_was_done() -> None:
    lines = str(report(login(), BAD)).splitlines()
    text = "\n".join(lines)
    assert lines[2] == "Do by hand, now:"  # on the first screen, whatever follows
    assert text.index("long 3 ESH6") < text.index("paper (paper, DU1234567): FLAT")
    assert "the broker refuses the closing order [201: Order rejected - reason:\n    restricted]:" in text
    assert "short 0.5 AAPL" in text
    assert "ESH6: client 7: SELL 500 LMT (Submitted)" in text
    for said in ("Global Cancel", "Close All Positions", "IBKR Mobile", "1-877-442-2757", "1-312-542-6901"):
        assert said in text


def test_a_flat_report_tells_nobody_to_do_anything() -> None:
    assert "by hand" not in str(report(login()))


def test_an_unreachable_login_says_that_nothing_was_done_and_why() -> None:
    text = str(report(GONE))
    assert "NOT REACHED" in text
    assert "Nothing was cancelled, nothing was closed." in text
    assert "start TWS" in text
    assert "by hand" in text


def test_one_that_took_the_first_global_cancel_and_was_gone_is_not_said_to_be_untouched() -> None:
    struck = TimelineEntry(0.0, "cancel_sent", "global cancel sent (client 7)")
    text = str(report(msgspec.structs.replace(GONE, timeline=(struck,))))
    assert "A global cancel was sent, and TWS was gone" in text
    assert "Nothing was cancelled" not in text


def test_advice_for_several_logins_is_given_once_behind_what_to_do_by_hand() -> None:
    advice = "start TWS or IB Gateway and log in"
    other = msgspec.structs.replace(GONE, name="paper", trouble=f"nothing listens on 127.0.0.1:7497: {advice}")
    text = str(report(other, msgspec.structs.replace(GONE, trouble=f"nothing listens on 127.0.0.1:7496: {advice}")))
    assert text.count(advice) == 1
    assert text.index("by hand") < text.index("nothing listens on 127.0.0.1:7496 (see below)")
    assert f"\npaper, live: {advice}\n" in text


def test_an_unknown_login_does_not_pass_for_known() -> None:
    text = str(report(VAGUE))
    assert "could not be proven flat" in text
    assert "Last seen, perhaps still there:" in text


def test_protective_stops_that_were_cancelled_are_named_as_such() -> None:
    text = str(
        report(login(cancelled=(cancelled(protective=True), cancelled(order_type="LMT", client_id=0, order_id=0))))
    )
    assert "stops off SELL 3 ESH6 STP (client 7): no longer protects" in text
    assert "cancelled SELL 3 ESH6 LMT (TWS)" in text
    unread = str(report(login(LoginOutcome.UNKNOWN, cancelled=(cancelled(protective=None),))))
    assert "stops off SELL 3 ESH6 STP (client 7): no longer protects what may be open" in unread
    nobody = str(report(login(cancelled=(cancelled(client_id=-1, order_id=0),))))
    assert "cancelled SELL 3 ESH6 STP\n" in nobody  # TWS did not tell whose it was, and neither do we
    sizeless = str(report(login(cancelled=(cancelled(client_id=-1, order_id=0, quantity=None),))))
    assert "cancelled SELL ESH6 STP, size not told by TWS\n" in sizeless


def test_of_an_order_that_is_gone_it_is_not_said_that_it_was_cancelled_where_tws_has_not_said_so() -> None:
    told = str(report(login(cancelled=(cancelled(order_type="LMT", confirmed=False), cancelled(order_type="MKT")))))
    assert "cancelled SELL 3 ESH6 MKT (client 7)\n" in told
    rows = "gone      TWS has not said how these ended, cancelled or filled:\n            SELL 3 ESH6 LMT (client 7)\n"
    assert rows in told


def test_that_no_order_was_seen_is_not_that_none_was_cancelled() -> None:
    assert "cancelled nothing: no open order was seen" in str(report(login()))


def test_where_no_list_of_orders_was_read_nobody_says_that_there_was_none() -> None:
    unknown = login(outcome=LoginOutcome.UNKNOWN, trouble="open orders could not be read: no answer")
    assert "cancelled not known: TWS has told no list of its open orders" in str(report(unknown))
    seen = login(outcome=LoginOutcome.UNKNOWN, timings=Timings(orders_gone_ms=40.0))
    assert "cancelled nothing: no open order was seen" in str(report(seen))


def test_where_an_order_stays_open_nobody_says_that_none_was_seen() -> None:
    stays = left(ResidueReason.WORKING_ORDER, order="BUY 7 LMT")
    told = str(report(login(LoginOutcome.RESIDUE, residue=(stays,))))
    assert "no open order was seen" not in told
    assert "cancelled nothing of yours: the orders above are still open" in told


def test_flat_while_a_program_still_sends_is_not_over_and_says_so_before_anything_else() -> None:
    still = Sender(client_id=42, orders=9, last_ms=1400.0, still=True)
    lines = str(report(login(senders=(still,)))).splitlines()
    assert lines[0].startswith(" FLAT ")
    assert " ".join(lines[2:4]).startswith(
        "NOT OVER: Stop the program that keeps sending orders: client id 42 at paper."
    )
    over = msgspec.structs.replace(still, still=False)
    assert "NOT OVER" not in str(report(login(senders=(over,))))


def test_where_some_orders_went_and_some_stay_both_are_counted() -> None:
    gone = (cancelled(), cancelled(order_id=6, protective=True))
    stays = left(ResidueReason.WORKING_ORDER, order="client 7: BUY 7 LMT")
    text = str(report(login(LoginOutcome.RESIDUE, residue=(stays, left()), cancelled=gone)))
    assert "\n  left open 1 of 3 orders, see above\n" in text and "cancelled nothing" not in text
    assert "left open" not in str(report(login(cancelled=gone)))


def test_a_closing_order_that_may_yet_arrive_is_no_order_of_yours() -> None:
    stray = left(ResidueReason.STRAY_CLOSE, order="SELL 3 MKT")
    assert "cancelled nothing: no open order was seen" in str(report(login(LoginOutcome.RESIDUE, residue=(stray,))))


def test_what_was_closed_in_part_is_told_as_such() -> None:
    part = PartlyClosed(account="DU1", contract=ES, quantity=Decimal(10), filled=Decimal(7), avg_price=Decimal("5.50"))
    bare = PartlyClosed(account="DU2", contract=PUT, quantity=Decimal(-9), filled=Decimal(2))
    text = str(report(login(outcome=LoginOutcome.RESIDUE, residue=(left(),), partly_closed=(part, bare))))
    assert "7 of long 10 ESH6 at 5.5" in text and "2 of short 9 SPY 20260417 560.5P" in text
    assert "closed    nothing" not in text


def test_a_part_beside_which_others_traded_is_held_against_what_is_left() -> None:
    ours = Trade(by=Trader.THIS_KILL, quantity=Decimal(-7), avg_price=Decimal("5.5"))
    program = Trade(by=Trader.CLIENT, quantity=Decimal(1), client_id=42)
    sums = {"at_press": Decimal(10), "traded": Decimal(-7), "traded_by_others": Decimal(1), "trades": (ours, program)}
    part = PartlyClosed(account="DU1", contract=ES, quantity=Decimal(10), filled=Decimal(7), **sums)
    told = report(login(outcome=LoginOutcome.RESIDUE, residue=(left(account="DU1"),), partly_closed=(part,)))
    text = " ".join(str(told).split())
    assert "in part: long 10 ESH6: this kill sold 7 at 5.5; client 42 bought 1; 1 more sold" in text


def test_json_tells_who_has_traded_and_what_is_not_known() -> None:
    ours = Trade(by=Trader.THIS_KILL, quantity=Decimal(-7), avg_price=Decimal("5.5"))
    part = PartlyClosed(account="DU1", contract=ES, quantity=Decimal(10), filled=Decimal(7), trades=(ours,))
    row = report(login(partly_closed=(part,))).to_dict()["logins"]["paper"]["partly_closed"][0]
    assert row["traded_by_others"] is None and "strike" not in row["contract"]
    assert list(row["trades"]) == [{"by": "this_kill", "quantity": "-7", "avg_price": "5.5", "client_id": None}]


def test_closed_positions_name_their_price_and_who_closed_them() -> None:
    closed = (
        ClosedPosition(account="DU1", contract=ES, quantity=Decimal(3), orders_sent=1, avg_price=Decimal("5999.250")),
        ClosedPosition(account="DU1", contract=PUT, quantity=Decimal(-10), orders_sent=0),
        ClosedPosition(account="DU1", contract=AAPL, quantity=Decimal(7), orders_sent=0, by_other_kill=True),
        ClosedPosition(
            account="DU1",
            contract=PUT,
            quantity=Decimal(-9),
            orders_sent=1,
            by_other_kill=True,
            filled=Decimal(2),
            filled_by_other=Decimal(7),
        ),
    )
    text = str(report(login(closed=closed, joined=True)))
    assert "long 3 ESH6 at 5999.25" in text
    assert "short 10 SPY 20260417 560.5P, not by this kill's orders" in text
    assert "long 7 AAPL, by another kill" in text
    assert "short 9 SPY 20260417 560.5P, 2 by this kill, 7 by another" in text
    assert "another kill did the closing" in text


def test_closing_orders_that_were_sent_and_have_not_filled_closed_nothing_and_are_not_called_a_close() -> None:
    sent = Timings(first_close_ms=20.0, last_close_ms=40.0)
    text = str(report(login(outcome=LoginOutcome.RESIDUE, residue=(left(),), timings=sent)))
    assert "closed    nothing: no closing order has filled\n" in text and "last close sent 40 ms" in text
    assert "closed    nothing\n" in str(report(login(outcome=LoginOutcome.RESIDUE, residue=(left(),))))


def busy(holder: str, *later: str) -> tuple[TimelineEntry, ...]:
    text = f"another kill is closing this login ({holder}); watching and verifying"
    return (TimelineEntry(1.0, "lock_busy", text), *(TimelineEntry(2.0, kind, "then") for kind in later))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's way to end a process")
@pytest.mark.parametrize("outcome", [LoginOutcome.RESIDUE, LoginOutcome.UNKNOWN])
def test_a_kill_that_another_one_holds_up_names_it_and_the_way_out(outcome: LoginOutcome) -> None:
    held = (left(reason=ResidueReason.ANOTHER_KILL),)
    text = str(report(login(outcome=outcome, residue=held, joined=True, timeline=busy("process 4711, kill k9"))))
    assert "process 4711" in text and "\n    kill -9 4711\n  and then run the kill again." in text
    assert "did the closing" not in text


def test_the_way_out_is_told_only_while_another_kill_has_the_right() -> None:
    taken = busy("process 4711, kill k9", "took_over")
    assert "4711" not in str(report(login(outcome=LoginOutcome.RESIDUE, residue=(left(),), timeline=taken)))
    assert "4711" not in str(report(login(joined=True, timeline=busy("process 4711, kill k9"))))
    held = (left(reason=ResidueReason.ANOTHER_KILL, detail="an unnamed process"),)
    assert "an unnamed process). End it" in " ".join(
        str(report(login(outcome=LoginOutcome.RESIDUE, residue=held))).split()
    )


def test_accounts_are_named_where_there_are_several() -> None:
    two = ("DU1", "DU2")
    text = str(report(login(outcome=LoginOutcome.RESIDUE, accounts=two, residue=(left(account="DU2"),))))
    assert "long 3 ESH6 in DU2" in text
    assert "in DU1234567" not in str(report(BAD))


def test_long_lists_are_counted_and_the_data_has_all_of_them() -> None:
    many = tuple(left(quantity=Decimal(index)) for index in range(1, 31))
    full = report(login(outcome=LoginOutcome.RESIDUE, residue=many))
    assert "and 19 more" in str(full)
    assert len(full.to_dict()["logins"]["paper"]["residue"]) == 30


def test_every_reason_has_its_words() -> None:
    assert set(REASONS) == set(ResidueReason)


TEXT = st.text(min_size=0, max_size=300)


@settings(max_examples=60)
@given(TEXT, TEXT, TEXT, st.sampled_from(LoginOutcome), st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_no_line_is_wider_than_a_narrow_terminal_whatever_the_broker_says(
    reason: str, detail: str, trouble: str, outcome: LoginOutcome, quantity: Decimal
) -> None:
    one = login("n" * 40, outcome, trouble=trouble, residue=(left(detail=detail, quantity=quantity),), notes=(detail,))
    made = KillReport(kill_id="k1", reason=reason, started_at="now", logins={one.name: one})
    for line in str(made).splitlines():
        assert len(line) <= WIDTH
        assert line.isprintable()


def test_colour_is_decoration_and_only_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    full = report(login(), BAD)
    plain, coloured = render(full), render(full, colour=True)
    assert "\x1b[" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert str(full) == coloured
    monkeypatch.setenv("TERM", "dumb")
    assert str(full) == plain
    monkeypatch.delenv("TERM")
    monkeypatch.setenv("NO_COLOR", "1")
    assert str(full) == plain
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert str(full) == plain
    monkeypatch.setattr("sys.stdout", None)  # as under pythonw
    assert str(full) == plain


def test_the_report_as_json_has_the_verdict_first_and_everything_in_it() -> None:
    full = report(login(timeline=(TimelineEntry(1.5, "connected", "here"),)), BAD)
    data = json.loads(full.to_json())
    assert list(data)[:2] == ["flat", "exit_code"]
    assert "1-877-442-2757" in " ".join(data["by_hand"]) and "by_hand" not in report(login()).to_dict()
    assert (data["flat"], data["exit_code"], data["kill_id"]) == (False, 1, "k1")
    assert data["logins"]["paper"]["flat"] is True
    assert data["logins"]["live"]["residue"][0] == {
        "account": "DU1234567",
        "contract": {
            "con_id": 1,
            "symbol": "ES",
            "sec_type": "FUT",
            "exchange": "CME",
            "currency": "USD",
            "local_symbol": "ESH6",
        },
        "quantity": "3",
        "first_seen": None,
        "reason": "rejected",
        "detail": "201: Order rejected - reason: restricted",
        "order": "",
    }
    assert data["logins"]["paper"]["timeline"] == [{"at_ms": 1.5, "kind": "connected", "text": "here"}]


@pytest.mark.parametrize(
    ("contract", "name"),
    [
        (ES, "ESH6"),
        (Contract(symbol="ES", sec_type="FUT", last_trade_date="20260320"), "ES 20260320"),
        (PUT, "SPY 20260417 560.5P"),
        (Contract(symbol="EUR", sec_type="CASH", currency="USD"), "EUR.USD"),
        (AAPL, "AAPL"),
        (Contract(con_id=9), "contract 9"),
    ],
)
def test_contracts_are_named_as_a_trader_would(contract: Contract, name: str) -> None:
    assert name_of(contract) == name


def sender(**fields: Any) -> Sender:
    return Sender(**({"client_id": 42, "orders": 57, "last_ms": 8042.0, "still": True} | fields))


def test_before_anything_else_a_person_stops_the_program_that_keeps_sending() -> None:
    paper = login("paper", LoginOutcome.RESIDUE, residue=(left(),), senders=(sender(), sender(client_id=43)))
    live = login("live", LoginOutcome.RESIDUE, residue=(left(),), senders=(sender(client_id=5, still=False),))
    text = " ".join(render(report(paper, live)).split())
    assert "1. Stop the program that keeps sending orders: client id 42 at paper, client id 43 at paper. 2. In" in text
    assert (
        "client 42 sent at least 57 orders after the press, the last one just before this report: stop that program"
        in text
    )
    assert "client 5 sent at least 57 orders after the press, the last at 8.0 s: make sure that program" in text


def test_where_nobody_keeps_sending_the_first_step_is_the_global_cancel() -> None:
    paper = login("paper", LoginOutcome.RESIDUE, residue=(left(),), senders=(sender(still=False),))
    assert "In the TWS of paper (port 7497, DU1234567): File >" in render(report(paper))


def test_a_combination_is_not_taken_for_an_outright() -> None:
    assert name_of(Contract(symbol="CL", sec_type="BAG")) == "CL combination"
    assert name_of(Contract(sec_type="BAG")) == "combination"


def test_nobody_is_told_to_end_a_kill_that_has_ended() -> None:
    busy = TimelineEntry(1.0, "lock_busy", "another kill is closing this login (process 4711, kill x)")
    free = TimelineEntry(2.0, "lock_free", "the other kill has ended")
    assert "kill -9 4711" in str(report(msgspec.structs.replace(GONE, timeline=(busy,))))
    assert "kill -9" not in str(report(msgspec.structs.replace(GONE, timeline=(busy, free))))


def test_a_login_that_was_not_reached_says_whether_anything_goes_on_and_how_to_go_on() -> None:
    text = " ".join(str(report(login(), GONE)).split())
    ended = "live: THIS KILL HAS ENDED, AND NOTHING GOES ON."
    assert f"{ended} Start TWS and log in, or put right what stands above, and kill again." in text
    assert "'qe kill --watch 600' keeps trying" in text and "a guard that runs" in text
    on = " ".join(str(msgspec.structs.replace(report(login(), GONE), goes_on_s=600)).split())
    assert "live: this kill keeps trying for 600 s more" in on and "HAS ENDED" not in on
    assert "GOES ON" not in str(report(login()))


def test_one_that_was_not_reached_and_one_with_something_left_have_their_own_ways_on() -> None:
    other = msgspec.structs.replace(BAD, name="other")
    text = " ".join(str(report(login(), other, GONE)).split())
    assert f"{GONE.name}: THIS KILL HAS ENDED, AND NOTHING GOES ON. Start TWS and log in, or put" in text
    assert "other: THIS KILL HAS ENDED, AND NOTHING GOES ON. Close what is left in TWS" in text
    on = " ".join(str(msgspec.structs.replace(report(login(), other, GONE), goes_on_s=60)).split())
    assert (
        "finds. Start TWS and log in, or put right what stands above." in on
        and "other: this kill keeps trying for 60 s more" in on
    )


@pytest.mark.parametrize("other", [BAD, VAGUE])
def test_nor_does_one_with_something_left_leave_open_whether_anything_goes_on(other: LoginReport) -> None:
    text = " ".join(str(report(login(), other)).split())
    assert f"{other.name}: THIS KILL HAS ENDED, AND NOTHING GOES ON. Close what is left in TWS, or kill again" in text
    on = " ".join(str(msgspec.structs.replace(report(login(), other), goes_on_s=600)).split())
    assert f"{other.name}: this kill keeps trying for 600 s more" in on and "HAS ENDED" not in on


def test_only_a_login_that_let_the_kill_in_is_said_to_be_reached() -> None:
    never = str(report(login("live", LoginOutcome.UNKNOWN, trouble="the kill failed", accounts=())))
    assert "It could not be proven flat." in never and "was reached" not in never
    for kind in ("connected", "cancel_sent"):
        step = TimelineEntry(1.0, kind, "in")
        assert "It was reached" in str(report(login("live", LoginOutcome.UNKNOWN, timeline=(step,), accounts=())))


def test_times_are_told_in_their_order_and_a_cancel_behind_another_kills_as_its_own() -> None:
    times = Timings(first_cancel_ms=558.0, orders_gone_ms=437.0, flat_ms=841.0, finished_ms=841.0)
    busy = TimelineEntry(394.0, "lock_busy", "another kill is closing this login")
    told = str(report(login(timings=times, timeline=(busy,))))
    assert "times     orders gone 437 ms, own first cancel 558 ms, flat 841 ms" in told
    assert "times     first cancel 3 ms\n" in str(report(login()))


def test_the_steps_by_hand_name_the_logins_that_they_are_for() -> None:
    lost = LoginReport(name="family", mode="", host="", port=0, outcome=LoginOutcome.UNKNOWN, trouble="port is 40O1")
    far = msgspec.structs.replace(GONE, host="10.0.0.7")
    unsure = msgspec.structs.replace(report(login(), far, lost), unread=PART_UNREAD)
    told = re.sub(r"\s+", " ", str(unsure))
    where = "live (10.0.0.7:7497), family (wherever it is) and any login of yours that is not listed here"
    assert f"1. In the TWS of {where}: File > Global Cancel." in told
    assert unsure.to_dict()["by_hand"][0].startswith(f"In the TWS of {where}: File >")
    only = msgspec.structs.replace(report(login()), unread=PART_UNREAD)
    assert "In the TWS of any login of yours that is not listed here: File >" in re.sub(r"\s+", " ", str(only))
    many = report(*(msgspec.structs.replace(GONE, name=f"family-{number}") for number in range(5)))
    assert "In the TWS of 5 logins, see below: File >" in str(many)
