"""What a user would otherwise write: FastAPI and SQLAlchemy, one row by its id, nothing else."""

from __future__ import annotations

import json
import os
from typing import Any

from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

engine = create_engine(f"sqlite:///{os.environ['BARE_DATABASE']}")
app = FastAPI()


@app.get("/rows/{record_id}")
def read_row(record_id: str) -> dict[str, Any]:
    """Answer the row."""
    with Session(engine) as session:
        query = text(
            "SELECT r.id, r.doc_no, r.state, v.body FROM records r"
            " JOIN versions v ON v.record_id = r.id AND v.number = r.number WHERE r.id = :id"
        )
        row = session.execute(query, {"id": record_id}).one()
    return {"id": row.id, "doc_no": row.doc_no, "state": row.state, "content": json.loads(row.body)}
