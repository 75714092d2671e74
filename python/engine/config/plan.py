"""What a kill needs of a configuration, and what holds without one.

Used on the kill's way to its first byte: it must import nothing.
"""

from __future__ import annotations


class Place:
    """A login as a kill needs it. `mode_known`: the configuration says which mode it is; it is only shown."""

    __slots__ = ("host", "mode", "mode_known", "name", "port")

    def __init__(self, name: str, mode: str, host: str, port: int, *, mode_known: bool = True) -> None:
        self.name, self.mode, self.host, self.port = name, mode, host, port
        self.mode_known = mode_known


class KillPlan:
    """All that a kill needs to know before it begins.

    `faults`: what was wrong with the configuration, in words. `unusable`: the logins it names without saying for
    certain where they are, by name, each with the reason. `unread`: why there may be logins that nobody knows of;
    empty: there are none. `stand_ins`: the places that are defaults, put in for what could not be read, by name.
    `doubtful`: the places that are used as they read, and may be meant to be elsewhere, by name, each with the reason.
    `written`: what the configuration calls a login that goes by another name here, because its own was taken.
    """

    __slots__ = (
        "client_id",
        "deadline_s",
        "doubtful",
        "faults",
        "market_patience_s",
        "places",
        "stand_ins",
        "take_over_s",
        "unread",
        "unusable",
        "watch_s",
        "written",
    )

    def __init__(
        self,
        places: list[Place],
        client_id: int,
        deadline_s: float,
        watch_s: float,
        market_patience_s: float,
        take_over_s: float,
    ) -> None:
        self.places = places
        self.client_id = client_id  # the first that is tried
        self.deadline_s = deadline_s
        self.watch_s = watch_s
        self.market_patience_s = market_patience_s
        self.take_over_s = take_over_s
        self.faults: list[str] = []
        self.unusable: dict[str, str] = {}
        self.unread = ""
        self.stand_ins: set[str] = set()
        self.doubtful: dict[str, str] = {}
        self.written: dict[str, str] = {}


def default_plan() -> KillPlan:
    """What holds without a configuration. The model's defaults are the same (tests/config/test_quick.py)."""
    places = [Place("paper", "paper", "127.0.0.1", 7497), Place("live", "live", "127.0.0.1", 7496)]
    return KillPlan(places, 9000, 120.0, 0.0, 5.0, 3.0)
