"""The operator's paper: the drill and its record."""
