"""Is a kill of a login at work already? A glance at the closers' lock files, so that a later press does not undo it.

A global cancel takes the closing orders of the first kill with it. So where a living process says in the lock's file
that it closes this login and that its own global cancel has left, the first strike leaves its own to the kill behind
it, which asks for the lock and looks at the orders before it cancels.

Whatever is unclear, late or wrong means no: then the cancel leaves at once. What is read here lets nobody send
anything. It must never import what is not already in the interpreter, wait for a disk that hangs (a thread looks, and
gets a tenth of a second in all), take a lock, write, or raise.
"""

from __future__ import annotations

import _thread
import os

from engine.hosts import LOOPBACK, host_key

DIRECTORY = "/tmp/quant-engine-locks"  # noqa: S108 as in engine.broker.lock_files (tests/cli/test_kill_under_way.py)
NOTE_BYTES, STRUCK_AT, STRUCK = 512, 536, b"struck!\n"  # as in engine.broker.life_sign
GENERATION_DIGITS_MAX = 5
PATIENCE_S = 0.1  # as a rule the look is over before TWS is ready; on a machine that is overloaded it is not


class Glance:
    """Contains the places (host, port) of which somebody says so."""

    def __init__(self, places: list[tuple[str, int]], directory: str = DIRECTORY) -> None:
        self._found: set[tuple[str, int]] = set()
        self._looking = _thread.allocate_lock()
        self._over = os.name != "posix"
        if self._over:
            return
        self._looking.acquire()
        try:
            _thread.start_new_thread(self._run, (places, directory))
        except RuntimeError:
            self._over = True  # no more threads to be had

    def __contains__(self, place: object) -> bool:
        """Asked when TWS is ready. Only the first who asks waits, and not for long."""
        if not self._over:
            self._looking.acquire(timeout=PATIENCE_S)
            self._over = True
        return place in self._found

    def _run(self, places: list[tuple[str, int]], directory: str) -> None:
        try:
            self._look(places, directory)
        finally:
            self._looking.release()

    def _look(self, places: list[tuple[str, int]], directory: str) -> None:
        try:
            names = os.listdir(directory)  # noqa: PTH208 pathlib is not loaded yet
        except OSError:
            return
        for place in places:
            key = key_of(*place)
            if key and says_so(directory, newest(key, names)):
                self._found.add(place)


def key_of(host: str, port: int) -> str:
    """The name of the lock of a login, as in engine.broker.lock_names; empty where that would take too long to say."""
    name = host_key(host)
    plain = name == LOOPBACK or (name.isascii() and name.replace(".", "").isdigit())
    return f"{name}-{port}" if plain else ""


def newest(key: str, names: list[str]) -> str:
    """The file of its newest generation, as in engine.broker.closer_lock."""
    numbers = [name[len(key) + 1 : -len(".lock")] for name in names if name.startswith(f"{key}~")]
    known = [int(number) for number in numbers if number.isdigit() and len(number) <= GENERATION_DIGITS_MAX]
    return f"{key}~{max(known)}.lock" if known else f"{key}.lock"


def says_so(directory: str, name: str) -> bool:
    """Does a process that lives say there that it closes, and that its global cancel has left?"""
    try:
        fd = os.open(f"{directory}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            said = os.pread(fd, STRUCK_AT + len(STRUCK), 0)
        finally:
            os.close(fd)
    except OSError:
        return False
    words = said[:NOTE_BYTES].split()
    if said[STRUCK_AT:] != STRUCK or words[:1] != [b"process"]:
        return False
    number = words[1].rstrip(b",") if len(words) > 1 else b""
    return number.isdigit() and lives(int(number))


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (OSError, OverflowError):
        return False
    return True
