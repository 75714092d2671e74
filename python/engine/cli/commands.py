"""Every command but `kill`: parse with argparse, start what is asked for, return its exit code."""

from __future__ import annotations

import argparse

from engine import __version__

USAGE_EXIT = 64


def main(words: list[str]) -> int:
    """Run one command and return the process's exit code."""
    parser = build_parser()
    parser.parse_args(words)
    print(f"quant-engine {__version__}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qe")
    parser.add_argument("command", choices=["version"])
    return parser
