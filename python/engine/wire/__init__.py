"""The TWS protocol without I/O: bytes in, typed messages out, and back. One codec for client, server and proxy.

sessions         one end of one connection: handshake, then messages; events say what happened
opening          the same first second for an emergency start, without importing anything
codec            payload ↔ message, both directions, server versions 100 to 178
requests, replies, order, events   the messages themselves
layouts_*        what each message looks like on the wire, by version: the documentation of the protocol
layout, fields   what the tables are made of: fields, groups, kinds of values
steps, plans, shapes   how a table reads and writes: carefully at first, compiled once a shape is known
spelling         how an order keeps the spelling its client gave it
frames, errors   lengths and limits; everything that can go wrong, each saying what to do next
"""
