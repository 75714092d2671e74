"""One closer per login and per account on this machine: a lock that is lost by dying, and can be taken from who hangs.

A lock has generations, each a file of its own. Whoever holds the newest one is the closer. Shutting out a closer that
hangs is making the next generation: he sends inside a gate (`enter`, `leave`), in which he looks for a newer one, and
nobody becomes the closer while somebody is inside. So there are never two, whoever judges wrongly about whom. Only one
who hangs inside, an order half handed over, has to be ended.

The files say who holds what, and whether he moves; what they say never lets anybody send. Must never block.
"""

from __future__ import annotations

import os
import time
from enum import Enum
from pathlib import Path
from weakref import WeakSet

import msgspec

from engine.broker import lock_files
from engine.broker.hung_process import end_holder_of
from engine.broker.life_sign import Answering, Silence, ask, has_struck, left, proven
from engine.broker.lock_files import shared_directory
from engine.core.kill.events import Left

DIGITS_MAX = 5  # of a generation: nobody makes more of them, nor reads them
SWEPT_MAX = 5  # times in a row: a file is taken away once a day at the most
GENERATIONS_MAX = 10**DIGITS_MAX - 1
FENCED = "another kill has taken over the closing"
GATE_BUSY = "another kill is taking over the closing at this moment"
SHUT_OUT = "was shut out"
ENDED = "was ended (SIGKILL)"
_STUCK = b"inside"


class LockState(Enum):
    TAKEN = "taken"
    BUSY = "busy"  # another living process (or another kill in this one) holds it
    UNAVAILABLE = "unavailable"  # no lock can be had on this machine: nobody can be excluded


class LockAnswer(msgspec.Struct, frozen=True):
    """`text`: who holds it, or why there is no lock. `struck`: its holder says that its global cancel has left. `left`:
    how the one has left it who was met there before; None: nobody was. `proven`: the mark that the last holder left who
    was flat, met or not."""

    state: LockState
    text: str = ""
    struck: bool = False
    left: Left | None = None
    proven: bytes = b""


