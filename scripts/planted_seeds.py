"""Which seed of `qe torture` breaks first? `planted_seeds.py KILLS`: prints it as JSON, or null. For planted.py."""

from __future__ import annotations

import json
import sys

from engine.torture.generator import story_of
from engine.torture.one import run_story, scratch_folder


def first_broken(kills_max: int) -> dict[str, object] | None:
    kills = seed = 0
    with scratch_folder() as scratch:
        while kills < kills_max:
            seed += 1
            outcome = run_story(story_of(seed), scratch)
            kills += outcome.kills
            if outcome.violations:
                return {"seed": seed, "names": sorted(outcome.names), "kills": kills}
    return None


if __name__ == "__main__":
    print(json.dumps(first_broken(int(sys.argv[1]))))
