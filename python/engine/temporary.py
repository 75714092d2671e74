"""Where files go for which there is no better place. Nothing is tried out and nothing raises: the answer is the same
for every process of a user, on a full disk too, so that what one has left another finds.

Used on the kill's way to its first byte: it imports nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import os
import sys


def temporary_folder() -> str:
    """This user's folder for temporary files, as the platform names it."""
    named = os.environ.get("TMPDIR") or os.environ.get("TEMP") or os.environ.get("TMP")
    return os.path.abspath(named or "/tmp")  # noqa: S108 – what it holds has 0700


def own_temporary_folder() -> str:
    """A folder of ours in it, which other users do not share."""
    user = str(os.geteuid()) if sys.platform != "win32" else os.environ.get("USERNAME", "user")
    return os.path.join(temporary_folder(), f"quant-engine-{user}")
