"""Rows that somebody else may be adding at the same moment."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from fishermask_backend.store.schema import Base


def insert_missing(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Add rows; those whose key is there already, or comes meanwhile, are left as they are.

    Between a look and an insert another process may insert: PostgreSQL lets both look.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(table).on_conflict_do_nothing(), rows)
