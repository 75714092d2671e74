"""The global cancel, its repeats, and who goes on sending orders all the same. `cancelling.py` is the way in."""
