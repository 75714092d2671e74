"""A guard's sign of life: fresh while its loop turns, and never taken for one when it is old."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.contracts import Contract
from engine.guard.only_one import OnlyOne
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, run
from engine.trading import IBKRAccountManager, TradingMode, errors
from engine.trading.manager import ManagerSettings
from engine.trading.presence import (
    AGE_S_MAX,
    FILE,
    LOCK,
    SEEN_NS_MAX,
    Presence,
    Sign,
    Watch,
    age_s,
    has_died,
    is_fresh,
    read,
)
from engine.wire.order import Order
from trading.rules_in_memory import rules_in_memory
from trading.stage import stage

S = 1_000_000_000


def left(home: Path, touched_ns: int) -> None:
    home.mkdir(exist_ok=True)
    (home / FILE).write_text('{"pid": 1, "since_ns": 0}')
    os.utime(home / FILE, ns=(touched_ns, touched_ns))


def test_a_sign_is_there_while_it_is_given_and_gone_when_the_guard_ends(tmp_path: Path) -> None:
    async def main() -> None:
        sign = Sign(tmp_path, Presence(7, 5, ("paper",)))
        assert read(tmp_path) is None
        for _ in range(3):
            sign.give()
            await asyncio.sleep(1)
        assert read(tmp_path) == Presence(7, 5, ("paper",))
        assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
        sign.end()
        assert read(tmp_path) is None

    run(main())


def test_what_a_killed_guard_has_left_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    left(tmp_path, 100 * S)

    async def main() -> None:
        Sign(tmp_path, Presence(8, 9, ("paper",), port=5, token="t")).give()
        await asyncio.sleep(1)
        assert read(tmp_path) == Presence(8, 9, ("paper",), port=5, token="t")

    run(main())


def test_a_sign_that_is_old_or_of_the_future_is_none(tmp_path: Path) -> None:
    assert not is_fresh(tmp_path, 0)
    left(tmp_path, 100 * S)
    assert is_fresh(tmp_path, 105 * S)
    assert not is_fresh(tmp_path, 106 * S)
    assert age_s(tmp_path, 106 * S) == 6
    assert not is_fresh(tmp_path, 10 * S)
    (tmp_path / FILE).write_text("half")
    assert read(tmp_path) is None


def test_a_sign_that_was_seen_a_moment_ago_is_not_looked_for_and_no_longer_than_that(tmp_path: Path) -> None:
    left(tmp_path, 100 * S)
    watch = Watch(tmp_path)
    assert watch.sees(101 * S)
    (tmp_path / FILE).unlink()
    assert watch.sees(101 * S + SEEN_NS_MAX - 1)
    assert not watch.sees(101 * S + SEEN_NS_MAX)
    assert not watch.sees(101 * S + 1), "that none is there is no memory: it is looked for anew"


def test_a_clock_that_goes_back_and_a_guard_that_comes_are_seen_at_once(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    assert not watch.sees(101 * S)
    left(tmp_path, 100 * S)
    assert watch.sees(101 * S)
    assert not watch.sees(50 * S), "a sign from the future is none"


def test_a_guard_that_hangs_does_not_come_to_life_when_a_clock_that_went_back_meets_its_last_sign(
    tmp_path: Path,
) -> None:
    ours = [0]
    watch = Watch(tmp_path, lambda: ours[0])
    left(tmp_path, 100 * S)
    assert watch.sees(100 * S)
    for ours_s, wall_s in ((1, 40), (59, 98), (60, 99), (61, 100), (66, 105)):
        ours[0] = ours_s * S
        assert not watch.sees(wall_s * S), "nobody has given another sign"
    left(tmp_path, 106 * S)
    assert watch.sees(106 * S)
    ours[0] += int(AGE_S_MAX * S)
    assert watch.sees(106 * S + SEEN_NS_MAX), "a clock that nearly stands still"
    ours[0] += 1
    assert not watch.sees(106 * S + 2 * SEEN_NS_MAX)


def test_a_sign_a_little_ahead_is_that_of_a_clock_that_is_being_set_and_further_ahead_it_is_none(
    tmp_path: Path,
) -> None:
    left(tmp_path, 100 * S)
    assert age_s(tmp_path, 99 * S) == -1 and is_fresh(tmp_path, 99 * S)
    assert age_s(tmp_path, 99 * S - 1_000) is None and not is_fresh(tmp_path, 99 * S - 1_000)


HOLDER = """
import sys, time
from pathlib import Path
from engine.guard.only_one import OnlyOne
print(OnlyOne(Path(sys.argv[1])).held, flush=True)
time.sleep(60)
"""


def test_a_guard_that_was_killed_is_dead_at_once_however_fresh_its_sign(tmp_path: Path) -> None:
    left(tmp_path, 100 * S)
    assert is_fresh(tmp_path, 100 * S) and not has_died(tmp_path)  # no lock was ever taken: its sign's age says it
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert is_fresh(tmp_path, 100 * S) and not is_fresh(tmp_path, 106 * S)
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        assert has_died(tmp_path) and not is_fresh(tmp_path, 100 * S)
    finally:
        holder.kill()
        holder.wait(10)
        holder.stdout.close()


def test_who_looks_whether_a_guard_lives_keeps_none_from_starting(tmp_path: Path) -> None:
    OnlyOne(tmp_path).release()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            has_died(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for one in lookers:
        one.start()
    try:
        for _ in range(20):
            guard = OnlyOne(tmp_path)
            assert guard.held and not OnlyOne(tmp_path).held
            guard.release()
    finally:
        over.set()
        for one in lookers:
            one.join()


def test_where_a_guard_is_required_nothing_that_adds_risk_is_sent_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quant-engine.toml").write_text("[guard]\nrequired = true\n")
    monkeypatch.setenv("QE_CONFIG", str(tmp_path / "quant-engine.toml"))
    spy = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
    buy = Order(action="BUY", total_quantity=Decimal(10), order_type="LMT", lmt_price=Decimal("1.00"), tif="DAY")

    async def test(_world: World, loop: VirtualLoop) -> None:
        mgr = IBKRAccountManager(
            settings=ManagerSettings(heartbeat=False), home=tmp_path, wall_ns=loop.wall_ns,
            rules=rules_in_memory(loop.wall_ns), lock_directory=tmp_path,
        )  # fmt: skip
        mgr.add_account("paper", TradingMode.PAPER)
        await mgr.connect_all()
        with pytest.raises(errors.TradingHalted, match="qe guard run"):
            await mgr.place_order("paper", spy, buy)
        left(tmp_path, loop.wall_ns())
        ticket = await mgr.place_order("paper", spy, buy)
        OnlyOne(tmp_path).release()  # it dies
        await asyncio.sleep(SEEN_NS_MAX / S)
        with pytest.raises(errors.TradingHalted, match="qe guard run"):
            await mgr.place_order("paper", spy, buy)
        (tmp_path / LOCK).unlink()
        await asyncio.sleep(10)
        with pytest.raises(errors.TradingHalted):
            await mgr.place_order("paper", spy, buy)
        await mgr.cancel_order("paper", ticket)
        await mgr.disconnect_all()

    stage("calm", test)
