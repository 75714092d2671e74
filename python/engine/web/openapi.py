"""The JSON API in OpenAPI's words. docs/openapi.json is this very value (tests/web/test_openapi.py)."""

from __future__ import annotations

from typing import Any

from engine import __version__

_REASON = {"reason": {"type": "string", "maxLength": 500, "description": "Why; it is recorded."}}
_LOGIN = {"name": "login", "in": "path", "required": True, "schema": {"type": "string"}}


def openapi() -> dict[str, Any]:
    """The whole description."""
    base = "/api/v1"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "quant-engine cockpit",
            "version": __version__,
            "description": "State and intents. Tokens: qe web token add NAME --may viewer|operator|halt|kill.",
        },
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            f"{base}/state": {"get": _operation("Every login as of now", {"200": "The picture"})},
            f"{base}/pnl/{{login}}": {
                "get": _operation("Today's P&L, and where each limit is crossed", {"200": "Samples"}, path=True)
            },
            f"{base}/kill": {
                "get": _operation("The last kill that the cockpit has started", {"200": "What it says"}),
                "post": _operation(
                    "Pull the kill switch",
                    {"202": "It is on its way", "409": "No process could be started; the guard was told"},
                    {**_REASON, "logins": {"type": "array", "items": {"type": "string"}, "description": "[]: all"}},
                ),
            },
            f"{base}/logins/{{login}}/halt": {
                "post": _operation(
                    "Stop everything that adds risk",
                    {"200": "It binds", "409": "Nothing was done"},
                    {**_REASON, "cancel": {"type": "boolean", "description": "Cancel working orders that add risk"}},
                    path=True,
                )
            },
            f"{base}/logins/{{login}}/resume": {
                "post": _operation(
                    "Go on after a halt",
                    {"200": "Lifted", "409": "Refused, with everything in the way"},
                    {**_REASON, "override": {"type": "boolean", "description": "Set a loss limit's halt aside"}},
                    path=True,
                )
            },
            f"{base}/incidents": {"get": _operation("Every incident", {"200": "Incidents", "503": "Unreadable"})},
            f"{base}/journal": {
                "get": {
                    **_operation("Search the journal", {"200": "Records, the newest first", "503": "Unreadable"}),
                    "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}],
                }
            },
            f"{base}/openapi.json": {"get": _operation("This description", {"200": "OpenAPI 3.1"})},
            "/hook": {
                "post": {
                    **_operation(
                        "Halt or kill, by a token that says which",
                        {"200": "Halted", "202": "The kill is on its way", "409": "Nothing was done", "429": "Wait"},
                        {**_REASON, "token": {"type": "string"}},
                    ),
                    "security": [],
                }
            },
        },
    }


def _operation(
    summary: str, answers: dict[str, str], fields: dict[str, Any] | None = None, *, path: bool = False
) -> dict[str, Any]:
    common = {"401": "Not known: no token, or one that is not good", "403": "It may not do this", "421": "Wrong name"}
    if fields is not None:
        common |= {"400": "Not understood; nothing was done", "413": "Too long"}
    made: dict[str, Any] = {
        "summary": summary,
        "responses": {code: {"description": text} for code, text in sorted({**common, **answers}.items())},
    }
    if path:
        made["parameters"] = [_LOGIN]
    if fields is not None:
        schema = {"type": "object", "properties": fields, "additionalProperties": False}
        made["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return made
