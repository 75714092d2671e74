"""Slips are seen at once by every program, whole or not at all, and outlive the one that wrote them."""

from __future__ import annotations

import errno
import os
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.restrictions import Scope
from engine.journal.events import OrderIntent
from engine.trading import slips
from engine.trading.slips import HEAD_BYTES, SLOT_BYTES, SLOTS, Reading, Slips, Standing, body_of, left_behind, place_of

SCOPE = Scope("paper", "loopback-7497", ("DU1",))
pytestmark = pytest.mark.skipif(not slips.POSSIBLE, reason="this system has no place for slips")


def intent(order_id: int = 5, **fields: object) -> OrderIntent:
    usual = {"scope": SCOPE, "account": "DU1", "order_ref": "mine", "con_id": 7, "symbol": "ES", "action": "BUY"}
    usual |= {"quantity": Decimal("2.5"), "order_type": "LMT", "limit_price": Decimal("-1.25"), "sec_type": "FUT"}
    return OrderIntent(**usual | {"client_id": 21, "order_id": order_id, "announced": True} | fields)  # type: ignore[arg-type]


def told(found: list[slips.Slip]) -> list[int]:
    return [one.intent.order_id for one in found]


def test_what_is_written_is_read_by_another_program_as_it_was_meant_and_once(tmp_path: Path) -> None:
    reading = Reading(tmp_path)
    assert reading.look() == []
    writer = Slips(tmp_path, SCOPE)
    number = writer.write(body_of(intent(), 77))
    assert number is not None
    [slip] = reading.look()
    assert (slip.intent, slip.at_ns, slip.standing) == (intent(), 77, Standing.OPEN)
    assert reading.look() == []
    writer.write(body_of(intent(6, limit_price=None), 78))
    assert [one.intent for one in reading.look()] == [intent(6, limit_price=None)]


def test_who_comes_later_sees_all_that_are_not_done(tmp_path: Path) -> None:
    writer = Slips(tmp_path, SCOPE)
    numbers = [writer.write(body_of(intent(n), n)) for n in range(1, 5)]
    writer.mark(numbers[0] or 0, Standing.DONE)
    writer.mark(numbers[1] or 0, Standing.WRITTEN)
    reading = Reading(tmp_path)
    assert sorted(told(reading.look())) == [2, 3, 4] and reading.look() == []


def test_ones_own_are_not_read(tmp_path: Path) -> None:
    writer, reading = Slips(tmp_path, SCOPE), Reading(tmp_path)
    reading.own.add(writer.path)
    writer.write(body_of(intent(), 1))
    assert reading.look() == []


def test_one_that_is_done_before_it_was_looked_at_is_not_told(tmp_path: Path) -> None:
    writer, reading = Slips(tmp_path, SCOPE), Reading(tmp_path)
    reading.look()
    number = writer.write(body_of(intent(), 1))
    writer.mark(number or 0, Standing.DONE)
    writer.write(body_of(intent(6), 1))
    assert told(reading.look()) == [6]


