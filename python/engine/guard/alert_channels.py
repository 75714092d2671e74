"""The outside world's side of an alert: Apprise, which knows mail, Telegram, Slack, Pushover and a hundred others."""

from __future__ import annotations

import logging
import urllib.request
from urllib.parse import urlsplit

import apprise

from engine.core.alerting import Message, Severity

PING_S_MAX = 10.0
_KINDS = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}


class AppriseChannel:
    """All configured addresses at once. Errors name an address by its kind alone: the rest of it is secret."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would write addresses
        self._addresses = {f"{number}. {kind_of(url)}": url for number, url in enumerate(urls, start=1)}

    def send(self, message: Message) -> str | None:
        failed = []
        for name, url in self._addresses.items():
            one = apprise.Apprise()
            if not one.add(url):
                failed.append(f"{name}: not an address that Apprise knows")
            elif not one.notify(
                title=f"quant-engine: {message.title}", body=message.text, notify_type=_KINDS[message.severity]
            ):
                failed.append(f"{name}: it was not taken")
        return "; ".join(failed) or None


def kind_of(url: str) -> str:
    """What an address is, without what is secret in it."""
    return urlsplit(url).scheme or "address"


def ping(url: str) -> str | None:
    """Tell a watcher outside that the guard is well. None, or why it could not be told. On a thread."""
    if urlsplit(url).scheme not in ("http", "https"):
        return "the ping's address is neither http nor https"
    try:
        with urllib.request.urlopen(url, timeout=PING_S_MAX) as answer:  # noqa: S310 - the scheme was looked at
            return None if answer.status < 400 else f"answered {answer.status}"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}"
