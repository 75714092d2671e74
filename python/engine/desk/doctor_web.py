"""Does the cockpit stand where it should, and could it start at all?"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from engine.config.model import Config
from engine.desk.doctor_tls import tls
from engine.desk.findings import Finding, warning, well
from engine.guard.cockpit import answers
from engine.guard.service import COCKPIT, file_of

ABOUT = "cockpit"


def cockpit(home: Path, config: Config | None, platform: str = sys.platform) -> Iterable[Finding]:
    """Nobody has to use it; who does should find it there. The kill needs none."""
    if config is None:
        return
    table = config.web
    address = f"{'https' if table.certificate else 'http'}://{table.host}:{table.port}/"
    if answers(table):
        yield well(ABOUT, f"answers at {address}")
    elif table.with_guard:
        what = f"the guard should run it (web.with_guard), and nothing answers at {address}"
        yield warning(ABOUT, what, f"look at {home / 'web' / 'cockpit.log'}, or start it by hand: qe web")
    elif (service := file_of(COCKPIT, platform)) is not None and service.exists():
        what = f"it is installed as a service ({service}), and nothing answers at {address}"
        yield warning(ABOUT, what, "start it by hand, and see what it says: qe web")
    else:
        yield well(ABOUT, "not in use (qe web runs it, qe web install has this machine run it)")
    yield from tls(ABOUT, "web.certificate and web.key", table.certificate, table.key)
