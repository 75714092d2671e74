"""Small questions and refusals: every request is answered as TWS answers it, never by silence."""

from __future__ import annotations

import pytest

from engine.simulator.server import Login, PacingRule, ServerOptions
from engine.wire.replies import CurrentTime, ErrorMessage, UnknownReply
from engine.wire.requests import ReqCurrentTime
from simulator.test_server_ticks import heard, raw
from simulator.wire_client import WireClient, in_world, instrument


def test_symbols_are_found_by_their_beginning_and_by_the_name() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(raw(81, 1, "aa"), raw(81, 2, "apple"), raw(81, 3, "ES"), raw(81, 4, "nothing like it"))
        await client.until(lambda: len(heard(client, 79)) == 4)
        by_id = {row[0]: row for row in heard(client, 79)}
        apple = str(instrument(login, "AAPL").con_id)
        assert apple in by_id["1"] and apple in by_id["2"]
        assert by_id["1"][2:9] == [apple, "AAPL", "STK", "NASDAQ", "USD", "1", "OPT"]
        assert by_id["3"][3:5] == ["ES", "FUT"]  # the exact symbol first
        assert by_id["4"] == ["4", "0"]

    in_world(test)


ANSWERED = {
    24: ((1,), 19),
    67: ((1, 5), 67),
    68: ((1, 5, 2), 68),
    79: ((5,), 77),
    80: ((), 78),
    82: ((), 80),
    83: ((5, "9c0001"), 82),
    85: ((), 85),
    104: ((5,), 107),
}


@pytest.mark.parametrize("number", sorted(ANSWERED))
def test_what_carries_no_id_gets_an_answer_even_if_it_is_empty(number: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        fields, answer = ANSWERED[number]
        client.send(raw(number, *fields))
        await client.until(lambda: client.of(UnknownReply))
        assert [reply.message_id for reply in client.of(UnknownReply)] == [answer]

    in_world(test)


REFUSED = {
    10: ((5, 7), 10092, 7),
    11: ((1, 7, 0), 310, 7),
    18: ((1, 1), 321, -1),
    22: ((7, 10, "STK"), 162, 7),
    23: ((1, 7), 365, 7),
    52: ((2, 7), 430, 7),
    84: ((7, "BRFG", "x", ""), 10172, 7),
    86: ((7, 1, "BRFG", "", "", 5, ""), 10276, 7),
    88: ((7,), 162, 7),
    89: ((7,), 300, 7),
    100: ((7,), 10276, 7),
    102: ((7, 1), 10276, 7),
    555: ((1,), 320, -1),
}


@pytest.mark.parametrize("number", sorted(REFUSED))
def test_what_is_not_offered_is_refused_with_the_code_of_its_subject(number: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        fields, code, req_id = REFUSED[number]
        client.send(raw(number, *fields))
        await client.ask(ReqCurrentTime(), CurrentTime)
        (error,) = [each for each in client.of(ErrorMessage) if each.code < 2000 or each.code > 2999]
        assert (error.code, error.req_id) == (code, req_id)

    in_world(test)


def test_no_request_of_the_api_is_met_with_silence() -> None:
    quiet = {12, 13, 69, 70}  # bulletins and display groups: TWS says nothing to these

    async def test(login: Login, client: WireClient) -> None:
        known = {1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 20, 21, 25, 49, 58, 59, 61, 62, 63, 64, 71, 74, 75, 76, 77}
        known |= {78, 87, 90, 91, 92, 93, 94, 95, 99}  # those of the codec have tests of their own
        for number in sorted(set(range(1, 110)) - known - quiet):
            client.replies.clear()
            client.send(raw(number, 1, 7, "x"))
            await client.ask(ReqCurrentTime(), CurrentTime)
            assert [reply for reply in client.replies if not isinstance(reply, CurrentTime)], number

    in_world(test, options=ServerOptions(pacing=PacingRule(None)))


def test_a_scanner_request_of_an_old_client_has_its_id_one_field_later() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(raw(22, 4, 7, 10, "STK"))
        await client.until(lambda: client.errors(162))
        assert client.errors(162)[0].req_id == 7

    in_world(test, options=ServerOptions(version_max=142))
