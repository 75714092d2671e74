"""A stand-in for Trader Workstation: an exchange, a server over it, faults and virtual time. Never real money."""
