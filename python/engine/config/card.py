"""The strike card: the logins of the last configuration that was read without fault, in a form that needs no parser.

Reading TOML costs more time than all of the kill's first strike. So whoever has read the configuration leaves a card in
the state folder: the logins, one a line, and below them the configuration file itself, byte for byte. A card is used
only if those bytes still equal the file's, so it can be missing or old, and never wrong.

It must import nothing that the interpreter has not loaded already, and never raise: without a card the kill reads the
configuration itself.
"""

from __future__ import annotations

import os

from engine.config.places import state_folder

HEADER = b"quant-engine strike card 1"
FIELDS = 5  # name, mode, host, port, first client id of a kill


def card_file(folder: str | None = None) -> str:
    return os.path.join(folder or state_folder(), "strike-card")


def read_card_for(path: str) -> list[tuple[str, str, str, int, int]] | None:
    """The logins that this configuration file is known to name, or None when there is no card for its very bytes."""
    try:
        with open(path, "rb", buffering=0) as file:
            config = file.readall()
        with open(card_file(), "rb", buffering=0) as file:
            header, _, rest = file.readall().partition(b"\n")
        listed, _, original = rest.partition(b"\n\n")
        if header != HEADER or original != config:
            return None
        rows = [line.decode().split("\t") for line in listed.split(b"\n")]
        return [(name, mode, host, int(port), int(client_id)) for name, mode, host, port, client_id in rows]
    except (OSError, ValueError):
        return None


def write_card(config: bytes, logins: list[tuple[str, str, str, int, int]], folder: str | None = None) -> bool:
    """Leave a card for `config`, in the state folder unless another is named.

    False: it could not be written, or its content has no place in a card.
    """
    rows = ["\t".join(map(str, login)) for login in logins]
    if not rows or any(row.count("\t") != FIELDS - 1 or "\n" in row for row in rows):
        return False
    card = card_file(folder)
    new = f"{card}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(card), mode=0o700, exist_ok=True)
        with open(new, "wb", opener=_private) as file:
            file.write(HEADER + b"\n" + "\n".join(rows).encode() + b"\n\n" + config)
        os.replace(new, card)  # whole or not at all
    except OSError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
