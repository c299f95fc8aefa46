"""Passes are planned by ranges of ids; what could not be read, or only in part, is noted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add what notes it, and begin anew the passes that are planned by numbers of pages."""
    op.add_column("projects", sa.Column("odd_entries", sa.JSON(), nullable=True))
    cut_short: sa.Column[bool] = sa.Column(
        "image_cut_short", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("tasks", cut_short)
    op.add_column(
        "projects", sa.Column("params_note", sa.Text(), nullable=False, server_default="")
    )
    projects = sa.table(
        "projects", sa.column("plan", sa.JSON()), sa.column("pass_wanted", sa.Boolean())
    )
    op.execute(sa.update(projects).values(plan=sa.null(), pass_wanted=True))
