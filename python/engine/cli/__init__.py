"""`qe`: the operator's command line. It parses, starts what is asked for, and prints; it decides nothing.

`qe kill` must reach its first byte before anything else is loaded, so this file imports nothing.
"""


def main() -> None:
    """Run the command the process was started with, and exit with its code."""
    import sys

    if sys.argv[1:2] == ["kill"]:
        from engine.cli.kill import main as kill

        kill(sys.argv[2:])
    else:
        from engine.cli.commands import main as other

        sys.exit(other(sys.argv[1:]))
