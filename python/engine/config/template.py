"""A quant-engine.toml that documents itself, written from the model so that the two cannot differ.

`qe config init` writes it and docs/how-to/configure.md shows it (tests/config/test_template.py).
"""

from __future__ import annotations

import textwrap
from typing import get_args, get_type_hints

import msgspec

from engine.config.gateway_table import GatewayTable
from engine.config.guard_table import AlertsTable, GuardTable
from engine.config.limits_table import LimitsTable
from engine.config.model import Config, KillTable, LoginTable
from engine.config.preflight_table import PreflightTable
from engine.config.web_table import WebTable

KINDS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("kill", KillTable),
    ("limits", LimitsTable),
    ("preflight", PreflightTable),
    ("guard", GuardTable),
    ("gateway", GatewayTable),
    ("alerts", AlertsTable),
    ("web", WebTable),
)
WIDTH = 96
HEAD = """\
# quant-engine.toml: every key there is, with its default. Lines that begin with "#" change nothing.
# Looked for here: the file named by --config or QE_CONFIG, then ./quant-engine.toml, then the state folder (QE_HOME).
# Any key can be set by the environment: QE_KILL__DEADLINE_S=60, QE_LOGINS__PAPER__PORT=7498.
"""
LOGINS = """\
# Logins: one table for each TWS or IB Gateway, named as you like. A file that names any has only those;
# without any there are two, paper and live, as here.
"""
UNSET_EXAMPLES = {"port": 7497, "client_id": 1}  # what paper comes to


def template() -> str:
    """The whole file. As it stands it says what holds without a file."""
    sections = [
        HEAD,
        LOGINS + _table("logins.paper", LoginTable, mode="paper"),
        "[logins.live]\n" + 'mode = "live"\n',
        *(_headed(name, kind) for name, kind in KINDS),
    ]
    return "\n".join(sections)


def as_toml(config: Config) -> str:
    """The configuration in force, every default filled in."""
    lines: list[str] = []
    for login in config.logins:
        lines += [f"[logins.{login.name}]", f"mode = {_value(login.mode)}", f"host = {_value(login.host)}"]
        lines += [f"port = {login.port}", f"client_id = {login.client_id}", ""]
    for name, table in ((name, getattr(config, name)) for name, _ in KINDS):
        lines += [
            f"[{name}]",
            *(f"{key} = {_value(value)}" for key, value in msgspec.structs.asdict(table).items()),
            "",
        ]
    return "\n".join(lines[:-1]) + "\n"


def _headed(name: str, kind: type[msgspec.Struct]) -> str:
    """A table under what its docstring says of it."""
    return f"{_comment(kind.__doc__ or '')}\n{_table(name, kind)}"


def _comment(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent="# ")


def _table(name: str, kind: type[msgspec.Struct], **given: str) -> str:
    hints = get_type_hints(kind, include_extras=True)
    lines = [f"[{name}]"]
    for field in msgspec.structs.fields(kind):
        lines.append(_comment(_description(hints[field.name])))
        if field.name in given:
            lines.append(f"{field.name} = {_value(given[field.name])}")
        else:
            unset = field.default is msgspec.UNSET
            lines.append(f"# {field.name} = {_value(UNSET_EXAMPLES[field.name] if unset else field.default)}")
    return "\n".join(lines) + "\n"


def _description(hint: object) -> str:
    """The last description in the hint: a key's own stands outside that of the type it is made of."""
    found = [meta.description for meta in get_args(hint)[1:] if isinstance(meta, msgspec.Meta) and meta.description]
    return found[-1]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
