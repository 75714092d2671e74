"""Saying exactly where two messages differ."""

from __future__ import annotations


def difference(ours: bytes, theirs: bytes) -> str:
    """Every field in which two payloads differ, or "" when they are equal."""
    if ours == theirs:
        return ""
    left, right = ours.split(b"\0"), theirs.split(b"\0")
    lines = [f"{len(left) - 1} fields, theirs has {len(right) - 1}"] if len(left) != len(right) else []
    lines += [
        f"field {i}: ours {a!r}, theirs {b!r}" for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b
    ]
    return "\n".join([*lines[:12], f"ours   {ours!r}", f"theirs {theirs!r}"])
