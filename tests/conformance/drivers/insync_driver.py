"""Drives ib_insync against the scripted server: says what it is told to say, prints what it hears.

Reads one job (JSON) from standard input; prints one JSON line for each callback. See scripted.py for the job.
"""

import asyncio
import json
import logging
import sys
import types

asyncio.set_event_loop(asyncio.new_event_loop())  # its event library wants one while it is imported

import ib_insync  # noqa: E402
from build import build, insync_types, plain  # noqa: E402
from ib_insync.client import Client  # noqa: E402
from steps import Waiting  # noqa: E402


class Recorder:
    """A wrapper that answers to every name and prints what it is told."""

    ib = types.SimpleNamespace(TimezoneTWS="UTC")  # its decoder asks for it

    def __init__(self, session, job):
        self._session = session
        self._job = job
        self.ready, self.done = asyncio.Event(), asyncio.Event()
        self.waiting = None

    def wait_for(self, events):
        """Before the calls that cause them."""
        heard = asyncio.Event()
        self.waiting = Waiting(events, heard.set)
        return heard

    def __getattr__(self, name):
        def record(*arguments):
            if name == "currentTime" and arguments[0] == self._job["ready"]:
                self.ready.set()
            elif name == "currentTime" and arguments[0] == self._job["done"]:
                self.done.set()
            else:
                told = [plain(argument) for argument in arguments]
                say(self._session, name, told)
                if self.waiting is not None:
                    self.waiting.hear(name, told)

        return record


def say(session, name, arguments):
    sys.stdout.write(json.dumps({"session": session, "name": name, "args": arguments}) + "\n")


class Complaints(logging.Handler):
    """It logs what it cannot decode and goes on; the tests must hear of it."""

    def __init__(self, session):
        super().__init__(logging.ERROR)
        self.session = session

    def emit(self, record):
        say(self.session, "complaint", [record.getMessage(), repr(record.exc_info and record.exc_info[1])])


async def run_session(job, session, calls):
    recorder = Recorder(session, job)
    client = Client(recorder)
    client.MaxRequests = 0  # its throttle would stretch a thousand requests over half a minute
    complaints = Complaints(session)
    logging.getLogger("ib_insync").addHandler(complaints)
    await client.connectAsync("127.0.0.1", job["port"], 7, timeout=20)
    await asyncio.wait_for(recorder.ready.wait(), 20)
    types = insync_types(ib_insync)
    for call in calls:
        getattr(client, call["method"])(*build(call["args"], types))
    await asyncio.wait_for(recorder.done.wait(), 20)
    logging.getLogger("ib_insync").removeHandler(complaints)
    client.disconnect()


async def run_steps(job):
    """A real session: the steps of `job`, one after the other, with the wrapper of a program."""
    recorder = Recorder(0, {"ready": None, "done": None})
    client = Client(recorder)
    logging.getLogger("ib_insync").addHandler(Complaints(0))
    heard = recorder.wait_for(job["steps"][0]["until"])
    await client.connectAsync("127.0.0.1", job["port"], job["client_id"], timeout=20)
    types = insync_types(ib_insync)
    for number, step in enumerate(job["steps"]):
        if number:
            heard = recorder.wait_for(step["until"])
        for call in step["calls"]:
            getattr(client, call["method"])(*build(call["args"], types))
        await asyncio.wait_for(heard.wait(), 20)
        say(0, "step", [number])
    client.disconnect()


async def main():
    job = json.load(sys.stdin)
    if "steps" in job:
        await run_steps(job)
        return
    for session, calls in enumerate(job["sessions"]):
        await run_session(job, session, calls)


asyncio.get_event_loop_policy().get_event_loop().run_until_complete(main())
