"""Who may, where it may listen, and how often somebody may guess: the decisions, without a server."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.web.access import (
    Need,
    Refused,
    Role,
    Who,
    host_is_ours,
    is_cross_site,
    is_loopback,
    may,
    names_of,
    why_not_listen,
)
from engine.web.throttle import FREE, KEYS_MAX, SECOND_NS, WAIT_NS_MAX, Throttle

VIEWER, OPERATOR = Who(name="vic", role=Role.VIEWER), Who(name="ann", role=Role.OPERATOR)


def test_the_whole_table_of_who_may_what() -> None:
    allowed = {
        (who, need, also)
        for who, need, also in product((None, VIEWER, OPERATOR), Need, (False, True))
        if may(who, need, viewer_may_kill=also) is None
    }
    everybody = {(who, Need.NOTHING, also) for who in (None, VIEWER, OPERATOR) for also in (False, True)}
    operator = {(OPERATOR, need, also) for need in Need for also in (False, True)}
    viewer = {(VIEWER, Need.SEE, False), (VIEWER, Need.SEE, True), (VIEWER, Need.STOP, True)}
    assert allowed == everybody | operator | viewer


def test_nobody_is_told_apart_from_somebody_who_may_not() -> None:
    assert may(None, Need.SEE, viewer_may_kill=True) is Refused.NOT_KNOWN
    assert may(VIEWER, Need.ACT, viewer_may_kill=True) is Refused.MAY_ONLY_LOOK


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_on_loopback_it_may_listen_without_anything(host: str) -> None:
    assert why_not_listen(host, users=0, tls=False) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "cockpit.lan", "localhost.evil.example", "8.8.8.8"])
def test_beyond_loopback_it_listens_with_users_and_tls_only(host: str) -> None:
    assert not is_loopback(host)
    assert why_not_listen(host, users=1, tls=True) is None
    for users, tls, missing in ((0, True, "no user"), (1, False, "no TLS"), (0, False, "no user")):
        refused = why_not_listen(host, users=users, tls=tls)
        assert refused is not None and missing in refused and "was not started" in refused


def test_it_answers_under_its_own_names_only() -> None:
    names = names_of("192.168.1.5", ("Cockpit.lan",))
    for header in ("192.168.1.5:8477", "cockpit.LAN", "localhost:8477", "127.0.0.1", "[::1]:8477"):
        assert host_is_ours(header, names), header
    for header in (None, "", "evil.example", "192.168.1.50", "localhost.evil.example", "[::2]", "xcockpit.lan"):
        assert not host_is_ours(header, names), header
    assert not host_is_ours("0.0.0.0", names_of("0.0.0.0", ()))


def test_only_our_own_pages_may_send_forms() -> None:
    own = "http://127.0.0.1:8477"
    assert not is_cross_site({"origin": own, "sec-fetch-site": "same-origin"}, own)
    assert not is_cross_site({}, own)  # an old browser: the form's token decides
    for headers in ({"origin": "null"}, {"origin": own + "0"}, {"sec-fetch-site": "same-site", "origin": own}):
        assert is_cross_site(headers, own), headers


def test_after_some_failures_each_further_one_costs_twice_as_long_up_to_a_bound() -> None:
    throttle, now_ns = Throttle(), 0
    waits = []
    for _ in range(FREE + 12):
        throttle.failed(("from here",), now_ns)
        waits.append(throttle.wait_ns(("from here",), now_ns))
    assert waits[: FREE - 1] == [0] * (FREE - 1)
    assert waits[FREE - 1 : FREE + 2] == [2 * SECOND_NS, 4 * SECOND_NS, 8 * SECOND_NS]
    assert waits[-1] == WAIT_NS_MAX
    assert throttle.wait_ns(("from elsewhere",), now_ns) == 0


def test_whoever_is_slow_or_right_starts_anew() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.failed(("a",), 0)
    assert throttle.wait_ns(("a", "b"), SECOND_NS) == SECOND_NS
    assert throttle.wait_ns(("a",), 901 * SECOND_NS) == 0
    throttle.succeeded(("a",))
    assert throttle.wait_ns(("a",), 0) == 0


@given(st.lists(st.integers(0, 10**9), max_size=50))
def test_it_never_grows_without_bound_and_never_waits_longer_than_it_says(times: list[int]) -> None:
    throttle = Throttle()
    for one in times:
        throttle.failed((f"key {one}", "all"), one)
        assert 0 <= throttle.wait_ns(("all",), one) <= WAIT_NS_MAX
    for number in range(KEYS_MAX + 10):
        throttle.failed((str(number),), 0)
    assert len(throttle._failures) == KEYS_MAX
