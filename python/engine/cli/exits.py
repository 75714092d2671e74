"""Exit codes that several commands share. What 1 and 2 say in a command of its own stands in that command's help."""

from __future__ import annotations

EXIT_REFUSED = 1  # nothing was changed
EXIT_PROBLEMS = 1  # the configuration has faults
EXIT_CANNOT = 2  # something could not be read or written: nobody knows
EXIT_USAGE = 64  # the command line was not understood; nothing was done
