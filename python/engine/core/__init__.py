"""Decisions: pure functions and state machines. No socket, clock, file or log may be reached from here."""
