"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[list[Path], typer.Argument(help="单据 JSON、目录，或 - 表示标准输入")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]
Force = Annotated[bool, typer.Option("--force", help="覆盖已有的不同文件")]
ContractFile = Annotated[Path | None, typer.Option(help="合同 JSON，用于核对")]
