"""Text that looks like a credential: found, and masked where that is asked for.

No record ever holds one (handbook 5.E): passwords stay with the customer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from schemas.problems import Problem, Step, error

MASK = "******"
_SHOWN = 60
_PASSES = 5  # a mask may make its neighbour look like a credential

# Patterns see lower-case text: that lets the regex engine jump to their first letters. Every
# repetition is bounded or consumes what it has seen, so that no text makes them slow.
# A value in quotes, or bare up to a space, quote or Chinese punctuation; `s` names it.
_VALUE = (
    r"""(?:n?"(?P<s>[^"\n]+)"|n?'(?P<s_>[^'\n]+)'|["'“‘「]?(?P<s__>[^\s"'“”‘’「」，。；、]+))"""
)
_KEYED = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret(?:_?key)?|(?:access|api|private)_?key"
    rf"|a(?:uth|ccess)_?token)['\"]?[ \t]{{0,8}}(?:=>|:=|[=:：])[ \t]{{0,8}}{_VALUE}"
)
_CHINESE = (
    r"(?:密码|口令|密钥)[ \t]{0,4}(?:已?(?:重置|修改|更改|设置|设|改)?[是为成]|[=:：])[ \t]{0,4}"
    r"[=:：]?[ \t]{0,4}[\"'“‘「]?(?!\d[\d~-]{0,6}[ \t]{0,4}[天位次日个分小年月])(?P<s>[!-~]{3,})"
)
_IDENTIFIED = (
    r"identified\s{1,8}(?:with\s{1,8}\S{1,64}\s{1,8})?by\s{1,8}"
    rf"(?:(?:values|password)\s{{1,8}})?{_VALUE}"
)
_LOGON = (
    r"(?:sqlplus|conn(?:ect)?|rman\s{1,4}target|disql|expdp|impdp|sqlldr)\s{1,4}"
    r"(?:-\w{1,16}\s{1,4}){0,3}[\"']?[\w$#]{1,64}/(?P<s>[^\s/@\"';]{3,64})"
    r"(?=[@\"';]|\s{0,4}$|\s{1,4}(?:as\s+sys|\w{1,16}=))"
)
_EXPORT = (
    r"(?:(?:exp|imp) {1,4}|userid=)[\"']?[\w$#]{1,64}/(?P<s>[^\s/@\"';]{3,64})"
    r"(?=[@\"';]|\s{1,4}\w{1,16}=)"
)
_AT_HOST = (
    r"/(?P<s>[^\s/@:\u4e00-\u9fff]{3,64})@"
    r"(?=//|[\w.-]{1,64}[:/]\w|(?!v?\d)[a-z]\w{0,63}(?![\w.@-]))"
)
_USER = re.compile(r"(?<![\w$#/.-])[a-z][\w$#]{0,63}$")
_NO_KEYS = ("validate_", "default_", "verify_", "check_", "old_", "/")
Before = Callable[[str, int], bool]


def _anything(text: str, start: int) -> bool:
    return True


def _no_word(text: str, start: int) -> bool:
    """Tell whether a word begins at `start`."""
    return start == 0 or not (text[start - 1].isalnum() or text[start - 1] == "_")


def _no_setting(text: str, start: int) -> bool:
    """Tell whether `password` at `start` is more than a part of `validate_password`."""
    return not text.endswith(_NO_KEYS, max(0, start - 10), start)


def _user(text: str, start: int) -> bool:
    """Tell whether a user's name ends at `start`."""
    return bool(_USER.search(text[max(0, start - 70) : start]))


# (what the text must hold, pattern, what must hold of the text before the match)
_FINDERS = tuple(
    (gates, re.compile(pattern, re.MULTILINE), before)
    for gates, pattern, before in (
        (("pass", "pwd", "secret", "key", "token"), _KEYED, _no_setting),
        (("密码", "口令", "密钥"), _CHINESE, _anything),
        (("identified",), _IDENTIFIED, _anything),
        (("password",), r"password\s{0,8}[\s(]\s{0,8}n?'(?P<s>[^'\n]+)'", _anything),
        (("://",), r"://[^\s/:@]{0,64}:(?P<s>[^\s/?]{1,128})@(?=[\w\[])", _anything),
        (("@",), _AT_HOST, _user),
        (("sqlplus", "conn", "target", "disql", "expdp", "impdp", "sqlldr"), _LOGON, _no_word),
        (("exp ", "imp ", "userid="), _EXPORT, _no_word),
        (("private key",), r"-----begin [a-z ]{0,20}private key-----(?P<s>[^-]*)", _anything),
        (("akia", "ltai"), r"(?P<s>akia[0-9a-z]{16}|ltai[0-9a-z]{12,24})(?!\w)", _no_word),
    )
)
# Options that carry a password: the programs, the option, the pattern; -p and -P differ.
_ARGUMENT = r"(?P<s>(?![\s*-])(?:\"[^\"\n]+\"|'[^'\n]+'|\S+))"
_OPTIONS = tuple(
    (
        programs,
        option,
        re.compile(rf"(?:{'|'.join(programs)})(?!-)[^\n|;&]*"),
        re.compile(f"{option}{rest}{_ARGUMENT}"),
    )
    for programs, option, rest in (
        (("mysql", "mariadb", "xtrabackup", "innobackupex", "obclient"), " -p", ""),
        (("mongo", "sshpass"), " -p", " {0,4}"),
        (("sqlcmd", "osql", "bcp"), " -P", " {0,4}"),
        (("redis-cli",), " -a", " {1,4}"),
        (("gsql", "ksql"), " -W", " {0,4}"),
        (("curl",), " -u", r" {1,4}[^\s:]{1,64}:"),
        (("curl",), " --user", r" {1,4}[^\s:]{1,64}:"),
        (("--password",), "--password", " {1,4}"),
    )
)
_GATES = sorted(
    {
        gate
        for gates in (*(gates for gates, _, _ in _FINDERS), *(one[0] for one in _OPTIONS))
        for gate in gates
    }
)
_ANY_GATE = re.compile("|".join(map(re.escape, _GATES)))  # most texts hold none of these
_SHORT = 200
_HARMLESS = re.compile(
    r"[*•●#.?_<>\[\]{}()-]+|x{3,}|<.*|\{.*|\$.*|%\w+%|&\w+|:\w+|[\u4e00-\u9fff].*|\d+[天位次日个分小年月].*"
    r"|/[\w./-]*|n/?a|values|null|none|nil|yes|no|not|on|off|true|false|ok|set|unset|empty|blank"
    r"|hidden|masked|omitted|changed|unchanged|expired?|required|unknown|invalid|incorrect|wrong"
    r"|locked|default|must|should|is|was|has|the|an?|our|its|their|this|that|using|see|never|enabled"
    r"|disabled|encrypted|md5|sha\d*|sha-?\d+|sm[234]|aes\w*|rsa\w*|scram[\w-]*",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"(?:.*[_.-])?(?:password|passwd|passphrase|pwd|secret|secret_?key|access_?key|api_?key"
    r"|private_?key|auth_?token|access_?token)|.*(?:密码|口令|密钥)",
    re.IGNORECASE,
)
_NO_SECRET_NAME = re.compile(r"(?:default|validate|verify|check|old)_password", re.IGNORECASE)
_HARMLESS_LIMIT = 200
Span = tuple[int, int]


