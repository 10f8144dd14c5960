"""What in an Office file fetches or starts something when it is opened, printed or calculated.

One set of rules for files that people attach, for templates, and for spreadsheets that are read
for their values. It only finds; each of the three decides what to do about it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from docgen.files.formulas import reaches_out
from docgen.files.links import is_on_this_machine, is_plain, leads_outside
from docgen.files.unzip import MACROS

CONTENT_TYPES = "[Content_Types].xml"
MOST = 200  # findings that are kept; each is told with its place
VALUE = 200  # characters of what was found that are repeated
CODES = ("macros", "remote_content", "data_connection", "active_field", "active_formula")
_VML, _OFFICE = "urn:schemas-microsoft-com:vml", "urn:schemas-microsoft-com:office:office"
_WORD, _SHEET, _MAIN = "wordprocessingml", "spreadsheetml", "office/excel/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_MS_EXCEL = "urn:schemas-microsoft-com:office:excel"
_SVG = "http://www.w3.org/2000/svg"
_ID = "/relationships "  # of a namespaced attribute r:id, r:embed, r:link (22.8.2.1)

# Parts by their names, whatever relates to them.
_LINKED_PARTS = r"(^|/)(externallinks/[^/]+|connections\.\w+|(querytables|model)/[^/]+)$"
_PARTS = (
    (MACROS, "macros"),
    (re.compile(_LINKED_PARTS, re.IGNORECASE), "data_connection"),
    (re.compile(r"(^|/)webextensions/[^/]+$", re.IGNORECASE), "remote_content"),
)
_STRICT_LINK = re.compile(r"(?:https?://|mailto:)[^\s\\]+", re.IGNORECASE)
_MACRO_TYPES = re.compile(
    r"macroenabled|vbaproject|vbadata|macrosheet|dialogsheet|activex|oleobject", re.IGNORECASE
)
# Last parts of relationship types (ECMA-376 part 1, 11 to 15; [MS-OFFMACRO2], [MS-OWEXML]).
_MACRO_KINDS = re.compile(
    r"vbaProject\w*|wordVbaData|xl(Intl)?Macrosheet|control|activeXControlBinary|oleObject",
    re.IGNORECASE,
)
_LOADED_KINDS = re.compile(
    r"attachedTemplate|aFChunk|frame|subDocument|webextension\w*", re.IGNORECASE
)
_DATA_KINDS = re.compile(
    r"externalLink\w*|xlExternalLinkPath\w*|xlPathMissing|connections|queryTable|powerPivotData"
    r"|mailMerge\w+|recipientData",
    re.IGNORECASE,
)
_FORMULA_NAMES = "f formula formula1 formula2 definedName calculatedColumnFormula totalsRowFormula"
_FORMULAS = frozenset(_FORMULA_NAMES.split())
# Of shapes and controls: `macro` may name one of another workbook (20.5.2.29, [MS-XLSX] 2.4.7).
_FORMULA_ATTRIBUTES = frozenset(
    ("macro", "textlink", "fmlaMacro", "fmlaLink", "fmlaRange", "fmlaGroup", "fmlaTxbx")
)
_FMLA = "FmlaMacro FmlaLink FmlaRange FmlaGroup FmlaTxbx FmlaPict"  # of VML (part 4, 19.4.2)
_HEARD = _FORMULAS | {"instrText", "delInstrText", "HyperlinkBase", *_FMLA.split()}
_CONNECTED = {  # elements that ask for data of elsewhere, or bring it there, whatever their part
    "connection": "",
    "cacheSource": "external",
    "volType": "realTimeData",
    "webPublishItem": "",
}
_LOADING = {"mailMerge": "data_connection", "altChunk": "remote_content"}  # elements of Word
_MACRO_NAME = ("function", "vbProcedure", "xlm")  # flags of a defined name (18.2.5)

# Field codes (17.16.5 and [MS-DOC] 2.9.90) that fetch, start or print something.
_FETCHING_FIELDS = (
    "CONTROL DATABASE DDE DDEAUTO HTMLACTIVEX IMPORT INCLUDE INCLUDEPICTURE INCLUDETEXT LINK OCX"
    " PRINT RD SUBSCRIBER"
)
_FETCHING = frozenset(_FETCHING_FIELDS.split())
# Those that only count, repeat or format: the only ones that a template may have.
_HARMLESS_FIELDS = (
    "PAGE NUMPAGES SECTION SECTIONPAGES TOC PAGEREF REF NOTEREF STYLEREF SEQ HYPERLINK DATE TIME"
    " CREATEDATE SAVEDATE PRINTDATE TITLE SUBJECT AUTHOR COMMENTS KEYWORDS FILENAME DOCPROPERTY"
    " NUMWORDS NUMCHARS XE INDEX TC IF = SYMBOL EQ FORMTEXT FORMCHECKBOX FORMDROPDOWN QUOTE"
    " LISTNUM AUTONUM REVNUM ADVANCE"
)
_HARMLESS = frozenset(_HARMLESS_FIELDS.split())
_NESTED = "\ufffc"  # stands in an instruction for the result of a field inside it
_NAME_END = re.compile(r'[\s\\"]')  # a switch (\h) or a quoted argument ends a field's name
_LINK = re.compile(r"\s*HYPERLINK(?=[\s\"\\]|$)", re.IGNORECASE)
# Its words (17.16.5.25): what follows \\l is a bookmark, \\o a tip, \\t a frame.
_WORDS = re.compile(
    r'(?:\\([lot])\s*)?(?:"([^"]*)"|“([^”]*)”|(\\\w)(?=\s|$)|([^\s"]+))', re.IGNORECASE
)
_CODES = re.compile(r"^\s*QUOTE(?:\s+\d{1,5}){3,}", re.IGNORECASE)  # text as character codes

_LABELS = {
    "header": ("页眉", "header"),
    "footer": ("页脚", "footer"),
    "footnotes": ("脚注", "footnotes"),
    "endnotes": ("尾注", "endnotes"),
    "comments": ("批注", "comments"),
    "core": ("文档属性", "properties"),
    "app": ("文档属性", "properties"),
    "custom": ("文档属性", "properties"),
}
_LABELLED = re.compile(r"^(?:word|docProps)/([a-z]+)(\d*)\.xml$")


def part_label(part: str) -> tuple[str, str]:
    """Return a part's name in zh and en, with a space behind it; empty for the body."""
    found = _LABELLED.match(part)
    if part == "word/document.xml":
        return "", ""
    if not found or found[1] not in _LABELS:
        return f"{part} ", f"{part} "
    zh, en = _LABELS[found[1]]
    return f"{zh}{found[2]} ", f"{en}{found[2]} "


