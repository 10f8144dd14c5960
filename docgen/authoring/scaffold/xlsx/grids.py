"""Label and value grids, sign-off blocks and the head of the first sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from docgen.authoring.scaffold.layout import FormCell, Grid
from docgen.authoring.scaffold.xlsx import styles
from docgen.authoring.scaffold.xlsx.canvas import Canvas, Span

NAME = (
    "{% if block.name %}{{ block.name }}{% if block.org %}（{{ block.org }}）{% endif %}{% endif %}"
    "　{{ block.seal }}{% if block.signed and block.method %}"
    "\n{{ block.method }}　{{ t.verify_code }} {{ doc.short_code }}{% endif %}"
)
OPINION = (
    "{% if block.gives_opinion %}{{ block.opinions }}{% endif %}"
    "{% if block.comment %}\n{{ block.comment }}{% endif %}"
)


@dataclass(frozen=True)
class Heights:
    """Least row heights in points: an archive has room, a form wants one page."""

    head: float = 60.0
    title: float = 38.0
    subtitle: float = 22.0
    row: float = 20.0
    wide: float = 42.0
    sign: float = 48.0
    line: float = 30.0


ROOMY = Heights()
COMPACT = Heights(head=46.0, title=28.0, subtitle=18.0, row=17.0, wide=25.0, sign=34.0, line=26.0)


@dataclass(frozen=True)
class Four:
    """Four columns of a form; each may take several columns of the sheet."""

    canvas: Canvas
    label: int
    value: int
    heights: Heights = ROOMY

    def head(self) -> None:
        """Write logo, company, mark and code in one line, then title and number."""
        canvas, ends = self.canvas, self.label
        middle = canvas.columns - ends - self.value
        canvas.line(
            [
                Span("", styles.COMPANY, ends),
                Span("{{ theme.company }}", styles.COMPANY, middle),
                Span("{{ doc.mark }}", styles.HEAD_MARK, self.value),
            ],
            self.heights.head,
        )
        canvas.whole("{{ doc.title }}", styles.TITLE, self.heights.title)
        subtitle = "{% if project_name %}{{ project_name }}　{% endif %}{{ customer_name }}"
        canvas.whole(subtitle, styles.SUBTITLE, self.heights.subtitle)
        canvas.gap(6)

    def grid(self, grid: Grid) -> None:
        """Write single fields two pairs a line; a wide one takes a whole line."""
        waiting: list[FormCell] = []
        for cell in grid.cells:
            if cell.wide or cell.log:
                self._pairs(waiting)
                waiting = []
                self._whole(cell)
                continue
            waiting.append(cell)
            if len(waiting) == 2:
                self._pairs(waiting)
                waiting = []
        self._pairs(waiting)

    def _pairs(self, cells: Sequence[FormCell]) -> None:
        if not cells:
            return
        spans = []
        for cell in cells:
            wide = self.value if len(cells) == 2 else 2 * self.value + self.label
            spans += [self._label(cell), Span(f"{{{{ {cell.path} }}}}", styles.VALUE, wide)]
        self.canvas.line(spans, self.heights.row)

    def _whole(self, cell: FormCell) -> None:
        look = styles.LOG if cell.log else styles.VALUE
        wide = Span(f"{{{{ {cell.path} }}}}", look, 2 * self.value + self.label)
        self.canvas.line([self._label(cell), wide], self.heights.wide)

    def _label(self, cell: FormCell) -> Span:
        return Span(f"{{{{ label.{cell.label} }}}}", styles.LABEL, self.label)

    def signoffs(self) -> None:
        """Write a block for each signer: opinion, name and date, and what proves a signature."""
        canvas, heights = self.canvas, self.heights
        rest = canvas.columns - self.label
        canvas.band("{{ t.signing_page }}")
        canvas.control("for block in signoff_blocks")
        canvas.control("if block.gives_opinion or block.comment")
        title = Span("{{ block.title }}", styles.LABEL, self.label)
        canvas.line([title, Span(OPINION, styles.SIGN, rest)], heights.sign)
        canvas.line(self._signed("{{ t.signature }}"), heights.line)
        canvas.control("else")
        canvas.line(self._signed("{{ block.title }}"), heights.line)
        canvas.control("endif")
        canvas.control("endfor")
        code = "{{ t.verify_code }} {{ doc.short_code }}　SHA-256 {{ doc.sha256 }}"
        canvas.whole(code, styles.NOTE, 18)

    def _signed(self, label: str) -> list[Span]:
        return [
            Span(label, styles.LABEL, self.label),
            Span(NAME, styles.VALUE, self.value),
            Span("{{ t.date }}", styles.LABEL, self.label),
            Span("{{ block.signed_on }}", styles.VALUE, self.value),
        ]
