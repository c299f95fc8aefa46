"""Labels that look wrong, and tasks that annotators disagree on."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add what notes them; disagreements are known once their tasks have been read again."""
    disputed: sa.Column[bool] = sa.Column(
        "disputed", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("tasks", disputed)
    op.create_table(
        "doubts",
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("task_id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("control", sa.Text(), primary_key=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.String(40), nullable=False),
        sa.Column("round_number", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=False),
        sa.Column("guess", sa.JSON(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
    )
