"""Verify a login over the connection it has, or over one that is made for it and closed again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from engine.broker.failures import LinkFailure, ids_in_use
from engine.broker.link import Link, LinkSettings
from engine.broker.reads import Reads
from engine.core.restrictions import Scope
from engine.trading.entries import Entry
from engine.trading.errors import AdoptionRefused
from engine.trading.modes import misplaced_accounts
from engine.trading.rules import Rules
from engine.trading.verification import Verdict, Verification
from engine.trading.verifying import Settings, Verifier

CLIENT_IDS = range(91, 99)  # beside the guard's, away from those of engines and of the kill


class _Unreachable(Exception):
    """The login cannot be asked, and why."""


async def verify_login(
    entry: Entry,
    rules: Rules,
    page: Path,
    *,
    wall_ns: Callable[[], int],
    link_settings: LinkSettings,
    settings: Settings,
    adopt: bool,
    reason: str,
) -> Verification:
    """See `IBKRAccountManager.verify`."""
    try:
        async with _reads_of(entry, link_settings) as (reads, accounts):
            scope: Scope = msgspec.structs.replace(entry.scope, accounts=accounts)
            verifier = Verifier(reads, scope, rules, page, wall_ns=wall_ns, settings=settings)
            return await verifier.adopt(reason) if adopt else await verifier.verify()
    except _Unreachable as error:
        if adopt:
            raise AdoptionRefused(
                str(error), "Our records stand as they did", "Try again when it can be reached"
            ) from None
        name = entry.config.name
        return Verification(login=name, verdict=Verdict.NOT_READ, at_ns=wall_ns(), why=str(error))


@asynccontextmanager
async def _reads_of(entry: Entry, settings: LinkSettings) -> AsyncIterator[tuple[Reads, tuple[str, ...]]]:
    if entry.login is not None and entry.connected:
        yield entry.login.reads, entry.login.link.accounts
        return
    link = await _connect(entry, settings)
    try:
        wrong = misplaced_accounts(entry.config.mode, link.accounts)
        if wrong:
            raise _Unreachable(
                f"{entry.config.host}:{entry.config.port} shows {', '.join(wrong)}, which is no "
                f"{entry.config.mode.value} account: log TWS in to the other account, or correct the port"
            )
        yield Reads(link), link.accounts
    finally:
        link.close("verified")
        await asyncio.sleep(0)


async def _connect(entry: Entry, settings: LinkSettings) -> Link:
    host, port = entry.config.host, entry.config.port
    for client_id in CLIENT_IDS:
        link = Link(host, port, client_id, settings)
        try:
            await link.connect()
        except LinkFailure as failure:
            if not failure.other_id_may_help:
                raise _Unreachable(failure.text) from failure
        else:
            return link
    raise _Unreachable(ids_in_use(host, port, tuple(CLIENT_IDS)).text)
