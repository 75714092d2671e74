"""Random worlds: accounts, positions, resting orders and faults, as hypothesis strategies over `Scenario`."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from engine.simulator import faults as f
from engine.simulator.scenario import AccountSetup, LoginPlan, OrderSetup, PositionSetup, Scenario, load_scenario

START = load_scenario("calm")

CONTRACTS = (
    "FUT ES",
    "FUT MES",
    "FUT CL",
    "FUT ZN",
    "AAPL",
    "MSFT",
    "SPY",
    "OPT SPY 20260417 580 P",
    "OPT SPY 20260417 560 P",
    "OPT SPY 20260417 620 C",
    "OPT AAPL 20260417 250 C",
)

ORDER_MESSAGES = ("OrderStatus", "OpenOrder", "Execution", "ErrorMessage")

positions = st.builds(
    PositionSetup,
    contract=st.sampled_from(CONTRACTS),
    quantity=st.sampled_from([Decimal(n) for n in (-12, -5, -2, -1, 1, 3, 7, 20)]),
)


@st.composite
def resting(draw: st.DrawFn) -> OrderSetup:
    """Orders that do not fill at once: limits far from the market, stops beyond it."""
    buys = draw(st.booleans())
    stop = draw(st.booleans())
    far = Decimal(96) if buys is not stop else Decimal(104)
    return OrderSetup(
        contract=draw(st.sampled_from(CONTRACTS)),
        action="BUY" if buys else "SELL",
        quantity=Decimal(draw(st.integers(1, 12))),
        type="STP" if stop else "LMT",
        limit_pct=None if stop else far,
        stop_pct=far if stop else None,
        client_id=draw(st.sampled_from([0, 1, 3, 9000])),
        order_ref=draw(st.sampled_from(["", "exit", "QEKILL-older-1"])),
    )


@st.composite
def windows(draw: st.DrawFn) -> dict[str, object]:
    """When a fault begins and ends; all end, so that the kill can get done."""
    return {
        "after_s": draw(st.sampled_from([0.0, 1.9, 2.0, 2.05, 2.3, 3.0])),
        "for_s": draw(st.sampled_from([0.2, 1.0, 5.0, 15.0])),
    }


@st.composite
def faults(draw: st.DrawFn) -> f.AnyFault:
    """One passing fault. None of them trades: what moves a position is the kill or a resting order."""
    when = draw(windows())
    first = draw(st.integers(1, 4))
    few = draw(st.sampled_from([0.05, 0.3, 1.5, 4.0]))
    kind = draw(st.integers(0, 17))
    made: list[f.AnyFault] = [
        f.Latency(seconds=few / 4, jitter_s=few / 4, **when),
        f.HalfOpen(**when),
        f.BlackHole(**when),
        f.SilentAccept(**when),
        f.Restart(down_s=few * 4, after_s=when["after_s"]),
        f.ClientIdBusy(as_eof=draw(st.booleans()), **when),
        f.Disconnect(after_messages=draw(st.integers(0, 25)), how=draw(st.sampled_from(["eof", "reset"])), times=first),
        f.LinkLost(restored=draw(st.sampled_from([1101, 1102])), cancels_kept=draw(st.booleans()), **when),
        f.DropRequests(
            requests=(draw(st.sampled_from(["PlaceOrder", "ReqGlobalCancel", "ReqPositions"])),), first=first
        ),
        f.DropReplies(replies=(draw(st.sampled_from(ORDER_MESSAGES)),), first=first * 3),
        f.StatusNoise(duplicate_pct=40, reorder_pct=30, omit_pct=30, delay_s_max=few),
        f.SilentFills(),
        f.StalePositions(lag_s=few, **when),
        f.Reject(first=first),
        f.FillRace(window_s=max(few, 0.2), fill_s=0.1),
        f.SlowCancel(seconds=few),
        f.SlowAck(seconds=few),
        f.PartialFills(quantity=Decimal(first)),
    ]
    return made[kind]


@st.composite
def worlds(draw: st.DrawFn) -> Scenario:
    """Two logins, a few positions and orders each, up to three faults on either."""
    plans = []
    for name, account in (("paper", "DU1"), ("live", "U1")):
        held = draw(st.lists(positions, max_size=5, unique_by=lambda p: p.contract))
        orders = draw(st.lists(resting(), max_size=4))
        options = [o for o in orders if o.contract.startswith("OPT")]
        # TWS refuses two sides of one US option: keep one order in each
        kept = {o.contract: o for o in options}
        plans.append(
            LoginPlan(
                name=name,
                mode="paper" if name == "paper" else "live",
                accounts=(AccountSetup(id=account, cash=Decimal(10_000_000), positions=tuple(held)),),
                orders=(*(o for o in orders if not o.contract.startswith("OPT")), *kept.values()),
                messages_per_s=50,
            )
        )
    return Scenario(
        title="random",
        story="",
        expect=START.expect,
        start=START.start,
        seed=draw(st.integers(0, 1000)),
        logins=tuple(plans),
        faults=_possible(draw(st.lists(faults(), max_size=3))),
        kill_after_s=2.0,
        moves=draw(st.booleans()),
    )


def _possible(drawn: list[f.AnyFault]) -> tuple[f.AnyFault, ...]:
    """A dead socket that comes back has lost what was said meanwhile, which TCP does not do: if that was the word that
    IBKR is linked again, nobody can know it. So these two do not meet."""
    link_lost = any(isinstance(fault, f.LinkLost) for fault in drawn)
    possible = [fault for fault in drawn if not (link_lost and isinstance(fault, f.HalfOpen | f.BlackHole))]
    rejects = [fault for fault in possible if isinstance(fault, f.Reject)]
    possible = [fault for fault in possible if fault not in rejects[1:]]  # six refusals in a row are a broker's no
    return tuple(
        fault for n, fault in enumerate(possible) if not _swallows(fault) or not any(map(_swallows, possible[:n]))
    )


def _swallows(fault: f.AnyFault) -> bool:
    """Orders. The wait for a word doubles with each: the sixth in a row is not missed before the deadline."""
    return isinstance(fault, f.DropRequests) and "PlaceOrder" in fault.requests
