"""A page as Markdown: what is kept in the repository and read on a screen."""

from __future__ import annotations

from typing import assert_never

from engine.desk.page_blocks import Block, Code, Option, Page, Paragraph, Section, Steps, Table, Title


def markdown(page: Page) -> str:
    """The whole page, ending with a line feed."""
    parts: list[str] = []
    for number, block in enumerate(page):
        if isinstance(block, Section) and number > 1:
            parts.append("---")
        parts.append(_block(block))
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Title():
            return f"# {block.text}\n\n**{block.below}**"
        case Section():
            return f"## {block.text}"
        case Option():
            return f"### {block.text}"
        case Paragraph():
            return block.text
        case Steps():
            return "\n".join(f"{number}. {item}" for number, item in enumerate(block.items, start=1))
        case Table():
            rows = (block.head, tuple("---" for _ in block.head), *block.rows)
            return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
        case Code():
            return f"```{block.language}\n{block.text}\n```"
        case _:
            assert_never(block)
