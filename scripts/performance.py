"""Write docs/performance.md and its picture: what `make performance` has measured, and the words.

    python scripts/performance.py            # make performance runs the benchmarks first

Every figure comes from docs/performance.json, which benchmarks/run_all.py keeps.
"""

from __future__ import annotations

import json
import math
import sys
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"
WORDS = Path(__file__).with_name("performance_words.md")

NAMES = {  # in the order in which a reader wants them
    "kill": "The kill",
    "warm_kill": "A kill beside a guard",
    "guard": "The guard: a breach, a silent engine",
    "guard_load": "The guard under load",
    "preflight": "Pre-flight of an order",
    "gateway": "The gateway",
    "journal": "The journal",
    "codec": "The codec",
    "web": "The cockpit",
}

ROW_PX, LEFT_PX, BAR_PX, RIGHT_PX, HEAD_PX = 19, 440, 280, 190, 40
DECADES = 2  # of a requirement that the bars show below it; what needs less of it is as long as that


def page(recorded: dict[str, Any], words: str) -> str:
    """The words with the tables in them."""
    names = [name for name in (*NAMES, *sorted(recorded.keys() - NAMES.keys())) if name in recorded]
    required = [row for name in names for row in rows(recorded[name]) if row["at_most"] is not None]
    figures = {
        "tables": "\n\n".join(section(name, recorded[name]) for name in names),
        "required": str(len(required)),
        "met": str(sum(met(row) for row in required)),
        "missed": "\n".join(_missed(recorded, names)),
    }
    for key, text in figures.items():
        words = words.replace("{{" + key + "}}", text)
    return words


def rows(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for table in one["tables"] for row in table["rows"]]


def met(row: dict[str, Any]) -> bool:
    return row["at_most"] is None or row["measured"] <= row["at_most"]


def section(name: str, one: dict[str, Any]) -> str:
    """One benchmark: where it was measured, and its tables."""
    busy = one["load_before"]
    load = "" if busy is None else f" · load before it {busy:.2f}"
    where = f"commit `{one['commit']}` · {one['at']} · {one['machine']} · Python {one['python']}{load}"
    lines = [f"## {NAMES.get(name, name)}", "", f"`bench_{name}.py` · {where}"]
    for table in one["tables"]:
        lines += ["", f"*{table['title']}*", "", "| | required | measured | |", "| --- | ---: | ---: | --- |"]
        lines += [_line(row) for row in table["rows"]]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    required = "" if row["at_most"] is None else f"≤ {row['at_most']:.3g}"
    measured = f"{row['measured']:.3g}" if met(row) else f"**{row['measured']:.3g}, missed**"
    return f"| {row['what'].strip()} | {required} | {measured} | {row['of']} |"


def _missed(recorded: dict[str, Any], names: list[str]) -> list[str]:
    found = [
        f"- {NAMES.get(name, name)}: {row['what'].strip()}, {row['measured']:.3g} where {row['at_most']:.3g} is allowed"
        for name in names
        for row in rows(recorded[name])
        if not met(row)
    ]
    return ["Missed:", "", *found] if found else ["None is missed."]


def picture(recorded: dict[str, Any]) -> str:
    """How much of each requirement is used: a bar on a logarithmic scale that ends at the requirement."""
    width, limit_px, y = LEFT_PX + BAR_PX + RIGHT_PX, LEFT_PX + BAR_PX, HEAD_PX
    drawn: list[str] = []
    for name, title in NAMES.items():
        required = [row for row in rows(recorded.get(name, {"tables": []})) if row["at_most"] is not None]
        if not required or name == "codec":  # its forty kinds of message are a table's matter
            continue
        drawn.append(f'<text x="12" y="{y + 16}" font-weight="600" fill="#1f2328">{escape(title)}</text>')
        y += ROW_PX
        for row in required:
            drawn += _bar(row, y)
            y += ROW_PX
        y += 6
    scale = [f'<text x="{LEFT_PX}" y="14" fill="#57606a">of what is allowed, so much is used (logarithmic)</text>']
    for part in (0.01, 0.1, 1.0):
        x = LEFT_PX + BAR_PX * _length(part)
        if part < 1:  # the requirement's own line is drawn over the bars
            scale.append(f'<line x1="{x:g}" x2="{x:g}" y1="{HEAD_PX - 4}" y2="{y}" stroke="#d0d7de"/>')
        scale.append(f'<text x="{x:g}" y="{HEAD_PX - 9}" text-anchor="middle" fill="#57606a">{part:.0%}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 8}" viewBox="0 0 {width} {y + 8}" '
        'font-family="system-ui, sans-serif" font-size="12">'
    )
    ground = f'<rect width="{width}" height="{y + 8}" fill="#ffffff"/>'
    over = f'<line x1="{limit_px}" x2="{limit_px}" y1="{HEAD_PX - 4}" y2="{y}" stroke="#1f2328"/>'
    title = "<title>How much of each requirement is used</title>"
    return "\n".join([head, title, ground, *scale, *drawn, over, "</svg>"]) + "\n"


def _bar(row: dict[str, Any], y: int) -> list[str]:
    what, good = escape(row["what"].strip()), met(row)
    colour, wide = ("#1a7f37" if good else "#cf222e"), max(2.0, BAR_PX * _length(row["measured"] / row["at_most"]))
    value = f"{row['measured']:.3g} of {row['at_most']:.3g}{'' if good else ', missed'}"
    return [
        f'<text x="{LEFT_PX - 8}" y="{y + 14}" text-anchor="end" fill="#1f2328">{what}</text>',
        f'<rect x="{LEFT_PX}" y="{y + 4}" width="{wide:.1f}" height="{ROW_PX - 7}" fill="{colour}"/>',
        f'<text x="{LEFT_PX + 1.14 * BAR_PX:g}" y="{y + 14}" fill="{colour}">{value}</text>',
    ]


def _length(used: float) -> float:
    """Of a bar, as a share of the scale: 0 at a hundredth of the requirement, 1 at it, cut a little behind it."""
    if used <= 0:
        return 0.0
    return min(max(0.0, 1 + math.log10(used) / DECADES), 1.1)


def main() -> int:
    recorded = json.loads(RECORD.read_text("utf-8"))
    PAGE.write_text(page(recorded, WORDS.read_text("utf-8")), "utf-8")
    PICTURE.write_text(picture(recorded), "utf-8")
    print(f"wrote {PAGE} and {PICTURE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
