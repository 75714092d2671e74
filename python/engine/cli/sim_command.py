"""`qe sim`: the simulated TWS, until Ctrl-C."""

from __future__ import annotations

import argparse

from engine.simulator.live import run_sim


def sim(arguments: argparse.Namespace) -> int:
    """Serve it; its exit code."""
    return run_sim(
        arguments.scenario,
        host=arguments.host,
        ports={mode: (port,) for mode in ("paper", "live") if (port := getattr(arguments, f"{mode}_port")) is not None},
        speed=arguments.speed,
        seed=arguments.seed,
        plain=True if arguments.plain else None,
    )
