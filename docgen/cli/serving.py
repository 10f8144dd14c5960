"""`docgen serve` and `docgen doctor`."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from rich.table import Table

from docgen.cli.console import OK, SURROUNDINGS, errors_told, escape, out, print_json
from docgen.cli.options import AsJson
from docgen.operations.doctor import examine
from docgen.settings import load_settings
from docgen.store.health import HealthFinding

GRACE_S = 30  # a stop waits this long for requests under way; callers that hang are left then


def serve_command(
    host: Annotated[str, typer.Option(help="监听地址，缺省只对本机")] = "",
    port: Annotated[int, typer.Option(help="端口", min=0, max=65535)] = 0,
) -> None:
    """启动 API 服务。Serve the API, on loopback unless told otherwise.

    退出码: 0 被 SIGTERM 停止，手上的请求已做完; 3 设置、数据目录或数据库不可用。
    """
    import uvicorn

    from docgen.cli.accounts import setup_code
    from docgen.logs import set_up_logging

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK))  # uvicorn sends it on when it is done
    with errors_told():
        settings = load_settings()
        code = setup_code(settings)  # refusals are told here, and not by a server half started
    if code:
        out.print(f"尚无管理员。初始化码（24 小时内有效，用一次）：[bold]{code}[/]")
        out.print("There is no administrator. Use this code once, with POST /api/v1/setup.")
    set_up_logging(settings.log)
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host or settings.host,
        port=port or settings.port,
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )


def doctor_command(as_json: AsJson = False) -> None:
    """检查运行环境，缺什么、怎样补上。Say what is missing and how to get it.

    退出码: 0 一切就绪; 3 有缺失。
    """
    with errors_told(as_json):
        findings = list(examine(load_settings()))
    if as_json:
        print_json({"findings": [finding.as_json() for finding in findings]})
    else:
        out.print(_table(findings))
    if not all(finding.good for finding in findings):
        raise typer.Exit(SURROUNDINGS)


def _table(findings: list[HealthFinding]) -> Table:
    table = Table("", "检查", "结果", "补救")
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        remedy = "" if finding.good else finding.remedy
        table.add_row(mark, *map(escape, (finding.subject, finding.detail, remedy)))
    return table
