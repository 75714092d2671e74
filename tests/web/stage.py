"""A cockpit over a state folder of its own, without a network: what it starts is written down and not run."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from engine.config.web_table import WebTable
from engine.web.access import Role
from engine.web.app import application
from engine.web.cockpit import Place
from engine.web.doors import TOKEN
from engine.web.runs import Runs
from engine.web.users import Users

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
WORD = "correct horse"
ORIGIN = "http://127.0.0.1:8477"
STARTED = """
import sys, pathlib
pathlib.Path(sys.argv[1]).open("a").write(repr(sys.argv[2:]) + "\\n")
print("FLAT")
"""


class Stage:
    """One cockpit, its browsers, and what it has started."""

    def __init__(self, home: Path, table: WebTable, config: Path | None = None) -> None:
        self.home = home
        self.now_ns = 1_800_000_000_000_000_000
        place = Place(home=home, page=home / "INCIDENTS.md", wall_ns=lambda: self.now_ns, config=config and str(config))
        self.users = Users(home / "web", CHEAP)
        self.app, self.cockpit = application(place, table, log=lambda _: None, users=self.users)
        self._started = home / "started"
        command = (sys.executable, "-c", STARTED, str(self._started))
        self.cockpit.hands.kills = Runs(home / "web" / "kills", ("kill",), command=command)
        self.cockpit.hands.drills = Runs(home / "web" / "drills", ("drill",), command=command)
        self.cockpit.hands.verifications = Runs(home / "web" / "verifications", ("verify",), command=command)

    def browser(self, address: str = "127.0.0.1", origin: str = ORIGIN) -> TestClient:
        return TestClient(self.app, base_url=origin, client=(address, 50_000), follow_redirects=False)

    def user(self, name: str, role: Role) -> None:
        self.users.put(name, role, WORD)

    def logged_in(self, name: str, **more: str) -> TestClient:
        browser = self.browser(**more)
        answer = browser.post("/login", data={"name": name, "password": WORD})
        assert answer.status_code == 303, answer.text
        return browser

    def token(self, may: str, *logins: str) -> str:
        return self.cockpit.seals.seal(TOKEN, self.cockpit.tokens.add(f"a {may}", may, logins))

    def started(self) -> list[str]:
        """The command lines of what was started, each seen to its end."""
        hands = self.cockpit.hands
        for runs in (hands.kills, hands.drills, hands.verifications):
            for process in runs._processes.values():
                process.wait(30)
        return self._started.read_text().splitlines() if self._started.exists() else []

    def access_log(self) -> str:
        self.cockpit.access_log.settle()
        return (self.home / "web" / "access.jsonl").read_text()

    def actors(self) -> list[str]:
        return [one.actor for one in self.cockpit.hands.records()]


@contextmanager
def stage(home: Path, table: WebTable | None = None, *, config: Path | None = None) -> Iterator[Stage]:
    (home / "quant-engine.toml").write_text('[logins.paper]\nmode = "paper"\n[logins.live]\nmode = "live"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QE_HOME", str(home))
        patch.setenv("QE_CONFIG", str(home / "quant-engine.toml"))
        made = Stage(home, table or WebTable(), config)
        yield made
        made.started()


def form_token(browser: TestClient, path: str = "/logins/paper") -> str:
    """The token of the forms on a page."""
    found = re.search(r'name="form_token" value="([^"]+)"', browser.get(path).text)
    return "" if found is None else html.unescape(found[1])


def told(answer: httpx.Response) -> str:
    """What stands on a page, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
