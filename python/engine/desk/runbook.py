"""The emergency page, made from the configuration in force: what an operator holds in his hands when nothing works.

Every command on it is run by a test. What is not known (today's dollars before any equity was seen, a drill that was
never held) is said to be not known, and never made up.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from engine.config.limit_settings import limit_settings
from engine.config.limits_table import LimitsTable
from engine.config.model import CLIENT_IDS, LOCAL, TWS_PORTS, Login
from engine.config.places import FILE_NAME
from engine.core.limit_rules import Action, Lasting, Limit, LimitSettings, Rule
from engine.core.periods import DAY_NS
from engine.desk.page_blocks import Block, Code, Option, Page, Paragraph, Section, Steps, Table, Title

EXAMPLE = Decimal(100_000)
CLONE = "quant-engine"  # where the repository is, for who has not said it
TRADE_DESK, AFTER_HOURS = "1-877-442-2757", "1-312-542-6901"
GUARD_ID = 90
_NAMES = {
    Limit.DAILY: "Daily Loss",
    Limit.WEEKLY: "Weekly Loss",
    Limit.MONTHLY: "Monthly Loss",
    Limit.BREAKER: "Circuit Breaker",
}
_SPANS = {
    Lasting.DAY: "today",
    Lasting.WEEK: "this week",
    Lasting.MONTH: "this month",
    Lasting.LIFTED: "until resumed",
}


class Money(msgspec.Struct, frozen=True):
    """From this a loss is counted."""

    amount: Decimal
    currency: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is made of. `clone`: the folder of this installation; `baselines`: by login, then by limit, as far
    as they are known; `limits`: the limits in force, by login; `config`: the file, if there is one; `state`: the state
    folder; `environment`: what a new terminal has to be told to find them.
    """

    logins: tuple[Login, ...]
    limits: Mapping[str, LimitsTable]
    futures_max: str
    options_max: str
    kill_id: int
    deadline_s: float
    updated: date
    clone: str = CLONE
    config: str = ""
    state: str = ""
    environment: Mapping[str, str] = {}
    baselines: Mapping[str, Mapping[Limit, Money]] = {}
    last_drill: str = ""
    incident_log: str = "operator/INCIDENT_LOG.md"


def runbook(facts: Facts) -> Page:
    """The page, block by block, in the order in which it is needed."""
    return (
        Title("EMERGENCY PROCEDURES", "PRINT THIS PAGE. KEEP IT NEXT TO YOUR TRADING STATION."),
        *_kill(facts),
        *_contacts(),
        *_ports(facts),
        *_limits(facts),
        *_verification(facts),
        *_halt(facts),
        *_unresponsive(facts),
        *_afterwards(facts),
        *_dates(facts),
    )


def _kill(facts: Facts) -> Iterable[Block]:
    yield Section("KILL SWITCH - FLATTEN ALL POSITIONS", urgent=True)
    yield Option("Option 1: Command line (fastest)")
    yield _typed(facts, "", ".venv/bin/qe kill")
    yield Paragraph(
        "Every login at once, without asking. It works while the engine hangs or has crashed, and ends with FLAT or "
        f"NOT FLAT after {facts.deadline_s:g} s at the latest. If it does not start, the same by Python:"
    )
    yield _typed(facts, "/python", f'../.venv/bin/python -c "\n{program(facts)}\n"')
    yield Option("Option 2: TWS Direct")
    yield Steps(("Open Trader Workstation", "File → Global Cancel", "Right-click portfolio → “Close All Positions”"))
    yield Option("Option 3: IBKR Mobile")
    yield Steps(("Open IBKR Mobile app", "Account → Positions", "Close all positions manually"))


