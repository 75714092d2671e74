"""The JSON API in OpenAPI's words. docs/openapi.json is this very value (tests/web/test_openapi.py), and whatever is
sent is answered as it says (tests/web/test_openapi_fuzzed.py).
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine import __version__
from engine.core.resume import Obstacle
from engine.desk.incidents import Incident
from engine.journal.telling import Told
from engine.web.picture import Picture
from engine.web.runs import Run

Schema = dict[str, Any]
BASE = "/api/v1"
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_WHOLE: Schema = {"type": "integer"}
_FLAG: Schema = {"type": "boolean"}
_REASON: Schema = {"reason": {**_TEXT, "description": "Why; it is recorded, up to 500 characters of it."}}
_REFERENCES, _COMPONENTS = msgspec.json.schema_components(
    [Picture, Run, Incident, Told, Obstacle], ref_template="#/components/schemas/{name}"
)
_PICTURE, _RUN, _INCIDENT, _TOLD, _OBSTACLE = _REFERENCES


def openapi() -> dict[str, Any]:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "quant-engine cockpit",
            "version": __version__,
            "description": "State and intents. Tokens: qe web token add NAME --may WHAT.",
        },
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(_COMPONENTS.items())),
        },
        "paths": _paths(),
    }


def _paths() -> dict[str, Any]:
    """Reads and intents of one path stand side by side."""
    paths: dict[str, Any] = {}
    for part in (_reads(), _intents(), _texts()):
        for path, methods in part.items():
            paths.setdefault(path, {}).update(methods)
    return paths


def _reads() -> dict[str, Any]:
    return {
        f"{BASE}/state": {"get": _read("Every login as of now", _PICTURE)},
        f"{BASE}/pnl/{{login}}": {
            "get": _read(
                "Today's P&L, and where each limit is crossed",
                _object(at_s=_WHOLE, samples=_PAIRS, levels=_LEVELS),
                _LOGIN,
            )
        },
        f"{BASE}/kill": {"get": _read("The last kill that the cockpit has started", _object(kill=_or_null(_RUN)))},
        f"{BASE}/incidents": {
            "get": _read(
                "Every incident that can be read. `missing`: what cannot be, in words",
                _object(incidents=_list(_INCIDENT), missing=_TEXTS),
                unreadable=True,
            )
        },
        f"{BASE}/journal": {
            "get": _read("Search the journal, the newest first", _object(records=_list(_TOLD)), _QUERY, unreadable=True)
        },
        f"{BASE}/openapi.json": {"get": _read("This description", {"type": "object"})},
    }


def _intents() -> dict[str, Any]:
    return {
        f"{BASE}/kill": {
            "post": _intent(
                "Pull the kill switch",
                {"202": ("It is on its way", _object(kill=_TEXT))},
                {
                    **_REASON,
                    "logins": {**_TEXTS, "description": "[]: all of them; one text with commas is taken, too"},
                },
                refused="Nothing was done, or no process could be started and the guard was told",
            ),
        },
        f"{BASE}/logins/{{login}}/halt": {
            "post": _intent(
                "Stop everything that adds risk",
                {"200": ("It binds", _HALTED)},
                {**_REASON, "cancel": {**_FLAG, "description": "Cancel working orders that add risk"}},
                _LOGIN,
            )
        },
        f"{BASE}/logins/{{login}}/resume": {
            "post": _intent(
                "Go on after a halt",
                {"200": ("Lifted", _object(resumed=_TEXT, lifted=_TEXTS))},
                {**_REASON, "override": {**_FLAG, "description": "Set a loss limit's halt aside"}},
                _LOGIN,
                refused="Refused, with everything in the way",
            )
        },
    }


def _texts() -> dict[str, Any]:
    """For those that can only post a text: the token in it says what may be done."""
    return {
        "/hook": {
            "post": {
                **_intent(
                    "Halt or kill, by a token that says which",
                    {
                        "200": ("Halted", _HALTED),
                        "202": ("The kill is on its way", _object(kill=_TEXT)),
                        "429": ("Too many tokens that were not good", _ERROR),
                    },
                    {**_REASON, "token": _TEXT},
                    others=True,
                ),
                "security": [],
            }
        },
        "/beat": {
            "post": {
                **_intent(
                    "A sign of life of the program that the token is named after",
                    {
                        "200": ("It was heard", _object(heard=_TEXT, goodbye=_FLAG)),
                        "429": ("Too many tokens that were not good", _ERROR),
                    },
                    {"token": _TEXT, "goodbye": {**_FLAG, "description": "It ends on purpose"}},
                    refused="It could not be written down",
                    others=True,
                ),
                "security": [],
            }
        },
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _or_null(of: Schema) -> Schema:
    return {"anyOf": [of, {"type": "null"}]}


_PAIRS = _list({"type": "array", "prefixItems": [{"type": "integer"}, {"type": ["number", "null"]}], "minItems": 2})
_LEVELS = _list(_object(name=_TEXT, level={"type": "number"}))
_HALTED = _object(halted=_TEXT, durable=_FLAG, drained=_FLAG, notes=_TEXTS)
_ERROR: Schema = {
    "type": "object",
    "properties": {"error": _TEXT, "code": _TEXT, "obstacles": _list(_OBSTACLE)},
    "required": ["error", "code"],
}
_LOGIN = {"name": "login", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_QUERY = {"name": "q", "in": "query", "schema": _TEXT, "description": "Words; a record has all of them."}
_WRONG = {
    "400": "Not understood: a field, or a parameter, that is not known; nothing was done",
    "401": "Not known: no token, or one that is not good",
    "403": "It may not do this",
    "421": "The cockpit does not answer under this name",
    "503": "Who may do what cannot be read",
}


def _answers(good: dict[str, tuple[str, Schema]], bad: dict[str, str]) -> dict[str, Any]:
    told = {**good, **{code: (text, _ERROR) for code, text in bad.items()}}
    return {
        code: {"description": text, "content": {"application/json": {"schema": schema}}}
        for code, (text, schema) in sorted(told.items())
    }


def _read(summary: str, answer: Schema, parameter: Schema | None = None, *, unreadable: bool = False) -> Schema:
    bad = {**_WRONG, **({"503": "It cannot be read"} if unreadable else {})}
    if parameter is _LOGIN:
        bad["404"] = "There is no such login"
    made: Schema = {"summary": summary, "responses": _answers({"200": (summary, answer)}, bad)}
    return made if parameter is None else {**made, "parameters": [parameter]}


def _intent(
    summary: str,
    good: dict[str, tuple[str, Schema]],
    fields: Schema,
    parameter: Schema | None = None,
    *,
    refused: str = "Nothing was done",
    others: bool = False,
) -> Schema:
    bad = {**_WRONG, "409": refused, "413": "Too long; nothing was done"}
    if parameter is not None:
        bad["404"] = "There is no such login; nothing was done"
    body = {"type": "object", "properties": fields, "additionalProperties": others}
    made: Schema = {
        "summary": summary,
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": _answers(good, bad),
    }
    return made if parameter is None else {**made, "parameters": [parameter]}
