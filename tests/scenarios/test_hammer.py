"""Two programs hammer orders while a third one halts: nothing that adds risk arrives behind the acknowledgement.

Real processes, sockets, files and locks. The exchange counts. What the gate and the last look are worth is seen by
taking them away.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, environment

SCRIPT = str(Path(__file__).with_name("hammering.py"))
ROUNDS = 5


class Child:
    """One of the processes: a line goes in, a line of JSON comes out."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.first = self.heard()

    def tell(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(words.encode() + b"\n")
        self._process.stdin.flush()

    def heard(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "it has ended; what it said stands above"
        answer: dict[str, int] = json.loads(line)
        return answer

    def ask(self, words: str) -> dict[str, int]:
        self.tell(words)
        return self.heard()


@contextmanager
def child(home: Path, *words: object, **more: str) -> Iterator[Child]:
    process = subprocess.Popen(
        [sys.executable, SCRIPT, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(home, **more),
    )
    too_long = threading.Timer(2 * PATIENCE_S, process.kill)  # whoever waits for its answer then reads an end
    too_long.start()
    try:
        yield Child(process)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
    finally:
        too_long.cancel()
        process.kill()
        process.communicate()


def hammered(home: Path, rounds: int, **more: str) -> list[dict[str, int]]:
    """Each round: what the halt answered, what came to the exchange behind it, and what passed all the same."""
    found = []
    with ExitStack() as stack:
        world = stack.enter_context(child(home, "world"))
        port, marks = world.first["port"], world.first["marks"]
        halter = stack.enter_context(child(home, "halter", port, marks, **more))
        hammers = [stack.enter_context(child(home, "hammer", first, port, **more)) for first in (11, 31)]
        for _ in range(rounds):
            for one in hammers:
                one.ask("rest")
            world.ask("wait 12")
            answer = halter.ask("halt")
            for one in hammers:
                one.tell("safe")
            safe = [one.heard() for one in hammers]
            after = world.ask("count")
            passed = {word: sum(one[word] for one in safe) for word in ("cancelled", "reduced")}
            found.append({**answer, **passed, "late": after["late"]})
            world.ask("open")
            halter.ask("resume")
    return found


@pytest.mark.parametrize("more", [{}, {"QE_SLOWLY": "1"}], ids=["at full speed", "suspended in the gate"])
def test_not_one_risk_adding_order_arrives_after_a_halt_is_acknowledged(tmp_path: Path, more: dict[str, str]) -> None:
    rounds = hammered(tmp_path, ROUNDS, **more)
    assert [one["late"] for one in rounds] == [0] * ROUNDS
    assert all(one["durable"] and one["drained"] for one in rounds)
    assert all(one["cancelled"] == one["reduced"] == 4 for one in rounds), "cancels and reducing orders go on"
    assert rounds[-1]["adders"] >= 12 * ROUNDS


@pytest.mark.parametrize("what", ["gate", "last look"])
def test_without_the_gate_or_the_last_look_orders_arrive_behind_the_acknowledgement(tmp_path: Path, what: str) -> None:
    rounds = hammered(tmp_path, 3, QE_TAKEN_AWAY=what, QE_SLOWLY="1" if what == "gate" else "")
    assert sum(one["late"] for one in rounds) > 0


def test_a_limit_is_one_limit_for_all_connections_of_all_programs(tmp_path: Path) -> None:
    """Two programs with two connections each send one future after the other until they are refused."""
    with ExitStack() as stack:
        world = stack.enter_context(child(tmp_path, "world"))
        hammers = [stack.enter_context(child(tmp_path, "hammer", first, world.first["port"])) for first in (11, 31)]
        for one in hammers:
            one.tell("fill")
        sent = sum(one.heard()["sent"] for one in hammers)
        assert 5 <= sent == world.ask("count")["futures"] <= 10


@pytest.mark.parametrize(("taken_away", "least", "most"), [("", 5, 10), ("others", 11, 40)])
def test_without_hearing_of_other_programs_each_has_the_limit_to_itself(
    tmp_path: Path, taken_away: str, least: int, most: int
) -> None:
    with ExitStack() as stack:
        world = stack.enter_context(child(tmp_path, "world"))
        two = stack.enter_context(child(tmp_path, "pair", world.first["port"], QE_TAKEN_AWAY=taken_away))
        two.ask("fill")
        assert least <= world.ask("count")["futures"] <= most
