"""Lend the packages of this clone's .venv to a Python that has none of its own.

The emergency page says `python -c "…"`, and in an emergency `python` is whichever comes first on the path. If it is of
the same version as .venv's, its packages fit, and the program runs; if not, the error says which Python to use. Nothing
is lent to a Python that has what it needs. Importing this does it: it stands before everything that needs a package.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

NEEDED = "msgspec"
CLONE = Path(__file__).resolve().parents[2]


class WrongPython(ImportError):
    """This Python cannot run the engine; the text says which one can."""


def borrow(clone: Path = CLONE) -> None:
    """See to it that the engine's packages can be imported. Raises WrongPython."""
    if find_spec(NEEDED) is not None:
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = clone / ".venv" / "lib" / f"python{version}" / "site-packages"
    if (folder / NEEDED).is_dir():
        sys.path.append(str(folder))
        return
    own = clone / ".venv" / "bin" / "python"
    then = f"use {own}" if own.exists() else f"set it up with: make -C {clone} setup"
    raise WrongPython(f"this Python ({sys.executable}, {version}) has not what quant-engine needs: {then}")


borrow()
