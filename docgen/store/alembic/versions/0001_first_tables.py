"""The first tables.

Nothing is released yet, so there is one migration, and it makes what the models say. With 1.0 its
operations are written out here, and from then on they stay as they are.
"""

from __future__ import annotations

from alembic import op

from docgen.store.tables import Base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables, and the search index as each database has it."""
    connection = op.get_bind()
    # Without a look first: a table that is there already is not ours, and stops the migration.
    Base.metadata.create_all(connection, checkfirst=False)
    if connection.dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE record_search USING fts5(tokens, detail=none)")
    else:
        op.execute(
            "CREATE TABLE record_search (seq INTEGER PRIMARY KEY REFERENCES records (seq),"
            " tokens TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX ix_record_search_tokens ON record_search USING gin (tokens)")
