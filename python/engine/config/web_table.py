"""The table [web] of quant-engine.toml: where the cockpit listens, and who may do what in it. Data only."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class WebTable(msgspec.Struct, frozen=True, kw_only=True):
    """The cockpit, `qe web`: the state of every login in a browser, and the switch in reach of a thumb."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where it listens. Beyond this machine's loopback it needs users (qe web user add) and TLS: "
            "certificate and key.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Annotated[int, Meta(ge=1, le=65535)], Meta(description="Its port.")] = 8477
    names: Annotated[
        tuple[str, ...],
        Meta(
            description="Names by which browsers reach it, beside its address and localhost, such as "
            '["cockpit.lan"]. Under any other name it answers nothing.'
        ),
    ] = ()
    certificate: Annotated[str, Meta(description="A file with its TLS certificate, in PEM. Empty: no TLS.")] = ""
    key: Annotated[str, Meta(description="The certificate's private key, in PEM.")] = ""
    viewer_may_kill: Annotated[
        bool,
        Meta(description="true: whoever may only look may halt and kill all the same: stopping needs no permission."),
    ] = False
    with_guard: Annotated[
        bool,
        Meta(
            description="true: the guard starts the cockpit, as a process of its own, and starts it again when it ends."
        ),
    ] = False
    session_hours: Annotated[
        Annotated[float, Meta(ge=0.1, le=8760)],
        Meta(description="A log-in is good for this long after the last page that was opened."),
    ] = 168.0
