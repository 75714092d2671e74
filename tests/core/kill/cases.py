"""Random accounts, orders and faults for the model, as hypothesis strategies that shrink to readable cases."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from core.kill.faults import SILENCE, Earlier, Fate, Faults, Key, Newcomer, Span, Trade
from core.kill.market import Resting, contract
from core.kill.model import Model
from engine.core.contracts import ComboLeg, Contract
from engine.core.facts import QuoteKind
from engine.core.kill.closes.reactions import REACTIONS, Remedy, react
from engine.core.kill.held.close_marks import close_mark
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import SECOND, KillSettings

ACCOUNTS = ("DU1", "DU2")
SYMBOLS = ("ES", "SPY", "AAPL")
READ_ONLY = "The API interface is currently in Read-Only mode"
CODES = (*sorted(REACTIONS), 2109, 2128, 2161, 399, 201, 9999)
TEXTS = ("", "Order rejected - reason: margin", "the exchange is closed", READ_ONLY, "too far through the market")
FAULTS_OVER_MS = 20_000
FROZEN_BEFORE_LISTS_MS = 4_000
LAG_BEFORE_FROZEN_MS = 1_000

ms = st.integers(0, 8000)
small = st.sampled_from([0, 0, 0, 0, 30, 100])


def one_in(n: int) -> st.SearchStrategy[bool]:
    return st.sampled_from([False] * (n - 1) + [True])


def sometimes(n: int, strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Nothing in most cases, so that faults meet in all combinations and not always all at once."""
    return st.sampled_from([False] * (n - 1) + [True]).flatmap(lambda yes: strategy if yes else st.none())


quantities = st.sampled_from([Decimal(q) for q in (-25, -7, -3, -1, 1, 2, 5, 10, 40)])


@st.composite
def books(draw: st.DrawFn, *, hopeful: bool) -> tuple[dict[int, Contract], dict[Key, Decimal]]:
    """Contracts and positions in them; some contracts have none."""
    kinds = draw(st.lists(st.sampled_from(["FUT", "OPT", "OPT", "FOP", "STK", "CASH"]), max_size=5))
    contracts = {}
    positions = {}
    for con_id, kind in enumerate(kinds, 1):
        symbol = draw(st.sampled_from(SYMBOLS)) if kind != "CASH" else "EUR"
        contracts[con_id] = contract(con_id, kind, symbol)
        for account in ACCOUNTS[: draw(st.sampled_from([1, 1, 1, 2, 0]))]:
            quantity = draw(quantities)
            if kind == "STK" and not hopeful and draw(one_in(12)):
                quantity += Decimal("0.5")
            positions[(account, con_id)] = quantity
    return contracts, positions


@st.composite
def resting_orders(
    draw: st.DrawFn, contracts: dict[int, Contract], positions: dict[Key, Decimal], *, hopeful: bool
) -> list[Resting]:
    if not contracts:
        return []
    orders = []
    for n in range(draw(st.sampled_from([0, 0, 1, 1, 2, 4]))):
        traded = contracts[draw(st.sampled_from(sorted(contracts)))]
        owner = draw(st.sampled_from(["client", "other", "tws", "kill"]))
        order = Resting(
            account=draw(st.sampled_from(ACCOUNTS)),
            contract=_combination(draw, contracts, traded) if draw(one_in(6)) else traded,
            action=draw(st.sampled_from(["BUY", "SELL"])),
            quantity=Decimal(draw(st.integers(1, 12))),
            client_id={"client": 7, "other": 1, "tws": 0, "kill": 9003}[owner],
            order_id=-1 if owner == "tws" else n + 1,
            order_ref=f"QEKILL-old-{n}" if owner == "kill" else "",
            order_type=draw(st.sampled_from(["LMT", "STP", "TRAIL LIMIT"])),
            stubborn=draw(st.sampled_from([0, 0, 0, 1, 2, 4])),
            status=draw(st.sampled_from(["Submitted", "PreSubmitted", "PendingSubmit"])),
        )
        order.fills_on_cancel = order.contract.sec_type != "BAG" and draw(one_in(4))
        if order.quantity > 1 and draw(one_in(4)):
            order.filled = order.quantity - 1
        if not hopeful and draw(one_in(25)):
            order.held, order.status = True, "Inactive"
        held = abs(positions.get((order.account, order.contract.con_id), Decimal(0)))
        if owner == "kill" and hopeful and not held:
            # what others then open under its mark looks as before its close to a feed that stands still: that is
            # waited for longer than the deadline (standing_feed_ns)
            order.order_ref, order.client_id = "", 1
        elif owner == "kill" and (hopeful or draw(st.booleans())):
            order.order_ref = close_mark("old", n, (held or order.quantity) + order.filled)
        orders.append(order)
    return orders


def _combination(draw: st.DrawFn, contracts: dict[int, Contract], traded: Contract) -> Contract:
    """A BAG with legs, or one that names only its symbol."""
    if not draw(st.booleans()):
        return Contract(con_id=28812380, symbol=traded.symbol, sec_type="BAG", exchange="SMART", currency="USD")
    legs = tuple(ComboLeg(con_id=con_id, ratio=1, action="BUY") for con_id in list(contracts)[:2])
    return Contract(symbol=traded.symbol, sec_type="BAG", exchange="SMART", currency="USD", combo_legs=legs)


