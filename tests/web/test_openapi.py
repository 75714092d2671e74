"""The description of the API is the API's: every door of it, and nothing else; the file in docs is this description."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.web.api import Api
from engine.web.openapi import openapi
from web.stage import stage

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def test_every_door_for_programs_is_described_and_nothing_else(tmp_path: Path) -> None:
    with stage(tmp_path) as here:
        doors = {(door.path, door.method.lower()) for door in Api(here.cockpit).doors()}
    described = {(path, method) for path, methods in openapi()["paths"].items() for method in methods}
    assert doors == described


def test_the_file_in_the_docs_is_this_description() -> None:
    assert msgspec.json.decode(FILE.read_bytes()) == msgspec.json.decode(msgspec.json.encode(openapi()))
