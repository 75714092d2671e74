"""quant-engine: the emergency brake and the guard rail for programs that trade on Interactive Brokers.

Nothing is imported here: `qe kill` must reach its first byte without loading what it does not need.
"""

__version__ = "0.1.0"
