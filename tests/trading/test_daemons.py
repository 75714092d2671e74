"""Threads that write: one that is free takes the next piece, and one that hangs holds nobody up."""

from __future__ import annotations

import threading

import pytest

from engine.trading.daemons import Daemons

PATIENCE_S = 10.0


def test_pieces_that_follow_each_other_are_done_by_one_thread() -> None:
    daemons = Daemons()
    idents = [daemons.submit(threading.get_ident).result(PATIENCE_S) for _ in range(20)]
    assert len(set(idents)) == 1


def test_one_that_hangs_holds_nobody_up() -> None:
    daemons, goes_on = Daemons(), threading.Event()
    hanging = daemons.submit(goes_on.wait, PATIENCE_S)
    assert daemons.submit(lambda: 7).result(PATIENCE_S) == 7
    assert not hanging.done()
    goes_on.set()
    assert hanging.result(PATIENCE_S) is True


def test_what_fails_is_told_and_the_thread_goes_on() -> None:
    daemons = Daemons()
    with pytest.raises(ZeroDivisionError):
        daemons.submit(lambda: 1 / 0).result(PATIENCE_S)
    assert daemons.submit(lambda: 7).result(PATIENCE_S) == 7


def test_its_threads_end_with_the_program() -> None:
    daemons = Daemons()
    assert daemons.submit(lambda: threading.current_thread().daemon).result(PATIENCE_S)
