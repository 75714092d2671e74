"""The page about the journal: its program runs, its codes are all there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from engine.journal.trouble import Code

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/journal.md").read_text(encoding="utf-8")


def test_every_code_has_its_line() -> None:
    table = PAGE[PAGE.index("## When something is wrong") : PAGE.index("A halt or kill that")]
    first_columns = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {code for column in first_columns for code in re.findall("`([a-z_]+)`", column)} == {
        code.value for code in Code
    }


def test_the_program_on_the_journals_page_runs(tmp_path: Path) -> None:
    program = PAGE[PAGE.index("```python\n") + 10 :]
    program = program[: program.index("```")]
    environment = {"QE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "python"), "PATH": ""}
    out = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True).stdout
    assert out.decode() == "0 records, 0 restrictions\n"
