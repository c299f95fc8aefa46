"""Settings of a project of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add them."""
    op.add_column("projects", sa.Column("params", sa.JSON(), nullable=True))
