"""Slips: what a program is about to send, told to every program of this machine in the moment before it leaves.

A record on a disk takes a thousand times as long as an order may be held up. So whoever is in a hurry writes a slip
into memory that outlives its program (/dev/shm; elsewhere a file of the state folder), looks at the journal *behind*
that, sends, and has the journal follow. Who writes into the journal first and looks at the slips behind that, as the
library does, sees the slip, or is seen. What a dead program has left tells the next one which orders may have left.

Must never take half a slip for a whole one, nor a slip out that is not in the journal.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from pathlib import Path

import msgspec

from engine.core.restrictions import Scope
from engine.journal import oslock
from engine.journal.events import OrderIntent

SLOTS = 1024  # orders of one login whose end is not written down yet: more, and the next wait for the journal
SLOT_BYTES = 512
HEAD_BYTES = 4096
MAGIC = b"QESLIP01"
ENDING = ".slips"
REGISTER = "register"
SHARED = "/dev/shm"  # noqa: S108 a folder of our own in it, for us alone
ELSEWHERE = "QE_SHARED_MEMORY"  # the environment variable that names another place in memory
POSSIBLE = sys.platform != "win32"  # which has neither that memory nor reads and writes at a place
_FRONT = struct.Struct("<QBHI")  # number, standing, length, check
_AT_STANDING = 8
_COUNT = struct.Struct("<Q")


class Standing(IntEnum):
    """How far the paperwork of an order is."""

    OPEN = 1  # it may have left, and the journal does not know of it
    WRITTEN = 2  # its intent is in the journal
    DONE = 3  # it never left, or its end is (about to be) in the journal


_OPEN = int(Standing.OPEN)


class Slip(msgspec.Struct, frozen=True):
    """One of them, as it was read. `number`: in its file."""

    intent: OrderIntent
    at_ns: int
    number: int
    standing: Standing


class _Head(msgspec.Struct, frozen=True):
    pid: int
    scope: Scope


def place_of(home: Path) -> Path:
    """Where the slips of a state folder are: the same place for all who share that folder, by whatever name."""
    shared = Path(os.environ.get(ELSEWHERE) or SHARED)
    if POSSIBLE and shared.is_dir() and os.access(shared, os.W_OK):
        found = home.stat()
        name = hashlib.sha256(f"{found.st_dev} {found.st_ino}".encode()).hexdigest()[:12]
        return shared / f"quant-engine-{os.getuid()}-{name}"
    return home / "slips"


def body_of(intent: OrderIntent, at_ns: int) -> bytes:
    """What stands in a slip. One with a NUL in its texts is longer by a field, and not read."""
    limit = "" if intent.limit_price is None else str(intent.limit_price)
    fields = (
        *(intent.account, str(intent.con_id), intent.symbol, intent.sec_type, intent.action, intent.order_type),
        *(intent.order_ref, str(intent.client_id), str(intent.order_id), str(intent.quantity), limit, str(at_ns)),
    )
    return "\0".join(fields).encode()


class Slips:
    """The slips that one program writes for one login. Raises OSError from the constructor alone."""

    def __init__(self, home: Path, scope: Scope) -> None:
        folder = place_of(home)
        _make(folder)
        self.path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{ENDING}"
        self._scope: Scope | None = None
        self._live = bytearray(SLOTS)
        self._next = 1
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        oslock.exclude(self._fd)
        self.name(scope)
        _write(self._fd, bytes(SLOTS * SLOT_BYTES), HEAD_BYTES)
        _register(folder)

    def name(self, scope: Scope) -> None:
        """Whose orders they are, as far as is known by now."""
        if scope == self._scope:
            return
        head = _head(scope)
        if len(head) > HEAD_BYTES:  # too many accounts: its place says enough
            head = _head(Scope(scope.login, scope.place))
        _write(self._fd, head, 0)
        self._scope = scope

    def write(self, body: bytes) -> int | None:
        """An order is about to leave. None: it could not be told, so it has to wait for the journal."""
        number, length = self._next, len(body)
        slot = number % SLOTS
        if self._live[slot] or length > SLOT_BYTES - _FRONT.size:
            return None
        front = _FRONT.pack(number, _OPEN, length, zlib.crc32(body, number & 0xFFFFFFFF))
        try:
            if os.pwrite(self._fd, front + body, HEAD_BYTES + slot * SLOT_BYTES) != _FRONT.size + len(body):
                return None
        except OSError:
            return None
        self._live[slot] = 1
        self._next = number + 1
        return number

    def mark(self, number: int, standing: Standing) -> None:
        """The paperwork has come so far. A mark that cannot be made leaves the slip standing, which is safe."""
        slot = number % SLOTS
        if not self._live[slot] or number >= self._next or number + SLOTS < self._next:
            return
        with contextlib.suppress(OSError):
            _write(self._fd, bytes((standing,)), HEAD_BYTES + slot * SLOT_BYTES + _AT_STANDING)
            if standing is Standing.DONE:
                self._live[slot] = 0

    def close(self) -> None:
        """The program ends. What is not done stays for the next."""
        if not any(self._live):
            with contextlib.suppress(OSError):
                self.path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._fd)


class Reading:
    """The slips of the other programs, each told once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder: Path | None = None  # until the state folder is there
        self.own: set[Path] = set()
        self._register: int | None = None
        self._count = b""
        self._files: dict[Path, _File] = {}

    def look(self) -> list[Slip]:
        """Those that have come since, and are not done. Whoever writes one at this moment looks at us behind that."""
        if not self._anybody():
            return []
        found: list[Slip] = []
        for path in tuple(self._files):
            found += self._files[path].more()
        return found

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._register is not None:
            os.close(self._register)
            self._register = None

    def _anybody(self) -> bool:
        """There are other programs that write slips; the folder is read again only if one more has come."""
        if not POSSIBLE:
            return False
        try:
            if self._folder is None:
                self._folder = place_of(self._home)
            if self._register is None:
                self._register = os.open(self._folder / REGISTER, os.O_RDONLY | os.O_CLOEXEC)
            count = os.pread(self._register, _COUNT.size, 0)
            if count != self._count and self._find(self._folder):
                self._count = count
        except FileNotFoundError:
            return False  # nobody has ever written one
        except OSError:  # out of descriptors, say: looked for again the next time, and what is known is read
            return bool(self._files)
        return bool(self._files)

    def _find(self, folder: Path) -> bool:
        """False: there are some that could not be opened, and have to be looked for again."""
        there = {path for path in folder.iterdir() if path.suffix == ENDING} - self.own
        for path in self._files.keys() - there:
            self._files.pop(path).close()
        whole = True
        for path in there - self._files.keys():
            try:
                self._files[path] = _File(path)
            except FileNotFoundError:
                continue  # its program has ended meanwhile
            except OSError:
                whole = False
        return whole


