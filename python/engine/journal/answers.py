"""What `check` has said, for as long as neither the journal nor the clock changes anything about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.restrictions import Scope, State

ALWAYS = float("inf")
SCOPES_MAX = 256  # logins of which the answer is kept


@dataclass(frozen=True, slots=True)
class _Answer:
    """What `check` said, and from when until when the clock changes nothing about it."""

    state: State
    from_ns: float
    until_ns: float


class Answers:
    """By login. Whoever sees that the journal has changed clears them."""

    def __init__(self) -> None:
        self._by_scope: dict[Scope, _Answer] = {}

    def get(self, scope: Scope, now_ns: int) -> State | None:
        """None: it has to be found out."""
        answer = self._by_scope.get(scope)
        return answer.state if answer is not None and answer.from_ns <= now_ns < answer.until_ns else None

    def keep(self, scope: Scope, state: State, from_ns: int | None, until_ns: int | None) -> None:
        if len(self._by_scope) >= SCOPES_MAX:
            self._by_scope.clear()
        since = -ALWAYS if from_ns is None else from_ns
        self._by_scope[scope] = _Answer(state, since, ALWAYS if until_ns is None else until_ns)

    def clear(self) -> None:
        self._by_scope.clear()

    def __len__(self) -> int:
        return len(self._by_scope)
