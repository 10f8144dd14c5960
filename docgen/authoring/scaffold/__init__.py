"""Generate starting templates from a schema, which people edit afterwards."""

from __future__ import annotations

from importlib import import_module

from docgen.templates.catalog import FORMATS
from schemas.envelope import SCHEMA_VERSION, Record

MAKERS = {
    "docx": ("docgen.authoring.scaffold.docx", "scaffold_docx"),
    "xlsx": ("docgen.authoring.scaffold.xlsx", "scaffold_xlsx"),
    "pdf": ("docgen.authoring.scaffold.html", "scaffold_html"),
}


def scaffold(model: type[Record], formats: list[str]) -> dict[str, bytes]:
    """Return the files of a template folder by name: the chosen formats and the manifest."""
    made = {"manifest.toml": _manifest(model)}
    for name in formats:
        module, function = MAKERS[name]
        made[FORMATS[name].file] = getattr(import_module(module), function)(model)
    return made


def _manifest(model: type[Record]) -> bytes:
    kind = model.record_type
    lines = (
        f'record = "{kind.code}"',
        f'title = {{ zh = "{kind.zh}", en = "{kind.en}" }}',
        f'schema_version = "{SCHEMA_VERSION}"',
        'version = "1.0.0"',
    )
    return ("\n".join(lines) + "\n").encode()
