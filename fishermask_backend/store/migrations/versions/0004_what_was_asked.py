"""What annotations were asked, which were imported, and whose stars decide."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them, and have every annotation read again: whether it was imported is not known."""
    op.add_column("projects", sa.Column("asked_since", sa.JSON(), nullable=True))
    op.add_column(
        "projects",
        sa.Column("ground_truth", sa.String(10), nullable=False, server_default="hand"),
    )
    op.add_column(
        "annotations",
        sa.Column("imported", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    wanted = sa.table("projects", sa.column("pass_wanted", sa.Boolean()))
    op.execute(sa.update(wanted).values(pass_wanted=True))
