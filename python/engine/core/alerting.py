"""Which alert is told when: at once, again until somebody acknowledges it, and never as a flood. Pure.

An alert has a key: what is told under the same key while it stands is one thing, told once and then repeated. The
messages of a minute are bounded; what does not fit waits, the gravest first, and nothing is dropped without a word.
What an alert is about may grow while it stands: what has come is told anew, whoever has acknowledged the rest.
Must never hold back the first word of something critical for what is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from engine.core.limit_rules import SECOND_NS

MINUTE_NS = 60 * SECOND_NS
NEWS_AFTER_NS = 30 * SECOND_NS  # so long after a message of the same alert: who trades fast is told of in one
STANDING_MAX = 1_000  # alerts that are kept: more different ones are one alert that there are too many


class Severity(IntEnum):
    """How grave; the greater the graver."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`repeat_after_ns` None: told once. `reserved`: of the messages of a minute only critical ones get the last so
    many.
    """

    repeat_after_ns: int | None = 300 * SECOND_NS
    messages_per_minute: int = 10
    reserved: int = 3

    def __post_init__(self) -> None:
        later = self.repeat_after_ns is None or self.repeat_after_ns > 0
        if not later or not 0 <= self.reserved < self.messages_per_minute:
            raise ValueError("a minute has room for a message that is not critical, and a repetition comes later")


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
    `news`: it is about something that nobody was told of yet.
    """

    alert: Alert
    since_ns: int
    told_ns: int | None = None
    told: int = 0
    acknowledged: str = ""  # by whom
    news: bool = False

    def due(self, settings: AlertSettings, now_ns: int) -> bool:
        if self.told_ns is None:
            return True
        if self.news:
            return now_ns - self.told_ns >= NEWS_AFTER_NS
        if self.acknowledged or settings.repeat_after_ns is None or not self.alert.lasting:
            return False
        return now_ns - self.told_ns >= settings.repeat_after_ns


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
            found = msgspec.structs.replace(before, alert=alert)
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
        wanted.sort(key=lambda pair: (pair[1].told_ns is not None, -pair[1].alert.severity, pair[1].since_ns))
        standing = dict(self.standing)
        messages: list[Message] = []
        for key, one in wanted:
            critical = one.alert.severity is Severity.CRITICAL
            room = settings.messages_per_minute - (0 if critical else settings.reserved)
            if len(recent) >= room:
                continue
            recent.append(now_ns)
            messages.append(_message(one, now_ns))
            if one.alert.lasting:
                standing[key] = msgspec.structs.replace(one, told_ns=now_ns, told=one.told + 1, news=False)
            else:
                del standing[key]
        waiting = len(wanted) - len(messages)
        return Alerting(standing=standing, sent_ns=tuple(recent), waiting=waiting), tuple(messages)

    def _with(self, standing: Mapping[str, Standing]) -> Alerting:
        return msgspec.structs.replace(self, standing=standing)


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