def test_slips_that_cannot_be_opened_at_this_moment_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of descriptors, say: nobody may take that for a program that announces nothing."""
    reading, writer = Reading(tmp_path), Slips(tmp_path, SCOPE)
    writer.write(body_of(intent(), 77))
    opened = os.open

    def no_slips(path: Path, flags: int, *mode: int) -> int:
        if str(path).endswith(slips.ENDING):
            raise OSError(errno.EMFILE, "too many open files")
        return opened(path, flags, *mode)

    monkeypatch.setattr("os.open", no_slips)
    assert reading.look() == []
    monkeypatch.undo()
    monkeypatch.setenv(slips.ELSEWHERE, str(place_of(tmp_path).parent))
    assert told(reading.look()) == [5]


def test_half_a_slip_is_none_until_it_is_whole(tmp_path: Path) -> None:
    writer, reading = Slips(tmp_path, SCOPE), Reading(tmp_path)
    reading.look()
    writer.write(body_of(intent(), 1))
    at = HEAD_BYTES + 1 * SLOT_BYTES
    with writer.path.open("r+b") as file:
        file.seek(at)
        whole = file.read(SLOT_BYTES)
        for length in (10, 20, 40, len(whole.rstrip(b"\0")) - 1):
            file.seek(at)
            file.write(whole[:length] + bytes(SLOT_BYTES - length))
            file.flush()
            assert reading.look() == []
        file.seek(at)
        file.write(whole)
        file.flush()
        assert told(reading.look()) == [5]


def test_slips_that_are_not_done_are_never_written_over(tmp_path: Path) -> None:
    writer = Slips(tmp_path, SCOPE)
    numbers = [writer.write(body_of(intent(n + 1), n)) for n in range(SLOTS)]
    assert None not in numbers and writer.write(body_of(intent(), 1)) is None
    writer.mark(numbers[0] or 0, Standing.WRITTEN)
    assert writer.write(body_of(intent(), 1)) is None
    writer.mark(numbers[0] or 0, Standing.DONE)
    assert writer.write(body_of(intent(9999), 1)) is not None
    assert writer.write(body_of(intent(), 1)) is None


def test_a_reader_that_was_away_while_they_went_round_misses_none_that_stands(tmp_path: Path) -> None:
    writer, reading = Slips(tmp_path, SCOPE), Reading(tmp_path)
    writer.write(body_of(intent(1), 1))
    assert told(reading.look()) == [1]
    for n in range(2, 2 * SLOTS):
        writer.mark(n - 1, Standing.DONE)
        assert writer.write(body_of(intent(n), n)) == n
    assert told(reading.look()) == [2 * SLOTS - 1] and reading.look() == []


def test_one_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    writer = Slips(tmp_path, SCOPE)
    assert writer.write(body_of(intent(order_ref="x" * SLOT_BYTES), 1)) is None


def test_a_mark_of_a_number_that_has_gone_round_marks_nothing(tmp_path: Path) -> None:
    writer, reading = Slips(tmp_path, SCOPE), Reading(tmp_path)
    first = writer.write(body_of(intent(1), 1)) or 0
    writer.mark(first, Standing.DONE)
    for n in range(SLOTS):
        writer.write(body_of(intent(n + 2), 1))
    writer.mark(first, Standing.DONE)
    assert SLOTS + 1 in told(reading.look())


def test_what_a_dead_program_has_left_is_found_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    dead, living = Slips(tmp_path, SCOPE), Slips(tmp_path, SCOPE)
    one, two, three = (dead.write(body_of(intent(n), n)) or 0 for n in (1, 2, 3))
    dead.mark(one, Standing.DONE)
    dead.mark(two, Standing.WRITTEN)
    living.write(body_of(intent(9), 9))
    os.close(dead._fd)  # it died: the system has let its lock go
    [(path, found)] = list(left_behind(tmp_path))
    assert path == dead.path
    assert [(one.intent.order_id, one.standing) for one in found] == [(2, Standing.WRITTEN), (3, Standing.OPEN)]
    assert three


def test_who_ends_with_nothing_open_leaves_nothing_behind(tmp_path: Path) -> None:
    writer = Slips(tmp_path, SCOPE)
    number = writer.write(body_of(intent(), 1)) or 0
    writer.mark(number, Standing.DONE)
    writer.close()
    assert not writer.path.exists()
    open_one = Slips(tmp_path, SCOPE)
    open_one.write(body_of(intent(), 1))
    open_one.close()
    assert open_one.path.exists() and [told(found) for _, found in left_behind(tmp_path)] == [[5]]


def test_accounts_that_become_known_are_told_and_too_many_are_left_out(tmp_path: Path) -> None:
    writer = Slips(tmp_path, Scope("paper", "loopback-7497"))
    writer.name(SCOPE)
    writer.write(body_of(intent(), 1))
    assert Reading(tmp_path).look()[0].intent.scope == SCOPE
    writer.name(Scope("paper", "loopback-7497", tuple(f"DU{n:07}" for n in range(1000))))
    assert Reading(tmp_path).look()[0].intent.scope == Scope("paper", "loopback-7497")


def test_all_who_share_a_state_folder_look_in_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, home = tmp_path / "memory", tmp_path / "home"
    memory.mkdir()
    home.mkdir()
    (tmp_path / "other name").symlink_to(home)
    monkeypatch.setenv(slips.ELSEWHERE, str(memory))
    assert place_of(home) == place_of(tmp_path / "other name") != place_of(tmp_path)
    assert place_of(home).parent == memory
    Slips(home, SCOPE)
    assert place_of(home).stat().st_mode & 0o077 == 0


def test_a_place_that_belongs_to_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(PermissionError):
        Slips(tmp_path, SCOPE)


@pytest.mark.parametrize("spoilt", [b"", b"QESLIP01", b"x" * 10_000, b"QESLIP01" + b"\xff" * 5000])
def test_a_file_that_is_no_slips_says_nothing(tmp_path: Path, spoilt: bytes) -> None:
    writer, reading = Slips(tmp_path, SCOPE), Reading(tmp_path)
    (place_of(tmp_path) / f"x{slips.ENDING}").write_bytes(spoilt)
    writer.write(body_of(intent(), 1))
    assert told(reading.look()) == [5]
    os.close(writer._fd)
    assert sorted(len(found) for _, found in left_behind(tmp_path)) == [0, 1]
