"""What places later images by the sum of what the scorers of several heads say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fishermask_backend.learning.heads import each_head
from fishermask_backend.learning.ordering import Scorer
from fishermask_backend.learning.strategies.fisher_scorer import FisherScorer
from fishermask_backend.learning.tensors import numbered, of_number, save_tensors

HEADS = "heads"  # among the metadata: those of each head


@dataclass(frozen=True)
class JointScorer:
    """A scorer for each head of a network."""

    parts: Sequence[FisherScorer]

    def gains(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return the sums of the heads' gains (M,)."""
        pairs = zip(self.parts, each_head(model), strict=True)
        return torch.stack([part.gains(head, rows) for part, head in pairs]).sum(0)

    def save(self, path: Path) -> None:
        """Write it to a safetensors file."""
        stored = [part.stored() for part in self.parts]
        tensors, about = numbered([own for own, _ in stored]), [each for _, each in stored]
        save_tensors(path, tensors, {"strategy": about[0]["strategy"], HEADS: json.dumps(about)})


def together(parts: Sequence[FisherScorer]) -> Scorer:
    """Return what scores by all of them; of one, itself."""
    return parts[0] if len(parts) == 1 else JointScorer(parts)


def parts_of(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> Iterator[tuple[Mapping[str, Tensor], Mapping[str, str]]]:
    """Yield the tensors and metadata of each head that a scorer's `save` wrote."""
    if HEADS not in metadata:
        yield tensors, metadata
        return
    for number, about in enumerate(json.loads(metadata[HEADS])):
        yield of_number(tensors, number), about
