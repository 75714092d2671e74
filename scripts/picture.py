"""Draw docs/images/drill.svg from a real drill: what a person sees on the terminal at its end.

make picture
"""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from engine.cli.drill_command import verdict
from engine.desk.drill import drill
from engine.desk.drill_view import MovingView

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "drill.svg"
COLUMNS = 100
REPORT_LINES = 6


def main() -> int:
    view = MovingView(Console(width=COLUMNS, file=io.StringIO()))
    result = asyncio.run(drill("calm", view, colour=True))
    if not result.passed:
        print(f"no picture is drawn of a drill that failed: {result.findings}", file=sys.stderr)
        return 1
    report = Text.from_ansi(result.printed.strip()).split("\n")
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ make drill", style="bold"))
    console.print(view.picture())
    console.print()
    for line in report[:REPORT_LINES]:
        console.print(line)
    console.print(Text("   …", style="dim"))
    for line in verdict(result, "~/.local/state/quant-engine/drills/…")[:-1]:
        console.print(line)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    console.save_svg(str(PICTURE), title="make drill")
    print(f"wrote {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
