"""What a login may be called, and which names are one. Everything that asks "is this that login?" asks here.

Names that differ in capitals alone are one name: whoever types one in a hurry does not look at capitals.

Used on the kill's way to its first byte: it must import nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` has, without loading it
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LENGTH_MAX = 40
CLIENT_ID_MAX = 2_000_000_000  # above it there is room for those that a kill tries one after the other
PLAIN_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_NONE_WRITTEN: Mapping[str, str] = {}


def name_key(name: str) -> str:
    """One text for all spellings that are one name."""
    return name.casefold()


def is_plain(name: str) -> bool:
    """What a configuration may call a login: letters, digits, - and _, and not these two alone."""
    return bool(name.strip("-_")) and len(name) <= LENGTH_MAX and PLAIN_CHARACTERS.issuperset(name)


def is_usable(name: object) -> bool:
    """What a program may call one: whatever can be printed in a line."""
    return isinstance(name, str) and bool(name.strip()) and len(name) <= LENGTH_MAX and name.isprintable()


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, or one made of it, that is usable and that nobody else has."""
    keys = {name_key(each) for each in taken}
    stem = "".join(char if char.isprintable() else "?" for char in name).strip()[:LENGTH_MAX].strip() or "unnamed"
    free, number = stem, 1
    while name_key(free) in keys:
        number += 1
        ending = f"-{number}"
        free = stem[: LENGTH_MAX - len(ending)] + ending
    return free


def called(word: str, names: Iterable[str], written: Mapping[str, str] = _NONE_WRITTEN) -> list[str]:
    """Those of the names that are meant by a word that somebody typed: those written exactly like that, or else those
    that differ in capitals alone. `written`: what a configuration calls some of them, where that was taken twice.
    """
    every = list(names)
    exactly = [name for name in every if word in (name, written.get(name, name))]
    key = name_key(word)
    return exactly or [name for name in every if key in (name_key(name), name_key(written.get(name, name)))]
