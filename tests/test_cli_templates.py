"""`docgen template lint | scaffold | list`: what is wrong with a template, and where."""

from __future__ import annotations

import io
import json
import shutil
import tomllib
from pathlib import Path

import docx
import openpyxl
import pytest

from docgen.authoring.lint import LintFinding, lint
from docgen.templates.catalog import FORMATS, Template
from docgen.templates.theme import Theme, default_folder, load_theme
from schemas.catalog import record_types
from tests.commands import TEMPLATES, XJ, as_json, changed, codes, docgen, rendered
from tests.readers import docx_text
from tests.word_templates import table_template, template

CODES = list(record_types())


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


def linted(format_name: str, data: bytes, theme: Theme, code: str = "XJ") -> list[LintFinding]:
    """Errors only: a template of a line or two shows few fields."""
    path = Path(FORMATS[format_name].file)
    found = lint(Template(code, format_name, path, "1", data), theme)
    return [finding for finding in found if finding.level == "error"]


def page(*lines: str) -> bytes:
    return "\n".join(lines).encode()


def workbook(**cells: str) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "参数"
    for place, text in cells.items():
        sheet[place] = text
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# ---------------------------------------------------------------- unknown names


def test_a_name_in_a_table_cell_of_word(theme: Theme) -> None:
    data = table_template(
        ["a", "b"],
        ["{%tr for row in params %}", ""],
        ["{{ row.name }}", "{{ row.curent_value }}"],
        ["{%tr endfor %}", ""],
    )
    (finding,) = linted("docx", data, theme)
    assert finding.code == "unknown_name"
    assert finding.message("en") == "There is no params.curent_value; did you mean current_value?"
    assert "是否想写 current_value？" in finding.message("zh")
    assert finding.place.startswith("XJ/document.docx")
    assert finding.place == "XJ/document.docx 表 1 行 3 列 2 (table 1 row 3 cell 2)"


def test_a_name_in_a_paragraph_header_and_footnote_of_word(theme: Theme) -> None:
    def edit(made: docx.document.Document) -> None:
        made.sections[0].header.paragraphs[0].text = "{{ doc_nr }}"

    data = template("fine", "{{ sumary }}", edit=edit)
    found = linted("docx", data, theme)
    assert {finding.message("en") for finding in found} == {
        "There is no sumary; did you mean summary?",
        "There is no doc_nr; did you mean doc_no?",
    }
    places = {finding.message("en").split(" ")[3].strip(";"): finding.place for finding in found}
    assert "paragraph 2" in places["sumary"]
    assert "header" in places["doc_nr"]


def test_a_name_in_a_cell_of_excel(theme: Theme) -> None:
    data = workbook(
        A1="{{ doc_no }}",
        A3="{%tr for row in data_files %}",
        A4="{{ row.name }}",
        C4="{{ row.size_bg }}",
        A5="{%tr endfor %}",
    )
    (finding,) = linted("xlsx", data, theme)
    assert finding.message("en") == "There is no data_files.size_bg; did you mean size_gb?"
    assert finding.place.startswith("XJ/workbook.xlsx")
    assert "参数" in finding.place
    assert "C4" in finding.place


def test_a_name_in_a_line_of_a_page(theme: Theme) -> None:
    (finding,) = linted("pdf", page("<p>", "{{ summary }}", "{{ doc.titel }}"), theme)
    assert finding.message("en") == "There is no titel; did you mean title?"
    assert finding.place == "XJ/page.html 第 3 行 (line 3)"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{{ overal }}", "overall"),
        ("{% macro m(a=sumary) %}{{ a }}{% endmacro %}", "summary"),
        ("{{ label.params.nam }}", "name"),
        ("{{ label['params']['nam'] }}", "name"),
        ("{{ section.parms }}", "params"),
        ("{{ theme.acent }}", "accent"),
        ("{{ t.nonee }}", "none"),
        ("{% for r in data_file %}{{ r.name }}{% endfor %}", "data_files"),
        ("{% for b in signoff_blocks %}{{ b.nam }}{% endfor %}", "name"),
        ("{% for r in params %}{{ loop.index }}{{ r.nam }}{% endfor %}", "name"),
        ("{% for r in params if r.nam %}x{% endfor %}", "name"),
        ("{% if sumary %}x{% endif %}", "summary"),
        ("{% set x = params[0] %}{{ x.nam }}", "name"),
        ("{{ widths(parms, ['name']) }}", "params"),
        ("{{ params[0].nam }}", "name"),
        ("{% macro m(a) %}{{ a.x }}{{ sumary }}{% endmacro %}{{ m(summary) }}", "summary"),
        ("{% with x = sumary %}{{ x }}{% endwith %}", "summary"),
        ("{{ summary if sumary else 1 }}", "summary"),
        ("{{ [summary, sumary]|length }}", "summary"),
        ("{{ params.empti }}", "empty"),
    ],
)
def test_wherever_a_name_stands(theme: Theme, source: str, says: str) -> None:
    found = linted("pdf", page(source), theme)
    assert codes([finding.as_json() for finding in found]) == ["unknown_name"], found
    assert f"did you mean {says}" in found[0].message("en")


