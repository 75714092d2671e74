"""How the one who waits for a lock learns that its holder still moves: he asks in the lock's file, the holder answers.

The holder writes only when somebody waits, so that a kill alone never depends on a disk; once, when its global
cancel has left, so that who comes later looks at the orders before taking its closing orders with another one; and
once when it is over, so that nobody waits for what a dead one may have sent last, nor for a feed to show trades behind
which that one was flat. What stands here can make a waiting kill take over (which is safe at any time: see closer_lock)
or not take over, look before it cancels, and count what its own reads show as a proof without these waits; it never
lets anybody send.
"""

from __future__ import annotations

import os

import msgspec

from engine.broker.lock_files import NOTE_BYTES
from engine.core.kill.events import Left

STEP_S_MAX = 0.5  # of the time between two looks: one who was held up himself must not count it as another's silence
_WORD = 8
_MAGIC = b"qe-asks1"  # whoever does not write it knows nothing of questions, and of being fenced
_MAGIC_AT = NOTE_BYTES
_ANSWER_AT = _MAGIC_AT + _WORD
_QUESTION_AT = _ANSWER_AT + _WORD
_STRUCK_AT = _QUESTION_AT + _WORD
_STRUCK = b"struck!\n"
_ENDED = {Left.ENDED: b"ended!!\n", Left.FLAT: b"is flat\n"}


class Silence(msgspec.Struct, frozen=True):
    """How long a holder has not moved, by the clock of the one who waits. Pure.

    `sign` is what its file showed last; None: it shows nothing that could ever change.
    """

    sign: bytes | None = None
    seen_at_s: float = 0.0
    lasted_s: float = 0.0

    def seeing(self, sign: bytes | None, now_s: float) -> Silence:
        """After another look. Anything new is a sign of life, and so is not knowing: nobody is fenced on a guess."""
        if sign is None or sign != self.sign:
            return Silence(sign, now_s, 0.0)
        step_s = min(max(now_s - self.seen_at_s, 0.0), STEP_S_MAX)
        return Silence(sign, now_s, self.lasted_s + step_s)


class Answering:
    """The holder's side."""

    def __init__(self, fd: int, first: bytes) -> None:
        """`first` must differ from what the last holder answered."""
        self._fd = fd
        self._answered = b""
        _put(fd, _MAGIC + first[:_WORD].ljust(_WORD, b"\0"), _MAGIC_AT)

    def answer(self) -> None:
        """Answer if there is a new question."""
        question = _get(self._fd, _WORD, _QUESTION_AT)
        if question and question != self._answered and _put(self._fd, question, _ANSWER_AT):
            self._answered = question

    def strike(self) -> None:
        """The global cancel of this kill has left."""
        _put(self._fd, _STRUCK, _STRUCK_AT)

    def over(self, *, flat: bool, proven: bytes = b"") -> None:
        """This kill is over: whoever comes now is the first again, and whoever waits need not take it for dead.
        `proven`: at most eight bytes, which the next one reads where it was flat."""
        _put(self._fd, _ENDED[Left.FLAT if flat else Left.ENDED] + proven[:_WORD].ljust(_WORD, b"\0"), _STRUCK_AT)


def has_struck(fd: int) -> bool:
    """Does its holder say that its global cancel has left?"""
    return _get(fd, _WORD, _STRUCK_AT) == _STRUCK


def left(fd: int) -> Left:
    """How its last holder left it, before the next one writes anything there."""
    said = _get(fd, _WORD, _STRUCK_AT)
    return next((how for how, word in _ENDED.items() if said == word), Left.DEAD)


def proven(fd: int) -> bytes:
    """The mark of the trades behind which its last holder was flat, by his word; empty: he was not, or left none."""
    said = _get(fd, 2 * _WORD, _STRUCK_AT)
    mark = said[_WORD:]
    return mark if said[:_WORD] == _ENDED[Left.FLAT] and len(mark) == _WORD and any(mark) else b""


def ask(fd: int, question: int) -> bytes | None:
    """The waiting one's side: what the holder shows now, with a new question left for it."""
    shown = _get(fd, _QUESTION_AT, 0)
    if len(shown) < _QUESTION_AT or shown[_MAGIC_AT:_ANSWER_AT] != _MAGIC:
        return None
    asked = (os.getpid() << 32 | question) & 0xFFFF_FFFF_FFFF_FFFF
    return shown if _put(fd, asked.to_bytes(_WORD, "big"), _QUESTION_AT) else None


if hasattr(os, "pread"):

    def _get(fd: int, size: int, at: int) -> bytes:
        try:
            return os.pread(fd, size, at)
        except OSError:
            return b""

    def _put(fd: int, data: bytes, at: int) -> bool:
        try:
            return os.pwrite(fd, data, at) == len(data)
        except OSError:
            return False

else:  # Windows

    def _get(fd: int, size: int, at: int) -> bytes:
        try:
            os.lseek(fd, at, os.SEEK_SET)
            return os.read(fd, size)
        except OSError:
            return b""

    def _put(fd: int, data: bytes, at: int) -> bool:
        try:
            os.lseek(fd, at, os.SEEK_SET)
            return os.write(fd, data) == len(data)
        except OSError:
            return False
