"""Seals, the list of sessions that have ended, tokens and passwords: what was made here is taken, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.web.access import Role
from engine.web.private_files import Unreadable, secret
from engine.web.sessions import Ended, Seals, Session, Tokens, new_session
from engine.web.users import BadUser, Users
from web.stage import CHEAP

SEALS = Seals("k" * 64)
SESSION = Session("a" * 32, "ann", 1, 10)


def test_a_seal_of_one_kind_is_none_of_another() -> None:
    sealed = SEALS.seal("session", SESSION)
    assert SEALS.open("session", sealed, Session) == SESSION
    assert SEALS.open("token", sealed, Session) is None


@given(st.text(max_size=300))
def test_nothing_that_anybody_makes_up_is_a_seal_and_nothing_raises(text: str) -> None:
    assert SEALS.open("session", text, Session) is None


@given(st.data())
def test_a_seal_that_was_changed_anywhere_is_none(data: st.DataObject) -> None:
    sealed = SEALS.seal("session", SESSION)
    place = data.draw(st.integers(0, len(sealed) - 2))  # the last sign holds bits that say nothing
    other = data.draw(st.sampled_from("0123456789abcdef.-_Z").filter(lambda sign: sign != sealed[place]))
    assert SEALS.open("session", sealed[:place] + other + sealed[place + 1 :], Session) is None


def test_a_form_token_belongs_to_one_session_and_no_session_has_none() -> None:
    assert SEALS.is_form_token("a", SEALS.form_token("a"))
    assert not SEALS.is_form_token("b", SEALS.form_token("a"))
    assert not SEALS.is_form_token("", SEALS.form_token(""))
    assert not SEALS.is_form_token("a", "ä")


def test_what_has_ended_stays_ended_for_the_next_cockpit_and_is_forgotten_in_time(tmp_path: Path) -> None:
    first, second = new_session("ann", 1, now_ns=0, hours=1), new_session("ann", 1, now_ns=0, hours=100)
    Ended(tmp_path).add(first, 0)
    assert first.id in Ended(tmp_path) and second.id not in Ended(tmp_path)
    Ended(tmp_path).add(second, first.until_ns + 1)
    assert first.id not in Ended(tmp_path) and second.id in Ended(tmp_path)


def test_a_token_says_its_role_only_if_it_has_one(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    roles = {may: tokens.add("x", may, ()).role for may in ("viewer", "operator", "halt", "kill")}
    assert roles == {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "halt": None, "kill": None}
    assert len(tokens.all()) == 4


def test_a_password_is_kept_as_a_hash_and_a_short_one_is_refused(tmp_path: Path) -> None:
    users = Users(tmp_path, CHEAP)
    users.put("ann", Role.OPERATOR, "correct horse")
    assert "correct horse" not in (tmp_path / "users.json").read_text()
    assert "$argon2id$" in (tmp_path / "users.json").read_text()
    assert (tmp_path / "users.json").stat().st_mode & 0o077 == 0
    assert users.verified("ann", "correct horse") is not None
    for name, password in (("ann", "correct hors"), ("ann", ""), ("bob", "correct horse"), ("", "")):
        assert users.verified(name, password) is None
    for name, password in (("ann", "short"), ("", "long enough 1"), ("a\nb", "long enough 1"), ("x", "y" * 257)):
        with pytest.raises(BadUser):
            users.put(name, Role.VIEWER, password)


def test_a_user_who_was_removed_elsewhere_is_gone_at_once(tmp_path: Path) -> None:
    here, there = Users(tmp_path, CHEAP), Users(tmp_path, CHEAP)
    here.put("ann", Role.OPERATOR, "correct horse")
    assert "ann" in there.all()
    here.remove("ann")
    assert there.all() == {} and there.verified("ann", "correct horse") is None


def test_the_key_is_made_once_and_a_bad_one_is_told(tmp_path: Path) -> None:
    assert secret(tmp_path) == secret(tmp_path)
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    (tmp_path / "key").write_text('"short"')
    with pytest.raises(Unreadable, match="too short"):
        secret(tmp_path)
