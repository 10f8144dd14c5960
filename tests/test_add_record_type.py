"""A new record type is one schema, one template folder, one sample; a new format is one module.

Both in a copy of the project, with nothing else changed. The type is SQ, simpler than ours, which
the copy is made without.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from docgen.paths import samples_dir, templates_dir
from tests.commands import XJ, as_json, codes, docgen_process, rendered
from tests.readers import docx_text, pdf_text, squeezed, xlsx_text

ROOT = templates_dir().parent

SCHEMA = '''
"""SQ: the customer's permission to work on a system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from schemas.chronology import moments, out_of_order
from schemas.envelope import CONTROL, Record, RecordType, Role
from schemas.fields import Choice, Part, field, rule
from schemas.problems import Problem
from schemas.values import Instant, Name, Text


class Scope(Choice):
    """What may be done."""

    read_only = "read_only", "只读查询", "Read only"
    change = "change", "参数变更", "Change"


class System(Part):
    """One system that may be entered."""

    asset_no: Name = field("资产编号", "Asset no.")
    account: Name = field("账号", "Account")


class Authorization(Record):
    """The permission."""

    record_type: ClassVar[RecordType] = RecordType(
        code="SQ",
        name="authorization",
        zh="操作授权书",
        en="Authorisation",
        signers=(Role.engineer, Role.cust_owner),
        layout="archive",
        sections=(CONTROL, ("grant", "授权", "Grant"), ("systems", "系统", "Systems")),
    )

    scope: Scope = field("授权范围", "Scope", section="grant")
    valid_from: Instant = field("生效时间", "Valid from", section="grant")
    valid_to: Instant = field("失效时间", "Valid to", section="grant")
    purpose: Text = field("操作目的", "Purpose", section="grant")
    systems: list[System] = field("系统", "Systems", section="systems", min_length=1)

    @rule("valid_from", "valid_to")
    def ends_after_it_begins(self) -> Iterator[Problem]:
        """Refuse a permission that ends before it begins."""
        yield from out_of_order(moments(self, "valid_from", "valid_to"))
'''

RENDERER = '''
"""Plain text: a template of lines."""

from docgen.document import Document
from docgen.renderers import Piece, template_context
from docgen.templates.sandbox import environment


class Text:
    """A compiled template."""

    def __init__(self, template, theme):
        self.template, self.theme = environment().from_string(template.decode()), theme

    def render(self, document: Document) -> bytes:
        """Print one document."""
        return self.template.render(template_context(document, self.theme)).encode()


compile = Text


def pieces(template: bytes) -> list[Piece]:
    """List the lines."""
    return [Piece(f"line {n}", line) for n, line in enumerate(template.decode().split("\\n"), 1)]
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without the type SQ; its fonts are the same files."""
    copy = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("fonts", "SQ", "authorisation.py")
    for name in ("schemas", "docgen", "templates"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    (copy / "templates" / "theme" / "fonts").symlink_to(ROOT / "templates" / "theme" / "fonts")
    return copy


def sample(**changes: Any) -> str:
    """The envelope of a sample, with the new type's own fields."""
    given = json.loads((samples_dir() / "ZX" / "basic.json").read_text("utf-8"))
    kept = ("schema_version", "contract_no", "phase", "customer_name", "customer_code")
    made = {name: given[name] for name in (*kept, "provider_name", "doc_date", "prepared_by")}
    made |= {
        "doc_no": "SQ-HDYD-20260306-001",
        "status": "draft",
        "confidentiality": "internal",
        "scope": "read_only",
        "valid_from": "2026-03-06 20:00",
        "valid_to": "2026-03-06 22:00",
        "purpose": "核查表空间 <USERS> & 会话",
        "systems": [
            {"asset_no": "HDYD-DB-01", "account": "readonly_甲"},
            {"asset_no": "HDYD-DB-02", "account": "readonly_乙"},
        ],
    }
    return json.dumps(made | changes, ensure_ascii=False)


