"""Which images are given up; those that failed often are tried again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add it."""
    op.add_column(
        "tasks", sa.Column("image_broken", sa.Boolean(), nullable=False, server_default=sa.false())
    )
