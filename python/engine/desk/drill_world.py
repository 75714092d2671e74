"""The simulated TWS of a drill, in a process of its own. Started by `engine.desk.drill`, not by people.

It listens on free ports of this machine only, says where on its first line, and then answers each line it is sent with
the truth on its exchange. When its standard input ends, so does it: a drill that dies leaves no simulator behind.
It must never listen on a port somebody else could want, such as a real TWS's.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import msgspec

from engine.desk.exchange_truth import truth_of
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario


async def serve(scenario: str) -> None:
    """Run one scenario until standard input ends."""
    plan = load_scenario(scenario)
    world = build_world(plan, ports={login.name: (0,) for login in plan.logins})
    async with world:
        question = "first"
        while question:
            sys.stdout.buffer.write(msgspec.json.encode(truth_of(world)) + b"\n")
            sys.stdout.buffer.flush()
            question = await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    asyncio.run(serve(sys.argv[1]))
