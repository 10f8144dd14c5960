"""Formulas of spreadsheets that reach out: what they fetch from elsewhere, or start.

Formulas as files store them: English names, `;` and `,` between arguments, no leading `=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docgen.files.links import is_plain, leads_outside

# Fetch from the network, from servers and files, send cells to a service, or call a library
# (ECMA-376 18.17.7, [MS-XLSX]; DDE of OpenDocument 1.3 part 4, 6.14.5). FILTERXML reads what
# WEBSERVICE fetched.
_NAMES = (
    r"(?:WEBSERVICE|FILTERXML|RTD|CALL|REGISTER(?:\.ID)?|EXEC|DDE(?:AUTO)?|SQL\.REQUEST|IMAGE|FOPEN"
    r"|IMPORT\w+|STOCKHISTORY|TRANSLATE|DETECTLANGUAGE|COPILOT|PY)"
)
# A function may be handed on by its name alone, as _xleta.NAME, to be called elsewhere.
_FETCHING = re.compile(rf"\b(?:{_NAMES}\s*\(|_xleta\.{_NAMES}\b|WEBSERVICE\b)", re.IGNORECASE)
_TEXT = re.compile(r'"(?:[^"]|"")*"')
_QUOTED = re.compile(r"'(?:[^']|'')*'")
# No name of a sheet holds one of these, so the name is of another file (ECMA-376 18.17.2.3).
_ELSEWHERE = re.compile(r"'(?=[^']*[\\/\[\]])(?:[^']|'')*'!")
# [1]Sheet!A1, and not Table[column]*Sheet!A1.
# Nor [0]!A, which is of this workbook.
_OTHER_BOOK = re.compile(r"(?<![\w\]])\[(?!0\])[^\[\]]+\][\w.:]*!")
_INDIRECT = re.compile(r"\bINDIRECT\s*\(", re.IGNORECASE)  # LibreOffice opens the file it names
_HYPERLINK = re.compile(r"\bHYPERLINK\s*\(\s*", re.IGNORECASE)
_LITERAL = re.compile(r'"((?:[^"]|"")*)"\s*([,);]?)')
_ONE_CELL = re.compile(r"(?:'[^']*'!|[\w.]+!)?\$?[A-Z]{1,3}\$?\d+\s*[,);]", re.IGNORECASE)


def reaches_out(formula: str, *, only_inside: bool = False) -> bool:
    """Return whether a formula fetches or starts something, or names another file.

    A link that somebody must click passes when its address is plain and written out, or stands
    in a cell; `only_inside` allows none but those to a place in the workbook.
    """
    bare = _TEXT.sub('""', formula)
    if _FETCHING.search(bare) or _ELSEWHERE.search(bare) or _OTHER_BOOK.search(bare):
        return True
    texts = _TEXT.findall(formula) if _INDIRECT.search(bare) else ()
    if any(leads_outside(one) for one in texts):
        return True
    # Nothing but DDE has a bar outside of names and texts: server|topic!item ([MS-XLSX] 2.2.2).
    if "|" in _QUOTED.sub("''", bare):
        return True
    links = list(_HYPERLINK.finditer(bare)) and _HYPERLINK.finditer(formula)
    return any(not _is_harmless(formula[link.end() :], only_inside) for link in links)


def _is_harmless(arguments: str, only_inside: bool) -> bool:
    """Judge the address of HYPERLINK by its first argument."""
    literal = _LITERAL.match(arguments)
    if literal is None:
        return not only_inside and _ONE_CELL.match(arguments) is not None
    if literal[1].startswith("#"):
        return not leads_outside(literal[1])
    return not only_inside and bool(literal[2]) and is_plain(literal[1])


# A cell of CSV that Excel calculates: its sign, behind a separator, spaces and a quote; to the
# next separator that is in no quotes or brackets. Wide signs are taken as plain ones in China.
_CELL = re.compile(
    r"""(?:^|[,;|\t])[^\S\r\n]*(?:"\s*[=+@＝＋＠－-]((?:[^"]|"")*)"""
    r"""|[=+@＝＋＠－-]((?:'[^'\r\n]*'|"[^"\r\n]*"|\([^()\r\n]*\)|[^,;\t\r\n'"])*))""",
    re.MULTILINE,
)
# A server of DDE has a plain name: `- 项目|注!` is no call of one.
_TOPIC = re.compile(r"[\w.']\|[^|]*!", re.ASCII)


def cells_reaching_out(text: str) -> Iterator[tuple[int, str]]:
    """Find cells of a text with separators that reach out: the offset of each, and its formula.

    A bar alone is no DDE here: many texts begin with `-` or `+` and have one.
    """
    for cell in _CELL.finditer(text):
        formula = cell[2] if cell[1] is None else cell[1].replace('""', '"')
        bare = formula if _TOPIC.search(formula) else formula.replace("|", " ")
        if reaches_out(bare):
            yield cell.start(), formula.strip()
