"""The guard over a simulated world: what it does is counted at the exchange, what it says where a channel ends."""

from __future__ import annotations

import asyncio
import gc
import os
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.broker.link import Link
from engine.config.guard_table import AlertsTable
from engine.core.dead_man import ENGINES_MAX
from engine.core.known import Known
from engine.core.restrictions import Cause, Kind, Scope
from engine.guard.control import Request
from engine.journal.events import IncidentNoted, IncidentOpened, KillPressed, LimitBreached
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.trouble import Code
from engine.simulator import faults
from engine.trading.heartbeats import FOLDER
from engine.trading.risk_sweep import adding_risk
from engine.trading.stories import position_lines
from engine.wire.requests import PlaceOrder, ReqGlobalCancel
from guard.post import SPY, Exactly, Post, exactly, post


def price(here: Post, name: str, con_id: int, to: str) -> None:
    server = here.world.login(name).server
    server.act(lambda now_ns: server.exchange.set_price(now_ns, con_id, Decimal(to)))


def test_a_guard_reads_every_login_and_says_what_it_sees(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        told = await here.guard.answer(Request("status"))
        for name in ("paper", "live"):
            login = told["logins"][name]
            assert login["connected"]
            assert login["waiting_for"] == ""
            assert login["positions"] == 8
            assert login["limits"]["equity"] is not None
            assert here.manager.state(name).kind is None
        assert msgspec.json.encode(told)

    post(tmp_path, test)


def test_a_limit_is_enforced_although_no_engine_runs_and_a_person_is_called(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        price(here, "live", SPY, "100")  # 500 long
        await asyncio.sleep(10)
        assert here.manager.state("live").standing[0].cause is Cause.DAILY_LOSS
        assert here.manager.state("paper").kind is None
        assert here.events(LimitBreached)
        assert "live: halt by daily_loss" in here.titles()

    post(tmp_path, test)


def test_a_breaker_closes_the_login_and_nobody_had_to_do_anything(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        price(here, "live", SPY, "1")
        here.appear("live", 5000)
        price(here, "live", SPY, "600")
        await asyncio.sleep(200)
        price(here, "live", SPY, "300")
        await asyncio.sleep(30)
        assert here.world.login("live").is_flat()
        assert here.manager.state("live").kind is Kind.SHUTDOWN
        assert not here.world.login("paper").is_flat()

    post(tmp_path, test)


def test_a_silent_engine_is_told_halted_and_killed_at_the_configured_times(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        here.beat()
        await asyncio.sleep(9)
        assert here.messages == []
        await asyncio.sleep(2)
        assert here.titles() == ["engine is silent"]
        await asyncio.sleep(20)
        assert here.manager.state("paper").standing[0].cause is Cause.DEAD_MAN
        assert not here.world.is_flat()
        halted = next(message.text for message in here.messages if message.title == "paper: halt by dead_man")
        assert "(until it is lifted: qe resume paper, by guard)" in halted
        log = incident_log()
        before, after = (
            log.split(f"Positions {when}:")[1].split("\n\n")[1].splitlines() for when in ("before", "after")
        )
        assert before == after == held(here, "paper") + held(here, "live")
        await asyncio.sleep(30 + 1)
        assert here.manager.state("paper").kind is Kind.SHUTDOWN
        await asyncio.sleep(10)
        assert here.world.is_flat()
        assert len(here.events(IncidentOpened)) == 1  # of both logins, and the kill has joined it
        lifts = "(until it is lifted: qe reset paper --reason TEXT, then qe resume paper, by "
        assert any("paper: shutdown by kill" in message.title and lifts in message.text for message in here.messages)

    post(tmp_path, test, heartbeat_kill_s=60.0)


def test_a_halt_of_a_login_whose_positions_are_not_known_says_so_in_the_incident_log(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        here.guard.stops.halt(("live", "paper"), "a test", Cause.DEAD_MAN)
        await here.guard.stops.settled()
        log = incident_log()
        assert "    live: not known\n" in log
        assert held(here, "paper")[0] in log

    post(tmp_path, test, away="live")


def incident_log() -> str:
    return Path(os.environ["QE_INCIDENT_LOG"]).read_text()


def held(here: Post, name: str) -> list[str]:
    positions = here.manager.positions(name)
    assert isinstance(positions, Known) and positions.value
    return [f"    {line}" for line in position_lines(name, positions.value)]


def test_a_silent_engine_that_is_killed_and_never_halted_is_one_incident_of_all_its_logins(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        here.beat()
        await asyncio.sleep(60 + 12)
        assert here.world.is_flat()
        (incident,) = here.events(IncidentOpened)
        assert isinstance(incident, IncidentOpened)
        assert all(incident.concerns(here.manager.scope(name)) for name in ("paper", "live"))

    post(tmp_path, test, heartbeat_halt_s=0.0, heartbeat_kill_s=60.0)


def test_an_engine_that_beats_or_has_said_good_bye_is_left_alone(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        for _ in range(40):
            here.beat()
            await asyncio.sleep(5)
        (here.home / FOLDER / "engine").unlink()
        await asyncio.sleep(100)
        assert here.messages == []
        assert here.manager.state("paper").kind is None

    post(tmp_path, test)


def test_a_heartbeat_over_the_socket_counts_like_a_touch(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await here.guard.answer(Request("heartbeat", name="java", logins=("paper",)))
        await asyncio.sleep(31)
        assert here.manager.state("paper").standing[0].cause is Cause.DEAD_MAN
        assert here.manager.state("live").kind is None
        await here.guard.answer(Request("heartbeat", name="java", logins=("paper",)))
        await asyncio.sleep(1)
        assert "Over: java is silent" in here.titles()
        assert here.manager.state("paper").kind is Kind.HALT  # only a person lifts it

    post(tmp_path, test)


def test_who_beats_over_the_socket_says_good_bye_over_it_too(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        assert await here.guard.answer(Request("heartbeat", name="a java", logins=("paper",))) == {"heard": "a-java"}
        await asyncio.sleep(12)
        assert here.titles() == ["a-java is silent"]
        assert await here.guard.answer(Request("goodbye", name="a java")) == {"goodbye": "a-java"}
        assert not here.guard.listening.man.engines, "whatever the disk does"
        await asyncio.sleep(100)
        assert here.titles() == ["a-java is silent", "Over: a-java is silent"]
        assert here.manager.state("paper").kind is None
        assert not here.guard.listening.man.engines and not list((here.home / FOLDER).iterdir())

    post(tmp_path, test)


def test_who_beats_over_the_socket_is_known_to_the_guard_that_takes_this_ones_place(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await here.guard.answer(Request("heartbeat", name="java", logins=("paper",)))
        await asyncio.sleep(1)

    async def later(here: Post) -> None:
        await asyncio.sleep(31)
        assert here.manager.state("paper").standing[0].cause is Cause.DEAD_MAN
        assert here.manager.state("live").kind is None

    post(tmp_path, test)
    post(tmp_path, later)


def test_who_beats_under_ever_new_names_fills_no_disk(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        for number in range(3 * ENGINES_MAX):
            await here.guard.answer(Request("heartbeat", name=f"java {number}"))
            await asyncio.sleep(0.1)
        assert len(list((here.home / FOLDER).iterdir())) <= ENGINES_MAX

    post(tmp_path, test)


def test_a_folder_that_takes_nothing_makes_nobody_silent(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        (here.home / FOLDER).rmdir()
        (here.home / FOLDER).write_text("no folder")
        for _ in range(60):
            await here.guard.answer(Request("heartbeat", name="java"))
            await asyncio.sleep(1)
        assert not [title for title in here.titles() if "silent" in title]

    post(tmp_path, test)


def test_after_tws_was_gone_everything_is_read_anew(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        server = here.world.login("paper").server
        ports = server.ports
        await server.stop()
        await asyncio.sleep(60)
        assert not here.manager.connected("paper")
        assert "paper is not connected" in here.titles()
        assert here.guard.keepers["paper"].waiting_for.startswith("TWS: nothing listens on")
        assert here.manager.connected("live")
        server.ports = ports
        await server.start()
        await asyncio.sleep(40)
        assert here.manager.connected("paper")
        assert "Over: paper is not connected" in here.titles()

    post(tmp_path, test)


def test_a_tws_that_was_gone_for_long_is_found_again_and_nothing_was_done_by_what_was_known_before(
    tmp_path: Path,
) -> None:
    """`QE_GONE_S=86400`: a whole day of it, which takes minutes. Nothing changes any more after the first ones."""

    async def test(exact: Exactly) -> None:
        here = exact.post
        server = here.world.login("paper").server
        ports, before = server.ports, len(here.world.log.requests(PlaceOrder))
        await server.stop()
        await asyncio.sleep(float(os.environ.get("QE_GONE_S") or 1800))
        assert [one.cause for one in here.manager.state("paper").standing] == [Cause.BLIND]
        assert here.guard.keepers["paper"].waiting_for.startswith("TWS: nothing listens on")
        assert len([line for line in here.lines if "NOT CONNECTED" in line]) < 5  # however long, it fills no log
        server.ports = ports
        await server.start()
        await asyncio.sleep(60)
        assert here.manager.connected("paper")
        assert here.manager.state("paper").kind is None  # it is seen again
        assert len(here.world.log.requests(PlaceOrder)) == before
        assert here.world.log.requests(ReqGlobalCancel) == []

    exactly(tmp_path, test, limit_s=30 * 3600.0, verify_every_s=0.0)


def test_the_watcher_outside_hears_of_the_guard_while_it_sees_every_login_and_not_otherwise(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await asyncio.sleep(200)
        times = [at_s for at_s, url in here.pings if url == "https://watcher.example/x"]
        assert len(times) == len(here.pings) >= 3
        assert all(55 < later - earlier < 65 for earlier, later in pairwise(times))
        await here.world.login("paper").server.stop()
        await asyncio.sleep(5)
        heard = len(here.pings)
        await asyncio.sleep(125)
        assert len(here.pings) == heard  # it calls somebody now

    post(tmp_path, test, alerts=AlertsTable(ping_url="https://watcher.example/x"))


def test_under_a_halt_a_foreign_order_that_adds_risk_is_cancelled_if_nothing_protective_goes_with_it(
    tmp_path: Path,
) -> None:
    async def test(here: Post) -> None:
        paper = here.world.login("paper")
        for trader in (3, 7, 11, 0):
            paper.trader(trader).cancel_all()
        here.manager.halt_trading("paper", "a test")
        await asyncio.sleep(6)
        paper.trader(7).place("SPY", "BUY", 5, "LMT", Decimal(1))
        await asyncio.sleep(8)
        assert paper.working() == []
        assert any("global cancel" in message.text for message in here.messages)

    post(tmp_path, test)


def test_nothing_of_others_is_cancelled_because_tws_was_away_in_the_night(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        paper = here.world.login("paper")
        for trader in (3, 7, 11, 0):
            paper.trader(trader).cancel_all()
        paper.trader(7).place("SPY", "BUY", 5, "LMT", Decimal(1))
        paper.trader(0).place("AAPL", "BUY", 5, "LMT", Decimal(1))
        await asyncio.sleep(10)
        before = there(here)
        paper.server.trouble.add(faults.Restart(down_s=90.0))
        await asyncio.sleep(60)
        assert here.manager.state("paper").standing[0].cause is Cause.BLIND
        await asyncio.sleep(140)
        assert here.manager.state("paper").kind is None
        assert len(before) == 2
        assert there(here) == before
        assert [title for title in here.titles() if "somebody else" in title] == []

    post(tmp_path, test)


def test_of_each_order_that_nothing_is_done_about_a_person_is_told_although_the_first_was_acknowledged(
    tmp_path: Path,
) -> None:
    async def test(here: Post) -> None:
        paper = here.world.login("paper")
        here.manager.halt_trading("paper", "a test")
        await asyncio.sleep(15)
        paper.trader(0).place("SPY", "BUY", 5, "LMT", Decimal(1))
        await asyncio.sleep(60)
        await here.guard.answer(Request("ack"))
        told = len(here.messages)
        paper.trader(0).place("AAPL", "BUY", 7, "LMT", Decimal(1))
        await asyncio.sleep(5)
        assert any("BUY 7 AAPL" in message.text for message in here.messages[told:])
        told = len(here.messages)
        paper.trader(0).place("AAPL", "BUY", 8, "LMT", Decimal(1))
        await asyncio.sleep(5)
        assert any("BUY 8 AAPL" in message.text for message in here.messages[told:])

    post(tmp_path, test)


def adding(here: Post) -> frozenset[int]:
    """The orders on paper that add risk, by permId; the others protect."""
    orders, positions = here.manager.working_orders("paper"), here.manager.positions("paper")
    found = adding_risk(orders, positions)
    assert isinstance(found, Known)
    return frozenset(one.perm_id for one in found.value)


def there(here: Post) -> frozenset[int]:
    return frozenset(view.perm_id for view in here.world.login("paper").working())


def test_beside_protective_orders_those_of_programs_that_are_gone_are_cancelled_under_their_ids(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        paper = here.world.login("paper")
        paper.trader(7).place("SPY", "BUY", 5, "LMT", Decimal(1))
        paper.trader(0).place("SPY", "BUY", 5, "LMT", Decimal(2))  # typed into TWS: no id reaches it
        await asyncio.sleep(6)
        before, going = there(here), adding(here)
        typed = {view.perm_id for view in paper.working() if view.request.client_id == 0} & going
        here.manager.halt_trading("paper", "a test")
        await asyncio.sleep(12)
        assert typed
        assert going - typed
        assert there(here) == before - (going - typed)
        assert any("under the id of client 7, which is gone" in message.text for message in here.messages)
        assert "under the id of client 0" not in "".join(message.text for message in here.messages)
        assert paper.server.clients.keys() == {90}  # the ids are given back

    post(tmp_path, test)


def test_orders_of_a_program_that_lives_are_left_to_it_and_a_person_is_called(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        paper = here.world.login("paper")
        links = [Link("127.0.0.1", paper.ports[0], client_id) for client_id in (3, 7, 11)]
        for link in links:
            await link.connect()
        paper.trader(7).place("SPY", "BUY", 5, "LMT", Decimal(1))
        before = there(here)
        here.manager.halt_trading("paper", "a test")
        await asyncio.sleep(100)
        assert there(here) == before
        assert all(link.up for link in links)
        assert any("client 7 lives" in message.text for message in here.messages)
        assert sum("client 7 lives" in line for line in here.lines if not line.startswith("CRITICAL")) == 1
        assert sum("where its program is gone" in line for line in here.lines) <= 2

    post(tmp_path, test)


def test_a_position_that_appears_after_a_kill_is_closed_until_the_login_is_reset(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await here.guard.answer(Request("kill", reason="a test", logins=("paper",)))
        paper = here.world.login("paper")
        assert paper.is_flat()
        assert not here.world.login("live").is_flat()
        await asyncio.sleep(5)
        here.appear("paper", 300)
        await asyncio.sleep(30)
        assert paper.is_flat()
        assert len(here.events(KillPressed)) == 2

    post(tmp_path, test)


def test_a_kill_of_two_logins_is_one_incident_about_both(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await here.guard.answer(Request("kill", reason="a test"))
        (incident,) = here.events(IncidentOpened)
        assert isinstance(incident, IncidentOpened)
        for name in ("paper", "live"):
            assert here.world.login(name).is_flat()
            assert incident.concerns(here.manager.scope(name))

    post(tmp_path, test)


def test_what_appears_after_a_kill_is_only_told_where_that_is_configured(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await here.guard.answer(Request("kill", reason="a test", logins=("paper",)))
        await asyncio.sleep(5)
        here.appear("paper", 300)
        await asyncio.sleep(30)
        assert not here.world.login("paper").is_flat()
        assert any("nothing was done" in message.text for message in here.messages)

    post(tmp_path, test, quarantine="alert")


def test_a_kill_that_was_begun_and_never_ended_is_taken_up_at_the_start(tmp_path: Path) -> None:
    memory = Memory()
    journal = Journal(MemoryStore(memory), actor="dead", clock=lambda: 1)
    journal.append(KillPressed(kill_id="k0", scopes=(Scope("paper"),), reason="EMERGENCY"))

    async def test(here: Post) -> None:
        await asyncio.sleep(20)
        assert here.world.login("paper").is_flat()
        assert not here.world.login("live").is_flat()

    post(tmp_path, test, memory=memory)


@pytest.mark.parametrize("later_s", [0.1, 2.5, 4.9])
def test_what_another_programs_kill_has_just_closed_is_not_met_as_somebody_elses(
    tmp_path: Path, later_s: float
) -> None:
    """The guard reads every five seconds: what it has read last is older than the end of that kill."""

    async def test(here: Post) -> None:
        await asyncio.sleep(later_s)
        engine = here.engine()
        report = await engine.kill_switch_all("EMERGENCY")
        assert report.flat
        await asyncio.sleep(10)
        assert [title for title in here.titles() if "somebody else" in title] == []
        assert len(here.events(KillPressed)) == 1

    post(tmp_path, test)


def test_a_login_that_cannot_be_read_keeps_no_other_from_being_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(here: Post) -> None:
        await here.guard.answer(Request("kill", reason="a test"))
        await asyncio.sleep(5)
        refresh = here.manager.refresh

        async def hangs_on_paper(name: str) -> None:
            await (asyncio.Event().wait() if name == "paper" else refresh(name))

        monkeypatch.setattr(here.manager, "refresh", hangs_on_paper)
        for name in ("paper", "live"):
            here.appear(name, 300)
        await asyncio.sleep(15)
        assert not here.world.login("paper").is_flat()
        assert here.world.login("live").is_flat()

    post(tmp_path, test)


def test_what_others_have_there_is_not_said_to_be_gone_because_nobody_sees_it(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await here.guard.answer(Request("kill", reason="a test", logins=("paper",)))
        await asyncio.sleep(5)
        here.appear("paper", 300)
        await asyncio.sleep(8)
        title = "paper: somebody else trades where nobody may"
        assert here.titles().count(title) == 1
        here.world.login("paper").server.trouble.add(faults.LinkLost(for_s=30.0))
        await asyncio.sleep(20)
        assert not isinstance(here.manager.positions("paper"), Known)
        assert f"Over: {title}" not in here.titles()

    post(tmp_path, test, quarantine="alert")


def test_a_channel_that_takes_nothing_stops_no_guarding_and_is_told(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        here.deaf = "no route"
        here.manager.halt_trading("paper", "a test")
        await asyncio.sleep(120)
        told = await here.guard.answer(Request("status"))
        assert told["alerts"]["failing"] == "a test's channel: no route"
        assert any("could not be sent (a test's channel: no route)" in line for line in here.lines)
        here.deaf = None
        await asyncio.sleep(300)
        assert "Still: paper: halt by manual" in here.titles()

    post(tmp_path, test)


def test_an_alert_is_repeated_until_somebody_acknowledges_it(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        here.manager.halt_trading("paper", "a test")
        await asyncio.sleep(2)
        assert here.titles() == ["paper: halt by manual"]
        await asyncio.sleep(301)
        assert len(here.messages) == 2
        answer = await here.guard.answer(Request("ack", who="ann"))
        assert len(answer["acknowledged"]) == 1 and answer["titles"] == ["paper: halt by manual"]
        await asyncio.sleep(1000)
        assert len(here.messages) == 2
        here.manager.resume_trading("paper")
        await asyncio.sleep(2)
        assert here.titles()[-1] == "Over: paper: halt by manual"

    post(tmp_path, test)


def test_a_critical_alert_that_nobody_sees_halts_every_login_where_that_is_configured(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        here.manager.halt_trading("paper", "a test")
        await asyncio.sleep(50)
        assert here.manager.state("live").may_add_risk
        await asyncio.sleep(20)
        assert here.manager.state("live").standing[0].cause is Cause.DEAD_MAN

    post(tmp_path, test, alerts=AlertsTable(unseen_halt_s=60.0))


def test_a_halt_of_one_login_that_fails_keeps_the_incident_of_the_other_from_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(here: Post) -> None:
        faults: list[object] = []
        here.loop.set_exception_handler(lambda _loop, context: faults.append(context.get("exception")))
        halt = here.manager.rules.halt

        def fails_for_live(scope: Scope, *about: Any, **more: Any) -> Any:
            if scope.login == "live":
                raise RuntimeError("a fault of ours")
            return halt(scope, *about, **more)

        monkeypatch.setattr(here.manager.rules, "halt", fails_for_live)
        here.guard.stops.halt(("paper", "live"), "nobody looks", Cause.DEAD_MAN)
        await asyncio.sleep(5)
        assert here.manager.state("paper").standing[0].cause is Cause.DEAD_MAN
        state = here.manager.rules.journal.state()
        assert state.incidents(here.manager.scope("paper")) and not state.incidents(here.manager.scope("live"))
        gc.collect()
        assert [str(one) for one in faults] == ["a fault of ours"]

    post(tmp_path, test)


def test_a_part_that_fails_by_a_fault_of_ours_is_told_and_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(here: Post) -> None:
        def fail() -> None:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(here.guard.listening, "judge", fail)
        await asyncio.sleep(3)
        monkeypatch.undo()
        monkeypatch.setenv("QE_HOME", str(tmp_path))
        assert "a fault of the guard itself" in here.titles()
        here.beat()
        await asyncio.sleep(12)
        assert "engine is silent" in here.titles()

    post(tmp_path, test)


def test_a_login_of_the_wrong_mode_is_told_at_once_and_never_acted_on(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        await asyncio.sleep(5)
        assert any("is not connected" in title for title in here.titles())
        assert any("which is no" in message.text for message in here.messages)

    post(tmp_path, test, scenario="wrong-mode")


def test_a_tws_that_hangs_up_again_and_again_is_told_as_not_connected_and_fills_no_log(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        paper = here.world.login("paper").server
        paper.trouble.add(faults.Disconnect(after_messages=3, times=None))
        await asyncio.sleep(300)
        assert "paper is not connected" in here.titles()
        assert "Over: paper is not connected" not in here.titles()
        assert any("end within 5 s" in message.text for message in here.messages)
        assert len([line for line in here.lines if line.startswith("paper: ")]) < 5
        paper.trouble.clear()
        await asyncio.sleep(45)
        assert here.manager.connected("paper")
        assert "Over: paper is not connected" in here.titles()

    post(tmp_path, test)


def test_a_login_that_was_never_reached_is_told_halted_as_blind_and_free_again_when_it_is_seen(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        server = here.world.login("live").server
        told = (await here.guard.answer(Request("status")))["logins"]["live"]
        assert told["waiting_for"].startswith("TWS: nothing listens on 127.0.0.1:7496")
        assert told["state"] is None
        assert here.messages == []
        await asyncio.sleep(35)
        assert here.manager.state("live").standing[0].cause is Cause.BLIND
        assert here.manager.state("live").kind is Kind.HALT
        assert here.manager.state("paper").kind is None
        assert {"live is not connected", "live: halt by blind"} <= set(here.titles())
        assert here.events(IncidentOpened) == []  # nothing has happened there
        await server.start()
        await asyncio.sleep(60)
        assert here.manager.connected("live")
        assert here.manager.state("live").kind is None
        assert {"Over: live is not connected", "Over: live: halt by blind"} <= set(here.titles())

    post(tmp_path, test, away="live")


def test_a_difference_that_a_person_has_adopted_is_over_at_once(tmp_path: Path) -> None:
    """And not five minutes later, at the guard's next verification of its own."""

    async def test(here: Post) -> None:
        engine = here.engine()
        await engine.connect_all()
        await asyncio.sleep(5)

        def verified(name: str = "paper") -> object:
            return here.guard.told()["logins"][name]["verified"]

        assert verified() == "unbegun"
        await engine.verify("paper", adopt=True, reason="first day")
        await asyncio.sleep(4)
        assert (verified(), verified("live")) == ("match", "unbegun")
        here.appear("paper", 7)
        await asyncio.sleep(300)
        assert verified() == "different"
        assert "paper: our records differ from the broker" in here.titles()
        await here.guard.answer(Request("ack"))
        here.appear("paper", 5)
        await asyncio.sleep(300)
        assert "More: paper: our records differ from the broker" in here.titles()  # another difference is told, too
        await engine.verify("paper", adopt=True, reason="a transfer")
        await asyncio.sleep(4)
        assert verified() == "match"
        assert "Over: paper: our records differ from the broker" in here.titles()
        await engine.disconnect_all()

    post(tmp_path, test, verify_every_s=300.0)


def test_what_nobody_knows_how_to_do_is_an_answer_too(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        assert "does not know" in (await here.guard.answer(Request("dance")))["error"]
        assert list((await here.guard.answer(Request("test_alert", who="ann")))["channels"].values()) == [None]
        assert here.titles() == ["a test"]

    post(tmp_path, test)


def test_nothing_of_others_is_cancelled_because_a_disk_is_full(tmp_path: Path) -> None:
    async def test(here: Post) -> None:
        paper = here.world.login("paper")
        for trader in (3, 7, 11, 0):
            paper.trader(trader).cancel_all()
        paper.trader(7).place("SPY", "BUY", 5, "LMT", Decimal(1))
        paper.trader(0).place("AAPL", "BUY", 5, "LMT", Decimal(1))
        await asyncio.sleep(10)
        before = there(here)
        here.memory.fails = Code.FULL
        here.manager.rules.journal.keep(IncidentNoted(incident_id="i1", text="anything"))
        await asyncio.sleep(60)
        assert [one.cause for one in here.manager.state("paper").standing] == [Cause.JOURNAL]
        assert "paper: halt by journal" in here.titles()
        assert any("until it ends by itself, by journal" in message.text for message in here.messages)
        assert there(here) == before
        paper.trader(7).place("SPY", "BUY", 7, "LMT", Decimal(1))  # in the dark
        await asyncio.sleep(30)
        assert there(here) == before
        paper.trader(0).place("SPY", "BUY", 9, "LMT", Decimal(1))  # and one that nobody else can cancel
        await asyncio.sleep(10)
        [told] = [message.text for message in here.messages if "BUY 9 SPY" in message.text]
        assert told.endswith("(a global cancel would take 2 older orders with it)")
        here.memory.fails = None
        await asyncio.sleep(10)
        assert here.manager.state("paper").kind is None

    post(tmp_path, test)
