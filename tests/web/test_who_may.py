"""Every door of the cockpit against everybody who should not pass it, and those who should."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import msgspec
import pytest
from starlette.testclient import TestClient

from engine.config.web_table import WebTable
from engine.core.restrictions import Kind, Scope
from engine.trading.heartbeats import listen
from engine.web.access import Need, Role
from engine.web.api import Api
from engine.web.app import doors
from engine.web.doors import SESSION, Door
from engine.web.pages import Pages
from engine.web.sessions import Seals, Session
from web.stage import ORIGIN, WORD, Stage, form_token, stage, told

PAGES = ("/", "/kill", "/logins/paper", "/incidents", "/limits", "/drills", "/journal", "/runbook", "/login")


STOPS = {"/kill", "/logins/{login}/halt", "/api/v1/kill", "/api/v1/logins/{login}/halt"}


def all_doors(here: Stage) -> list[Door]:
    return doors(Pages(here.cockpit), Api(here.cockpit))


def knock(browser: TestClient, door: Door, form: dict[str, str] | None = None, **headers: str) -> httpx.Response:
    path = door.path.replace("{login}", "paper").replace("{incident}", "none")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if door.method == "GET":
        return browser.get(path, headers=named)
    return browser.post(path, data=form or {}, headers=named)


def closed(here: Stage) -> list[Door]:
    return [door for door in all_doors(here) if door.need is not Need.NOTHING]


def nothing_happened(here: Stage) -> bool:
    return not here.started() and here.cockpit.reading.rules.state(Scope("paper")).kind is None


def test_without_a_session_every_door_but_the_log_in_is_shut(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        for door in closed(here):
            assert knock(here.browser(), door).status_code == 401, door
        assert nothing_happened(here)


def test_a_viewer_may_look_and_do_nothing(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("vic", Role.VIEWER)
        browser = here.logged_in("vic")
        token = here.cockpit.seals.form_token(here.cockpit.seals.open(SESSION, browser.cookies["qe"], Session).id)
        for door in closed(here):
            if door.path in ("/events", "/logout"):
                continue
            answer = knock(browser, door, {"form_token": token})
            assert (answer.status_code == 403) == (door.need is not Need.SEE), door
        assert nothing_happened(here)


def test_a_viewer_may_stop_where_that_is_configured_and_nothing_else(tmp_path: Path) -> None:
    with stage(tmp_path, WebTable(viewer_may_kill=True)) as here:
        here.user("vic", Role.VIEWER)
        browser = here.logged_in("vic")
        token = form_token(browser)
        assert browser.post("/logins/paper/halt", data={"form_token": token}).status_code == 303
        assert browser.post("/kill", data={"form_token": token}).status_code == 303
        pressed = [door for door in closed(here) if door.method != "GET" and door.path != "/logout"]
        codes = {door.path: knock(browser, door, {"form_token": token, "reason": "x"}).status_code for door in pressed}
        assert {path for path, code in codes.items() if code != 403} == STOPS
        assert {codes[path] for path in STOPS} <= {200, 202, 303}
        assert len(here.started()) == 3


@pytest.mark.parametrize("forged", ["", "0" * 64, "of another session"])
def test_a_form_without_the_sessions_own_token_does_nothing(tmp_path: Path, forged: str) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.logged_in("ann")
        token = form_token(here.logged_in("ann")) if forged.startswith("of") else forged
        for door in closed(here):
            if door.method == "POST":
                assert knock(browser, door, {"form_token": token}).status_code == 403, door
        assert nothing_happened(here)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_what_another_site_sends_does_nothing_even_with_a_good_token(tmp_path: Path, headers: dict[str, str]) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.logged_in("ann")
        token = form_token(browser)
        for door in closed(here):
            if door.method == "POST":
                assert knock(browser, door, {"form_token": token}, **headers).status_code == 403, door
        assert nothing_happened(here)


def test_a_good_form_from_our_own_page_is_done_and_says_who_and_from_where(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.logged_in("ann", address="127.0.0.9")
        token = form_token(browser)
        headers = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
        data = {"form_token": token, "reason": "news"}
        answer = browser.post("/logins/paper/halt", data=data, headers=headers)
        assert answer.status_code == 303
        assert "halt (manual): news" in parse_qs(urlsplit(answer.headers["location"]).query)["done"][0]
        assert here.cockpit.reading.rules.state(Scope("paper")).kind is Kind.HALT
        assert "ann (cockpit, from 127.0.0.9)" in here.actors()


def test_a_session_is_worth_nothing_after_the_log_out_or_another_password_or_its_time(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.logged_in("ann")
        stolen = browser.cookies["qe"]
        assert browser.post("/logout", data={"form_token": form_token(browser)}).status_code == 303
        again = here.browser()
        again.cookies.set("qe", stolen)
        assert again.get("/").status_code == 401
        other = here.logged_in("ann")
        here.users.put("ann", Role.OPERATOR, WORD + " 2")
        assert other.get("/").status_code == 401
        here.users.put("ann", Role.OPERATOR, WORD)
        late = here.logged_in("ann")
        here.now_ns += 169 * 3600 * 1_000_000_000
        assert late.get("/").status_code == 401


def test_a_cookie_that_another_key_has_signed_is_none(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.browser()
        forged = Session("0" * 32, "ann", 1, here.now_ns + 10**15)
        browser.cookies.set("qe", Seals("x" * 64).seal(SESSION, forged))
        assert browser.get("/").status_code == 401


def test_a_form_token_is_no_session_and_a_program_s_token_is_no_cookie(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.browser()
        browser.cookies.set("qe", here.token("operator"))
        assert browser.get("/").status_code == 401


def test_without_users_this_machine_may_do_everything_and_nobody_else_anything(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        local = here.browser()
        assert local.post("/kill", data={"form_token": form_token(local)}).status_code == 303
        assert here.browser(address="192.168.1.7").get("/").status_code == 401
        assert local.get("/", headers={"x-forwarded-for": "192.168.1.7"}).status_code == 401


def test_under_a_stranger_s_name_there_is_no_cockpit(tmp_path: Path) -> None:
    with stage(tmp_path, WebTable(names=("cockpit.lan",))) as here:
        for name, status in (("evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421), ("cockpit.lan", 200)):
            assert here.browser().get("/", headers={"host": name}).status_code == status, name
        assert here.browser().get("/assets/cockpit.css", headers={"host": "evil.example"}).status_code == 404


def test_passwords_cannot_be_tried_without_end(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.browser()
        codes = [browser.post("/login", data={"name": "ann", "password": str(n)}).status_code for n in range(7)]
        assert codes == [401] * 5 + [429] * 2
        assert browser.post("/login", data={"name": "ann", "password": WORD}).status_code == 429
        here.now_ns += 3 * 1_000_000_000
        assert browser.post("/login", data={"name": "ann", "password": WORD}).status_code == 303


def test_a_log_in_leads_nowhere_but_into_the_cockpit(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        for wanted, goes in (
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil", "/"),
            ("/limits", "/limits"),
        ):
            answer = here.browser().post("/login", data={"name": "ann", "password": WORD, "wanted": wanted})
            assert answer.headers["location"] == goes


def test_every_answer_carries_the_headers_that_keep_strangers_out(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        browser = here.browser()
        for door in all_doors(here):
            if door.path == "/events":
                continue
            answer = knock(browser, door)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy, door
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"


def test_what_is_not_there_carries_them_too(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        browser = here.browser()
        for answer in (
            browser.get("/none"),
            browser.put("/kill"),
            browser.get("/assets/..%2fapp.py"),
            browser.head("/"),
        ):
            assert answer.status_code in (404, 405, 200)
            assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_over_tls_the_cookie_never_travels_without_it_and_belongs_to_this_host_alone(tmp_path: Path) -> None:
    with stage(tmp_path, WebTable(certificate="a.pem", key="a.key")) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.browser(origin="https://127.0.0.1:8477")
        answer = browser.post("/login", data={"name": "ann", "password": WORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-qe=")
        assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"))
        assert "max-age" in answer.headers["strict-transport-security"]


def test_no_page_loads_anything_from_elsewhere_or_holds_a_script_of_its_own(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        browser = here.browser()
        for path in (
            "/",
            "/kill",
            "/logins/paper",
            "/incidents",
            "/limits",
            "/drills",
            "/journal",
            "/runbook",
            "/login",
        ):
            text = browser.get(path).text
            for bad in ("http://", "https://", " style=", "<style", "onclick", "javascript:"):
                assert bad not in text, (path, bad)
            assert text.count("<script") == text.count('<script src="/assets/')


def test_before_a_page_is_painted_it_loads_one_style_and_the_script_of_the_switch(tmp_path: Path) -> None:
    """What keeps it up to date and draws comes behind that: an old phone must not wait for it."""
    with stage(tmp_path) as here:
        for path in ("/", "/kill", "/logins/paper"):
            head = here.browser().get(path).text.partition("</head>")[0]
            assert re.findall(r'(?:src|href)="/assets/([^"?]+)', head) == ["icon.svg", "cockpit.css", "cockpit.js"]


def test_no_secret_is_in_a_log_or_on_a_page(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.logged_in("ann")
        token, hook = here.token("operator"), here.token("kill")
        browser.post("/login", data={"name": "ann", "password": "a wrong password"})
        here.browser().get("/api/v1/state", headers={"authorization": f"Bearer {token}"})
        here.browser().post("/hook", json={"token": hook})
        here.started()
        log = here.access_log()
        pages = "".join(browser.get(path).text for path in ("/", "/journal", "/kill"))
        for secret in (WORD, "a wrong password", token, hook, browser.cookies["qe"], here.users.all()["ann"].hash):
            assert secret not in log and secret not in pages
        assert "log-in failed" in log and "logged in" in log
        for path in (tmp_path / "web").glob("*.json*"):
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    "table",
    [
        '[alerts]\nurls = ["mailto://ann:hunter2@example.org"]\nping_url = "https://hc.example/hunter2"',
        '[alerts]\nurls = "mailto://ann:hunter2@example.org"',
        '[alerts]\nurl = ["mailto://ann:hunter2@example.org"]',
        '[alerts]\nurls = ["mailto://ann:hunter2@example.org"',
    ],
)
def test_no_page_and_no_answer_holds_a_secret_of_the_configuration_right_or_wrong(tmp_path: Path, table: str) -> None:
    with stage(tmp_path) as here:
        with (tmp_path / "quant-engine.toml").open("a") as config:
            config.write(f"\n{table}\n")
        browser = here.browser()
        for door in all_doors(here):
            if door.method == "GET" and door.path != "/events":
                assert "hunter2" not in knock(browser, door).text, door.path


@pytest.mark.parametrize("way", ["cookie", "form", "token"])
def test_what_was_good_once_is_worth_nothing_when_it_is_sent_again_later(tmp_path: Path, way: str) -> None:
    """Every door, with what an eavesdropper has kept from before the log-out, or the end of a token."""
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.logged_in("ann")
        kept, form = browser.cookies["qe"], {"form_token": form_token(browser)}
        shown = here.token("operator")
        (token,) = here.cockpit.tokens.all().values()
        browser.post("/logout", data=form)
        here.cockpit.tokens.remove(token.id)
        replaying = here.logged_in("ann") if way == "form" else here.browser()
        if way == "cookie":
            replaying.cookies.set("qe", kept)
        headers = {"authorization": f"Bearer {shown}"} if way == "token" else {}
        for door in closed(here):
            if way == "form" and door.method == "GET":
                continue  # a form token opens nothing there
            assert knock(replaying, door, form, **headers).status_code == (403 if way == "form" else 401), door
        assert nothing_happened(here)


def test_a_replay_after_a_restart_of_the_cockpit_is_worth_nothing_either(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        browser = here.logged_in("ann")
        kept = browser.cookies["qe"]
        browser.post("/logout", data={"form_token": form_token(browser)})
    with stage(tmp_path) as again:
        replaying = again.browser()
        replaying.cookies.set("qe", kept)
        assert replaying.get("/").status_code == 401


def test_what_somebody_typed_is_shown_as_text(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        browser = here.browser()
        evil = '<script>alert(1)</script>"><img src=x>'
        browser.post("/logins/paper/halt", data={"form_token": form_token(browser), "reason": evil})
        for path in ("/", "/logins/paper", "/journal", f"/journal?q={html.escape(evil)}", f"/?done={evil}"):
            assert "<script>alert" not in browser.get(path).text
            assert "<img" not in browser.get(path).text


def test_a_link_cannot_put_words_in_our_mouth(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        browser = here.browser()
        answer = browser.post("/logins/paper/halt", data={"form_token": form_token(browser), "reason": "news"})
        ours = answer.headers["location"]
        assert "paper: halt (manual): news" in told(browser.get(ours))
        other = here.browser()
        other.get("/")
        for path, who in ((ours.replace("news", "FLAT"), browser), (ours, other), ("/kill?done=All+is+FLAT", browser)):
            page = told(who.get(path))
            assert "FLAT" not in page.replace("NOT FLAT", "") and "halt (manual): news i" not in page, path
            assert 'class="done"' not in who.get(path).text


def test_a_body_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        assert here.browser().post("/kill", data={"reason": "x" * 100_000}).status_code == 413
        assert nothing_happened(here)


def test_a_press_that_does_not_count_says_so_first(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        assert "THE KILL WAS NOT SENT" in told(here.browser().post("/kill"))


# programs -------------------------------------------------------------------------------------------------------------


def test_a_token_opens_the_api_for_its_role_and_no_page(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        for may, codes in (("viewer", (200, 403, 403)), ("operator", (200, 202, 200)), ("kill", (401, 401, 401))):
            shown = {"authorization": f"Bearer {here.token(may)}"}
            browser = here.browser()
            got = (
                browser.get("/api/v1/state", headers=shown).status_code,
                browser.post("/api/v1/kill", json={"reason": "a test"}, headers=shown).status_code,
                browser.post("/api/v1/logins/paper/resume", json={"reason": "a test"}, headers=shown).status_code,
            )
            assert got == codes, may
            assert browser.get("/", headers=shown).status_code == 401


def test_a_token_that_was_removed_changed_or_forged_opens_nothing(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        good = here.token("operator")
        (token,) = here.cockpit.tokens.all().values()
        better = msgspec.structs.replace(token, name="another")
        changed = good[:-9] + ("y" if good[-9] == "x" else "x") + good[-8:]  # the last letter has bits that say nothing
        forged = (changed, Seals("y" * 64).seal("token", token), here.cockpit.seals.seal("token", better), "")
        for one in forged:
            assert here.browser().get("/api/v1/state", headers={"authorization": f"Bearer {one}"}).status_code == 401
        here.cockpit.tokens.remove(token.id)
        assert here.browser().get("/api/v1/state", headers={"authorization": f"Bearer {good}"}).status_code == 401


def test_a_webhook_stops_what_its_token_names_and_a_replay_only_stops_again(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        halt, kill = here.token("halt", "paper"), here.token("kill", "live")
        for _ in range(2):
            assert here.browser().post("/hook", json={"token": halt, "logins": ["live"]}).status_code == 200
        assert here.cockpit.reading.rules.state(Scope("paper")).kind is Kind.HALT
        assert here.cockpit.reading.rules.state(Scope("live")).kind is None
        assert here.browser().post("/hook", json={"token": kill}).status_code == 202
        (line,) = here.started()
        assert "--login=live" in line and "webhook a kill" in line


@pytest.mark.parametrize("body", ['{"dry_run": true}', '{"reason": 7}', "[]", "{", '{"logins": ["papre"]}'])
def test_a_kill_that_was_not_understood_does_nothing_and_says_so(tmp_path: Path, body: str) -> None:
    with stage(tmp_path) as here:
        headers = {"authorization": f"Bearer {here.token('operator')}", "content-type": "application/json"}
        answer = here.browser().post("/api/v1/kill", content=body, headers=headers)
        assert answer.status_code in (400, 409)
        assert "othing was done" in answer.json()["error"]
        assert nothing_happened(here)


def test_a_webhook_stops_whatever_else_stands_in_the_message(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        body = {"token": here.token("halt", "paper"), "price": 5987.25, "bars": {"n": [1, None]}, "reason": 7}
        assert here.browser().post("/hook", json=body).status_code == 200
        assert here.cockpit.reading.rules.state(Scope("paper")).kind is Kind.HALT


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("body", ['{"token": "TOKEN"}', '{"token": "TOKEN", "reason": "the "big" one"}', "stop! TOKEN"])
def test_a_webhook_stops_whatever_the_message_is_called_and_whether_or_not_it_is_json(
    tmp_path: Path, kind: str, body: str
) -> None:
    with stage(tmp_path) as here:
        text = body.replace("TOKEN", here.token("halt", "paper"))
        answer = here.browser().post("/hook", content=text, headers={"content-type": kind})
        assert answer.status_code == 200, answer.text
        assert here.cockpit.reading.rules.state(Scope("paper")).kind is Kind.HALT
        assert "no token in the message" in here.browser().post("/hook", content="stop!").text


def test_a_heartbeat_is_that_of_the_program_its_token_is_named_after_and_does_nothing_else(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        beating = here.token("heartbeat", "paper")
        shown = {"authorization": f"Bearer {beating}"}
        answer = here.browser().post("/beat", headers=shown, data={"name": "another"})
        assert (answer.status_code, answer.json()) == (200, {"heard": "a heartbeat", "goodbye": False})
        (beat,) = listen(tmp_path)
        assert (beat.name, beat.words.logins) == ("a-heartbeat", ("paper",))
        os.utime(tmp_path / "heartbeats" / "a-heartbeat", (1, 1))
        assert here.browser().post("/beat", json={"token": beating}).status_code == 200
        assert listen(tmp_path)[0].touched_ns > 10**9
        assert here.browser().post("/beat", json={"token": beating, "goodbye": True}).status_code == 200
        assert listen(tmp_path) == ()
        for token in ("", "nonsense", here.token("halt"), here.token("kill"), here.token("operator")):
            assert here.browser().post("/beat", json={"token": token}).status_code in (401, 429)
        assert listen(tmp_path) == ()
        assert here.browser(address="127.0.0.2").post("/hook", json={"token": beating}).status_code == 401
        assert here.browser().get("/api/v1/state", headers=shown).status_code == 401
        assert here.started() == []


def test_a_heartbeat_that_cannot_be_written_down_is_said_not_to_be_heard(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        (tmp_path / "heartbeats").write_text("no folder")
        answer = here.browser().post("/beat", json={"token": here.token("heartbeat")})
        assert answer.status_code == 409 and "to the guard a heartbeat is silent" in answer.json()["error"]


def test_a_webhook_takes_no_token_of_a_role_and_no_session(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        for shown in (here.token("operator"), "nonsense", ""):
            assert here.logged_in("ann").post("/hook", json={"token": shown}).status_code == 401
        assert nothing_happened(here)


def test_tokens_cannot_be_guessed_without_end_and_the_right_one_stops_all_the_same(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        browser, token = here.browser(), here.token("halt")
        codes = [browser.post("/hook", json={"token": f"guess {n}"}).status_code for n in range(7)]
        assert codes == [401] * 5 + [429] * 2
        assert browser.post("/hook", json={"token": token}).status_code == 200
