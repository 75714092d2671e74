"""The how-to page says what the code and the files say, and its examples work."""

from __future__ import annotations

import re
from pathlib import Path

from engine.simulator.build import build_world
from engine.simulator.reference import updated
from engine.simulator.scenario import load_scenario
from engine.simulator.virtual import VirtualLoop, run

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "simulator.md"


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return found


def test_the_lists_of_faults_and_scenarios_are_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == updated(page), "run: python -m engine.simulator.reference docs/how-to/simulator.md"


def test_the_example_scenario_can_be_run(tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    path.write_text(block("toml", "A put that nobody wants"), encoding="utf-8")

    async def main(loop: VirtualLoop) -> int:
        async with build_world(load_scenario(path), ports={"paper": (0,)}) as world:
            return len(world.login("paper").positions())

    assert run(main) == 3


def test_the_example_test_works() -> None:
    exec(compile(block("python", "virtual import run"), str(PAGE), "exec"), {})
