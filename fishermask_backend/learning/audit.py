"""The audit: a share of each queue that is drawn at random, so that its labels speak of the rest.

What a strategy queues is what the network knows least about, so that its labels say nothing of how well
it does elsewhere. Images drawn uniformly from what can still be labelled do.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor


@dataclass(frozen=True)
class Draw:
    """How a round draws.

    Attributes:
        share: Of a queue, in [0, 1).
        seed: Of the project.
        number: Of the round.
    """

    share: float
    seed: int
    number: int

    def mixed(self, ordered: Sequence[int], size: int) -> tuple[list[int], list[int]]:
        """Mix drawn images into the head of a strategy's order.

        A round draws from the same shuffle each time: what was drawn for its first queue and is not
        labelled yet comes first in its next one. A place of a queue is the audit's whatever the
        strategy thinks of the image, else an image that it wants soon would be labelled, and counted,
        more often than another.

        Args:
            ordered: Ids of all images that can be labelled, the strategy's next one first.
            size: Of the queue.

        Returns:
            The queue, min(size, len(ordered)) ids, and those of them that are drawn, evenly among them.
        """
        size = min(size, len(ordered))
        places = [place for place in range(size) if self._is_audit(place)]
        drawn = sorted(ordered, key=self._key)[: len(places)]
        audit, taken = dict(zip(places, drawn, strict=True)), set(drawn)
        rest = iter([each for each in ordered if each not in taken])
        return [audit[i] if i in audit else next(rest) for i in range(size)], drawn

    def _is_audit(self, place: int) -> bool:
        start = self._number("start")
        return floor((place + 1) * self.share + start) > floor(place * self.share + start)

    def _key(self, image: int) -> float:
        return self._number(str(image))

    def _number(self, what: str) -> float:
        """Return a number in [0, 1) that knows nothing of what it is of."""
        text = f"{self.seed}/{self.number}/{what}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest()) / 2**48
