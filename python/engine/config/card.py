"""The strike card: what a kill needs of the last configuration that was read without fault, in a form that needs no
parser.

Reading TOML costs more time than all of the kill's first strike. So whoever has read the configuration leaves a card in
the state folder: the logins, one a line, the kill's settings, and below them the configuration file itself, byte for
byte. A card is used only if those bytes still equal the file's, so it can be missing or old, and never wrong.

It must import nothing that the interpreter has not loaded already, and never raise: without a card the kill reads the
configuration itself.
"""

from __future__ import annotations

import os

from engine.config.places import state_folder

HEADER = b"quant-engine strike card 1"


class Place:
    """A login as a kill needs it."""

    __slots__ = ("host", "mode", "name", "port")

    def __init__(self, name: str, mode: str, host: str, port: int) -> None:
        self.name, self.mode, self.host, self.port = name, mode, host, port


class KillPlan:
    """All that a kill needs to know before it begins. `faults`: what was wrong with the configuration, in words."""

    __slots__ = ("client_id", "deadline_s", "faults", "places", "watch_s")

    def __init__(self, places: list[Place], client_id: int, deadline_s: float, watch_s: float) -> None:
        self.places = places
        self.client_id = client_id  # the first that is tried
        self.deadline_s = deadline_s
        self.watch_s = watch_s
        self.faults: list[str] = []


def default_plan() -> KillPlan:
    """What holds without a configuration (tests/config/test_reader.py compares it with the model's defaults)."""
    places = [Place("paper", "paper", "127.0.0.1", 7497), Place("live", "live", "127.0.0.1", 7496)]
    return KillPlan(places, 9000, 120.0, 0.0)


def card_file(folder: str | None = None) -> str:
    return os.path.join(folder or state_folder(), "strike-card")


def read_card_for(path: str) -> KillPlan | None:
    """The plan that this configuration file is known to come to, or None when there is no card for its very bytes."""
    try:
        with open(path, "rb", buffering=0) as file:
            config = file.readall()
        with open(card_file(), "rb", buffering=0) as file:
            header, _, rest = file.readall().partition(b"\n")
        listed, _, original = rest.partition(b"\n\n")
        if header != HEADER or original != config:
            return None
        client_id, deadline_s, watch_s, *rows = listed.decode().split("\n")
        places = [Place(name, mode, host, int(port)) for name, mode, host, port in (row.split("\t") for row in rows)]
        return KillPlan(places, int(client_id), float(deadline_s), float(watch_s))
    except (OSError, ValueError):
        return None


def write_card(config: bytes, plan: KillPlan, folder: str | None = None) -> bool:
    """Leave a card for `config`, in the state folder unless another is named.

    False: it could not be written, or the plan has no place in a card.
    """
    texts = [(place.name, place.mode, place.host, str(place.port)) for place in plan.places]
    if not texts or plan.faults or any(sign in text for row in texts for text in row for sign in "\t\n"):
        return False
    lines = [str(plan.client_id), repr(plan.deadline_s), repr(plan.watch_s), *("\t".join(row) for row in texts)]
    card = card_file(folder)
    new = f"{card}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(card), mode=0o700, exist_ok=True)
        with open(new, "wb", opener=_private) as file:
            file.write(HEADER + b"\n" + "\n".join(lines).encode() + b"\n\n" + config)
        os.replace(new, card)  # whole or not at all
    except OSError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
