"""Signed sessions, the tokens of forms, and the tokens of programs. Pure but for the list that says what has ended.

A session is good until its time is over, its user has another password, or he has logged out: then its number is on the
list of those that have ended, which outlives the cockpit. So a cookie that was copied is worth nothing afterwards.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import TypeVar

import msgspec
from itsdangerous import BadSignature, Signer

from engine.web import private_files
from engine.web.access import Role

ENDED_FILE = "ended.json"
TOKENS_FILE = "tokens.json"
TEXT_LENGTH_MAX = 2048
SECOND_NS = 1_000_000_000
T = TypeVar("T")


class Session(msgspec.Struct, frozen=True):
    """What the cookie says. `user` empty: nobody has logged in, and the page's forms are bound to this browser."""

    id: str
    user: str
    generation: int
    until_ns: int


class Token(msgspec.Struct, frozen=True):
    """What a program shows. `may`: viewer, operator; halt or kill, for the webhook; heartbeat, for that alone.
    `logins` (): all of them.
    """

    id: str
    name: str
    may: str
    logins: tuple[str, ...] = ()

    @property
    def role(self) -> Role | None:
        """The role it has in the API; None: it has none there."""
        return Role(self.may) if self.may in ("viewer", "operator") else None


class Seals:
    """Signs and checks. Two kinds of things that are signed are never taken for each other."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def seal(self, kind: str, value: msgspec.Struct) -> str:
        text = msgspec.json.encode(value).hex()
        sealed: str = self._signer(kind).sign(text).decode()
        return sealed

    def open(self, kind: str, text: str, shape: type[T]) -> T | None:
        """None: it is not ours, or has been changed."""
        if len(text) > TEXT_LENGTH_MAX:
            return None
        try:
            return msgspec.json.decode(bytes.fromhex(self._signer(kind).unsign(text).decode()), type=shape)
        except (BadSignature, ValueError, msgspec.DecodeError):
            return None

    def form_token(self, session_id: str) -> str:
        """What every form of a session carries, and no other site can know."""
        return hmac.new(self._secret, b"form:" + session_id.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, session_id: str, told: str) -> bool:
        return bool(session_id) and hmac.compare_digest(self.form_token(session_id).encode(), told.encode())

    def mark(self, session_id: str, text: str) -> str:
        """What shows that we have said this, to this browser."""
        return hmac.new(self._secret, f"said:{session_id}:{text}".encode(), hashlib.sha256).hexdigest()

    def is_mark(self, session_id: str, text: str, told: str) -> bool:
        return hmac.compare_digest(self.mark(session_id, text).encode(), told.encode())

    def _signer(self, kind: str) -> Signer:
        return Signer(self._secret, salt=f"quant-engine cockpit {kind}", key_derivation="hmac", digest_method=_sha256)


def _sha256(data: bytes = b"") -> object:
    return hashlib.sha256(data)


def new_session(user: str, generation: int, *, now_ns: int, hours: float) -> Session:
    return Session(secrets.token_hex(16), user, generation, now_ns + round(hours * 3600 * SECOND_NS))


class Ended:
    """The sessions that were logged out before their time. Kept until they would be over anyway."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ENDED_FILE
        self._ended: dict[str, int] = private_files.read(self._path, dict[str, int]) or {}

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._ended

    def add(self, session: Session, now_ns: int) -> None:
        """Raises OSError: it holds for this process all the same."""
        self._ended = {one: until for one, until in self._ended.items() if until > now_ns}
        self._ended[session.id] = session.until_ns
        private_files.write(self._path, msgspec.json.encode(self._ended))


class Tokens:
    """The tokens of programs that are good: one that is not on the list is none, however well it is signed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / TOKENS_FILE

    def all(self) -> dict[str, Token]:
        return private_files.read(self._path, dict[str, Token]) or {}

    def add(self, name: str, may: str, logins: tuple[str, ...]) -> Token:
        token = Token(secrets.token_hex(8), name, may, logins)
        self._write({**self.all(), token.id: token})
        return token

    def remove(self, token_id: str) -> bool:
        tokens = self.all()
        if tokens.pop(token_id, None) is None:
            return False
        self._write(tokens)
        return True

    def _write(self, tokens: dict[str, Token]) -> None:
        private_files.write(self._path, msgspec.json.encode(tokens))