@pytest.mark.parametrize(
    "source",
    [
        "{% for r in params %}{{ loop.index }} {{ r.name }} {{ r.name.code }}{% endfor %}",
        "{{ params.empty }}{% if not params %}x{% else %}y{% endif %}",
        "{% set x = 5 %}{{ x }}{% for i in range(3) %}{{ i }}{% endfor %}",
        "{{ numeral(1, lang=doc.lang) }}{{ tone_fill(overall) }}",
        "{% macro m(a, b=1) %}{{ a.anything }}{{ b }}{% endmacro %}{{ m(1) }}",
        "{% for a, b in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}",
        "{% for r in params recursive %}{{ r.name }}{% endfor %}",
        "{% with a = params[0], b = a %}{{ b.name }}{% endwith %}",
        "{% block x %}{{ super() }}{{ self.x() }}{% endblock %}",
        "{% macro m() %}{{ caller() }}{{ varargs }}{{ kwargs }}{% endmacro %}",
        "{% macro m() %}{% endmacro %}{% call(r) m() %}{{ r.any }}{% endcall %}",
        "{% raw %}{{ nonsense }}{% endraw %}{# {{ nonsense }} #}",
    ],
)
def test_what_is_right_is_left_alone(theme: Theme, source: str) -> None:
    assert linted("pdf", page(source), theme) == []


# ---------------------------------------------------------------- broken tags


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["x", "{{ summary"], 2),
        (["{% for r in params %}", "x"], 1),
        (["x", "y", "{% endfor %}"], 3),
        (["{% if %}"], 1),
        (["x", "{% nonsense %}"], 2),
        (["{{ summary | nonsense }}"], 1),
        (["{{ a b }}"], 1),
    ],
)
def test_a_broken_tag_names_its_line(theme: Theme, lines: list[str], line: int) -> None:
    (finding,) = linted("pdf", page(*lines), theme)
    assert finding.code in ("broken_tag", "template_error")
    assert f"第 {line} 行" in finding.place


def test_a_broken_tag_names_its_cell(theme: Theme) -> None:
    (finding,) = linted("xlsx", workbook(A1="x", B2="{{ summary"), theme)
    assert "B2" in finding.place
    (finding,) = linted("docx", table_template(["x", "{% if %}"]), theme)
    assert finding.code == "broken_tag"
    assert "表 1" in finding.place


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xff\xfe\x00"])
@pytest.mark.parametrize("format_name", ["docx", "xlsx"])
def test_a_file_of_another_kind_is_one_finding(theme: Theme, format_name: str, data: bytes) -> None:
    assert len(linted(format_name, data, theme)) == 1


def test_a_page_in_another_encoding_is_one_finding(theme: Theme) -> None:
    found = linted("pdf", "中文".encode("gbk"), theme)
    assert codes([finding.as_json() for finding in found]) == ["template_not_utf8"]


# ---------------------------------------------------------------- fields never shown


def test_fields_that_are_never_shown_are_named(theme: Theme) -> None:
    path = Path("page.html")
    found = lint(Template("XJ", "pdf", path, "1", page("{{ summary }}")), theme)
    assert set(codes([finding.as_json() for finding in found])) == {"field_not_shown"}
    assert {finding.level for finding in found} == {"warning"}
    texts = " ".join(finding.message("en") for finding in found)
    assert "data_files.used_gb" in texts
    assert "never shows summary" not in texts
    assert any(finding.message("zh").endswith("（授权编号）") for finding in found)


