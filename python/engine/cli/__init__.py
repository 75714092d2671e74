"""`qe`: the operator's command line. It parses, starts what is asked for, and prints; it decides nothing.

`qe kill` must reach its first byte before anything else is loaded, so this file imports nothing.
"""


def main() -> None:
    """Run the command the process was started with, and exit with its code."""
    import sys

    from engine.cli import presses

    if sys.argv[1:2] == ["kill"]:
        hands = presses.Presses()  # before anything else is loaded: a Ctrl-C meanwhile is a press like any other

        from engine.cli.kill import main as kill

        kill(sys.argv[2:], hands)
    else:
        presses.let_in()
        from engine.cli.commands import main as other

        sys.exit(other(sys.argv[1:]))
