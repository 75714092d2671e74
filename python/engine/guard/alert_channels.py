"""The outside world's side of an alert: Apprise, which knows mail, Telegram, Slack, Pushover and a hundred others."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import apprise

from engine.core.alerting import Message, Severity
from engine.guard.alert_stamps import kind_of, stamp_of
from engine.temporary import make_private

PING_S_MAX = 10.0
_KINDS = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}

# Of what Apprise logs only these words are passed on: the rest may hold addresses and passwords.
_REASONS = (
    ("certificate verify failed", "its certificate is not trusted"),
    ("wrong_version_number", "it does not speak TLS there"),
    ("wrong version number", "it does not speak TLS there"),
    ("starttls extension not supported", "it offers no TLS"),
    ("authentication", "it does not take the name and password"),
    ("name or service not known", "there is no host of that name"),
    ("nodename nor servname", "there is no host of that name"),
    ("failed to resolve", "there is no host of that name"),
    ("connection refused", "nothing listens there"),
    ("timed out", "it did not answer in time"),
    ("timeout", "it did not answer in time"),  # before what smtplib says as well: closed
    ("connection unexpectedly closed", "it hung up"),
    ("connection aborted", "it hung up"),
    ("connection reset", "it hung up"),
    ("network is unreachable", "the network is not reached"),
)
_ANSWERED = re.compile(r"error=(\d{3})\b")


class _Heard(logging.Handler):
    """Keeps what Apprise logs in the thread that asks for it, and passes it on to nobody."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._here = threading.local()

    def listen(self) -> list[str]:
        lines: list[str] = []
        self._here.lines = lines
        return lines

    def emit(self, record: logging.LogRecord) -> None:
        lines = getattr(self._here, "lines", None)
        if lines is not None and len(lines) < _LINES_MAX:
            lines.append(record.getMessage())


_LINES_MAX = 200
_heard = _Heard()


def why_not_taken(lines: list[str]) -> str:
    """In our own words, of what a channel has logged."""
    text = "\n".join(lines)
    if (answered := _ANSWERED.search(text)) is not None:
        return f"it was not taken: answered {answered[1]}"
    lowered = text.lower()
    found = next((words for mark, words in _REASONS if mark in lowered), None)
    return "it was not taken" if found is None else f"it was not taken: {found}"


def is_known(url: str) -> bool:
    """It is an address in Apprise's notation; whether anything answers there is another matter."""
    _listen_alone()
    return apprise.Apprise.instantiate(url) is not None


def _listen_alone() -> None:
    """Apprise writes addresses into its log: only we hear it."""
    log = logging.getLogger("apprise")
    log.propagate = False
    log.setLevel(logging.DEBUG)
    if _heard not in log.handlers:
        log.addHandler(_heard)


class AppriseChannel:
    """One configured address. It is named by its kind alone: the rest of it is secret. When it has taken a message its
    stamp in the state folder is touched, so that it is known to have worked.
    """

    def __init__(self, number: int, url: str, home: Path) -> None:
        _listen_alone()
        self.name = f"{number}. {kind_of(url)}"
        self._url = url
        self._stamp = stamp_of(url, home)

    def send(self, message: Message) -> str | None:
        one = apprise.Apprise.instantiate(self._url)
        if one is None:
            return "not an address that Apprise knows"
        lines = _heard.listen()  # it sends in this thread
        kind = _KINDS[message.severity]
        try:
            taken = one.notify(title=f"quant-engine: {message.title}", body=message.text, notify_type=kind)
        except Exception as fault:  # somebody else's program, and whatever it raises is no reason to say nothing
            return f"it was not taken: a fault in Apprise ({type(fault).__name__})"
        if not taken:
            return why_not_taken(lines)
        with contextlib.suppress(OSError):  # it was taken all the same
            make_private(self._stamp.parent)
            self._stamp.touch()
        return None


def ping(url: str) -> str | None:
    """Tell a watcher outside that the guard is well. None, or why it could not be told. On a thread."""
    if urlsplit(url).scheme not in ("http", "https"):
        return "the ping's address is neither http nor https"
    try:
        with urllib.request.urlopen(url, timeout=PING_S_MAX) as answer:  # noqa: S310 - the scheme was looked at
            return None if answer.status < 400 else f"answered {answer.status}"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}"
