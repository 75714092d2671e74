"""Which logins a command is about. Stopping works with any configuration; nothing else guesses.

A name that is in no sound configuration is a usage error. Where the configuration has faults, a halt takes the name as
it was typed, since that is what other programs know the login by.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from engine.broker.lock_names import login_key
from engine.config.places import config_file, state_folder
from engine.config.reader import plan_for_kill
from engine.core.known import Unknown
from engine.core.restrictions import Scope
from engine.journal.journal import open_journal
from engine.names import called


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
        found = [known[each] for each in called(name, known, plan.written)]
        if not found and (recorded := _on_record(name)) is not None:
            found = [recorded]
        if not found and not (stopping and faults):
            beside = f". The configuration has faults, and may name more: {faults[0]}" if faults else ""
            raise NoSuchLogin(f"there is no login {name!r}; there are: {', '.join(known) or 'none'}{beside}")
        for one in found or [Named(Scope(name), "")]:
            chosen[one.name] = one
    return Chosen(tuple(chosen.values()), faults)


def _on_record(name: str) -> Named | None:
    """A login that the configuration does not name, and that something holds: what was halted must be to be resumed."""
    folder = Path(state_folder()) / "journal"
    if not folder.exists():
        return None
    state = open_journal(folder, actor="qe").state()
    restrictions = () if isinstance(state, Unknown) else state.restrictions
    found = [one.scope for one in restrictions if one.scope.login == name]
    return Named(found[-1], "") if found else None


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
