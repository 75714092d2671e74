"""What people and programs do in a torture run, by subject: kills, trading under halts, losses under a guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from engine.simulator.scenario import LoginPlan
from engine.torture import story as acts
from engine.torture.draw import Lot
from engine.torture.story import AnyAct
from engine.torture.worlds import LOSES

D = Decimal
Plans = Sequence[LoginPlan]
ENGINES = ("engine1", "engine2")
COMMANDS = ("cli1", "cli2")
CODES = ("full", "failed", "busy", "read_only")
WORTHS_PCT = (
    *(D(101), D("99.5")),
    *(D("98.1"), D("98.02"), D("97.98"), D("97.9"), D(96)),  # about the daily limit
    *(D("95.02"), D("94.98"), D("90.02"), D("89.98")),  # … the weekly, the monthly
    *(D("85.2"), D(84)),  # … the circuit breaker
)
CLOCK_JUMPS_S = (-7200.0, -3600.0, -2.0, 30.0, 3600.0, 86400.0)


class Scene:
    """One script in the making. `presser` presses first, at `pressed_s`; `people` may do the rest."""

    def __init__(self, lot: Lot, plans: Plans, pressed_s: float, people: Sequence[str]) -> None:
        self.lot, self.plans, self.pressed_s, self.people = lot, plans, pressed_s, people
        self.presser = lot.pick(people)
        self.acts: list[AnyAct] = []

    def soon(self, within_s: float = 8.0) -> float:
        return self.lot.soon(self.pressed_s, within_s)

    def somebody(self) -> str:
        return self.lot.pick(self.people)

    def login(self) -> LoginPlan:
        return self.lot.pick(self.plans)

    def contract(self, plan: LoginPlan) -> str:
        return self.lot.pick((*(one.contract for one in plan.accounts[0].positions), "AAPL"))


# --- by subject -------------------------------------------------------------------------------------------------------
def kills(lot: Lot, plans: Plans, pressed_s: float) -> list[AnyAct]:
    """One kill at least, and what else happens around it; now and then a way back, and the next one."""
    engines = ENGINES[: lot.pick((0, 1, 1, 2))]
    scene = Scene(lot, plans, pressed_s, [*engines, *COMMANDS])
    for who in engines:
        scene.acts.append(acts.Start(who=who, at_s=lot.soon(0.0, pressed_s)))
    _press(scene, scene.presser, pressed_s)
    if engines and lot.chance(25):
        _trade(scene, lot.pick(engines), lot.soon(pressed_s - 0.3, 1.0))
    for _ in range(lot.few(3)):
        lot.pick(AROUND_A_KILL)(scene)
    if lot.chance(10):
        _again(scene)
    return scene.acts


def alone(lot: Lot, plans: Plans, pressed_s: float) -> list[AnyAct]:
    """One kill by a command, and what else there is without any other program of ours."""
    scene = Scene(lot, plans, pressed_s, COMMANDS)
    _press(scene, scene.presser, pressed_s)
    for _ in range(lot.few(2)):
        lot.pick(BESIDE_A_KILL)(scene)
    return scene.acts


def trades(lot: Lot, plans: Plans, pressed_s: float) -> list[AnyAct]:
    """Programs trade, over the library and through the gateway, while people halt, resume and at last press."""
    engines = ENGINES[: lot.pick((1, 1, 2))]
    bots = ("bot1", "bot2")[: lot.pick((0, 1, 2))]
    scene = Scene(lot, plans, pressed_s, [*engines, *COMMANDS])
    traders = [*engines, *bots]
    if bots:
        scene.acts.append(acts.Start(who="gateway1", at_s=0.0))
    for who in traders:
        scene.acts.append(acts.Start(who=who, at_s=lot.soon(0.5, 1.0)))
    for _ in range(lot.number(4, 12)):
        _trade(scene, lot.pick(traders), lot.seconds(1.0, pressed_s + 4.0))
    for _ in range(lot.number(0, 3)):
        scene.acts.append(_a_halt(scene, lot.seconds(1.0, pressed_s + 2.0)))
        if lot.chance(30):
            scene.acts.append(_a_resume(scene, lot.seconds(1.0, pressed_s + 4.0)))
    if bots and lot.chance(25):
        scene.acts.append(acts.Die(who="gateway1", steps=lot.number(1, 400), at_s=lot.seconds(1.0, pressed_s)))
    if lot.chance(70):
        _press(scene, scene.presser, pressed_s)
    for _ in range(lot.few(2)):
        lot.pick(AROUND_A_KILL)(scene)
    return scene.acts


def losses(lot: Lot, plans: Plans, pressed_s: float) -> list[AnyAct]:
    """The login's worth goes up and down under a guard or two, across the limits and just not."""
    guards = ("guard1", "guard2")[: lot.pick((1, 1, 1, 2))]
    scene = Scene(lot, plans, pressed_s, [*COMMANDS, *guards])
    (plan,) = plans
    for who in guards:
        scene.acts.append(acts.Start(who=who, at_s=lot.soon(0.0, 0.5)))
    at_s = 10.0
    for _ in range(lot.number(1, 4)):
        percent = lot.pick(WORTHS_PCT)
        scene.acts.append(acts.Worth(login=plan.name, contract=LOSES, percent=percent, at_s=at_s))
        if lot.chance(25):
            scene.acts.append(acts.Die(who=lot.pick(guards), steps=lot.number(1, 300), at_s=at_s))
            scene.acts.append(acts.Start(who=lot.pick(guards), at_s=at_s + lot.seconds(0.5, 5.0)))
        at_s += lot.pick((0.3, 2.0, 15.0, 40.0))
    if lot.chance(20):
        _press(scene, lot.pick(scene.people), at_s)
    scene.acts.append(acts.Start(who="guard1", at_s=at_s + 10.0))  # at last one that lives
    return scene.acts


