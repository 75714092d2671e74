"""The outside world's side of an alert: Apprise, which knows mail, Telegram, Slack, Pushover and a hundred others."""

from __future__ import annotations

import contextlib
import logging
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


class AppriseChannel:
    """One configured address. It is named by its kind alone: the rest of it is secret. When it has taken a message its
    stamp in the state folder is touched, so that it is known to have worked.
    """

    def __init__(self, number: int, url: str, home: Path) -> None:
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would write addresses
        self.name = f"{number}. {kind_of(url)}"
        self._url = url
        self._stamp = stamp_of(url, home)

    def send(self, message: Message) -> str | None:
        one = apprise.Apprise()
        if not one.add(self._url):
            return "not an address that Apprise knows"
        kind = _KINDS[message.severity]
        if not one.notify(title=f"quant-engine: {message.title}", body=message.text, notify_type=kind):
            return "it was not taken"
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
