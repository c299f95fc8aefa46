"""What a round predicted right of later labels; a project's last errors."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them."""
    for name in ("checked", "agreed"):
        op.add_column("rounds", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("projects", sa.Column("errors", sa.JSON(), nullable=True))
