"""Headings and the table of contents, a real field that shows its entries at once.

Word asks before it updates fields on opening, so the entries stand there already. They have no
page numbers until somebody updates the field: a wrong number would be worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docgen.authoring.scaffold.docx.xml import mark, paragraph, run, tag

INSTRUCTION = r'TOC \o "1-2" \h \z \u'  # levels, links, none in web view, outline (17.16.5.68)


@dataclass(frozen=True)
class ContentsHeading:
    """A heading of level 1 to 4. `each` opens a loop that has this heading once a row."""

    level: int
    text: str
    number: int = 0
    new_page: bool = False
    each: str = ""

    @classmethod
    def loop(cls, level: int, text: str, each: str) -> ContentsHeading:
        """Make the heading of every row; the loop is to be closed after its content."""
        return cls(level, text, each=each)

    @property
    def shown(self) -> str:
        """The text with its number: 一、 （一） in Chinese, 1. (1) in English."""
        if not self.number and not self.each:
            return self.text
        number = "loop.index" if self.each else str(self.number)
        level = f", {self.level}" if self.level > 1 else ""
        if self.level > 2:
            return f"{{{{ {number} }}}}. {self.text}"
        return f"{{{{ numeral({number}, doc.lang{level}) }}}}{self.text}"

    @property
    def bookmark(self) -> str:
        """The name that the contents' entry leads to."""
        return f"_Toc9{self.level}{abs(_steady(self.text + str(self.number))):07d}"

    def xml(self) -> str:
        """Write the paragraph; a heading in a loop has no bookmark, names may stand only once."""
        props = "<w:pageBreakBefore/>" if self.new_page else ""
        style = f"Heading{self.level}"
        if self.each:
            return tag(self.each) + paragraph(self.shown, style=style)
        if self.level > 2:
            return paragraph(self.shown, style=style)
        id = int(self.bookmark[4:])
        begin = f'<w:bookmarkStart w:id="{id}" w:name="{self.bookmark}"/>'
        end = f'<w:bookmarkEnd w:id="{id}"/>'
        return paragraph(begin, run(self.shown), end, style=style, props=props)


def contents(headings: Sequence[ContentsHeading]) -> Iterator[str]:
    """Write the page of contents with an entry for each heading of level 1 and 2."""
    entries = [heading for heading in headings if heading.level <= 2]
    yield (
        '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/>'
        "<w:docPartUnique/></w:docPartObj></w:sdtPr><w:sdtContent>"
    )
    yield paragraph("{{ t.contents }}", style="TOCHeading")
    instruction = f'<w:r><w:instrText xml:space="preserve"> {INSTRUCTION} </w:instrText></w:r>'
    yield paragraph(mark("begin"), instruction, mark("separate"), style="DgGap")
    for heading in entries:
        yield from _entry(heading)
    yield paragraph(mark("end"), style="DgGap")
    yield "</w:sdtContent></w:sdt>"


def _entry(heading: ContentsHeading) -> Iterator[str]:
    style = f"TOC{heading.level}"
    if heading.each:
        yield tag(heading.each)
        yield paragraph(heading.shown, style=style)
        yield tag("endfor")
        return
    begin = f'<w:hyperlink w:anchor="{heading.bookmark}" w:history="1">'
    yield paragraph(begin + run(heading.shown) + "</w:hyperlink>", style=style)


def _steady(text: str) -> int:
    """Return a number below ten million for a text; `hash` differs from process to process."""
    total = 0
    for character in text:
        total = (total * 131 + ord(character)) % 9_999_991
    return total
