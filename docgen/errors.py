"""Everything that docgen refuses, in one tree.

DocgenError               code, message zh/en, hint zh/en, place
├── RecordRefused         a record with its list of problems
├── InputUnreadable       bytes that are no JSON record (encoding, syntax, duplicate keys, depth)
├── TemplateFaulty        a template that cannot be compiled or names unknown fields
├── RenderFailed          a renderer's own refusal (forbidden address, missing glyph, limits)
├── OutputRefused         a file or folder that cannot be written
├── SettingWrong          an option or DOCGEN_ variable that is unknown or out of range
├── NotSignedIn           no credentials, or wrong, expired or locked ones
├── NotAllowed            a person whose role may not do this
├── NotFound              what does not exist, or not for this person
├── Conflict              what the present state forbids, or has overtaken
│   └── TransitionRefused a step of the workflow, with everything that is in its way
├── UploadRefused         a file of a forbidden kind, too large, or built to do harm
├── Overloaded            more requests than one caller, or the service, may make now
└── StoreFault            a store that cannot be used, or bytes that are not what they were
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from schemas.problems import Problem, shown
from schemas.wording import Worded

E = TypeVar("E", bound="DocgenError")


class DocgenError(Worded, Exception):
    """A refusal with a stable code, a message in zh and en, the place, and what to do.

    `code` is an entry of the catalogues (see `schemas.wording`), with its variant where it has
    several; `place`, `value` and `params` fill its placeholders.
    """

    def __init__(self, code: str, /, *, place: str = "", value: Any = None, **params: Any) -> None:
        super().__init__(code)
        self.entry, self.code = code, code.partition(".")[0]
        self.place, self.value, self.params = place, value, params
        self.others: tuple[DocgenError, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross process borders whole."""
        return _rebuilt, (type(self), self.__dict__ | {"args_": self.args})

    def __str__(self) -> str:
        return self.message("en")

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return the entry's name, and the parameters with place and value."""
        return self.entry, self.params | {"place": self.place, "value": self.value}

    def as_json(self) -> list[dict[str, Any]]:
        """Return the `errors[]` of problem+json and of `--json`."""
        return [
            {
                "pointer": "",
                "place": one.place,
                "code": one.code,
                "level": "error",
                "value": shown(one.value),
                "message": one.messages(),
                "hint": one.hints(),
            }
            for one in self.each()
        ]

    def each(self) -> tuple[DocgenError, ...]:
        """Return it with the others of the same file that are told together with it."""
        return (self, *self.others)


def together(faults: Sequence[E]) -> E:
    """Return the first of several refusals of one file, which tells the others as well."""
    first, *rest = faults
    first.others = tuple(rest)
    return first


def _rebuilt(kind: type[DocgenError], state: dict[str, Any]) -> DocgenError:
    revived = kind.__new__(kind)
    revived.args = state.pop("args_")
    revived.__dict__.update(state)
    return revived


class RecordRefused(DocgenError):
    """A record that breaks its schema or rules; `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("record_refused", count=len(problems))
        self.problems = list(problems)

    def as_json(self) -> list[dict[str, Any]]:
        """One entry for each problem."""
        return [problem.as_json() for problem in self.problems]


class InputUnreadable(DocgenError):
    """Bytes that are no JSON record."""


class TemplateFaulty(DocgenError):
    """A template that cannot be used; `place` says where in it."""


class RenderFailed(DocgenError):
    """A document that could not be made."""


class OutputRefused(DocgenError):
    """A file or folder that cannot be written."""


class SettingWrong(DocgenError):
    """An option or environment variable that is unknown or out of range."""


class NotSignedIn(DocgenError):
    """No credentials, or wrong, expired or locked ones; never says which."""


class NotAllowed(DocgenError):
    """A person whose role may not do this."""


class NotFound(DocgenError):
    """What does not exist, or not for this person: the two are told apart to nobody."""


class Conflict(DocgenError):
    """What the present state forbids, or has overtaken."""


class TransitionRefused(Conflict):
    """A step of the workflow that cannot be taken; `problems` holds everything in its way."""

    def __init__(self, code: str, /, problems: Sequence[Problem], **params: Any) -> None:
        super().__init__(code, count=len(problems), **params)
        self.problems = list(problems)

    def as_json(self) -> list[dict[str, Any]]:
        """One entry for each problem."""
        return [problem.as_json() for problem in self.problems]


class UploadRefused(DocgenError):
    """A file of a forbidden kind, too large, or built to do harm."""


class Overloaded(DocgenError):
    """More requests than one caller, or the service, may make now."""

    def __init__(self, code: str, /, *, retry_after_s: int = 5, **given: Any) -> None:
        super().__init__(code, **given)
        self.retry_after_s = retry_after_s


class StoreFault(DocgenError):
    """A store that cannot be used, or bytes that are not what they were."""
