"""Closing contract by contract, from a size that is safe to an order that has ended. `closing.py` is the way in."""
