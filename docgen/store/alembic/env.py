"""Alembic's entrance: runs within the transaction that `migrate` has begun."""

from alembic import context

from docgen.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
