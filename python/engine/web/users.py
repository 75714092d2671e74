"""Who may log in: a name, a role, and a password of which only the argon2 hash is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from engine.web import private_files
from engine.web.access import Role

FILE = "users.json"
PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 256
NAME_LENGTH_MAX = 64
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$lCHyGcc4mHVVbDQ2AYw0VnZ2Zq1V0ZV3zTuxeVPbkEw"


class BadUser(Exception):
    """It was not done; the text says why."""


class User(msgspec.Struct, frozen=True):
    """`generation` grows with each new password: sessions of an older one are over."""

    name: str
    role: Role
    hash: str
    generation: int = 1


class Users:
    """The file, read anew each time it has changed: a user who was removed is out at once."""

    def __init__(self, folder: Path, hasher: PasswordHasher | None = None) -> None:
        self._path = folder / FILE
        self._hasher = hasher or PasswordHasher()
        self._stamp: tuple[int, int] | None = None
        self._users: dict[str, User] = {}

    def all(self) -> dict[str, User]:
        """By name. Raises Unreadable: then nobody is let in."""
        try:
            stat = self._path.stat()
            stamp: tuple[int, int] | None = (stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp is None:
            self._users = {}
        elif stamp != self._stamp:
            self._users = {one.name: one for one in private_files.read(self._path, list[User]) or []}
        self._stamp = stamp
        return dict(self._users)

    def put(self, name: str, role: Role, password: str) -> User:
        """A new user, or another password and role for one. Raises BadUser, OSError, Unreadable."""
        if not (name.isprintable() and name.strip() == name and 0 < len(name) <= NAME_LENGTH_MAX):
            raise BadUser(f"a name has 1 to {NAME_LENGTH_MAX} characters that can be printed")
        if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
            raise BadUser(f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters")
        users = self.all()
        before = users.get(name)
        users[name] = User(name, role, self._hasher.hash(password), 1 if before is None else before.generation + 1)
        self._write(users)
        return users[name]

    def remove(self, name: str) -> None:
        """Raises BadUser, OSError, Unreadable."""
        users = self.all()
        if users.pop(name, None) is None:
            raise BadUser(f"there is no user {name!r}; there are: {', '.join(users) or 'none'}")
        self._write(users)

    def verified(self, name: str, password: str) -> User | None:
        """The user, if that is the password. Takes as long for a name that nobody has."""
        found = self.all().get(name)
        try:
            self._hasher.verify(NOBODY if found is None else found.hash, password[:PASSWORD_LENGTH_MAX])
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return None
        return found

    def _write(self, users: dict[str, User]) -> None:
        private_files.write(self._path, msgspec.json.encode(list(users.values())))
        self._stamp = None
