"""How figures, moments and durations are written for people."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fishermask_backend.web.why import MEANINGS

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def percent(share: float | None) -> str:
    """Return a part as whole percents; a dash where it is not known."""
    return "–" if share is None else f"{share:.0%}".replace("%", " %")


def count(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"


def several(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 label`, `2 labels`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def moment(seconds: float | None) -> str:
    """Return a time since 1970 as local ISO time with its offset; empty where there is none."""
    if not seconds:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def readable(seconds: float | None) -> str:
    """Return a time since 1970 as local date and time of day, as a person reads it."""
    if not seconds:
        return "–"
    local = datetime.fromtimestamp(seconds).astimezone()
    today = datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M")


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    seconds = round(seconds)
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE:.0f} s"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"
    return f"{seconds // DAY:.0f} d {seconds % DAY // HOUR:.0f} h"


def ago(seconds: float | None) -> str:
    """Return how long a time since 1970 is past."""
    if not seconds:
        return "never"
    past = max(0.0, time.time() - seconds)
    return "just now" if past < 10 else f"{duration(past)} ago"


def why_title(reason: Mapping[str, Any]) -> str:
    """Return what there is to say of a reason beside its word."""
    meaning = MEANINGS.get(reason["why"], "")
    if "above" not in reason:
        return meaning
    return f"more so than {percent(reason['above'])} of the images it was chosen from: {meaning}"


FILTERS: dict[str, Any] = {
    "percent": percent,
    "count": count,
    "several": several,
    "moment": moment,
    "readable": readable,
    "duration": duration,
    "ago": ago,
    "why_title": why_title,
}
