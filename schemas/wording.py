"""What people are told, by code, in Chinese and English: the catalogues and how they are filled.

The texts are data: `messages*.toml` beside their subject, an entry a code, with `message` and
`hint` in zh and en. A code with several wordings has an entry `code.variant` for each further one;
programs see the code alone. Parts of messages are entries `phrase.name`. This module never prints.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from schemas.visible import visible

PACKAGES = ("schemas", "docgen", "api")
NAMES = "messages*.toml"
LANGUAGES = ("zh", "en")
# A table's head in TOML, alone on its line, as all of the catalogues write it.
HEAD = re.compile(r"^\[([\w.]+)\]$", re.MULTILINE)


class Worded:
    """Something told to people by a code: a problem, a refusal, a finding."""

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return the name of its entry in the catalogues, and what fills the placeholders."""
        raise NotImplementedError

    def message(self, lang: str) -> str:
        """Say what is wrong, in `lang` (zh or en)."""
        return filled(*self.wording(), "message", lang)

    def hint(self, lang: str) -> str:
        """Say what to do about it, in `lang` (zh or en); empty where nothing is advised."""
        return filled(*self.wording(), "hint", lang)

    def messages(self) -> dict[str, str]:
        """Give the message in both languages, as JSON has it."""
        return {lang: self.message(lang) for lang in LANGUAGES}

    def hints(self) -> dict[str, str]:
        """Give the hint in both languages, as JSON has it."""
        return {lang: self.hint(lang) for lang in LANGUAGES}


class Phrase(Worded):
    """A part of a message, an entry `phrase.name`; given as a parameter, it is translated."""

    def __init__(self, name: str, **params: Any) -> None:
        self.name, self.params = name, params

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return the name of its entry, and its parameters."""
        return f"phrase.{self.name}", self.params

    def label(self, lang: str) -> str:
        """Give it in `lang`, as a choice gives its label."""
        return self.message(lang)


def filled(name: str, given: Mapping[str, Any], part: str, lang: str) -> str:
    """Give a text of the entry `name` in `lang`, its placeholders filled with what is `given`.

    A value with a label (a choice, a phrase) and a mapping of zh and en are given in `lang`; a text
    is given with what cannot be seen in it as escapes.
    Raises LookupError for an entry that is not there, and for a placeholder that is not given.
    """
    text = str(entry(name).get(part, {}).get(lang, ""))
    return text.format_map({key: in_language(value, lang) for key, value in given.items()})


def in_language(value: Any, lang: str) -> Any:
    """Give what has two languages in one of them, and anything else as it is."""
    if isinstance(value, Mapping) and value.keys() == {*LANGUAGES}:  # else a value from outside
        return value[lang]
    if has_label(value):
        return value.label(lang)
    return visible(value) if isinstance(value, str) else value


def has_label(value: Any) -> bool:
    """Tell whether a value is a choice or a phrase."""
    return callable(getattr(value, "label", None))


@functools.cache
def entry(name: str) -> Mapping[str, Any]:
    """Return one entry. It alone is parsed: all of them take 40 ms."""
    return tomllib.loads(entries()[name])


@functools.cache
def entries() -> Mapping[str, str]:
    """Return the TOML of every entry by its name. LookupError: a name in two places."""
    found: dict[str, str] = {}
    for path in catalogues():
        _, *parts = HEAD.split(path.read_text("utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise LookupError(f"{path}: [{name}] is in another catalogue, or twice in this one")
            found[name] = text
    return found


def catalogues() -> list[Path]:
    """List the files that hold texts, in the packages as they are installed."""
    return [path for package in PACKAGES for path in sorted(Path(str(files(package))).rglob(NAMES))]