fates = st.one_of(
    st.just(SILENCE),
    st.builds(
        Fate,
        code=st.sampled_from(CODES),
        text=st.sampled_from(TEXTS),
        after_ms=st.sampled_from([0, 5, 300, 2500, 4000]),
        lives=st.booleans(),
        repeats=st.sampled_from([1, 1, 2]),
    ),
)


def curable(fate: Fate) -> bool:
    """One that a kill alone can put right."""
    reaction = react(fate.code, fate.text)
    hopeless = reaction.remedy in (Remedy.GIVE_UP, Remedy.WHOLE)
    return not hopeless and reaction.reason is not ResidueReason.MARKET_CLOSED


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(st.integers(1, 3000))
    return (start, start + draw(st.sampled_from([10, 300, 2000, 9000])))


@st.composite
def faults(draw: st.DrawFn, contracts: dict[int, Contract], *, hopeful: bool) -> Faults:
    """`hopeful`: nothing that is beyond a kill's power, and everything over in `FAULTS_OVER_MS`."""
    f = Faults(
        latency_ms=draw(st.sampled_from([(0, 1), (0, 1), (1, 50), (20, 300)])),
        acknowledge_ms=draw(st.sampled_from([(0, 1), (0, 1), (1, 300), (1000, 4000)])),
        cancel_ms=draw(st.sampled_from([(1, 30), (1, 30), (50, 900)])),
        fill_ms=draw(st.sampled_from([(0, 1), (1, 50), (100, 2000)])),
        batched_pct=draw(small),
        position_lag_ms=draw(st.sampled_from([0, 0, 0, 100, 600, 900, 5000])),
        position_frozen_ms=draw(sometimes(8, spans())),
        execution_lag_ms=draw(st.sampled_from([0, 0, 0, 0, 300, 3000])),
        lost_reads_pct=draw(st.sampled_from([0, 0, 0, 5, 25])),
        lost_reads_until_ms=FAULTS_OVER_MS,
        position_hints=draw(st.booleans()),
        fates=tuple(draw(sometimes(3, st.lists(fates.filter(curable) if hopeful else fates, max_size=3))) or ()),
        lost_words_pct=draw(small),
        repeated_words_pct=draw(small),
        reordered=draw(one_in(4)),
        stray_words_pct=draw(small),
        corrected_pct=draw(small),
        lists_apart_ms=draw(st.sampled_from([0, 0, 0, 0, 100, 1200])),
        unsent_pct=draw(st.sampled_from([0, 0, 0, 0, 20])),
        partial=draw(one_in(3)),
        fills_on_cancel_pct=draw(small),
        quote_kind=QuoteKind.LIVE if hopeful else draw(st.sampled_from([QuoteKind.LIVE, QuoteKind.LIVE, *QuoteKind])),
        disconnect_at_ms=tuple(draw(sometimes(4, st.lists(ms, max_size=3))) or ()),
        extra_line=draw(one_in(3)),
        extra_lost_at_ms=draw(sometimes(2, ms)),
        surfaces_ms=draw(sometimes(2, st.integers(0, 700))),
        link_down_ms=tuple(draw(sometimes(5, st.lists(spans(), max_size=1))) or ()),
        resubmits_ms=draw(sometimes(2, st.integers(0, 700))),
        refuse_until_ms=draw(st.sampled_from([0, 0, 0, 0, 1000, 4000])),
        lock=draw(st.sampled_from(["taken"] * 6 + ["late", "lost", "none"])),
        lock_spare=draw(st.booleans()),
        lock_free_at_ms=draw(ms),
        lock_lost_at_ms=draw(ms),
        presses_ms=tuple(draw(sometimes(4, st.lists(ms, max_size=3))) or ()),
    )
    if f.lost_reads_pct or f.disconnect_at_ms or f.refuse_until_ms:  # the first list of executions may come late
        _feed_within_patience(f)
    if hopeful:
        if f.lost_reads_pct or f.disconnect_at_ms:
            _feed_in_time(f)
        return f
    f.unresolved = draw(one_in(15))
    f.stall_ms = draw(sometimes(5, st.tuples(st.integers(0, 3000), st.integers(0, 35_000))))
    if f.stall_ms is not None:
        _feed_within_patience(f)
    f.late_fill_pct = draw(st.sampled_from([0, 0, 0, 50]))
    f.never_fills, f.queued, f.no_bid = (
        frozenset(
            draw(st.lists(st.sampled_from(sorted(contracts)), max_size=1)) if contracts and draw(one_in(6)) else ()
        )
        for _ in range(3)
    )
    f.executions_unread = draw(one_in(8))
    if f.executions_unread:
        _feed_in_time(f)
    f.lock = draw(st.sampled_from([f.lock] * 9 + ["busy"]))
    f.trades = tuple(draw(sometimes(5, trades(contracts))) or ())
    f.newcomers = tuple(draw(sometimes(5, newcomers(contracts))) or ())
    return f


