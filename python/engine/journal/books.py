"""The working copy of what still matters in the journal: what a fold changes and a snapshot keeps. Data only."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.restrictions import Override, Restriction, Scope
from engine.journal.events import Record
from engine.journal.store import Alarm


class Books(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything that still matters. Records are kept under names that say what replaces them."""

    seq: int = 0
    digest: bytes = bytes(32)
    at_ns: int = 0  # of the last record
    at_ns_max: int = 0  # of all records: a clock that shows less has gone back
    restrictions: dict[str, Restriction] = {}
    overrides: dict[str, Override] = {}  # the last one of each limit and login
    alarms_lifted: dict[str, list[Scope]] = {}
    kills_open: dict[str, Record] = {}
    kills_ended: dict[str, Record] = {}  # the last one of each login
    resets: dict[str, Record] = {}
    baselines: dict[str, Record] = {}
    breaches: dict[str, Record] = {}
    cash_flows: list[Record] = []
    jumps: list[Record] = []  # and what became of them
    limit_changes: list[Record] = []
    orders_open: dict[str, Record] = {}
    positions: dict[str, dict[str, Decimal]] = {}  # by account; one that is not here is not known
    fills: dict[str, Decimal] = {}
    our_refs: dict[str, int] = {}  # orderRefs of our intents, by the record that says so
    swept: dict[str, Record] = {}  # what programs cancelled because a restriction asked for it
    verified: dict[str, Record] = {}
    adopted: dict[str, Record] = {}
    incidents_open: dict[str, Record] = {}
    not_understood: list[str] = []
    taken_in: dict[str, int] = {}  # files of the spool, by the record that says so
    snapshot_seq: int = 0
    alarm: Alarm | None = None  # raised by a repair; the store's own, which may be newer, goes before it


def replace(kept: dict[str, Record], name: str, record: Record) -> None:
    """Put it last, so that the order of the dictionary is that of the records."""
    kept.pop(name, None)
    kept[name] = record
