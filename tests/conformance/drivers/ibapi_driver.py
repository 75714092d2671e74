"""Drives IBKR's ibapi 9.81.1 against the scripted server: says what it is told to say, prints what it hears.

Reads one job (JSON) from standard input; prints one JSON line for each callback. See scripted.py for the job.
"""

import json
import os
import sys
import threading
import traceback

from build import build, ibapi_types, plain
from ibapi.client import EClient
from ibapi.connection import Connection
from ibapi.wrapper import EWrapper
from steps import Waiting


def receive_whole(self):
    # Its own receive loses a burst that is an exact multiple of 4096 bytes. That hazard is its transport's;
    # here its decoder is on trial, and a test that fails once in four thousand runs proves nothing.
    return self.socket.recv(1 << 16)


Connection._recvAllMsg = receive_whole


def say(session, name, arguments):
    sys.stdout.write(json.dumps({"session": session, "name": name, "args": arguments}) + "\n")


class Recorder(EWrapper):
    """Prints every callback of the wrapper class."""

    def __init__(self, session, job):
        super().__init__()
        self._session = session
        self._job = job
        self.ready, self.done = threading.Event(), threading.Event()
        self._waiting = None

    def __getattribute__(self, name):
        if name.startswith("_") or name in ("ready", "done") or not hasattr(EWrapper, name):
            return super().__getattribute__(name)

        def record(*arguments):
            if name == "currentTime" and arguments[0] == self._job["ready"]:
                self.ready.set()
            elif name == "currentTime" and arguments[0] == self._job["done"]:
                self.done.set()
            else:
                told = [plain(argument) for argument in arguments]
                say(self._session, name, told)
                if self._waiting is not None:
                    self._waiting.hear(name, told)

        return record

    def _wait_for(self, events):
        """Before the calls that cause them."""
        heard = threading.Event()
        self._waiting = Waiting(events, heard.set)
        return heard


def run_session(job, session, calls):
    recorder = Recorder(session, job)
    client = EClient(recorder)
    client.connect("127.0.0.1", job["port"], 7)
    loop = threading.Thread(target=client.run, daemon=True)
    loop.start()
    if not recorder.ready.wait(20):
        raise TimeoutError("the server's replies did not all arrive")
    types = ibapi_types()
    for call in calls:
        getattr(client, call["method"])(*build(call["args"], types))
    if not recorder.done.wait(20):
        raise TimeoutError("the server did not confirm our requests")
    client.disconnect()
    return loop


def run_steps(job):
    """A real session: the steps of `job`, one after the other, with the wrapper of a program."""
    recorder = Recorder(0, {"ready": None, "done": None})
    client = EClient(recorder)
    heard = recorder._wait_for(job["steps"][0]["until"])
    client.connect("127.0.0.1", job["port"], job["client_id"])
    loop = threading.Thread(target=client.run, daemon=True)
    loop.start()
    types = ibapi_types()
    for number, step in enumerate(job["steps"]):
        if number:
            heard = recorder._wait_for(step["until"])
        for call in step["calls"]:
            getattr(client, call["method"])(*build(call["args"], types))
        if not heard.wait(20):
            raise TimeoutError(f"step {number} did not come to its end: {step['until']}")
        say(0, "step", [number])
    client.disconnect()
    loop.join(20)


def main():
    job = json.load(sys.stdin)
    if "steps" in job:
        run_steps(job)
        return
    loops = [run_session(job, session, calls) for session, calls in enumerate(job["sessions"])]
    for loop in loops:  # each looks only every 0.2 s whether its connection is gone
        loop.join(20)


try:
    main()
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # its threads would keep the process, and the server waiting, for a minute
