"""Which logins a command is about. Stopping works with any configuration; nothing else guesses.

A name that is in no sound configuration is a usage error. Where the configuration has faults, a halt takes the name as
it was typed, since that is what other programs know the login by.
"""

from __future__ import annotations

import sys

import msgspec

from engine.broker.lock_names import login_key
from engine.config.places import config_file
from engine.config.reader import plan_for_kill
from engine.core.restrictions import Scope


class NoSuchLogin(Exception):
    """Nothing was done; the text says which names there are."""


class Named(msgspec.Struct, frozen=True):
    """A login as the configuration has it. `mode` is empty where nobody knows."""

    scope: Scope
    mode: str

    @property
    def name(self) -> str:
        return self.scope.login


class Chosen(msgspec.Struct, frozen=True):
    """The logins meant, and what is wrong with the configuration, in words."""

    logins: tuple[Named, ...]
    faults: tuple[str, ...]


def choose(names: list[str], config: str | None, *, stopping: bool = False) -> Chosen:
    """Those of these names, or all of them if there are none. Raises NoSuchLogin."""
    plan = plan_for_kill(config_file(config))
    known = {
        place.name: Named(Scope(place.name, login_key(place.host, place.port)), place.mode) for place in plan.places
    }
    faults = (*plan.faults, *(f"{name} was left out: {why}" for name, why in plan.unusable.items()))
    if not names:
        return Chosen(tuple(known.values()), faults)
    chosen = {}
    for name in names:
        found = known.get(name) or next((one for one in known.values() if one.name.lower() == name.lower()), None)
        if found is None and not (stopping and faults):
            raise NoSuchLogin(f"there is no login {name!r}; there are: {', '.join(known) or 'none'}")
        found = found or Named(Scope(name), "")
        chosen[found.name] = found
    return Chosen(tuple(chosen.values()), faults)


def choose_or_tell(command: str, names: list[str], config: str | None, *, stopping: bool = False) -> Chosen | None:
    """The same, with what is wrong told to whoever typed it. None: nothing is to be done."""
    try:
        chosen = choose(names, config, stopping=stopping)
    except NoSuchLogin as error:
        print(f"qe {command}: {error}. Nothing was done.", file=sys.stderr)
        return None
    for fault in chosen.faults:
        print(f"the configuration has a fault: {fault}", file=sys.stderr)
    return chosen
