"""The backend's memory: projects, their tasks and labels, rounds, scores and published queues.

`schema` declares the tables. `projects` (which there are, what was told), `leases` (who works on
which), `pool` (tasks and labels), `images` (what is to be embedded), `rounds` (rounds and scores),
`queues` (what was published) and `validation` are the questions asked of them. Every function takes an
open session, so that the caller decides what happens in one transaction.
"""

from fishermask_backend.store.database import DatabaseUnavailable, Store, open_store

__all__ = ["DatabaseUnavailable", "Store", "open_store"]
