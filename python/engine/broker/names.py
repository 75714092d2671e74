"""Where a host is: its addresses, looked up without holding anybody up.

A name server that does not answer takes the system's resolver twenty seconds and more. The look-up runs in a thread of
its own that nobody waits for, neither the one who asked and lost patience nor the end of the process.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from contextlib import suppress


class NameUnknown(Exception):
    """The resolver says that there is no such name, or that it cannot tell."""


async def look_up(host: str, port: int) -> tuple[str, ...]:
    """The addresses to try, at least one. Raises NameUnknown."""
    if host == "localhost":
        return ("127.0.0.1",)  # one address to try, and one reason why not
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return (host,)
    loop = asyncio.get_running_loop()
    found: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def answer(addresses: tuple[str, ...], why: str) -> None:
        if found.done():
            return  # nobody waits any more
        if addresses:
            found.set_result(addresses)
        else:
            found.set_exception(NameUnknown(why))

    def ask() -> None:
        addresses: tuple[str, ...] = ()
        why = "it has no address"
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = tuple(dict.fromkeys(str(row[4][0]) for row in rows))
        except OSError as error:
            why = error.strerror or str(error)
        except UnicodeError:
            why = "it is not a host name"
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            loop.call_soon_threadsafe(answer, addresses, why)

    threading.Thread(target=ask, name=f"look up {host}", daemon=True).start()
    return await found