def test_a_field_shown_by_a_loop_or_a_name_counts(theme: Theme) -> None:
    source = "{% for r in data_files %}{{ r['used_gb'] }}{% endfor %}{{ signoff_blocks[0].name }}"
    found = lint(Template("XJ", "pdf", Path("page.html"), "1", page(source)), theme)
    shown = " ".join(finding.message("en") for finding in found)
    assert "never shows data_files.used_gb" not in shown
    assert "never shows signoffs.name" not in shown
    assert "never shows data_files.size_gb" in shown


# ---------------------------------------------------------------- pages of the theme


@pytest.fixture
def own_theme(tmp_path: Path) -> Path:
    """A theme with a page of its own."""
    folder = tmp_path / "theme"
    folder.mkdir()
    for name in ("theme.toml", "logo.png"):
        shutil.copy(default_folder() / name, folder / name)
    (folder / "extra.html").write_text("<p>\n{{ sumary }}\n</p>", "utf-8")
    return folder


@pytest.mark.parametrize("tag", ["{% include 'extra.html' %}", "{% extends 'extra.html' %}"])
def test_a_page_of_the_theme_is_walked(own_theme: Path, tag: str) -> None:
    (finding,) = linted("pdf", page("x", tag), load_theme(own_theme))
    assert finding.place == "extra.html 第 2 行 (line 2)"
    assert "did you mean summary" in finding.message("en")


def test_a_page_that_is_missing_is_an_unknown_name(theme: Theme) -> None:
    found = linted("pdf", page("{% include 'bsae.html' %}"), theme)
    assert "did you mean base.html" in found[0].message("en")
    assert codes([finding.as_json() for finding in found])[0] == "unknown_name"


def test_a_broken_page_of_the_theme_names_its_line(own_theme: Path) -> None:
    (own_theme / "extra.html").write_text("x\n{% if %}", "utf-8")
    (finding,) = linted("pdf", page("{% include 'extra.html' %}"), load_theme(own_theme))
    assert (finding.code, finding.place) == ("broken_tag", "extra.html 第 2 行 (line 2)")


def test_a_page_that_includes_itself_ends(own_theme: Path) -> None:
    (own_theme / "extra.html").write_text("{% include 'extra.html' %}{{ sumary }}", "utf-8")
    (finding,) = linted("pdf", page("{% include 'extra.html' %}"), load_theme(own_theme))
    assert finding.code == "unknown_name"


# ---------------------------------------------------------------- the command


def own_template(folder: Path, code: str, name: str, data: bytes) -> None:
    (folder / code).mkdir(parents=True, exist_ok=True)
    (folder / code / "manifest.toml").write_text(f'record = "{code}"\nversion = "1"\n', "utf-8")
    (folder / code / name).write_bytes(data)


def test_lint_tells_all_templates_of_a_folder(tmp_path: Path) -> None:
    own_template(tmp_path, "XJ", "page.html", b"{{ sumary }}")
    own_template(tmp_path, "ZX", "page.html", b"{{ 10**(10**9) }}")
    own_template(tmp_path, "QX", "document.docx", b"no docx")
    report = as_json("template", "lint", "--templates", tmp_path, code=1, DOCGEN_CPU_S=2)
    assert [Path(path).parent.name for path in report["checked"]] == ["QX", "XJ", "ZX"]
    errors = [item for item in report["findings"] if item["level"] == "error"]
    assert {(item["place"].partition("/")[0], item["code"]) for item in errors} == {
        ("XJ", "unknown_name"),
        ("ZX", "render_timeout"),
        ("QX", "zip_broken"),
    }
    for item in report["findings"]:
        assert set(item["message"]) == {"zh", "en"}


