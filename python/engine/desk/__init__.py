"""The operator's paper: the printed page, the check before the day, incidents, drills and their records."""
