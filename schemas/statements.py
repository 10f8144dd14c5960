"""Whether a text seems to say that a statement changed a database, or its configuration.

Statements that a text denies, advises or plans, looks for in a log, or only explains do not count.
Prose is only guessed at, so what is found here is worth a warning and never refuses a record.
"""

from __future__ import annotations

import re

FLAGS = re.IGNORECASE | re.ASCII  # ASCII: a word begins after a Chinese character, 执行了ALTER
_OBJECT = (
    r"(?:(?:public|global|temporary|temp|unique|bitmap|materialized|external|pluggable)\s+){0,2}"
    r"(?:table(?:space)?|index|view|sequence|synonym|user|role|profile|schema|database|trigger"
    r"|procedure|function|package|type|directory|cluster|partition|column|constraint|login)"
)
# `alter session set nls_…` and the like change nothing but the visitor's own session.
_OWN_SESSION = r"session\s+set\s+[\"'`]?(?:nls_\w+|current_schema|container)\b"
_STATEMENT = re.compile(
    rf"\balter\b(?!\s+{_OWN_SESSION})(?!\w)(?:\s+\w+){{0,2}}"
    rf"|\bcreate\s+(?:or\s+replace\s+)?{_OBJECT}\b"
    rf"|\bdrop\s+{_OBJECT}\b"
    r"|\btruncate\s+(?:table\s+)?[a-z_\"`]"
    r"|\brename\s+(?:table\s+)?[\w.\"`]+\s+to\b"
    r"|\binsert\s+(?:all\b|(?:ignore\s+)?into\b)"
    r"|\bupdate\s+[\w.\"`@$#]+(?:\s+(?:as\s+)?\w+)?\s+set\b"
    r"|\bdelete\s+(?:from\s+)?[\w.\"`@$#]+\s*(?:where\b|;|$)|\bdelete\s+from\b"
    r"|\bmerge\s+into\b|\breplace\s+into\b|\bload\s+data\b|\bflashback\s+(?:table|database)\b"
    r"|\bgrant\s+[^;\n]{1,80}?\bto\b|\brevoke\s+[^;\n]{1,80}?\bfrom\b"
    r"|\bsp_close_session\s*\(|\bpg_terminate_backend\s*\(|\bkill\s+(?:-\d+\s+)?\d+"
    r"|\bshutdown\s+(?:immediate|abort|transactional|normal)\b"
    r"|\bdb\.[\w.]+\.(?:insert|update|delete|remove|drop|replace)\w*\s*\("
    r"|\bconfig\s+set\b|\bflush(?:all|db)\b",
    FLAGS | re.MULTILINE,
)
_CONFIG = re.compile(
    r"\balter\s+system\s+(?:set\s+[\"'`]?[\w.$]+[\"'`]?\s*(?:=|to\b)|reset\s+\w)"
    r"|\bset\s+(?:global|persist)\s+[\w.`]+\s*:?=|\bsp_configure\s+N?'[^'\n]{1,60}'\s*,"
    r"|\bsp_set_para_\w+\s*\(|\bgs_guc\s+(?:set|reload)\b|\bsysctl\s+-w\b"
    # done, a name, a change, and a value: 已为客户把 open_cursors 提到 1000
    r"|已[^，。；,;\n]{0,20}?(?:\b[a-z][\w.$]{4,40}|参数|配置)[^，。；,;\n]{0,20}?"
    r"[改调设提增升降][^，。；,;\n]{0,3}?[为到至成]\s?[\"'“]?[\w.]+"
    r"|已(?:[^，。；,;\n]{0,8}?)(?:修改|调整|更改|变更)了?[^，。；,;\n]{0,6}?(?:参数|配置)"
    r"|\b(?:changed|set|raised|increased|reduced)\s+[\w.$]{4,60}\s+(?:from\s+\S{1,40}\s+)?to\s+\d",
    FLAGS,
)
_CLAUSE_END = re.compile(r"[，。；;,\n]")
_NOT_RUN = re.compile(
    r"未|没有|没(?!问题)|不得|不允许|不能|不可|无须|无需|不必|禁止|避免|切勿|并非|计划|拟|打算|如需|"
    r"(?<![按据依照])(?:建议|推荐)|是否|"
    r"\b(?:not|never|without|recommend\w*|suggest\w*|advise\w*|should|plan(?:s|ned)\s+to)\b",
    FLAGS,
)
# Only read: `action = 'DROP TABLE'`, `show create table`, `explain update …`; `analyze` runs it.
_ONLY_READ = re.compile(
    r"(?:(?:=|\blike|\bin\s*\(|'\s*,)\s*n?'%?|\bshow\s+|\bexplain\b(?!\s*\(?\s*analy[sz]e)[^;]*)$",
    FLAGS,
)
_READ_ONLY = re.compile(r"只读|仅限?查询|只(?:允许|能|可|做|限)?查询|\bread[\s-]?only\b", FLAGS)
_CHANGING = re.compile(
    r"修改|变更|更改|调整|增删改|新建|创建|删除|更新|重建|重启|终止|写入|执行\s*(?:DDL|DML)|"
    r"\b(?:ddl|dml|alter|create|drop|insert|update|delete|truncate|change|modify|restart|kill)\b",
    FLAGS,
)
_FORBIDDEN = re.compile(
    r"不得|不允许|不能|不可|不做|不进行|禁止|严禁|\b(?:no|not|never|without)\b", FLAGS
)
_LIMIT = 80  # characters of a statement that a message repeats


def changing_statement_in(text: str) -> str | None:
    """Give the first words of `text` that change data, objects or the configuration, or None."""
    return _first(_STATEMENT, text) or config_change_in(text)


def config_change_in(text: str) -> str | None:
    """Give the first words of `text` that seem to change the configuration, or None.

    Who did it is not judged: the customer's own administrator may have.
    """
    return _first(_CONFIG, text)


def is_read_only(permission: str) -> bool:
    """Tell whether a permission in words allows nothing but reading."""
    clauses = [part for part in _CLAUSE_END.split(permission) if not _FORBIDDEN.search(part)]
    allowed = "\n".join(clauses)
    return bool(_READ_ONLY.search(allowed)) and not _CHANGING.search(allowed)


def _first(wanted: re.Pattern[str], text: str) -> str | None:
    for found in wanted.finditer(text):
        if not _is_told_otherwise(text, found.start()):
            return " ".join(found[0].split())[:_LIMIT]
    return None


def _is_told_otherwise(text: str, start: int) -> bool:
    """Tell whether the words before a statement say that it was not run."""
    before = text[max(0, start - 200) : start]
    if _ONLY_READ.search(before):
        return True
    clause = _CLAUSE_END.split(before)[-1]
    return bool(_NOT_RUN.search(clause))
