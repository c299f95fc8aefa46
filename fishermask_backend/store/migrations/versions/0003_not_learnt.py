"""Why an annotation is not learnt."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add it."""
    op.add_column("annotations", sa.Column("not_learnt", sa.Text(), nullable=True))
