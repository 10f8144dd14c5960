"""Rebuild the font files beside this script from their published packages, byte for byte.

Usage: python build.py [TARGET]. It fetches two npm packages and one Debian package with the
machine's own `npm` and `apt-get`, refuses any whose SHA-256 differs, and writes the subsets,
`fonts.toml` and `LICENSE-OFL.txt`: all of them aside, then renamed, since a running renderer
has the old ones mapped and must keep them whole.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

NPM = {
    "sans": ("@expo-google-fonts/noto-sans-sc", "0.4.3", "NotoSansSC"),
    "serif": ("@expo-google-fonts/noto-serif-sc", "0.4.3", "NotoSerifSC"),
}
SYMBOLS = {
    "signs": ("@expo-google-fonts/noto-sans-symbols-2", "0.4.1", "NotoSansSymbols2"),
    "math": ("@expo-google-fonts/noto-sans-math", "0.4.2", "NotoSansMath"),
}
DEB = ("fonts-noto-cjk", "1:20220127+repack1-1")
SHA256 = {
    "noto-sans-sc": "0d69d0f4971d2ff574e3d93cbc218dc950bf3f3f8f8e2c008d97687ed53aee59",
    "noto-serif-sc": "ff6bcf5ba68d92dfecc05544bb150f9e724741a932354a0dd97e7289c40a3f5e",
    "noto-sans-symbols-2": "3bf3d6333487df36e88d146e032a9ed8246617ca2dfe1513a8a382c3fad12ac4",
    "noto-sans-math": "652041ca903e7adcc1502a0621350526463e91416757310391370ff5f8fb3ce8",
    "fonts-noto-cjk": "4a2515eb6db3978b897fef9709ed0d2b1f4c6c4df4d83d6c4ef65f71f1b1f502",
}
WEIGHTS = {"regular": ("400Regular", 400), "bold": ("700Bold", 700)}
SC_FACE = 2
SPACES = frozenset({0x20, 0xA0, 0x3000})  # a run keeps its font over a space
BUILT = 3_850_000_000  # head.modified, seconds since 1904: fixed, so that bytes are equal

# Blocks of signs that stand in documents; letters of other scripts are left out.
SIGNS = (
    (0x20, 0x17F), (0x2C6, 0x2DD), (0x370, 0x45F), (0x2000, 0x206F), (0x20A0, 0x20BF),
    (0x2100, 0x22FF), (0x2300, 0x23FF), (0x2400, 0x24FF), (0x2500, 0x27BF), (0x2900, 0x2BFF),
    (0x2E80, 0x30FF), (0x3100, 0x312F), (0x3190, 0x33FF), (0xFE10, 0xFE4F), (0xFF00, 0xFFEF),
)  # fmt: skip
# Further blocks, rarer ones, of the same fonts.
MORE = (
    (0x180, 0x2AF), (0x1E00, 0x1EFF), (0x2070, 0x209F), (0xFB00, 0xFB06), (0xFE50, 0xFE6F),
    (0x1F100, 0x1F1E5), (0x1F200, 0x1F2FF),
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """One subset: where it comes from and what it holds."""

    family: str
    weight: str
    part: str
    source: Path
    face: int
    characters: frozenset[int]

    @property
    def file(self) -> str:
        """Its file name."""
        suffix = "otf" if self.part == "rare" else "ttf"
        return f"docgen-{self.family}-{self.weight}-{self.part}.{suffix}"


def main() -> None:
    """Fetch, subset, write, put in place."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory(prefix=".new-", dir=target) as new,
    ):
        make(Path(folder), Path(new))
        for path in sorted(Path(new).iterdir()):
            path.replace(target / path.name)


def make(work: Path, target: Path) -> None:
    """Make every file in `target`, an empty folder."""
    sources = fetch(work)
    entries = [write(piece, sources, target) for piece in pieces(sources)]
    licences = {path.read_text("utf-8") for path in sources["licence"]}  # type: ignore[union-attr]
    (target / "LICENSE-OFL.txt").write_text("\n\n".join(sorted(licences)), "utf-8")
    (target / "fonts.toml").write_text(manifest(entries), "utf-8")


