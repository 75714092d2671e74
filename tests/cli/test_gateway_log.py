"""The gateway tells of what it refuses, and waits for nobody to read it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from cli.simulated import start_qe
from ports import free_port

PATIENCE_S = 20.0
STRANGERS = 2_000  # each is a line of the log: several times what a pipe holds


def knock(port: int) -> None:
    """One who speaks another protocol is turned away, and told of in the log."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(4096):
                pass


def wait_for(port: int) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            knock(port)
            return
        except ConnectionRefusedError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("closed", [False, True])
def test_a_log_that_nobody_reads_holds_up_no_client_and_not_the_end(tmp_path: Path, closed: bool) -> None:
    nobody, port = free_port(), free_port()
    (tmp_path / "quant-engine.toml").write_text(
        f'[logins.paper]\nmode = "paper"\nport = {nobody}\n[gateway]\nports = ["paper:{port}"]\n', encoding="utf-8"
    )
    running = start_qe("gateway", "run", home=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        assert running.stdout is not None
        if closed:
            running.stdout.close()
        for _ in range(STRANGERS):
            knock(port)
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE_S) == 0
    finally:
        running.kill()
        running.wait(PATIENCE_S)
        if not closed:
            running.stdout.close()
