"""Write the samples that are too long to type: large.json and hard.json of every record type.

Deterministic: the same bytes every time. Usage: python samples/generate.py
"""

from __future__ import annotations

import json
from pathlib import Path

import hard
import large
from making import Record

HERE = Path(__file__).resolve().parent
SERIALS = {"large": "801", "hard": "901"}
MAKERS = {"large": large.MAKERS, "hard": hard.MAKERS}


def main() -> None:
    """Write every generated sample beside the typed ones."""
    for path, text in generated().items():
        path.write_text(text, "utf-8")


def generated() -> dict[Path, str]:
    """Make every generated sample: its file and its text."""
    made = {}
    for name, makers in MAKERS.items():
        for code, make in makers.items():
            record = make(_basic(code))
            record["doc_no"] = record["doc_no"][:-3] + SERIALS[name]
            text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
            made[HERE / code / f"{name}.json"] = text
    return made


def _basic(code: str) -> Record:
    record: Record = json.loads((HERE / code / "basic.json").read_text("utf-8"))
    return record | {"status": "draft", "signoffs": [], "attachments": []}


if __name__ == "__main__":
    main()
