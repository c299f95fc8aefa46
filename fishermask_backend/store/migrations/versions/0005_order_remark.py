"""What to know of a project's order that is set."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add it."""
    op.add_column(
        "projects", sa.Column("order_remark", sa.Text(), nullable=False, server_default="")
    )
