"""Labels are compared once, with the queue that asked for them; some tasks of a queue are drawn."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add what notes it; labels that are there have been compared, or will not be."""
    compared: sa.Column[bool] = sa.Column(
        "compared", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("tasks", compared)
    op.add_column("tasks", sa.Column("audit", sa.Integer(), nullable=True))
    op.add_column("queues", sa.Column("audit", sa.JSON(), nullable=True))
    op.add_column("rounds", sa.Column("audit", sa.JSON(), nullable=True))
    tasks = sa.table("tasks", sa.column("answer", sa.Text()), sa.column("compared", sa.Boolean()))
    op.execute(sa.update(tasks).where(tasks.c.answer.is_not(None)).values(compared=True))
