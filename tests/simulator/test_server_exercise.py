"""Exercise and assignment over the wire: refusals by request id, silence when it stands, positions when it is done."""

from __future__ import annotations

from decimal import Decimal

from engine.core.contracts import Contract
from engine.simulator import faults as f
from engine.simulator.server import Login
from engine.simulator.virtual import START_NS
from engine.wire.replies import Execution, Position, PositionEnd
from engine.wire.requests import ExerciseOptions, ReqPositions
from simulator.wire_client import WireClient, in_world, instrument

CALL = "OPT AAPL 20260417 150 C"
HOLDS = {CALL: 3, "AAPL": 10}


def exercise(login: Login, req_id: int, text: str, quantity: int, **fields: int | str) -> ExerciseOptions:
    contract = instrument(login, text).contract
    asked = {"action": 1, "account": "DU1", "override": 0} | fields
    return ExerciseOptions(
        req_id, Contract(con_id=contract.con_id, exchange=contract.exchange), quantity=quantity, **asked
    )


def test_an_exercise_shows_as_a_change_of_both_positions_when_the_session_ends() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await client.ask(ReqPositions(), PositionEnd)
        client.send(exercise(login, 9, CALL, 2))
        await client.until(lambda: login.positions()["DU1", 265598] == 210, limit_s=86_400)
        await client.until(lambda: [p for p in client.of(Position) if p.position == 210])
        assert [p.position for p in client.of(Position) if p.contract.sec_type == "OPT"] == [3, 1]
        assert not client.errors(322) and not client.of(Execution)
        assert login.server.clock.now_ns() > START_NS

    in_world(test, holdings=HOLDS, limit_s=100_000)


def test_what_cannot_be_exercised_is_refused_under_the_requests_id() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(
            exercise(login, 11, CALL, 4),
            exercise(login, 12, CALL, 1, action=3),
            exercise(login, 13, "AAPL", 1),
            exercise(login, 14, CALL, 1, account="DU9"),
            exercise(login, 15, "OPT AAPL 20260417 900 C", 1),
        )
        await client.until(lambda: len(client.errors(322)) == 4 and client.errors(321))
        assert sorted(error.req_id for error in client.errors(322)) == [11, 12, 13, 15]
        assert client.errors(321)[0].req_id == 14

    in_world(test, holdings=HOLDS)


def test_an_exercise_without_a_link_or_with_a_read_only_api_is_refused() -> None:
    async def lost(login: Login, client: WireClient) -> None:
        login.server.lose_link()
        client.send(exercise(login, 9, CALL, 1))
        await client.until(lambda: client.errors(322))

    async def read_only(login: Login, client: WireClient) -> None:
        client.send(exercise(login, 9, CALL, 1))
        await client.until(lambda: client.errors(321))
        assert client.errors(321)[0].req_id == 9

    in_world(lost, holdings=HOLDS)
    in_world(read_only, f.ReadOnly(), holdings=HOLDS)


def test_an_assignment_is_told_by_positions_and_by_no_execution() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await client.ask(ReqPositions(), PositionEnd)
        await client.until(lambda: [p for p in client.of(Position) if p.position == -200])
        assert not client.of(Execution)
        assert login.positions()["DU1", 265598] == -200

    in_world(
        test,
        f.Assignment(contract=CALL, quantity=Decimal(5), on="ReqPositions", after_s=1.0),
        holdings={CALL: -2},
    )
