"""Whether a text says that a configuration was changed: a consultation may advise, never change.

Sentences that advise, ask, deny, plan or tell of others' past changes do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_STATEMENT = re.compile(
    r"\balter\s+system\s+(?:set\s+[\"'`]?[\w.$]+[\"'`]?\s*(?:=|to\b)|reset\s+\w)"
    r"|\bset\s+(?:global|persist|persist_only)\s+[\w.`]+\s*:?="
    r"|\bset\s+@@(?:global|persist|persist_only)\.[\w.`]+\s*:?="
    r"|\bsp_configure\s+N?'[^'\n]{1,60}'\s*,\s*N?'?\d"
    r"|\bsp_set_para_(?:double_|string_)?value\s*\("
    r"|\balter\s+(?:database|role)\s+\w+\s+set\s+\w+\s*(?:=|to\b)"
    r"|\bgs_guc\s+(?:set|reload)\b"
    r"|\bsysctl\s+-w\s+\S+=",
    re.IGNORECASE | re.ASCII,  # a statement may stand directly after a Chinese character
)
_SET = r"(?:调整|修改|更改|变更|设置|改|设|调大|调高|调小|调低)"
_VERB = rf"(?:{_SET}|增加|增大|提高|扩大|降低|减小)"
_TO = r"(?:为|到|至|成)"
_VALUE = r"[\"'“‘]?(?:\d[\w.]*|on\b|off\b|true\b|false\b|开启|关闭|启用|禁用)"
_IDENTIFIER = r"(?<![a-z0-9_.])(?!(?:sql|cpu|tps|qps|iops|load|cost|rows?)\b)[a-z][\w.$]{2,60}"
_NAME = rf"(?:{_IDENTIFIER}|参数|配置)"
_GAP = r"[^，。；,;\n]"
_SAID = re.compile(
    rf"(?:将|把){_GAP}{{0,30}}?{_NAME}{_GAP}{{0,40}}?{_VERB}{_TO}{_GAP}{{0,6}}?{_VALUE}"
    rf"|{_IDENTIFIER}\s*(?:参数|的?值)?\s*(?:已|已经)?\s*(?:由|从){_GAP}{{1,20}}?{_SET}{_TO}"
    rf"|{_VERB}(?:了|好)?{_GAP}{{0,12}}?(?:参数|配置)(?!的|时|前|对|项?说明|方法|步骤|流程|类)"
    rf"|(?:参数|配置){_GAP}{{0,30}}?(?:已|已经|均已)(?:完成)?{_VERB}"
    r"|\b(?:(?:have|has|was|were|been|we|i)\s+set|changed|raised|increased|reduced|lowered"
    r"|adjusted|modified)\s+(?:the\s+)?(?:parameter\s+)?[\w.$]{3,60}\s+(?:from\s+\S{1,40}\s+)?"
    rf"to\s+{_VALUE}",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"建议|推荐|可以|可将|可把|可考虑|应当|应该|应将|应把|需(?!求)|须|必须|请|如果|若|假如|"
    r"如何|怎么|怎样|是否|能否|可否|什么|为何|无须|不必|不用|不要|不得|不能|不可|不应|不涉及|"
    r"未|没有|没|并非|避免|切勿|禁止|计划|拟|打算|待|将由|转为|转缺陷|转系统缺陷|另行|申请|示例|例如|"
    r"比如|讲解|介绍|说明|解释|演示|培训|自行|此前|之前|上周|上次|上月|早前|历史|以前|原先|曾|"
    r"\b(?:recommend|suggest|advise|should|could|would|may|might|can|cannot|please|if|how|whether|not|"
    r"no\s+need|without|never|don't|plan(?:s|ned)?|example|e\.g)\b",
    re.IGNORECASE,
)
_DONE = re.compile(r"已|了")
_CLAUSE_END = re.compile(r"[，,]")
_SENTENCE = re.compile(r"[^。；;！!\n？?]+[？?]?")
_LIMIT = 80


def config_change_in(text: str) -> str | None:
    """Give the first words of `text` that say a configuration was changed, or None."""
    hedged = False
    for sentence in _sentences(text):
        statement = _STATEMENT.search(sentence)
        said = statement or _SAID.search(sentence)
        hedged = _is_hedged(sentence, said) or (hedged and _is_command(sentence, statement))
        if said and not hedged:
            return said[0][:_LIMIT]
    return None


def _is_hedged(sentence: str, said: re.Match[str] | None) -> bool:
    """Tell whether a sentence only advises, asks or denies; what is done stays so, 建议 or not."""
    if sentence.endswith(("?", "？")):
        return True
    scope = sentence
    if said and _DONE.search(sentence[: said.end()]):
        clause_end = _CLAUSE_END.search(sentence, said.end())
        scope = sentence[: clause_end.start()] if clause_end else sentence
    return bool(_HEDGE.search(scope))


def _is_command(sentence: str, found: re.Match[str] | None) -> bool:
    """Tell whether a line is only a command: it then belongs to the words before it."""
    return found is not None and not re.search(r"[\u4e00-\u9fff]", sentence[: found.start()])


def _sentences(text: str) -> Iterator[str]:
    for found in _SENTENCE.finditer(text):
        if found[0].strip():
            yield found[0]
