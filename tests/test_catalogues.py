"""The catalogues of messages: whole in both languages, and the code raises what they hold."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.wording import HEAD, catalogues, entries, entry

ROOT = Path(__file__).resolve().parent.parent
# Where a call takes its code; in any other call it is no code.
PLACES = {"error": 1, "warning": 1, "Problem": 1, "fail": 0, "Phrase": 0, "Unanswered": 0}
PLACES |= {
    "Break": 0,
    "Locked": 0,
    "tag_fault": 0,
    "broken": 0,
    "fault": 0,
    "refuse": 0,
    "_check": 1,
}
ALWAYS = {"place", "value", "path", "level", "retry_after_s", "piece", "cause"}
BY_FILE = pytest.mark.parametrize(
    "path", catalogues(), ids=lambda path: str(path.relative_to(ROOT))
)
# English that shows what people type in Chinese, or Jinja's own words for a broken tag.
QUOTES_CHINESE = {"bad_option", "bad_row", "broken_tag.no_rows", "broken_tag.not_ended"}
QUOTES_CHINESE |= {"broken_tag.nothing_to_end", "broken_tag.stands_alone"}
# What FastAPI and Starlette say, they say in English alone.
SAID_IN_ENGLISH = {"bad_parameter.one", "bad_body.one", "bad_request", "bad_form"}
# Their findings are of the machine, told in both languages at once.
OTHERS = ("docgen/operations/doctor.py", "docgen/store/health.py", "docgen/signing/health.py")


def kinds() -> dict[str, int]:
    """Every class of refusal takes its code first."""
    tree = ast.parse((ROOT / "docgen/errors.py").read_text("utf-8"))
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return dict.fromkeys(classes, 0) | PLACES


def calls() -> Iterator[tuple[Path, ast.Call, ast.expr]]:
    """Give every call that takes a code, with the code."""
    known = kinds()
    for package in ("schemas", "docgen", "api"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = ast.unparse(node.func).rpartition(".")[2]
                place = known.get(name)
                if name == "Finding" and str(path.relative_to(ROOT)) not in OTHERS:
                    place = 1 if path.name in ("lint.py", "templates.py") else 0
                if place is not None and len(node.args) > place:
                    yield path, node, node.args[place]


def constants(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def placeholders(code: str) -> set[str]:
    texts = [text for part in entry(code).values() for text in part.values()]
    return set().union(*map(names, texts))


def named(call: ast.Call, code: ast.expr) -> list[str]:
    """Return the entries that a call names outright; one made up at run time has none."""
    if isinstance(code, ast.IfExp):
        return [one for half in (code.body, code.orelse) for one in named(call, half)]
    if not (isinstance(code, ast.Constant) and code.value and isinstance(code.value, str)):
        return []
    phrase = ast.unparse(call.func) in ("Phrase", "Unanswered")
    return [f"phrase.{code.value}" if phrase else code.value]


def test_no_name_stands_in_two_catalogues() -> None:
    heads = [name for path in catalogues() for name in HEAD.findall(path.read_text("utf-8"))]
    assert sorted(heads) == sorted(entries())


@BY_FILE
def test_an_entry_by_itself_is_as_in_the_whole_file(path: Path) -> None:
    whole = tomllib.loads(path.read_text("utf-8"))
    for name in HEAD.findall(path.read_text("utf-8")):
        told = whole
        for step in name.split("."):
            told = told[step]
        assert {part: told[part] for part in entry(name)} == entry(name)


@BY_FILE
def test_wording_is_whole_in_both_languages(path: Path) -> None:
    for name in HEAD.findall(path.read_text("utf-8")):
        parts = entry(name)
        assert {"message"} <= parts.keys() <= {"message", "hint"}, name
        for texts in parts.values():
            assert texts.keys() == {"zh", "en"}, name
            assert re.search("[\u4e00-\u9fff{]", texts["zh"]), name
            assert re.search("[A-Za-z{]", texts["en"]), name
            assert name in QUOTES_CHINESE or not re.search("[\u4e00-\u9fff]", texts["en"]), name
            said = {"reason"} if name in SAID_IN_ENGLISH and texts is parts["message"] else set()
            assert names(texts["zh"]) | said == names(texts["en"]), name


def test_every_code_has_its_wording_and_every_wording_its_code() -> None:
    unknown = {
        f"{path.relative_to(ROOT)}:{call.lineno} {one}"
        for path, call, code in calls()
        for one in named(call, code)
        if one not in entries()
    }
    assert unknown == set()
    assert entries().keys() - used() == set()


def used() -> set[str]:
    """Return the entries that the code names, or whose names begin as it makes them up."""
    found, beginnings = set(), []
    for package in ("schemas", "docgen", "api"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(without_keys(path)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= {node.value, f"phrase.{node.value}"}
                if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                    beginnings.append(f"phrase.{node.values[0].value!s}")
    beginnings = [one for one in beginnings if one.endswith(".") and one.count(".") > 1]
    return found | {name for name in entries() if name.startswith(tuple(beginnings))}


def without_keys(path: Path) -> ast.Module:
    """Read a module without the keys of its tables: a status for a code is no use of it."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            node.keys = []
    return tree


def test_the_code_gives_what_the_placeholders_name() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}:{call.lineno} {one}: {sorted(given ^ due)}"
        for path, call, code in calls()
        for one in named(call, code)
        if one in entries() and ast.unparse(call.func) not in ("fail", "Finding", "Break")
        for given in ({str(word.arg) for word in call.keywords} - ALWAYS,)
        for due in (placeholders(one) - ALWAYS - counted(call),)
        if given != due and "None" not in given
    }
    assert wrong == set()


def counted(call: ast.Call) -> set[str]:
    """Return what a class gives by itself."""
    return {"count"} if ast.unparse(call.func) == "TransitionRefused" else set()


def test_whoever_brings_a_file_is_always_told_what_to_do() -> None:
    text = (ROOT / "docgen/uploads/messages.toml").read_text("utf-8")
    assert all("hint" in entry(name) for name in HEAD.findall(text))
