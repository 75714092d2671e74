"""A page as PDF or as a picture, one sheet of A4 or Letter, black on white. Typst sets it; the text is data to it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, assert_never

from engine.desk.page_blocks import (
    Code,
    Option,
    Page,
    Paragraph,
    Section,
    Steps,
    Style,
    Table,
    Title,
    inline,
    words,
)

PICTURE_PPI = 130.0
PAPERS = {"a4": "a4", "letter": "us-letter"}
SIZES_PT = (9.8, 9.4, 9.0, 8.6, 8.2, 7.8, 7.4, 7.0, 6.6, 6.2, 5.8)  # the largest that fits on one sheet
COLUMN_PT = 248.0  # what a line of code has, between its frame, on either paper
MONOSPACE = 0.602  # a letter's width to its size
_TEMPLATE = """\
#let page_data = json("page.json")
#let size = eval(sys.inputs.size) * 1pt
#let code_size(longest) = calc.min(size * 0.9, COLUMN_PT * 1pt / (MONOSPACE * longest))
#set document(title: page_data.title)
#set page(paper: sys.inputs.paper, margin: (x: 11mm, y: 10mm))
#set text(size: size, font: "Libertinus Serif", fill: black)
#set par(leading: 0.52em, spacing: 0.75em)
#show raw: set text(font: "DejaVu Sans Mono")
#show raw.where(block: false): set text(size: size * 0.9)
#let pieces(all) = {
  for (style, it) in all {
    if style == "bold" { strong(it) } else if style == "code" { raw(it) }
    else if style == "whole" { box(raw(it)) } else { it }
  }
}
#let show_block(b) = {
  if b.kind == "option" {
    block(above: 0.8em, below: 0.5em, sticky: true, text(weight: "bold", pieces(b.text)))
  } else if b.kind == "paragraph" {
    par(pieces(b.text))
  } else if b.kind == "steps" {
    enum(tight: true, spacing: 0.55em, ..b.items.map(pieces))
  } else if b.kind == "table" {
    table(columns: b.head.len() * (auto,), inset: 3pt, stroke: 0.5pt,
      table.header(..b.head.map(c => strong(pieces(c)))), ..b.rows.flatten().map(c => pieces(c.pieces)))
  } else if b.kind == "code" {
    show raw: set text(size: code_size(b.longest))
    block(stroke: 0.6pt, inset: 3.5pt, width: 100%, breakable: false, raw(b.text, block: true))
  }
}
#let show_section(s) = block(breakable: false, width: 100%, above: 1.1em, below: 0pt, {
  if s.urgent {
    block(fill: black, inset: (x: 4pt, y: 3pt), width: 100%, below: 0.7em,
      text(fill: white, weight: "bold", size: size * 1.06, pieces(s.text)))
  } else if s.text.len() > 0 {
    block(width: 100%, stroke: (bottom: 0.8pt), inset: (bottom: 2pt), below: 0.6em,
      text(weight: "bold", size: size * 1.06, pieces(s.text)))
  }
  for b in s.blocks { show_block(b) }
})
#text(size: size * 2, weight: "bold", page_data.title)
#v(-0.9em)
#text(size: size * 1.2, weight: "bold", page_data.below)
#v(-0.5em)
#line(length: 100%, stroke: 2pt)
#context [#metadata(counter(page).final()) <pages>]
#columns(2, gutter: 6mm, for s in page_data.sections { show_section(s) })
"""


class CannotSet(Exception):
    """The page could not be made; the text says why, and what to do."""


def pdf(page: Page, paper: str = "a4") -> bytes:
    """The page as a PDF of one sheet: the type is made smaller until it fits. Raises CannotSet."""
    return _set(page, paper, "pdf")


def png(page: Page, paper: str = "a4") -> bytes:
    """The same sheet as a picture, for a telephone. Raises CannotSet."""
    return _set(page, paper, "png")


def _set(page: Page, paper: str, form: Literal["pdf", "png"]) -> bytes:
    try:
        import typst
    except ImportError as error:
        raise CannotSet(f"the PDF needs typst ({error}): pip install typst, or print the HTML page") from error
    with tempfile.TemporaryDirectory(prefix="quant-engine-page-") as folder:
        source = Path(folder) / "page.typ"
        template = _TEMPLATE.replace("COLUMN_PT", f"{COLUMN_PT}").replace("MONOSPACE", f"{MONOSPACE}")
        source.write_text(template, encoding="utf-8")
        (Path(folder) / "page.json").write_text(json.dumps(_data(page)), encoding="utf-8")
        for size in SIZES_PT:
            inputs = {"size": f"{size}", "paper": PAPERS[paper]}
            try:
                if _fits(source, inputs):
                    return bytes(typst.compile(str(source), format=form, ppi=PICTURE_PPI, sys_inputs=inputs))
            except typst.TypstError as error:
                raise CannotSet(f"typst could not set the page: {error}") from error
    raise CannotSet("the page does not fit on one sheet: print the HTML page, or configure fewer logins")


def _fits(source: Path, inputs: dict[str, str]) -> bool:
    """It comes to one sheet."""
    import typst

    pages: object = json.loads(typst.query(str(source), "<pages>", field="value", one=True, sys_inputs=inputs))
    return pages == [1]


def _longest_line(code: Code) -> int:
    """What is typed must not be broken by the page: a line that is continued is another command. So each block is set
    as large as its own lines allow: the kill's is short, and must not be small because a program's is long.
    """
    return max((len(line) for line in code.text.splitlines()), default=1)


def _data(page: Page) -> dict[str, Any]:
    title = Title("", "")
    sections: list[dict[str, Any]] = []
    for block in page:
        match block:
            case Title():
                title = block
            case Section():
                sections.append({"text": _pieces(block.text), "urgent": block.urgent, "blocks": []})
            case _:
                sections[-1]["blocks"].append(_block(block))
    return {"title": title.text, "below": title.below, "sections": sections}


def _block(block: Option | Paragraph | Steps | Table | Code) -> dict[str, Any]:
    match block:
        case Option():
            return {"kind": "option", "text": _pieces(block.text)}
        case Paragraph():
            return {"kind": "paragraph", "text": _pieces(block.text)}
        case Steps():
            return {"kind": "steps", "items": [_pieces(item) for item in block.items]}
        case Table():
            rows = [[{"pieces": _pieces(cell)} for cell in row] for row in block.rows]
            return {"kind": "table", "head": [_pieces(cell) for cell in block.head], "rows": rows}
        case Code():
            return {"kind": "code", "text": block.text, "longest": _longest_line(block)}
        case _:
            assert_never(block)


def _pieces(text: str) -> list[tuple[str, str]]:
    return [piece for style, text in inline(text) for piece in _broken(style, text)]


def _broken(style: Style, text: str) -> Iterator[tuple[str, str]]:
    """A command may go on in the next line between its words only."""
    if style is not Style.CODE:
        yield style.value, text
        return
    for number, (word, is_whole) in enumerate(words(text)):
        if number:
            yield Style.PLAIN.value, " "
        yield "whole" if is_whole else style.value, word
