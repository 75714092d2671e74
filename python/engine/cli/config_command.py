"""`qe config`: show what is in force, check a file, or write a new one. Changes nothing that exists."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from engine.cli.exits import EXIT_CANNOT, EXIT_PROBLEMS
from engine.config.places import FILE_NAME, config_file, state_folder
from engine.config.problems import ConfigError
from engine.config.reader import load, overrides
from engine.config.template import as_toml, template


def config(arguments: argparse.Namespace) -> int:
    """Run it; 0 well, 1 the configuration has problems, 2 the file cannot be written."""
    if arguments.action == "init":
        return _init(Path(arguments.config or os.environ.get("QE_CONFIG") or FILE_NAME).expanduser())
    path = config_file(arguments.config)
    try:
        in_force = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        print(f"{len(error.problems)} to put right. Until then `qe kill` uses what it can read.", file=sys.stderr)
        return EXIT_PROBLEMS
    if arguments.action == "show":
        print(f"# {path or 'no file: these are the defaults'}")
        print(f"# state folder: {state_folder()}")
        for line in _over():
            print(f"# {line}")
        print()
        print(as_toml(in_force), end="")
    else:
        print(f"{path or 'no file, the defaults hold'}: all is well, {len(in_force.logins)} logins")
        for line in _over():
            print(line)
    return 0


def _over() -> list[str]:
    """What the environment says over the file, by name alone: it may be a secret."""
    return [f"set by the environment, over the file: {name}" for name in overrides()]


def _init(path: Path) -> int:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        print(f"{path} exists already; nothing was written", file=sys.stderr)
        return EXIT_CANNOT
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}", file=sys.stderr)
        return EXIT_CANNOT
    print(f"wrote {path}: every key with its default")
    return 0
