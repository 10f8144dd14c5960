"""Writes docs/errors.md and docs/fields.md from the catalogues of messages and the schemas.

Run it after changing any of them: `.venv/bin/python docs/make_reference.py`. A test compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from api.http.problems import STATUSES
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.fields import Choice, Part, extra, label_of, shape, unit_of
from schemas.wording import HEAD, catalogues, entries, entry

ROOT = Path(__file__).resolve().parent.parent
PHRASE = "phrase."
REPORTED = ("phrase.skipped.", "phrase.sheet_note.")

ERRORS = """\
# 错误代码

<!-- 由 docs/make_reference.py 生成，请勿手改。Generated; do not edit. -->

代码是稳定的，程序可以依赖；文字可能改进。命令行 `--json`、API 的 `errors[]` 与本表用同一套代码。
Codes are stable, wording is not.
`{…}` 处是具体的值；一个代码有几种说法的，各占一行。表按 `messages.toml` 所在的目录排列。

`schemas` 的是单据的错误与提醒：同一份单据的全部错误一次给出，各有 JSON Pointer 和改法；
`level` 为 `warning` 的只提醒，不拒绝。API 以 422 应答。其余的错误不在单据的某个字段上，而在整个
文件、模板、设置或请求上；`place` 说明位置。退出码与 HTTP 状态见 [cli.md](cli.md#退出码) 和
[api.md](api.md#状态码)。
"""
REPORT = """
## 转换报告

`docgen convert` 的报告（`skipped`、`notes`）里说明跳过了哪些行、文件里有什么没有用到。Not errors.
"""
FIELDS = """\
# 字段一览

<!-- 由 docs/make_reference.py 生成，请勿手改。Generated; do not edit. -->

每类单据的全部字段。● 为必填；`[]` 为列表；“可选值”写代码或中文名都可以，例如 `agree` 或 `同意`。
同样的内容可由程序读取：`docgen schema XJ`，或 `GET /api/v1/schemas/XJ`。
写法（日期、单位、空值）见 [records.md](records.md)。Every field; ● is required.
"""


def errors() -> str:
    """Return errors.md."""
    parts = [ERRORS]
    for path in catalogues():
        names = [name for name in HEAD.findall(path.read_text("utf-8")) if PHRASE not in name]
        rows = [_row(name) for name in sorted(names)]
        parts.append(f"\n## {path.relative_to(ROOT)}\n")
        parts.append(_table(("代码", "HTTP", "中文", "English"), rows))
    rows = [_row(name, name.rpartition(".")[2]) for name in entries() if name.startswith(REPORTED)]
    return "".join([*parts, REPORT, _table(("代码", "HTTP", "中文", "English"), sorted(rows))])


def _row(name: str, code: str = "") -> Sequence[str]:
    code, told = code or name.partition(".")[0], entry(name)
    return f"`{code}`", str(STATUSES.get(code, "")), _wording(told, "zh"), _wording(told, "en")


def fields() -> str:
    """Return fields.md."""
    parts = [FIELDS]
    for code, model in record_types().items():
        kind = model.record_type
        parts.append(f"\n## {code} {kind.zh} {kind.en}\n" + _fields(model))
    parts.append("\n## 合同 Contract\n" + _fields(Contract))
    return "".join(parts)


def _wording(entry: Mapping[str, Any], lang: str) -> str:
    stop = "。" if lang == "zh" else ". "
    texts = [entry["message"][lang], entry.get("hint", {}).get(lang, "")]
    told = stop.join(
        text.replace("{nearest}", "").replace("{remedy}", "") for text in texts if text
    )
    return told.replace("{{", "{").replace("}}", "}")


def _fields(model: type[Part]) -> str:
    rows = list(_rows(model, ""))
    return _table(("字段", "中文", "English", "必填", "类型", "单位 / 可选值"), rows)


def _rows(model: type[Part], prefix: str) -> Iterator[Sequence[str]]:
    for name, info in model.model_fields.items():
        kind = shape(model, name)
        path = f"{prefix}{name}" + ("[]" if kind.is_list else "")
        yield (
            f"`{path}`",
            label_of(model, name, "zh"),
            label_of(model, name, "en"),
            "●" if info.is_required() else "",
            _type(
                info.annotation, kind.part is not None, bool(extra(info).get("x-widget") == "log")
            ),
            unit_of(model, name) or _choices(info.annotation),
        )
        if kind.part:
            yield from _rows(kind.part, path + ".")


def _type(annotation: Any, is_part: bool, is_log: bool) -> str:
    if is_part:
        return "对象"
    if is_log:
        return "日志"
    named = {"int": "整数", "float": "数", "bool": "是/否", "date": "日期", "datetime": "时间"}
    for kind in _kinds(annotation):
        if issubclass(kind, Choice):
            return "可选值"
        if kind.__name__ in named:
            return named[kind.__name__]
    return "文本"


def _choices(annotation: Any) -> str:
    for kind in _kinds(annotation):
        if issubclass(kind, Choice):
            return "、".join(f"`{member.value}` {member.zh}" for member in kind)
    return ""


def _kinds(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


PAGES = {"errors.md": errors, "fields.md": fields}

if __name__ == "__main__":
    for page_name, page in PAGES.items():
        (ROOT / "docs" / page_name).write_text(page(), "utf-8")
