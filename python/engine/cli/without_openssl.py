"""Load asyncio and hashlib without OpenSSL, whose libraries are a tenth of all the memory a kill needs.

TWS is spoken to in the clear and the journal's SHA-256 is one of Python's own, so both are loaded as in a Python that
was built without OpenSSL; the two modules allow for that. Whoever imports `ssl` or `hmac` afterwards gets all of it.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from importlib.util import find_spec

TYPE_CHECKING = False  # what `typing` has, without loading it
if TYPE_CHECKING:
    from collections.abc import Iterator

HASHES_OF_PYTHON = (
    "_md5",
    "_sha1",
    "_sha3",
    "_blake2",
    *(("_sha2",) if find_spec("_sha2") else ("_sha256", "_sha512")),
)


def load() -> None:
    """Import both modules, lean where this Python can."""
    with absent("ssl"):
        importlib.import_module("asyncio")
    if all(find_spec(name) for name in HASHES_OF_PYTHON):  # some builds leave them out
        with absent("_hashlib"):
            importlib.import_module("hashlib")


@contextlib.contextmanager
def absent(module: str) -> Iterator[None]:
    """Importing the module is an ImportError here, unless it has been loaded before: then it is paid for."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
