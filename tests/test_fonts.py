"""The fonts: what they cover, that the manifest is true, and what WeasyPrint makes of them."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pikepdf
import pytest
from fontTools.ttLib import TTFont
from lxml import etree

from docgen.renderers.fonts import FontFile, Fonts, fontconfig_file
from docgen.templates.theme import default_folder

FOLDER = default_folder() / "fonts"
FONTS = Fonts.load(FOLDER)
NAMES = [font.file for font in FONTS.files]
MOST_BYTES = 60_000_000
SPACES = {0x20, 0xA0, 0x3000}  # in every part: a run keeps its font over a space
# The part of 通用规范汉字表 (2013) that GBK cannot write: 276 of its 8,105 characters.
BEYOND_GBK = (
    "㑇㑊㕮㘎㙍㙘㙦㛃㛚㛹㟃㠇㠓㤘㥄㧐㧑㧟㫰㬊㬎㬚㭎㭕㮾㰀㳇㳘㳚㴔㵐㶲㸆㸌㺄㻬㽏㿠䁖䂮䃅䃎䅟䌹"
    "䎃䎖䏝䏡䏲䐃䓖䓛䓨䓫䓬䗖䗛䗪䗴䜣䝙䢺䢼䣘䥽䦃䲟䲠䲢䴓䴔䴕䴖䴗䴘䴙䶮鿍鿎鿏𠅤𠙶𠳐𡎚𡐓𣗋𣲗𣲘"
    "𣸣𤧛𤩽𤫉𥔲𥕢𥖨𥻗𦈡𦒍𦙶𦝼𦭜𦰡𧿹𨐈𨙸𨚕𨟠𨭉𨱇𨱏𨱑𨱔𨺙𩽾𩾃𩾌𪟝𪣻𪤗𪨰𪨶𪩘𪾢𫄧𫄨𫄷𫄸𫇭𫌀𫍣𫍯𫍲"
    "𫍽𫐄𫐐𫐓𫑡𫓧𫓯𫓶𫓹𫔍𫔎𫔶𫖮𫖯𫖳𫗧𫗴𫘜𫘝𫘦𫘧𫘨𫘪𫘬𫚕𫚖𫚭𫛭𫞩𫟅𫟦𫟹𫟼𫠆𫠊𫠜𫢸𫫇𫭟𫭢𫭼𫮃𫰛𫵷"
    "𫶇𫷷𫸩𬀩𬀪𬂩𬃊𬇕𬇙𬇹𬉼𬊈𬊤𬌗𬍛𬍡𬍤𬒈𬒔𬒗𬕂𬘓𬘘𬘡𬘩𬘫𬘬𬘭𬘯𬙂𬙊𬙋𬜬𬜯𬞟𬟁𬟽𬣙𬣞𬣡𬣳𬤇𬤊𬤝"
    "𬨂𬨎𬩽𬪩𬬩𬬭𬬮𬬱𬬸𬬹𬬻𬬿𬭁𬭊𬭎𬭚𬭛𬭤𬭩𬭬𬭯𬭳𬭶𬭸𬭼𬮱𬮿𬯀𬯎𬱖𬱟𬳵𬳶𬳽𬳿𬴂𬴃𬴊𬶋𬶍𬶏𬶐𬶟𬶠"
    "𬶨𬶭𬶮𬷕𬸘𬸚𬸣𬸦𬸪𬹼𬺈𬺓"
)
# Signs of GBK that are not there: ≒ is in no source.
RARE_NAMES = "𠮷 田䶮 㼆 𠮷 ☑ ≒ ƒ"  # parts: rare, common, gbk, signs, math, latin

PRINT = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from docgen.renderers.isolation import private_fontconfig
private_fontconfig(Path(sys.argv[1]), Path(sys.argv[2]))
from docgen.renderers.pdf.parts import About
from docgen.renderers.pdf.pdf import render_pdf
about = About("t", "a", "zh-CN", datetime(2026, 1, 2, tzinfo=UTC))
made = render_pdf(sys.stdin.buffer.read().decode(), about, assets={})
sys.stderr.writelines(made.warnings)
sys.stdout.buffer.write(made.data)
"""