def _feed_within_patience(f: Faults) -> None:
    """What is traded before the first list of executions, and shows in the positions later than the ledger waits for
    it, is the gap that decision 10 names."""
    if f.position_frozen_ms is not None:
        start, end = f.position_frozen_ms
        f.position_frozen_ms = (start, min(end, start + FROZEN_BEFORE_LISTS_MS))


def _feed_in_time(f: Faults) -> None:
    """Where executions cannot be read nothing else shows a fill: the feed may then be no later than `settle_ns`."""
    f.position_lag_ms, f.position_frozen_ms = min(f.position_lag_ms, 600), None


@st.composite
def trades(draw: st.DrawFn, contracts: dict[int, Contract]) -> list[Trade]:
    if not contracts:
        return []
    key = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(sorted(contracts)))
    return draw(st.lists(st.builds(Trade, at_ms=ms, key=key, quantity=quantities), max_size=3))


@st.composite
def newcomers(draw: st.DrawFn, contracts: dict[int, Contract]) -> list[Newcomer]:
    if not contracts:
        return []
    return draw(
        st.lists(
            st.builds(
                Newcomer,
                at_ms=ms,
                key=st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(sorted(contracts))),
                action=st.sampled_from(["BUY", "SELL"]),
                quantity=st.sampled_from([Decimal(1), Decimal(5)]),
                fills_after_ms=sometimes(2, st.integers(0, 3000)),
            ),
            max_size=2,
        )
    )


@st.composite
def earlier_trades(draw: st.DrawFn, contracts: dict[int, Contract], positions: dict[Key, Decimal]) -> list[Earlier]:
    """What led to these positions just before the press: others' trades, and another kill's closes, which never go
    through zero."""
    trades: list[Earlier] = []  # the oldest first
    for key in {(ACCOUNTS[0], con_id): None for con_id in contracts} | dict.fromkeys(positions):
        now = positions.get(key, Decimal(0))
        age_ms = draw(st.sampled_from([0, 0, 300, 2000, 5000]))
        for _ in range(draw(st.sampled_from([0, 1, 1, 2, 4]))):
            size = draw(st.sampled_from([*(Decimal(n) for n in (1, 1, 2, 3, 7, 25, 40)), abs(now) or Decimal(5)]))
            closes = draw(one_in(3))
            signed = size.copy_sign(-now) if closes and now else size * draw(st.sampled_from([1, -1]))
            trades.insert(0, Earlier(age_ms, key, signed, "QEKILL-old-1" if closes else ""))
            now -= signed
            age_ms += draw(st.sampled_from([0, 50, 1000, 4000]))
    return sorted(trades, key=lambda trade: -trade.age_ms)


def last_orders_of_a_dead_kill(draw: st.DrawFn, f: Faults, positions: dict[Key, Decimal]) -> list[Newcomer]:
    """What another kill sent just before it died may arrive after its lock is free. It is for no more than was held:
    the ledger builds on that, and an order that goes through zero is no kill's."""
    held = {key: position for key, position in positions.items() if abs(position) >= 1}
    free_at_ms = {"late": f.lock_free_at_ms, "lost": f.lock_lost_at_ms + f.lock_free_at_ms, "none": 0}
    if f.lock not in free_at_ms or not held or draw(st.booleans()):
        return []
    key = draw(st.sampled_from(sorted(held)))
    return [
        Newcomer(
            at_ms=free_at_ms[f.lock] + draw(st.integers(0, 700)),
            key=key,
            action="SELL" if held[key] > 0 else "BUY",
            quantity=Decimal(draw(st.integers(1, min(7, int(abs(held[key])))))),
            order_ref="QEKILL-other-1",
            fills_after_ms=draw(sometimes(2, st.integers(0, 2000))),
            knowable=True,
        )
    ]


@st.composite
def models(draw: st.DrawFn, *, hopeful: bool = False) -> Model:
    """A whole case, ready to run."""
    contracts, positions = draw(books(hopeful=hopeful))
    orders = draw(resting_orders(contracts, positions, hopeful=hopeful))
    f = draw(faults(contracts, hopeful=hopeful))
    if not hopeful:
        f.newcomers += tuple(last_orders_of_a_dead_kill(draw, f, positions))
    # with much that is late at once, what was traded just before may stay unconfirmed until the deadline (decision 10)
    if not hopeful and not f.lost_reads_pct and not f.executions_unread and draw(one_in(3)):
        f.earlier = tuple(draw(earlier_trades(contracts, positions)))
        if f.position_frozen_ms is not None:
            _feed_within_patience(f)
            f.position_lag_ms = min(f.position_lag_ms, LAG_BEFORE_FROZEN_MS)
    deadlines = [120] if hopeful else [3, 8, 30]
    quarantine = draw(st.sampled_from([0, 0, 0, 5]))
    return Model(
        positions,
        contracts,
        orders,
        f,
        seed=draw(st.integers(0, 2**32)),
        settings=KillSettings(deadline_ns=draw(st.sampled_from(deadlines)) * SECOND, quarantine_ns=quarantine * SECOND),
    )