@pytest.fixture(scope="module")
def with_type(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with the new type: three things added, none changed."""
    bare, project = project, tmp_path_factory.mktemp("with_type") / "project"
    shutil.copytree(bare, project, symlinks=True)
    (project / "schemas" / "authorization.py").write_text(SCHEMA, "utf-8")
    run = called("template", "scaffold", "SQ", "--out", project / "templates", project=project)
    assert run.returncode == 0, run.stderr
    (project / "samples" / "SQ").mkdir(parents=True)
    (project / "samples" / "SQ" / "basic.json").write_text(sample(), "utf-8")
    return project


def called(*arguments: object, project: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Call the copy's command line, not the checkout's; the first call compiles the copy."""
    own: dict[str, Any] = {"cwd": project, "PYTHONPATH": project, "PYTHONDONTWRITEBYTECODE": None}
    return docgen_process(*arguments, **own, **more)


def inside(project: Path) -> dict[str, Any]:
    return {"call": called, "project": project}


def test_three_files_make_a_record_type(with_type: Path, tmp_path: Path) -> None:
    record = with_type / "samples" / "SQ" / "basic.json"
    report = rendered(record, to=tmp_path, formats="docx,xlsx,pdf", **inside(with_type))
    made = {item["format"]: Path(item["path"]) for item in report["documents"]}
    assert {path.parent.name for path in made.values()} == {"SQ"}
    for text in (
        docx_text(made["docx"].read_bytes()),
        xlsx_text(made["xlsx"].read_bytes()),
        pdf_text(made["pdf"]),
    ):
        for value in (
            "操作授权书",
            "SQ-HDYD-20260306-001",
            "只读查询",
            "2026-03-06 20:00",
            "2026-03-06 22:00",
            "核查表空间 <USERS> & 会话",
            "HDYD-DB-02",
            "readonly_乙",
        ):
            assert squeezed(value) in squeezed(text)
        assert "read_only" not in text.replace("readonly", "")


@pytest.mark.slow
def test_every_command_knows_the_new_type(with_type: Path, tmp_path: Path) -> None:
    env = inside(with_type)
    assert json.loads(called("schema", "SQ", project=with_type).stdout)["properties"]["scope"]
    assert json.loads(called("new", "SQ", project=with_type).stdout)["doc_no"].startswith("SQ-")
    assert as_json("template", "lint", "SQ", "--strict", **env)["findings"] == []
    bad = sample(valid_to="2026-03-06 19:00", scope="all", sytems=[])
    (found,) = as_json("validate", "-", code=1, data=bad, **env)["files"]
    assert set(codes(found["errors"])) == {"not_a_choice", "out_of_order", "unknown_field"}
    report = rendered(with_type / "samples", to=tmp_path, **env)
    assert as_json("extract", report["documents"][0]["path"], **env)["record_intact"]


def test_the_type_is_unknown_where_nothing_was_added(project: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(sample(), "utf-8")
    report = rendered(tmp_path / "r.json", to=tmp_path / "out", code=1, **inside(project))
    assert codes(report["errors"]) == ["unknown_record_type"]


def test_a_module_and_its_row_in_the_table_make_a_format(project: Path, tmp_path: Path) -> None:
    (project / "docgen" / "renderers" / "text.py").write_text(RENDERER, "utf-8")
    table = project / "docgen" / "templates" / "catalog.py"
    row = '        Format("txt", "text.txt", "docgen.renderers.text", "text/plain"),\n'
    mark = '        Format("pdf", '
    text = table.read_text("utf-8")
    assert text.count(mark) == 1
    table.write_text(text.replace(mark, row + mark), "utf-8")
    (project / "templates" / "XJ" / "text.txt").write_text(
        "{{ doc.title }} {{ doc_no }}\n"
        "{% for row in data_files %}{{ row.name }}: {{ row.used_gb }}\n{% endfor %}",
        "utf-8",
    )
    report = rendered(XJ, to=tmp_path, formats="txt", **inside(project))
    (made,) = report["documents"]
    assert made["path"].endswith("XJ-HDYD-20260307-001.txt")
    text = Path(made["path"]).read_text("utf-8")
    given = json.loads(XJ.read_text("utf-8"))
    assert text.startswith("数据库巡检档案 XJ-HDYD-20260307-001\n")
    for row_given in given["data_files"]:
        assert f"{row_given['name']}: " in text
    findings = as_json("template", "lint", "XJ", **inside(project))["findings"]
    assert [item for item in findings if item["level"] == "error"] == []
