"""`python -m engine.cli`, for where the `qe` command is not on the path."""

from engine.cli import main

main()
