"""The command line: `docgen render | validate | check-coverage | new | schema | extract | template | doctor | serve`."""

from __future__ import annotations

import sys

import typer

from docgen.cli.console import INTERRUPTED, err

app = typer.Typer(
    name="docgen",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="一份单据，三种一致的文档：Word、Excel、PDF。One record, three identical documents.",
)


def main() -> None:
    """Run the command line; Ctrl-C ends with 130 and without a traceback."""
    _register()
    try:
        app()
    except KeyboardInterrupt:
        err.print("已中断。Interrupted.")
        sys.exit(INTERRUPTED)


def _register() -> None:
    if app.registered_commands:
        return
    from docgen.cli import records, render, serving, templates

    app.command("render")(render.render_command)
    app.command("validate")(records.validate_command)
    app.command("check-coverage")(records.coverage_command)
    app.command("new")(records.new_command)
    app.command("schema")(records.schema_command)
    app.command("extract")(records.extract_command)
    app.command("doctor")(serving.doctor_command)
    app.command("serve")(serving.serve_command)
    app.add_typer(templates.app, name="template", help="模板：生成、检查、列出。Templates.")
