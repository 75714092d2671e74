"""Can the login be reached, and the servers behind TWS? When to try again, and when it is unreachable. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.kill.events import Trouble
from engine.core.kill.settings import MS, SECOND, KillSettings

RETRIES_NS = (
    100 * MS,
    200 * MS,
    400 * MS,
    800 * MS,
    SECOND,
)  # after the first loss, the second …; the last for all more
SHORT_TOLD = 3  # connections in a row that end at once, until the next one is no news
STOOD_NS = SECOND  # a connection that was there for so long


@dataclass(slots=True)
class Reach:
    """`trouble` says in words why what is seen now cannot be believed; empty when it can."""

    connected: bool = False
    ever_connected: bool = False
    link_up: bool = True  # TWS's link to IBKR, as far as TWS tells
    trouble: str = ""
    standing_ns: int | None = None  # since when a connection stands that TWS has not let in yet
    _counted_ns: int = 0  # patience counts from here, if that is later than the press
    _retry_ns: int | None = None
    _tries: int = 0  # since a connection last stood
    _came_ns: int = 0
    _short: int = 0  # connections in a row that did not stand
    _lost_for: str = ""  # why the last connection ended, or was not had
    _refused: bool = False  # nothing listens there
    _full: bool = False  # TWS answers, and every client id is in use: one may be given back at any moment
    _stood: bool = False  # TWS had accepted a connection, and did not hang up at once, or it took a global cancel

    @property
    def healthy(self) -> bool:
        return self.connected and self.link_up

    def came(self, now_ns: int) -> bool:
        """Connected. A link that is down is told right behind it. True when that is news: where each one ends
        at once the next is none."""
        self.connected = self.ever_connected = self.link_up = True
        self.trouble = ""
        self._retry_ns = None
        self._came_ns = now_ns
        return self._short < SHORT_TOLD

    def stands(self, now_ns: int) -> None:
        """TWS has accepted a connection, answered or not: it is waited for as long as that stands. Somebody may be on
        the way to the dialog that is shown for it."""
        if self.standing_ns is None:
            self.standing_ns = now_ns

    def answered(self, now_ns: int) -> None:
        """The handshake is answered: TWS is there. Should nothing listen any more, it is being restarted."""
        self.stands(now_ns)
        self._stood = True

    def struck(self) -> None:
        """TWS has let a connection in and took a global cancel, before this kill had begun."""
        self._stood = True

    def waits(self, text: str, now_ns: int) -> bool:
        """Such a connection is stayed on. True when the reason is news."""
        self.stands(now_ns)
        news = text != self.trouble
        self.trouble = text
        return news

    def went(self, trouble: Trouble, text: str, now_ns: int) -> bool:
        """Lost, or not reached. True when that is news: the same failure over and over is said once, also where TWS
        lets every connection in and ends it at once."""
        text = text or trouble.value
        if self.connected:
            stood = now_ns - self._came_ns >= STOOD_NS
            self._tries, self._short = (0, 0) if stood else (self._tries, self._short + 1)
        news = self._tries == 0 or text != self._lost_for
        self._lost_for = text
        self.connected = False
        if self.standing_ns is not None and now_ns - self.standing_ns >= STOOD_NS:
            self._counted_ns = now_ns  # it stood: TWS was there until now. One that hangs up at once was not
            self._stood = True
        self.standing_ns = None
        self.trouble = text
        self._refused = trouble is Trouble.REFUSED
        self._full = trouble is Trouble.CLIENT_IDS_BUSY
        self._retry_ns = now_ns + RETRIES_NS[min(self._tries, len(RETRIES_NS) - 1)]
        self._tries += 1
        return news

    def linked(self, up: bool, code: int) -> bool:
        """TWS says how its link stands. True when that has changed."""
        if up == self.link_up:
            return False
        self.link_up = up
        self.trouble = "" if up else f"TWS has lost its link to IBKR ({code}): what it shows now proves nothing"
        return True

    def retry_due(self, now_ns: int) -> bool:
        """Is it time to connect again? Asked and answered once for each loss."""
        if self._retry_ns is None or now_ns < self._retry_ns:
            return False
        self._retry_ns = None
        return True

    def given_up(self, now_ns: int, pressed_ns: int, settings: KillSettings) -> bool:
        """Never reached, and tried for long enough since the press; where nothing listens at all that is sooner. Where
        nothing listens any more TWS is being restarted: that is waited for until the deadline, and so is one that
        answers that every client id is in use."""
        if self.ever_connected or self.standing_ns is not None or self._tries == 0:
            return False
        if self._full or (self._stood and self._refused):
            return False
        patience_ns = settings.connect_patience_ns
        if self._refused:
            patience_ns = min(patience_ns, settings.refused_patience_ns)
        return now_ns - max(pressed_ns, self._counted_ns) >= patience_ns
