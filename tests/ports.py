"""A port for what a test starts later, and starts again, with nobody on it in between."""

from __future__ import annotations

import random
import socket

# Below the ports that the kernel lends to connections and to listeners without a wish (from 32768 on under Linux,
# 49152 elsewhere): one of those may be anybody's by the time that it is opened, or opened again.
PORTS = range(20_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """One that nobody listens on now, and that this process has not been given before."""
    while True:
        port = random.SystemRandom().choice(PORTS)  # not of the test's seed: two processes would draw the same
        with socket.socket() as found:
            if port in _given or found.connect_ex(("127.0.0.1", port)) == 0:
                continue
        with socket.socket() as found:
            found.bind(("127.0.0.1", port))
        _given.add(port)
        return port
