"""The API against schemathesis: whatever is sent, right or wrong, it answers as its description says, and with reason.

Bounded and repeatable: the same examples on every run, unless QE_RANDOM=1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.web.access import Role
from engine.web.openapi import openapi
from web.stage import Stage, stage

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (make setup)")

checks = pytest.importorskip("schemathesis.specs.openapi.checks")

EXAMPLES = 12
ADDRESS = "http://127.0.0.1:8477"
DESCRIBED = {
    f"{method.upper()} {path}": one for path, ways in openapi()["paths"].items() for method, one in ways.items()
}
GOOD, BAD = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
WAYS = [(label, GOOD) for label in DESCRIBED] + [  # where there is nothing to fill in nothing can be wrong
    (label, BAD) for label, one in DESCRIBED.items() if "parameters" in one or "requestBody" in one
]

# Whoever wants to stop is understood where a text is true or false, or the logins are one text with commas, as curl and
# others' alerts send them: only what has no meaning for a stop is refused (test_api).
STOPS = ("POST /api/v1/kill", "POST /api/v1/logins/{login}/halt")


def operation(here: Stage, label: str) -> Any:
    schema = schemathesis.openapi.from_dict(openapi())
    schema.app = here.app
    return next(one.ok() for one in schema.get_all_operations() if one.ok().label == label)


@pytest.mark.parametrize(("label", "mode"), WAYS, ids=lambda one: one if isinstance(one, str) else one.value)
def test_whatever_is_sent_is_answered_as_the_description_says(tmp_path: Path, label: str, mode: Any) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)  # else this machine needs no token
        one = operation(here, label)
        headers = {"authorization": f"Bearer {here.token('operator')}", "host": "127.0.0.1:8477"}

        excluded = [checks.ignored_auth]  # see below
        if label in STOPS:
            excluded.append(checks.negative_data_rejection)

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
        @given(case=one.as_strategy(generation_mode=mode))
        def run(case: Any) -> None:
            answer = case.call(base_url=ADDRESS, headers=headers)
            case.validate_response(answer, excluded_checks=excluded)

        run()


@pytest.mark.parametrize("label", [one for one in DESCRIBED if one not in ("POST /hook", "POST /beat")])
def test_whatever_is_sent_without_a_token_of_ours_is_refused(tmp_path: Path, label: str) -> None:
    with stage(tmp_path) as here:
        here.user("ann", Role.OPERATOR)
        one = operation(here, label)

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
        @given(
            case=one.as_strategy(), token=st.none() | st.text(st.characters(codec="ascii", categories=["L", "N", "P"]))
        )
        def run(case: Any, token: str | None) -> None:
            more = {} if token is None else {"authorization": f"Bearer {token}"}
            answer = case.call(base_url=ADDRESS, headers={"host": "127.0.0.1:8477", **more})
            assert answer.status_code == 401

        run()
        assert here.started() == []
        assert here.actors() == []
