"""What Alembic runs before a migration: it is handed an open transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
