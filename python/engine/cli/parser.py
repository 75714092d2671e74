"""What all commands of `qe` have in common when they are typed wrong."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from engine.cli.exits import EXIT_USAGE


class Parser(argparse.ArgumentParser):
    """Usage errors exit with 64: 1 and 2 say something about positions here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """What one command does not know is told by that command, with its own usage, and not by `qe`."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown
