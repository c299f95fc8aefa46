"""Label Studio's address as browsers reach it, for links."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add what notes it; it is known once Label Studio has asked again."""
    op.add_column("projects", sa.Column("public_url", sa.Text(), nullable=False, server_default=""))
