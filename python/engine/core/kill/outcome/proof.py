"""Is it flat? Two agreeing looks, far enough apart, with nothing in between that says otherwise. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Proof:
    """`proven` stands until a look shows something open; before the result is given a mere hint breaks it too."""

    clean_since_ns: int | None = None  # since when every look showed nothing
    proven: bool = False

    def looked(self, *, clean: bool, begun_ns: int, now_ns: int, gap_ns: int) -> bool:
        """A complete look is judged. True when it has changed what is proven."""
        if not clean:
            self.clean_since_ns = None
            was_proven, self.proven = self.proven, False
            return was_proven
        if self.clean_since_ns is None:
            self.clean_since_ns = now_ns
        elif not self.proven and begun_ns - self.clean_since_ns >= gap_ns:
            self.proven = True
            return True
        return False

    def break_half(self) -> None:
        """The view is broken, or something shows up: half a proof is none."""
        self.clean_since_ns = None

    def withdraw(self) -> None:
        """The same, and the result has not been given yet."""
        self.clean_since_ns = None
        self.proven = False