def fetch(work: Path) -> dict[object, object]:
    """Source files by (family, weight), `cjk` folder and licences."""
    found: dict[object, object] = {"licence": []}
    for family, (package, version, stem) in (NPM | SYMBOLS).items():
        run(work, "npm", "pack", "--silent", f"{package}@{version}")
        archive = next(work.glob(f"*{package.rsplit('/')[-1]}-{version}.tgz"))
        check(archive, package.rsplit("/")[-1])
        with tarfile.open(archive) as packed:
            packed.extractall(work / family, filter="data")
        for weight, (name, _) in WEIGHTS.items():
            face = name if family in NPM else WEIGHTS["regular"][0]
            found[family, weight] = next((work / family).rglob(f"{stem}_{face}.ttf"))
        found["licence"] += sorted((work / family).rglob("LICENSE_FONT"))[:1]  # type: ignore[operator]
    run(work, "apt-get", "download", f"{DEB[0]}={DEB[1]}")
    archive = next(work.glob(f"{DEB[0]}_*.deb"))
    check(archive, DEB[0])
    run(work, "dpkg-deb", "-x", str(archive), "cjk")
    found["cjk"] = work / "cjk"
    return found


def run(work: Path, *command: str) -> None:
    """Run a package tool in the work folder."""
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  (fixed commands)