class CloserLock:
    """The lock with the name `key`. `take` may be repeated; `release` is always safe."""

    def __init__(self, key: str, note: str, directory: Path | None = None) -> None:
        self._directory = directory or shared_directory()
        self._key = key
        self._note = note
        self._generation = 0
        self._listed = False
        self._fd: int | None = None
        self._gate: int | None = None
        self._inside = 0
        self._pid = 0
        self._answering: Answering | None = None
        self._silence = Silence()
        self._questions = 0
        self._stuck = False  # the holder before is inside the gate
        self._met = False  # somebody else held it when it was last asked for

    @property
    def path(self) -> Path:
        """The file of the generation that is known to be the newest."""
        return self._path(self._generation)

    @property
    def held(self) -> bool:
        return self._fd is not None and self._pid == os.getpid()  # a fork inherits the file, not the right

    def take(self) -> LockAnswer:
        """Take the lock if it is free."""
        if self.current:
            return LockAnswer(LockState.TAKEN)
        self.release()  # what is left of it, if somebody has taken over
        try:
            self._find_newest()
            answer = self._take_newest()
        except OSError as error:
            return LockAnswer(LockState.UNAVAILABLE, f"{self.path}: {error.strerror or error}")
        self._met = answer.state is LockState.BUSY
        return answer

    def release(self, *, flat: bool = False, proven: bytes = b"") -> None:
        """Give the lock back. `flat`: this kill has proven that, behind trades with the mark `proven`, and nothing of
        its own is under way. The file stays: who removes it has to hold it (`lock_sweep`), or one lock could be split
        into two."""
        if self._answering is not None and self.held:
            self._answering.over(flat=flat, proven=proven)
        fd, self._fd = self._fd, None
        self._answering = None
        if fd is not None:
            os.close(fd)
        self._close_gate()

    # --- the closer's side -------------------------------------------------------------------------
    def enter(self) -> str | None:
        """Begin to hand one order over; `leave` must follow. Otherwise why it must not go, and nothing is held."""
        gate = self._gate
        if gate is None or not self.held:
            return FENCED
        if not self._inside and not _try(gate):
            return GATE_BUSY
        self._inside += 1
        if self.current:
            return None
        self.leave()
        return FENCED

    def leave(self) -> None:
        """The order is out of this process's hands."""
        self._inside -= 1
        if self._inside == 0 and self._gate is not None:
            lock_files.unlock(self._gate)
            if not self.held:
                self._close_gate()

    @property
    def current(self) -> bool:
        """It is held, and nobody has taken over, nor have its files been taken away."""
        if self._fd is None or self._gate is None or not self.held:
            return False
        ours = lock_files.is_still(self._fd, self.path) and lock_files.is_still(self._gate, self._gate_path)
        return ours and not os.path.lexists(self._path(self._generation + 1))

    def show_life(self) -> None:
        """Answer whoever waits. A holder that does not call this is taken to hang."""
        if self._answering is not None and self.held:
            self._answering.answer()

    def mark_struck(self) -> None:
        """Say that the global cancel has left."""
        if self._answering is not None and self.held:
            self._answering.strike()

    # --- the waiting one's side --------------------------------------------------------------------
    def silence_s(self, now_s: float) -> float:
        """Ask its holder whether he moves; how long he has not, by `now_s`, as far as that is certain. One who is shut
        out and still inside cannot be asked: moving is leaving."""
        if self.held:
            return 0.0
        sign = _STUCK if self._stuck else self._ask()
        self._silence = self._silence.seeing(sign, now_s)
        return self._silence.lasted_s

    def shut_out(self) -> str:
        """From now on its holder can begin to send nothing, whenever he wakes; if he is inside, his process is ended.
        Whoever then takes the lock is the closer. Returns what was done; empty: nothing could be."""
        try:
            if self._stuck:
                return ENDED if self._end_who_is_inside() else ""
            if self._generation < GENERATIONS_MAX:
                os.close(lock_files.open_shared(self._path(self._generation + 1)))
                return SHUT_OUT
        except OSError:
            return ""
        return ""

    # --- inside ------------------------------------------------------------------------------------
    def _path(self, generation: int) -> Path:
        return self._directory / (f"{self._key}~{generation}.lock" if generation else f"{self._key}.lock")

    @property
    def _gate_path(self) -> Path:
        return self._directory / f"{self._key}.gate"

    def _find_newest(self) -> None:
        """A directory is read only once: from then on generations come one by one."""
        if not self._listed and self._directory.is_dir():
            names = os.listdir(self._directory)  # noqa: PTH208 there may be thousands
            self._move_to(max((_number(name, self._key) for name in names), default=0))
            self._listed = True
        while os.path.lexists(self._path(self._generation + 1)):
            self._move_to(self._generation + 1)

    def _move_to(self, generation: int) -> None:
        if generation != self._generation:
            self._generation, self._silence, self._stuck = generation, Silence(), False

    def _take_newest(self) -> LockAnswer:
        for _ in range(SWEPT_MAX):
            answer = self._try_newest()
            if answer is not None:
                return answer
            self._find_newest()
        return LockAnswer(LockState.BUSY, "somebody who takes old lock files away")

    def _try_newest(self) -> LockAnswer | None:
        """None: what was opened was taken away before it was had (`lock_sweep`), and its name may mean another file."""
        fd = lock_files.open_shared(self.path)
        try:
            if not lock_files.try_lock(fd):
                answer = LockAnswer(LockState.BUSY, lock_files.read_note(fd), has_struck(fd))
                os.close(fd)
                return answer
            gate = lock_files.open_shared(self._gate_path)
        except OSError:
            os.close(fd)
            raise
        self._stuck = not _drain(gate)
        if self._stuck:
            os.close(gate)
            os.close(fd)
            return LockAnswer(LockState.BUSY, f"{self._who_is_inside()}, stopped in the middle of sending an order")
        if not (lock_files.is_still(fd, self.path) and lock_files.is_still(gate, self._gate_path)):
            os.close(gate)
            os.close(fd)
            return None
        self._fd, self._gate, self._inside, self._pid = fd, gate, 0, os.getpid()
        how, mark = left(fd) if self._met else None, proven(fd)
        lock_files.write_note(fd, f"process {self._pid}, {self._note}")
        self._answering = Answering(fd, (self._pid << 32 ^ time.monotonic_ns()).to_bytes(16, "big")[-8:])
        _HELD.add(self)
        return LockAnswer(LockState.TAKEN, left=how, proven=mark)

    def _who_is_inside(self) -> str:
        """Who stopped with an order in his hands: the holder of the generation before, by his note."""
        try:
            fd = lock_files.open_shared(self._path(max(0, self._generation - 1)))
        except OSError:
            return "an unnamed process"
        try:
            return lock_files.read_note(fd)
        finally:
            os.close(fd)

    def _end_who_is_inside(self) -> bool:
        gate = lock_files.open_shared(self._gate_path)
        try:
            return end_holder_of(gate)
        finally:
            os.close(gate)

    def _ask(self) -> bytes | None:
        self._questions += 1
        try:
            fd = lock_files.open_shared(self.path)
        except OSError:
            return None
        try:
            return ask(fd, self._questions & 0xFFFF_FFFF)
        finally:
            os.close(fd)

    def _close_gate(self) -> None:
        """Not while an order is still in this process's hands: then with `leave`."""
        if self._gate is not None and (not self._inside or self._pid != os.getpid()):
            os.close(self._gate)
            self._gate, self._inside = None, 0


def _try(gate: int) -> bool:
    try:
        return lock_files.try_lock(gate)
    except OSError:
        return False


def _drain(gate: int) -> bool:
    """Nobody who entered before is still inside."""
    if not _try(gate):
        return False
    lock_files.unlock(gate)
    return True


def _number(name: str, key: str) -> int:
    """Which generation of `key` a file is; 0 if it is none. No key has a tilde."""
    inner = name.removeprefix(f"{key}~").removesuffix(".lock")
    numbered = name == f"{key}~{inner}.lock" and inner.isascii() and inner.isdigit() and len(inner) <= DIGITS_MAX
    return int(inner) if numbered else 0


def _release_in_child() -> None:
    """A forked child shares the open file and would keep the lock alive after its parent's death."""
    for lock in tuple(_HELD):
        lock.release()


_HELD: WeakSet[CloserLock] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
