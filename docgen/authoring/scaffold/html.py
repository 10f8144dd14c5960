"""Generate a page template from a schema: plain HTML that extends the theme's `base.html`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from docgen.authoring.scaffold.layout import Block, Cards, FormCell, Grid, Section, Table, outline
from schemas.envelope import Record

LANDSCAPE_ROOM = 156  # narrow characters on a landscape line, see `sandbox.widths`
FORM_COLUMNS = '<col class="l"><col class="v">' * 2


def scaffold_html(model: type[Record]) -> bytes:
    """Return `page.html` of a record type (UTF-8) with every field."""
    sections = outline(model)
    writer = _Form() if model.record_type.layout == "form" else _Archive()
    lines = [
        '{% extends "base.html" %}',
        "{% block body %}",
        *writer.body(sections),
        "{% endblock %}",
        "",
    ]
    return "\n".join(lines).encode()


def grid(block: Grid, prefix: str = "", level: str = "") -> Iterator[str]:
    """Return a four-column grid; wide fields take a whole line."""
    if block.title and level:
        yield f"<{level}>{{{{ label.{block.title} }}}}</{level}>"
    yield f'<table class="form"><colgroup>{FORM_COLUMNS}</colgroup>'
    yield from grid_rows(block, prefix)
    yield "</table>"


def grid_rows(block: Grid, prefix: str = "") -> Iterator[str]:
    """Return the rows of a grid."""
    waiting: list[FormCell] = []
    for cell in block.cells:
        if cell.wide or cell.log:
            yield from _pair_row(waiting, prefix)
            waiting = []
            value = f"{{{{ {prefix}{cell.path} }}}}"
            log = ' class="log"' if cell.log else ""
            yield f'<tr>{_label(cell)}<td colspan="3"{log}>{value}</td></tr>'
            continue
        waiting.append(cell)
        if len(waiting) == 2:
            yield from _pair_row(waiting, prefix)
            waiting = []
    yield from _pair_row(waiting, prefix)


def _pair_row(cells: list[FormCell], prefix: str) -> Iterator[str]:
    if not cells:
        return
    span = "" if len(cells) == 2 else ' colspan="3"'
    pairs = ""
    for cell in cells:
        path = prefix + cell.path
        pairs += f"{_label(cell)}<td{span}{_tone(cell, path)}>{{{{ {path} }}}}</td>"
    yield f"<tr>{pairs}</tr>"


def _label(cell: FormCell) -> str:
    return f"<th>{{{{ label.{cell.label} }}}}</th>"


def _tone(cell: FormCell, path: str) -> str:
    if not cell.toned:
        return ""
    return f'{{% if {path}.tone %}} class="{{{{ {path}.tone }}}}"{{% endif %}}'


def table(block: Table, prefix: str = "", row: str = "row") -> Iterator[str]:
    """Return a list with a repeated header; its `empty` text when there are no rows."""
    path = prefix + block.path
    names = ", ".join(f'"{cell.path}"' for cell in block.columns if "." not in cell.path)
    room = f", room={LANDSCAPE_ROOM}" if block.landscape else ""
    yield f"{{% if {path} %}}"
    fitted = f"widths({path}, [{names}], label.{block.label}{room})"
    yield f'<table class="list"><colgroup>{{% for w in {fitted} %}}'
    yield '<col style="width: {{ w }}%">{% endfor %}</colgroup>'
    heads = ""
    for cell in block.columns:
        number = ' class="num"' if cell.number else ""
        heads += f"<th{number}>{{{{ label.{cell.label} }}}}</th>"
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    yield f"{{% for {row} in {path} %}}"
    cells = "".join(_data(cell, row) for cell in block.columns)
    yield f"<tr>{cells}</tr>"
    for cell in block.logs:
        yield f"{{% if {row}.{cell.path} %}}"
        span = f'colspan="{len(block.columns)}" class="log"'
        yield f"<tr><td {span}>{{{{ {row}.{cell.path} }}}}</td></tr>"
        yield "{% endif %}"
    yield "{% endfor %}"
    yield "</tbody></table>"
    yield "{% else %}"
    yield f'<p class="empty">{{{{ {path}.empty }}}}</p>'
    yield "{% endif %}"


def _data(cell: FormCell, row: str) -> str:
    path = f"{row}.{cell.path}"
    if cell.number:
        return f'<td class="num">{{{{ {path} }}}}</td>'
    return f"<td{_tone(cell, path)}>{{{{ {path} }}}}</td>"


def cards(block: Cards) -> Iterator[str]:
    """Return an overview table, then a card with its own tables for each row."""
    yield from table(block.overview)
    yield f"{{% for card in {block.path} %}}"
    first = block.grid.cells[0].path
    yield f'<h3 class="card">{{{{ numeral(loop.index, doc.lang, 2) }}}}{{{{ card.{first} }}}}</h3>'
    yield from grid(block.grid, "card.")
    for inner in block.tables:
        yield f"<h4>{{{{ label.{inner.label} }}}}</h4>"
        yield from table(inner, "card.", "item")
    yield "{% endfor %}"


class _Archive:
    """Cover, control, contents, sections, appendix, sign-off page."""

    def body(self, sections: list[Section]) -> Iterator[str]:
        """All pages."""
        control = [section for section in sections if section.key == "control"]
        main = [section for section in sections if section.key != "control"]
        later = [(section, block) for section in main for block in section.blocks if _late(block)]
        yield from self._cover()
        for section in control:
            yield from self._control(section)
        yield from self._contents(main, bool(later))
        for number, section in enumerate(main, 1):
            yield from self._section(number, section, [block for _, block in later])
        yield from self._appendix(len(main) + 1, [block for _, block in later])
        yield from self._sign(len(main) + (2 if later else 1))

    def _cover(self) -> Iterator[str]:
        yield '<section class="cover">{% include "cover.html" %}</section>'

    def _control(self, section: Section) -> Iterator[str]:
        yield '<section class="control"><h2 class="plain">{{ t.document_control }}</h2>'
        for block in section.blocks:
            if isinstance(block, Table):
                yield f"<h3>{{{{ label.{block.label} }}}}</h3>"
            yield from _block(block)
        yield '<h3>{{ t.approvals }}</h3>{% include "approvals.html" %}</section>'

    def _contents(self, main: list[Section], appendix: bool) -> Iterator[str]:
        yield '<nav class="toc"><h2 class="plain">{{ t.contents }}</h2><ol>'
        for number, section in enumerate(main, 1):
            title = _title(number, f"section.{section.key}")
            yield f'<li><a href="#s-{section.key}">{title}</a></li>'
        if appendix:
            yield f'<li><a href="#s-appendix">{_title(len(main) + 1, "t.appendix")}</a></li>'
        last = len(main) + (2 if appendix else 1)
        yield f'<li><a href="#s-signing">{_title(last, "t.signing_page")}</a></li></ol></nav>'

    def _section(self, number: int, section: Section, later: list[Block]) -> Iterator[str]:
        title = _title(number, f"section.{section.key}")
        yield f'<section class="part"><h2 id="s-{section.key}">{title}</h2>'
        titled = len(section.blocks) > 1
        for owner, blocks in groupby(section.blocks, _owner):
            if owner:
                yield f"{{% if {owner} %}}"
            for block in blocks:
                yield from self._block(block, titled, later)
            if owner:
                yield f'{{% else %}}<p class="empty">{{{{ {owner}.empty }}}}</p>{{% endif %}}'
        yield "</section>"

    def _block(self, block: Block, titled: bool, later: list[Block]) -> Iterator[str]:
        if titled and not isinstance(block, Grid):
            yield f"<h3>{{{{ label.{block.label} }}}}</h3>"
        if isinstance(block, Table) and block in later:
            yield from self._pointer(block, later.index(block) + 1)
        else:
            yield from _block(block)

    def _pointer(self, block: Table, number: int) -> Iterator[str]:
        yield f"{{% if {block.path} %}}"
        counted = f'|replace("{{rows}}", {block.path}|length)|replace("{{number}}", {number})'
        yield f'<p class="see">{{{{ t.rows_in_appendix{counted} }}}}</p>'
        yield f'{{% else %}}<p class="empty">{{{{ {block.path}.empty }}}}</p>{{% endif %}}'

    def _appendix(self, number: int, later: list[Block]) -> Iterator[str]:
        if not later:
            return
        yield f'<section class="landscape"><h2 id="s-appendix">{_title(number, "t.appendix")}</h2>'
        for index, block in enumerate(later, 1):
            assert isinstance(block, Table)
            yield f"<h3>{{{{ t.appendix }}}} {index}　{{{{ label.{block.label} }}}}</h3>"
            yield from table(block)
        yield "</section>"

    def _sign(self, number: int) -> Iterator[str]:
        yield f'<section class="signing"><h2 id="s-signing">{_title(number, "t.signing_page")}</h2>'
        yield '{% include "signoffs.html" %}</section>'


class _Form:
    """One bordered four-column form."""

    def body(self, sections: list[Section]) -> Iterator[str]:
        """Return the form, section bands in it, lists between, sign-offs last."""
        yield '<section class="ticket">{% include "form_head.html" %}'
        for section in sections:
            yield from self._section(section)
        yield '{% include "signoffs.html" %}</section>'

    def _section(self, section: Section) -> Iterator[str]:
        yield f'<h2 class="band">{{{{ section.{section.key} }}}}</h2>'
        alone = len(section.blocks) == 1
        for block in section.blocks:
            if isinstance(block, Table) and section.key == "control":
                yield f"{{% if {block.path} %}}"
            if isinstance(block, Table | Cards) and len(section.blocks) > 1:
                yield f'<h3 class="band">{{{{ label.{block.label} }}}}</h3>'
            yield from grid(block) if isinstance(block, Grid) and alone else _block(block)
            if isinstance(block, Table) and section.key == "control":
                yield "{% endif %}"


def _owner(block: Block) -> str:
    """Return the nested object that a block belongs to, or an empty text."""
    path = block.cells[0].path if isinstance(block, Grid) else block.path
    return path.rpartition(".")[0].partition(".")[0]


def _late(block: Block) -> bool:
    return isinstance(block, Table) and block.landscape


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Grid):
        return grid(block, level="h3")
    return table(block) if isinstance(block, Table) else cards(block)


def _title(number: int, name: str) -> str:
    return f"{{{{ numeral({number}, doc.lang) }}}}{{{{ {name} }}}}"