def _typed(facts: Facts, below: str, *lines: str) -> Code:
    """For a terminal that is new, in a folder of the clone: it knows nothing of what the one was told that made this
    page, and a kill that finds no configuration would press the default ports.
    """
    folder, told = facts.clone + below, dict(facts.environment)
    if facts.config and facts.config not in (f"{folder}/{FILE_NAME}", f"{facts.state}/{FILE_NAME}"):
        told["QE_CONFIG"] = facts.config
    exports = [f"export {name}={shlex.quote(value)}" for name, value in told.items()]
    return Code("bash", "\n".join([*exports, f"cd {shlex.quote(folder)}", *lines]))


def program(facts: Facts) -> str:
    """The page's own program, for these logins."""
    adding = "\n".join(f"    mgr.add_account({', '.join(_arguments(login))})" for login in facts.logins)
    return f"""\
import asyncio
from engine.trading import IBKRAccountManager, TradingMode

async def kill():
    mgr = IBKRAccountManager()
{adding}
    await mgr.connect_all()
    result = await mgr.kill_switch_all('EMERGENCY')
    print(result)
    await mgr.disconnect_all()

asyncio.run(kill())"""


def _arguments(login: Login) -> Iterable[str]:
    yield f"'{login.name}'"
    yield f"TradingMode.{login.mode.upper()}"
    if login.mode == "live" or login.client_id != CLIENT_IDS[login.mode]:
        yield f"client_id={login.client_id}"
    if login.host != LOCAL:
        yield f"host='{login.host}'"
    if login.port != TWS_PORTS[login.mode]:
        yield f"port={login.port}"


def _contacts() -> Iterable[Block]:
    yield Section("EMERGENCY CONTACTS")
    yield Table(
        ("Contact", "Number", "When to call"),
        (
            ("IBKR Trade Desk", TRADE_DESK, "Can't close positions via app/TWS"),
            ("IBKR After Hours", AFTER_HOURS, "Overnight emergency"),
        ),
    )


def _ports(facts: Facts) -> Iterable[Block]:
    yield Section("CONNECTION PORTS")
    here = all(login.host == LOCAL for login in facts.logins)
    rows = (
        (login.name, login.mode, str(login.port) if here else f"{login.host}:{login.port}", str(login.client_id))
        for login in facts.logins
    )
    yield Table(("Login", "Account", "Port", "Client ID"), tuple(rows))
    yield Paragraph(f"The kill uses client ids of its own, from {facts.kill_id} up.")


def _limits(facts: Facts) -> Iterable[Block]:
    yield Section("RISK LIMITS (VERIFY IMMEDIATELY IF BREACHED)")
    by_login = {login.name: limit_settings(facts.limits[login.name]) for login in facts.logins}
    alike = len({msgspec.json.encode(facts.limits[name]) for name in by_login}) <= 1
    groups = [("", tuple(by_login.items()))] if alike else [(name, ((name, one),)) for name, one in by_login.items()]
    for name, members in groups:
        if name:
            yield Option(f"{name}")
        rows = [_limit_row(facts, rule.limit, members) for rule in members[0][1].rules] if members else []
        contracts = f"{facts.futures_max} futures / {facts.options_max} options"
        yield Table(("Limit", "Threshold", "Action"), (*rows, ("Max Contracts", contracts, "Pre-flight rejects")))


def _limit_row(facts: Facts, limit: Limit, members: tuple[tuple[str, LimitSettings], ...]) -> tuple[str, ...]:
    rule = next(rule for rule in members[0][1].rules if rule.limit is limit)
    amounts = [
        f"{name}: {_dollars(money.amount * rule.loss_pct / 100, money.currency)}"
        for name, _ in members
        if (money := facts.baselines.get(name, {}).get(limit)) is not None
    ]
    shown = ", ".join(amounts) or f"{_dollars(EXAMPLE * rule.loss_pct / 100)} on $100k"
    return _NAMES[limit], f"{_number(rule.loss_pct)}% ({shown})", _action(rule, members[0][1])