def test_lint_is_strict_when_asked(tmp_path: Path) -> None:
    own_template(tmp_path, "XJ", "document.docx", template("{{ summary }}"))
    run = docgen("template", "lint", "XJ", "--templates", tmp_path)
    assert run.returncode == 0
    assert "The template never shows data_files.used_gb" in run.stdout
    assert docgen("template", "lint", "XJ", "--templates", tmp_path, "--strict").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("QQ",), 2, "unknown_record_type"),
        (("XJ", "--templates", "none"), 1, "docgen template scaffold XJ"),
    ],
)
def test_lint_without_templates(
    tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    run = docgen("template", "lint", *arguments, cwd=tmp_path)
    assert run.returncode == code
    assert says in run.stderr


def test_list_names_file_and_digest(tmp_path: Path) -> None:
    own_template(tmp_path, "XJ", "page.html", b"x")
    found = as_json("template", "list", DOCGEN_TEMPLATES=tmp_path)["templates"]
    assert len(found) == len(CODES) * len(FORMATS)
    (own,) = [item for item in found if item["path"].startswith(str(tmp_path))]
    assert (own["code"], own["format"], own["version"]) == ("XJ", "pdf", "1")
    run = docgen("template", "list", DOCGEN_TEMPLATES=tmp_path)
    assert own["path"] in run.stdout


# ---------------------------------------------------------------- scaffold


@pytest.mark.slow
def test_scaffold_makes_clean_templates_and_the_shipped_ones(tmp_path: Path) -> None:
    """Every field is shown, every name is known, in all types and formats; none has rotted."""
    for code in CODES:
        run = docgen("template", "scaffold", code, "-o", tmp_path)
        assert run.returncode == 0, run.stderr
        for file in ("manifest.toml", *(made.file for made in FORMATS.values())):
            assert str(tmp_path / code / file) in run.stdout
    report = as_json("template", "lint", "--strict", "--templates", tmp_path)
    assert len(report["checked"]) == len(CODES) * len(FORMATS)
    assert report["findings"] == []
    differing = {
        f"{path.parent.name}/{path.name}"
        for path in tmp_path.glob("*/*")
        if path.read_bytes() != (TEMPLATES / path.parent.name / path.name).read_bytes()
    }
    assert {name for name in differing if not edited(name.partition("/")[0])} == set()
    if known := [code for code in CODES if edited(code)]:
        assert as_json("template", "lint", *known)["findings"] == []


def edited(code: str) -> bool:
    """Somebody edited the shipped templates of a type, and gave them another version."""
    manifest = (TEMPLATES / code / "manifest.toml").read_text("utf-8")
    return bool(tomllib.loads(manifest)["version"] != "1.0.0")


def test_scaffold_overwrites_nothing(tmp_path: Path) -> None:
    run = docgen("template", "scaffold", "DJ", "-f", "pdf", "-o", tmp_path)
    assert sorted(path.name for path in (tmp_path / "DJ").iterdir()) == [
        "manifest.toml",
        "page.html",
    ]
    assert "已生成" in run.stdout
    (tmp_path / "DJ" / "page.html").write_text("mine", "utf-8")
    run = docgen("template", "scaffold", "DJ", "-f", "pdf", "-o", tmp_path)
    assert run.returncode == 1
    assert "file_exists" in run.stderr
    assert (tmp_path / "DJ" / "page.html").read_text("utf-8") == "mine"
    assert (
        docgen("template", "scaffold", "DJ", "-f", "pdf", "-o", tmp_path, "--force").returncode == 0
    )


def test_an_edited_template_is_what_prints(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(TEMPLATES / "XJ", folder / "XJ")
    made = docx.Document(str(folder / "XJ" / "document.docx"))
    made.add_paragraph("本单位专用：{{ summary }}")
    made.save(str(folder / "XJ" / "document.docx"))
    record = changed(tmp_path / "r.json", XJ, lambda r: r.update(summary="结论甲"))
    report = rendered(record, to=tmp_path / "out", DOCGEN_TEMPLATES=folder)
    assert "本单位专用：结论甲" in docx_text(Path(report["documents"][0]["path"]).read_bytes())


def test_wrong_usage_of_scaffold_ends_with_2(tmp_path: Path) -> None:
    assert docgen("template", "scaffold", "QQ", "-o", tmp_path).returncode == 2
    assert docgen("template", "scaffold", "XJ", "-f", "doc", "-o", tmp_path).returncode == 2
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]"
