"""What the doctor finds: one line each."""

from dataclasses import dataclass, replace
from typing import Literal

Level = Literal["ok", "warning", "FAILED"]


@dataclass(frozen=True)
class Finding:
    """Something looked at: how it is, and what to change if it isn't well."""

    level: Level
    what: str
    how: str
    fix: str = ""

    def __str__(self) -> str:
        """Return the line that a person reads."""
        change = f" -> {self.fix}" if self.fix else ""
        return f"{self.level:8} {self.what}: {' '.join(self.how.split())}{change}"

    def without(self, secret: str) -> "Finding":
        """Leave out a secret that addresses may hold."""
        if not secret:
            return self
        how, fix = (text.replace(secret, "/<URL_PREFIX>") for text in (self.how, self.fix))
        return replace(self, how=how, fix=fix)


def ok(what: str, how: str) -> Finding:
    """All is well."""
    return Finding("ok", what, how)


def warning(what: str, how: str, fix: str = "") -> Finding:
    """Return the finding of what works, but not as well as it could."""
    return Finding("warning", what, how, fix)


def failed(what: str, how: str, fix: str = "") -> Finding:
    """Return the finding of what does not work. Errors of the domain say in `how` what to change."""
    return Finding("FAILED", what, how, fix)
