"""Times as TWS writes them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

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
