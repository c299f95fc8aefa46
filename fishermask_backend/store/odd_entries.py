"""Entries that Label Studio handed out and nobody could read, each with the pass that met it last.

What is mended there is gone from here at the end of the next full pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fishermask_backend.store.schema import Project

MOST = 200  # kept of a project; a listing full of them must not fill a column
EXAMPLES, IN_A_SENTENCE = 20, 3


@dataclass(frozen=True)
class OddEntries:
    """What of a project's tasks and annotations could not be read: a sentence each, the first ones."""

    examples: Sequence[str]
    count: int

    @property
    def sentence(self) -> str:
        """What a person is told; empty if all could be read."""
        if not self.count:
            return ""
        how_many = f"{'At least ' if self.count == MOST else ''}{self.count}"
        more = "; …" if self.count > IN_A_SENTENCE else ""
        return (
            f"{how_many} entries of Label Studio's lists could not be read and are left out, the rest "
            f"goes on: {'; '.join(self.examples[:IN_A_SENTENCE])}{more}."
        )


def odd_entries(project: Project) -> OddEntries:
    """Return what of a project could not be read, as it was met last."""
    known = list(project.odd_entries or ())
    return OddEntries(known[:EXAMPLES], len(known))


def note(project: Project, oddities: Sequence[str]) -> None:
    """Note what of an answer could not be read, a sentence each."""
    if oddities:
        known = (project.odd_entries or {}) | dict.fromkeys(oddities, project.pass_number)
        project.odd_entries = dict(list(known.items())[:MOST])


def forget_older(project: Project) -> None:
    """Forget what the pass that ends has not met any more."""
    known = (project.odd_entries or {}).items()
    project.odd_entries = {what: met for what, met in known if met == project.pass_number} or None