# --- one thing more ---------------------------------------------------------------------------------------------------
def _press(scene: Scene, who: str, at_s: float) -> None:
    lot = scene.lot
    logins = (scene.login().name,) if len(scene.plans) > 1 and lot.chance(15) else ()
    gives_up_s = lot.seconds(0.0, 2.0) if lot.chance(4) else None
    scene.acts.append(acts.Press(who=who, logins=logins, gives_up_s=gives_up_s, at_s=at_s))


def _press_again(scene: Scene) -> None:
    _press(scene, scene.somebody(), scene.soon())


def _die(scene: Scene) -> None:
    """Whoever presses dies, and somebody presses again."""
    who = scene.lot.pick((scene.presser, scene.presser, *scene.people))
    scene.acts.append(acts.Die(who=who, steps=scene.lot.number(1, 250), at_s=scene.pressed_s))
    _press(scene, scene.somebody(), scene.lot.soon(scene.pressed_s + 1.0, 10.0))


def _freeze(scene: Scene) -> None:
    for_s = scene.lot.pick((0.5, 4.0, 20.0))
    scene.acts.append(acts.Freeze(who=scene.presser, for_s=for_s, at_s=scene.soon(2.0)))
    _press(scene, scene.somebody(), scene.soon())


def _a_halt(scene: Scene, at_s: float) -> acts.Halt:
    return acts.Halt(who=scene.somebody(), login=scene.login().name, cancel=scene.lot.chance(30), at_s=at_s)


def _halt(scene: Scene) -> None:
    scene.acts.append(_a_halt(scene, scene.soon()))


def _a_resume(scene: Scene, at_s: float) -> acts.Resume:
    return acts.Resume(who=scene.somebody(), login=scene.login().name, at_s=at_s)


def _resume(scene: Scene) -> None:
    scene.acts.append(_a_resume(scene, scene.soon()))


def _trade(scene: Scene, who: str, at_s: float) -> None:
    lot, plan = scene.lot, scene.login()
    scene.acts.append(
        acts.Trade(
            who=who,
            login=plan.name,
            contract=scene.contract(plan),
            action=lot.pick(("BUY", "SELL")),
            quantity=D(lot.number(1, 3)),
            limit_pct=lot.pick((None, D(97), D(103))),
            at_s=at_s,
        )
    )


