"""How a kill of a login ends, and what is reported of it. `ending.py` decides, `reporting.py` tells."""
