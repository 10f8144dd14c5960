"""Formulas of spreadsheets that reach out: what they fetch from elsewhere, or start.

Formulas as files store them: English names, `;` and `,` between arguments, no leading `=`.
"""

from __future__ import annotations

import re

from docgen.files.links import is_plain

# Fetch from the network, from servers and files, or call a library (ECMA-376 18.17.7, [MS-XLSX];
# DDE of OpenDocument 1.3 part 4, 6.14.5). FILTERXML reads what WEBSERVICE fetched.
_FETCHING = re.compile(
    r"\b(?:WEBSERVICE|FILTERXML|RTD|CALL|REGISTER(?:\.ID)?|EXEC|DDE(?:AUTO)?|SQL\.REQUEST|IMAGE"
    r"|FOPEN|IMPORT\w+)\s*\(",
    re.IGNORECASE,
)
_TEXT = re.compile(r'"(?:[^"]|"")*"')
_QUOTED = re.compile(r"'(?:[^']|'')*'")
# No name of a sheet holds one of these, so the name is of another file (ECMA-376 18.17.2.3).
_ELSEWHERE = re.compile(r"'(?=[^']*[\\/\[\]])(?:[^']|'')*'!")
# [1]Sheet!A1, and not Table[column]*Sheet!A1.
_OTHER_BOOK = re.compile(r"(?<![\w\]])\[[^\[\]]+\][\w.]*!")
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
        return True
    return not only_inside and bool(literal[2]) and is_plain(literal[1])
