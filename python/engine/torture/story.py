"""What happens in one torture run, as data: the world, what goes wrong in it, and who does what when.

A story says everything: the same one gives the same run. It is made from a seed (`generator`), made smaller where it
shows a mistake (`shrink`), and kept as JSON.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from engine.simulator.scenario import Scenario


class Act(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", omit_defaults=True):
    """One thing that somebody does, so many seconds after the world began."""

    at_s: float


class Deed(Act, frozen=True):
    """By a program, which is started if it does not run. Its name begins with what it is: `engine` connects and trades,
    `cli` does one thing over no connection of its own, `guard` watches and enforces the limits, `gateway` is the
    gateway, and a `bot` is somebody's own program that trades through it.
    """

    who: str


class Start(Deed, frozen=True, tag="start"):
    """The program is started, and connects."""


class End(Deed, frozen=True, tag="end"):
    """The program comes to its end by itself, and says good-bye."""


class Press(Deed, frozen=True, tag="press"):
    """The kill switch, of these logins or (none named) of all."""

    logins: tuple[str, ...] = ()
    gives_up_s: float | None = None  # whoever waits for the report is cancelled then; the kill goes on


class Halt(Deed, frozen=True, tag="halt"):
    login: str
    cancel: bool = False


class Resume(Deed, frozen=True, tag="resume"):
    """Somebody tries to go on after a halt, and is refused after a kill."""

    login: str


class GoOn(Deed, frozen=True, tag="go_on"):
    """A person does all that it takes after a kill: verifies, closes the incidents, resets, and resumes."""

    login: str


class Trade(Deed, frozen=True, tag="trade"):
    """The program places an order, at the market or with a limit in percent of the last price."""

    login: str
    contract: str
    action: Literal["BUY", "SELL"]
    quantity: Decimal
    limit_pct: Decimal | None = None


class Die(Deed, frozen=True, tag="die"):
    """SIGKILL before the program's so-manieth step from now."""

    steps: int


class Freeze(Deed, frozen=True, tag="freeze"):
    """SIGSTOP, and SIGCONT so much later."""

    for_s: float


class Foreign(Act, frozen=True, tag="foreign"):
    """Somebody else trades: another program, or (client 0) a hand in TWS. Nobody can know beforehand."""

    login: str
    contract: str
    action: Literal["BUY", "SELL"]
    quantity: Decimal
    limit_pct: Decimal | None = None
    client_id: int = 0


class Liquidate(Act, frozen=True, tag="liquidate"):
    """IBKR closes a part of a position itself."""

    login: str
    contract: str
    quantity: Decimal  # signed


class Assign(Act, frozen=True, tag="assign"):
    """Short options are assigned: no execution tells of it."""

    login: str
    contract: str
    quantity: Decimal  # of options


class Price(Act, frozen=True, tag="price"):
    """The market goes there at once, in percent of where it is, and orders fill on the way."""

    login: str
    contract: str
    percent: Decimal


class Worth(Act, frozen=True, tag="worth"):
    """The account's worth is brought to so many percent of what it was at first, by the price of what it holds."""

    login: str
    contract: str
    percent: Decimal


class ClockJump(Act, frozen=True, tag="clock_jump"):
    """The machine's clock is set; IBKR's is not."""

    seconds: float


class DiskFails(Act, frozen=True, tag="disk_fails"):
    """Every append fails so (a code of `engine.journal.trouble`), for a while."""

    code: str
    for_s: float
    torn: bool = False  # what failed is kept all the same


class DiskSlow(Act, frozen=True, tag="disk_slow"):
    """Whatever is written beside the event loop takes so long, for a while."""

    seconds: float
    for_s: float


AnyAct: TypeAlias = (
    Start
    | End
    | Press
    | Halt
    | Resume
    | GoOn
    | Trade
    | Die
    | Freeze
    | Foreign
    | Liquidate
    | Assign
    | Price
    | Worth
    | ClockJump
    | DiskFails
    | DiskSlow
)


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `deadline_s` is every kill's."""

    seed: int
    scenario: Scenario
    acts: tuple[AnyAct, ...]
    deadline_s: float = 60.0
    file: bool = False  # the journal is the product's own file, and not in memory
    silence_kills_s: float = 0.0  # a guard presses when an engine has been silent for so long; 0: never
    lasts_s: float = 1.0  # how long it goes on behind the last act and report

    @property
    def size(self) -> int:
        """How much there is to read."""
        worlds = sum(len(one.orders) + sum(1 + len(a.positions) for a in one.accounts) for one in self.scenario.logins)
        return len(self.acts) + len(self.scenario.faults) + worlds


def to_json(story: Story) -> bytes:
    return msgspec.json.format(msgspec.json.encode(story), indent=1)


def from_json(data: bytes) -> Story:
    return msgspec.json.decode(data, type=Story)


def told(story: Story) -> str:
    """The story as a person reads it."""
    scenario = story.scenario
    journal = ", the journal is a file" if story.file else ""
    lines = [f"seed {story.seed}, it begins on {scenario.start:%A %Y-%m-%d %H:%M %Z}{journal}"]
    for login in scenario.logins:
        for account in login.accounts:
            held = ", ".join(f"{one.quantity:+f} {one.contract}" for one in account.positions) or "nothing"
            lines.append(f"  {login.name} {account.id} holds {held}")
        for order in login.orders:
            price = f" at {order.limit_pct or order.stop_pct:f} %" if order.limit_pct or order.stop_pct else ""
            owner = f"client {order.client_id}" if order.client_id else "TWS"
            lines.append(
                f"  {login.name} works {order.action} {order.quantity:f} {order.contract} {order.type}{price}, {owner}"
            )
    lines += [f"  fault: {_fields(fault, 'kind')}" for fault in scenario.faults]
    lines += [f"  {act.at_s:8.3f} s  {_fields(act, 'do')}" for act in story.acts]
    return "\n".join(lines)


def _fields(one: msgspec.Struct, tag: str) -> str:
    data = msgspec.to_builtins(one, enc_hook=str)
    words = [str(data.pop(tag)).replace("_", " ")]
    data.pop("at_s", None)
    words += [f"{name}={value}" for name, value in data.items()]
    return " ".join(words)