def secrets_in(text: str) -> list[Span]:
    """Find what looks like a credential, as (start, end) of the secret itself, in order."""
    return _merged([span for found in _found(text) for span in found])


def first_secret(text: str) -> int | None:
    """Tell where the first credential of `text` begins; cheap on long texts."""
    return min((span[0] for found in _found(text) for span in islice(found, 1)), default=None)


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name would hold a credential."""
    short = name[:100]
    return bool(_SECRET_NAME.fullmatch(short)) and not _NO_SECRET_NAME.fullmatch(short)


def _found(text: str) -> Iterator[Iterator[Span]]:
    """Give what each pattern finds, lazily, each in order of place."""
    lowered = text.replace("\u0130", "i").lower()
    if not _is_gated(lowered):
        return
    for gates, pattern, before in _FINDERS:
        if any(gate in lowered for gate in gates):
            yield _spans(text, _preceded(lowered, pattern, before))
    for programs, name, command, option in _OPTIONS:
        if name in text and any(program in lowered for program in programs):
            calls = _preceded(lowered, command, _no_word)
            yield _spans(text, _matches(text, calls, option))


def _is_gated(text: str) -> bool:
    """Tell whether a text holds what some pattern begins with; searches of one word are quick."""
    if len(text) < _SHORT:
        return bool(_ANY_GATE.search(text))
    return any(gate in text for gate in _GATES)


def _preceded(text: str, pattern: re.Pattern[str], before: Before) -> Iterator[re.Match[str]]:
    return (found for found in pattern.finditer(text) if before(text, found.start()))


def _matches(
    text: str, calls: Iterable[re.Match[str]], option: re.Pattern[str]
) -> Iterator[re.Match[str]]:
    for call in calls:
        yield from option.finditer(text, *call.span())


def _spans(text: str, matches: Iterable[re.Match[str]]) -> Iterator[Span]:
    for found in matches:
        start, end = found.span(found.lastgroup or "s")
        if not _is_harmless(text[start : min(end, start + _HARMLESS_LIMIT)]):
            yield start, end


def _is_harmless(value: str) -> bool:
    bare = value.rstrip(".,;:!)）")
    return not bare or bool(_HARMLESS.fullmatch(bare))


def _merged(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for start, end in sorted(spans):
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return kept


def masked(text: str) -> str:
    """Give `text` with every credential replaced by `******`; what comes back holds none."""
    for _ in range(_PASSES):
        spans = secrets_in(text)
        if not spans:
            break
        text = _replaced(text, spans)
    return text


def _replaced(text: str, spans: list[Span]) -> str:
    parts, done = [], 0
    for start, end in spans:
        parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]])


def mask_all(value: Any) -> Any:
    """Give JSON-like `value` with credentials masked in every text, by content or by its name."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [mask_all(item) for item in value]
    if isinstance(value, dict):
        return {key: MASK if _named(key, item) else mask_all(item) for key, item in value.items()}
    return value


def secret_problems(value: Any, path: tuple[Step, ...] = ()) -> Iterator[Problem]:
    """Make an error for each text that holds a credential; the secret is never repeated."""
    if isinstance(value, str):
        start = first_secret(value)
        if start is not None:
            yield error(path, "secret", value[max(0, start - _SHOWN) : start] + MASK)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secret_problems(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if _named(key, item):
                yield error((*path, key), "secret", MASK)
            else:
                yield from secret_problems(item, (*path, key))


def _named(key: Any, item: Any) -> bool:
    """Tell whether a value is a credential by the name of its field."""
    return isinstance(item, str) and is_secret_name(str(key)) and not _is_harmless(item)
