"""Two agreeing looks make a proof; one look, a look too soon, or a hint in between does not."""

from __future__ import annotations

from engine.core.kill.outcome.proof import Proof

GAP = 400


def look(proof: Proof, *, begun: int, clean: bool = True) -> bool:
    return proof.looked(clean=clean, begun_ns=begun, now_ns=begun + 10, gap_ns=GAP)


def test_one_clean_look_proves_nothing() -> None:
    proof = Proof()
    assert look(proof, begun=0) is False
    assert not proof.proven
    assert proof.clean_since_ns == 10


def test_the_second_look_counts_from_the_gap_on_and_not_a_moment_sooner() -> None:
    soon, late = Proof(), Proof()
    look(soon, begun=0)
    look(late, begun=0)
    assert not look(soon, begun=10 + GAP - 1)
    assert not soon.proven
    assert look(late, begun=10 + GAP)
    assert late.proven


def test_what_is_proven_is_news_once() -> None:
    proof = Proof()
    look(proof, begun=0)
    assert look(proof, begun=1_000)
    assert not look(proof, begun=2_000)
    assert proof.proven


def test_something_open_ends_the_proof_and_is_news_only_when_there_was_one() -> None:
    proof = Proof()
    look(proof, begun=0)
    assert not look(proof, begun=500, clean=False)
    assert proof.clean_since_ns is None
    look(proof, begun=1_000)
    look(proof, begun=2_000)
    assert look(proof, begun=3_000, clean=False)
    assert not proof.proven


def test_a_broken_view_costs_half_a_proof_and_a_withdrawal_the_whole() -> None:
    proof = Proof()
    look(proof, begun=0)
    proof.break_half()
    assert not look(proof, begun=1_000)  # the first of two again
    assert look(proof, begun=2_000)
    proof.break_half()
    assert proof.proven
    proof.withdraw()
    assert not proof.proven
    assert proof.clean_since_ns is None


def test_a_withdrawal_costs_half_a_proof_too() -> None:
    proof = Proof()
    look(proof, begun=0)
    proof.withdraw()
    assert not look(proof, begun=1_000)
    assert look(proof, begun=2_000)
