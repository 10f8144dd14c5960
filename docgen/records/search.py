"""Full-text search, the same on both databases: Chinese by pairs of characters, the rest by words.

The index is one table beside the records: FTS5 on SQLite, a tsvector with GIN on PostgreSQL; both
hold the tokens made here, so neither needs a Chinese dictionary.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, TypeVarTuple

from sqlalchemy import Integer, Select, SQLColumnExpression, column, false, select, table, text
from sqlalchemy.orm import Session

TEXT_LIMIT = 200_000  # characters; a tsvector holds 1 MB (PostgreSQL's manual, 12.11)
QUERY_TOKENS = 32  # of one search; each costs a look into the index
WORD_LIMIT = 64  # characters; PostgreSQL's lexemes hold 2 kB (12.11)
# Han characters: Unicode's extension A, the unified block, compatibility, and planes 2 and 3.
_WORD = re.compile(
    r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+|[^\W_]+", re.UNICODE
)
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_INDEX = table("record_search", column("seq", Integer), column("tokens"))
_FTS5 = table("record_search", column("rowid", Integer))
R = TypeVarTuple("R")


def tokens(value: str) -> Iterator[str]:
    """Cut a text into tokens: 数据库 → 数据, 据库, 库; USERS01.dbf → users01, dbf."""
    for run in _WORD.findall(unicodedata.normalize("NFKC", value).casefold()):
        for piece in _split(run):
            if _HAN.match(piece):
                yield from (piece[at : at + 2] for at in range(len(piece)))
            else:
                yield piece[:WORD_LIMIT]


def record_text(plain: Any) -> str:
    """Return all texts of a record, cut at TEXT_LIMIT characters."""
    found: list[str] = []
    size = 0
    for piece in _texts(plain):
        found.append(piece)
        size += len(piece)
        if size > TEXT_LIMIT:
            break
    return "\n".join(found)[:TEXT_LIMIT]


def index_record(session: Session, seq: int, body: str, doc_no: str) -> None:
    """Index a record's newest version in place of what was there."""
    words = dict.fromkeys(tokens(f"{doc_no}\n{record_text(json.loads(body))}"))
    if _is_sqlite(session):
        session.execute(text("DELETE FROM record_search WHERE rowid = :seq"), {"seq": seq})
        session.execute(
            text("INSERT INTO record_search (rowid, tokens) VALUES (:seq, :tokens)"),
            {"seq": seq, "tokens": " ".join(words)},
        )
        return
    session.execute(
        text(
            "INSERT INTO record_search (seq, tokens) VALUES (:seq, array_to_tsvector(:words))"
            " ON CONFLICT (seq) DO UPDATE SET tokens = excluded.tokens"
        ),
        {"seq": seq, "words": list(words)},
    )


def narrowed(
    session: Session, query: Select[*R], seq: SQLColumnExpression[int], words: str
) -> Select[*R]:
    """Narrow a query of records, the newest first, to those with all of `words`.

    `seq` is the records' column. SQLite walks its index from the newest, so that a word which all
    records have costs no more than one that few have. Words of signs alone find nothing.
    """
    found = list(dict.fromkeys(_wanted(words)))[:QUERY_TOKENS]
    if not found:
        return query.where(false())
    if not _is_sqlite(session):
        matched = text("tokens @@ to_tsquery('simple', :words)").bindparams(words=_tsquery(found))
        return query.where(seq.in_(select(_INDEX.c.seq).where(matched)))
    matched = text("record_search MATCH :words").bindparams(words=_fts5(found))
    by_row = query.join(_FTS5, _FTS5.c.rowid == seq).where(matched)
    return by_row.order_by(None).order_by(_FTS5.c.rowid.desc())


def _fts5(words: list[str]) -> str:
    """Look for a pair whole, and for a word or a single sign by what begins with it."""
    return " ".join(f'"{word}"' if _is_pair(word) else f'"{word}"*' for word in words)


def _tsquery(words: list[str]) -> str:
    return " & ".join(f"'{word}'" if _is_pair(word) else f"'{word}':*" for word in words)


def _wanted(words: str) -> Iterator[str]:
    """Cut a query: the last sign of 数据库 stands in a pair already, and alone it costs much."""
    before = ""
    for token in tokens(words):
        if not (len(token) == 1 and _is_pair(before) and before.endswith(token)):
            yield token
        before = token


def _is_pair(word: str) -> bool:
    return len(word) == 2 and bool(_HAN.match(word))


def _split(run: str) -> list[str]:
    """Part Chinese from letters where they touch: 表USERS → 表, users."""
    return re.findall(rf"{_HAN.pattern}+|(?:(?!{_HAN.pattern}).)+", run)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for child in node.values():
            yield from _texts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _texts(child)


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