def check(path: Path, name: str) -> None:
    """Refuse a source that is not the one these files were made from."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise SystemExit(f"{name}: SHA-256 differs from the recorded one")


def cjk(sources: dict[object, object], family: str, weight: str) -> Path:
    """Find the Debian collection of a family and weight."""
    name = f"Noto{family.title()}CJK-{weight.title()}.ttc"
    return next(Path(str(sources["cjk"])).rglob(name))


def pieces(sources: dict[object, object]) -> Iterator[Piece]:
    """List the subsets of both families: the same characters in every face."""
    main_sets, rare_sets = [], []
    for family in NPM:
        for weight in WEIGHTS:
            main_sets.append(characters(Path(str(sources[family, weight])), 0))
            rare_sets.append(characters(cjk(sources, family, weight), SC_FACE))
    main_set = frozenset.intersection(*main_sets)
    rare = frozenset(
        c for c in frozenset.intersection(*rare_sets) - main_set if c > 0x1FFFF or sign(c)
    )
    common = frozenset(c for c in main_set if sign(c)) | (frozenset(gb2312()) & main_set)
    hanzi = frozenset(c for c in main_set if ideograph(c)) - common
    parts = {"latin": frozenset(c for c in main_set - common - hanzi if sign(c, MORE))}
    known = main_set | rare
    for part in SYMBOLS:
        found = characters(Path(str(sources[part, "regular"])), 0) - known
        parts[part] = frozenset(c for c in found if sign(c, SIGNS + MORE))
        known |= parts[part]
    for family in NPM:
        for weight in WEIGHTS:
            own = Path(str(sources[family, weight]))
            yield Piece(family, weight, "common", own, -1, common)
            yield Piece(family, weight, "gbk", own, -1, hanzi | SPACES)
            rare_source = cjk(sources, family, weight)
            yield Piece(family, weight, "rare", rare_source, SC_FACE, rare | SPACES)
            for part, held in parts.items():
                source = Path(str(sources.get((part, weight), own)))
                yield Piece(family, weight, part, source, -1, held | SPACES)


def characters(path: Path, face: int) -> frozenset[int]:
    """Read the characters of a face."""
    with TTFont(path, fontNumber=face, lazy=True) as font:
        return frozenset(font.getBestCmap())


def sign(character: int, blocks: tuple[tuple[int, int], ...] = SIGNS) -> bool:
    """Whether it belongs to the blocks of signs."""
    return any(first <= character <= last for first, last in blocks)


def ideograph(character: int) -> bool:
    """Whether it is a Chinese character."""
    return 0x3400 <= character <= 0x9FFF or 0xF900 <= character <= 0xFAFF or character > 0x1FFFF


def gb2312() -> Iterator[int]:
    """Every character of GB 2312."""
    for row in range(0xA1, 0xF8):
        for column in range(0xA1, 0xFF):
            try:
                yield ord(bytes((row, column)).decode("gb2312"))
            except UnicodeDecodeError:
                continue


def write(piece: Piece, sources: dict[object, object], target: Path) -> dict[str, object]:
    """Write a subset; its entry of the manifest."""
    font = TTFont(piece.source, fontNumber=piece.face, recalcTimestamp=False)
    options = Options(
        hinting=False,
        layout_features=["ccmp", "mark", "mkmk"],
        notdef_outline=True,
        name_IDs=[0, 13, 14],
        drop_tables=["DSIG", "BASE", "VORG", "vhea", "vmtx", "STAT"],
        recalc_timestamp=False,
        glyph_names=False,
    )
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=piece.characters)
    subsetter.subset(font)
    for table in font["cmap"].tables:  # a glyph of two characters brings the other along
        table.cmap = {c: name for c, name in table.cmap.items() if c in piece.characters}
    font["OS/2"].usWeightClass = WEIGHTS[piece.weight][1]
    if piece.part in ("rare", *SYMBOLS):
        metrics_of(TTFont(str(sources[piece.family, piece.weight]), lazy=True), font)
    rename(font, piece)
    font["head"].created = font["head"].modified = BUILT
    font.save(target / piece.file, reorderTables=True)
    data = (target / piece.file).read_bytes()
    return {
        "family": piece.family,
        "weight": WEIGHTS[piece.weight][1],
        "file": piece.file,
        "part": piece.part,
        "sha256": hashlib.sha256(data).hexdigest(),
        "characters": ranges(font.getBestCmap()),
    }


def metrics_of(model: TTFont, font: TTFont) -> None:
    """Give a face the line metrics of its family: a rare character keeps the line height."""
    for table, names in (
        ("hhea", ("ascent", "descent", "lineGap")),
        (
            "OS/2",
            ("sTypoAscender", "sTypoDescender", "sTypoLineGap", "usWinAscent", "usWinDescent"),
        ),
    ):
        for name in names:
            setattr(font[table], name, getattr(model[table], name))


def rename(font: TTFont, piece: Piece) -> None:
    """Give a name of its own, as the Open Font License asks of changed fonts."""
    family = f"Docgen {piece.family.title()} SC"
    style = piece.weight.title()
    unique = f"Docgen{piece.family.title()}SC-{style}-{piece.part.title()}"
    for name_id, text in (
        (1, family),
        (2, style),
        (3, unique),
        (4, f"{family} {style}"),
        (6, unique),
    ):
        font["name"].setName(text, name_id, 3, 1, 0x409)
    if "CFF " in font:
        font["CFF "].cff.fontNames[0] = unique


def ranges(found: Iterable[int]) -> str:
    """Characters as a compact CSS unicode-range."""
    parts: list[str] = []
    start = last = None
    for character in [*sorted(found), None]:
        if last is not None and character == last + 1:
            last = character
            continue
        if start is not None:
            parts.append(f"U+{start:X}" if start == last else f"U+{start:X}-{last:X}")
        start = last = character
    return ",".join(parts)


def manifest(entries: list[dict[str, object]]) -> str:
    """`fonts.toml`."""
    lines = [
        "# Made by build.py: what each part holds (as unicode-range), and every file's hash.",
        "",
    ]
    parts = {str(entry["part"]): str(entry.pop("characters")) for entry in entries}
    lines += ["[unicode_range]", *(f'{part} = "{text}"' for part, text in parts.items()), ""]
    for entry in entries:
        lines.append("[[fonts]]")
        lines += [f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in entry.items()]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
