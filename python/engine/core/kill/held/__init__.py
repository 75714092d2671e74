"""What is held, as far as the broker can be believed: positions against executions. `ledger.py` is the way in."""
