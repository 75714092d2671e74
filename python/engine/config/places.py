"""Where the configuration and the state folder are. Looks and reads, and never creates anything.

Used on the kill's way to its first byte: it must import nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import _thread
import errno
import os
import sys

TYPE_CHECKING = False  # what `typing` has, without loading it
if TYPE_CHECKING:
    from collections.abc import Callable

READ_PATIENCE_S = 1.0  # a file that has not come by then may never come
FILE_NAME = "quant-engine.toml"


def state_folder() -> str:
    """`QE_HOME`, or the folder in which this platform keeps an application's state."""
    named = os.environ.get("QE_HOME")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    home = home_folder()
    if home is None:
        from engine.temporary import own_temporary_folder  # a file more to load, for those who have no home

        return own_temporary_folder()
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "quant-engine")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", home), "quant-engine")
    return os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.join(home, ".local", "state"), "quant-engine")


def home_folder() -> str | None:
    """The user's folder; None: this user has none, as in a container that runs under a number of its own."""
    home = os.path.expanduser("~")
    return None if home == "~" else home


def config_file(named: str | None = None) -> str | None:
    """The configuration file to use: the one named, `QE_CONFIG`, or `quant-engine.toml` here or in the state folder.

    A file that somebody named is returned whether it exists or not: its absence is an error to be told. None: there
    is no file, and the defaults hold.
    """
    named = named or os.environ.get("QE_CONFIG")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    anybodys = home_folder() is None and not os.environ.get("QE_HOME")  # it is where temporary files go
    for folder in (os.curdir,) if anybodys else (os.curdir, state_folder()):
        candidate = os.path.join(folder, FILE_NAME)
        if os.path.lexists(candidate):
            return os.path.abspath(candidate)
    return None


def incident_log() -> str:
    """`QE_INCIDENT_LOG`, or operator/INCIDENT_LOG.md of the clone this runs from, or one in the state folder."""
    named = os.environ.get("QE_INCIDENT_LOG")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    clone = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    desk = os.path.join(clone, "operator")
    return os.path.join(desk if os.path.isdir(desk) else state_folder(), "INCIDENT_LOG.md")


def find_and_read(named: str | None, patience_s: float = READ_PATIENCE_S) -> tuple[str | None, bytes]:
    """The configuration file and what stands in it; empty where there is none. Raises OSError, also when it takes too
    long: its `filename` is the file, or what is known of it."""
    look: list[str] = [named or os.environ.get("QE_CONFIG") or FILE_NAME]

    def find() -> bytes:
        path = config_file(named)
        look[:] = [] if path is None else [path]
        return b"" if path is None else _contents(path)

    try:
        written = _within(patience_s, find)
    except OSError as error:
        error.filename = look[0] if look else FILE_NAME
        raise
    return (look[0] if look else None), written


def read(path: str, patience_s: float = READ_PATIENCE_S) -> bytes:
    """What stands in a file. Raises OSError, also when it takes too long: a pipe, or a disk that hangs."""
    return _within(patience_s, lambda: _contents(path))


def _contents(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def _within(patience_s: float, do: Callable[[], bytes]) -> bytes:
    """Do it on a thread, which is left behind where it hangs. Raises its OSError, or one that says that it hangs."""
    done = _thread.allocate_lock()
    done.acquire()
    came: list[bytes] = []
    failed: list[OSError] = []

    def run() -> None:
        try:
            came.append(do())
        except OSError as error:
            failed.append(error)
        except ValueError:
            return  # a name that no file can have: nothing came
        finally:
            done.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:  # no more threads to be had
        run()
    if not done.acquire(timeout=patience_s):
        raise OSError(errno.ETIMEDOUT, f"nothing came within {patience_s:g} s: it is a pipe, or its disk hangs")
    if failed:
        raise failed[0]
    if not came:
        raise OSError(errno.EINVAL, "not the name of a file")
    return came[0]
