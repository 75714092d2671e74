"""Numbers, ports and days as they are typed: what is none is refused with the reason. Pure."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime

SPEED_MIN, SPEED_MAX = 0.1, 1000.0


def count(text: str) -> int:
    """A whole number, 0 or more. Raises argparse.ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def some(text: str) -> int:
    """A whole number, 1 or more. Raises argparse.ArgumentTypeError."""
    number = count(text)
    if not number:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def port(text: str) -> int:
    """A TCP port; 0: any that is free. Raises argparse.ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a whole number to 65535, or 0 for any that is free")
    return int(text)


def minutes(text: str) -> float:
    """How many; parts of one, too. Raises argparse.ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def speed(text: str) -> float:
    """How many times as fast as the clock. Raises argparse.ArgumentTypeError."""
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {SPEED_MIN:g} to {SPEED_MAX:g}")
    return speed


def day(text: str) -> datetime:
    """Its beginning, in UTC. Raises argparse.ArgumentTypeError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None


def day_alone(text: str) -> date:
    """The day itself. Raises argparse.ArgumentTypeError."""
    return day(text).date()