@dataclass(frozen=True)
class ActiveContent:
    """One thing that fetches or starts something.

    `code` is one of CODES; `place` is for people (a paragraph, `Sheet!B7`, or a part); `value` is
    the instruction, formula or address.
    """

    code: str
    place: str
    value: str = ""


@dataclass(frozen=True)
class _Found:
    """A finding whose place is settled at the end: parts come in any order."""

    code: str
    part: str
    cell: str = ""
    text: str = ""
    used: str = ""  # the id of the relationship that leads to it
    value: str = ""


@dataclass
class OfficeScan:
    """The parts of one package; `template`: also what only a template must not hold."""

    template: bool = False
    _found: list[_Found] = field(default_factory=list)
    _uses: dict[tuple[str, str], _Found] = field(default_factory=dict)
    _targets: dict[tuple[str, str], str] = field(default_factory=dict)
    _sheets: dict[tuple[str, str], str] = field(default_factory=dict)

    def part(self, name: str) -> PartScan:
        """Begin a part; its name may tell already."""
        for pattern, code in _PARTS:
            if pattern.search(name):
                self.add(_Found(code, name))
        return PartScan(self, name)

    def add(self, found: _Found) -> None:
        """Note a finding."""
        if len(self._found) < MOST:
            self._found.append(replace(found, value=found.value.strip()[:VALUE]))

    def use(self, found: _Found) -> None:
        """Note where a relationship is used."""
        if len(self._uses) < 10 * MOST:
            self._uses.setdefault((found.part, found.used), found)

    def sheet(self, part: str, used: str, name: str) -> None:
        """Note the name of a sheet, which the workbook part gives to a relationship."""
        self._sheets[part, used] = name

    def relate(self, owner: str, attributes: Mapping[str, str]) -> None:
        """Judge a relationship of `owner`."""
        given = (attributes.get(name, "") for name in ("Id", "Type", "Target"))
        used, kind, target = given
        outside = attributes.get("TargetMode", "").strip().lower() not in ("", "internal")
        if not outside:  # relative to the folder of its part (ISO/IEC 29500-2, 6.4)
            base = "/" + posixpath.dirname(owner)
            target = posixpath.normpath(posixpath.join(base, target)).lstrip("/")
            self._targets[owner, used] = target
        last = kind.rpartition("/")[2]
        if code := self._code(last, target, outside):
            inside = _DATA_KINDS.fullmatch(last) and not outside
            part = target if inside else owner
            told = "" if inside else f"{last} {target}"
            self.add(_Found(code, part, used="" if inside else used, value=told))

    def _code(self, kind: str, target: str, outside: bool) -> str:
        if _MACRO_KINDS.fullmatch(kind):
            return "remote_content" if outside and kind == "oleObject" else "macros"
        if _DATA_KINDS.fullmatch(kind):
            return "data_connection"
        if kind == "hyperlink":
            fits = _STRICT_LINK.fullmatch(target) if self.template else is_plain(target)
            return "" if fits or not outside else "remote_content"
        # Word names a document's own template; one on a drive that others lack asks nobody.
        own = kind == "attachedTemplate" and is_on_this_machine(target) and not self.template
        loaded = outside or _LOADED_KINDS.fullmatch(kind)
        return "remote_content" if loaded and not own else ""

    def findings(self) -> list[ActiveContent]:
        """Return what was found, each once, with its place."""
        names = {self._targets.get(key, ""): name for key, name in self._sheets.items()}
        told: dict[tuple[str, str], list[str]] = {}
        for one in self._found:
            at = self._uses.get((one.part, one.used), one) if one.used else one
            place = at.text or at.part
            if at.part in names:
                place = f"{names[at.part]}!{at.cell}".removesuffix("!")
            values = told.setdefault((one.code, place), [])
            if one.value not in values:
                values.append(one.value)
        return [
            ActiveContent(code, place, value)
            for (code, place), values in told.items()
            for value in ([one for one in values if one] or [place])
        ]


