"""The guard: a process of its own that watches every login, enforces the limits, and pulls the switch."""
