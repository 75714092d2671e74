"""The incident log: sections that a person completes, added to whatever the file has become."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

from engine.journal.incident_log import FORM, HEAD, LINES_MAX, Story, append, closing, section

AT = 1_773_239_403_000_000_000  # 2026-03-11 14:30:03 UTC


def test_the_page_as_it_is_shipped_has_no_incident() -> None:
    """What was tried in a clone is written into its page, and is not for everybody else."""
    root = Path(__file__).parents[2]
    shown = subprocess.run(
        ["git", "show", "HEAD:operator/INCIDENT_LOG.md"], cwd=root, capture_output=True, text=True, check=False
    )
    if shown.returncode:
        pytest.skip("no clone, or no git")
    assert shown.stdout == HEAD


def story(**changes: object) -> Story:
    base: dict[str, object] = {
        "incident_id": "260311-1",
        "at_ns": AT,
        "trigger": "kill switch",
        "logins": ("paper", "live"),
        "what": "Somebody pressed the button: EMERGENCY",
    }
    return msgspec.convert({**base, **changes}, Story)


def test_a_section_tells_the_story_and_leaves_the_rest_to_a_person() -> None:
    text = section(
        story(
            timeline=((AT, "pressed"), (AT + 1_234_000_000, "flat")),
            before=("paper DU1: long 3 ESH6",),
            after=(),
            orders=("SELL 3 ESH6 MKT",),
            report="FLAT\n\nall of it",
        )
    )
    assert text.startswith("## 2026-03-11 14:30:03 UTC: kill switch, paper, live (incident 260311-1)\n")
    assert "    14:30:03.000  pressed\n    14:30:04.234  flat" in text
    assert "Positions before:\n\n    paper DU1: long 3 ESH6\n" in text
    assert "Positions after: none\n" in text
    assert "Orders sent:\n\n    SELL 3 ESH6 MKT" in text
    assert text.endswith(FORM)


def test_positions_that_nobody_read_are_not_called_none() -> None:
    text = section(story())
    assert "Positions before: not known" in text
    assert "Positions after: not known" in text
    assert "Orders sent" not in text


def test_a_further_event_has_no_form_of_its_own() -> None:
    text = section(story(joined=True))
    assert "(further event 260311-1)" in text
    assert FORM not in text


def test_a_reason_of_several_lines_cannot_pass_for_a_section() -> None:
    text = section(story(what="x\n## 2026-03-11: all is well"))
    assert "\n## 2026-03-11: all is well" not in text
    assert "x ## 2026-03-11: all is well" in text
    assert closing("i", AT, "me\n# he", "a\nb", "c").count("\n") == 4


def test_a_long_list_is_cut_and_says_so() -> None:
    lines = tuple(f"position {n}" for n in range(LINES_MAX + 5))
    text = section(story(before=lines))
    assert f"position {LINES_MAX - 1}" in text
    assert f"position {LINES_MAX}\n" not in text
    assert "and 5 more: the journal has them (qe journal export)" in text


def test_the_report_of_a_kill_is_there_whole() -> None:
    text = section(story(report="\n".join(f"line {n}" for n in range(LINES_MAX + 5))))
    assert f"line {LINES_MAX + 4}\n" in text and "more: the journal" not in text


def test_the_file_begins_with_what_it_is_for_and_grows_at_its_end(tmp_path: Path) -> None:
    log = tmp_path / "operator" / "INCIDENT_LOG.md"
    assert append(log, section(story())) is None
    assert append(log, closing("260311-1", AT, "me", "a bug", "fixed it")) is None
    text = log.read_text()
    assert text.startswith(HEAD)
    assert text.index("(incident 260311-1)") < text.index("incident 260311-1 closed by me")
    assert text.count(HEAD) == 1


@pytest.mark.parametrize("damaged", [b"", b"\xff\xfe\x00 not text", b"no newline at the end", b"# all\n\ngone\n"])
def test_what_a_person_did_to_the_file_stays_and_stops_nothing(tmp_path: Path, damaged: bytes) -> None:
    log = tmp_path / "INCIDENT_LOG.md"
    log.write_bytes(damaged)
    assert append(log, section(story())) is None
    written = log.read_bytes()
    assert written.startswith(damaged)
    assert b"\n## 2026-03-11" in written


def test_a_log_that_cannot_be_written_is_a_sentence_and_not_an_exception(tmp_path: Path) -> None:
    log = tmp_path / "INCIDENT_LOG.md"
    log.mkdir()
    why = append(log, "text")
    assert why is not None
    assert str(log) in why
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert append(blocked / "INCIDENT_LOG.md", "text") is not None


def test_sections_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    log = tmp_path / "INCIDENT_LOG.md"
    log.write_text(HEAD)

    def write(number: int) -> None:
        for _ in range(20):
            append(log, f"<{number}{str(number) * 3000}>\n")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sections = log.read_text().removeprefix(HEAD).split()
    assert sorted(sections) == sorted(f"<{n}{str(n) * 3000}>" for n in range(4) for _ in range(20))


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:7]))
    log = tmp_path / "INCIDENT_LOG.md"
    assert append(log, section(story())) is None
    assert log.read_text() == f"{HEAD}\n{section(story())}"
