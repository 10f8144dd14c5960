"""`docgen render` as a person calls it: what it makes, what it says, how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commands import (
    CONTRACT,
    PROGRAM,
    SAMPLES,
    XJ,
    ZX,
    as_json,
    changed,
    codes,
    docgen,
    docgen_process,
    heeding_ctrl_c,
    left_behind,
    numbered,
    rendered,
    surroundings,
)
from tests.readers import docx_text, pdf_text, squeezed, xlsx_text
from tests.word_templates import template

BAD = SAMPLES / "bad"
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def without_theme(folder: Path, name: str, text: str, code: str = "XJ") -> Path:
    """A folder of templates with one page for one record type."""
    (folder / code).mkdir(parents=True)
    (folder / code / "manifest.toml").write_text(f'record = "{code}"\nversion = "1"\n', "utf-8")
    (folder / code / name).write_text(text, "utf-8")
    return folder


# ---------------------------------------------------------------- what it makes


def test_three_formats_by_default(tmp_path: Path) -> None:
    run = docgen("render", ZX, "--out", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    made = sorted(path.name for path in (tmp_path / "out" / "ZX").iterdir())
    assert made == [f"ZX-HDYD-20260306-001.{name}" for name in ("docx", "pdf", "xlsx")]
    for name in made:
        assert str(tmp_path / "out" / "ZX" / name) in run.stdout
    assert "3 个文件完成，0 个单据被拒或失败" in run.stdout
    assert left_behind(tmp_path) == []


def test_out_is_the_default_folder(tmp_path: Path) -> None:
    assert docgen("render", ZX, "-f", "docx", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "ZX" / "ZX-HDYD-20260306-001.docx").is_file()


def test_the_report_names_every_file(tmp_path: Path) -> None:
    report = rendered(XJ, to=tmp_path, formats="xlsx, DOCX,xlsx")
    assert report["errors"] == []
    assert [made["format"] for made in report["documents"]] == ["xlsx", "docx"]
    for made in report["documents"]:
        data = Path(made["path"]).read_bytes()
        assert made["file"] == str(XJ)
        assert (made["code"], made["doc_no"]) == ("XJ", "XJ-HDYD-20260307-001")
        assert made["state"] == "made"
        assert made["size_bytes"] == len(data)
        assert made["sha256"] == hashlib.sha256(data).hexdigest()


def test_english_documents_say_it_in_english(tmp_path: Path) -> None:
    report = rendered(ZX, "--lang", "en", to=tmp_path, formats="docx,xlsx,pdf")
    by_format = {made["format"]: Path(made["path"]) for made in report["documents"]}
    for text in (
        docx_text(by_format["docx"].read_bytes()),
        xlsx_text(by_format["xlsx"].read_bytes()),
        pdf_text(by_format["pdf"]),
    ):
        assert "Consultationticket" in squeezed(text)
        assert "咨询类问题单" not in text


def test_the_setting_gives_the_language_where_no_option_does(tmp_path: Path) -> None:
    def title(*option: str, **setting: Any) -> str:
        report = rendered(ZX, *option, to=tmp_path / f"{option}{setting}", **setting)
        return docx_text(Path(report["documents"][0]["path"]).read_bytes())

    assert "Consultation ticket" in title(DOCGEN_LANG="en")
    assert "咨询类问题单" in title("--lang", "zh", DOCGEN_LANG="en")
    assert "咨询类问题单" in title()


def test_standard_input(tmp_path: Path) -> None:
    report = rendered("-", to=tmp_path, data=ZX.read_bytes())
    assert [made["file"] for made in report["documents"]] == ["-"]
    report = rendered("-", to=tmp_path, data=b"", code=1)
    assert codes(report["errors"]) == ["empty"]


def test_a_folder_stands_for_its_records(tmp_path: Path) -> None:
    deep = tmp_path / "记录 a" / "deep"
    deep.mkdir(parents=True)
    numbered(deep / "1.json", ZX, "ZX-HDYD-20260306-011")
    numbered(deep.parent / "2.json", ZX, "ZX-HDYD-20260306-012")
    (deep / "notes.txt").write_text("no record", "utf-8")
    (deep / "odd.json").mkdir()
    report = rendered(tmp_path / "记录 a", to=tmp_path / "out")
    assert [made["doc_no"][-3:] for made in report["documents"]] == ["012", "011"]


def test_a_folder_without_records_is_an_error(tmp_path: Path) -> None:
    report = rendered(tmp_path, to=tmp_path / "out", code=1)
    assert codes(report["errors"]) == ["no_records"]


def test_the_same_input_makes_the_same_bytes(tmp_path: Path) -> None:
    formats = "docx,xlsx,pdf"
    here = rendered(ZX, to=tmp_path / "a", formats=formats)["documents"]
    elsewhere: dict[str, Any] = {"PYTHONHASHSEED": "7", "TZ": "America/New_York"}
    there = rendered(ZX, to=tmp_path / "b", formats=formats, call=docgen_process, **elsewhere)[
        "documents"
    ]
    assert [made["sha256"] for made in here] == [made["sha256"] for made in there]


def test_a_terminal_may_lack_characters(tmp_path: Path) -> None:
    run = docgen_process("render", ZX, "-f", "docx", "-o", tmp_path, PYTHONIOENCODING="gbk")
    assert run.returncode == 0, run.stderr
    run = docgen_process("validate", XJ, PYTHONIOENCODING="ascii")
    shown = str(XJ).encode("ascii", "replace").decode()  # the folder may have a name in Chinese
    assert run.stdout == f"? {shown}\n"
    bad = BAD / "XJ.signature_missing.json"
    report = as_json("validate", bad, code=1, call=docgen_process, PYTHONIOENCODING="ascii")
    assert report == as_json("validate", bad, code=1)


def test_any_file_name_is_read_and_shown(tmp_path: Path) -> None:
    names = [b"\xff\xfe.json", b"x[/bold].json", b":smile: \xf0\xa0\xae\xb7.json"]
    paths = [Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))) for name in names]
    shown = [str(tmp_path / name.decode("utf-8", "backslashreplace")) for name in names]
    (tmp_path / "x[").mkdir()
    for number, path in enumerate(paths):
        record = numbered(tmp_path / "record.json", ZX, f"ZX-HDYD-20260306-01{number}")
        path.write_bytes(record.read_bytes())
    report = rendered(*paths, to=tmp_path / "out")
    assert [made["file"] for made in report["documents"]] == shown
    for path in paths:
        path.write_bytes(b"{")
    run = docgen("render", *paths, "-f", "docx", "-o", tmp_path / "out")
    assert run.returncode == 1
    for name in shown:
        assert f"✗ {name} " in run.stderr


def test_any_folder_name_is_written_and_shown(tmp_path: Path) -> None:
    out = tmp_path / "[/] 输出 :smile:"
    run = docgen("render", ZX, "-f", "docx", "-o", out)
    assert run.returncode == 0
    assert str(out) in run.stdout


# ---------------------------------------------------------------- a second time


def test_nothing_is_rendered_twice(tmp_path: Path) -> None:
    first = rendered(XJ, ZX, to=tmp_path)
    again = rendered(XJ, ZX, to=tmp_path)
    assert {made["state"] for made in again["documents"]} == {"unchanged"}
    assert [made["sha256"] for made in again["documents"]] == [
        made["sha256"] for made in first["documents"]
    ]
    run = docgen("render", XJ, "-f", "docx", "-o", tmp_path)
    assert "未变" in run.stdout


def test_a_changed_record_replaces_its_document(tmp_path: Path) -> None:
    record = changed(tmp_path / "r.json", ZX, lambda _: None)
    before = rendered(record, to=tmp_path / "out")["documents"][0]
    changed(record, ZX, lambda value: value.update(description="另一个问题"))
    after = rendered(record, to=tmp_path / "out")["documents"][0]
    assert after["state"] == "made"
    assert after["sha256"] != before["sha256"]
    assert "另一个问题" in docx_text(Path(after["path"]).read_bytes())


def test_an_edited_document_is_kept_unless_forced(tmp_path: Path) -> None:
    path = Path(rendered(ZX, to=tmp_path)["documents"][0]["path"])
    path.write_bytes(b"edited by hand")
    report = rendered(ZX, to=tmp_path, code=1)
    assert codes(report["errors"]) == ["file_exists"]
    assert path.read_bytes() == b"edited by hand"
    assert rendered(ZX, "--force", to=tmp_path)["documents"][0]["state"] == "made"
    assert path.read_bytes() != b"edited by hand"


# ---------------------------------------------------------------- bad among good


def test_one_bad_file_stops_no_other(tmp_path: Path) -> None:
    bad = {
        "torn.json": b'{"doc_no": ',
        "gbk.json": "{'客户'".encode("gbk"),
        "bomb.json": b"[" * 100_000,
        "nan.json": b'{"a": NaN}',
        "twice.json": b'{"a": 1, "a": 2}',
        "type.json": b'{"doc_no": "QQ-HDYD-20260306-001"}',
        "empty.json": b"",
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / name for name in bad]
    report = rendered(
        *paths[:4], ZX, tmp_path / "none.json", *paths[4:], XJ, to=tmp_path / "out2", code=1
    )
    assert [Path(made["file"]) for made in report["documents"]] == [ZX, XJ]
    assert {error["file"]: error["code"] for error in report["errors"]} == {
        str(tmp_path / "torn.json"): "not_json",
        str(tmp_path / "gbk.json"): "not_utf8",
        str(tmp_path / "bomb.json"): "nested_too_deep",
        str(tmp_path / "nan.json"): "not_a_json_number",
        str(tmp_path / "twice.json"): "duplicate_key",
        str(tmp_path / "type.json"): "unknown_record_type",
        str(tmp_path / "empty.json"): "empty",
        str(tmp_path / "none.json"): "file_unreadable",
    }
    for error in report["errors"]:
        assert error["message"]["zh"]
        assert error["message"]["en"]


def test_every_bad_sample_is_refused_with_the_codes_in_its_name(tmp_path: Path) -> None:
    paths = sorted(path for path in BAD.glob("*.json") if ".coverage-" not in path.name)
    report = rendered(*paths, to=tmp_path, formats="docx,xlsx", code=1)
    found: dict[str, set[str]] = {}
    for entry in report["errors"] + report["warnings"]:
        found.setdefault(Path(entry["file"]).name, set()).add(entry["code"])
    assert report["documents"] == []
    assert found.keys() == {path.name for path in paths}
    for name, seen in found.items():
        assert seen == set(name.split(".")[1].split("+")), name


def test_an_error_is_told_once_for_all_formats(tmp_path: Path) -> None:
    bad = BAD / "XJ.advice_required+overall_too_good.json"
    report = rendered(bad, to=tmp_path, formats="docx,xlsx", code=1)
    assert sorted(codes(report["errors"])) == ["advice_required", "overall_too_good"]
    run = docgen("render", bad, "-f", "docx,xlsx", "-o", tmp_path)
    assert run.stderr.count("check_items[7].advice") == 1


def test_two_records_with_one_number(tmp_path: Path) -> None:
    other = changed(tmp_path / "b.json", ZX, lambda record: record.update(description="另一单"))
    report = rendered(ZX, other, to=tmp_path / "out", code=1)
    assert [made["file"] for made in report["documents"]] == [str(ZX)]
    assert codes(report["errors"]) == ["file_exists"]
    assert str(ZX) in report["errors"][0]["message"]["zh"]


def test_two_records_with_one_number_the_second_time(tmp_path: Path) -> None:
    """What is unchanged keeps its number: the other never overwrites it unasked."""
    other = changed(tmp_path / "b.json", ZX, lambda record: record.update(description="另一单"))
    first = rendered(ZX, to=tmp_path / "out")["documents"][0]
    for files in ([other, ZX], [ZX, other]):
        report = rendered(*files, to=tmp_path / "out", code=1)
        assert [(made["file"], made["state"]) for made in report["documents"]] == [
            (str(ZX), "unchanged")
        ]
        assert codes(report["errors"]) == ["file_exists"]
    assert hashlib.sha256(Path(first["path"]).read_bytes()).hexdigest() == first["sha256"]


def test_the_same_record_twice_is_one_document(tmp_path: Path) -> None:
    report = rendered(ZX, ZX, to=tmp_path)
    assert {made["path"] for made in report["documents"]} == {
        str(tmp_path / "ZX" / "ZX-HDYD-20260306-001.docx")
    }


def test_secrets_are_refused_or_masked(tmp_path: Path) -> None:
    bad = BAD / "XJ.secret.json"
    report = rendered(bad, to=tmp_path, code=1)
    assert set(codes(report["errors"])) == {"secret"}
    secret = "Abc#123"
    assert secret in bad.read_text("utf-8")
    assert secret not in json.dumps(report)
    masked = rendered(bad, "--mask-secrets", to=tmp_path, formats="docx,xlsx")
    for made in masked["documents"]:
        data = Path(made["path"]).read_bytes()
        text = docx_text(data) if made["format"] == "docx" else xlsx_text(data)
        assert "******" in text
        assert secret not in text


def test_a_contract_is_checked_against(tmp_path: Path) -> None:
    outside = changed(tmp_path / "r.json", XJ, lambda r: r.update(asset_nos=["HDYD-DB-99"]))
    report = rendered(outside, "--contract", CONTRACT, to=tmp_path / "a")
    assert "outside_contract" in codes(report["warnings"])


@pytest.mark.parametrize(
    ("content", "code"),
    [("", "empty"), ("{", "not_json"), ("{}", "missing"), (None, "file_unreadable")],
)
def test_a_bad_contract_ends_the_run_under_its_own_name(
    tmp_path: Path, content: str | None, code: str
) -> None:
    contract = tmp_path / "contract.json"
    if content is not None:
        contract.write_text(content, "utf-8")
    report = rendered(ZX, "--contract", contract, to=tmp_path / "out", code=1)
    assert set(codes(report["errors"])) == {code}
    assert {error["file"] for error in report["errors"]} == {str(contract)}


# ---------------------------------------------------------------- templates and themes


def test_a_faulty_template_costs_its_own_type_only(tmp_path: Path) -> None:
    folder = without_theme(tmp_path / "t", "document.docx", "no docx")
    report = rendered(XJ, ZX, to=tmp_path / "out", code=1, DOCGEN_TEMPLATES=folder)
    assert [made["code"] for made in report["documents"]] == ["ZX"]
    assert {Path(error["file"]) for error in report["errors"]} == {XJ}


@pytest.mark.parametrize("manifest", ["record = 5", 'record = "ZX"\nversion = "1"'])
def test_a_faulty_manifest_costs_its_own_type_only(tmp_path: Path, manifest: str) -> None:
    folder = without_theme(tmp_path / "t", "document.docx", "x")
    (folder / "XJ" / "manifest.toml").write_text(manifest, "utf-8")
    report = rendered(XJ, ZX, to=tmp_path / "out", code=1, DOCGEN_TEMPLATES=folder)
    assert [made["code"] for made in report["documents"]] == ["ZX"]
    assert codes(report["errors"]) == ["manifest_unreadable"]


def test_an_endless_template_ends_and_the_others_are_made(tmp_path: Path) -> None:
    folder = without_theme(tmp_path / "t", "page.html", ENDLESS, "ZX")
    other = SAMPLES / "DJ" / "basic.json"
    report = rendered(
        ZX,
        other,
        to=tmp_path / "out",
        formats="pdf,docx",
        code=1,
        DOCGEN_TEMPLATES=folder,
        DOCGEN_CPU_S=2,
    )
    assert {(error["file"], error["code"]) for error in report["errors"]} == {
        (str(ZX), "render_timeout")
    }
    assert [(made["code"], made["format"]) for made in report["documents"]] == [
        ("ZX", "docx"),
        ("DJ", "pdf"),
        ("DJ", "docx"),
    ]


def test_another_template_makes_the_document_anew(tmp_path: Path) -> None:
    rendered(ZX, to=tmp_path / "out")
    folder = without_theme(tmp_path / "t", "document.docx", "", "ZX")
    (folder / "ZX" / "document.docx").write_bytes(template("{{ doc_no }}"))
    (made,) = rendered(ZX, to=tmp_path / "out", DOCGEN_TEMPLATES=folder)["documents"]
    assert made["state"] == "made"
    assert docx_text(Path(made["path"]).read_bytes()).strip() == "ZX-HDYD-20260306-001"


# ---------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument"),
        (("x.json", "--nonsense"), "nonsense"),
        (("x.json", "--format", "doc"), "unknown_format"),
        (("x.json", "--format", ""), "unknown_format"),
        (("x.json", "--lang", "fr"), "unknown_lang"),
        (("x.json", "--jobs", "many"), "--jobs"),
        (("x.json", "--jobs", "-1"), "--jobs"),
    ],
)
def test_wrong_usage_ends_with_2(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    run = docgen("render", *arguments, cwd=tmp_path)
    assert run.returncode == 2
    assert says in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("DOCGEN_COLOUR", "1", "unknown_setting"),
        ("DOCGEN_JOBS", "0", "bad_setting"),
        ("DOCGEN_WALL_S", "two", "bad_setting"),
        ("DOCGEN_MEMORY_MB", "1", "bad_setting"),
        ("DOCGEN_LANG", "fr", "bad_setting"),
        ("DOCGEN_NOW", "yesterday", "bad_setting"),
        ("DOCGEN_THEME", "/nonexistent", "theme_unreadable"),
    ],
)
def test_a_wrong_setting_ends_with_3(tmp_path: Path, name: str, value: str, code: str) -> None:
    report = rendered(ZX, to=tmp_path / "out", code=3, **{name: value})
    assert codes(report["errors"]) == [code]


@pytest.mark.parametrize("place", ["/proc/docgen", "/dev/null", "/dev/null/x"])
def test_an_impossible_folder_ends_with_3(place: str) -> None:
    report = rendered(ZX, to=Path(place), code=3)
    assert codes(report["errors"]) == ["not_writable"]


# ---------------------------------------------------------------- interrupted


def _session(number: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == number and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def interrupted(tmp_path: Path, how: int, *, whole_group: bool) -> tuple[Any, Path]:
    """Stop a run once its first document is there, while another hangs; no process may be left."""
    folder = without_theme(tmp_path / "t", "document.docx", "")
    (folder / "XJ" / "document.docx").write_bytes(template(ENDLESS))
    out = tmp_path / "out"
    command = [*PROGRAM, "render", ZX, XJ, SAMPLES / "QX", "--format", "docx", "-j", "1", "-o", out]
    with heeding_ctrl_c():
        run = subprocess.Popen(
            list(map(str, command)),
            env=surroundings(DOCGEN_TEMPLATES=folder, DOCGEN_CPU_S=60),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    while not list(out.glob("ZX/*.docx")):
        assert run.poll() is None
        time.sleep(0.02)
    (os.killpg if whole_group else os.kill)(run.pid, how)
    run.wait()
    left = _session(run.pid)
    for _ in range(500):
        if not left:
            break
        time.sleep(0.02)
        left = _session(run.pid)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    texts = run.communicate()
    assert "Traceback" not in "".join(texts)
    return (run.returncode, *texts), out


@pytest.mark.parametrize("whole_group", [True, False], ids=["terminal", "kill"])
def test_ctrl_c_leaves_whole_files_and_no_children(tmp_path: Path, whole_group: bool) -> None:
    (code, _, err), out = interrupted(tmp_path, signal.SIGINT, whole_group=whole_group)
    assert code == 130
    assert "Interrupted" in err
    assert left_behind(out) == []
    assert [path.name for path in out.rglob("*.docx")] == ["ZX-HDYD-20260306-001.docx"]
    report = rendered(ZX, to=out)
    assert report["documents"][0]["state"] == "unchanged"


def test_sigterm_leaves_whole_files_and_no_children(tmp_path: Path) -> None:
    (code, _, _), out = interrupted(tmp_path, signal.SIGTERM, whole_group=False)
    assert code == 143
    assert left_behind(out) == []


def test_kill_9_leaves_no_children(tmp_path: Path) -> None:
    (code, _, _), out = interrupted(tmp_path, signal.SIGKILL, whole_group=False)
    assert code == -9
    assert [path.name for path in out.rglob("*.docx")] == ["ZX-HDYD-20260306-001.docx"]