def ranges(text: str) -> set[int]:
    bounds = re.findall(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?", text)
    return {c for first, last in bounds for c in range(int(first, 16), int(last or first, 16) + 1)}


PARTS = {part: ranges(text) for part, text in FONTS.ranges}


@contextmanager
def opened(font: FontFile) -> Iterator[TTFont]:
    with TTFont(FOLDER / font.file, lazy=True) as face:
        yield face


def decoded(codec: str) -> str:
    """Return every character that a codec writes with two bytes."""
    found = ""
    for row in range(0x81, 0xFF):
        for column in range(0x40, 0xFF):
            with suppress(UnicodeDecodeError):
                found += bytes((row, column)).decode(codec)
    return found


def printed(html: str, cache: Path, **environment: str) -> bytes:
    """Print `html` in a process of its own, which must say nothing."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT, str(FOLDER), str(cache)],
        input=html.encode(),
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[1],
        env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1", **environment},
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout


def embedded(pdf: bytes) -> dict[str, dict[int, str]]:
    """Each embedded font's name without its tag: glyph to character, by its ToUnicode."""
    found = {}
    with pikepdf.open(io.BytesIO(pdf)) as file:
        for item in file.objects:
            if isinstance(item, pikepdf.Dictionary) and item.get("/Subtype") == "/Type0":
                cmap = item.ToUnicode.read_bytes().decode("ascii").partition("beginbfchar")[2]
                found[str(item.BaseFont).partition("+")[2]] = {
                    int(glyph, 16): bytes.fromhex(text).decode("utf-16-be")
                    for glyph, text in re.findall(r"<(\w+)> *<(\w+)>", cmap)
                }
    return found


@pytest.mark.parametrize("font", FONTS.files, ids=NAMES)
def test_the_manifest_tells_each_file_as_it_is(font: FontFile) -> None:
    data = (FOLDER / font.file).read_bytes()
    assert hashlib.sha256(data).hexdigest() == font.sha256
    with opened(font) as face:
        assert set(face.getBestCmap()) == PARTS[font.part]
        assert face["OS/2"].usWeightClass == font.weight
        assert face["name"].getDebugName(1) == f"Docgen {font.family.title()} SC"


def test_every_font_file_is_listed_and_together_they_stay_small() -> None:
    lying = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".ttf", ".otf"})
    assert lying == sorted(NAMES)
    assert sum((FOLDER / name).stat().st_size for name in NAMES) <= MOST_BYTES


def test_every_face_has_every_part() -> None:
    faces = {(font.family, font.weight, font.part) for font in FONTS.files}
    assert faces == {(f, w, p) for f in ("serif", "sans") for w in (400, 700) for p in PARTS}
    assert len(FONTS.files) == len(faces)


def test_parts_share_spaces_only() -> None:
    parts = list(PARTS.values())
    for number, part in enumerate(parts):
        for other in parts[number + 1 :]:
            assert part & other <= SPACES


def test_each_file_has_a_postscript_name_of_its_own() -> None:
    names = set()
    for font in FONTS.files:
        with opened(font) as face:
            names.add(face["name"].getDebugName(6))
    assert len(names) == len(FONTS.files)


def line_metrics(font: FontFile) -> list[int]:
    with opened(font) as face:
        table, os2 = face["hhea"], face["OS/2"]
        lines = [table.ascent, table.descent, table.lineGap, face["head"].unitsPerEm]
        typographic = [os2.sTypoAscender, os2.sTypoDescender, os2.sTypoLineGap]
        return [*lines, *typographic, os2.usWinAscent, os2.usWinDescent]


