"""What options and arguments may be: formats, languages, record types."""

from __future__ import annotations

from docgen.cli.console import ARGUMENT
from docgen.errors import SettingWrong
from docgen.templates import FORMATS
from schemas.catalog import record_types
from schemas.envelope import Record


def chosen_formats(text: str) -> list[str]:
    """Return the formats of `docx,xlsx,pdf`; SettingWrong for an unknown one."""
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    for name in wanted or [text]:
        if name not in FORMATS:
            raise SettingWrong(
                "unknown_format",
                f"没有格式“{name}”",
                f"There is no format “{name}”",
                hint_zh="可选：" + ", ".join(FORMATS),
                hint_en="Choose from: " + ", ".join(FORMATS),
                place="--format",
                value=name,
            )
    return list(dict.fromkeys(wanted))


def chosen_lang(text: str | None, usual: str) -> str:
    """Return `zh` or `en`, the `usual` one where none is given; SettingWrong for another."""
    if text is None:
        return usual
    if text not in ("zh", "en"):
        raise SettingWrong(
            "unknown_lang",
            f"没有语言“{text}”",
            f"There is no language “{text}”",
            place="--lang",
            value=text,
        )
    return text


def record_type(code: str) -> type[Record]:
    """Return the model of a record type; SettingWrong lists those there are."""
    known = record_types()
    if code.upper() in known:
        return known[code.upper()]
    raise SettingWrong(
        "unknown_record_type",
        f"没有单据类型“{code}”",
        f"There is no record type “{code}”",
        hint_zh="可选："
        + ", ".join(f"{key} {model.record_type.zh}" for key, model in known.items()),
        hint_en="Choose from: "
        + ", ".join(f"{key} {model.record_type.en}" for key, model in known.items()),
        place=ARGUMENT,
        value=code,
    )
