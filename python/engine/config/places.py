"""Where the configuration and the state folder are. Looks and reads, and never creates anything.

Used on the kill's way to its first byte: it must import nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import os
import sys

FILE_NAME = "quant-engine.toml"


def state_folder() -> str:
    """`QE_HOME`, or the folder in which this platform keeps an application's state."""
    named = os.environ.get("QE_HOME")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "quant-engine")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", home), "quant-engine")
    return os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.join(home, ".local", "state"), "quant-engine")


def config_file(named: str | None = None) -> str | None:
    """The configuration file to use: the one named, `QE_CONFIG`, or `quant-engine.toml` here or in the state folder.

    A file that somebody named is returned whether it exists or not: its absence is an error to be told. None: there
    is no file, and the defaults hold.
    """
    named = named or os.environ.get("QE_CONFIG")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    for folder in (os.curdir, state_folder()):
        candidate = os.path.join(folder, FILE_NAME)
        if os.path.lexists(candidate):
            return os.path.abspath(candidate)
    return None


def incident_log() -> str:
    """`QE_INCIDENT_LOG`, or operator/INCIDENT_LOG.md of the clone this runs from, or one in the state folder."""
    named = os.environ.get("QE_INCIDENT_LOG")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    clone = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    desk = os.path.join(clone, "operator")
    return os.path.join(desk if os.path.isdir(desk) else state_folder(), "INCIDENT_LOG.md")


def read(path: str) -> bytes | None:
    """What stands in a file; None when it cannot be read, which somebody else then has to tell."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return None
