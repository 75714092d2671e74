"""Deterministic torture: the whole product in a simulated world, one seed a run. See docs/how-to/torture.md."""
