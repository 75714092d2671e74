"""The file that `qe config init` writes documents every key and changes nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.config.limits_table import LimitsTable
from engine.config.model import KillTable, LoginTable, default_config
from engine.config.preflight_table import PreflightTable
from engine.config.reader import interpret
from engine.config.template import as_toml, template

TABLES = (LoginTable, KillTable, LimitsTable, PreflightTable)


def test_the_template_as_it_stands_is_the_default_configuration() -> None:
    reading = interpret(template(), {}, source="")
    assert (reading.config, reading.problems) == (default_config(), ())


def test_every_line_that_can_be_uncommented_is_valid_and_still_the_default() -> None:
    lines = [line.removeprefix("# ") if " = " in line and line.count('"') in (0, 2) else line for line in keys()]
    reading = interpret("\n".join(lines), {}, source="")
    assert (reading.config, reading.problems) == (default_config(), ())


def keys() -> list[str]:
    known = {field.name for kind in TABLES for field in msgspec.structs.fields(kind)}
    return [
        line
        for line in template().splitlines()
        if line.startswith("[") or line.removeprefix("# ").split(" = ")[0] in known
    ]


def test_every_key_is_in_the_template() -> None:
    for kind in TABLES:
        for field in msgspec.structs.fields(kind):
            assert any(line.removeprefix("# ").startswith(f"{field.name} = ") for line in template().splitlines())


def test_what_config_show_prints_reads_back_the_same() -> None:
    assert interpret(as_toml(default_config()), {}, source="").config == default_config()


def test_the_documentation_shows_this_very_file() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "configure.md"
    assert f"```toml\n{template()}```" in page.read_text(encoding="utf-8")
