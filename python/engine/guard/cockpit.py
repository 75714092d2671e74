"""The cockpit beside the guard: started as a process of its own, and started again when it ends.

It is never in the guard's process: a fault of a web library must not be one of the guard's. It outlives a guard that
dies, because then it is what people look at; a guard that comes back finds it answering, and leaves it alone. Nothing
here waits on the guard's loop: files and processes are a thread's. Must never end the guard, or hold it up.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TypeVar

from engine.config.web_table import WebTable
from engine.core.alerting import Severity
from engine.guard.keeper import Telling
from engine.own_program import qe
from engine.trading.daemons import Daemons

T = TypeVar("T")
KEY = "cockpit"
ALIVE = b"alive"
FIRST_PAUSE_S, PAUSE_S_MAX = 1.0, 60.0
WELL_AFTER_S = 10.0
ALONE_LOOK_S = 5.0  # at one that somebody else has started
ENDING_S_MAX = 5.0
ANSWER_S_MAX = 3.0
LAST_WORDS_MAX = 500


class Beside:
    """Keeps one running. `config` None: wherever every command finds it."""

    def __init__(
        self,
        table: WebTable,
        home: Path,
        config: str | None,
        alerts: Telling,
        *,
        log: Callable[[str], None],
        command: tuple[str, ...] | None = None,
    ) -> None:
        self._table = table
        self._home = home
        self._words = [
            *(qe() if command is None else command),
            "web",
            *(() if config is None else ("--config", config)),
        ]
        self._alerts = alerts
        self._log = log
        self._daemons = Daemons()

    async def run(self) -> None:
        """Until it is cancelled: then the cockpit that was started here is told to end."""
        pause_s = FIRST_PAUSE_S
        while True:
            if await self._away(self._answers):
                self._alerts.clear(KEY, "a cockpit answers")
                await asyncio.sleep(ALONE_LOOK_S)
                continue
            if await self._once():
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    async def _once(self) -> bool:
        """One life of it. True: it was well for a while."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            process = await self._away(self._start)
        except OSError as error:
            self._tell(f"it could not be started: {error.strerror or error}")
            return False
        ended = asyncio.ensure_future(self._away(process.wait))
        try:
            await asyncio.wait({ended}, timeout=WELL_AFTER_S)
            if not ended.done():
                self._alerts.clear(KEY, "it runs again")
            code = await asyncio.shield(ended)
        finally:
            if not ended.done():
                process.terminate()
                await asyncio.wait({ended}, timeout=ENDING_S_MAX)
        said = await self._away(self._last_words)
        self._tell(f"it has ended with {code} and is started again. It said: {said or 'nothing'}")
        return loop.time() - began_s >= WELL_AFTER_S

    def _tell(self, text: str) -> None:
        self._log(f"the cockpit: {text}")
        text = f"{text}. The guard goes on; the kill needs no cockpit: qe kill"
        self._alerts.tell(KEY, Severity.WARNING, "the cockpit does not run", text)

    async def _away(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._daemons, work)

    # --- on a thread --------------------------------------------------------------------------------
    @property
    def _file(self) -> Path:
        return self._home / "web" / "cockpit.log"

    def _start(self) -> subprocess.Popen[bytes]:
        """What it says goes into a file: nobody has to read it for it to go on."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._file.open("wb") as said:
            return subprocess.Popen(  # noqa: S603 (our own command)
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, "QE_HOME": str(self._home)},
                start_new_session=True,
            )

    def _last_words(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8", errors="replace").strip()[-LAST_WORDS_MAX:]
        except OSError:
            return ""

    def _answers(self) -> bool:
        return answers(self._table)


def answers(table: WebTable) -> bool:
    """Does a cockpit answer where the configuration puts it? Blocks for some seconds at most."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(table.host, table.host)  # noqa: S104
    caller: HTTPConnection
    if table.certificate:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # who it is matters to people, not here
        caller = HTTPSConnection(host, table.port, timeout=ANSWER_S_MAX, context=context)
    else:
        caller = HTTPConnection(host, table.port, timeout=ANSWER_S_MAX)
    try:
        caller.request("GET", "/alive")
        return caller.getresponse().read(len(ALIVE)) == ALIVE
    except (OSError, HTTPException):
        return False
    finally:
        caller.close()