class _File:
    """One other program's slips."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._next: int | None = None

    def close(self) -> None:
        os.close(self._fd)

    def more(self) -> list[Slip]:
        head = _read_head(self._fd)
        if head is None:
            return []
        if self._next is None:
            return self._everything(head)
        found: list[Slip] = []
        while True:
            data = os.pread(self._fd, SLOT_BYTES, HEAD_BYTES + self._next % SLOTS * SLOT_BYTES)
            number = _number(data)
            if number > self._next:
                return self._everything(head)  # it has come round meanwhile
            slip = _slip(head, data) if number == self._next else None
            if slip is None:
                return found  # not there, or not whole yet
            self._next += 1
            if slip.standing is not Standing.DONE:
                found.append(slip)

    def _everything(self, head: _Head) -> list[Slip]:
        slips = list(_all(self._fd, head))
        first = self._next or 0
        self._next = max((one.number for one in slips), default=0) + 1
        return [one for one in slips if one.number >= first and one.standing is not Standing.DONE]


def left_behind(home: Path) -> Iterator[tuple[Path, list[Slip]]]:
    """What dead programs have left that is not done, with the file, which is held until the next is asked for. Whoever
    has written that into the journal deletes it.
    """
    folder = place_of(home)
    if not POSSIBLE or not folder.is_dir():
        return
    for path in sorted(folder.glob(f"*{ENDING}")):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if oslock.exclude(fd):
                head = _read_head(fd)
                slips = [] if head is None else list(_all(fd, head))
                slips.sort(key=lambda one: one.number)
                yield path, [one for one in slips if one.standing is not Standing.DONE]
        finally:
            os.close(fd)


# --- bytes -----------------------------------------------------------------------------------------------------------
def _make(folder: Path) -> None:
    """Ours alone. Raises OSError if it is somebody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if POSSIBLE and folder.stat().st_uid != os.getuid():
        raise PermissionError(13, "it belongs to somebody else", str(folder))


def _register(folder: Path) -> None:
    """One more program writes slips: whoever reads looks into the folder again. A number that two have counted at once
    is another one all the same.
    """
    fd = os.open(folder / REGISTER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _write(fd, os.urandom(_COUNT.size), 0)
    finally:
        os.close(fd)


def _write(fd: int, data: bytes, at: int) -> None:
    if os.pwrite(fd, data, at) != len(data):
        raise OSError(f"only a part of {len(data)} bytes was written")


def _head(scope: Scope) -> bytes:
    told = msgspec.json.encode(_Head(os.getpid(), scope))
    return MAGIC + struct.pack("<II", len(told), zlib.crc32(told)) + told


def _read_head(fd: int) -> _Head | None:
    data = os.pread(fd, HEAD_BYTES, 0)
    if data[:8] != MAGIC or len(data) < 16:
        return None
    length, check = struct.unpack_from("<II", data, 8)
    told = data[16 : 16 + length]
    if zlib.crc32(told) != check:
        return None
    try:
        return msgspec.json.decode(told, type=_Head)
    except msgspec.DecodeError:
        return None


def _number(data: bytes) -> int:
    return int.from_bytes(data[:8], "little") if len(data) == SLOT_BYTES else 0


def _all(fd: int, head: _Head) -> Iterator[Slip]:
    data = os.pread(fd, SLOTS * SLOT_BYTES, HEAD_BYTES)
    for at in range(0, len(data), SLOT_BYTES):
        slip = _slip(head, data[at : at + SLOT_BYTES])
        if slip is not None:
            yield slip


def _slip(head: _Head, data: bytes) -> Slip | None:
    """None: there is none, or it is not whole."""
    if len(data) != SLOT_BYTES:
        return None
    number, standing, length, check = _FRONT.unpack_from(data)
    body = data[_FRONT.size : _FRONT.size + length]
    if not number or standing not in list(Standing) or zlib.crc32(body, number & 0xFFFFFFFF) != check:
        return None
    fields = body.decode("utf-8", "replace").split("\0")
    if len(fields) != 12:
        return None
    account, con_id, symbol, sec_type, action, order_type, ref, client_id, order_id, quantity, limit, at_ns = fields
    try:
        intent = OrderIntent(
            scope=head.scope,
            account=account,
            order_ref=ref,
            con_id=int(con_id),
            symbol=symbol,
            action=action,
            quantity=Decimal(quantity),
            order_type=order_type,
            limit_price=Decimal(limit) if limit else None,
            sec_type=sec_type,
            client_id=int(client_id),
            order_id=int(order_id),
            announced=True,
        )
        return Slip(intent, int(at_ns), number, Standing(standing))
    except (ValueError, InvalidOperation):
        return None