def _action(rule: Rule, settings: LimitSettings) -> str:
    days = Decimal(settings.pause_ns) / DAY_NS
    pause = "1 week" if days == 7 else f"{_number(days)} days"
    match rule.action:
        case Action.KILL:
            return "FULL SHUTDOWN"
        case Action.ALERT:
            return "Alert only"
        case Action.REDUCE_SIZE:
            span = f"for {pause}" if rule.lasting is Lasting.PAUSE else _SPANS[rule.lasting]
            return f"Reduce size {_number((1 - settings.size_factor) * 100)}% {span}"
        case Action.REDUCE_ONLY:
            return f"Only reduce {f'for {pause}' if rule.lasting is Lasting.PAUSE else _SPANS[rule.lasting]}"
        case Action.HALT:
            return f"Pause {pause}" if rule.lasting is Lasting.PAUSE else f"Stop trading {_SPANS[rule.lasting]}"


def _verification(facts: Facts) -> Iterable[Block]:
    yield Section("POSITION VERIFICATION")
    yield Paragraph("Quick check, system against broker. 0 match, 1 different, 2 could not be read:")
    yield _typed(facts, "/operator", "../.venv/bin/python verify_positions.py")


def _halt(facts: Facts) -> Iterable[Block]:
    yield Section("HALT TRADING (WITHOUT FLATTEN)")
    names = [login.name for login in facts.logins]
    lines = [".venv/bin/qe halt --all --reason 'Manual halt'", ".venv/bin/qe status"]
    lines += [f".venv/bin/qe resume {name}" for name in names]
    yield _typed(facts, "", *lines)
    yield Paragraph("The same in the program:")
    halts = [f'manager.halt_trading("{name}", "Manual halt")' for name in names]
    resumes = [f'manager.resume_trading("{name}")' for name in names]
    yield Code("python", "\n".join(["# Halt specific account", *halts, "", "# Resume", *resumes]))


def _unresponsive(facts: Facts) -> Iterable[Block]:
    yield Section("IF SYSTEM IS UNRESPONSIVE")
    yield Steps(
        (
            "**Pull the kill switch anyway** (Option 1): it is a process of its own and needs nothing of the engine",
            "**Stop the engine, and only the engine**: `.venv/bin/qe engines stop --all`. Or `pgrep -af python` "
            "shows its number, and `kill -9 NUMBER` ends it. Not `pkill -f python`: that ends the guard and a running "
            "kill too",
            "**Check TWS connection**: Is TWS running? Connected? Does it show a dialog?",
            "**Use TWS directly**: Close positions in TWS GUI (Option 2)",
            f"**Call IBKR**: {TRADE_DESK}",
        )
    )


def _afterwards(facts: Facts) -> Iterable[Block]:
    yield Section("POST-INCIDENT")
    yield Steps(
        (
            f"Record incident in `{facts.incident_log}` (its section is there already: complete it)",
            "Run `.venv/bin/qe verify` to confirm state: it is the same as the quick check above",
            "Review what triggered the emergency: `.venv/bin/qe incident list`, `.venv/bin/qe incident show ID`; then "
            "`.venv/bin/qe incident close ID --cause TEXT --action TEXT`, with what was done about it",
            "Do NOT resume trading until fully understood: `.venv/bin/qe reset LOGIN --reason TEXT`, then "
            "`.venv/bin/qe resume LOGIN`",
        )
    )


def _dates(facts: Facts) -> Iterable[Block]:
    review = _a_month_later(facts.updated)
    yield Section("THIS PAGE")
    drill = facts.last_drill or "none on record (`.venv/bin/qe drill`)"
    made = f" · made from {facts.config}" if facts.config else ""
    yield Paragraph(
        f"**Last Updated**: {facts.updated} · **Next Review**: {review}, or after any incident · "
        f"**Last Drill**: {drill}{made}"
    )


def _a_month_later(day: date) -> date:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, 28))


def _dollars(amount: Decimal, currency: str = "USD") -> str:
    return f"${amount:,.0f}" if currency == "USD" else f"{amount:,.0f} {currency}"


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
