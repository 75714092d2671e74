"""What a login's state is called on a screen, and how it is painted."""

from __future__ import annotations

from engine.core.restrictions import Kind

WORDS = {
    None: ("MAY TRADE", "bold green"),
    Kind.SIZE_FACTOR: ("MAY TRADE, SMALLER", "bold yellow"),
    Kind.REDUCE_ONLY: ("REDUCE ONLY", "bold yellow"),
    Kind.HALT: ("HALTED", "bold red"),
    Kind.SHUTDOWN: ("SHUT DOWN", "bold red"),
}
