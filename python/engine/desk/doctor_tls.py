"""Could a server of ours start with the TLS files that it is given, and who else can read its key?"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from engine.config.model import Config
from engine.config.tls_files import others_can_read, why_unusable
from engine.desk.findings import Finding, warning


def gateway(config: Config | None) -> Iterable[Finding]:
    """The gateway's, where it has any. Its secret and the rest are told when it starts."""
    if config is not None:
        names = config.gateway.tls_certificate, config.gateway.tls_key
        certificate, key = (str(Path(one).expanduser()) if one else "" for one in names)
        yield from tls("gateway", "gateway.tls_certificate and gateway.tls_key", certificate, key)


def tls(about: str, settings: str, certificate: str, key: str) -> Iterable[Finding]:
    """`settings`: where they stand. Both empty: nothing is to be found."""
    if not (certificate or key):
        return
    if (why := why_unusable(certificate, key)) is not None:
        what = f"its certificate and key cannot be used ({why}): the next start is refused"
        yield warning(about, what, f"put {settings} right")
    if others_can_read(key):
        what = f"every user of this machine can read its TLS key ({key})"
        yield warning(about, what, f"chmod 600 {shlex.quote(key)}")
