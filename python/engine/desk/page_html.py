"""A page as one HTML file that needs nothing else: readable on a screen, one sheet when printed, black on white.

What is typed is never broken into two lines, because a continued line is another command: its letters become smaller
with the room there is, on paper as far as it takes, on a screen until they can hardly be read; then it is moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import assert_never

from engine.desk.page_blocks import (
    Block,
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

_CSS = """\
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; background: #fff; color: #000;
  font: 15px/1.35 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; }
header { border-bottom: 3px solid #000; margin-bottom: .6rem; }
h1 { margin: 0; font-size: 1.7em; letter-spacing: .02em; }
header p { margin: .1rem 0 .4rem; font-weight: 700; }
main { columns: 2; column-gap: 1.4rem; }
section { break-inside: avoid; margin: 0 0 .7rem; }
h2 { margin: 0 0 .3rem; font-size: 1em; border-bottom: 1px solid #000; }
section.urgent h2 { background: #000; color: #fff; padding: .1rem .4rem; border: 0; print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }
h3 { margin: .4rem 0 .15rem; font-size: .95em; }
p { margin: .2rem 0; }
ol { margin: .2rem 0; padding-left: 1.3rem; }
table { border-collapse: collapse; width: 100%; margin: .2rem 0; }
th, td { border: 1px solid #000; padding: .1rem .3rem; text-align: left; vertical-align: top; }
td.whole { white-space: nowrap; }
pre { margin: .25rem 0; padding: .3rem .4rem; border: 1px solid #000; white-space: pre; overflow-x: auto;
  container-type: inline-size; }
pre, code { font: .88em/1.3 Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code span { white-space: nowrap; }
pre code { font-size: 1em; font-size: clamp(9px, LETTER_SIZE, 1em); }
@media (max-width: 56rem) { main { columns: 1; } }
@page { size: A4; margin: 9mm; }
@media print { body { max-width: none; padding: 0; font-size: 8.1pt; line-height: 1.22; }
  section { margin-bottom: 1.6mm; }
  pre { overflow: hidden; }
  pre code { font-size: min(LETTER_SIZE, 1em); } }
"""
LETTER = 0.61  # a letter's width to its size, in the widest of these fonts


def html(page: Page) -> str:
    """The whole page."""
    title = next((block for block in page if isinstance(block, Title)), Title("", ""))
    body = "\n".join(_sections(block for block in page if not isinstance(block, Title)))
    style = _CSS.replace("LETTER_SIZE", _letter(page))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title.text)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title.text)}</h1><p>{_text(title.below)}</p></header>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _letter(page: Page) -> str:
    """The size at which the longest line that is typed fits into its frame."""
    lines = [line for block in page if isinstance(block, Code) for line in block.text.splitlines()]
    return f"calc(100cqi / {LETTER * max([1, *map(len, lines)]):.2f})"


def _sections(blocks: Iterable[Block]) -> Iterable[str]:
    inside = False
    for block in blocks:
        if isinstance(block, Section):
            if inside:
                yield "</section>"
            inside = True
            yield f"<section{' class=urgent' if block.urgent else ''}><h2>{_text(block.text)}</h2>"
        else:
            yield _block(block)
    if inside:
        yield "</section>"


def _block(block: Block) -> str:
    match block:
        case Title() | Section():
            return ""  # set by the page itself
        case Option():
            return f"<h3>{_text(block.text)}</h3>"
        case Paragraph():
            return f"<p>{_text(block.text)}</p>"
        case Steps():
            return "<ol>" + "".join(f"<li>{_text(item)}</li>" for item in block.items) + "</ol>"
        case Table():
            head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in block.head)
            rows = ("".join(map(_cell, row)) for row in block.rows)
            body = "".join(f"<tr>{row}</tr>" for row in rows)
            return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        case Code():
            return f"<pre><code>{escape(block.text)}</code></pre>"
        case _:
            assert_never(block)


def _cell(text: str) -> str:
    """A number to be dialled stays in one piece."""
    return f"<td{'' if ' ' in text else ' class=whole'}>{_text(text)}</td>"


def _text(text: str) -> str:
    return "".join(_piece(style, piece) for style, piece in inline(text))


def _piece(style: Style, text: str) -> str:
    match style:
        case Style.PLAIN:
            return escape(text)
        case Style.BOLD:
            return f"<strong>{escape(text)}</strong>"
        case Style.CODE:
            made = (f"<span>{escape(word)}</span>" if is_whole else escape(word) for word, is_whole in words(text))
            return f"<code>{' '.join(made)}</code>"
        case _:
            assert_never(style)
