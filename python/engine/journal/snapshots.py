"""When the next snapshot is due, by the numbers of the records alone: nothing is folded only to find that out."""

from __future__ import annotations

SNAPSHOT_EVERY = 1000  # records: how many anybody has to fold who opens the journal
SNAPSHOT_LATE = 4000  # records behind that, after which an append makes the snapshot that nobody's `tend` has made
LOOK_EVERY = 50  # records after which an append sees whether a snapshot is due, when that was not known


class Snapshots:
    """Of one journal, as far as this process has seen them."""

    def __init__(self) -> None:
        self._due: int | None = None  # the number of the record behind which it is time for a snapshot
        self._late: int | None = None  # the one behind which an append does not leave it to others any more

    def seen(self, seq: int) -> None:
        """Record `seq` is one, or there is none yet and `seq` is 0."""
        self._due = seq + SNAPSHOT_EVERY
        self._late = self._due + SNAPSHOT_LATE

    def due(self, seq: int) -> bool:
        """At record `seq` it is time for one."""
        return self._due is not None and seq >= self._due

    def late(self, seq: int) -> bool:
        """Whoever appended record `seq` makes one. It is asked again `LOOK_EVERY` records later: it may be in vain."""
        late = self._late
        if late is not None and seq < late:
            return False
        self._late = seq + LOOK_EVERY
        return late is not None
