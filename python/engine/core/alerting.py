"""Which alert is told when: at once, again until somebody acknowledges it, and never as a flood. Pure.

An alert has a key: what is told under the same key while it stands is one thing, told once and then repeated. What an
alert is about may grow while it stands: what has come is told anew, whoever has acknowledged the rest.

The messages of a minute are bounded, and nothing new waits for the minute's end all the same: the first few have a
message each, and what comes behind them is gathered, so many seconds' worth in one. The places of a minute suffice for
that whatever comes (`AlertSettings.gather_ns`). Must never hold back the first word of something critical for what is
not, nor drop anything without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from engine.core.limit_rules import SECOND_NS

MINUTE_NS = 60 * SECOND_NS
NEWS_SOON_NS = 4 * SECOND_NS  # so long after a message of the same alert what has come to it is told
NEWS_AFTER_NS = 30 * SECOND_NS  # so long where it has had several lately: who trades fast is told of in one
NEWS_BURST, NEWS_WINDOW_NS = 4, 2 * MINUTE_NS  # several, lately
GATHERED_MAX = 25  # alerts in one message
GATHERED_TEXT_MAX = 3_500  # characters of them, the same for each; messengers take about 4,000
TEXT_MAX = 2_000  # characters of those that do not last and go by one key
STANDING_MAX = 1_000  # alerts that are kept: more different ones are one alert that there are too many


class Severity(IntEnum):
    """How grave; the greater the graver."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`repeat_after_ns` None: told once. `reserved`: so many places are kept for what is critical."""

    repeat_after_ns: int | None = 300 * SECOND_NS
    messages_per_minute: int = 20
    reserved: int = 3

    def __post_init__(self) -> None:
        later = self.repeat_after_ns is None or self.repeat_after_ns > 0
        if not later or not 0 <= self.reserved < self.messages_per_minute:
            raise ValueError("a minute has room for a message that is not critical, and a repetition comes later")

    def singly(self, severity: Severity) -> int:
        """While a minute has had fewer messages than this, one of such gravity has a message to itself."""
        few = max(1, (self.messages_per_minute - self.reserved) // 5)
        return few + self.reserved if severity is Severity.CRITICAL else few

    @property
    def gather_ns(self) -> int:
        """So long after the last message one leaves with all that has come meanwhile: the places that single messages
        leave of a minute suffice for that, so nothing new waits longer.
        """
        return MINUTE_NS // max(1, self.messages_per_minute - self.singly(Severity.CRITICAL))


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person has to know. `lasting`: it stands until it is cleared, and is repeated until it is
    acknowledged; otherwise it is told once. `about`: what it names, if that may change while it stands.
    """

    key: str
    severity: Severity
    title: str
    text: str
    lasting: bool = True
    about: frozenset[str] = frozenset()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is not over. `told_ns` None: it waits for room. `told`: how often; `since_ns`: when it began.
    `news`: it is about something that nobody was told of yet; `news_ns`: when such was told lately.
    """

    alert: Alert
    since_ns: int
    told_ns: int | None = None
    told: int = 0
    acknowledged: str = ""  # by whom
    news: bool = False
    news_ns: tuple[int, ...] = ()

    def due(self, settings: AlertSettings, now_ns: int, *, along: bool = False) -> bool:
        """`along`: together with others, so it waits for no more of its own kind."""
        if self.told_ns is None:
            return True
        if self.news:
            if len(self._told_lately(now_ns)) >= NEWS_BURST:
                return now_ns - self.told_ns >= NEWS_AFTER_NS
            return along or now_ns - self.told_ns >= NEWS_SOON_NS
        if self.acknowledged or settings.repeat_after_ns is None or not self.alert.lasting:
            return False
        return now_ns - self.told_ns >= settings.repeat_after_ns

    def now_told(self, now_ns: int) -> Standing:
        news_ns = (*self._told_lately(now_ns), now_ns) if self.news else self.news_ns
        return msgspec.structs.replace(self, told_ns=now_ns, told=self.told + 1, news=False, news_ns=news_ns)

    def _told_lately(self, now_ns: int) -> tuple[int, ...]:
        return tuple(at_ns for at_ns in self.news_ns if now_ns - at_ns < NEWS_WINDOW_NS)


class Message(msgspec.Struct, frozen=True):
    """What is to be sent now."""

    severity: Severity
    title: str
    text: str


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """All that stands, and when the last messages were sent."""

    standing: Mapping[str, Standing] = {}
    sent_ns: tuple[int, ...] = ()
    waiting: int = 0  # how many could not be sent for want of room when it was last looked

    def told(self, alert: Alert, now_ns: int) -> Alerting:
        """Something is the matter. If it is graver than before, or about more, or goes by another title, it is told
        anew, acknowledged or not.
        """
        before = self.standing.get(alert.key)
        if before is None:
            found = Standing(alert=alert, since_ns=now_ns)
        elif alert.severity > before.alert.severity or alert.title != before.alert.title:
            found = msgspec.structs.replace(before, alert=alert, told_ns=None, told=0, acknowledged="")
        elif alert.about - before.alert.about:
            since_ns = now_ns if before.acknowledged else before.since_ns  # of this nobody has been silent yet
            found = msgspec.structs.replace(before, alert=alert, news=True, acknowledged="", since_ns=since_ns)
        else:
            found = msgspec.structs.replace(before, alert=_both(before.alert, alert))
        return self._with(_bounded({**self.standing, alert.key: found}, alert.key))

    def cleared(self, key: str, text: str, now_ns: int) -> Alerting:
        """It is over. Whoever was told of it is told that, once. What nobody was told of yet is forgotten, unless it is
        critical: then both are told in one.
        """
        before = self.standing.get(key)
        if before is None or not before.alert.lasting:
            return self
        rest = {name: one for name, one in self.standing.items() if name != key}
        if before.told_ns is None and before.alert.severity is not Severity.CRITICAL:
            return self._with(rest)
        severity, title, what = Severity.INFO, f"Over: {before.alert.title}", text
        if before.told_ns is None:
            severity, title = Severity.CRITICAL, before.alert.title
            what = f"{before.alert.text}\n(over already: {text})"
        over = Alert(key=f"{key} (over)", severity=severity, title=title, text=what, lasting=False)
        return self._with(_bounded({**rest, over.key: Standing(alert=over, since_ns=now_ns)}, over.key))

    def acknowledged(self, key: str | None, who: str) -> tuple[Alerting, tuple[str, ...]]:
        """Somebody has seen it (None: all of it): it is not repeated. Returns the keys that this was true of."""
        keys = tuple(
            name
            for name, one in self.standing.items()
            if key in (None, name) and one.alert.lasting and not one.acknowledged
        )
        changed = {name: msgspec.structs.replace(self.standing[name], acknowledged=who) for name in keys}
        return self._with({**self.standing, **changed}), keys

    def unacknowledged_since(self, severity: Severity) -> int | None:
        """Since when something of this severity, or graver, has stood without anybody having seen it."""
        since = [one.since_ns for one in self._open() if one.alert.severity >= severity]
        return min(since, default=None)

    def _open(self) -> tuple[Standing, ...]:
        return tuple(one for one in self.standing.values() if one.alert.lasting and not one.acknowledged)

    def due(self, settings: AlertSettings, now_ns: int) -> tuple[Alerting, tuple[Message, ...]]:
        """What is to be sent now: the gravest first, then the oldest."""
        recent = [at_ns for at_ns in self.sent_ns if 0 <= now_ns - at_ns < MINUTE_NS]
        wanted = [(key, one) for key, one in self.standing.items() if one.due(settings, now_ns)]
        if wanted and len(recent) >= settings.singly(Severity.INFO):  # whatever leaves takes along what has come
            wanted = [(key, one) for key, one in self.standing.items() if one.due(settings, now_ns, along=True)]
        wanted.sort(key=lambda pair: (pair[1].told_ns is not None, -pair[1].alert.severity, pair[1].since_ns))
        standing, waiting = dict(self.standing), len(wanted)
        messages: list[Message] = []
        for place in range(len(wanted)):
            now = _fitting([one for _, one in wanted[place:]], recent, settings, now_ns)
            if not now:
                break
            messages.append(_message(now[0], now_ns) if len(now) == 1 else _gathered(now, len(wanted) - place, now_ns))
            recent.append(now_ns)
            waiting -= len(now)
            for key, one in wanted[place : place + len(now)]:
                if one.alert.lasting:
                    standing[key] = one.now_told(now_ns)
                else:
                    del standing[key]
            if len(now) > 1:
                break
        return Alerting(standing=standing, sent_ns=tuple(recent), waiting=waiting), tuple(messages)

    def _with(self, standing: Mapping[str, Standing]) -> Alerting:
        return msgspec.structs.replace(self, standing=standing)


def _both(before: Alert, alert: Alert) -> Alert:
    """Two that are told once, and of which the first waits for its message still, are told in one."""
    if before.lasting or alert.lasting:
        return alert
    if alert.text in before.text.splitlines():
        return before
    text = before.text.removesuffix("\n…")
    more = alert.text if len(text) + len(alert.text) < TEXT_MAX else "…"
    return msgspec.structs.replace(alert, text=f"{text}\n{more}")


def _fitting(wanted: list[Standing], recent: list[int], settings: AlertSettings, now_ns: int) -> list[Standing]:
    """What the next message is of. Where the second has no place of its own the rest goes with the first."""
    has_place = len(recent) < settings.singly(wanted[0].alert.severity)
    if has_place and (len(wanted) == 1 or len(recent) + 1 < settings.singly(wanted[1].alert.severity)):
        return wanted[:1]
    is_time = not recent or now_ns - recent[-1] >= settings.gather_ns
    has_room = len(recent) < settings.messages_per_minute
    return wanted[:GATHERED_MAX] if has_room and (has_place or is_time) else []


def _gathered(told: list[Standing], wanted: int, now_ns: int) -> Message:
    messages = [_message(one, now_ns) for one in told]
    each = GATHERED_TEXT_MAX // len(told)
    lines = [_shortened(f"- {message.title}: {' '.join(message.text.split())}", each) for message in messages]
    if wanted > len(told):
        lines.append(f"{wanted - len(told)} more wait: qe status shows them")
    severity = max(message.severity for message in messages)
    return Message(severity, f"{messages[0].title} (and {wanted - 1} more)", "\n".join(lines))


def _shortened(line: str, length: int) -> str:
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _message(one: Standing, now_ns: int) -> Message:
    alert = one.alert
    if not one.told:
        return Message(alert.severity, alert.title, alert.text)
    if one.news:
        return Message(alert.severity, f"More: {alert.title}", alert.text)
    minutes = (now_ns - one.since_ns) // MINUTE_NS
    return Message(alert.severity, f"Still: {alert.title}", f"{alert.text}\n(for {minutes} min; qe ack stops this)")


def _bounded(standing: dict[str, Standing], newest: str) -> dict[str, Standing]:
    """Of too many the mildest that was told longest ago goes; the newest stays."""
    if len(standing) <= STANDING_MAX:
        return standing
    others = [
        (one.alert.severity, one.told_ns is None, one.since_ns, key) for key, one in standing.items() if key != newest
    ]
    _, _, _, gone = min(others)
    return {key: one for key, one in standing.items() if key != gone}
