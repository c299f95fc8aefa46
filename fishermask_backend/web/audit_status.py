"""What is told of the audit: how well the rest is predicted, and whether to go on.

The worker has computed it with a round (`worker/auditing.py`); here it is only read.

- `accuracy` is null until the first labels of drawn tasks are learnt, else
  `{"overall": 0.72, "interval": [0.63, 0.79], "labels": 61, "effective_labels": 70.2,
  "per_class": [{"class": "cat", "labels": 9, "accuracy": 0.78, "interval": [0.45, 0.94]}, …],
  "confusion": [{"label": "cat", "guess": "dog", "labels": 3}, …],
  "calibration": [{"above": 0.5, "up_to": 0.7, "labels": 12, "confidence": 0.61, "accuracy": 0.58}, …],
  "round": 7, "stale": false}`; `stale` where a later round has none (yet). `labels` are audit labels.
  Of a class without one, accuracy and interval are null.
- `forecast` is null as long, else `{"sentence": "Now 72% …", "advice": "go on", "labels": 100,
  "gain": 0.03, "interval": [0.0, 0.06], "worth_it": 0.8}`; `advice` is one of «go on», «little more to
  gain», «too early to say», «all is labelled».

Where several controls are learnt, each has its own under `controls`, called `audit` and `forecast`, and
there is none of all together.
"""

from collections.abc import Sequence
from typing import Any

from fishermask_backend.store.schema import Round


def audit_status(history: Sequence[Round], control: str = "") -> tuple[Any, Any]:
    """Return the newest accuracy and forecast of a control, «» for one that is alone; None without."""
    for past in reversed(history):
        for own in past.audit or ():
            if own["control"] == control:
                stale = past.number != history[-1].number
                return {**own["accuracy"], "round": past.number, "stale": stale}, own["forecast"]
    return None, None


def round_audit(r: Round) -> dict[str, Any] | None:
    """Return the point of a round on the audit's curve, of a project that learns one control."""
    for own in r.audit or ():
        if own["control"] == "":
            return {name: own["accuracy"][name] for name in ("overall", "interval", "labels")}
    return None
