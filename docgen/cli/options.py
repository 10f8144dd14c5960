"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from docgen.cli.console import ARGUMENT
from docgen.errors import SettingWrong
from docgen.templates.catalog import FORMATS
from schemas.catalog import record_types
from schemas.envelope import Record

Files = Annotated[list[Path], typer.Argument(help="单据 JSON、目录，或 - 表示标准输入")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]
Force = Annotated[bool, typer.Option("--force", help="覆盖已有的不同文件")]
ContractFile = Annotated[Path | None, typer.Option(help="合同 JSON，用于核对")]


def chosen_formats(text: str) -> list[str]:
    """Return the formats of `docx,xlsx,pdf`; SettingWrong for an unknown one."""
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    for name in wanted or [text]:
        if name not in FORMATS:
            raise SettingWrong(
                "unknown_format", place="--format", value=name, choices=", ".join(FORMATS)
            )
    return list(dict.fromkeys(wanted))


def chosen_lang(text: str | None, usual: str) -> str:
    """Return `zh` or `en`, the `usual` one where none is given; SettingWrong for another."""
    if text is None:
        return usual
    if text not in ("zh", "en"):
        raise SettingWrong("unknown_lang", place="--lang", value=text)
    return text


def record_type(code: str) -> type[Record]:
    """Return the model of a record type; SettingWrong lists those there are."""
    known = record_types()
    if code.upper() in known:
        return known[code.upper()]
    choices = {
        lang: ", ".join(f"{key} {model.record_type.label(lang)}" for key, model in known.items())
        for lang in ("zh", "en")
    }
    raise SettingWrong(
        "unknown_record_type",
        place=ARGUMENT,
        value=code,
        choices=choices,
    )


Certificates = Annotated[
    list[Path] | None,
    typer.Option("--cert", help="签章的证书（PEM），可多次；缺省为本机用过的全部签章"),
]
SignerRoots = Annotated[
    list[Path] | None,
    typer.Option("--signer-root", help="签章的根证书（PEM），可多次；缺省为 DOCGEN_SIGNER_ROOTS"),
]
Subjects = Annotated[
    list[str] | None,
    typer.Option("--signer", help="根证书之下应由谁签：证书主体，如 CN=华信,O=华信，可多次"),
]
TsaRoots = Annotated[
    list[Path] | None,
    typer.Option("--tsa-root", help="时间戳的根证书（PEM），可多次；缺省为 DOCGEN_TSA_ROOTS"),
]
