"""The emergency page: true to the configuration, one sheet, and nothing on it made up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.config.limits_table import LimitsTable
from engine.config.model import Config, Login, default_config
from engine.core.limit_rules import Limit
from engine.core.restrictions import Scope
from engine.desk.page_blocks import Code, Paragraph, Style, Table, inline
from engine.desk.page_html import html
from engine.desk.page_markdown import markdown
from engine.desk.page_pdf import SIZES_PT, CannotSet, pdf, png
from engine.desk.runbook import Facts, Money, program, runbook
from engine.desk.runbook_facts import generic, last_drill, of_this_machine
from engine.journal.events import BaselineSet, LimitChanged
from engine.journal.journal import Journal
from engine.journal.memory_store import MemoryStore
from engine.journal.state import JournalState

DAY = date(2026, 3, 31)
GATEWAY = Login(name="swing", mode="live", host="10.0.0.7", port=4001, client_id=7)
SEED_PROGRAM = """\
import asyncio
from engine.trading import IBKRAccountManager, TradingMode

async def kill():
    mgr = IBKRAccountManager()
    mgr.add_account('paper', TradingMode.PAPER)
    mgr.add_account('live', TradingMode.LIVE, client_id=2)
    await mgr.connect_all()
    result = await mgr.kill_switch_all('EMERGENCY')
    print(result)
    await mgr.disconnect_all()

