"""The backend's memory: projects, their tasks and labels, rounds, scores and published queues.

`schema` declares the tables; `projects` (who works on what), `pool` (tasks and labels) and `rounds`
(rounds, scores, queues) are the questions asked of them. Every function takes an open session, so
that the caller decides what happens in one transaction.
"""

from fishermask_backend.store.database import Store

__all__ = ["Store"]
