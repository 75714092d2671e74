"""Who is at the keyboard: written beside everything that a command has recorded."""

from __future__ import annotations

import getpass


def actor(command: str) -> str:
    """`ann (qe halt)`, or the command alone for a user without a name, as in a container."""
    try:
        return f"{getpass.getuser()} (qe {command})"
    except (KeyError, OSError):
        return f"qe {command}"
