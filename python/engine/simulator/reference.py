"""The lists of faults and scenarios for docs/how-to/simulator.md, made from the code and the files themselves.

`python -m engine.simulator.reference PAGE` brings the page up to date; a test fails while it is not.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import msgspec

from engine.simulator import faults
from engine.simulator.scenario import list_scenarios, load_scenario

_COMMON = {field.name for field in msgspec.structs.fields(faults.Fault)}


def fault_table() -> str:
    """Every fault: its kind, what happens, its own keys."""
    rows = ["| kind | what happens | keys |", "| --- | --- | --- |"]
    for kind in faults.ALL:
        keys = [f"`{field.name}`" for field in msgspec.structs.fields(kind) if field.name not in _COMMON]
        what = " ".join((inspect.getdoc(kind) or "").split())
        rows.append(f"| `{kind.__struct_config__.tag}` | {what} | {', '.join(keys)} |")
    return "\n".join(rows)


def scenario_table() -> str:
    """Every ready-made scenario: its story and its expected end."""
    rows = ["| name | what happens | how a kill should end |", "| --- | --- | --- |"]
    for name in list_scenarios():
        scenario = load_scenario(name)
        story = " ".join(scenario.story.split())
        end = f"paper {scenario.expect.paper}, live {scenario.expect.live}. {scenario.expect.text}"
        rows.append(f"| `{name}` | {story} | {end} |")
    return "\n".join(rows)


def updated(page: str) -> str:
    """The page with both lists replaced by fresh ones."""
    return _replaced(_replaced(page, "faults", fault_table()), "scenarios", scenario_table())


def _replaced(page: str, name: str, table: str) -> str:
    """What stands between the page's marks of that name, replaced."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}{table}\n{end}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
