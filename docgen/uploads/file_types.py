"""Detect the kind of a file by its bytes, whatever name or content type the client gave it.

Defines the kinds, their extensions and their content types; refuses nothing itself.
"""

from __future__ import annotations

import codecs
import re

HEAD_BYTES = 4096  # that `sniff` needs: beyond any XML declaration and comment before a page
_STEP_BYTES = 2**20

EXTENSIONS = {
    "pdf": frozenset({"pdf"}),
    "png": frozenset({"png"}),
    "jpeg": frozenset({"jpg", "jpeg"}),
    "tiff": frozenset({"tif", "tiff"}),
    "docx": frozenset({"docx"}),
    "xlsx": frozenset({"xlsx"}),
    "zip": frozenset({"zip"}),
    "text": frozenset({"txt", "log", "csv", "json", "sql"}),
}
BINARY_EXTENSIONS = frozenset().union(*(EXTENSIONS[kind] for kind in EXTENSIONS if kind != "text"))
CALCULATED = frozenset({"csv", "tsv", "xls", "et"})  # text that Excel or WPS opens as a table
# Text of such a name is another format in disguise (MHT, RTF, XML); Office opens it all the same.
OFFICE_EXTENSIONS = frozenset(("doc", "dot", "wps", "rtf", "ppt", "pps", "xlt", "xlw", "xlsb"))
SCANS = frozenset({"pdf", "png", "jpeg", "tiff"})
IMAGES = SCANS - {"pdf"}
FORBIDDEN = frozenset({"program", "script", "markup"})
CONTENT_TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "tiff": "image/tiff",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
TEXT_TYPES = {"csv": "text/csv", "json": "application/json"}
# Extensions that a double click or a browser runs; refused inside archives and PDF files.
_RUNNABLE = (
    "app appref-ms bat bash chm cmd com command cpl desktop dll dmg docm dotm exe gadget hta htm "
    "html inf iso jar js jse lnk mht mhtml mjs msc msi msix msp php phar pif potm ppam pptm ps1 "
    "psd1 psm1 py pyw reg scf scr sct sh so svg svgz swf url vb vbe vbs vhd vhdx wsf wsh xht "
    "xhtml xla xlam xlsm xltm xll "
    # queries and links that Office or Windows follows at once
    "dqy iqy odc oqy rqy udl slk dif rdp library-ms search-ms searchconnector-ms settingcontent-ms "
    "website theme themepack jnlp xbap application diagcab wll pyz"
)
RUNNABLE = frozenset(_RUNNABLE.split())

# First bytes: ISO 32000-1 7.5.2, RFC 2083 3.1, JPEG SOI, TIFF 6.0, APPNOTE 4.3, [MS-CFB] 2.2,
# ELF, Java and Mach-O, a Windows shortcut ([MS-SHLLINK] 2.1), WebAssembly.
_MAGIC = (
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x7fELF", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\xfe\xed\xfa\xce", "program"),
    (b"\xfe\xed\xfa\xcf", "program"),
    (b"\xce\xfa\xed\xfe", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"L\0\0\0\1\x14\x02\0", "program"),  # a Windows shortcut
    (b"\0asm", "program"),
    (b"{\\rtf", "markup"),  # with objects and fields, whatever its name
)
_CONTROLS = re.compile(r"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")  # bell to CR and ESC occur in logs
_SCRIPT = re.compile(r"#!|<\?php\b|<%", re.IGNORECASE)
_MARKUP = re.compile(
    r"<!--|<(?:!doctype|html|head|body|script|iframe|svg|style|title|meta|link|base|object|embed|form"
    r"|table|div|img|a|p|h1|font|br|b)(?=[\s/>])",
    re.IGNORECASE,
)
_BEFORE_MARKUP = re.compile(r"\s*(?:<\?xml.*?\?>\s*)?", re.DOTALL)
_XML = re.compile(r"\s*<\?xml\b", re.IGNORECASE)
_BROWSED = re.compile(r"<(?:\w+:)?(?:svg|html|script)\b|<!doctype|<\?xml-stylesheet", re.IGNORECASE)
_PDF_LINE = re.compile(rb"^%PDF-\d", re.MULTILINE)
_MARKUP_BYTES = re.compile(
    rb"<(?:html|script|svg|iframe|body|!doctype html|\?php)\b", re.IGNORECASE
)
_EOCD, _CENTRAL = b"PK\5\6", b"PK\1\2"
_EOCD_REACH = 22 + 2**16  # the end record and the longest comment behind it (APPNOTE 4.3.16)


def sniff(head: bytes) -> str:
    """Return the kind of a file by its first HEAD_BYTES.

    A key of EXTENSIONS, or `ole`, `program`, `script`, `markup`, `unknown`; every archive and
    office package is a `zip`.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    encoding = text_encoding(head, whole=False)
    if encoding:
        return _kind_of_text(head.decode(encoding, "ignore"))
    return "program" if head[:2] == b"MZ" else "unknown"  # after text, which may begin with MZ


def text_encoding(data: bytes, *, whole: bool = True) -> str:
    """Return the encoding in which `data` is text without control characters; empty for none.

    UTF-8, GB18030, or UTF-16 with a byte order mark; without `whole` the last character may be
    cut.
    """
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        candidates = ["utf-16"]
    elif data.startswith(codecs.BOM_UTF8):
        candidates = ["utf-8-sig"]
    else:
        candidates = ["utf-8", "gb18030"]
    return next((name for name in candidates if _is_text(data, name, whole)), "")


def is_two_things(kind: str, data: bytes) -> bool:
    """Return whether less strict readers take a file of `kind` for a zip, a PDF or a page too.

    They look for a zip's end record anywhere in its last 64 KB, and for %PDF- in the first 1,024
    bytes (ISO 32000-1, annex H).
    """
    if kind == "zip":
        return False
    if data.rfind(_EOCD, -min(len(data), _EOCD_REACH)) >= 0 and _CENTRAL in data:
        return True
    if kind != "pdf" and _PDF_LINE.search(data[:1024]):
        return True
    ends = data[:1024] + b"\n" + data[-HEAD_BYTES:]
    return kind in IMAGES and bool(_MARKUP_BYTES.search(ends) or b"%PDF-" in ends)


def _is_text(data: bytes, encoding: str, whole: bool) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), _STEP_BYTES):
            if _CONTROLS.search(decoder.decode(data[start : start + _STEP_BYTES])):
                return False
        decoder.decode(b"", final=whole)
    except UnicodeError:
        return False
    return True


def _kind_of_text(text: str) -> str:
    if _SCRIPT.match(text.lstrip()):
        return "script"
    if _MARKUP.match(_BEFORE_MARKUP.sub("", text, count=1)):
        return "markup"
    return "markup" if _XML.match(text) and _BROWSED.search(text) else "text"
