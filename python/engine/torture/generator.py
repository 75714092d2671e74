"""Makes a story of a whole number: accounts, positions, orders, prices, faults, and what people and programs do.

Most worlds are small, since most mistakes need little. Pure: the same seed is the same story, on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from engine.simulator.scenario import (
    AccountSetup,
    Expect,
    LoginPlan,
    OrderSetup,
    PositionSetup,
    Scenario,
)
from engine.torture import story as acts
from engine.torture.draw import Lot
from engine.torture.story import AnyAct, Story
from engine.torture.troubles import troubles

D = Decimal
CONTRACTS = (
    "AAPL",
    "MSFT",
    "SPY",
    "FUT ES",
    "FUT MES",
    "FUT CL",
    "FUT ZN",
    "OPT SPY 20260417 580 P",
    "OPT SPY 20260417 620 C",
    "OPT AAPL 20260417 250 C",
)
WORTH_NOTHING = ("OPT AAPL 20260417 250 C",)  # on its last days: no limit order has a price
QUANTITIES = (-12, -5, -2, -1, 1, 2, 3, 7, 20)
ORDINARY = datetime.fromisoformat("2026-03-11T10:30:00-04:00")
OTHER_TIMES = tuple(
    datetime.fromisoformat(text)
    for text in (
        "2026-03-06T15:59:30-05:00",  # the last seconds of the week's stocks, before the clocks change
        "2026-03-08T18:05:00-04:00",  # the first futures after they did
        "2026-03-11T16:59:40-05:00",  # the futures' daily pause ends, in Chicago
        "2026-03-27T14:59:50-04:00",
        "2026-04-16T15:58:00-04:00",  # the last day but one of the options
    )
)


def story_of(seed: int) -> Story:
    """The story with that number."""
    return _Writer(Lot(f"torture/{seed}"), seed).write()


class _Writer:
    """Draws one story."""

    def __init__(self, lot: Lot, seed: int) -> None:
        self._lot = lot
        self._seed = seed
        self._acts: list[AnyAct] = []

    def write(self) -> Story:
        names = ("paper", "live") if self._lot.chance(35) else ("paper",)
        start = self._lot.pick(OTHER_TIMES) if self._lot.chance(4) else ORDINARY
        plans = tuple(self._login(name) for name in names)
        pressed_s = self._lot.seconds(0.5, 3.0)
        self._script(plans, pressed_s)
        scenario = Scenario(
            title=f"torture {self._seed}",
            story="",
            expect=Expect(text=""),
            start=start,
            seed=self._seed,
            moves=self._lot.chance(40),
            logins=plans,
            faults=troubles(self._lot, names, pressed_s),
        )
        return Story(
            seed=self._seed,
            scenario=scenario,
            acts=tuple(sorted(self._acts, key=lambda act: act.at_s)),
            deadline_s=self._lot.pick((60.0, 60.0, 120.0)),
        )

    # --- the world ------------------------------------------------------------------------------------
    def _login(self, name: str) -> LoginPlan:
        contracts = self._lot.rng.sample(CONTRACTS, len(CONTRACTS))
        held = tuple(
            PositionSetup(contract=contracts[number], quantity=D(self._lot.pick(QUANTITIES)))
            for number in range(1 + self._lot.few(5))
        )
        orders: dict[str, OrderSetup] = {}
        worth = [one for one in contracts if one not in WORTH_NOTHING]
        for number in range(self._lot.few(4)):
            order = self._order(self._lot.pick(worth[:4]))
            # TWS refuses two sides of one US option: one order in each
            orders[order.contract if order.contract.startswith("OPT") else f"{number}"] = order
        return LoginPlan(
            name=name,
            mode="paper" if name == "paper" else "live",
            accounts=(AccountSetup(id="DU1" if name == "paper" else "U1", cash=D(10_000_000), positions=held),),
            orders=tuple(orders.values()),
        )

    def _order(self, contract: str) -> OrderSetup:
        """One that rests: a limit away from the market, or a stop beyond it."""
        buys, stop = self._lot.chance(50), self._lot.chance(40)
        far = D(96) if buys is not stop else D(104)
        return OrderSetup(
            contract=contract,
            action="BUY" if buys else "SELL",
            quantity=D(self._lot.number(1, 12)),
            type="STP" if stop else "LMT",
            limit_pct=None if stop else far,
            stop_pct=far if stop else None,
            client_id=self._lot.pick((0, 1, 3, 9000)),
            order_ref=self._lot.pick(("rests", "exit", "QEKILL-older-1")),
        )

    # --- what is done -----------------------------------------------------------------------------------
    def _script(self, plans: Sequence[LoginPlan], pressed_s: float) -> None:
        """One kill at least, and what else happens around it."""
        engines = ["engine1", "engine2"][: self._lot.pick((0, 1, 1, 2))]
        for who in engines:
            self._acts.append(acts.Start(who=who, at_s=self._lot.soon(0.0, pressed_s)))
        people = [*engines, "cli1", "cli2"]
        presser = self._lot.pick(people)
        self._press(presser, plans, pressed_s)
        if engines and self._lot.chance(25):
            self._acts.append(self._trade(self._lot.pick(engines), plans, self._lot.soon(pressed_s - 0.3, 1.0)))
        for _ in range(self._lot.few(3)):
            self._one_more(people, presser, plans, pressed_s)

    def _one_more(self, people: list[str], presser: str, plans: Sequence[LoginPlan], pressed_s: float) -> None:
        at_s = self._lot.soon(pressed_s, 8.0)
        login = self._lot.pick(plans).name
        add = self._acts.append
        match self._lot.number(0, 11):
            case 0 | 1 | 2:
                self._press(self._lot.pick(people), plans, at_s)
            case 3 | 4:
                add(
                    acts.Die(
                        who=self._lot.pick((presser, presser, *people)), steps=self._lot.number(1, 250), at_s=pressed_s
                    )
                )
                self._press(self._lot.pick(people), plans, self._lot.soon(pressed_s + 1.0, 10.0))
            case 5:
                add(
                    acts.Freeze(
                        who=presser, for_s=self._lot.pick((0.5, 4.0, 20.0)), at_s=self._lot.soon(pressed_s, 2.0)
                    )
                )
                self._press(self._lot.pick(people), plans, at_s)
            case 6:
                add(acts.Halt(who=self._lot.pick(people), login=login, cancel=self._lot.chance(30), at_s=at_s))
            case 7:
                add(acts.Resume(who=self._lot.pick(people), login=login, at_s=at_s))
            case 8:
                add(self._trade(self._lot.pick(people), plans, at_s))
            case 9:
                add(acts.ClockJump(seconds=self._lot.pick((-7200.0, -3600.0, -2.0, 30.0, 3600.0, 86400.0)), at_s=at_s))
            case 10:
                code = self._lot.pick(("full", "failed", "busy", "read_only"))
                begins_s = self._lot.soon(pressed_s - 0.2, 1.0)
                add(
                    acts.DiskFails(
                        code=code, for_s=self._lot.pick((0.1, 2.0, 30.0)), torn=self._lot.chance(30), at_s=begins_s
                    )
                )
            case _:
                add(acts.DiskSlow(seconds=self._lot.pick((0.1, 1.0, 10.0)), for_s=20.0, at_s=pressed_s - 0.1))

    def _press(self, who: str, plans: Sequence[LoginPlan], at_s: float) -> None:
        logins = (self._lot.pick(plans).name,) if len(plans) > 1 and self._lot.chance(15) else ()
        gives_up_s = self._lot.seconds(0.0, 2.0) if self._lot.chance(4) else None
        self._acts.append(acts.Press(who=who, logins=logins, gives_up_s=gives_up_s, at_s=at_s))

    def _trade(self, who: str, plans: Sequence[LoginPlan], at_s: float) -> acts.Trade:
        plan = self._lot.pick(plans)
        held = [one.contract for one in plan.accounts[0].positions]
        return acts.Trade(
            who=who,
            login=plan.name,
            contract=self._lot.pick((*held, "AAPL")),
            action=self._lot.pick(("BUY", "SELL")),
            quantity=D(self._lot.number(1, 3)),
            limit_pct=self._lot.pick((None, D(97), D(103))),
            at_s=at_s,
        )
