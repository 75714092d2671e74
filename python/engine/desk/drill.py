"""The drill: pull the real kill switch against a simulated TWS, and hold its report against the exchange's truth.

What is drilled is what is shipped: `qe kill` runs as a process of its own, exactly as an operator would start it, but
with a configuration that names the simulator's ports. Its environment is cleaned of everything that could name another
TWS. It must never reach a real one.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from engine import __version__
from engine.broker.closing_right import SIMULATED_WORLD
from engine.config.places import FILE_NAME
from engine.desk.drill_processes import SimulatedTws, clean_environment, end, simulated_tws, start
from engine.desk.drill_result import DrillResult, judge, told_by
from engine.desk.exchange_truth import Truth
from engine.own_program import qe
from engine.simulator.scenario import Scenario, load_scenario

END_PATIENCE_S = 15.0  # beyond the kill's own deadline
MARKET_LOOK_S = 0.25
KILL_LOOK_S = 0.1
REASON = "DRILL"


class View(Protocol):
    """Who is shown what happens, while it happens."""

    def opened(self, scenario: Scenario, truth: Truth) -> None: ...

    def market(self, truth: Truth, left_s: float) -> None: ...

    def pressed(self) -> None: ...

    def said(self, line: str) -> None: ...

    def look(self, truth: Truth) -> None: ...


class Nobody:
    """A view for drills that nobody watches."""

    def opened(self, scenario: Scenario, truth: Truth) -> None: ...

    def market(self, truth: Truth, left_s: float) -> None: ...

    def pressed(self) -> None: ...

    def said(self, line: str) -> None: ...

    def look(self, truth: Truth) -> None: ...


async def drill(name: str, view: View, *, colour: bool = False) -> DrillResult:
    """Hold one drill; `colour`: the kill may paint its report.

    Raises ScenarioError or DrillFailed; whatever the kill does is in the result."""
    scenario = load_scenario(name)
    async with simulated_tws(name) as world:
        before = await world.truth()
        view.opened(scenario, before)
        await _watch_market(world, view, scenario.kill_after_s)
        with tempfile.TemporaryDirectory(prefix="quant-engine-drill-") as home:
            config = _write_config(Path(home), scenario, before)
            view.pressed()
            started_at, started = datetime.now(UTC), time.monotonic()
            paint = {"FORCE_COLOR": "1"} if colour else {"NO_COLOR": "1"}
            environment = clean_environment() | paint | _a_state_of_its_own(home)
            exit_code, printed = await _kill(config, environment, scenario, world, view)
            seconds = time.monotonic() - started
            report = _newest_record(Path(home) / "kills")
        after = await world.truth()
    view.look(after)
    told = told_by(report)
    return DrillResult(
        scenario=name,
        title=scenario.title,
        started_at=started_at.isoformat(timespec="seconds"),
        version=__version__,
        expected=scenario.expect.text,
        seconds=round(seconds, 3),
        exit_code=exit_code,
        told=told,
        report=msgspec.Raw(report or b"null"),
        printed=printed,
        truth_before=before,
        truth_after=after,
        findings=judge(
            expect=scenario.expect,
            told=told,
            truth=after,
            exit_code=exit_code,
            seconds=seconds,
            deadline_s=scenario.deadline_s,
        ),
    )


async def _watch_market(world: SimulatedTws, view: View, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        view.market(await world.truth(), left)
        await asyncio.sleep(min(MARKET_LOOK_S, left))


# --- the kill ---------------------------------------------------------------------------------------------------
async def _kill(
    config: Path, environment: dict[str, str], scenario: Scenario, world: SimulatedTws, view: View
) -> tuple[int, str]:
    """Run `qe kill` to its end; its exit code and the report it printed."""
    command = qe("kill", "--reason", REASON, "--config", str(config))
    process = await start(command, environment)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    looking = asyncio.create_task(_keep_looking(world, view))
    printed = asyncio.create_task(process.stdout.read())
    try:
        async with asyncio.timeout(scenario.deadline_s + END_PATIENCE_S):
            await _listen(process, view)
            await printed
            return await process.wait(), printed.result().decode(errors="replace")
    except TimeoutError:
        view.said("the kill did not end by its deadline; ended by the drill")
        return -1, ""
    finally:
        looking.cancel()
        printed.cancel()
        await asyncio.gather(looking, printed, return_exceptions=True)
        await end(process)


async def _listen(process: asyncio.subprocess.Process, view: View) -> None:
    assert process.stderr is not None
    async for raw in process.stderr:
        line = raw.decode(errors="replace").rstrip()
        if not line.startswith("record: "):  # it goes with the drill's folder; what it says is in the drill's record
            view.said(line)


async def _keep_looking(world: SimulatedTws, view: View) -> None:
    while True:
        view.look(await world.truth())
        await asyncio.sleep(KILL_LOOK_S)


def _write_config(home: Path, scenario: Scenario, truth: Truth) -> Path:
    """The configuration of the drill."""
    tables = [f'[logins.{login.name}]\nmode = "{login.mode}"\nport = {login.port}\n' for login in truth.logins.values()]
    path = home / FILE_NAME
    path.write_text("\n".join([*tables, f"[kill]\ndeadline_s = {scenario.deadline_s:g}\n"]), encoding="utf-8")
    return path


def _newest_record(folder: Path) -> bytes | None:
    """The record that the kill left, if it did."""
    records = sorted(folder.glob("*.json"))
    return records[-1].read_bytes() if records else None


def _a_state_of_its_own(home: str) -> dict[str, str]:
    """A drill's kill leaves nothing in the records of real trading: no journal, no incident, no lock."""
    return {"QE_HOME": home, "QE_INCIDENT_LOG": str(Path(home) / "INCIDENT_LOG.md"), SIMULATED_WORLD: home}
