"""The TWS protocol without I/O: bytes in, typed messages out, and back. One codec for client, server and proxy."""
