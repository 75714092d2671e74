"""Quick check: our records against the broker. The same as `qe verify`; runs with any Python of this machine.

    python verify_positions.py [LOGIN ...] [--json] [--adopt --reason TEXT]

Exit: 0 all match, 1 something differs, 2 something could not be read.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> int:
    if OWN.exists() and Path(sys.prefix) != ROOT / ".venv":  # another Python than the one that was set up
        os.execv(OWN, [str(OWN), __file__, *sys.argv[1:]])  # noqa: S606
    sys.path.insert(0, str(ROOT / "python"))
    try:
        import engine.cli.verify_command  # noqa: F401 - all that it needs is loaded before anything is asked
        from engine.cli.commands import main as qe
    except (ImportError, SyntaxError) as error:
        print(f"COULD NOT VERIFY: {error}. Nothing is known about the positions: look in TWS.", file=sys.stderr)
        print(f"To set up what is missing: make -C {ROOT} setup", file=sys.stderr)
        return 2
    return qe(["verify", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