@pytest.mark.parametrize("family", ["serif", "sans"])
def test_a_rare_character_does_not_change_the_line_height(family: str) -> None:
    first, *others = [line_metrics(font) for font in FONTS.files if font.family == family]
    assert all(other == first for other in others)


def test_gb2312_and_the_hanzi_of_gbk_are_covered() -> None:
    assert FONTS.missing(decoded("gb2312")) == []
    assert FONTS.missing(decoded("gbk")) == []


def test_the_standard_list_of_characters_is_covered() -> None:
    assert len(set(BEYOND_GBK)) == 276
    assert FONTS.missing(BEYOND_GBK) == []


def test_signs_of_documents_and_rare_names_are_covered() -> None:
    assert FONTS.missing("□■●○◆◇★☆✓×√±≤≥≠≈→←↑↓①⑳❶Ⅰⅻ℃‰№㎡┌─┐│├┼█·…—“”《》【】￥€§αΩЯé") == []
    assert FONTS.missing(RARE_NAMES) == []


def test_missing_characters_come_once_and_in_order() -> None:
    assert FONTS.missing("好😀好한😀\U000e0100") == ["😀", "한", "\U000e0100"]


def test_characters_without_ink_need_no_glyph() -> None:
    assert FONTS.missing("a\n\tb\u200b\ufeff\u00ad\u2060") == []


def test_the_fontconfig_file_is_xml_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "A&B <fonts>"
    folder.mkdir()
    (folder / "fonts.toml").write_bytes((FOLDER / "fonts.toml").read_bytes())
    root = etree.fromstring(fontconfig_file(folder, tmp_path / "cache").encode())
    assert [element.text for element in root.findall("dir")] == [str(folder)]


def test_a_changed_manifest_gets_a_cache_of_its_own(tmp_path: Path) -> None:
    for name, more in (("a", b""), ("b", b"# changed")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fonts.toml").write_bytes((FOLDER / "fonts.toml").read_bytes() + more)
    caches = {
        re.findall("<cachedir>(.*)</cachedir>", fontconfig_file(tmp_path / name, tmp_path))[0]
        for name in "ab"
    }
    assert len(caches) == 2


def glyphs(font: FontFile, characters: Iterable[str]) -> dict[int, str]:
    with opened(font) as face:
        cmap = face.getBestCmap()
        return {face.getGlyphID(cmap[ord(c)]): c for c in characters}


@pytest.mark.parametrize("family", ["serif", "sans"])
@pytest.mark.parametrize("weight", [400, 700])
def test_each_character_is_printed_with_its_own_glyph(
    family: str, weight: int, tmp_path: Path
) -> None:
    css = f"font-family: 'Docgen {family.title()} SC'; font-weight: {weight}"
    found = embedded(printed(f'<body style="{css}">{RARE_NAMES}</body>', tmp_path))
    assert len(found) == len(PARTS)
    drawn: set[str] = set()
    for font in FONTS.files:
        if (font.family, font.weight) == (family, weight):
            bold = "-Bold" if weight == 700 else ""
            printed_with = found[f"Docgen-{family.title()}-SC-{font.part.title()}{bold}"]
            assert glyphs(font, printed_with.values()) == printed_with
            drawn.update(printed_with.values())
    assert drawn == set(RARE_NAMES)


def test_fonts_of_the_host_play_no_part(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".fonts").mkdir(parents=True)
    with opened(FONTS.files[0]) as face:
        face["name"].setName("Host Sans", 1, 3, 1, 0x409)
        face.save(home / ".fonts" / "host.ttf")
    css = "font-family: 'Host Sans', 'DejaVu Sans', 'Noto Sans CJK SC'"
    html = f'<body style="{css}">中文 Abc</body>'
    without = printed(html, tmp_path / "one", HOME=str(tmp_path))
    assert printed(html, tmp_path / "two", HOME=str(home)) == without
    assert all(name.startswith("Docgen-") for name in embedded(without))
