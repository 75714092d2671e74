"""Which addresses have taken an alert, and when last: a file for each in the state folder, which is touched then.

Its name is made of the address, so that another address has another; what is secret in it cannot be read off.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = "alerts"


def kind_of(url: str) -> str:
    """What an address is, without what is secret in it."""
    return urlsplit(url).scheme or "address"


def stamp_of(url: str, home: Path) -> Path:
    """The file of an address."""
    return home / FOLDER / f"{kind_of(url)}-{hashlib.sha256(url.encode()).hexdigest()[:16]}"


def taken_s(url: str, home: Path) -> float | None:
    """When it took an alert last, in Unix seconds; None: never, as far as is known."""
    try:
        return stamp_of(url, home).stat().st_mtime
    except OSError:
        return None
