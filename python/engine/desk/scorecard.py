"""Every scenario drilled, and the card that shows how each ended.

Several run at once, each with a simulator and a kill of its own: they wait far more than they compute.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.desk.drill import Nobody, drill
from engine.desk.drill_processes import DrillFailed
from engine.desk.drill_result import DrillResult

AT_ONCE_PER_CPU = 2
AT_ONCE_MAX = 8
Held = DrillResult | DrillFailed


async def hold_all(names: Sequence[str], console: Console) -> list[Held]:
    """Drill each scenario; results in the order of the names."""
    room = asyncio.Semaphore(min(AT_ONCE_MAX, AT_ONCE_PER_CPU * (os.cpu_count() or 1)))
    done = 0

    async def one(name: str) -> Held:
        nonlocal done
        async with room:
            try:
                held: Held = await drill(name, Nobody())
            except DrillFailed as error:
                held = DrillFailed(f"{name}: {error}")
        done += 1
        console.print(Text.assemble(f"{done:>3}/{len(names)} ", _verdict(held), f" {name}"))
        return held

    return list(await asyncio.gather(*(one(name) for name in names)))


def scorecard(results: Sequence[Held]) -> Table:
    """The card."""
    held = [result for result in results if isinstance(result, DrillResult)]
    passed = sum(result.passed for result in held)
    grave = sum(finding.grave for result in held for finding in result.findings)
    title = f"{passed} of {len(results)} scenarios passed · {grave} false FLAT, crossing or lost report"
    table = Table(title=title, title_style="bold green" if passed == len(results) else "bold red")
    for name in ("scenario", "verdict", "how it ended", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left", overflow="fold")
    for result in results:
        if isinstance(result, DrillResult):
            table.add_row(result.scenario, _verdict(result), _ending(result), f"{result.seconds:.1f}")
        else:
            table.add_row(str(result).partition(":")[0], _verdict(result), str(result), "")
    return table


def _verdict(held: Held) -> Text:
    if isinstance(held, DrillFailed):
        return Text("not held", style="bold magenta")
    return Text("passed", style="green") if held.passed else Text("FAILED", style="bold red")


def _ending(result: DrillResult) -> str:
    if result.findings:
        return "; ".join(" ".join(filter(None, (f.login, f.text))) for f in result.findings)
    assert result.told is not None
    return ", ".join(f"{login.name} {login.outcome.value}" for login in result.told.logins.values())
