"""Writes docs/errors.md and docs/fields.md from messages.toml, the code's refusals and the schemas.

Run it after changing any of them: `.venv/bin/python docs/make_reference.py`. A test compares.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from api.errors import STATUSES
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.fields import Choice, Part, extra, label_of, shape, unit_of
from schemas.problems import messages

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
TELLING = re.compile(
    r"(?:Error|Refused|Unreadable|Faulty|Failed|Wrong|Finding|Fault|Conflict|NotAllowed|NotFound"
    r"|NotSignedIn|Overloaded|(?<!de)fault|faulty|failed|unsafe|broken"
    r"|refuse|refused|refusal|unknown|__init__)$"
)
LEVELS = {"error", "warning"}
SEVERAL = "（见消息）"

ERRORS = """\
# 错误代码

<!-- 由 docs/make_reference.py 生成，请勿手改。Generated; do not edit. -->

代码是稳定的，程序可以依赖；文字可能改进。命令行 `--json`、API 的 `errors[]` 与本表用同一套代码。
Codes are stable, wording is not. `{…}` 处是具体的值。

## 单据的错误与提醒

来自 `schemas/messages.toml`。同一份单据的全部错误一次给出，各有 JSON Pointer 和改法；
`level` 为 `warning` 的只提醒，不拒绝。API 以 422 应答。
"""
OTHERS = """\

## 文件、模板、渲染、设置与服务

这些错误不在单据的某个字段上，而在整个文件、模板、设置或请求上；`place` 说明位置。
退出码与 HTTP 状态见 [cli.md](cli.md#退出码) 和 [api.md](api.md#状态码)。
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
    rows = [
        (f"`{code}`", _wording(entry, "zh"), _wording(entry, "en"))
        for code, entry in sorted(messages().items())
    ]
    others = [
        (f"`{code}`", str(STATUSES.get(code, "")), _short(texts), ", ".join(sorted(places)))
        for code, (texts, places) in sorted(refusals().items())
    ]
    return (
        ERRORS
        + _table(("代码", "中文", "English"), rows)
        + OTHERS
        + _table(("代码", "HTTP", "消息", "出处"), others)
    )


def fields() -> str:
    """Return fields.md."""
    parts = [FIELDS]
    for code, model in record_types().items():
        kind = model.record_type
        parts.append(f"\n## {code} {kind.zh} {kind.en}\n" + _fields(model))
    parts.append("\n## 合同 Contract\n" + _fields(Contract))
    return "".join(parts)


def refusals() -> dict[str, tuple[list[str], set[str]]]:
    """Collect every code that a call in docgen/ or api/ gives beside a Chinese message."""
    found: dict[str, tuple[list[str], set[str]]] = {}
    for package in ("docgen", "api"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            for code, text in _told(tree):
                texts, places = found.setdefault(code, ([], set()))
                texts.append(text)
                places.add(f"`{path.relative_to(ROOT)}`")
    return found


def _told(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and TELLING.search(ast.unparse(node.func)):
            yield from _pair(node.args, node, tree)
        elif isinstance(node, ast.Assign) and _name(node.targets[0]) == "code":
            yield from _pair(_parts(node.value), node, tree)
        elif isinstance(node, ast.Assign) and _name(node.targets[0]) == "REASONS":
            reasons = node.value
            assert isinstance(reasons, ast.Dict)
            for key, value in zip(reasons.keys, reasons.values, strict=True):
                assert key is not None
                yield from _pair([key, value], node, tree)


def _pair(
    given: Sequence[ast.expr], at: ast.stmt | ast.expr, tree: ast.Module
) -> Iterator[tuple[str, str]]:
    """Give each code among arguments with the Chinese message that goes with it."""
    codes = [
        str(one.value)
        for one in given
        if isinstance(one, ast.Constant) and CODE.fullmatch(str(one.value))
    ]
    told = [text for one in given for text in _texts(one) if CHINESE.search(text)]
    told = told or _elsewhere(given, at, tree)
    for code in codes:
        if code not in LEVELS:
            yield code, told[0] if told else ""


def _elsewhere(given: Sequence[ast.expr], at: ast.stmt | ast.expr, tree: ast.Module) -> list[str]:
    """Return the last message assigned before to a variable among `given`, or the helper's own."""
    names = {one.id for one in ast.walk(ast.Tuple(list(given))) if isinstance(one, ast.Name)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and node.lineno <= at.lineno:
            targets = {one.id for one in ast.walk(node.targets[0]) if isinstance(one, ast.Name)}
            texts = [text for text in _texts(node.value) if CHINESE.search(text)]
            found += [(node.lineno, text) for text in texts[:1] if targets & names]
    helper = ast.unparse(at.func) if isinstance(at, ast.Call) else ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == helper:
            texts = [text for inner in ast.walk(node) for text in _texts(inner)]
            found += [(0, text) for text in texts if CHINESE.search(text)][:1]
    return [max(found)[1]] if found else []


def _name(target: ast.expr) -> str:
    """Return the name that is assigned to, or the first of several."""
    first = target.elts[0] if isinstance(target, ast.Tuple) else target
    return first.id if isinstance(first, ast.Name) else ""


def _parts(value: ast.expr) -> list[ast.expr]:
    if isinstance(value, ast.Tuple):
        return value.elts
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


def _texts(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [
            "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values
            )
        ]
    if isinstance(node, ast.Tuple):
        return [text for one in node.elts for text in _texts(one)]
    if isinstance(node, ast.BinOp):
        return _texts(node.left)
    return []


def _short(texts: list[str]) -> str:
    return " / ".join(dict.fromkeys(text for text in texts if text)) or SEVERAL


def _wording(entry: Any, lang: str) -> str:
    hint = str(entry["hint"][lang]).replace("{nearest}", "").replace("{remedy}", "")
    hint = hint.replace("{{", "{").replace("}}", "}")
    return (
        f"{entry['message'][lang]}。{hint}" if lang == "zh" else f"{entry['message'][lang]}. {hint}"
    )


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