asyncio.run(kill())"""


def facts(**changes: object) -> Facts:
    return msgspec.structs.replace(generic(default_config(), DAY), **changes)


def limits_of(made: Facts) -> dict[str, tuple[str, ...]]:
    tables = [block for block in runbook(made) if isinstance(block, Table) and block.head[0] == "Limit"]
    return {row[0]: row[1:] for table in tables for row in table.rows}


def test_the_page_has_the_seed_pages_program_word_for_word_and_its_limits() -> None:
    assert program(facts()) == SEED_PROGRAM
    assert limits_of(facts()) == {
        "Daily Loss": ("2% ($2,000 on $100k)", "Stop trading today"),
        "Weekly Loss": ("5% ($5,000 on $100k)", "Reduce size 50% this week"),
        "Monthly Loss": ("10% ($10,000 on $100k)", "Pause 1 week"),
        "Circuit Breaker": ("15% ($15,000 on $100k)", "FULL SHUTDOWN"),
        "Max Contracts": ("10 futures / 50 options", "Pre-flight rejects"),
    }


def test_it_says_where_these_logins_are_and_runs_where_this_installation_is() -> None:
    made = facts(logins=(GATEWAY,), limits={"swing": LimitsTable()}, clone="/home/ann/my engine")
    assert "mgr.add_account('swing', TradingMode.LIVE, client_id=7, host='10.0.0.7', port=4001)" in program(made)
    page = markdown(runbook(made))
    assert "| swing | live | 10.0.0.7:4001 | 7 |" in page
    assert "cd '/home/ann/my engine'\n.venv/bin/qe kill" in page
    assert 'manager.halt_trading("swing", "Manual halt")' in page
    assert "paper" not in page


def test_a_new_terminal_is_told_where_the_configuration_and_the_state_are_and_only_where_it_would_not_find_them() -> (
    None
):
    def code(**changes: object) -> list[str]:
        made = facts(clone="/home/ann/clone", state="/home/ann/state", **changes)
        return [block.text for block in runbook(made) if isinstance(block, Code) and block.language == "bash"]

    kill, program, verify, halt = code(config="/etc/my desk.toml", environment={"QE_HOME": "/var/qe"})
    told = "export QE_HOME=/var/qe\nexport QE_CONFIG='/etc/my desk.toml'\ncd /home/ann/clone"
    assert kill == f"{told}\n.venv/bin/qe kill"
    assert program.startswith(f"{told}/python\n") and verify.startswith(f"{told}/operator\n")
    assert halt.startswith(f"{told}\n.venv/bin/qe halt")
    assert not any("export" in text for text in code(config="/home/ann/state/quant-engine.toml"))
    assert not any("export" in text for text in code())
    kill, program, verify, halt = code(config="/home/ann/clone/quant-engine.toml")
    assert "export" not in kill + halt
    for elsewhere in (program, verify):  # they run in folders of the clone that have none
        assert elsewhere.startswith("export QE_CONFIG=/home/ann/clone/quant-engine.toml\ncd ")


def test_todays_dollars_are_those_of_each_login_and_an_example_where_they_are_not_known() -> None:
    known = {"paper": {Limit.DAILY: Money(Decimal("100650.40"), "USD"), Limit.BREAKER: Money(Decimal(90_000), "EUR")}}
    found = limits_of(facts(baselines=known))
    assert found["Daily Loss"][0] == "2% (paper: $2,013)"
    assert found["Weekly Loss"][0] == "5% ($5,000 on $100k)"
    assert found["Circuit Breaker"][0] == "15% (paper: 13,500 EUR)"


@pytest.mark.parametrize(
    ("changes", "limit", "words"),
    [
        ({"daily_action": "alert"}, "Daily Loss", "Alert only"),
        ({"daily_action": "reduce_only"}, "Daily Loss", "Only reduce today"),
        ({"daily_until": "lifted"}, "Daily Loss", "Stop trading until resumed"),
        ({"daily_until": "month"}, "Daily Loss", "Stop trading this month"),
        ({"weekly_until": "pause", "size_factor": 0.25}, "Weekly Loss", "Reduce size 75% for 1 week"),
        ({"monthly_action": "reduce_only", "pause_days": 2.5}, "Monthly Loss", "Only reduce for 2.5 days"),
        ({"pause_days": 3}, "Monthly Loss", "Pause 3 days"),
        ({"breaker_action": "halt", "breaker_until": "week"}, "Circuit Breaker", "Stop trading this week"),
    ],
)
def test_what_happens_is_said_as_it_is_configured(changes: dict[str, object], limit: str, words: str) -> None:
    table = msgspec.structs.replace(LimitsTable(), **changes)
    assert limits_of(facts(limits={"paper": table, "live": table}))[limit][1] == words


def test_logins_with_limits_of_their_own_get_a_table_each() -> None:
    tight = msgspec.structs.replace(LimitsTable(), daily_loss_pct=1.5)
    page = markdown(runbook(facts(limits={"paper": LimitsTable(), "live": tight})))
    assert page.index("### paper") < page.index("2% ($2,000") < page.index("### live") < page.index("1.5% ($1,500")


def test_the_next_review_is_a_month_away_and_a_drill_that_was_never_held_is_not_made_up() -> None:
    last = runbook(facts(updated=date(2026, 12, 31)))[-1]
    assert isinstance(last, Paragraph)
    assert "**Last Updated**: 2026-12-31 · **Next Review**: 2027-01-28" in last.text
    assert "none on record" in last.text


def test_the_last_drill_is_read_from_the_list_of_drills(tmp_path: Path) -> None:
    assert last_drill(tmp_path) == ""
    lines = "| 2026-03-01 10:00 | calm | passed | x |\n| 2026-03-02 10:00 | no-bid | **FAILED**: y | x |\nnotes\n"
    (tmp_path / "DRILLS.md").write_text(lines)
    assert last_drill(tmp_path) == "2026-03-02 (no-bid, FAILED)"


def journal(*events: BaselineSet | LimitChanged) -> JournalState:
    made = Journal(MemoryStore(), actor="test", clock=lambda: 5)
    made.append(*events)
    state = made.state()
    assert isinstance(state, JournalState)
    return state


def test_the_limits_in_force_are_shown_and_not_what_a_file_asks_for_in_vain() -> None:
    tightened = LimitChanged(scope=Scope("paper"), limit="daily_loss_pct", old="2", new="1", reason="r", effective_ns=5)
    equity = BaselineSet(
        scope=Scope("paper"), period="day", period_id="d", equity=Decimal(50_000), currency="USD", as_of_ns=5
    )
    made = of_this_machine(
        default_config(), journal(tightened, equity), clone=Path("/x"), drills=Path("/nowhere"), today=DAY, now_ns=6
    )
    assert made.limits["paper"].daily_loss_pct == 1
    assert made.limits["live"].daily_loss_pct == 2
    assert made.baselines["paper"] == {Limit.DAILY: Money(Decimal(50_000), "USD")}
    unread = of_this_machine(default_config(), None, clone=Path("/x"), drills=Path("/x"), today=DAY, now_ns=6)
    assert unread.baselines == {}


# setting --------------------------------------------------------------------------------------------------------------


def test_pieces_of_a_text_are_all_of_it() -> None:
    text = "a **b c** `d` e*"
    assert [piece for _, piece in inline(text)] == ["a ", "b c", " ", "d", " e*"]
    assert [style for style, _ in inline("**b**`c`")] == [Style.BOLD, Style.CODE]


def test_a_command_in_a_sentence_goes_on_in_the_next_line_between_its_words_only() -> None:
    from engine.desk.page_pdf import _pieces

    path = "/" + "a-long-folder/" * 5
    assert _pieces(f"do **it**: `.venv/bin/qe status {path}`") == [
        ("plain", "do "), ("bold", "it"), ("plain", ": "),
        ("whole", ".venv/bin/qe"), ("plain", " "), ("whole", "status"), ("plain", " "), ("code", path),
    ]  # fmt: skip
    assert _pieces("`pkill -f python`") == [("whole", "pkill -f python")]
    page = html((Paragraph(f"`.venv/bin/qe <x> {path}`"),))
    assert f"<code><span>.venv/bin/qe</span> <span>&lt;x&gt;</span> {path}</code>" in page
    assert "code span { white-space: nowrap; }" in page


def test_html_needs_nothing_else_and_nothing_in_it_is_taken_for_markup() -> None:
    evil = Login(name="<script>", mode="paper", host="127.0.0.1", port=7497, client_id=1)
    page = html(runbook(facts(logins=(evil,), limits={"<script>": LimitsTable()})))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for word in ("http:", "https:", "src=", "@import", "url("):
        assert word not in page
    assert page.count("<section") == page.count("</section>") == 9
    assert "@page" in page


def many(count: int) -> Facts:
    logins = tuple(
        Login(name=f"strategy-{number}", mode="live", host="10.20.30.40", port=4001 + number, client_id=10 + number)
        for number in range(count)
    )
    config: Config = msgspec.structs.replace(default_config(), logins=logins)
    return msgspec.structs.replace(generic(config, DAY), clone="/Users/annabelle/Documents/trading/quant-engine")


@pytest.mark.parametrize("paper", ["a4", "letter"])
@pytest.mark.parametrize("made", [facts(), many(1), many(6)], ids=["default", "one", "six"])
def test_the_pdf_is_one_sheet(made: Facts, paper: str) -> None:
    data = pdf(runbook(made), paper)
    assert data.startswith(b"%PDF-")
    assert (b"595.27" in data) == (paper == "a4")


def test_the_picture_is_of_the_same_sheet() -> None:
    made = png(runbook(facts()))
    assert made.startswith(b"\x89PNG\r\n")
    width, height = (int.from_bytes(made[at : at + 4], "big") for at in (16, 20))
    assert abs(height / width - 297 / 210) < 0.01


def test_a_page_that_cannot_be_one_sheet_is_refused_with_what_to_do() -> None:
    assert list(SIZES_PT) == sorted(SIZES_PT, reverse=True)
    with pytest.raises(CannotSet, match="print the HTML page"):
        pdf(runbook(many(60)))


def test_no_line_that_is_typed_is_longer_than_a_column_has_room_for() -> None:
    from engine.desk.page_pdf import COLUMN_PT, MONOSPACE, _longest_line

    blocks = [block for block in runbook(many(6)) if isinstance(block, Code)]
    for block in blocks:
        longest = max(len(line) for line in block.text.splitlines())
        assert _longest_line(block) == longest
        assert COLUMN_PT / (MONOSPACE * longest) > 4  # points: still to be read
    assert COLUMN_PT / (MONOSPACE * _longest_line(blocks[0])) > 8  # the kill's own, whatever the program below it needs
