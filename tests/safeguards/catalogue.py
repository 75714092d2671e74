"""The planted bugs: each takes one safeguard away, and names the tests that have to notice.

They stand in the TOML files beside this one, one file a subject. `scripts/planted.py` plants them in a copy of the
tree; the tests here see to it that each can still be planted. Nothing here changes a file of the tree.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import msgspec

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE = Path("python/engine")
SUBJECTS = ("kill", "proof", "broker", "halts", "limits", "orders", "journal", "guard", "gateway", "codec", "cockpit")


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`old` becomes `new` in `file`, where it stands exactly once. The file is named from python/engine."""

    file: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        return SOURCE / self.file

    def made(self, source: str) -> str:
        """The source with the change; it has to fit exactly once."""
        found = source.count(self.old)
        if found != 1:
            raise ValueError(f"{self.path}: what is to be replaced stands there {found} times, not once")
        return source.replace(self.old, self.new)


class Bug(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`safeguard`: what is taken away, by `file`, `old` and `new`, and `also` where one change is not enough. `why`:
    what that would come to. `known`: where it has happened, or is demanded. `tests` must pass without the change, and
    one must fail with it. `scenario`: what happened, played against the simulated exchange; it must fail as well.
    `torture`: the invariant that `qe torture` sees broken, given enough seeds; empty where its worlds cannot show it.
    """

    safeguard: str
    why: str
    tests: tuple[str, ...]
    file: str
    old: str
    new: str
    also: tuple[Change, ...] = ()
    known: tuple[str, ...] = ()
    scenario: str = ""
    torture: str = ""
    name: str = ""
    subject: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        return (Change(self.file, self.old, self.new), *self.also)

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(change.path for change in self.changes))

    def planted(self, root: Path) -> dict[Path, str]:
        """The changed sources, by path."""
        sources: dict[Path, str] = {}
        for change in self.changes:
            source = sources.get(change.path) or (root / change.path).read_text(encoding="utf-8")
            sources[change.path] = change.made(source)
        for path, source in sources.items():
            if path.suffix == ".py":
                ast.parse(source, str(path))
        return sources


def bugs(subjects: Iterable[str] = SUBJECTS) -> list[Bug]:
    """All of them, in the order of the files."""
    return [bug for subject in subjects for bug in _of(subject)]


def _of(subject: str) -> Iterator[Bug]:
    path = HERE / f"{subject}.toml"
    try:
        tables = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Bug])
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    for name, bug in tables.items():
        yield msgspec.structs.replace(bug, name=name, subject=subject)


def missing(test: str) -> str | None:
    """What is wrong with the name of this test; None: it is there."""
    file, _, rest = test.partition("::")
    if not (ROOT / file).is_file():
        return f"there is no {file}"
    name = rest.partition("[")[0]
    return None if not name or name in _defined(file) else f"there is no {name} in {file}"


@cache
def _defined(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