@dataclass
class _Field:
    """A complex field that is open: its place, and its instruction so far (17.16.18)."""

    place: _Found
    instruction: str = ""
    in_result: bool = False


class PartScan:
    """The handlers for one XML part, in the names that expat gives with a space as separator.

    `listening` tells whether text is of interest; its handler is slow for all of a large part.
    """

    def __init__(self, scan: OfficeScan, name: str) -> None:
        self.scan, self.name = scan, name
        self.listening = False
        self._owner = _rels_owner(name) if name.lower().endswith(".rels") else ""
        self._is_rels = name.lower().endswith(".rels")
        self._cell = self._formula_name = ""
        self._text: list[str] = []
        self._tables: list[list[int]] = []
        self._table_count = self._paragraph_count = 0
        self._paragraphs: list[int] = []
        self._fields: list[_Field] = []

    def is_ole(self) -> None:
        """Note that the part is a compound file, as objects and macros are, whatever its name."""
        self._add("macros", self.name)

    def read(self, data: bytes) -> None:
        """Read a whole part. Raises expat.ExpatError."""
        parser = expat.ParserCreate(namespace_separator=" ")

        def start(tag: str, attributes: dict[str, str]) -> None:
            self.start(tag, attributes)
            parser.CharacterDataHandler = self.text if self.listening else None

        parser.StartElementHandler, parser.EndElementHandler = start, self.end
        parser.Parse(data, True)
        self.close()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        space, _, name = tag.rpartition(" ")
        if _WORD in space:
            self._word(name, attributes)
        elif _SHEET in space or _MAIN in space:
            self._excel(name, attributes)
        elif space in (_VML, _OFFICE):
            self._vml(name, attributes)
        elif space.startswith(_PACKAGE):
            self._package(name, attributes)
        else:
            self._other(space, name, attributes)
        for key, value in attributes.items():
            if _ID in key:
                cell = attributes.get("ref", self._cell)
                self.scan.use(replace(self._here(), used=value, cell=cell))

    def _other(self, space: str, name: str, attributes: dict[str, str]) -> None:
        """Take an element of drawings, queries, buttons, properties."""
        for key in _FORMULA_ATTRIBUTES & attributes.keys():
            self._formula(attributes[key])
        if space == _SVG:
            self._svg(name, attributes)
        elif name == "webVideoPr":  # a page that is played in the document ([MS-DOCX] 2.7.1)
            self._add("remote_content", attributes.get("embeddedHtml", name))
        elif "customui" in space.lower() or (name == "macro" and space.endswith("/wordml")):
            self._add("macros", name)  # buttons and keys that call one
        elif space.endswith("/schemaLibrary/2006/main"):
            self._fetch(attributes, "manifestLocation", "schemaLocation")
        elif name == "HyperlinkBase" or (space == _MS_EXCEL and name.startswith("Fmla")):
            self._listen()
        elif name == "DataMashup":  # the queries of Power Query ([MS-QDEFF] 2.1)
            self._add("data_connection", name)
        elif name == "f" and space.endswith("/chart"):
            self._listen()

    def _listen(self) -> None:
        self.listening, self._text = True, []

    def _package(self, name: str, attributes: dict[str, str]) -> None:
        content_type = attributes.get("ContentType", "")
        if name == "Relationship" and self._is_rels:
            self.scan.relate(self._owner, attributes)
        elif self.name == CONTENT_TYPES and _MACRO_TYPES.search(content_type):
            self._add("macros", content_type)  # Office goes by it, whatever the part's name

    def text(self, data: str) -> None:
        """Take a piece of text."""
        self._text.append(data)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        space, _, name = tag.rpartition(" ")
        if self.listening and name in _HEARD:
            self.listening = False
            text = "".join(self._text)
            if name in ("instrText", "delInstrText"):
                self._instruct(text)
            elif name == "HyperlinkBase":  # what all relative links begin with (22.2.2.7)
                if not is_plain(text):
                    self._add("remote_content", text)
            else:
                self._formula(text)
        if _WORD in space:
            if name == "tbl" and self._tables:
                self._tables.pop()
            elif name == "p" and self._paragraphs:
                self._paragraphs.pop()
        elif name in ("c", "conditionalFormatting", "dataValidation"):
            self._cell = ""

    def close(self) -> None:
        """End the part: fields that were never ended count as well."""
        while self._fields:
            self._end_field()

    # ------------------------------------------------------------ Word

    def _word(self, name: str, attributes: dict[str, str]) -> None:
        if name == "p":
            self._paragraph_count += not self._tables
            self._paragraphs.append(self._paragraph_count)
        elif name == "tbl":
            self._table_count += 1
            self._tables.append([self._table_count, 0, 0])
        elif name == "tr" and self._tables:
            self._tables[-1][1:] = [self._tables[-1][1] + 1, 0]
        elif name == "tc" and self._tables:
            self._tables[-1][2] += 1
        elif name == "fldSimple":
            self._check(self._here(), _local(attributes, "instr"))
        elif name == "fldChar":
            self._character(_local(attributes, "fldCharType"))
        elif name in ("instrText", "delInstrText"):
            self._listen()
        elif name == "hyperlink":
            self._locate(_local(attributes, "anchor"), _local(attributes, "docLocation"))
        elif name in _LOADING:
            self._add(_LOADING[name], name)

    def _character(self, kind: str) -> None:
        if kind == "begin":
            if self._fields and not self._fields[-1].in_result:
                self._fields[-1].instruction += _NESTED
            self._fields.append(_Field(self._here()))
        elif kind == "separate" and self._fields:
            self._fields[-1].in_result = True
        elif kind == "end" and self._fields:
            self._end_field()

    def _instruct(self, text: str) -> None:
        if self._fields:
            self._fields[-1].instruction += text
        else:
            self._check(self._here(), text)

    def _end_field(self) -> None:
        ended = self._fields.pop()
        self._check(ended.place, ended.instruction)

    def _check(self, place: _Found, instruction: str) -> None:
        """Judge a field; one whose name another field makes cannot be judged, and is refused."""
        name = _NAME_END.split(instruction.strip(), maxsplit=1)[0].upper()
        hidden = _NESTED in name or _CODES.match(instruction)
        wrong = name.replace(_NESTED, "") in _FETCHING or hidden or self._leads_away(instruction)
        if self.scan.template:
            tagged = "{{" in instruction or "{%" in instruction
            wrong = wrong or name not in _HARMLESS or tagged
        if wrong:
            shown = instruction.replace(_NESTED, "{…}")
            self.scan.add(replace(place, code="active_field", value=shown))

    def _leads_away(self, instruction: str) -> bool:
        """Judge every address of a link; one that another field begins cannot be judged."""
        if not (link := _LINK.match(instruction)):
            return False
        for switch, quoted, curled, _, bare in _WORDS.findall(instruction, link.end()):
            # A backslash is doubled inside of a field's argument (17.16.1).
            word = (quoted or curled or bare).replace("\\\\", "\\")
            if not switch and (word.startswith(_NESTED) or not is_plain(word)):
                return True
            if switch in ("l", "L") and leads_outside(word):
                return True
        return False

    def _vml(self, name: str, attributes: dict[str, str]) -> None:
        """Judge VML (ECMA-376 part 4, 19): pictures by address, and linked objects."""
        if name == "OLEObject" and attributes.get("Type") == "Link":
            self._add("macros", f"{name} {attributes.get('ProgID', '')}")
        for key, value in attributes.items():
            local = key.rpartition(" ")[2].lower()
            picture = key != "href" and name in ("imagedata", "fill", "stroke") and local == "href"
            fetched = (picture or local in ("src", "althref")) and re.search(r"[:\\]|^//", value)
            linked = key == "href" and not is_plain(value)
            strict = self.scan.template and local in ("src", "href", "althref")
            if fetched or linked or (strict and re.search(r"[:\\{]", value)):
                self._add("remote_content", value)

    # ------------------------------------------------------------ Excel

    def _excel(self, name: str, attributes: dict[str, str]) -> None:
        if name in _FORMULAS:
            self._listen()
            self._formula_name = attributes.get("name", "")
        if name == "c":
            self._cell = attributes.get("r", "")
        elif name in ("conditionalFormatting", "dataValidation"):
            self._cell = attributes.get("sqref", "").partition(" ")[0]
        elif name == "sheet":
            ids = [value for key, value in attributes.items() if _ID in key]
            if ids:
                self.scan.sheet(self.name, ids[0], attributes.get("name", ""))
        elif name == "definedName":
            if any(attributes.get(flag) in ("1", "true") for flag in _MACRO_NAME):
                self._add("macros", attributes.get("name", ""))
        else:
            self._connect(name, attributes)

    def _connect(self, name: str, attributes: dict[str, str]) -> None:
        """Take an element of Excel that links to something."""
        if name == "ddeLink":  # starts a program (18.14.4)
            told = (attributes.get(key, "") for key in ("ddeService", "ddeTopic"))
            self._add("macros", "|".join(told))
        elif name == "oleLink" or (name == "oleObject" and attributes.get("link")):
            self._add("macros", attributes.get("link") or attributes.get("progId", ""))
        elif name == "hyperlink":
            self._locate(attributes.get("location", ""))
        elif name == "cfvo" and attributes.get("type") == "formula":
            self._formula(attributes.get("val", ""))
        elif name in _CONNECTED and _CONNECTED[name] in ("", attributes.get("type")):
            self._add("data_connection", name)
        elif name == "formControlPr":
            for key in _FORMULA_ATTRIBUTES & attributes.keys():
                self._formula(attributes[key])

    def _formula(self, formula: str) -> None:
        if reaches_out(formula, only_inside=self.scan.template):
            here = self._here()
            if self._formula_name:
                here = replace(here, text=f"名称 {self._formula_name} (name {self._formula_name})")
            self.scan.add(replace(here, code="active_formula", value=formula))

    def _svg(self, name: str, attributes: dict[str, str]) -> None:
        """Judge a drawing inside: browsers and LibreOffice fetch what it refers to."""
        if name == "script":
            self._add("macros", name)
        elif name != "a":  # which somebody must click
            self._fetch(attributes, "href", "src")

    def _fetch(self, attributes: dict[str, str], *names: str) -> None:
        for value in (_local(attributes, name) for name in names):
            if re.search(r"[:\\]|^//", value) and not value.startswith("data:"):
                self._add("remote_content", value)

    def _locate(self, *places: str) -> None:
        """Judge places in the file that a link leads to."""
        for place in places:
            if leads_outside(place):
                self._add("remote_content", place)

    # ------------------------------------------------------------ places

    def _add(self, code: str, value: str) -> None:
        self.scan.add(replace(self._here(), code=code, value=value))

    def _here(self) -> _Found:
        """Return the present place: a table's cell, a paragraph, a sheet's cell, or the part.

        Tables, rows, cells and paragraphs outside cells are counted from 1, as in Word's macros.
        """
        zh, en = part_label(self.name)
        text = ""
        if self._tables:
            table, row, column = self._tables[-1]
            text = (
                f"{zh}表 {table} 行 {row} 列 {column} ({en}table {table} row {row} cell {column})"
            )
        elif self._paragraphs:
            number = self._paragraphs[-1]
            text = f"{zh}段落 {number} ({en}paragraph {number})"
        return _Found("", self.name, self._cell, text)


def _rels_owner(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return posixpath.join(posixpath.dirname(folder), file[: -len(".rels")])


def _local(attributes: Mapping[str, str], name: str) -> str:
    """Return an attribute by its local name."""
    return next((v for key, v in attributes.items() if key.rpartition(" ")[2] == name), "")
