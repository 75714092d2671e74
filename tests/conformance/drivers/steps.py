"""A session in steps: calls, then a wait until certain things were heard; what was heard before does not count.

Runs inside each client's environment, so it must import nothing but the standard library.
"""


def matches(event, name, arguments):
    """An event, and what is waited for: `{"names": [...], "args": {place: [any of these values]}}`."""
    if name not in event["names"]:
        return False
    return all(arguments[int(place)] in values for place, values in event["args"].items())


class Waiting:
    """Which of a step's events are still to come. `then` is called when all are there."""

    def __init__(self, events, then):
        self._events = list(events)
        self._then = then
        if not self._events:
            then()

    def hear(self, name, arguments):
        before = len(self._events)
        self._events = [event for event in self._events if not matches(event, name, arguments)]
        if before and not self._events:
            self._then()
