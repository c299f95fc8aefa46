"""Several controls on one image, each learnt by its own head; null where there is one."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add them."""
    op.add_column("projects", sa.Column("heads", sa.JSON(), nullable=True))
    op.add_column("projects", sa.Column("set_aside", sa.JSON(), nullable=True))
    op.add_column("tasks", sa.Column("tied_in", sa.JSON(), nullable=True))
    op.add_column("rounds", sa.Column("heads", sa.JSON(), nullable=True))