def _trade_now(scene: Scene) -> None:
    _trade(scene, scene.somebody(), scene.soon())


def _foreign(scene: Scene) -> None:
    lot, plan = scene.lot, scene.login()
    scene.acts.append(
        acts.Foreign(
            login=plan.name,
            contract=scene.contract(plan),
            action=lot.pick(("BUY", "SELL")),
            quantity=D(lot.number(1, 5)),
            limit_pct=lot.pick((None, None, D(97), D(103))),
            client_id=lot.pick((0, 77)),
            at_s=scene.lot.soon(scene.pressed_s - 0.5, 6.0),
        )
    )


def _liquidate(scene: Scene) -> None:
    plan = scene.login()
    held = scene.lot.pick(plan.accounts[0].positions)
    part = -held.quantity if scene.lot.chance(50) else (D(-1) if held.quantity > 0 else D(1))
    scene.acts.append(acts.Liquidate(login=plan.name, contract=held.contract, quantity=part, at_s=scene.soon(4.0)))


def _assign(scene: Scene) -> None:
    plan = scene.login()
    short = [one for one in plan.accounts[0].positions if one.contract.startswith("OPT") and one.quantity < 0]
    if short:
        held = scene.lot.pick(short)
        scene.acts.append(acts.Assign(login=plan.name, contract=held.contract, quantity=D(1), at_s=scene.soon(3.0)))


def _price(scene: Scene) -> None:
    """Resting orders fill in the middle of it."""
    plan = scene.login()
    percent = scene.lot.pick((D(94), D(99), D(101), D(106)))
    scene.acts.append(
        acts.Price(
            login=plan.name,
            contract=scene.contract(plan),
            percent=percent,
            at_s=scene.lot.soon(scene.pressed_s - 0.5, 4.0),
        )
    )


def _clock(scene: Scene) -> None:
    scene.acts.append(acts.ClockJump(seconds=scene.lot.pick(CLOCK_JUMPS_S), at_s=scene.soon()))


def _disk_fails(scene: Scene) -> None:
    lot = scene.lot
    begins_s = lot.soon(scene.pressed_s - 0.2, 1.0)
    for_s = lot.pick((0.1, 2.0, 30.0))
    scene.acts.append(acts.DiskFails(code=lot.pick(CODES), for_s=for_s, torn=lot.chance(30), at_s=begins_s))


def _disk_slow(scene: Scene) -> None:
    seconds = scene.lot.pick((0.1, 1.0, 10.0))
    scene.acts.append(acts.DiskSlow(seconds=seconds, for_s=20.0, at_s=scene.pressed_s - 0.1))


def _again(scene: Scene) -> None:
    """A person goes all the way back, positions are there again, and somebody presses."""
    lot, at_s = scene.lot, scene.pressed_s + 25.0
    for plan in scene.plans:
        scene.acts.append(acts.GoOn(who=lot.pick(COMMANDS), login=plan.name, at_s=at_s))
        scene.acts.append(
            acts.Foreign(
                login=plan.name,
                contract=scene.contract(plan),
                action=lot.pick(("BUY", "SELL")),
                quantity=D(lot.number(1, 5)),
                at_s=at_s + 5.0,
            )
        )
    _trade(scene, scene.somebody(), at_s + 7.0)
    _press(scene, scene.somebody(), at_s + 9.0)


HAPPENS: tuple[Callable[[Scene], None], ...] = (
    _halt,
    _resume,
    _trade_now,
    _foreign,
    _liquidate,
    _assign,
    _price,
    _clock,
    _disk_fails,
    _disk_slow,
)
"""Each does exactly one thing."""
BESIDE_A_KILL = (*[_press_again] * 2, _die, _freeze, _foreign, _liquidate, _assign, _price)  # only kills and the market
AROUND_A_KILL = (*[_press_again] * 3, *[_die] * 2, _freeze, *HAPPENS, _price)
