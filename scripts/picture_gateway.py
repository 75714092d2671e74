"""Draw docs/images/gateway.svg: what `qe gateway status` says of two programs that trade, and of a halt between.

make picture

Gateway and guard are real ones, in processes of their own beside a simulated TWS. Only its ports are drawn as the usual
ones, for here they are whichever are free.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from engine.broker.closing_right import SIMULATED_WORLD
from engine.core.contracts import Contract
from engine.desk.exchange_truth import Truth
from engine.wire.codec import encode_request
from engine.wire.frames import frame
from engine.wire.opening import hello, start_api
from engine.wire.order import Order
from engine.wire.requests import CancelOrder, PlaceOrder, ReqCurrentTime, Request

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "gateway.svg"
COLUMNS = 80
PATIENCE_S = 60.0
VERSION = 178
QE = [sys.executable, "-m", "engine.cli"]
USUAL_PORTS = 7597, 7497  # the gateway's, TWS's
LOOKS = (
    (" refused: ", "yellow"),
    (" orders passed", "green"),
    ("ready", "green"),
    ("waiting: ", "yellow"),
    ("restricted: ", "bold red"),
)


class Program:
    """A client of the gateway that says what it wants, one thing after the other."""

    def __init__(self, port: int, client_id: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._sock.sendall(hello())
        self._next()
        self._sock.sendall(start_api(VERSION, client_id))
        self._until(b"9\0")

    def say(self, *wanted: Request) -> None:
        """And wait until all of it has been dealt with."""
        for each in (*wanted, ReqCurrentTime()):
            self._sock.sendall(frame(encode_request(each, VERSION)))
        self._until(b"49\0")

    def buy(self, order_id: int, contract: Contract, quantity: int, limit: int, action: str = "BUY") -> None:
        order = Order(
            action=action,
            total_quantity=Decimal(quantity),
            order_type="LMT",
            lmt_price=Decimal(limit),
            tif="DAY",
        )
        self.say(PlaceOrder(order_id, contract, order))

    def _until(self, start: bytes) -> None:
        while not self._next().startswith(start):
            pass

    def _next(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(4), "big"))

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._sock.recv(size - len(data))
            if not more:
                raise ConnectionError("the gateway ended the connection")
            data += more
        return data


def trade(port: int) -> tuple[Program, Program]:
    """A morning in a second: what passes, what does not, and a halt."""
    spy = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
    aapl = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
    first, second = Program(port, 21), Program(port, 35)
    for number in range(1, 9):
        first.buy(number, spy, 10 + number, 100 + number)
    first.buy(9, spy, 20_000_000, 100)
    second.buy(1, aapl, 50, 100)
    first.say(CancelOrder(3, ""), CancelOrder(4, ""))
    subprocess.run([*QE, "halt", "paper", "--reason", "news at two"], check=True, stdout=subprocess.DEVNULL)
    first.buy(10, spy, 5, 100)
    second.buy(2, aapl, 900, 400, "SELL")
    return first, second


def run(stack: ExitStack, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    made = subprocess.Popen([*QE, *words], stdout=subprocess.DEVNULL, **options)
    stack.callback(made.wait, PATIENCE_S)
    stack.callback(made.send_signal, signal.SIGTERM)
    return made


def status() -> subprocess.CompletedProcess[str]:
    return subprocess.run([*QE, "gateway", "status"], capture_output=True, text=True, check=False)


def told(home: Path) -> str:
    """What the command says in the middle of that."""
    with ExitStack() as stack:
        world = subprocess.Popen(
            [sys.executable, "-m", "engine.desk.drill_world", "calm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert world.stdout is not None and world.stdin is not None
        stack.callback(world.wait, PATIENCE_S)
        stack.callback(world.stdin.close)
        paper = msgspec.json.decode(world.stdout.readline(), type=Truth).logins["paper"]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        (home / "quant-engine.toml").write_text(
            f'[logins.paper]\nmode = "paper"\nport = {paper.port}\n[gateway]\nports = ["paper:{port}"]\n'
        )
        run(stack, "guard", "run")
        run(stack, "gateway", "run")
        wait_for(lambda: status().returncode == 0)
        programs = trade(port)
        time.sleep(2.5)  # what it says of itself is written once a second
        text = status().stdout
        del programs
    for here, usual in zip((port, paper.port), USUAL_PORTS, strict=True):
        text = text.replace(str(here), str(usual))
    return text


def wait_for(holds: Any) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the gateway did not become ready")
        time.sleep(0.2)


def draw(text: str) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ qe gateway status", style="bold"))
    for line in text.splitlines():
        drawn = Text(line)
        for words, look in LOOKS:
            if words in line:
                drawn.highlight_words([words.strip()], look)
        console.print(drawn)
    console.save_svg(str(PICTURE), title="qe gateway status")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        os.environ |= {
            "QE_HOME": folder,
            "QE_CONFIG": f"{folder}/quant-engine.toml",
            "QE_INCIDENT_LOG": f"{folder}/log.md",
            SIMULATED_WORLD: folder,
        }
        text = told(Path(folder))
    draw(text)
    print(text)
    print(f"wrote {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
