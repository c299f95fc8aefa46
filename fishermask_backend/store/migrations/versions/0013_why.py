"""Why images are queued; who gave first answers, how long they took, and which were expected."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add what notes it; of answers that were compared before, nobody knows whose they were."""
    op.add_column("scores", sa.Column("why", sa.JSON(), nullable=True))
    op.add_column("annotations", sa.Column("lead_time", sa.Double(), nullable=True))
    op.add_column("tasks", sa.Column("first_by", sa.Integer(), nullable=True))
    op.add_column("tasks", sa.Column("expected", sa.Boolean(), nullable=True))
