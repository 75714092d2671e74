"""The file names that stand for logins and broker accounts in the lock directory.

Two names of one thing must come to one file, and nothing that a configuration or a broker says may become a path.
"""

from __future__ import annotations

from hashlib import sha256

from engine.hosts import host_key


def login_key(host: str, port: int) -> str:
    """The file name that stands for a login. All spellings of one host are one file."""
    return f"{_file_name(host_key(host))}-{port}"


def account_key(account: str, world: str = "") -> str:
    """The file name that stands for a broker account. No host name has an underscore here.

    `world`: the name of a simulated one. Simulated accounts share their names, and are nobody's but their world's.
    """
    apart = f"{sha256(world.encode()).hexdigest()[:16]}_" if world else ""
    return f"account_{apart}{_file_name(account.strip().lower())}"


def _file_name(text: str) -> str:
    """The text itself where it is harmless in every file system."""
    plain = all(char.isascii() and (char.isalnum() or char in ".-") for char in text)
    return text if plain and len(text) <= 100 else sha256(text.encode()).hexdigest()[:32]
