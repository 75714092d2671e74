"""The certificate and the private key that a server of ours is to use: do they fit, and who else can read the key?

Looks only; whoever asks decides what follows. Must never ask for a passphrase: what starts a server has no hands.
"""

from __future__ import annotations

import ssl
import stat
import sys
from pathlib import Path


class _Locked(Exception):
    """The key has a passphrase."""


def why_unusable(certificate: str, key: str) -> str | None:
    """None: they can be used."""
    for path in (certificate, key):
        if not Path(path).is_file():
            return f"there is no such file: {path}" if path else "it takes both"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_ask_nobody)
    except _Locked:
        return "the key has a passphrase, and there is nobody to type it"
    except (OSError, ssl.SSLError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


def others_can_read(key: str, platform: str = sys.platform) -> bool:
    """Every user of this machine can, as far as the file's own permissions tell."""
    if not key or platform == "win32":  # there is none; or the system has no such permissions
        return False
    try:
        return bool(Path(key).stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


def _ask_nobody() -> str:
    raise _Locked
