"""The kill switch as a pure machine: events in, commands out. Sockets, clocks and locks live in its driver."""
