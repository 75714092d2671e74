"""Times as TWS writes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ZONE = "US/Eastern"
_EASTERN = ZoneInfo("America/New_York")


def local(at_ns: int) -> datetime:
    """The moment in TWS's own time zone, to the second."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).astimezone(_EASTERN)


def handshake_time(at_ns: int) -> str:
    """As in the server's hello: 20260311 10:30:00 EST."""
    return f"{local(at_ns):%Y%m%d %H:%M:%S} EST"


def stamp(at_ns: int) -> str:
    """As in executions: 20260311 10:30:00 US/Eastern."""
    return f"{local(at_ns):%Y%m%d %H:%M:%S} {ZONE}"


def utc_stamp(at_ns: int) -> str:
    """As in headTimestamp: 20240311-14:30:00, in UTC."""
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC):%Y%m%d-%H:%M:%S}"


def minute(at_ns: int) -> str:
    """As in updateAccountTime: 10:30."""
    return f"{local(at_ns):%H:%M}"


def midnight_ns(at_ns: int) -> int:
    """The last midnight in TWS's time zone, how far back reqExecutions reaches."""
    start = local(at_ns).replace(hour=0, minute=0, second=0)
    return int(start.timestamp()) * 1_000_000_000


def parse_filter_time(text: str) -> int | None:
    """The time of an execution filter (yyyymmdd-hh:mm:ss or with a space), or None when it is none."""
    for layout in ("%Y%m%d-%H:%M:%S", "%Y%m%d %H:%M:%S", "%Y%m%d  %H:%M:%S"):
        bare = text.strip()
        body, _, zone = bare.rpartition(" ") if bare.count(" ") > 1 or "/" in bare else (bare, "", "")
        try:
            moment = datetime.strptime(body, layout).replace(tzinfo=_EASTERN if zone != "UTC" else UTC)
        except ValueError:
            continue
        return int(moment.timestamp()) * 1_000_000_000
    return None


def parse_moment(text: str) -> int | None:
    """A time as orders name it, or None: 20260311 15:00:00 US/Eastern, without a zone TWS's own; with "-" UTC."""
    body, _, zone = text.strip().partition(" ")
    where: tzinfo | None
    if "-" in body:
        layout, where = "%Y%m%d-%H:%M:%S", UTC if not zone else None
    else:
        clock, _, name = zone.strip().partition(" ")
        body, layout, where = f"{body} {clock}", "%Y%m%d %H:%M:%S", _zone(name)
    if where is None:
        return None
    try:
        return int(datetime.strptime(body, layout).replace(tzinfo=where).timestamp()) * 1_000_000_000
    except ValueError:
        return None


def _zone(name: str) -> tzinfo | None:
    """The zone of this name; None for one that does not exist."""
    if not name:
        return _EASTERN
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
