"""Which spellings of a host are one place. Everything that asks "is this the same TWS?" asks here.

This machine has many names: localhost, 127.0.0.1, ::1, and 0.0.0.0, which is answered as 127.0.0.1. These are one.
127.0.0.2 is not: another program can listen there on the same port, as the far end of a tunnel does. Nothing is looked
up: whether two names lead to one machine is for the broker's accounts to say.

Used on the kill's way to its first byte: it must import nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

LOOPBACK = "loopback"
_THIS_MACHINE = frozenset(
    {"", "127.0.0.1", "0.0.0.0", "::1", "::", "localhost", "localhost.localdomain", "ip6-localhost", LOOPBACK}  # noqa: S104
)
_MAPPED = "::ffff:"  # how IPv6 writes an address of IPv4


def is_host(host: object) -> bool:
    """Can this be where a TWS is? Names and addresses have no blanks, and nothing that cannot be printed or that stands
    for a sign which was lost."""
    return isinstance(host, str) and bool(host) and host.isprintable() and not {" ", "\ufffd"} & set(host)


def host_key(host: str) -> str:
    """One text for all spellings of a host that are one place: lower case, addresses in their plain form."""
    name = host.strip().rstrip(".").lower()
    if name in _THIS_MACHINE:
        return LOOPBACK
    if ":" in name or name.replace(".", "").isdigit():
        name = _plain_address(name)
    return LOOPBACK if name in _THIS_MACHINE else name


def place_key(host: str, port: int) -> tuple[str, int]:
    """Of a place where a TWS listens. Two places are one where these are equal."""
    return host_key(host), port


def _plain_address(name: str) -> str:
    """127.1 as 127.0.0.1 and 0:0::1 as ::1, as the system reads them; a name that is no address as it is."""
    import _socket  # loaded by whoever connects

    try:
        if ":" not in name:
            return _socket.inet_ntoa(_socket.inet_aton(name))
        plain = _socket.inet_ntop(_socket.AF_INET6, _socket.inet_pton(_socket.AF_INET6, name))
    except (OSError, ValueError):
        return name
    mapped = plain.removeprefix(_MAPPED)
    return mapped if "." in mapped else plain
