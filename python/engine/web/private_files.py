"""Files that only their owner may read: written beside their place and moved there, never seen half.

Where they are kept is the folder `web` of the state folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TypeVar

import msgspec

FOLDER = "web"
KEY_FILE = "key"
T = TypeVar("T")


class Unreadable(Exception):
    """A file is there and cannot be used; the text says which, and what to do."""


def write(path: Path, data: bytes) -> None:
    """Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read(path: Path, kind: type[T]) -> T | None:
    """What stands in it; None: there is no such file. Raises Unreadable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise Unreadable(
            f"{path} cannot be read ({error}). Nobody is let in by it. Mend it, or move it away"
        ) from error


def secret(folder: Path) -> str:
    """The key that sessions and tokens are signed with; made when there is none. Raises OSError, Unreadable."""
    path = folder / KEY_FILE
    found = read(path, str)
    if found is None:
        found = secrets.token_urlsafe(48)
        write(path, msgspec.json.encode(found))
    if len(found) < 32:
        raise Unreadable(f"{path} is too short to be a secret. Move it away: the next start makes another one")
    return found
