"""Ctrl-C, Ctrl-\\, Ctrl-Z, a closed window and `pkill` during a kill.

A frightened person presses Ctrl-C to make sure; a kill must not die of that. The first press says that the kill goes
on and how to stop it, the second stops it; Ctrl-\\ is the same press. Ctrl-Z would leave it standing with the right to
close in its hand, so it does nothing, and neither does a closed terminal (SIGHUP). SIGTERM stops the kill, but never
silently. It must import nothing that the interpreter has not loaded already: it stands before the kill's first byte.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False  # what `typing` has, without loading it
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
else:
    import _signal  # `signal` itself loads `enum`

EXIT_STOPPED, EXIT_TERMINATED = 130, 143
SAME_PRESS_S = 0.3  # a nervous hand makes two of one press, and a terminal's signal may come through two processes

SENT_MAY_FILL = """\
Closing orders that were sent may still fill. Before you close anything by hand,
cancel them: in TWS, File > Global Cancel. Or run `qe kill` again."""
GOES_ON = """\
The kill goes on. Press Ctrl-C again to stop it: closing orders that were sent
stay at the broker and may still fill."""
STAYS = "Ctrl-Z does nothing here: the kill goes on."
NOTHING_SENT = "Nothing was sent: nothing is cancelled, nothing is closed."
ONLY_THE_CANCEL = """\
No closing order was sent from here. The first global cancel may have been: then
orders are gone, stops too, and positions stand without them. A guard that runs
may go on by itself. Look in TWS, or run `qe kill` again."""
STOPPED = f"STOPPED BY YOU, NOT VERIFIED FLAT.\n{SENT_MAY_FILL}"
TERMINATED = f"STOPPED BY A SIGNAL (SIGTERM), NOT VERIFIED FLAT.\n{SENT_MAY_FILL}"


class Presses:
    """Takes the signals from the moment it is made. `say` and `last_words` are set once there is something to do it."""

    def __init__(self) -> None:
        self.unsaid: list[str] = []  # what was to be said before there was a voice
        self.begun = False  # something is sent from now on, or may be by a guard that is told
        self._say: Callable[[str], None] = self.unsaid.append
        self._last_words: Callable[[str], None] = self._write_last_words
        self._first: float | None = None
        _signal.signal(_signal.SIGINT, self._interrupted)
        _signal.signal(_signal.SIGTERM, self._terminated)
        if hasattr(_signal, "SIGQUIT"):
            _signal.signal(_signal.SIGQUIT, self._interrupted)  # unhandled it ends the kill without a word
            for means_nothing_here in (_signal.SIGUSR1, _signal.SIGUSR2):
                _signal.signal(means_nothing_here, _signal.SIG_IGN)
        if hasattr(_signal, "SIGHUP"):
            _signal.signal(_signal.SIGHUP, _signal.SIG_IGN)
        if hasattr(_signal, "SIGTSTP"):
            _signal.signal(_signal.SIGTSTP, self._suspended)
            for stops_in_the_background in (_signal.SIGTTOU, _signal.SIGTTIN):
                _signal.signal(stops_in_the_background, _signal.SIG_IGN)
        let_in()

    def speak_through(self, say: Callable[[str], None], last_words: Callable[[str], None]) -> None:
        """From now on say things this way; `last_words` must have got them out, and kept a record, when it returns."""
        self._say, self._last_words = say, last_words
        for text in self.unsaid:
            say(text)

    def _interrupted(self, signal: int, frame: object) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
            self._say(GOES_ON)
        elif now - self._first > SAME_PRESS_S:
            self._stop(STOPPED, EXIT_STOPPED)

    def _suspended(self, signal: int, frame: object) -> None:
        self._say(STAYS)

    def _terminated(self, signal: int, frame: object) -> None:
        self._stop(TERMINATED, EXIT_TERMINATED)

    def _stop(self, text: str, code: int) -> None:
        try:
            self._last_words(text)
        finally:
            os._exit(code)  # at once: nothing that is under way may send another order

    def _write_last_words(self, text: str) -> None:
        """Before there is a voice no closing order is sent."""
        text = text.replace(SENT_MAY_FILL, ONLY_THE_CANCEL if self.begun else NOTHING_SENT)
        os.write(2, f"\n{text}\n".encode())


def let_in() -> None:
    """`qe` is started with these held back (scripts/setup_env.py): what was pressed while Python itself was loading is
    heard now, and not with a traceback."""
    if hasattr(_signal, "pthread_sigmask"):
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM))
