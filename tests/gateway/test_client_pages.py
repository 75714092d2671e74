"""A page for each client library has the one line in it, and every page of them leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.names import IB_ASYNC, IB_INSYNC, IBAPI_9, NAUTILUS, STOQEY

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "clients"
LIBRARIES = sorted(one.name for one in PAGES.glob("*.md") if one.name not in ("README.md", "others.md"))


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_librarys_page_has_the_line_with_the_gateways_port(name: str) -> None:
    code = "".join(re.findall(r"```\w+\n(.*?)```", (PAGES / name).read_text(encoding="utf-8"), re.DOTALL))
    assert "7597" in code and "7497" in code, code  # what it becomes, and what it was
    assert f"]({name})" in (PAGES / "README.md").read_text(encoding="utf-8")


def test_every_client_that_the_gateway_is_tried_with_has_a_page() -> None:
    pages = {"nautilus-ibapi": "nautilus", "stoqey": "stoqey-ib"}
    for client in (IB_ASYNC, IB_INSYNC, IBAPI_9, NAUTILUS, STOQEY):
        assert f"{pages.get(client.name, client.name)}.md" in LIBRARIES, client.name


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda one: one.name)
def test_links_of_a_clients_page_lead_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
